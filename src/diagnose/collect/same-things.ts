// One thing described in several files is one fact: a subnet in describe-cluster, describe-subnets and the facts file, the same
// dump given twice. Where two descriptions contradict each other the later one counts, and it is said.

import type { EniConfigFact, EniFact, Facts, PodFact, SubnetFact, UnreadFile } from "../facts/model.ts";

export function joinSameThings(facts: Facts): Facts {
  const changed: EniFact[] = [];
  const enis = joined(facts.enis, (before, after) => {
    if (holdingsOf(before) !== holdingsOf(after)) changed.push(after);
    return after;
  });
  const subnets = joined(facts.subnets, joinSubnets);
  return {
    ...facts,
    enis,
    subnets,
    pods: joinedBy(facts.pods, (pod) => `${pod.namespace}/${pod.name}`, joinPods),
    eniConfigs: distinctEniConfigs(facts.eniConfigs),
    reservations: joined(facts.reservations, (_, after) => after),
    instances: joined(facts.instances, (_, after) => after),
    securityGroups: joined(facts.securityGroups, (_, after) => after),
    instanceTypes: joinedBy(
      facts.instanceTypes,
      (one) => one.instanceType,
      (_, after) => after,
    ),
    unread: [...facts.unread, ...contradictions(changed)],
  };
}

/** What a later description leaves out stands. */
function joinSubnets(before: SubnetFact, after: SubnetFact): SubnetFact {
  const known = Object.fromEntries(Object.entries(after).filter(([, value]) => value !== undefined));
  const tags = after.tags.size > 0 ? after.tags : before.tags;
  const at = after.cidr === undefined ? before.at : after.at;
  return { ...before, ...(known as unknown as SubnetFact), tags, at, isLive: before.isLive || after.isLive };
}

/** What the first description says stands; what it could not tell, as `kubectl describe` cannot tell all, comes from the other. */
function joinPods(before: PodFact, after: PodFact): PodFact {
  const told = Object.entries(before).filter(([, value]) => !isNothing(value));
  return {
    ...after,
    ...(Object.fromEntries(told) as unknown as PodFact),
    isHostNetwork: before.isHostNetwork || after.isHostNetwork,
    wantsBranchEni: before.wantsBranchEni || after.wantsBranchEni,
  };
}

function isNothing(value: unknown): boolean {
  if (value instanceof Map) return value.size === 0;
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Every node's own page names its ENIConfig: a bare name adds nothing to a description, nor to the same name. */
function distinctEniConfigs(configs: readonly EniConfigFact[]): readonly EniConfigFact[] {
  const described = new Set(configs.filter(({ subnetId }) => subnetId !== undefined).map(({ name }) => name));
  const named = new Set<string>();
  return configs.filter(({ name, subnetId }) => {
    if (subnetId !== undefined) return true;
    if (described.has(name) || named.has(name)) return false;
    named.add(name);
    return true;
  });
}

function holdingsOf(eni: EniFact): string {
  const sorted = (addresses: readonly number[]): string => addresses.toSorted((a, b) => a - b).join();
  return `${eni.subnetId ?? ""} ${sorted(eni.addresses)} ${sorted(eni.prefixes)}`;
}

function contradictions(enis: readonly EniFact[]): UnreadFile[] {
  const [first] = enis;
  if (first === undefined) return [];
  const others = enis.length === 1 ? "" : ` and ${enis.length - 1} more`;
  return [
    {
      file: first.at.file,
      reason: `describes ${first.id}${others} otherwise than a file before it does: this description counts`,
      next: "give dumps of one moment only",
    },
  ];
}

function joined<T extends { readonly id: string }>(
  items: readonly T[],
  join: (before: T, after: T) => T,
): readonly T[] {
  return joinedBy(items, (item) => item.id, join);
}

function joinedBy<T>(items: readonly T[], keyOf: (item: T) => string, join: (before: T, after: T) => T): readonly T[] {
  const byKey = new Map<string, T>();
  for (const item of items) {
    const before = byKey.get(keyOf(item));
    byKey.set(keyOf(item), before === undefined ? item : join(before, item));
  }
  return byKey.size === items.length ? items : [...byKey.values()];
}
