// Signals as they are seen: one entry per signal, pod and captured values, bounded.

import type { Evidence, NodeKey, Sighting } from "../../facts/model.ts";
import type { SignalId } from "../../facts/signals.ts";
import { capturesOf } from "./line-matcher.ts";
import { OccurrenceCount } from "./occurrences.ts";

/** Entries of one signal; what comes after joins one entry without captures. */
const ENTRIES_MAX = 128;

interface Entry {
  readonly signal: SignalId;
  readonly pod: string | undefined;
  readonly captures: Readonly<Record<string, string>>;
  readonly occurrences: OccurrenceCount;
}

export class SightingCount {
  readonly #entries = new Map<SignalId, Map<string, Entry>>();

  add(signal: SignalId, message: string, sample: Evidence, ms: number | undefined): Readonly<Record<string, string>> {
    const captures = capturesOf(signal, message);
    const pod = podOf(message);
    this.addCaptured({ signal, pod, captures }, sample, ms);
    return captures;
  }

  addCaptured(what: Omit<Entry, "occurrences">, sample: Evidence, ms: number | undefined): void {
    const { signal, pod, captures } = what;
    const ofSignal = this.#entries.get(signal) ?? new Map<string, Entry>();
    this.#entries.set(signal, ofSignal);
    let key = `${pod ?? ""}\n${Object.values(captures).join("\n")}`;
    let entry = ofSignal.get(key);
    if (entry === undefined) {
      const isFull = ofSignal.size >= ENTRIES_MAX;
      if (isFull) key = "others";
      entry = ofSignal.get(key) ?? {
        signal,
        pod: isFull ? undefined : pod,
        captures: isFull ? {} : captures,
        occurrences: new OccurrenceCount(),
      };
      ofSignal.set(key, entry);
    }
    entry.occurrences.add(sample, ms);
  }

  result(node: NodeKey | undefined): Sighting[] {
    return [...this.#entries.values()].flatMap((ofSignal) =>
      [...ofSignal.values()].map((entry) => ({
        signal: entry.signal,
        node,
        pod: entry.pod,
        captures: entry.captures,
        occurrences: entry.occurrences.result(),
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
