// The pods that live when most of them do.

import { type PlanInput, type PodSpec, PodStream } from "../cluster/index.ts";

/** More pods than this in one run are of no use to a plan. */
const PODS_MAX = 2_000_000;

/**
 * At the busiest of all moments, of equal ones the first. Comings and ends are taken one by one: a rolling update has its surge and
 * no more. A pod that ends still counts while those come that stand for it. A pod that its workload would replace lives on.
 */
export function podsAtPeak(input: PlanInput): PodSpec[] {
  const stream = new PodStream(input);
  const pods: PodSpec[] = [];
  const timesUpMs: number[] = [];
  /** Of each pod, the numbers of the events that bring it and that end it; 0: none has. */
  const comings: number[] = [];
  const ends: number[] = [];
  const momentsMs: number[] = [];
  let ending: number[] = [];
  let endingMs = 0;
  let hasComeSince = false;
  const end = (): void => {
    for (const pod of ending) ends[pod] = momentsMs.length;
    if (ending.length > 0) momentsMs.push(endingMs);
    ending = [];
    hasComeSince = false;
  };
  while (stream.nextMs <= input.durationMs && pods.length < PODS_MAX) {
    const atMs = stream.nextMs;
    if (!stream.take()) continue;
    if (atMs !== endingMs || (hasComeSince && stream.isEnd)) end();
    endingMs = atMs;
    if (stream.isEnd) {
      ending.push(stream.pod);
      continue;
    }
    hasComeSince = ending.length > 0;
    const pod = pods.length;
    const { spec, nodeName } = stream;
    pods.push(nodeName === spec.nodeName ? spec : { ...spec, nodeName });
    timesUpMs.push(spec.isKept ? Number.POSITIVE_INFINITY : atMs + stream.lifetimeMs);
    comings.push(momentsMs.length);
    ends.push(0);
    momentsMs.push(atMs);
    if (!stream.spec.isControlled) continue;
    stream.adopt(pod);
    stream.ran(pod, stream.spec, 0, atMs);
  }
  end();
  timesUpMs.forEach((atMs, pod) => {
    if (ends[pod] === 0) ends[pod] = firstAfter(momentsMs, atMs);
  });
  const busiest = busiestEvent(comings, ends);
  return pods.filter((_, pod) => comings[pod]! <= busiest && ends[pod]! > busiest);
}

/** The number of the first event after this moment. */
function firstAfter(momentsMs: readonly number[], atMs: number): number {
  let low = 0;
  let high = momentsMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (momentsMs[middle]! <= atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function busiestEvent(comings: readonly number[], ends: readonly number[]): number {
  const changes: number[] = [];
  const add = (event: number, change: number): void => {
    changes[event] = (changes[event] ?? 0) + change;
  };
  for (const event of comings) add(event, 1);
  for (const event of ends) add(event, -1);
  let count = 0;
  let most = 0;
  let busiest = -1;
  for (let event = 0; event < changes.length; event++) {
    count += changes[event] ?? 0;
    if (count <= most) continue;
    most = count;
    busiest = event;
  }
  return busiest;
}
