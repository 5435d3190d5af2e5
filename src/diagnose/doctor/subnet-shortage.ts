// EC2's three ways to say that a subnet has no room, the subnets that each refusal concerns, and what is known of those subnets.

import type { Ec2ErrorFact, EniConfigFact, Facts, InstanceFact, NodeFact, NodeKey } from "../facts/model.ts";
import { effectiveSettings } from "../facts/settings.ts";
import { eniConfigName } from "./checklist.ts";
import { errorsWithCode, plainCode } from "./ec2-answers.ts";
import { SUBNET_NEEDS, type SubnetView, subnetViews } from "./subnet-view.ts";

/** The sections a class needs that asks where nodes have their pods. */
export const PLACE_NEEDS = [...SUBNET_NEEDS, "instances", "settings", "eniConfigs"] as const;

type PlaceFacts = Pick<Facts, (typeof PLACE_NEEDS)[number]>;

/** The sections a class needs that asks which subnet is short. */
export const SHORTAGE_NEEDS = [...PLACE_NEEDS, "ec2Errors"] as const;

export type ShortageFacts = Pick<Facts, (typeof SHORTAGE_NEEDS)[number]>;

/** Below this EC2 has no block of 16 to give, whatever its layout. */
export const BLOCK_SIZE = 16;

/** AssignPrivateIpAddresses found no aligned free /28; some answers of CreateNetworkInterface say it too. */
export function noBlockErrors(facts: Pick<Facts, "ec2Errors">): Ec2ErrorFact[] {
  return errorsWithCode(facts, "InsufficientCidrBlocks");
}

/** CreateNetworkInterface found no room for an address and its prefixes together: a code that the agent does not know. */
export function noRoomErrors(facts: Pick<Facts, "ec2Errors">): Ec2ErrorFact[] {
  return errorsWithCode(facts, "InvalidParameterValue").filter((one) => isNoRoomText(one.message));
}

export function noAddressErrors(facts: Pick<Facts, "ec2Errors">): Ec2ErrorFact[] {
  return errorsWithCode(facts, "InsufficientFreeAddressesInSubnet");
}

/** Refusals of any of the three kinds. */
export function shortageErrors(facts: Pick<Facts, "ec2Errors">): Ec2ErrorFact[] {
  return [...noBlockErrors(facts), ...noRoomErrors(facts), ...noAddressErrors(facts)];
}

/** The node was refused by EC2 for something else than room. */
export function otherErrors(facts: Pick<Facts, "ec2Errors">): Ec2ErrorFact[] {
  const short = new Set(shortageErrors(facts));
  return facts.ec2Errors.filter((one) => !short.has(one) && plainCode(one.code) !== "");
}

function isNoRoomText(message: string): boolean {
  return /sufficient free Ipv4 addresses or prefixes/i.test(message);
}

export interface Shortage {
  readonly errors: readonly Ec2ErrorFact[];
  /** The subnets that the refusals concern; empty where no fact tells. */
  readonly views: readonly SubnetView[];
  /** Named by the refusals but not described. */
  readonly unseenIds: readonly string[];
}

/** These refusals and their subnets. */
export function shortageOf(facts: ShortageFacts, errors: readonly Ec2ErrorFact[]): Shortage {
  const views = subnetViews(facts);
  const ids = new Set(errors.flatMap((error) => subnetsOf(facts, error, views)));
  return {
    errors,
    views: views.filter((view) => ids.has(view.id)),
    unseenIds: [...ids].filter((id) => views.every((view) => view.id !== id)),
  };
}

/** The subnet a refusal names, that of the ENI it names, else those of the node's pods, else the only one there is. */
function subnetsOf(facts: ShortageFacts, error: Ec2ErrorFact, views: readonly SubnetView[]): string[] {
  if (error.subnetId !== undefined) return [error.subnetId];
  const ofEni = error.eniId === undefined ? undefined : indexOf(facts).subnetOfEni.get(error.eniId);
  if (ofEni !== undefined) return [ofEni];
  const ofNode = podSubnetsOf(facts, error.node);
  if (ofNode.length > 0) return ofNode;
  const configured = [...new Set(facts.eniConfigs.flatMap((one) => one.subnetId?.value ?? []))];
  if (effectiveSettings(facts, error.node).customNetworking && configured.length > 0) return configured;
  return views.length === 1 ? views.map((view) => view.id) : [];
}

/** Where a node's pods have their ENIs, without discovery: the ENIConfig's subnet, else its own. */
export function podSubnetsOf(facts: PlaceFacts, node: NodeKey | undefined): string[] {
  if (node === undefined) return [];
  const index = indexOf(facts);
  const fact = index.nodes.get(node);
  const settings = effectiveSettings(facts, node);
  if (settings.customNetworking) {
    const config = fact === undefined ? undefined : eniConfigOf(fact, facts.eniConfigs, settings);
    return config?.subnetId === undefined ? [] : [config.subnetId.value];
  }
  const instanceId = fact?.instanceId ?? node;
  const instance = index.instances.get(instanceId) ?? index.instances.get(fact?.name ?? "");
  const own = fact?.subnetId ?? instance?.subnetId;
  const ofEnis = index.subnetsOfInstance.get(instance?.id ?? instanceId) ?? [];
  return [...new Set([...(own === undefined ? [] : [own]), ...ofEnis])];
}

interface PlaceIndex {
  readonly nodes: ReadonlyMap<NodeKey, NodeFact>;
  /** By id and by private DNS name. */
  readonly instances: ReadonlyMap<string, InstanceFact>;
  readonly subnetsOfInstance: ReadonlyMap<string, ReadonlySet<string>>;
  readonly subnetOfEni: ReadonlyMap<string, string>;
}

/** Made once for a case: every class about subnets asks for it, of every node and refusal. */
const indexes = new WeakMap<PlaceFacts, PlaceIndex>();

function indexOf(facts: PlaceFacts): PlaceIndex {
  const known = indexes.get(facts);
  if (known !== undefined) return known;
  const instances = new Map<string, InstanceFact>();
  for (const one of facts.instances) {
    instances.set(one.id, one);
    if (one.privateDnsName !== undefined) instances.set(one.privateDnsName, one);
  }
  const subnetsOfInstance = new Map<string, Set<string>>();
  const subnetOfEni = new Map<string, string>();
  for (const { id, instanceId, subnetId } of facts.enis) {
    if (subnetId === undefined) continue;
    subnetOfEni.set(id, subnetId);
    if (instanceId === undefined) continue;
    const subnets = subnetsOfInstance.get(instanceId);
    if (subnets === undefined) subnetsOfInstance.set(instanceId, new Set([subnetId]));
    else subnets.add(subnetId);
  }
  const nodes = new Map(facts.nodes.map((node) => [node.key, node]));
  const index = { nodes, instances, subnetsOfInstance, subnetOfEni };
  indexes.set(facts, index);
  return index;
}

export function eniConfigOf(
  node: NodeFact,
  configs: readonly EniConfigFact[],
  settings: ReturnType<typeof effectiveSettings>,
): EniConfigFact | undefined {
  const name = eniConfigName(node, settings);
  return configs.find((one) => one.name === name);
}

/** `once`, `5 times`. */
export function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** How often the busiest node was refused, where times tell: the agent's pause after a refusal depends on version and code. */
export function paceText(errors: readonly Ec2ErrorFact[]): string {
  let shortest: number | undefined;
  for (const { occurrences } of errors) {
    const { count, firstMs, lastMs } = occurrences;
    if (count < 3 || firstMs === undefined || lastMs === undefined) continue;
    const apart = (lastMs - firstMs) / (count - 1);
    if (shortest === undefined || apart < shortest) shortest = apart;
  }
  return shortest === undefined ? "" : ` A node tries again about every ${Math.max(1, Math.round(shortest / 1000))} s.`;
}

/** The subnet, in words. */
export function subnetText(shortage: Shortage): string {
  const id = subnetName(shortage);
  return id === "SUBNET" ? "a subnet that the log does not name" : id;
}

/** The subnet a command should name. */
export function subnetName(shortage: Shortage): string {
  return shortage.views[0]?.id ?? shortage.unseenIds[0] ?? "SUBNET";
}
