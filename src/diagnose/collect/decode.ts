// Bytes to text as files of people come: UTF-8, UTF-16 with its mark (PowerShell writes it), Latin-1. Junk is told from text.

import type { Bytes } from "./byte-stream.ts";

export type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/** By the mark at the beginning; without one, UTF-8. */
export function encodingOf(head: Uint8Array): Encoding {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  return "utf-8";
}

const BINARY_SHARE_MAX = 0.05;

/** A log may hold a stretch of zeros where a machine lost its power, so that a few are no proof. */
export function isBinary(head: Uint8Array): boolean {
  if (encodingOf(head) !== "utf-8") return false;
  let controls = 0;
  for (const byte of head) if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) controls++;
  return controls > head.length * BINARY_SHARE_MAX;
}

/** The text, without its mark. What is no UTF-8 is taken for Latin-1, where every byte means something. */
export function decoded(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes);
  if (encoding !== "utf-8") return new TextDecoder(encoding).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

/** The beginning of a text, perhaps cut within a character, without zeros. */
export function decodedHead(head: Uint8Array): string {
  const encoding = encodingOf(head);
  const text = new TextDecoder(encoding).decode(head);
  return text.replaceAll("\u0000", "");
}

/** Bytes of any encoding as UTF-8 bytes. */
export async function* asUtf8(source: Bytes, encoding: Encoding): AsyncGenerator<Uint8Array> {
  if (encoding === "utf-8") {
    yield* source;
    return;
  }
  const decoder = new TextDecoder(encoding);
  const encoder = new TextEncoder();
  for await (const chunk of source) yield encoder.encode(decoder.decode(chunk, { stream: true }));
  yield encoder.encode(decoder.decode());
}
