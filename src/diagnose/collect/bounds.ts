// How much of an input is read at most, so that no archive, however made, takes the machine with it.

export interface Bounds {
  /** Of one input, unpacked, all its members together. */
  readonly inputBytesMax: number;
  /** Members of one input, those of nested archives included. */
  readonly memberCountMax: number;
  /** Unpacked bytes to each packed one, once `ratioFreeBytes` have come out. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
  /** Archives within archives; a compressed tar counts as one. */
  readonly depthMax: number;
  /** Of a file that has to be read whole. Logs have no such limit. */
  readonly wholeBytesMax: number;
  /** Of packed logs of one archive, held until all of them can be put in order. More is read by going through the archive again. */
  readonly heldBytesMax: number;
}

/** A bundle has some 10 MB and unpacks to 200; the logs of a busy node pack 1:40; deflate itself cannot do more than 1:1032. */
export const DEFAULT_BOUNDS: Bounds = {
  inputBytesMax: 64 * 2 ** 30,
  memberCountMax: 200_000,
  ratioMax: 250,
  ratioFreeBytes: 64 * 2 ** 20,
  depthMax: 4,
  wholeBytesMax: 400 * 2 ** 20,
  heldBytesMax: 48 * 2 ** 20,
};

/** A bound was reached. The message says which, for `unread`. */
export class BoundReached extends Error {}

/** What one input has cost so far. */
export class Spent {
  readonly bounds: Bounds;
  #bytes = 0;
  #members = 0;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
  }

  bytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.bounds.inputBytesMax)
      throw new BoundReached(`unpacks to more than ${this.bounds.inputBytesMax} bytes: the rest is not read`);
  }

  member(): void {
    if (++this.#members > this.bounds.memberCountMax)
      throw new BoundReached(`has more than ${this.bounds.memberCountMax} members: the rest is not read`);
  }
}
