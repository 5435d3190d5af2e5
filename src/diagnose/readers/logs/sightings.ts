// Signals as they are seen: one entry per signal, pod and captured values, bounded.

import type { NodeKey, Sighting } from "../../facts/model.ts";
import type { SignalId } from "../../facts/signals.ts";
import type { CurrentLine } from "./current-line.ts";
import { OccurrenceCount } from "./occurrences.ts";

/** Entries of one signal; what comes after joins one entry without captures. */
const ENTRIES_MAX = 128;

export interface SightingKey {
  readonly signal: SignalId;
  /** namespace/name. */
  readonly pod: string | undefined;
  readonly captures: Readonly<Record<string, string>>;
}

interface Entry extends SightingKey {
  readonly occurrences: OccurrenceCount;
}

export class SightingCount {
  readonly #entries = new Map<SignalId, Map<string, Entry>>();

  add(key: SightingKey, line: CurrentLine): void {
    this.of(key).add(line);
  }

  /** Where to count such sightings. */
  of({ signal, pod, captures }: SightingKey): OccurrenceCount {
    const ofSignal = this.#entries.get(signal) ?? new Map<string, Entry>();
    this.#entries.set(signal, ofSignal);
    const own = `${pod ?? ""}\n${Object.values(captures).join("\n")}`;
    const isFull = ofSignal.size >= ENTRIES_MAX && !ofSignal.has(own);
    const key = isFull ? "others" : own;
    let entry = ofSignal.get(key);
    if (entry === undefined) {
      const occurrences = new OccurrenceCount();
      entry = isFull ? { signal, pod: undefined, captures: {}, occurrences } : { signal, pod, captures, occurrences };
      ofSignal.set(key, entry);
    }
    return entry.occurrences;
  }

  result(node: NodeKey | undefined): Sighting[] {
    return [...this.#entries.values()].flatMap((ofSignal) =>
      [...ofSignal.values()].map(({ signal, pod, captures, occurrences }) => ({
        signal,
        node,
        pod,
        captures,
        occurrences: occurrences.result(),
      })),
    );
  }
}

/** namespace/name, where a line names a pod in one of the usual ways. */
export function podOf(message: string): string | undefined {
  if (!message.includes("od")) return undefined;
  const cni = /K8S_POD_NAMESPACE[=:]\\?"?([\w.-]+).*?K8S_POD_NAME[=:]\\?"?([\w.-]+)/.exec(message);
  if (cni !== null) return `${cni[1]}/${cni[2]}`;
  const structured = /\bpod="([\w.-]+\/[\w.-]+)"/.exec(message);
  if (structured !== null) return structured[1];
  const kubelet = /[Pp]od "([a-z0-9.-]+)_([a-z0-9-]+)(?:\([\w-]+\))?"/.exec(message);
  if (kubelet !== null) return `${kubelet[2]}/${kubelet[1]}`;
  const metadata = /K8SPodNamespace:([\w.-]+) K8SPodName:([\w.-]+)/.exec(message);
  if (metadata !== null) return `${metadata[1]}/${metadata[2]}`;
  return undefined;
}
