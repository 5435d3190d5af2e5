// What a release sets off under `vpc-cni` beside the cooldown: leftovers of the other mode go back, CIDRs of excluded ENIs are
// forgotten (ipamd.md 3.2).

import { SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { sleep } from "../../operations/call.ts";
import { returnCidrs } from "../../operations/cidrs.ts";
import type { Operation } from "../../operations/operation.ts";
import type { PoolCidr } from "../../pool/pool.ts";
import * as decide from "./decide.ts";

const EXCLUDED_CLEANUP_MS = 5 * SECOND_MS;
const SAVE_POLL_MS = 10;

export function afterRelease(node: Node, cidr: PoolCidr): void {
  const { eni } = cidr;
  if (eni.isExcluded && cidr.allocatedCount === 0) node.spawn(forgetExcludedCidr(node, cidr));
  if (!node.usesPrefixes && cidr.isPrefix) {
    const prefixes = decide.freeableCidrs(eni).filter((candidate) => candidate.isPrefix);
    if (prefixes.length > 0) node.spawn(giveBack(node, prefixes));
  }
}

/** A CIDR of an excluded ENI that is still empty 5 s after its last pod left: forgotten here, kept by EC2 (10.1 #20). */
function* forgetExcludedCidr(node: Node, cidr: PoolCidr): Operation {
  yield* sleep(node, EXCLUDED_CLEANUP_MS);
  const { eni } = cidr;
  if (!eni.isExcluded || cidr.allocatedCount > 0 || eni.cidrs[cidr.index] !== cidr) return;
  if (node.pool.eni(eni.eniId) !== eni) return;
  const { runningTotal, runningPrefixCount } = node.pool;
  node.pool.removeCidr(cidr, { force: false });
  node.pool.runningTotal = runningTotal;
  node.pool.runningPrefixCount = runningPrefixCount;
  node.quirk("10.1#20", "I6");
}

/** Secondary-IP mode: the last pod of a leftover prefix went, so the ENI's free prefixes go back. */
function* giveBack(node: Node, prefixes: readonly PoolCidr[]): Operation {
  // The reference has written its checkpoint by then.
  while (prefixes.some((cidr) => cidr.unsavedCount > 0)) yield* sleep(node, SAVE_POLL_MS);
  const eni = prefixes[0]!.eni;
  if (node.pool.eni(eni.eniId) === eni) yield* returnCidrs(node, eni, prefixes, { entersReconcileCooldown: true });
}
