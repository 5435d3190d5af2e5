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
  let found: PoolAddress | undefined;
  pool.order.first(options.random, (eniIndex) => {
    const eni = pool.enis[eniIndex]!;
    if (eni.isExcluded) return false;
    const total = options.usesPrefixes ? eni.prefixCount * ADDRESSES_PER_PREFIX : eni.singleCount;
    if (total === 0) return false;
    if (total === (options.usesPrefixes ? eni.allocatedInPrefixes : eni.allocatedInSingles)) {
      // Nothing to find here; on a full node that is so for nearly all ENIs.
      eni.order.skip(options.random);
      return false;
    }
    eni.order.first(options.random, (cidrIndex) => {
      const cidr = eni.cidrs[cidrIndex]!;
      if (cidr.isPrefix !== options.usesPrefixes) return false;
      const offset = cidr.allocatedCount === cidr.size ? -1 : chooseOffset(pool, cidr, options);
      if (offset < 0) {
        options.trace?.nothingIn(cidr);
        return false;
      }
      found = { cidr, offset };
      return true;
    });
    if (found === undefined) options.trace?.nothingOn(eni);
    return found !== undefined;
  });
  return found;
}

/** The offset in this CIDR; -1 when all its addresses are allocated or cooling. */
function chooseOffset(pool: Pool, cidr: PoolCidr, options: ChooseOptions): number {
  let chosen = -1;
  if (cidr.releasedCount > 0) {
    for (const offset of cidr.entries.walk(options.random)) {
      if (cidr.states[offset] !== RELEASED) continue;
      if (cidr.isCooling(offset, options.nowMs, options.cooldownMs)) continue;
      options.trace?.cooled(cidr, offset);
      pool.sweep(cidr, offset);
      if (chosen < 0) chosen = offset;
    }
    if (chosen >= 0) return chosen;
  }
  for (let offset = 0; offset < cidr.size; offset++) if (cidr.states[offset] === UNTOUCHED) return offset;
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
