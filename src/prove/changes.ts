// The steps of a fix, as the doctor writes them, carried out on a case: what a command or a change would do to settings, VPC and
// nodes. A step that this file does not know is left out, and said to be.

import { type Cidr, cidrWithin, formatCidr, parseCidr } from "../base/ipv4.ts";
import { instanceTypeLimits } from "../catalog/instance-types.ts";
import { allocatable } from "../cluster/index.ts";
import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import type { SubnetDescription, TagDescription } from "../emulator/model/index.ts";
import type { ProveCase } from "./prove-case.ts";

export interface Applied {
  readonly changed: ProveCase;
  /** What was done, in one clause. */
  readonly text: string;
}

interface Context {
  readonly given: ProveCase;
  readonly finding: DoctorFinding;
  readonly match: RegExpExecArray;
  readonly step: string;
}

interface Change {
  readonly pattern: RegExp;
  /** undefined: not on this case. */
  readonly apply: (context: Context) => Applied | undefined;
}

/** Told in the remark of a step: the command alone would be for the subnet that has no room left. */
const MOVE_NODES = /reserve in another subnet and bring new nodes up there/;

/** More than one may be in a step: the first that fits is taken. */
const CHANGES: readonly Change[] = [
  { pattern: /set env (?:daemonset|ds) aws-node((?: [A-Z0-9_]+(?:=[^\s,;]*|-))+)/, apply: setEnv },
  { pattern: /kubectl uncordon (\S+)/, apply: uncordon },
  { pattern: /Name=subnet-id,Values=(\S+).*xargs .*delete-network-interface/, apply: deleteLeaked },
  { pattern: /delete-network-interface --network-interface-id (eni-[0-9a-f]+)/, apply: deleteEni },
  { pattern: /create-tags --resources (\S+) --tags Key=([^\s,]+),Value=(\S*)/, apply: tagSubnet },
  { pattern: /delete-tags --resources (\S+) --tags Key=([^\s,]+)/, apply: untag },
  { pattern: /"kind":"ENIConfig","metadata":\{"name":"([^"]+)"\}/, apply: addEniConfig },
  { pattern: /kubectl patch eniconfig \S+ .*"subnet":"NEW_SUBNET"/, apply: moveEniConfigs },
  { pattern: /\bAdd a subnet\b.*\bin ([a-z]{2}(?:-[a-z]+)+-\d[a-z])/, apply: addSubnet },
  { pattern: /Set max-pods to (\d+)/, apply: setMaxPods },
  { pattern: /Allow only Nitro types/, apply: onlyNitro },
  {
    pattern: /create-subnet-cidr-reservation --subnet-id (\S+) --reservation-type prefix --cidr (\S+)/,
    apply: reserve,
  },
  { pattern: /(?:attach|put)-role-policy/, apply: allowCalls },
  { pattern: /modify-instance-metadata-options/, apply: reachMetadata },
];

/** `kubectl get securitygrouppolicies -A   # none: COMMAND`: what to do where nothing is listed, as a case without them has it. */
const IF_NONE = /^kubectl get securitygrouppolicies\b.*?\s# none: (.*)$/;

function withoutRemark(step: string): string {
  return IF_NONE.exec(step)?.[1] ?? step.replace(/\s{2,}# .*$/, "");
}

/** undefined: the step is none that can be simulated. Remarks behind `#` are not part of a command. */
export function applyStep(given: ProveCase, finding: DoctorFinding, step: string): Applied | undefined {
  if (MOVE_NODES.test(step)) return moveNodes(given, finding);
  const command = withoutRemark(step);
  for (const { pattern, apply } of CHANGES) {
    const match = pattern.exec(command);
    const applied = match === null ? undefined : apply({ given, finding, match, step });
    if (applied !== undefined) return applied;
  }
  return undefined;
}

function setEnv({ given, match }: Context): Applied | undefined {
  const env = new Map(given.cluster.cni.env);
  const done: string[] = [];
  for (const entry of (match[1] ?? "").trim().split(" ")) {
    const [, name = "", sign = "", text = ""] = /^([A-Z0-9_]+)(=|-)(.*)$/.exec(entry) ?? [];
    if (sign === "-") {
      // The chart's own defaults come back with the next helm upgrade only: unset is unset.
      env.delete(name);
      done.push(`${name} unset`);
      continue;
    }
    const value = text === "PODS_PER_NODE" ? String(podsPerNode(given)) : text;
    if (/^[A-Z][A-Z_]+$/.test(value)) return undefined;
    env.set(name, value);
    done.push(`${name}=${value}`);
  }
  const { cluster } = given;
  return { changed: { ...given, cluster: { ...cluster, cni: { ...cluster.cni, env } } }, text: done.join(", ") };
}

/** The usual pods of a node. */
function podsPerNode({ podCount, nodes }: ProveCase): number {
  return Math.max(1, Math.ceil(podCount / Math.max(1, nodes.length)));
}

function uncordon({ given, match }: Context): Applied | undefined {
  const name = match[1] ?? "";
  if (!given.nodes.some((node) => node.name === name)) return undefined;
  const nodes = given.nodes.map((node) =>
    node.name === name
      ? { ...node, taints: node.taints.filter((taint) => !taint.key.endsWith("/unschedulable")) }
      : node,
  );
  return { changed: { ...given, nodes }, text: `${name} is uncordoned` };
}

function deleteEni({ given, match }: Context): Applied | undefined {
  const id = match[1] ?? "";
  return withoutEnis(given, (eni) => eni.id === id, id);
}

/** ENIs that the agents of nodes now gone have left in a subnet. */
function deleteLeaked({ given, match }: Context): Applied | undefined {
  const subnetId = match[1] ?? "";
  const isLeaked = (eni: Eni): boolean =>
    eni.subnetId === subnetId && eni.status === "available" && eni.tags.some((tag) => tag.key.endsWith("/instance_id"));
  return withoutEnis(given, isLeaked, `all detached ENIs of agents in ${subnetId}`);
}

type Eni = NonNullable<ProveCase["world"]["enis"]>[number];

function withoutEnis(given: ProveCase, isGone: (eni: Eni) => boolean, what: string): Applied | undefined {
  const before = given.world.enis ?? [];
  const enis = before.filter((eni) => !isGone(eni));
  if (enis.length === before.length) return undefined;
  return { changed: { ...given, world: { ...given.world, enis } }, text: `deleted: ${what}` };
}

function tagSubnet({ given, finding, match, step }: Context): Applied | undefined {
  const [, resource = "", key = "", value = ""] = match;
  const tag = { key, value };
  if (!isPlaceholder(resource))
    return withSubnetTags(
      given,
      resource,
      (tags) => [...tags.filter((one) => one.key !== key), tag],
      `${resource} tagged ${key}=${value}`,
    );
  const zone = zoneIn(step) ?? zoneOfFinding(given, finding);
  const made = zone === undefined ? undefined : newSubnet(given, finding, { zone, tags: [tag] });
  return made === undefined ? undefined : { changed: made.changed, text: `${made.text}, tagged ${key}=${value}` };
}

function untag({ given, match }: Context): Applied | undefined {
  const [, resource = "", key = ""] = match;
  if (!resource.startsWith("eni-"))
    return withSubnetTags(
      given,
      resource,
      (tags) => tags.filter((tag) => tag.key !== key),
      `${resource} without the tag ${key}`,
    );
  const before = given.world.enis ?? [];
  if (!before.some((eni) => eni.id === resource)) return undefined;
  const enis = before.map((eni) =>
    eni.id === resource ? { ...eni, tags: eni.tags.filter((tag) => tag.key !== key) } : eni,
  );
  return { changed: { ...given, world: { ...given.world, enis } }, text: `${resource} without the tag ${key}` };
}

function withSubnetTags(
  given: ProveCase,
  id: string,
  change: (tags: readonly TagDescription[]) => readonly TagDescription[],
  text: string,
): Applied | undefined {
  if (!given.world.subnets.some((subnet) => subnet.id === id)) return undefined;
  const subnets = given.world.subnets.map((subnet) =>
    subnet.id === id ? { ...subnet, tags: change(subnet.tags ?? []) } : subnet,
  );
  return { changed: { ...given, world: { ...given.world, subnets } }, text };
}

function addEniConfig({ given, finding, match }: Context): Applied | undefined {
  const name = match[1] ?? "";
  const zone = zoneIn(name) ?? zoneOfFinding(given, finding);
  const made = zone === undefined ? undefined : newSubnet(given, finding, { zone, tags: [] });
  if (made === undefined) return undefined;
  const { cluster } = made.changed;
  const eniConfigs = [...cluster.cni.eniConfigs, { name, subnet: made.id, securityGroups: [] }];
  return {
    changed: { ...made.changed, cluster: { ...cluster, cni: { ...cluster.cni, eniConfigs } } },
    text: `ENIConfig ${name} with ${made.text}`,
  };
}

function moveEniConfigs({ given, finding, step }: Context): Applied | undefined {
  const zone = zoneIn(step) ?? zoneOfFinding(given, finding);
  const made = zone === undefined ? undefined : newSubnet(given, finding, { zone, tags: [] });
  if (made === undefined) return undefined;
  const { cluster } = made.changed;
  const eniConfigs = cluster.cni.eniConfigs.map((config) =>
    finding.subnets.includes(config.subnet) ? { ...config, subnet: made.id } : config,
  );
  return {
    changed: { ...made.changed, cluster: { ...cluster, cni: { ...cluster.cni, eniConfigs } } },
    text: `the ENIConfigs of ${finding.subnets.join(", ")} name ${made.text}`,
  };
}

function addSubnet({ given, finding, match }: Context): Applied | undefined {
  const tags = [{ key: "kubernetes.io/role/cni", value: "1" }];
  const made = newSubnet(given, finding, { zone: match[1] ?? "", tags });
  return made === undefined ? undefined : { changed: made.changed, text: `${made.text}, tagged for the agent` };
}

const NEW_SUBNET_LENGTH = 20;
/** Blocks of the shared address space, as EKS recommends for pods; then others. */
const NEW_BLOCKS = ["100.64.0.0/16", "100.65.0.0/16", "100.66.0.0/16", "198.19.0.0/16"];

function newSubnet(
  given: ProveCase,
  finding: DoctorFinding,
  wanted: { readonly zone: string; readonly tags: readonly TagDescription[] },
): (Applied & { readonly id: string }) | undefined {
  const { world } = given;
  const near = world.subnets.find((subnet) => finding.subnets.includes(subnet.id)) ?? world.subnets[0];
  const vpc = world.vpcs.find((one) => one.id === near?.vpcId) ?? world.vpcs[0];
  const block = NEW_BLOCKS.map(parseCidr).find(
    (cidr) => cidr !== undefined && !world.vpcs.some((one) => one.cidrs.some((other) => overlap(other, cidr))),
  );
  if (vpc === undefined || block === undefined) return undefined;
  const cidr: Cidr = { base: block.base, prefixLength: NEW_SUBNET_LENGTH };
  const id = `subnet-0new${world.subnets.length}`;
  const subnet: SubnetDescription = { id, vpcId: vpc.id, az: wanted.zone, cidr, reservations: [], tags: wanted.tags };
  const vpcs = world.vpcs.map((one) => (one === vpc ? { ...one, cidrs: [...one.cidrs, block] } : one));
  return {
    id,
    changed: { ...given, world: { ...world, vpcs, subnets: [...world.subnets, subnet] } },
    text: `a new subnet ${formatCidr(cidr)} in ${wanted.zone}`,
  };
}

function overlap(a: Cidr, b: Cidr): boolean {
  return cidrWithin(a, b) || cidrWithin(b, a);
}

function setMaxPods({ given, finding, match }: Context): Applied | undefined {
  const maxPods = Number(match[1]);
  const isMeant = (name: string): boolean => finding.nodes.length === 0 || finding.nodes.includes(name);
  const nodes = given.nodes.map((node) =>
    isMeant(node.name) ? { ...node, maxPods, ...allocatable(node.limits, maxPods) } : node,
  );
  // Pods that are bound to a node stay there; those beyond its number are to find another.
  const changed = { ...given, nodes, pods: given.pods.map((pod) => ({ ...pod, nodeName: undefined })) };
  return { changed, text: `max-pods ${maxPods}; the scheduler places the pods anew` };
}

/** The finding's nodes are replaced by new ones in a new subnet, half of which is reserved for prefixes. */
function moveNodes(given: ProveCase, finding: DoctorFinding): Applied | undefined {
  const isMeant = (node: { name: string }): boolean => finding.nodes.length === 0 || finding.nodes.includes(node.name);
  const moved = new Set(given.nodes.filter(isMeant).map((node) => node.instanceId));
  const zone = zoneOfFinding(given, finding);
  const made = zone === undefined ? undefined : newSubnet(given, finding, { zone, tags: [] });
  if (made === undefined || moved.size === 0) return undefined;
  const { world } = made.changed;
  const nodes = given.nodes.map((node) => (moved.has(node.instanceId) ? { ...node, subnetId: made.id } : node));
  const subnets = world.subnets.map((subnet) => {
    if (subnet.id !== made.id) return subnet;
    const half: Cidr = { base: subnet.cidr.base + 2 ** (31 - NEW_SUBNET_LENGTH), prefixLength: NEW_SUBNET_LENGTH + 1 };
    return { ...subnet, reservations: [{ cidr: half, type: "prefix" as const }] };
  });
  const instances = world.instances.map((one) => (moved.has(one.id ?? "") ? { ...one, subnetId: made.id } : one));
  const enis = (world.enis ?? []).filter((eni) => !moved.has(eni.attachment?.instanceId ?? ""));
  return {
    changed: { ...made.changed, nodes, world: { ...world, subnets, instances, enis } },
    text: `${moved.size} nodes come up anew in ${made.text}, half of it reserved for prefixes`,
  };
}

/** The next generation with Nitro of the same size. */
const NITRO: ReadonlyMap<string, string> = new Map([
  ["m3", "m5"],
  ["m4", "m5"],
  ["c3", "c5"],
  ["c4", "c5"],
  ["r3", "r5"],
  ["r4", "r5"],
  ["t2", "t3"],
  ["i3", "i3en"],
]);

function onlyNitro({ given, finding }: Context): Applied | undefined {
  const types = new Map<string, string>();
  for (const { name, instanceType } of given.nodes) {
    const [family = "", size] = instanceType.split(".");
    const next = `${NITRO.get(family)}.${size}`;
    if (finding.nodes.includes(name) && instanceTypeLimits(next) !== undefined) types.set(instanceType, next);
  }
  if (types.size === 0) return undefined;
  const nodes = given.nodes.map((node) => {
    const limits = instanceTypeLimits(types.get(node.instanceType) ?? "");
    if (limits === undefined) return node;
    return { ...node, instanceType: limits.instanceType, limits, ...allocatable(limits, node.maxPods) };
  });
  const instances = given.world.instances.map((one) => ({ ...one, type: types.get(one.type) ?? one.type }));
  const text = [...types].map(([from, to]) => `${from} becomes ${to}`).join(", ");
  return { changed: { ...given, nodes, world: { ...given.world, instances } }, text };
}

function reserve({ given, match }: Context): Applied | undefined {
  const [, id = "", text = ""] = match;
  const cidr = parseCidr(text);
  const subnet = given.world.subnets.find((one) => one.id === id);
  if (cidr === undefined || subnet === undefined || !cidrWithin(cidr, subnet.cidr)) return undefined;
  if ((subnet.reservations ?? []).some((one) => overlap(one.cidr, cidr))) return undefined;
  const reservations = [...(subnet.reservations ?? []), { cidr, type: "prefix" as const }];
  const subnets = given.world.subnets.map((one) => (one === subnet ? { ...one, reservations } : one));
  return { changed: { ...given, world: { ...given.world, subnets } }, text: `${text} of ${id} reserved for prefixes` };
}

function allowCalls({ given }: Context): Applied | undefined {
  const faults = given.faults.filter((fault) => fault.operation.op !== "fail");
  if (faults.length === given.faults.length) return undefined;
  return { changed: { ...given, faults }, text: "EC2 denies the calls no more" };
}

function reachMetadata({ given }: Context): Applied | undefined {
  const faults = given.faults.filter((fault) => fault.operation.op !== "setKnob");
  if (faults.length === given.faults.length) return undefined;
  return { changed: { ...given, faults }, text: "instance metadata answers" };
}

function isPlaceholder(resource: string): boolean {
  return /^[A-Z][A-Z_]+$/.test(resource);
}

function zoneIn(text: string): string | undefined {
  return /\b[a-z]{2}(?:-[a-z]+)+-\d[a-z]\b/.exec(text)?.[0];
}

function zoneOfFinding(given: ProveCase, finding: DoctorFinding): string | undefined {
  const node = given.nodes.find((one) => finding.nodes.includes(one.name)) ?? given.nodes[0];
  return given.world.subnets.find((subnet) => subnet.id === node?.subnetId)?.az;
}
