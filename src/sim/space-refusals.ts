// When EC2 first said that a subnet has no room: for a prefix, and for a single address. Which of its three answers it was
// does not matter here; how each policy takes them is the policy's.

import type { Ms } from "../base/units.ts";
import type { Ec2Intention, Ec2Outcome } from "../ipam/types.ts";

export class SpaceRefusals {
  /** undefined: never. */
  firstPrefixMs: Ms | undefined;
  firstAddressMs: Ms | undefined;
  count = 0;

  /** `atMs`: when the caller learns of it. Answers may overtake each other. */
  note(intention: Ec2Intention, outcome: Ec2Outcome, atMs: Ms): void {
    if (outcome.kind !== "refused" || outcome.errorClass !== "exhausted") return;
    this.count++;
    // A new ENI without prefixes is refused for want of its primary address: a single one.
    if ("prefixCount" in intention && intention.prefixCount > 0)
      this.firstPrefixMs = Math.min(atMs, this.firstPrefixMs ?? atMs);
    else this.firstAddressMs = Math.min(atMs, this.firstAddressMs ?? atMs);
  }
}
