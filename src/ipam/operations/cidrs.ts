// CIDRs enter the pool and leave it: growth on an ENI that is there, and giving back to EC2 (ipamd.md 4.6, 5.2, 6.4).

import type { Ipv4 } from "../../base/ipv4.ts";
import { cidrKey, type Node } from "../node.ts";
import type { PoolCidr, PoolEni } from "../pool/pool.ts";
import { callEc2 } from "./call.ts";
import type { Operation } from "./operation.ts";

export function addCidr(node: Node, eni: PoolEni, base: Ipv4, isPrefix: boolean): void {
  node.log(isPrefix ? "addingPrefix" : "addingAddress", base, eni.eniId);
  if (!node.pool.addCidr(eni, base, isPrefix)) {
    node.log("alreadyInStore");
    return;
  }
  node.log(isPrefix ? "addedPrefix" : "addedAddress", eni.eniId, base);
}

/** Takes CIDRs without a pod out of the pool and returns them to EC2, at most one call a kind. */
export function* returnCidrs(
  node: Node,
  eni: PoolEni,
  cidrs: readonly PoolCidr[],
  options: { readonly entersReconcileCooldown: boolean },
): Operation<number> {
  const returned = cidrs.filter(
    (cidr) => cidr.allocatedCount === 0 && cidr.unsavedCount === 0 && eni.cidrs[cidr.index] === cidr,
  );
  for (const cidr of returned) {
    if (cidr.coolingCount(node.nowMs, node.settings.cooldownMs) > 0) node.quirk("10.1#10", "I3");
    node.pool.removeCidr(cidr, { force: false });
    if (options.entersReconcileCooldown) node.returnedAtMs.set(cidrKey(cidr.base, cidr.isPrefix), node.nowMs);
    node.log(cidr.isPrefix ? "deletedPrefix" : "deletedAddress", eni.eniId, cidr.base);
  }
  const prefixes = returned.filter((cidr) => cidr.isPrefix).map((cidr) => cidr.base);
  const addresses = returned.filter((cidr) => !cidr.isPrefix).map((cidr) => cidr.base);
  if (prefixes.length > 0) {
    node.log("unassigningPrefixes", prefixes, eni.eniId);
    const result = yield* callEc2(node, {
      action: "UnassignPrivateIpAddresses",
      eniId: eni.eniId,
      prefixes,
      addresses: [],
    });
    if (!result.ok) {
      node.count("awscni_ipamd_error_count", "decreaseIPPool");
      node.log("unassignPrefixesFailed", prefixes, eni.eniId, result.message);
    }
  }
  if (addresses.length > 0) {
    node.log("unassigningAddresses", addresses, eni.eniId);
    const result = yield* callEc2(node, {
      action: "UnassignPrivateIpAddresses",
      eniId: eni.eniId,
      prefixes: [],
      addresses,
    });
    if (!result.ok) {
      node.count("awscni_ipamd_error_count", "decreaseIPPool");
      node.log("unassignAddressesFailed", addresses, eni.eniId, result.message);
    }
  }
  return returned.length;
}
