// Which address the next pod gets under the policy `vpc-cni`: ipamd.md 3.1. No packing, no preference among ENIs; what was
// used before and has cooled down comes before what was never used; a cooling address is never given out.

import { ADDRESSES_PER_PREFIX } from "../../../base/ipv4.ts";
import type { Prng } from "../../../base/prng.ts";
import type { Ms } from "../../../base/units.ts";
import { type Pool, type PoolAddress, type PoolCidr, type PoolEni, RELEASED, UNTOUCHED } from "../../pool/pool.ts";

export interface ChooseOptions {
  readonly usesPrefixes: boolean;
  readonly cooldownMs: Ms;
  readonly nowMs: Ms;
  readonly random: Prng;
  /** CIDRs that serve nobody now; the reference has none. */
  readonly isClosed?: (cidr: PoolCidr) => boolean;
  /** Told what the walk meets, for the log; undefined where nobody reads it. */
  readonly trace?: ChoiceTrace | undefined;
}

export interface ChoiceTrace {
  cooled(cidr: PoolCidr, offset: number): void;
  nothingIn(cidr: PoolCidr): void;
  nothingOn(eni: PoolEni): void;
}

/** The address for the next pod; undefined when no CIDR of the current mode can serve one. Sweeps the CIDRs that it asks. */
export function chooseAddress(pool: Pool, options: ChooseOptions): PoolAddress | undefined {
  const { order } = pool;
  order.begin(options.random);
  for (let index = order.next(); index >= 0; index = order.next()) {
    const eni = pool.enis[index]!;
    if (eni.isExcluded) continue;
    const total = options.usesPrefixes ? eni.prefixCount * ADDRESSES_PER_PREFIX : eni.singleCount;
    if (total === 0) continue;
    if (total === (options.usesPrefixes ? eni.allocatedInPrefixes : eni.allocatedInSingles)) {
      // Nothing to find here; on a full node that is so for nearly all ENIs.
      eni.order.skip(options.random);
      continue;
    }
    const found = chooseOn(pool, eni, options);
    if (found !== undefined) return found;
    options.trace?.nothingOn(eni);
  }
  return undefined;
}

function chooseOn(pool: Pool, eni: PoolEni, options: ChooseOptions): PoolAddress | undefined {
  const { order } = eni;
  order.begin(options.random);
  for (let index = order.next(); index >= 0; index = order.next()) {
    const cidr = eni.cidrs[index]!;
    if (cidr.isPrefix !== options.usesPrefixes || options.isClosed?.(cidr) === true) continue;
    const offset = cidr.allocatedCount === cidr.size ? -1 : chooseOffset(pool, cidr, options);
    if (offset >= 0) return { cidr, offset };
    options.trace?.nothingIn(cidr);
  }
  return undefined;
}

/** The offset in this CIDR; -1 when all its addresses are allocated or cooling. */
function chooseOffset(pool: Pool, cidr: PoolCidr, options: ChooseOptions): number {
  const { nowMs, cooldownMs, random } = options;
  if (cidr.releasedCount > 0) {
    let chosen = -1;
    const { entries } = cidr;
    const coolingCount = cidr.coolingCount(nowMs, cooldownMs);
    if (coolingCount === cidr.releasedCount) entries.skip(random);
    else {
      entries.begin(random);
      for (let offset = entries.next(); offset >= 0; offset = entries.next()) {
        if (cidr.states[offset] !== RELEASED) continue;
        if (coolingCount > 0 && cidr.isCooling(offset, nowMs, cooldownMs)) continue;
        options.trace?.cooled(cidr, offset);
        pool.sweep(cidr, offset);
        if (chosen < 0) chosen = offset;
      }
      return chosen;
    }
  }
  const { states } = cidr;
  // No indexOf here: this runs for each ADD, and a loop over 16 bytes is faster.
  for (let offset = 0; offset < states.length; offset++) if (states[offset] === UNTOUCHED) return offset;
  return -1;
}

/** Every offset that the next pod may get from this CIDR: one walk decides among cooled-down ones. For tests. */
export function possibleOffsets(cidr: PoolCidr, nowMs: Ms, cooldownMs: Ms): number[] {
  const cooled: number[] = [];
  let lowestUntouched = -1;
  for (let offset = 0; offset < cidr.size; offset++) {
    const state = cidr.states[offset];
    if (state === RELEASED && !cidr.isCooling(offset, nowMs, cooldownMs)) cooled.push(offset);
    if (state === UNTOUCHED && lowestUntouched < 0) lowestUntouched = offset;
  }
  if (cooled.length > 0) return cooled;
  return lowestUntouched < 0 ? [] : [lowestUntouched];
}
