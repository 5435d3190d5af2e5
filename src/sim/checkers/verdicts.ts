// Which invariants (docs/ARCHITECTURE.md) a run asserts, and how often each of the others was broken and let pass.

import type { PolicyPoint } from "../../ipam/settings.ts";
import type { PolicyId } from "../../ipam/types.ts";

export type InvariantId = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I7" | "I8" | "I9" | "I10" | "I11";

const ALL: readonly InvariantId[] = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11"];
/** The reference breaks the others by documented quirks. */
const OF_THE_REFERENCE: readonly InvariantId[] = ["I1", "I2", "I5", "I6", "I7", "I8"];

/** What a point of policy `slash28` keeps, and nobody once it is switched off. */
const KEPT_BY: Partial<Record<PolicyPoint, readonly InvariantId[]>> = {
  breaker: ["I9", "I10"],
  proof: ["I3", "I11"],
  wait: ["I10"],
  demand: ["I10"],
  fallback: ["I10"],
};

export function assertedUnder(policy: PolicyId, off: readonly PolicyPoint[]): ReadonlySet<InvariantId> {
  const asserted = new Set(policy === "vpc-cni" ? OF_THE_REFERENCE : ALL);
  for (const point of off) for (const id of KEPT_BY[point] ?? []) asserted.delete(id);
  return asserted;
}

export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
  readonly id: InvariantId;

  constructor(id: InvariantId, what: string) {
    super(`${id}: ${what}`);
    this.id = id;
  }
}

export class Verdicts {
  readonly #asserted: ReadonlySet<InvariantId>;
  /** Times that an invariant which is not asserted was broken. */
  readonly excused = new Map<InvariantId, number>();

  constructor(asserted: ReadonlySet<InvariantId>) {
    this.#asserted = asserted;
  }

  /** Throws `BrokenInvariant` unless `holds`, or counts where the invariant is not asserted. */
  demand(holds: boolean, id: InvariantId, what: () => string): void {
    if (holds) return;
    if (this.#asserted.has(id)) throw new BrokenInvariant(id, what());
    this.excuse(id);
  }

  excuse(id: InvariantId): void {
    this.excused.set(id, (this.excused.get(id) ?? 0) + 1);
  }

  isAsserted(id: InvariantId): boolean {
    return this.#asserted.has(id);
  }
}
