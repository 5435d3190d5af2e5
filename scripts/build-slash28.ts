// The single-file executable: compiled in one way for the build, the end-to-end tests and the benchmarks. A chunk for each command:
// the agent holds none of the others (17 MB less), and every start reads less.

import { join } from "node:path";
import { compile, ROOT } from "./compile.ts";

const FLAGS: readonly string[] = [
  // A daemon compiles little and late: 10 MB less. The other commands ask for the ordinary policy when they start.
  "--compile-jit-policy=100",
  // Every entry lies inside under its path in this repository, whichever they are; the build starts in its root.
  "--root=.",
];

/** Threads that the executable starts, from the repository's root: each is an entry of its own. */
export const THREAD_ENTRIES: readonly string[] = ["src/drivers/datapath-worker.ts"];

/**
 * Rejects with the compiler's complaint. `entry`: what is compiled in the place of the command line, an absolute path; `target`:
 * `bun-linux-arm64` and the like, this machine unless given.
 */
export function buildSlash28(
  outfile: string,
  options: { readonly entry?: string | undefined; readonly target?: string | undefined } = {},
): Promise<void> {
  const { entry = join(ROOT, "src/cli/main.ts"), target } = options;
  const entries = [entry, ...THREAD_ENTRIES.map((thread) => join(ROOT, thread))];
  return compile({ name: "slash28", outfile, entries, flags: FLAGS, target });
}
