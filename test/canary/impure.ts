// Compiled by test/tidy.test.ts under the settings of a pure folder: each marked line must be an error. Were one not, a
// declaration file would have let an API of the platform back in.

export function impure(): unknown[] {
  return [
    setTimeout, // must fail
    process, // must fail
    console, // must fail
    fetch, // must fail
    URL, // must fail
    Bun, // must fail
    performance, // must fail
    crypto, // must fail
    document, // must fail
  ];
}

export const node = () => import("node:fs"); // must fail
