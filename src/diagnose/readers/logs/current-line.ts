// The line at hand: its place, time and text, each worked out when asked for, and what quotes it later.

import type { Evidence, Source } from "../../facts/model.ts";
import { decodeBytes } from "./bytes.ts";

/** One line of at most 400 characters, as evidence quotes it. */
export function quote(text: string): string {
  const line = text.replace(/\p{Cc}+/gu, " ").trim();
  return line.length <= 400 ? line : `${line.slice(0, 399)}…`;
}

/** Holds places in the bytes that are about to go. */
interface Settling {
  settle(line: CurrentLine): void;
}

export class CurrentLine {
  file = "";
  number = 0;
  ms: number | undefined;
  bytes: Uint8Array | undefined;
  start = 0;
  end = 0;
  #text: string | undefined;
  readonly #unsettled: Settling[] = [];

  setBytes(place: { bytes: Uint8Array; start: number; end: number; number: number; ms: number | undefined }): void {
    this.bytes = place.bytes;
    this.start = place.start;
    this.end = place.end;
    this.number = place.number;
    this.ms = place.ms;
    this.#text = undefined;
  }

  setText(line: { readonly text: string; readonly number: number; readonly ms: number | undefined }): void {
    this.bytes = undefined;
    this.number = line.number;
    this.ms = line.ms;
    this.#text = quote(line.text);
  }

  get source(): Source {
    return { file: this.file, line: this.number };
  }

  get text(): string {
    this.#text ??= this.bytes === undefined ? "" : quote(decodeBytes(this.bytes, this.start, this.end));
    return this.#text;
  }

  get evidence(): Evidence {
    return { source: this.source, text: this.text };
  }

  /** `one` will be asked to take what it needs before the bytes go. */
  settleLater(one: Settling): void {
    this.#unsettled.push(one);
  }

  settleAll(): void {
    for (const one of this.#unsettled) one.settle(this);
    this.#unsettled.length = 0;
  }
}
