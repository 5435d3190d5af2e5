// What logs of any size say of one pod, node or prefix: the lines that name it, and those that name a container found to be the
// pod's. Bounded: of more lines than that the latest stay, and how many were dropped is told.

import { type Cidr, cidrContains, parseCidr, parseIpv4 } from "../../../base/ipv4.ts";
import type { Source } from "../../facts/model.ts";
import { asciiBytes, decodeBytes } from "./bytes.ts";
import { quote } from "./current-line.ts";
import { LineSplitter } from "./line-splitter.ts";
import { JsonLine, readTextLine } from "./log-line.ts";

export interface TimelineLine {
  readonly ms: number | undefined;
  readonly kind: "log";
  readonly source: Source;
  readonly text: string;
}

export interface TimelineReader {
  /** Begins another file. */
  begin(path: string): void;
  push(chunk: Uint8Array): void;
  /** In the order of reading. */
  end(): { readonly lines: readonly TimelineLine[]; readonly droppedCount: number };
}

export const TIMELINE_LINES_MAX = 5_000;
/** A container is named before its pod is: so many lines are looked at again when one is found. */
const LOOK_BACK = 8;
const CONTAINERS_MAX = 64;
const TEXT_MAX = 16 * 1024;

/** @param options.subject a pod (`name` or `namespace/name`), a node, an address, or a prefix. */
export function createTimelineReader(options: { readonly subject: string }): TimelineReader {
  return new LinesOfSubject(options.subject);
}

interface Kept {
  readonly text: string;
  readonly line: TimelineLine;
  isTold: boolean;
}

class LinesOfSubject implements TimelineReader {
  readonly #cidr: Cidr | undefined;
  readonly #namespace: string | undefined;
  /** One of these is in every line that may be about the subject. */
  readonly #needles: Uint8Array[];
  readonly #name: string;
  readonly #containers = new Set<string>();
  readonly #splitter = new LineSplitter((bytes, start, end) => this.#line(bytes, start, end));
  readonly #json = new JsonLine();
  #lines: TimelineLine[] = [];
  #droppedCount = 0;
  #recent: Kept[] = [];
  #file = "";
  #number = 0;

  constructor(subject: string) {
    const address = parseIpv4(subject);
    this.#cidr = parseCidr(subject) ?? (address === undefined ? undefined : { base: address, prefixLength: 32 });
    const slash = this.#cidr === undefined ? subject.indexOf("/") : -1;
    this.#namespace = slash < 0 ? undefined : subject.slice(0, slash);
    this.#name = subject.slice(slash + 1);
    this.#needles = [asciiBytes(this.#cidr === undefined ? this.#name : sharedOctets(this.#cidr, subject))];
  }

  begin(path: string): void {
    this.#splitter.end();
    this.#file = path;
    this.#number = 0;
    this.#recent = [];
  }

  push(chunk: Uint8Array): void {
    this.#splitter.push(chunk);
  }

  end(): { lines: readonly TimelineLine[]; droppedCount: number } {
    this.#splitter.end();
    const surplus = this.#lines.length - TIMELINE_LINES_MAX;
    return surplus > 0
      ? { lines: this.#lines.slice(surplus), droppedCount: this.#droppedCount + surplus }
      : { lines: this.#lines, droppedCount: this.#droppedCount };
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    this.#number++;
    if (this.#name === "" && this.#cidr === undefined) return;
    const isNamed = this.#needles.some((needle) => contains(bytes, needle, start, end));
    if (!isNamed && (this.#cidr !== undefined || !isOfContainer(bytes, start, end))) return;
    const text = decodeBytes(bytes, start, Math.min(end, start + TEXT_MAX));
    const kept: Kept = { text, line: this.#lineOf(bytes, start, end, text), isTold: false };
    if (isNamed && this.#isAbout(text)) {
      this.#learn(text);
      this.#tell(kept);
    }
    this.#recent.push(kept);
    if (this.#recent.length > LOOK_BACK) this.#recent.shift();
  }

  #lineOf(bytes: Uint8Array, start: number, end: number, text: string): TimelineLine {
    const ms = this.#json.read(bytes, start, end) ? this.#json.ms(bytes) : readTextLine(text).ms;
    return { ms, kind: "log", source: { file: this.#file, line: this.#number }, text: quote(text) };
  }

  #isAbout(text: string): boolean {
    const cidr = this.#cidr;
    if (cidr !== undefined) {
      return (text.match(/\d+\.\d+\.\d+\.\d+/g) ?? []).some((one) => {
        const address = parseIpv4(one);
        return address !== undefined && cidrContains(cidr, address);
      });
    }
    if ([...this.#containers].some((id) => text.includes(id))) return true;
    if (!isWord(text, this.#name)) return false;
    return this.#namespace === undefined || text.includes(this.#namespace);
  }

  /** A line that names both makes the container the pod's. */
  #learn(text: string): void {
    if (this.#cidr !== undefined || !isWord(text, this.#name)) return;
    for (const id of text.match(/\b[0-9a-f]{64}\b/g) ?? []) {
      if (this.#containers.has(id) || this.#containers.size >= CONTAINERS_MAX) continue;
      this.#containers.add(id);
      this.#needles.push(asciiBytes(id));
      for (const before of this.#recent) if (before.text.includes(id)) this.#tell(before);
    }
  }

  #tell(kept: Kept): void {
    if (kept.isTold) return;
    kept.isTold = true;
    this.#lines.push(kept.line);
    if (this.#lines.length < TIMELINE_LINES_MAX * 2) return;
    this.#lines = this.#lines.slice(TIMELINE_LINES_MAX);
    this.#droppedCount += TIMELINE_LINES_MAX;
  }
}

/** What all addresses of the prefix begin with. */
function sharedOctets(cidr: Cidr, subject: string): string {
  const count = Math.min(3, Math.floor(cidr.prefixLength / 8));
  return count === 0 ? "." : `${subject.split(".").slice(0, count).join(".")}.`;
}

/** `web-1` is not in `web-12` nor in `my-web-1`. */
function isWord(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const isFree = (char: string | undefined) => char === undefined || !/[A-Za-z0-9-]/.test(char);
    if (isFree(text[at - 1]) && isFree(text[at + name.length])) return true;
  }
  return false;
}

const SANDBOX = [asciiBytes("andbox "), asciiBytes("ontainer")];

function isOfContainer(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > 64 && SANDBOX.some((mark) => contains(bytes, mark, start, end));
}

function contains(bytes: Uint8Array, needle: Uint8Array, start: number, end: number): boolean {
  const first = needle[0];
  const last = end - needle.length;
  for (let at = start; at <= last; at++) {
    if (bytes[at] !== first) continue;
    let i = 1;
    while (i < needle.length && bytes[at + i] === needle[i]) i++;
    if (i === needle.length) return true;
  }
  return false;
}
