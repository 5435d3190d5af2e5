// What events say in the terms that rules ask for: signals and refused EC2 calls. The same event printed in two files counts once.

import type { EventFact, Evidence, FactsPart, Occurrences, Sighting } from "../../facts/model.ts";
import { SIGNALS, type SignalId } from "../../facts/signals.ts";
import { quote } from "../logs/current-line.ts";
import { parseEc2Error } from "../logs/ec2-errors.ts";
import { capturesOf, LineMatcher } from "../logs/line-matcher.ts";

/** Entries of one signal, by pod; beyond it pods are no longer told apart. */
const ENTRIES_MAX = 256;

/** The sightings and EC2 errors in the messages of `events`, but for those that a log reader found in its lines and told of. */
export function eventSightings(events: readonly EventFact[]): FactsPart {
  const sightings = new SightingList();
  const errors = new ErrorList();
  const matcher = new LineMatcher();
  for (const event of distinctEvents(events.filter((one) => one.isOfLog !== true))) {
    const text = `${event.reason}: ${event.message}`;
    const sample: Evidence = { source: event.at, text: quote(`${subjectOf(event)}: ${text}`) };
    for (const tag of matcher.tagsOf(text)) if (isSignal(tag)) sightings.add(tag, event, text, sample);
    errors.add(event, sample);
  }
  return { sightings: sightings.result(), ec2Errors: errors.result() };
}

function isSignal(tag: string): tag is SignalId {
  return Object.hasOwn(SIGNALS, tag);
}

function subjectOf(event: EventFact): string {
  const name = event.namespace === undefined ? event.name : `${event.namespace}/${event.name}`;
  return `${event.objectKind} ${name}`.trim();
}

/** Each event once: of a series the file that tells most of it counts, for two files print the same series. */
export function distinctEvents(events: readonly EventFact[]): EventFact[] {
  const bySeries = new Map<string, Map<string, EventFact[]>>();
  for (const event of events) {
    const series = [event.reason, subjectOf(event), event.message].join("\n");
    let ofFile = bySeries.get(series);
    if (ofFile === undefined) {
      ofFile = new Map();
      bySeries.set(series, ofFile);
    }
    const list = ofFile.get(event.at.file);
    if (list === undefined) ofFile.set(event.at.file, [event]);
    else list.push(event);
  }
  return [...bySeries.values()].flatMap((ofFile) =>
    [...ofFile.values()].reduce((best, list) => (tellsMore(list, best) ? list : best)),
  );
}

/** By the number of events; of equal numbers, one with times says more than one with ages. */
function tellsMore(list: readonly EventFact[], other: readonly EventFact[]): boolean {
  const total = (events: readonly EventFact[]) => events.reduce((sum, one) => sum + one.count, 0);
  const difference = total(list) - total(other);
  const hasTimes = (events: readonly EventFact[]) => events.some((one) => one.lastMs !== undefined);
  return difference > 0 || (difference === 0 && hasTimes(list) && !hasTimes(other));
}

class SightingList {
  readonly #bySignal = new Map<SignalId, Map<string, { sighting: Omit<Sighting, "occurrences">; seen: SeenEvents }>>();

  add(signal: SignalId, event: EventFact, text: string, sample: Evidence): void {
    let entries = this.#bySignal.get(signal);
    if (entries === undefined) {
      entries = new Map();
      this.#bySignal.set(signal, entries);
    }
    const captures: Record<string, string> = { ...capturesOf(signal, text) };
    if (signal === "mass-combined") {
      captures["count"] ??= String(event.count);
      if (event.overMs !== undefined) captures["over"] ??= `${Math.round(event.overMs / 1000)}s`;
    }
    const { node } = event;
    const isPod = event.objectKind === "Pod" && event.namespace !== undefined;
    let pod = isPod ? `${event.namespace}/${event.name}` : undefined;
    const keyFor = (ofPod: string | undefined) => JSON.stringify([node, ofPod, captures]);
    if (!entries.has(keyFor(pod)) && entries.size >= ENTRIES_MAX) pod = undefined;
    const key = keyFor(pod);
    let entry = entries.get(key);
    if (entry === undefined) {
      entry = { sighting: { signal, node, pod, captures }, seen: new SeenEvents() };
      entries.set(key, entry);
    }
    entry.seen.add(event, sample);
  }

  result(): Sighting[] {
    return [...this.#bySignal.values()].flatMap((entries) =>
      [...entries.values()].map(({ sighting, seen }) => ({ ...sighting, occurrences: seen.result() })),
    );
  }
}

class ErrorList {
  readonly #byKind = new Map<
    string,
    { readonly error: NonNullable<ReturnType<typeof parseEc2Error>>; readonly event: EventFact; seen: SeenEvents }
  >();

  add(event: EventFact, sample: Evidence): void {
    const error = parseEc2Error(event.message);
    if (error === undefined) return;
    const key = [event.node, error.api, error.code, error.subnetId].join("\n");
    let entry = this.#byKind.get(key);
    if (entry === undefined) {
      entry = { error, event, seen: new SeenEvents() };
      this.#byKind.set(key, entry);
    }
    entry.seen.add(event, sample);
  }

  result(): NonNullable<FactsPart["ec2Errors"]> {
    return [...this.#byKind.values()].map(({ error, event, seen }) => ({
      api: error.api,
      code: error.code,
      message: error.message,
      node: event.node,
      subnetId: error.subnetId,
      eniId: error.eniId,
      occurrences: seen.result(),
    }));
  }
}

/** Events counted; the samples are the first three and the last two. */
class SeenEvents {
  #count = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;
  readonly #samples: Evidence[] = [];

  add(event: EventFact, sample: Evidence): void {
    this.#count += event.count;
    for (const ms of [event.firstMs, event.lastMs]) {
      if (ms === undefined) continue;
      if (this.#firstMs === undefined || ms < this.#firstMs) this.#firstMs = ms;
      if (this.#lastMs === undefined || ms > this.#lastMs) this.#lastMs = ms;
    }
    if (this.#samples.length === 5) this.#samples.splice(3, 1);
    this.#samples.push(sample);
  }

  result(): Occurrences {
    return { count: this.#count, firstMs: this.#firstMs, lastMs: this.#lastMs, samples: [...this.#samples] };
  }
}
