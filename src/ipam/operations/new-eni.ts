// A further ENI: subnet, create, attach, delete-on-termination, wait for metadata, set up (ipamd.md 1.5, 4.5, 5.3, 8.4-8.6).

import { formatRfc3339 } from "../../base/calendar.ts";
import type { Node } from "../node.ts";
import type { LoopPolicy } from "../policies/policy.ts";
import type { Ec2Subnet, EniId, ImdsEni, SubnetId, Tag } from "../types.ts";
import { type CallFailure, callEc2, reasonOf, retryDelayMs, sleep } from "./call.ts";
import { deleteEni, detachAndDeleteEni } from "./free-eni.ts";
import { failure, OK, type Operation, type Result } from "./operation.ts";
import {
  isExcludedByTags,
  isSubnetExcluded,
  listSubnets,
  passesClusterTest,
  ROLE_TAG,
  setUpEni,
  tagValue,
} from "./set-up-eni.ts";

const IMDS_WAIT_TRIES = 12;
const DEVICE_INDEX_LIMIT = 100;

export const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
export const CREATED_AT_TAG = "node.k8s.amazonaws.com/createdAt";
export const CLUSTER_NAME_TAG = "cluster.k8s.amazonaws.com/name";
export const DESCRIPTION_PREFIX = "aws-K8S-";

/** The tags each managed ENI carries (ipamd.md 8.5), sorted by key; ADDITIONAL_ENI_TAGS win over ours. */
export function wantedTags(node: Node): Tag[] {
  const tags = new Map([[INSTANCE_TAG, node.facts.instanceId]]);
  if (node.settings.clusterName !== "") {
    tags.set(CLUSTER_NAME_TAG, node.settings.clusterName);
    tags.set("eks:eni:owner", "amazon-vpc-cni");
  }
  for (const { key, value } of node.settings.additionalEniTags) tags.set(key, value);
  return sortedTags(tags);
}

export function sortedTags(tags: ReadonlyMap<string, string>): Tag[] {
  return [...tags].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
}

export interface Place {
  readonly subnetId: SubnetId;
  readonly securityGroupIds: readonly string[];
}

/** Where a new ENI may go, in the order to try. */
export function* placesForEni(node: Node): Operation<Result<readonly Place[]>> {
  const { settings, facts } = node;
  if (settings.customNetworking) {
    const eniConfig = node.state.eniConfig;
    if (eniConfig === undefined) {
      node.lastGrowthProblem = "eniconfig-missing";
      node.log("eniConfigMissing");
      return failure("eniconfig: eniconfig is not available");
    }
    if (eniConfig.securityGroupIds.length === 0) node.log("eniConfigWithoutGroups", eniConfig.name);
    const groups = eniConfig.securityGroupIds.length > 0 ? eniConfig.securityGroupIds : node.securityGroupIds;
    return { ok: true, value: [{ subnetId: eniConfig.subnetId, securityGroupIds: groups }] };
  }
  const primary: Place = { subnetId: facts.primarySubnetId, securityGroupIds: node.securityGroupIds };
  if (!settings.subnetDiscovery) {
    const excluded = yield* isSubnetExcluded(node, facts.primarySubnetId);
    if (!excluded.ok) node.log("describeSubnetsFailed", excluded.message);
    else if (excluded.value) return noSubnet(node, "primarySubnetExcludedNoDiscovery");
    return { ok: true, value: [primary] };
  }
  const listed = yield* listSubnets(node);
  if (!listed.ok) {
    // The fallback makes the same call again, so a missing permission can never succeed here (10.2).
    node.log("describeSubnetsFailed", listed.message);
    const excluded = yield* isSubnetExcluded(node, facts.primarySubnetId);
    if (!excluded.ok) {
      node.lastGrowthProblem = "ec2-refused";
      node.log("primarySubnetCheckFailed", excluded.message);
      return failure(excluded.message);
    }
    return excluded.value ? noSubnet(node, "primarySubnetExcluded") : { ok: true, value: [primary] };
  }
  const valid = subnetsForEnis(node, listed.value);
  if (valid.length === 0) return noSubnet(node, "noValidSubnets");
  return { ok: true, value: valid.map(({ subnetId }) => ({ ...primary, subnetId })) };
}

/** Those that subnet discovery may use, the ones with the most free addresses first (ipamd.md 1.5). */
export function subnetsForEnis(node: Node, subnets: readonly Ec2Subnet[]): Ec2Subnet[] {
  const { clusterName } = node.settings;
  const valid = subnets.filter((subnet) => {
    const role = tagValue(subnet.tags, ROLE_TAG);
    if (role === undefined || role === "") return subnet.subnetId === node.facts.primarySubnetId;
    return !isExcludedByTags(subnet, clusterName) && passesClusterTest(subnet.tags, clusterName);
  });
  const byFreeAddresses = valid.map((subnet, index) => ({ subnet, index }));
  byFreeAddresses.sort(
    (a, b) => b.subnet.availableIpAddressCount - a.subnet.availableIpAddressCount || a.index - b.index,
  );
  return byFreeAddresses.map(({ subnet }) => subnet);
}

function noSubnet(
  node: Node,
  message: "noValidSubnets" | "primarySubnetExcluded" | "primarySubnetExcludedNoDiscovery",
): { readonly ok: false; readonly message: string } {
  node.lastGrowthProblem = "no-eligible-subnet";
  node.log(message);
  return failure("no subnet may take a new ENI");
}

/** Tries each place until one takes the ENI. Any error moves on to the next; the last one is judged. */
function* createEni(node: Node, policy: LoopPolicy, units: number): Operation<Result<EniId>> {
  const places = yield* placesForEni(node);
  if (!places.ok) return places;
  let last: CallFailure | undefined;
  for (const { subnetId, securityGroupIds } of places.value) {
    node.log("creatingEni", securityGroupIds, subnetId);
    const tags = new Map(wantedTags(node).map(({ key, value }) => [key, value]));
    if (!tags.has(CREATED_AT_TAG)) tags.set(CREATED_AT_TAG, formatRfc3339(node.wallMs));
    const created = yield* callEc2(node, {
      action: "CreateNetworkInterface",
      subnetId,
      securityGroupIds,
      description: DESCRIPTION_PREFIX + node.facts.instanceId,
      prefixCount: node.usesPrefixes ? units : 0,
      addressCount: node.usesPrefixes ? 0 : units,
      tags: sortedTags(tags),
      clientToken: node.clientToken(),
    });
    if (created.ok) {
      const eni = created.answer.enis?.[0];
      if (eni === undefined) return failure("CreateNetworkInterface answered without an ENI");
      node.log("createdEni", eni.eniId);
      return { ok: true, value: eni.eniId };
    }
    last = created;
    node.log("createEniFailed", created.message, subnetId);
  }
  if (last === undefined) return failure("no subnet to try");
  // On CreateNetworkInterface the sufficiency text does not tell a full subnet from a fragmented one (ec2-vpc.md 2.2): a refused
  // prefix on an ENI that is there has told more.
  const isAmbiguous = last.awsCode === "InvalidParameterValue" && node.lastGrowthProblem === "subnet-fragmented";
  if (!isAmbiguous) node.lastGrowthProblem = reasonOf(last);
  const step = policy.afterRefusal(node, { step: "create", errorClass: last.errorClass, awsCode: last.awsCode });
  if (step === "pause") node.exhaustedAtMs = node.nowMs;
  return failure(last.message);
}

/** Attaches to the lowest free device index. What fails here leaves no ENI behind. */
export function* attachEni(node: Node, eniId: EniId): Operation<Result<string>> {
  const { instanceId } = node.facts;
  const instances = yield* callEc2(node, { action: "DescribeInstances", instanceId });
  let problem: CallFailure | undefined;
  if (instances.ok) {
    const used = new Set(instances.answer.deviceIndexes);
    let deviceIndex = 0;
    while (deviceIndex < DEVICE_INDEX_LIMIT && used.has(deviceIndex)) deviceIndex++;
    const attached = yield* callEc2(node, { action: "AttachNetworkInterface", eniId, instanceId, deviceIndex });
    if (attached.ok) return { ok: true, value: attached.answer.attachmentId ?? "" };
    problem = attached;
  } else problem = instances;
  node.lastGrowthProblem = reasonOf(problem);
  node.log("attachEniFailed", eniId, problem.message);
  yield* deleteEni(node, eniId);
  return failure(problem.message);
}

/** Waits until metadata shows the ENI with what was asked. A partial result counts with 1 address, or 2 prefixes (10.1 #16). */
export function* waitForEni(node: Node, eniId: EniId, units: number): Operation<Result<ImdsEni>> {
  let partial: ImdsEni | undefined;
  for (let attempt = 1; attempt <= IMDS_WAIT_TRIES; attempt++) {
    const outcome = yield { kind: "observe", what: "enis" };
    const seen = outcome?.kind === "enis" ? outcome.enis.find((eni) => eni.eniId === eniId) : undefined;
    const held = seen === undefined ? 0 : node.usesPrefixes ? seen.prefixes.length : seen.addresses.length;
    if (seen !== undefined && held >= units) return { ok: true, value: seen };
    partial = seen;
    node.log("eniNotInMetadataYet", attempt, IMDS_WAIT_TRIES);
    if (attempt < IMDS_WAIT_TRIES) {
      yield* sleep(node, retryDelayMs(node, { failedTryCount: attempt, baseMs: 100, jitter: 0.15 }));
    }
  }
  const partialCount =
    partial === undefined ? 0 : node.usesPrefixes ? partial.prefixes.length : partial.addresses.length;
  if (partial !== undefined && partialCount >= (node.usesPrefixes ? 2 : 1)) return { ok: true, value: partial };
  if (partialCount === 1) node.quirk("10.1#16", "I10");
  node.count("awscni_ipamd_error_count", "waitENIAttachedMaxRetryExceeded");
  node.log("metadataWaitGaveUp");
  return failure("waitForENIAndIPsAttached: giving up trying to retrieve ENIs from metadata service");
}

/** A new ENI with `units` prefixes (or addresses, in secondary-IP mode), from nothing to the pool. */
export function* addNewEni(node: Node, policy: LoopPolicy, units: number): Operation<Result> {
  node.log("tryingNewEni", units);
  const created = yield* createEni(node, policy, units);
  if (!created.ok) return eniFailed(node, created.message);
  let eniId = created.value;
  const attached = yield* attachEni(node, eniId);
  if (!attached.ok) return eniFailed(node, attached.message);
  const marked = yield* callEc2(node, { action: "SetDeleteOnTermination", eniId, attachmentId: attached.value });
  if (!marked.ok) {
    node.log("deleteOnTerminationFailed", eniId, marked.message);
    const freed = yield* detachAndDeleteEni(node, eniId);
    if (!freed.ok) return eniFailed(node, marked.message);
    // 10.1 #15: the reference then reports success with an empty id and waits for that in metadata.
    node.quirk("10.1#15", "I10");
    eniId = "";
  } else node.log("attachedEni", eniId, 0);
  const seen = yield* waitForEni(node, eniId, units);
  if (!seen.ok) {
    node.lastGrowthProblem = "metadata-unavailable";
    node.count("awscni_ipamd_error_count", "increaseIPPoolwaitENIAttachedFailed");
    node.log("discoverEniFailed", 0, seen.message);
    return seen;
  }
  const setUp = yield* setUpEni(node, seen.value, { isTrunk: false, isEfa: false });
  if (!setUp.ok) {
    node.lastGrowthProblem = "network-setup-failed";
    node.count("awscni_ipamd_error_count", "increaseIPPoolsetupENIFailed");
    node.log("newEniSetUpFailed", eniId, setUp.message);
    return setUp;
  }
  return OK;
}

function eniFailed(node: Node, message: string): { readonly ok: false; readonly message: string } {
  node.count("awscni_ipamd_error_count", "increaseIPPoolAllocENI");
  node.log("allocateEniFailed", message);
  return failure(message);
}
