// A cluster file as a world for the emulator, and the nodes that will run an agent in it.

import { formatRfc3339 } from "../base/calendar.ts";
import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { type InstanceTypeLimits, instanceTypeLimits } from "../catalog/instance-types.ts";
import { type Allocatable, allocatable, type Cluster, defaultMaxPods, type NodeGroup } from "../cluster/index.ts";
import type {
  InstanceDescription,
  SubnetDescription,
  TagDescription,
  WorldDescription,
} from "../emulator/model/types.ts";
import { standingEnis } from "./standing-enis.ts";

/** One machine of the run. */
export interface UpNode extends Allocatable {
  readonly name: string;
  /** undefined: an instance of a dump. */
  readonly groupName: string | undefined;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly limits: InstanceTypeLimits;
  readonly maxPods: number;
  /** As the emulator knows it. */
  readonly subnetId: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly taints: NodeGroup["taints"];
  readonly otherEnis: NodeGroup["otherEnis"];
  /** What its agent finds as checkpoint when it first starts. */
  readonly checkpoint: string | undefined;
}

export interface UpWorld {
  readonly world: WorldDescription;
  readonly nodes: readonly UpNode[];
  /** The cluster file's subnet name by the id that EC2 calls carry. */
  readonly subnetNames: ReadonlyMap<string, string>;
}

/** Instances of a dump that cannot be nodes, and nodes without subnets: what, and what to do. */
export class WorldMismatch extends Error {
  override readonly name = "WorldMismatch";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/**
 * `dump`: a real VPC, read from describe output; the file's subnets are then left out, and without node groups every running
 * instance of the dump is a node.
 */
export function buildUpWorld(given: {
  cluster: Cluster;
  startWallMs: Ms;
  prng: Prng;
  dump: WorldDescription | undefined;
  /** The nodes among the dump's instances, where more is known of them than the dump says; node groups then make none. */
  dumpNodes?: readonly UpNode[] | undefined;
}): UpWorld {
  const { cluster, dump, prng } = given;
  const subnetIds = new Map<string, string>();
  if (dump === undefined) for (const subnet of cluster.subnets) subnetIds.set(subnet.id, ec2SubnetId(subnet.id));
  else for (const subnet of dump.subnets) subnetIds.set(subnet.id, subnet.id);
  const zones =
    dump === undefined
      ? new Map(cluster.subnets.map((subnet) => [ec2SubnetId(subnet.id), subnet.az]))
      : new Map(dump.subnets.map((subnet) => [subnet.id, subnet.az]));
  const instances: InstanceDescription[] = [];
  const nodes: UpNode[] = [];
  const ids = prng.split("instances");
  const hasGroups = given.dumpNodes === undefined && (dump === undefined || cluster.nodeGroups.length > 0);
  const groups = hasGroups ? groupsFor(cluster, subnetIds) : [];
  for (const group of groups) {
    for (let index = 0; index < group.count; index++) {
      const name = `${group.name}-${index + 1}`;
      const wanted = group.subnets[index % group.subnets.length] ?? "";
      const subnetId = subnetIds.get(wanted);
      if (subnetId === undefined) {
        const known = [...subnetIds.keys()].join(", ");
        throw new WorldMismatch(
          `the node group "${group.name}" wants the subnet "${wanted}", which the world does not have`,
          `Subnets: ${known}.`,
        );
      }
      const instanceId = `i-0${hex(ids)}${hex(ids)}`;
      instances.push({ id: instanceId, type: group.instanceType, subnetId, name, tags: clusterTags(cluster) });
      nodes.push(groupNode({ cluster, group, name, instanceId, subnetId, zone: zones.get(subnetId) ?? "" }));
    }
  }
  if (groups.length === 0 && dump !== undefined) nodes.push(...(given.dumpNodes ?? dumpNodes(cluster, dump)));
  const subnetNames = new Map([...subnetIds].map(([name, id]) => [id, name]));
  const world: WorldDescription =
    dump === undefined
      ? {
          region: cluster.region,
          startWallMs: given.startWallMs,
          vpcs: [{ cidrs: cluster.vpc.kind === "cidrs" ? cluster.vpc.cidrs : [] }],
          subnets: cluster.subnets.map(
            (subnet): SubnetDescription => ({
              id: subnetIds.get(subnet.id) ?? subnet.id,
              az: subnet.az,
              cidr: subnet.cidr,
              otherAddresses: subnet.otherAddresses,
              otherPrefixes: subnet.otherPrefixes,
              reservations: subnet.reservations,
              tags: tagList([["Name", subnet.id], ...subnet.tags]),
            }),
          ),
          instances,
          enis: standingEnis({
            cluster,
            nodes,
            subnetIds,
            createdAt: (ageMs) => formatRfc3339(given.startWallMs - ageMs),
            prng: prng.split("standing-enis"),
          }),
        }
      : { ...dump, startWallMs: given.startWallMs, instances: [...dump.instances, ...instances] };
  return { world, nodes, subnetNames };
}

/** A node of a group, from its launch on. */
export function groupNode(given: {
  readonly cluster: Cluster;
  readonly group: NodeGroup;
  readonly name: string;
  readonly instanceId: string;
  /** As the emulator knows it. */
  readonly subnetId: string;
  readonly zone: string;
}): UpNode {
  const { cluster, group, name, instanceId, subnetId, zone } = given;
  const { instanceType, limits, maxPods, labels } = group;
  return {
    name,
    groupName: group.name,
    instanceId,
    instanceType,
    limits,
    maxPods,
    subnetId,
    labels: nodeLabels({ name, group: group.name, instanceType, region: cluster.region, zone, labels }),
    taints: group.taints,
    otherEnis: group.otherEnis,
    checkpoint: group.checkpoint,
    ...allocatable(limits, maxPods),
  };
}

/** Labels that every node of a group has. */
export function groupLabels(cluster: Cluster, group: NodeGroup): ReadonlyMap<string, string> {
  const { name, instanceType, labels } = group;
  return nodeLabels({ name: "", group: name, instanceType, region: cluster.region, zone: "", labels });
}

function groupsFor(cluster: Cluster, subnetIds: ReadonlyMap<string, string>): Cluster["nodeGroups"] {
  return cluster.nodeGroups.map((group) =>
    group.subnets.length > 0 ? group : { ...group, subnets: [...subnetIds.keys()] },
  );
}

function dumpNodes(cluster: Cluster, dump: WorldDescription): UpNode[] {
  const nodes: UpNode[] = [];
  for (const instance of dump.instances) {
    if ((instance.state ?? "running") !== "running" || instance.id === undefined) continue;
    const limits = instanceTypeLimits(instance.type);
    if (limits === undefined) continue;
    const tag = instance.tags?.find((one) => one.key === "Name")?.value ?? instance.name;
    const isTaken = tag === undefined || nodes.some((node) => node.name === tag);
    const name = isTaken ? instance.id : tag;
    const maxPods = defaultMaxPods(limits, cluster.cni);
    const zone = dump.subnets.find((subnet) => subnet.id === instance.subnetId)?.az ?? "";
    const { region } = dump;
    const labels = nodeLabels({ name, group: "", instanceType: instance.type, region, zone, labels: new Map() });
    nodes.push({
      name,
      groupName: undefined,
      instanceId: instance.id,
      instanceType: instance.type,
      limits,
      maxPods,
      subnetId: instance.subnetId,
      labels,
      taints: [],
      otherEnis: [],
      checkpoint: undefined,
      ...allocatable(limits, maxPods),
    });
  }
  return nodes;
}

/** EC2 takes only `subnet-` and 8 or 17 hexadecimal digits; a name of the file becomes one that depends on the name alone. */
export function ec2SubnetId(name: string): string {
  if (/^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(name)) return name;
  return `subnet-0${fnv(name, 0x811c9dc5)}${fnv(name, 0x01234567)}`;
}

function fnv(text: string, start: number): string {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}

function hex(prng: Prng): string {
  return prng.uint32().toString(16).padStart(8, "0");
}

function clusterTags(cluster: Cluster): TagDescription[] {
  const name = cluster.cni.env.get("CLUSTER_NAME");
  return name === undefined ? [] : [{ key: `kubernetes.io/cluster/${name}`, value: "owned" }];
}

function tagList(pairs: Iterable<readonly [string, string]>): TagDescription[] {
  return [...new Map(pairs)].map(([key, value]) => ({ key, value }));
}

function nodeLabels(node: {
  name: string;
  group: string;
  instanceType: string;
  region: string;
  zone: string;
  labels: ReadonlyMap<string, string>;
}): Map<string, string> {
  return new Map([
    ["kubernetes.io/hostname", node.name],
    ["kubernetes.io/os", "linux"],
    [
      "kubernetes.io/arch",
      /^[a-z]+\d+g/.test(node.instanceType) || node.instanceType.startsWith("a1.") ? "arm64" : "amd64",
    ],
    ["node.kubernetes.io/instance-type", node.instanceType],
    ["topology.kubernetes.io/region", node.region],
    ["topology.kubernetes.io/zone", node.zone],
    ...(node.group === "" ? [] : [["eks.amazonaws.com/nodegroup", node.group] as const]),
    ...node.labels,
  ]);
}
