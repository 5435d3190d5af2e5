// Which ENIs are attached, and which of them are ours to manage (ipamd.md 1.7, 8.3, 8.5).

import { assert } from "../../base/assert.ts";
import type { Node } from "../node.ts";
import type { Ec2Eni, EniId, ImdsEni, Tag } from "../types.ts";
import { callEc2, callRepeatedly, sleep } from "./call.ts";
import { INSTANCE_TAG, wantedTags } from "./new-eni.ts";
import { failure, OK, type Operation, type Result } from "./operation.ts";
import { tagValue } from "./set-up-eni.ts";

const DESCRIBE_TRIES = 12;
const DESCRIBE_PAUSE_MS = 10;
const NO_MANAGE_TAG = "node.k8s.amazonaws.com/no_manage";

export interface Inventory {
  /** Managed ENIs of network card 0 that EC2 knows, in metadata's order. */
  readonly managed: readonly ImdsEni[];
  /** EC2's description by id; empty in IMDS-only mode. */
  readonly described: ReadonlyMap<EniId, Ec2Eni>;
}

/** Our ENIs: tag no_manage first, then the tag of this instance, then MANAGE_UNTAGGED_ENI. The primary ENI is always ours. */
export function isManaged(node: Node, eni: Ec2Eni): boolean {
  if (eni.eniId === node.facts.primaryEniId) return true;
  const noManage = tagValue(eni.tags, NO_MANAGE_TAG);
  if (noManage !== undefined) return noManage !== "true";
  return tagValue(eni.tags, INSTANCE_TAG) === node.facts.instanceId || node.settings.manageUntaggedEni;
}

export function managedOf(node: Node, seen: readonly ImdsEni[]): ImdsEni[] {
  return seen.filter((eni) => eni.networkCard === 0 && !node.unmanagedEniIds.has(eni.eniId));
}

/** Asks EC2 about the ENIs that metadata shows and sorts them. Sets the unmanaged ones and the trunk and EFA marks anew. */
export function* takeInventory(node: Node, seen: readonly ImdsEni[]): Operation<Result<Inventory>> {
  if (node.settings.imdsOnly) return { ok: true, value: { managed: managedOf(node, seen), described: new Map() } };
  const described = yield* describeAll(node, seen);
  if (!described.ok) return described;
  const unmanaged = new Set<EniId>();
  let taggedCount = 0;
  for (const eni of seen) {
    const known = described.value.get(eni.eniId);
    if (eni.networkCard !== 0 || known === undefined) continue;
    if (eni.primaryAddress === 0 && known.interfaceType !== "efa-only") {
      node.log("eniWithoutAddress");
      return failure("DescribeAllENIs: No IPv4 and IPv6 addresses found");
    }
    if (known.tags.length > 0) taggedCount++;
    const isOurs =
      known.interfaceType !== "efa-only" &&
      (known.tags.length === 0 ? !wasUnmanaged(node, known) : isManaged(node, known));
    if (isOurs) continue;
    unmanaged.add(eni.eniId);
    node.log("markingUnmanaged", eni.eniId);
  }
  node.unmanagedEniIds = unmanaged;
  node.factsVersion++;
  node.log("describeAllEnisSuccess", seen.length, taggedCount);
  for (const eni of node.pool.presentEnis()) {
    const known = described.value.get(eni.eniId);
    if (known === undefined) continue;
    eni.isTrunk = known.interfaceType === "trunk";
    eni.isEfa = known.interfaceType === "efa";
  }
  const managed = managedOf(node, seen).filter((eni) => isStillHere(node, described.value.get(eni.eniId)));
  return { ok: true, value: { managed, described: described.value } };
}

/**
 * What EC2 does not know is not there, whatever metadata still shows (10.1 #19); and what EC2 shows leaving, or elsewhere, is not
 * taken in: a process that died while it detached an ENI would hand out its addresses again (I2).
 */
function isStillHere(node: Node, known: Ec2Eni | undefined): boolean {
  if (known === undefined || node.pool.eni(known.eniId) !== undefined) return known !== undefined;
  return known.instanceId === node.facts.instanceId && known.status !== "detaching";
}

/** Without tags nothing is judged again: an ENI seen for the first time follows MANAGE_UNTAGGED_ENI. */
function wasUnmanaged(node: Node, eni: Ec2Eni): boolean {
  if (node.pool.eni(eni.eniId) !== undefined) return false;
  return node.unmanagedEniIds.has(eni.eniId) || !isManaged(node, eni);
}

function* describeAll(node: Node, seen: readonly ImdsEni[]): Operation<Result<ReadonlyMap<EniId, Ec2Eni>>> {
  let eniIds = seen.map((eni) => eni.eniId);
  for (let attempt = 1; ; attempt++) {
    assert(attempt <= DESCRIBE_TRIES, "tries are bounded");
    const result = yield* callEc2(node, { action: "DescribeNetworkInterfaces", eniIds });
    if (result.ok) {
      return { ok: true, value: new Map((result.answer.enis ?? []).map((eni) => [eni.eniId, eni])) };
    }
    if (result.errorClass === "notFound") {
      // Metadata lags behind a detach: the id between the first pair of quotes is gone.
      const gone = /['"]([^'"]+)['"]/.exec(result.message)?.[1];
      eniIds = eniIds.filter((eniId) => eniId !== gone);
    }
    if (attempt === DESCRIBE_TRIES) return failure(result.message);
    yield* sleep(node, DESCRIBE_PAUSE_MS * attempt);
  }
}

/** Writes the tags that the ENI lacks or has otherwise. */
export function* tagEni(node: Node, eni: Ec2Eni): Operation<Result> {
  const missing: Tag[] = wantedTags(node).filter(({ key, value }) => tagValue(eni.tags, key) !== value);
  if (missing.length === 0) return OK;
  const tagged = yield* callRepeatedly(
    node,
    { action: "CreateTags", resourceId: eni.eniId, tags: missing },
    { tries: 5, baseMs: 500, jitter: 0.3, goneIsDone: false },
  );
  if (tagged.ok) return OK;
  node.log("tagEniFailed", eni.eniId, tagged.message);
  return failure(tagged.message);
}
