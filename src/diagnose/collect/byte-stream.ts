// Bytes as they come: looked at before they are used, gathered up to a bound, unpacked.

import { createGunzip } from "node:zlib";
import { BoundReached, type Spent } from "./bounds.ts";

export type Bytes = AsyncIterable<Uint8Array>;

/** The input ended or broke before its end. What came before counts. */
export class CutOff extends Error {}

/** Bytes whose beginning was looked at; `rest` gives all of them, the beginning included, once. */
export interface Peeked {
  readonly head: Uint8Array;
  /** There is nothing behind `head`. */
  readonly isWhole: boolean;
  /** Why the input broke within the beginning; undefined when it did not. */
  readonly failure: unknown;
  /** Throws `failure` behind the beginning. */
  readonly rest: Bytes;
  /** Leaves the rest unread and lets go of what is open. */
  close(): Promise<void>;
}

export async function peek(source: Bytes, length: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  let failure: unknown;
  while (size < length && !isWhole) {
    try {
      const next = await iterator.next();
      if (next.done === true) isWhole = true;
      else if (next.value.length > 0) {
        chunks.push(next.value);
        size += next.value.length;
      }
    } catch (error) {
      failure = error;
      break;
    }
  }
  const rest = async function* (): Bytes & AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
      if (failure !== undefined) throw failure;
      if (isWhole) return;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  };
  return {
    head: concatenated(chunks, length),
    isWhole: isWhole && size <= length,
    failure,
    rest: rest(),
    async close() {
      await iterator.return?.();
    },
  };
}

/** All of it; `BoundReached` when there is more than `max`. */
export async function gathered(source: Bytes, max: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > max) throw new BoundReached(`is larger than ${max} bytes: it would have to be read whole`);
    chunks.push(chunk);
  }
  return concatenated(chunks, size);
}

export async function* bytesOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

function concatenated(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks;
  if (chunks.length === 1 && first !== undefined) return first.length > length ? first.subarray(0, length) : first;
  const joined = new Uint8Array(
    Math.min(
      length,
      chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    ),
  );
  let at = 0;
  for (const chunk of chunks) {
    if (at >= joined.length) break;
    const part = chunk.length > joined.length - at ? chunk.subarray(0, joined.length - at) : chunk;
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** What goes to zlib at once; with 1:1032, the worst that can come back is 16 MB. */
const PIECE_LENGTH = 16 * 1024;
const OUTPUT_LENGTH = 256 * 1024;

/** Unpacks gz. Everything that could be unpacked is given before `CutOff` or `BoundReached` is thrown. */
export async function* gunzipped(source: Bytes, spent: Spent): AsyncGenerator<Uint8Array> {
  const inflate = createGunzip({ chunkSize: OUTPUT_LENGTH });
  const output: Uint8Array[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  inflate.on("data", (chunk: Uint8Array) => output.push(chunk));
  inflate.on("error", (error: Error) => {
    failure ??= error;
    wake();
  });
  const { ratioMax, ratioFreeBytes } = spent.bounds;
  let packed = 0;
  let unpacked = 0;
  const counted = (): Uint8Array[] => {
    const ready = output.splice(0);
    for (const chunk of ready) {
      unpacked += chunk.length;
      spent.bytes(chunk.length);
    }
    if (unpacked > ratioFreeBytes && unpacked > packed * ratioMax)
      throw new BoundReached(`unpacks to more than ${ratioMax} times its size: taken for a bomb, the rest is not read`);
    return ready;
  };
  const settled = (start: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      start(resolve);
    });
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length && failure === undefined; at += PIECE_LENGTH) {
        const piece = chunk.subarray(at, at + PIECE_LENGTH);
        packed += piece.length;
        await settled((done) => inflate.write(piece, () => done()));
        yield* counted();
      }
      if (failure !== undefined) break;
    }
    if (failure === undefined) {
      await settled((done) => {
        inflate.once("end", done);
        inflate.end();
      });
    }
    yield* counted();
    if (failure !== undefined) throw new CutOff(cutOffReason(failure));
  } finally {
    inflate.destroy();
  }
}

function cutOffReason(failure: Error): string {
  const code = (failure as { code?: unknown }).code;
  if (code === "Z_BUF_ERROR") return "the gz data end too early: the file is cut off";
  return `the gz data are damaged (${failure.message})`;
}
