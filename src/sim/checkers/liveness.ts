// I10: once faults have stopped, every pod that fits has an address. What fits is reckoned from EC2's truth and the ledger
// alone: an address of the node that rests nobody, a slot and a block for it, an ENI and room for that.

import { ADDRESSES_PER_PREFIX, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { SubnetId } from "../../ipam/types.ts";
import type { NodeLedger } from "./ledger.ts";
import type { Witness, WitnessedEni } from "./witness.ts";

export interface LiveNode {
  readonly instanceId: string;
  readonly ledger: NodeLedger;
  readonly cooldownMs: Ms;
  readonly slotsPerEni: number;
  /** Attached ENIs, foreign ones included. */
  readonly eniCountMax: number;
  readonly usesPrefixes: boolean;
  /** Single addresses serve where no /28 is left. */
  readonly fallsBackToSingles: boolean;
  /** Where a new ENI may go. */
  readonly subnetIds: readonly SubnetId[];
}

export type Room = "address" | "slot" | "eni" | "none";

const NO_MANAGE_TAG = "node.k8s.amazonaws.com/no_manage";

/** What the node's next pod could have now; `none`: it does not fit. */
export function roomFor(node: LiveNode, witness: Witness, nowMs: Ms): Room {
  const enis = witness.enisOf(node.instanceId);
  const own = enis.filter((eni) => eni.tag(NO_MANAGE_TAG) !== "true");
  const held = new Set(node.ledger.claims.values());
  const isFree = (address: Ipv4) =>
    !held.has(address) && nowMs - (node.ledger.releasedAtMs.get(address) ?? Number.NEGATIVE_INFINITY) > node.cooldownMs;
  if (own.some((eni) => usableAddresses(node, eni).some(isFree))) return "address";
  if (own.some((eni) => slotCount(eni) < node.slotsPerEni && hasSpace(node, witness, eni.subnetId, 0))) return "slot";
  const mayAttach = enis.length < node.eniCountMax;
  if (mayAttach && node.subnetIds.some((subnetId) => hasSpace(node, witness, subnetId, 1))) return "eni";
  return "none";
}

function slotCount(eni: WitnessedEni): number {
  return eni.addresses.length + eni.prefixes.length;
}

function usableAddresses(node: LiveNode, eni: WitnessedEni): Ipv4[] {
  const inPrefixes = eni.prefixes.flatMap((base) => Array.from({ length: ADDRESSES_PER_PREFIX }, (_, i) => base + i));
  if (!node.usesPrefixes) return [...eni.addresses];
  return node.fallsBackToSingles ? [...inPrefixes, ...eni.addresses] : inPrefixes;
}

/** Room for one unit beside `primaryCount` single addresses. */
function hasSpace(node: LiveNode, witness: Witness, subnetId: SubnetId, primaryCount: number): boolean {
  const { freePrefixCount, freeAddressCount } = witness.subnet(subnetId);
  const fitsPrefix = freePrefixCount > 0 && freeAddressCount >= ADDRESSES_PER_PREFIX + primaryCount;
  const fitsSingle = freeAddressCount >= 1 + primaryCount;
  if (!node.usesPrefixes) return fitsSingle;
  return fitsPrefix || (node.fallsBackToSingles && fitsSingle);
}
