// The node's facts at start: from instance metadata, the instance table (or EC2 for a type it lacks) and Kubernetes.

import { instanceTypeLimits, supportsPrefixes } from "../catalog/instance-types.ts";
import type { EngineLimits, NodeFacts } from "../ipam/types.ts";
import type { Ec2 } from "../ports/ec2.ts";
import type { Imds, ImdsInstance } from "../ports/imds.ts";
import type { Kube, KubeNode } from "../ports/kube.ts";
import { messageOf } from "./engine-host.ts";

/** max-pods when neither Kubernetes nor the published table says (ipamd.md 6.1 step 13). */
const MAX_PODS_OTHERWISE = 110;

export interface FactSources {
  readonly imds: Imds;
  readonly ec2: Ec2;
  readonly kube: Kube | undefined;
  readonly nodeName: string;
  readonly warn: (message: string) => void;
}

/** A fact that the agent cannot start without is missing. The message says which and what to do. */
export class FactsError extends Error {
  override readonly name = "FactsError";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

export interface ReadFacts {
  readonly facts: NodeFacts;
  readonly instance: ImdsInstance;
  /** undefined: nobody says. */
  readonly boundPodCount: number | undefined;
}

export async function readNodeFacts(sources: FactSources): Promise<ReadFacts> {
  const instance = await readInstance(sources.imds);
  const limits = await readLimits(sources.ec2, instance.instanceType);
  const node = await readNode(sources.kube);
  const maxPods = node?.maxPods ?? publishedMaxPods(instance.instanceType, sources.warn);
  const facts: NodeFacts = {
    nodeName: node?.name ?? sources.nodeName,
    instanceId: instance.instanceId,
    instanceType: instance.instanceType,
    limits,
    region: instance.region,
    availabilityZone: instance.availabilityZone,
    vpcId: instance.vpcId,
    primaryEniId: instance.primaryEniId,
    primarySubnetId: instance.primarySubnetId,
    maxPods,
    isUnschedulable: node?.isUnschedulable ?? false,
    eniConfig: node?.eniConfig,
    clusterNodeCount: node?.clusterNodeCount,
  };
  return { facts, instance, boundPodCount: node?.boundPodCount };
}

async function readInstance(imds: Imds): Promise<ImdsInstance> {
  try {
    return await imds.instance();
  } catch (error) {
    throw new FactsError(
      `The instance's metadata cannot be read: ${messageOf(error)}`,
      "Check that this runs on an EC2 instance whose metadata service is on, with a hop limit that reaches this process (2 in a pod network).",
    );
  }
}

async function readLimits(ec2: Ec2, instanceType: string): Promise<EngineLimits> {
  const known = instanceTypeLimits(instanceType);
  if (known !== undefined) {
    return {
      eniCountMax: known.eniCountMax,
      ipv4PerEni: known.ipv4PerEni,
      supportsPrefixes: supportsPrefixes(known),
      isTrunkingCompatible: known.isTrunkingCompatible,
    };
  }
  try {
    return { ...(await ec2.instanceTypeLimits(instanceType)), isTrunkingCompatible: true };
  } catch (error) {
    throw new FactsError(
      `Failed to get ENI limits from file:vpc_ip_limits or EC2 for ${instanceType}: ${messageOf(error)}`,
      "Allow ec2:DescribeInstanceTypes, or check that EC2 can be reached: the built-in table lacks this type.",
    );
  }
}

async function readNode(kube: Kube | undefined): Promise<KubeNode | undefined> {
  try {
    return await kube?.node();
  } catch (error) {
    throw new FactsError(
      `The node's Kubernetes facts cannot be read: ${messageOf(error)}`,
      "Correct the file that SLASH28_FACTS names.",
    );
  }
}

/** The secondary-IP number of the published list, whatever the mode: growth stops there (10.1 #31). */
function publishedMaxPods(instanceType: string, warn: (message: string) => void): number {
  const published = instanceTypeLimits(instanceType)?.publishedMaxPods;
  if (published !== undefined) {
    warn(`No Kubernetes facts (SLASH28_FACTS): using max-pods ${published}, the published number for ${instanceType}`);
    return published;
  }
  warn(`Using default maxPods as ${MAX_PODS_OTHERWISE} because reading from file failed: no row for ${instanceType}`);
  return MAX_PODS_OTHERWISE;
}
