// Ids as EC2 writes them, drawn from the seed: prefix and 17 hexadecimal digits, the first of them 0 as on most real ids.

import type { Prng } from "../../base/prng.ts";

export class IdSource {
  readonly #prng: Prng;
  readonly #isTaken: (id: string) => boolean;

  constructor(prng: Prng, isTaken: (id: string) => boolean) {
    this.#prng = prng;
    this.#isTaken = isTaken;
  }

  /** A fresh id such as `eni-0` and 16 digits. */
  next(prefix: string): string {
    for (;;) {
      const id = `${prefix}-0${this.#hex()}${this.#hex()}`;
      if (!this.#isTaken(id)) return id;
    }
  }

  /** A request id in the form of a UUID. */
  requestId(): string {
    const [a, b, c, d] = [this.#hex(), this.#hex(), this.#hex(), this.#hex()];
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-a${c.slice(1, 4)}-${c.slice(4)}${d}`;
  }

  #hex(): string {
    return this.#prng.uint32().toString(16).padStart(8, "0");
  }
}

/** A locally administered unicast MAC that no other serial gets; `salt` differs from world to world. */
export function macOf(serial: number, salt: number): string {
  const low = Math.imul(serial, 0x9e3779b1) >>> 0;
  const bytes = [0x02, salt & 255, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** `prefix-` and 8 or 17 lower-case hexadecimal digits, EC2's two forms of an id. */
export function isWellFormedId(prefix: string, id: string): boolean {
  if (!id.startsWith(`${prefix}-`)) return false;
  const rest = id.slice(prefix.length + 1);
  return /^(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(rest);
}
