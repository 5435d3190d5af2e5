// The cluster file: text to a checked `Cluster`, or every error with its line and column. One reader for all commands.

import { type Cidr, cidrWithin, formatCidr, isCanonicalCidr, parseCidr } from "../base/ipv4.ts";
import { type Knobs, parseKnobs } from "../catalog/emulator-knobs.ts";
import { type InstanceTypeLimits, instanceTypeLimits, instanceTypes } from "../catalog/instance-types.ts";
import type { CheckError } from "../text/check-error.ts";
import { sortCheckErrors } from "../text/check-error.ts";
import { nearNames } from "../text/near-names.ts";
import { type MapReader, plainValue, scalarText, type YamlNode, YamlSource } from "../text/yaml-source.ts";
import { recommendedMaxPods } from "./capacity.ts";
import { checkFit } from "./check-fit.ts";
import { isTrue } from "./env.ts";
import { SCHEDULING_STRATEGIES, type SchedulingStrategy } from "./node-load.ts";
import { readAutoscaling, readJoinDelay, readNodeEvents } from "./parse-node-events.ts";
import { readFaults, readLeakedEnis, readOtherEnis, readTaints } from "./parse-standing.ts";
import { readWorkloads } from "./parse-workload.ts";
import type {
  AgentTimes,
  Cluster,
  ClusterCni,
  ClusterEniConfig,
  ClusterSubnet,
  ClusterVpc,
  KubeletSettings,
  NodeGroup,
  RunSettings,
} from "./types.ts";

export type ParsedCluster =
  | { readonly kind: "ok"; readonly cluster: Cluster }
  | { readonly kind: "errors"; readonly errors: readonly CheckError[] };

const NODE_COUNT_MAX = 5_000;
/** kubelet takes any 32-bit number; no node comes near this. */
const MAX_PODS_MAX = 10_000;
const ADDRESS_COUNT_MAX = 65_536;

/** Reads a whole cluster file. `fileName` is what the messages call it. */
export function parseCluster(text: string, fileName: string): ParsedCluster {
  const source = new YamlSource(text, fileName);
  if (source.errors.length > 0) return failed(source);
  const document = source.documents[0];
  if (document === undefined || document.contents === null) {
    source.error(
      undefined,
      "the file is empty",
      "It needs apiVersion: slash28/v1, kind: Cluster, subnets and nodeGroups.",
    );
    return failed(source);
  }
  if (source.documents.length > 1) {
    source.error(source.documents[1]?.contents, "a cluster file holds one document", "Give manifests with --pods.");
  }
  const root = source.map(document.contents, "the cluster file");
  if (root === undefined) return failed(source);
  const cluster = readCluster(source, root, fileName);
  return source.errors.length > 0 ? failed(source) : { kind: "ok", cluster };
}

function failed(source: YamlSource): ParsedCluster {
  return { kind: "errors", errors: sortCheckErrors(source.errors) };
}

function readCluster(source: YamlSource, root: MapReader, fileName: string): Cluster {
  fixedText(source, root, "apiVersion", "slash28/v1");
  fixedText(source, root, "kind", "Cluster");
  const region = readRegion(source, root);
  const vpc = readVpc(source, root);
  const places = new Map<object, YamlNode>();
  const errorCount = source.errors.length;
  const subnets = readSubnets(source, root, { region, vpc, places });
  // The names of subnets that could not be read are no typing errors elsewhere.
  const knownSubnets = source.errors.length === errorCount ? subnets : undefined;
  const cni = readCni(source, root, { knownSubnets, vpc });
  const nodeGroups = readNodeGroups(source, root, { subnets, knownSubnets, vpc, cni, places });
  const nodeEvents = readNodeEvents(source, root, { nodeGroups, subnets });
  const workloads = readWorkloads(source, root, places);
  const schedulingStrategy = readStrategy(source, root);
  const knobs = readKnobs(source, root);
  const kubelet = readKubelet(root);
  const agentTimes = readAgentTimes(root);
  const faults = readFaults(source, root);
  const run = readRun(source, root);
  root.done();
  const cluster = {
    fileName,
    region,
    vpc,
    subnets,
    nodeGroups,
    nodeEvents,
    cni,
    workloads,
    schedulingStrategy,
    knobs,
    kubelet,
    agentTimes,
    faults,
    run,
  };
  checkFit(source, cluster, places);
  return cluster;
}

function fixedText(source: YamlSource, root: MapReader, key: string, wanted: string): void {
  const node = root.required(key, wanted);
  if (node !== undefined && scalarText(node, true) !== wanted) {
    source.error(node, `${key} must be ${wanted}, not ${JSON.stringify(scalarText(node, true) ?? null)}`);
  }
}

function readRegion(source: YamlSource, root: MapReader): string {
  const region = root.text("region", { isRequired: false }) ?? "us-west-2";
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) {
    source.error(root.value("region"), `"${region}" is not the name of a region`, "For example: region: us-west-2");
  }
  return region;
}

function readVpc(source: YamlSource, root: MapReader): ClusterVpc {
  const fallback: ClusterVpc = { kind: "cidrs", cidrs: [{ base: 0x0a000000, prefixLength: 16 }] };
  const reader = root.map("vpc");
  if (reader === undefined) return fallback;
  const cidrNodes = reader.list("cidrs");
  const dump = reader.text("ec2Dump", { isRequired: false });
  reader.done();
  if (dump !== undefined) {
    if (cidrNodes !== undefined) {
      source.error(reader.keyNode("ec2Dump"), "vpc has both cidrs and ec2Dump; keep the one that is meant");
    }
    return { kind: "dump", path: dump, ...source.place(reader.value("ec2Dump")) };
  }
  const cidrs: Cidr[] = [];
  for (const node of cidrNodes ?? []) {
    const cidr = readCidr(source, node, { what: "a VPC block", longest: 28, shortest: 16 });
    if (cidr === undefined) continue;
    const other = cidrs.find((known) => overlap(known, cidr));
    if (other !== undefined) source.error(node, `${formatCidr(cidr)} overlaps the VPC block ${formatCidr(other)}`);
    cidrs.push(cidr);
  }
  if (cidrNodes !== undefined && cidrNodes.length === 0) {
    source.error(reader.keyNode("cidrs"), "a VPC needs at least one block", "For example: cidrs: [10.0.0.0/16]");
  }
  return cidrs.length === 0 ? fallback : { kind: "cidrs", cidrs };
}

function overlap(a: Cidr, b: Cidr): boolean {
  return cidrWithin(a, b) || cidrWithin(b, a);
}

function readCidr(
  source: YamlSource,
  node: YamlNode,
  wanted: { what: string; shortest: number; longest: number },
): Cidr | undefined {
  const text = scalarText(source.resolve(node), true) ?? "";
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    source.error(node, `${wanted.what} must be an IPv4 block such as 10.0.0.0/24, not ${JSON.stringify(text)}`);
    return undefined;
  }
  if (!isCanonicalCidr(text)) {
    source.error(node, `${text} has bits set below its prefix length; did you mean ${formatCidr(cidr)}?`);
    return undefined;
  }
  if (cidr.prefixLength < wanted.shortest || cidr.prefixLength > wanted.longest) {
    const limits = `/${wanted.shortest} to /${wanted.longest}`;
    const size = cidr.prefixLength > wanted.longest ? "small" : "large";
    source.error(node, `${text} is too ${size} for ${wanted.what}, which is ${limits}`);
    return undefined;
  }
  return cidr;
}

function readSubnets(
  source: YamlSource,
  root: MapReader,
  context: { region: string; vpc: ClusterVpc; places: Map<object, YamlNode> },
): ClusterSubnet[] {
  const isDump = context.vpc.kind === "dump";
  if (isDump && root.has("subnets")) {
    source.error(root.keyNode("subnets"), "the subnets come from vpc.ec2Dump; remove one of the two");
  }
  if (!isDump) root.required("subnets", "[{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24 }]");
  const subnets: ClusterSubnet[] = [];
  for (const node of root.list("subnets") ?? []) {
    const reader = source.map(node, "a subnet");
    if (reader === undefined) continue;
    const id = reader.text("id", { isRequired: true, example: "subnet-a" });
    const az = reader.text("az", { isRequired: true, example: `${context.region}a` });
    const cidrNode = reader.required("cidr", "10.0.0.0/24");
    const cidr =
      cidrNode === undefined ? undefined : readCidr(source, cidrNode, { what: "a subnet", shortest: 16, longest: 28 });
    const otherAddresses = reader.integer("otherAddresses", { min: 0, max: ADDRESS_COUNT_MAX }, { isRequired: false });
    const otherPrefixes = reader.integer("otherPrefixes", { min: 0, max: 4096 }, { isRequired: false });
    const leakedEnis = readLeakedEnis(reader);
    const reservations = readReservations(source, reader, cidr);
    const tags = reader.texts("tags") ?? new Map<string, string>();
    reader.done();
    if (az !== undefined && !isZoneOf(context.region, az)) {
      const hint = `"${az}" is not a zone of ${context.region}`;
      source.error(reader.value("az"), hint, `For example: az: ${context.region}a`);
    }
    if (id !== undefined && subnets.some((other) => other.id === id)) {
      source.error(reader.value("id"), `the subnet id "${id}" is used twice`);
    }
    if (id === undefined || az === undefined || cidr === undefined) continue;
    checkSubnetPlace(source, cidrNode, { id, cidr, vpc: context.vpc, subnets });
    const subnet: ClusterSubnet = {
      id,
      az,
      cidr,
      otherAddresses: otherAddresses ?? 0,
      otherPrefixes: otherPrefixes ?? 0,
      leakedEnis,
      reservations,
      tags,
    };
    context.places.set(subnet, cidrNode);
    subnets.push(subnet);
  }
  if (!isDump && root.has("subnets") && subnets.length === 0 && source.errors.length === 0) {
    source.error(root.keyNode("subnets"), "a cluster needs at least one subnet");
  }
  return subnets;
}

function checkSubnetPlace(
  source: YamlSource,
  node: YamlNode,
  given: { id: string; cidr: Cidr; vpc: ClusterVpc; subnets: readonly ClusterSubnet[] },
): void {
  const { id, cidr, vpc, subnets } = given;
  const other = subnets.find((subnet) => overlap(subnet.cidr, cidr));
  if (other !== undefined) {
    source.error(node, `${formatCidr(cidr)} of ${id} overlaps ${formatCidr(other.cidr)} of ${other.id}`);
  }
  if (vpc.kind === "cidrs" && !vpc.cidrs.some((block) => cidrWithin(cidr, block))) {
    const blocks = vpc.cidrs.map(formatCidr).join(", ");
    source.error(node, `${formatCidr(cidr)} of ${id} lies outside the VPC (${blocks})`, "Add the block to vpc.cidrs.");
  }
}

function readReservations(
  source: YamlSource,
  subnet: MapReader,
  subnetCidr: Cidr | undefined,
): { cidr: Cidr; type: "prefix" | "explicit" }[] {
  const reservations: { cidr: Cidr; type: "prefix" | "explicit" }[] = [];
  for (const node of subnet.list("reservations") ?? []) {
    const reader = source.map(node, "a reservation");
    if (reader === undefined) continue;
    const cidrNode = reader.required("cidr", "10.0.0.128/25");
    const type = reader.text("type", { isRequired: true, example: "prefix" });
    reader.done();
    if (type !== undefined && type !== "prefix" && type !== "explicit") {
      source.error(reader.value("type"), `a reservation's type is prefix or explicit, not "${type}"`);
    }
    if (cidrNode === undefined) continue;
    const longest = type === "prefix" ? 28 : 32;
    const cidr = readCidr(source, cidrNode, {
      what: `a reservation of type ${type ?? "prefix"}`,
      shortest: 16,
      longest,
    });
    if (cidr === undefined || (type !== "prefix" && type !== "explicit")) continue;
    if (subnetCidr !== undefined && !cidrWithin(cidr, subnetCidr)) {
      source.error(cidrNode, `the reservation ${formatCidr(cidr)} lies outside the subnet ${formatCidr(subnetCidr)}`);
    }
    const other = reservations.find((known) => overlap(known.cidr, cidr));
    if (other !== undefined) {
      source.error(cidrNode, `the reservation ${formatCidr(cidr)} overlaps ${formatCidr(other.cidr)}`);
    }
    reservations.push({ cidr, type });
  }
  return reservations;
}

function readCni(
  source: YamlSource,
  root: MapReader,
  context: { knownSubnets: readonly ClusterSubnet[] | undefined; vpc: ClusterVpc },
): ClusterCni {
  const reader = root.map("cni");
  if (reader === undefined) return { policy: "slash28", env: new Map(), eniConfigs: [], resourceController: true };
  const policy = reader.text("policy", { isRequired: false }) ?? "slash28";
  if (policy !== "vpc-cni" && policy !== "slash28") {
    source.error(reader.value("policy"), `the policy is vpc-cni or slash28, not "${policy}"`);
  }
  const env = reader.texts("env") ?? new Map<string, string>();
  const eniConfigs: ClusterEniConfig[] = [];
  for (const node of reader.list("eniConfigs") ?? []) {
    const config = source.map(node, "an ENIConfig");
    if (config === undefined) continue;
    const name = config.text("name", { isRequired: true });
    const subnet = config.text("subnet", { isRequired: true });
    const groups = (config.list("securityGroups") ?? []).map((group) => scalarText(source.resolve(group), true) ?? "");
    config.done();
    if (name === undefined || subnet === undefined) continue;
    if (context.vpc.kind === "cidrs") checkSubnetName(source, config.value("subnet"), subnet, context.knownSubnets);
    eniConfigs.push({ name, subnet, securityGroups: groups });
  }
  const resourceController = reader.boolean("resourceController") ?? true;
  reader.done();
  return { policy, env, eniConfigs, resourceController };
}

function checkSubnetName(
  source: YamlSource,
  node: YamlNode,
  id: string,
  subnets: readonly ClusterSubnet[] | undefined,
): void {
  if (subnets === undefined) return;
  const ids = subnets.map((subnet) => subnet.id);
  if (ids.includes(id)) return;
  const near = nearNames(id, ids)[0];
  source.error(node, `there is no subnet "${id}"; ${near ? `did you mean "${near}"?` : `subnets: ${ids.join(", ")}`}`);
}

function readNodeGroups(
  source: YamlSource,
  root: MapReader,
  context: {
    subnets: readonly ClusterSubnet[];
    knownSubnets: readonly ClusterSubnet[] | undefined;
    vpc: ClusterVpc;
    cni: ClusterCni;
    places: Map<object, YamlNode>;
  },
): NodeGroup[] {
  const isDump = context.vpc.kind === "dump";
  if (!isDump) root.required("nodeGroups", "[{ name: general, instanceType: m5.large, count: 3 }]");
  const groups: NodeGroup[] = [];
  for (const node of root.list("nodeGroups") ?? []) {
    const reader = source.map(node, "a node group");
    if (reader === undefined) continue;
    const name = reader.text("name", { isRequired: true, example: "general" });
    const limits = readInstanceType(source, reader);
    const count = reader.integer("count", { min: 1, max: NODE_COUNT_MAX }, { isRequired: true });
    const maxPods = reader.integer("maxPods", { min: 1, max: MAX_PODS_MAX }, { isRequired: false });
    const subnetNodes = reader.list("subnets");
    const labels = reader.texts("labels") ?? new Map<string, string>();
    const taints = readTaints(source, reader);
    const otherEnis = readOtherEnis(source, reader);
    const checkpoint = reader.text("checkpoint", { isRequired: false });
    const joinDelay = readJoinDelay(source, reader);
    const autoscaling = readAutoscaling(source, reader, count);
    reader.done();
    const subnets: string[] = [];
    for (const subnetNode of subnetNodes ?? []) {
      const id = scalarText(source.resolve(subnetNode), true) ?? "";
      if (!isDump) checkSubnetName(source, subnetNode, id, context.knownSubnets);
      subnets.push(id);
    }
    if (subnetNodes !== undefined && subnets.length === 0) {
      source.error(
        reader.keyNode("subnets"),
        "a node group needs at least one subnet",
        "Leave the key out for all subnets.",
      );
    }
    if (name !== undefined && !/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/.test(name)) {
      const next = "Node names come from it: lower-case letters, digits and dashes.";
      source.error(reader.value("name"), `"${name}" cannot name a node group`, next);
    }
    if (groups.some((group) => group.name === name)) {
      source.error(reader.value("name"), `the node group "${name}" is there twice`);
    }
    if (name === undefined || limits === undefined || count === undefined) continue;
    const group: NodeGroup = {
      name,
      instanceType: limits.instanceType,
      limits,
      count,
      maxPods: maxPods ?? defaultMaxPods(limits, context.cni),
      subnets: subnetNodes === undefined ? context.subnets.map((subnet) => subnet.id) : subnets,
      labels,
      taints,
      otherEnis,
      checkpoint,
      joinDelay,
      autoscaling,
    };
    context.places.set(group, reader.keyNode("instanceType"));
    groups.push(group);
  }
  if (!isDump && root.has("nodeGroups") && groups.length === 0 && source.errors.length === 0) {
    source.error(root.keyNode("nodeGroups"), "a cluster needs at least one node group");
  }
  return groups;
}

/** The recommended number for the mode that the environment asks for. */
export function defaultMaxPods(limits: InstanceTypeLimits, cni: ClusterCni): number {
  const maxEni = Number(cni.env.get("MAX_ENI") ?? "0");
  return recommendedMaxPods(limits, {
    prefixDelegation: isTrue(cni.env.get("ENABLE_PREFIX_DELEGATION")),
    customNetworking: isTrue(cni.env.get("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")),
    maxEni: maxEni >= 1 ? Math.floor(maxEni) : undefined,
  });
}

function readInstanceType(source: YamlSource, group: MapReader): InstanceTypeLimits | undefined {
  const name = group.text("instanceType", { isRequired: true, example: "m5.large" });
  if (name === undefined) return undefined;
  const limits = instanceTypeLimits(name);
  if (limits !== undefined) return limits;
  const names = instanceTypes().map((type) => type.instanceType);
  const family = names.filter((known) => known.startsWith(`${name.split(".")[0]}.`));
  const near = nearNames(name, family.length > 0 ? family : names, 3);
  const candidates = near.length > 0 ? near : family.slice(0, 6);
  const next =
    candidates.length > 0
      ? `Did you mean ${candidates.join(", ")}?`
      : "The known types are in src/catalog/instance-limits.tsv.";
  source.error(group.value("instanceType"), `unknown instance type "${name}"`, next);
  return undefined;
}

function readStrategy(source: YamlSource, root: MapReader): SchedulingStrategy {
  const reader = root.map("scheduler");
  const name = reader?.text("strategy", { isRequired: false }) ?? "LeastAllocated";
  reader?.done();
  const strategy = SCHEDULING_STRATEGIES.find((one) => one === name);
  if (strategy !== undefined) return strategy;
  const message = `the strategy is ${SCHEDULING_STRATEGIES.join(" or ")}, not "${name}"`;
  source.error(reader?.value("strategy"), message, "MostAllocated packs pods onto few nodes.");
  return "LeastAllocated";
}

function readKnobs(source: YamlSource, root: MapReader): Knobs {
  const reader = root.map("ec2");
  if (reader === undefined) return parseKnobs({}).knobs;
  const parsed = parseKnobs(plainValue(source, reader.node) as Record<string, unknown>);
  for (const error of parsed.errors) {
    let place: YamlNode = reader.node;
    let scope: MapReader | undefined = reader;
    for (const key of error.path) {
      if (scope === undefined) break;
      const isUnknown = !scope.has(key);
      place = isUnknown ? scope.node : error.message.startsWith("unknown") ? scope.keyNode(key) : scope.value(key);
      const value: YamlNode = source.resolve(scope.value(key));
      scope = isMapNode(value) ? source.map(value, key) : undefined;
    }
    source.error(place, error.message);
  }
  return parsed.knobs;
}

function isMapNode(node: YamlNode): boolean {
  return typeof node === "object" && node !== null && Array.isArray((node as { items?: unknown }).items);
}

function readKubelet(root: MapReader): KubeletSettings {
  const reader = root.map("kubelet");
  const settings: KubeletSettings = {
    runtimeMs: reader?.durationMs("runtime", { min: 0 }) ?? 0,
    retryMs: reader?.durationMs("retry", { min: 100 }) ?? 10_000,
    jitter: reader?.number("jitter", { min: 0, max: 10 }) ?? 0.5,
    sandboxTimeoutMs: reader?.durationMs("sandboxTimeout", { min: 1_000 }) ?? 240_000,
  };
  reader?.done();
  return settings;
}

function readAgentTimes(root: MapReader): AgentTimes {
  const reader = root.map("agent");
  const times: AgentTimes = {
    startMs: reader?.durationMs("start", { min: 0 }) ?? 0,
    replyMs: reader?.durationMs("reply", { min: 0 }) ?? 0,
  };
  reader?.done();
  return times;
}

function readRun(source: YamlSource, root: MapReader): RunSettings {
  const reader = root.map("run");
  const settings: RunSettings = {
    durationMs: reader?.durationMs("duration", { min: 1_000 }) ?? 600_000,
    seed: reader?.integer("seed", { min: 0, max: 4_294_967_295 }, { isRequired: false }) ?? 1,
    speed: reader?.number("speed", { min: 0.1, max: 1_000 }) ?? 1,
    start: readStart(source, reader),
  };
  reader?.done();
  return settings;
}

function readStart(source: YamlSource, reader: MapReader | undefined): RunSettings["start"] {
  const start = reader?.text("start", { isRequired: false }) ?? "serving";
  if (start === "serving" || start === "cold") return start;
  source.error(reader?.value("start"), `run.start is serving or cold, not "${start}"`);
  return "serving";
}

/** `us-west-2a`, or a local zone such as `us-west-2-lax-1a`. The region is any text of the file, so it is no pattern. */
function isZoneOf(region: string, zone: string): boolean {
  return zone.startsWith(region) && /^(-[a-z]+-\d)?[a-z]$/.test(zone.slice(region.length));
}
