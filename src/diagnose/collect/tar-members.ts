// The members of a tar archive, one after the other, as streams. Nothing is extracted: a member's name is a label and nothing
// more, links and devices are counted and passed over.

import { extract, type Header } from "tar-stream";
import { BoundReached, type Spent } from "./bounds.ts";
import { type Bytes, CutOff } from "./byte-stream.ts";

export interface TarMember {
  /** As it stands in the archive, without a leading `./`; control characters are shown as `?`. */
  readonly name: string;
  readonly size: number;
  /** Once, and before the next member is asked for. */
  readonly bytes: Bytes;
}

export interface TarNotes {
  /** Links, devices, pipes. */
  linkCount: number;
  /** Names that lead out of the archive. */
  readonly outside: string[];
}

const BLOCK_LENGTH = 512;

/** By the checksum that every header carries: no name or magic number has to be there. */
export function isTar(head: Uint8Array): boolean {
  if (head.length < BLOCK_LENGTH) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK_LENGTH; at++) sum += at >= 148 && at < 156 ? 32 : (head[at] ?? 0);
  const digits = String.fromCharCode(...head.subarray(148, 156)).replace(/[\0 ]+$/, "");
  return /^ *[0-7]+$/.test(digits) && Number.parseInt(digits, 8) === sum && head[0] !== 0;
}

/** Throws `CutOff` behind the last bytes that could be read, when the archive ends early or a header is damaged. */
export async function* tarMembers(source: Bytes, spent: Spent, notes: TarNotes): AsyncGenerator<TarMember> {
  const archive = extract({});
  let failure: unknown;
  let isClosed = false;
  const feeding = (async () => {
    try {
      for await (const chunk of source) {
        if (isClosed) return;
        if (!archive.write(chunk)) await drained(archive);
      }
    } catch (error) {
      // First what has come is read, then the reason is told.
      failure = error;
    }
    if (!isClosed) archive.end(undefined);
  })();
  try {
    for await (const entry of archive) {
      spent.member();
      const name = labelOf(entry.header);
      const isFile = entry.header.type === "file" || entry.header.type === "contiguous-file";
      if (isFile && isOutside(name)) notes.outside.push(name);
      else if (isFile) {
        let isRead = false;
        const bytes = async function* (): AsyncGenerator<Uint8Array> {
          try {
            for await (const chunk of entry) {
              spent.bytes((chunk as Uint8Array).length);
              yield chunk as Uint8Array;
            }
          } catch (error) {
            throw error instanceof BoundReached ? error : new CutOff("is cut off: its archive ends within it");
          }
          isRead = true;
        };
        // Leaving an entry's own iterator destroys the archive with it: what nobody reads is passed over instead.
        const iterator = bytes();
        yield { name, size: entry.header.size ?? 0, bytes: keptOpen(iterator) };
        if (!isRead) for await (const _ of iterator);
        continue;
      } else if (entry.header.type !== "directory") notes.linkCount++;
      entry.resume();
    }
  } catch (error) {
    if (error instanceof BoundReached || error instanceof CutOff) throw error;
    if (failure === undefined) failure = new CutOff(cutOffReason(error));
  } finally {
    isClosed = true;
    archive.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure;
}

/** The same bytes; breaking off leaves the rest for whoever reads on. */
function keptOpen(iterator: AsyncGenerator<Uint8Array>): Bytes {
  return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
}

function drained(archive: ReturnType<typeof extract>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      archive.off("drain", done);
      archive.off("close", done);
      resolve();
    };
    archive.on("drain", done);
    archive.on("close", done);
  });
}

function labelOf(header: Header): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names of archives may hold anything
  return header.name.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?").replace(/^(?:\.\/)+/, "");
}

function isOutside(name: string): boolean {
  return name.split(/[/\\]/).includes("..");
}

function cutOffReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/unexpected end|premature/i.test(message)) return "the tar archive ends in the middle of a member: it is cut off";
  return `the tar archive is damaged (${message})`;
}
