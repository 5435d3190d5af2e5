// Which address the next pod gets under policy `slash28`: from the fullest prefix that has one, so that others empty and whole
// prefixes can go back; single addresses last, for a fragmented subnet gave them; within a prefix going round, so that an address
// rests as long as it can.

import type { Node } from "../../node.ts";
import { type PoolAddress, type PoolCidr, UNTOUCHED } from "../../pool/pool.ts";
import { isOfMode, serves } from "./supply.ts";

export function fullestFirst(node: Node): PoolAddress | undefined {
  let best: PoolCidr | undefined;
  for (const eni of node.pool.enis) {
    if (eni === undefined || !serves(eni)) continue;
    for (const cidr of eni.cidrs) {
      if (cidr === undefined || cidr.isQuarantined || !isOfMode(node, cidr)) continue;
      if (cidr.allocatedCount + cidr.releasedCount === cidr.size) continue;
      if (best === undefined || isBetter(cidr, best)) best = cidr;
    }
  }
  if (best === undefined) return undefined;
  for (let step = 0; step < best.size; step++) {
    const offset = (best.nextOffset + step) % best.size;
    if (best.states[offset] !== UNTOUCHED) continue;
    best.nextOffset = (offset + 1) % best.size;
    return { cidr: best, offset };
  }
  return undefined;
}

/** Equals keep the order of the pool: the primary ENI first, so that later ENIs empty. */
function isBetter(cidr: PoolCidr, best: PoolCidr): boolean {
  if (cidr.isPrefix !== best.isPrefix) return cidr.isPrefix;
  // A prefix whose addresses cool is kept from going back anyway.
  return cidr.allocatedCount + cidr.releasedCount > best.allocatedCount + best.releasedCount;
}
