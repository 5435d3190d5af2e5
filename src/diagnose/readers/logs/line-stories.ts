// What each line's text says, worked out once for each text: a node at rest says the same for hours.

import { SIGNALS, type SignalId } from "../../facts/signals.ts";
import type { LineStory, ModeHint } from "./digest.ts";
import { type Ec2Error, parseEc2Error } from "./ec2-errors.ts";
import { capturesOf, type LineTag } from "./line-matcher.ts";
import { parsePoolLine } from "./pool-lines.ts";
import { podOf, type SightingKey } from "./sightings.ts";

export interface ToldStory extends LineStory {
  readonly message: string;
  readonly sightings: readonly SightingKey[];
  readonly ec2Error: Ec2Error | undefined;
}

/** @param alternative the other way to join a wrapped line. */
export function tellStory(tags: readonly LineTag[], message: string, alternative?: string): ToldStory {
  const isReply = tags.includes("add-reply");
  const pod = podOf(message);
  const sightings = tags
    .filter((tag): tag is SignalId => tag in SIGNALS)
    .map((signal) => ({ signal, pod, captures: capturesOf(signal, message) }));
  const isError = tags.includes("ec2-error");
  return {
    tags,
    message,
    sightings,
    pool: tags.includes("pool") || tags.includes("pool-at-add") ? parsePoolLine(message) : undefined,
    mode: modeHint(tags, message),
    isRefusal: !isReply && message.includes("DataStore has no available IP"),
    isReplyWithoutAddress: isReply && message.includes("no available IP"),
    ec2Error: isError
      ? (parseEc2Error(message) ?? (alternative === undefined ? undefined : parseEc2Error(alternative)))
      : undefined,
  };
}

function modeHint(tags: readonly LineTag[], message: string): ModeHint | undefined {
  if (tags.includes("pool")) {
    if (message.includes("Prefix pool stats")) return { mode: "prefix", isFirm: true };
    const prefixes = /IP pool stats.*Total IPs\/Prefixes = \d+\/(\d+)/.exec(message)?.[1];
    if (prefixes === "0") return { mode: "secondary", isFirm: false };
  }
  if (tags.includes("cidr-full")) {
    const isPrefix = message.includes("/fffffff0") || /prefix - [\d.]+\/28/.test(message);
    return { mode: isPrefix ? "prefix" : "secondary", isFirm: false };
  }
  if (tags.includes("eni-addresses-found"))
    return / 0 Prefixes/.test(message) ? undefined : { mode: "prefix", isFirm: false };
  if (tags.includes("mode-at-attempt"))
    return { mode: message.includes("enabled - true") ? "prefix" : "secondary", isFirm: true };
  return tags.includes("non-nitro-fallback") ? { mode: "secondary", isFirm: true } : undefined;
}

const STORIES_MAX = 2048;
/** Longer texts carry ids and times, and do not come again. */
const BYTES_MAX = 240;

interface Remembered<Story> {
  readonly bytes: Uint8Array;
  readonly story: Story;
}

/** Stories by the bytes of their message; bounded, and forgotten all at once. */
export class StoryMemory<Story> {
  readonly #byHash = new Map<number, Remembered<Story>>();

  /** undefined: to be told anew. */
  recall(bytes: Uint8Array, start: number, end: number): Story | undefined {
    if (end - start > BYTES_MAX) return undefined;
    const known = this.#byHash.get(hashOf(bytes, start, end));
    if (known === undefined || known.bytes.length !== end - start) return undefined;
    for (let i = 0; i < known.bytes.length; i++) if (known.bytes[i] !== bytes[start + i]) return undefined;
    return known.story;
  }

  keep(bytes: Uint8Array, start: number, end: number, story: Story): void {
    if (end - start > BYTES_MAX) return;
    if (this.#byHash.size >= STORIES_MAX) this.#byHash.clear();
    this.#byHash.set(hashOf(bytes, start, end), { bytes: bytes.slice(start, end), story });
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash;
}
