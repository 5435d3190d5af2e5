// What the pool holds, as policy `slash28` counts it: cooling addresses are not available, and of a CIDR in quarantine only
// what its pods hold counts. In prefix mode single addresses count, too: they are what a fragmented subnet still gives.

import type { Node } from "../../node.ts";
import type { PoolCidr, PoolEni } from "../../pool/pool.ts";

export interface Supply {
  /** Addresses held for pods. */
  readonly total: number;
  readonly allocated: number;
  readonly cooling: number;
  /** What can be handed out now: total - allocated - cooling. */
  readonly available: number;
  /** Single addresses in prefix mode: the subnet gave no /28 for them. */
  readonly singles: number;
}

/** May its addresses go to pods, and may it get more? */
export function serves(eni: PoolEni): boolean {
  return !eni.isExcluded && !eni.isQuarantined && !eni.isPending && !eni.isBeingSetUp;
}

export function isOfMode(node: Node, cidr: PoolCidr): boolean {
  return node.usesPrefixes || !cidr.isPrefix;
}

/** Released addresses must have been swept once they have cooled: what is left in that state cools. */
export function supplyOf(node: Node): Supply {
  let total = 0;
  let allocated = 0;
  let cooling = 0;
  let singles = 0;
  for (const eni of node.pool.enis) {
    if (eni === undefined || eni.isExcluded) continue;
    for (const cidr of eni.cidrs) {
      if (cidr === undefined || !isOfMode(node, cidr)) continue;
      allocated += cidr.allocatedCount;
      if (!serves(eni) || cidr.isQuarantined) {
        total += cidr.allocatedCount;
        continue;
      }
      total += cidr.size;
      cooling += cidr.releasedCount;
      if (node.usesPrefixes && !cidr.isPrefix) singles++;
    }
  }
  return { total, allocated, cooling, available: total - allocated - cooling, singles };
}
