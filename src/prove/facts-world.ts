// The VPC and the nodes of a case as the facts describe them: what EC2 answered, and what the Kubernetes API says of its nodes.

import { type Cidr, cidrContains, type Ipv4 } from "../base/ipv4.ts";
import { instanceTypeLimits } from "../catalog/instance-types.ts";
import { allocatable, type ClusterCni, defaultMaxPods } from "../cluster/index.ts";
import type { EniFact, Facts, InstanceFact, NodeFact, SubnetFact } from "../diagnose/facts/model.ts";
import type {
  EniDescription,
  InstanceDescription,
  SubnetDescription,
  TagDescription,
  WorldDescription,
} from "../emulator/model/index.ts";
import { START_WALL_MS } from "../sim/index.ts";
import type { UpNode } from "../world/world.ts";

export interface FactsWorld {
  readonly world: WorldDescription;
  readonly nodes: readonly UpNode[];
}

/** On ENIs that the agent made, and on the primary ENI since it took it over (ipamd.md 8.5). */
const AGENT_TAG = "node.k8s.amazonaws.com/instance_id";
const CORDON_TAINT = "node.kubernetes.io/unschedulable";
/** Attachments are not told: such a network interface belongs to no instance that is listed. */
const VPC_BLOCK_LENGTH = 16;

/** A text: what is missing. `isFresh`: without what the agents have attached and assigned since their nodes came. */
export function worldOfFacts(facts: Facts, cni: ClusterCni, isFresh: boolean): FactsWorld | string {
  const subnets = facts.subnets.filter(
    (subnet) => subnet.isLive && subnet.cidr !== undefined && subnet.zone !== undefined,
  );
  if (subnets.length === 0) return "the subnets are not known: aws ec2 describe-subnets";
  const known = new Set(subnets.map((subnet) => subnet.id));
  const enis = facts.enis.filter((eni) => eni.subnetId !== undefined && known.has(eni.subnetId));
  const primaries = new Map(
    enis.flatMap((eni) => (isPrimary(eni) && eni.instanceId !== undefined ? [[eni.instanceId, eni] as const] : [])),
  );
  const instances = facts.instances.filter((one) => one.state === "running" && primaries.has(one.id));
  if (instances.length === 0)
    return "no running instance with its network interfaces is known: aws ec2 describe-instances, describe-network-interfaces";
  const nodes = instances.flatMap((instance) => nodeOf(facts, instance, primaries.get(instance.id), cni) ?? []);
  if (nodes.length === 0) return "none of the instances is a node of a type whose limits are known";
  const nodeIds = new Set(nodes.map((node) => node.instanceId));
  const instanceIds = new Set(instances.map((instance) => instance.id));
  const world: WorldDescription = {
    region: facts.region ?? (subnets[0]?.zone ?? "us-east-1a").replace(/[a-z]$/, ""),
    startWallMs: START_WALL_MS,
    vpcs: vpcsOf(subnets),
    subnets: subnets.flatMap((subnet) => subnetOf(subnet, facts) ?? []),
    securityGroups: groupsOf(facts, enis),
    instances: instances.map((one) => instanceOf(one, primaries.get(one.id))),
    enis: enis.flatMap((eni) => eniOf(eni, { instanceIds, nodeIds, isFresh }) ?? []),
  };
  return { world, nodes };
}

export function isPrimary(eni: EniFact): boolean {
  return eni.deviceIndex === 0 && (eni.networkCardIndex ?? 0) === 0;
}

function nodeOf(
  facts: Facts,
  instance: InstanceFact,
  primary: EniFact | undefined,
  cni: ClusterCni,
): UpNode | undefined {
  const fact: NodeFact | undefined = facts.nodes.find((node) => node.instanceId === instance.id);
  // Where nodes are listed, an instance that is none is a machine of somebody else.
  if (fact === undefined && facts.nodes.some((node) => node.instanceId !== undefined)) return undefined;
  const limits = instanceTypeLimits(instance.instanceType);
  if (limits === undefined || primary?.subnetId === undefined) return undefined;
  const maxPods = fact?.maxPods?.value ?? fact?.kubeletMaxPods?.value ?? defaultMaxPods(limits, cni);
  const taints = [...(fact?.taints ?? [])];
  if (fact?.isUnschedulable === true && !taints.some((taint) => taint.key === CORDON_TAINT))
    taints.push({ key: CORDON_TAINT, value: "", effect: "NoSchedule" });
  return {
    name: fact?.name ?? fact?.key ?? instance.id,
    groupName: undefined,
    instanceId: instance.id,
    instanceType: instance.instanceType,
    limits,
    maxPods,
    subnetId: primary.subnetId,
    labels: fact?.labels ?? new Map(),
    taints,
    otherEnis: [],
    checkpoint: undefined,
    ...allocatable(limits, maxPods),
  };
}

/** The blocks of a VPC are told by describe-vpcs alone: the /16 around each subnet stands for them. */
function vpcsOf(subnets: readonly SubnetFact[]): { id: string; cidrs: Cidr[] }[] {
  const blocks = new Map<string, Cidr[]>();
  for (const { vpcId = "vpc-0", cidr } of subnets) {
    if (cidr === undefined) continue;
    const known = blocks.get(vpcId) ?? [];
    blocks.set(vpcId, known);
    if (!known.some((block) => cidrContains(block, cidr.base))) known.push(blockAround(cidr.base));
  }
  return [...blocks].map(([id, cidrs]) => ({ id, cidrs }));
}

function blockAround(address: Ipv4): Cidr {
  const size = 2 ** (32 - VPC_BLOCK_LENGTH);
  return { base: Math.floor(address / size) * size, prefixLength: VPC_BLOCK_LENGTH };
}

function subnetOf(subnet: SubnetFact, facts: Facts): SubnetDescription | undefined {
  const { id, vpcId = "vpc-0", cidr, zone } = subnet;
  if (cidr === undefined || zone === undefined) return undefined;
  return {
    id,
    vpcId,
    az: zone,
    cidr,
    reservations: facts.reservations
      .filter((one) => one.subnetId === id && one.isLive)
      .map((one) => ({ id: one.id, cidr: one.cidr, type: one.type })),
    tags: tagList(subnet.tags),
  };
}

function groupsOf(facts: Facts, enis: readonly EniFact[]): { id: string; vpcId: string; name: string }[] {
  const groups = new Map<string, string>();
  for (const { id, vpcId } of facts.securityGroups) if (vpcId !== undefined) groups.set(id, vpcId);
  for (const { securityGroupIds, vpcId = "vpc-0" } of enis)
    for (const id of securityGroupIds) if (!groups.has(id)) groups.set(id, vpcId);
  return [...groups].map(([id, vpcId]) => ({ id, vpcId, name: id }));
}

function instanceOf(instance: InstanceFact, primary: EniFact | undefined): InstanceDescription {
  return {
    id: instance.id,
    type: instance.instanceType,
    subnetId: primary?.subnetId ?? "",
    tags: tagList(instance.tags),
    state: "running",
  };
}

function eniOf(
  eni: EniFact,
  known: {
    readonly instanceIds: ReadonlySet<string>;
    readonly nodeIds: ReadonlySet<string>;
    readonly isFresh: boolean;
  },
): EniDescription | undefined {
  const { id, subnetId, primaryAddress, instanceId } = eni;
  if (subnetId === undefined || primaryAddress === undefined) return undefined;
  const isOfNode = instanceId !== undefined && known.nodeIds.has(instanceId);
  const isAgents = isOfNode && !isPrimary(eni) && isMadeByAgent(eni);
  if (isAgents && known.isFresh) return undefined;
  const isEmptied = known.isFresh && isOfNode && isPrimary(eni);
  const isAttached = eni.status === "in-use";
  return {
    id,
    subnetId,
    interfaceType: eni.interfaceType,
    status: isAttached ? "in-use" : "available",
    description: eni.description,
    requesterId: eni.requesterId,
    isRequesterManaged: eni.requesterId !== undefined && instanceId === undefined,
    isSourceDestCheck: true,
    securityGroupIds: eni.securityGroupIds,
    primaryAddress,
    addresses: isEmptied ? [] : eni.addresses.filter((address) => address !== primaryAddress),
    prefixes: isEmptied ? [] : eni.prefixes,
    tags: tagList(eni.tags),
    attachment: isAttached
      ? {
          id: `eni-attach-${id.replace(/^eni-/, "")}`,
          instanceId: instanceId !== undefined && known.instanceIds.has(instanceId) ? instanceId : undefined,
          deviceIndex: eni.deviceIndex ?? 1,
          networkCardIndex: eni.networkCardIndex ?? 0,
          status: "attached",
          isDeleteOnTermination: true,
        }
      : undefined,
  };
}

function isMadeByAgent(eni: EniFact): boolean {
  return eni.tags.has(AGENT_TAG) || eni.description.startsWith("aws-K8S-");
}

function tagList(tags: ReadonlyMap<string, string>): TagDescription[] {
  return [...tags].map(([key, value]) => ({ key, value }));
}
