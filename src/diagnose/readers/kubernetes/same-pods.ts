// One pod told of by several files (a dump, a table, its description) is one pod.

import type { PodFact } from "../../facts/model.ts";

/** Each pod once: the fullest description, with what it leaves out taken from the others. The order is that of first mention. */
export function distinctPods(pods: readonly PodFact[]): PodFact[] {
  const byName = new Map<string, PodFact>();
  for (const pod of pods) {
    const key = `${pod.namespace}/${pod.name}`;
    const before = byName.get(key);
    if (before === undefined) byName.set(key, pod);
    else byName.set(key, fullness(pod) > fullness(before) ? filled(pod, before) : filled(before, pod));
  }
  return [...byName.values()];
}

function fullness(pod: PodFact): number {
  return pod.labels.size + pod.annotations.size + pod.containers.length;
}

function filled(pod: PodFact, other: PodFact): PodFact {
  const known = Object.entries(pod).filter(([, value]) => value !== undefined);
  const joined = { ...other, ...(Object.fromEntries(known) as unknown as PodFact) };
  // A table and a description tell these only by signs: where one says yes, it has seen one.
  const isHostNetwork = pod.isHostNetwork || other.isHostNetwork;
  const wantsBranchEni = pod.wantsBranchEni || other.wantsBranchEni;
  return { ...joined, isHostNetwork, wantsBranchEni };
}
