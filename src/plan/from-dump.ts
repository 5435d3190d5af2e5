// A VPC that was read, as the ground of a plan: its subnets with their reservations and what lies where in them, and, for a
// cluster file without node groups, its running instances as the nodes.

import { instanceTypeLimits } from "../catalog/instance-types.ts";
import { type Cluster, type ClusterSubnet, defaultMaxPods, JOIN_DELAY, type NodeGroup } from "../cluster/index.ts";
import type { Held, KnownVpc, ReadEni, ReadInstance, ReadVpc, StandingNode } from "./types.ts";

export type FromDump =
  | { readonly kind: "ok"; readonly cluster: Cluster; readonly known: KnownVpc; readonly notes: readonly string[] }
  | { readonly kind: "problem"; readonly message: string; readonly next: string };

const NO_MANAGE = "node.k8s.amazonaws.com/no_manage";

export function clusterFromDump(cluster: Cluster, world: ReadVpc): FromDump {
  const vpcId = vpcOf(cluster, world);
  const isOurs = (subnet: { readonly vpcId?: string | undefined }): boolean => subnet.vpcId === vpcId;
  const subnets = world.subnets.filter(isOurs).map(
    (subnet): ClusterSubnet => ({
      id: subnet.id,
      az: subnet.az,
      cidr: subnet.cidr,
      otherAddresses: 0,
      otherPrefixes: 0,
      leakedEnis: { count: 0, addresses: 0 },
      reservations: (subnet.reservations ?? []).map(({ cidr, type }) => ({ cidr, type })),
      tags: new Map((subnet.tags ?? []).map(({ key, value }) => [key, value])),
    }),
  );
  const ids = subnets.map((subnet) => subnet.id);
  const wanted = [
    ...cluster.nodeGroups.flatMap((group) =>
      group.subnets.map((id) => ({ id, who: `the node group "${group.name}"` })),
    ),
    ...cluster.cni.eniConfigs.map((one) => ({ id: one.subnet, who: `the ENIConfig "${one.name}"` })),
  ].find((one) => !ids.includes(one.id));
  if (wanted !== undefined) {
    const message = `${cluster.fileName}: ${wanted.who} wants the subnet "${wanted.id}", which ${vpcId} does not have`;
    return { kind: "problem", message, next: `Subnets: ${ids.join(", ")}.` };
  }
  const { nodeGroups, standing, notes } =
    cluster.nodeGroups.length > 0
      ? { nodeGroups: cluster.nodeGroups.map((group) => withSubnets(group, ids)), standing: [], notes: [] }
      : standingNodes(cluster, { world, ids });
  if (nodeGroups.length === 0) {
    const message = `${cluster.fileName}: the dump has no running instance of a known type in ${vpcId}, and the file no node group`;
    return { kind: "problem", message, next: "Write nodeGroups: the plan then puts them beside what the dump holds." };
  }
  const enis = (world.enis ?? []).filter((eni) => ids.includes(eni.subnetId));
  return {
    kind: "ok",
    cluster: { ...cluster, region: world.region, subnets, nodeGroups },
    known: knownOf({ enis, ids, standing }),
    notes,
  };
}

/** That of the subnets which the file names, else that with most running instances, else the first. */
function vpcOf(cluster: Cluster, world: ReadVpc): string | undefined {
  const named = cluster.nodeGroups.flatMap((group) => group.subnets)[0];
  const vpcOfSubnet = (id: string): string | undefined => world.subnets.find((one) => one.id === id)?.vpcId;
  const fromFile = named === undefined ? undefined : vpcOfSubnet(named);
  if (fromFile !== undefined) return fromFile;
  const counts = new Map<string, number>();
  for (const one of world.instances.filter(isRunning)) {
    const id = vpcOfSubnet(one.subnetId);
    if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? world.subnets[0]?.vpcId;
}

function isRunning(instance: ReadInstance): boolean {
  return (instance.state ?? "running") === "running";
}

function withSubnets(group: NodeGroup, ids: readonly string[]): NodeGroup {
  return group.subnets.length > 0 ? group : { ...group, subnets: ids };
}

/** Nodes of one type with as many unmanaged ENIs are a group, named after the type. */
function standingNodes(
  cluster: Cluster,
  given: { readonly world: ReadVpc; readonly ids: readonly string[] },
): { nodeGroups: NodeGroup[]; standing: StandingNode[]; notes: string[] } {
  const { world, ids } = given;
  const byInstance = new Map<string, ReadEni[]>();
  for (const eni of world.enis ?? []) {
    const id = eni.attachment?.instanceId;
    if (id !== undefined) byInstance.set(id, [...(byInstance.get(id) ?? []), eni]);
  }
  const groups = new Map<string, NodeGroup>();
  const standing: StandingNode[] = [];
  const unknown = new Set<string>();
  const names = new Set<string>();
  for (const one of world.instances) {
    if (!isRunning(one) || one.id === undefined || !ids.includes(one.subnetId)) continue;
    const limits = instanceTypeLimits(one.type);
    if (limits === undefined) {
      unknown.add(one.type);
      continue;
    }
    const enis = byInstance.get(one.id) ?? [];
    const unmanaged = enis.filter((eni) => eni.tags.some(({ key, value }) => key === NO_MANAGE && value === "true"));
    const group = unmanaged.length === 0 ? one.type : `${one.type} with ${unmanaged.length} ENIs not managed`;
    const tag = one.tags?.find(({ key }) => key === "Name")?.value ?? "";
    const name = tag === "" || names.has(tag) ? one.id : tag;
    names.add(name);
    const held = heldBy(enis.filter((eni) => !unmanaged.includes(eni)));
    standing.push({ name, instanceId: one.id, group, subnetId: one.subnetId, held });
    const before = groups.get(group);
    groups.set(group, {
      name: group,
      instanceType: one.type,
      limits,
      count: (before?.count ?? 0) + 1,
      maxPods: defaultMaxPods(limits, cluster.cni),
      subnets: [...new Set([...(before?.subnets ?? []), one.subnetId])],
      labels: new Map(),
      taints: [],
      otherEnis: unmanaged.map((eni) => ({ tags: new Map(eni.tags.map(({ key, value }) => [key, value])) })),
      checkpoint: undefined,
      joinDelay: JOIN_DELAY,
      autoscaling: undefined,
    });
  }
  const notes = [...unknown].map((type) => `instances of the unknown type ${type} are left out of the plan`);
  return { nodeGroups: [...groups.values()], standing, notes };
}

function heldBy(enis: readonly ReadEni[]): ReadonlyMap<string, Held> {
  const held = new Map<string, Held>();
  for (const eni of enis) {
    const before = held.get(eni.subnetId) ?? { prefixes: [], addresses: [] };
    held.set(eni.subnetId, {
      prefixes: [...before.prefixes, ...eni.prefixes],
      addresses: [...before.addresses, ...addressesOf(eni)],
    });
  }
  return held;
}

function addressesOf(eni: ReadEni): number[] {
  // An ENI of type efa-only has none.
  return [eni.primaryAddress, ...eni.addresses].filter((address) => address !== 0);
}

function knownOf(given: {
  readonly enis: readonly ReadEni[];
  readonly ids: readonly string[];
  readonly standing: readonly StandingNode[];
}): KnownVpc {
  const { enis, ids, standing } = given;
  const instanceIds = new Set(standing.map((one) => one.instanceId));
  const isOwn = (eni: ReadEni): boolean => instanceIds.has(eni.attachment?.instanceId ?? "");
  const occupancy = new Map(
    ids.map((id) => {
      const here = enis.filter((eni) => eni.subnetId === id);
      const ownPrefixes = here.filter(isOwn).flatMap((eni) => eni.prefixes);
      return [id, { addresses: here.flatMap(addressesOf), prefixes: here.flatMap((eni) => eni.prefixes), ownPrefixes }];
    }),
  );
  const others = enis.filter((eni) => !isOwn(eni));
  return {
    occupancy,
    standing,
    others: {
      unitCount: others.reduce((sum, eni) => sum + addressesOf(eni).length + eni.prefixes.length, 0),
      eniCount: others.filter((eni) => !eni.isRequesterManaged).length,
    },
  };
}
