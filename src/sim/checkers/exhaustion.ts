// I9: after EC2 said that a subnet has no room for a kind (prefix or single address), the node asks for that kind there again
// only after a pause, one call at a time, or once it has seen space: it gave something back itself, or a read showed more room.

import { type Ms, SECOND_MS } from "../../base/units.ts";
import type { Ec2Intention, Ec2Outcome, EniId, SubnetId } from "../../ipam/types.ts";
import type { Verdicts } from "./verdicts.ts";

/** Whatever a policy's pause is: below this it is hammering. */
export const PAUSE_MIN_MS: Ms = 10 * SECOND_MS;

type Kind = "prefix" | "single";

interface Breaker {
  refusedAtMs: Ms;
  /** Since the refusal, no call of the kind has succeeded. */
  isOpen: boolean;
  hasSeenSpace: boolean;
}

interface Asked {
  readonly subnetId: SubnetId;
  readonly kind: Kind;
}

export class ExhaustionCheck {
  readonly #verdicts: Verdicts;
  readonly #name: string;
  readonly #subnetOf: (eniId: EniId) => SubnetId | undefined;
  readonly #breakers = new Map<string, Breaker>();
  readonly #underWay = new Map<number, Asked>();
  readonly #availableSeen = new Map<SubnetId, number>();
  /** Calls that give back, by effect id, with the subnet that gains. */
  readonly #givingBack = new Map<number, SubnetId>();

  constructor(verdicts: Verdicts, name: string, subnetOf: (eniId: EniId) => SubnetId | undefined) {
    this.#verdicts = verdicts;
    this.#name = name;
    this.#subnetOf = subnetOf;
  }

  called(id: number, intention: Ec2Intention, nowMs: Ms): void {
    if (intention.action === "UnassignPrivateIpAddresses" || intention.action === "DeleteNetworkInterface") {
      const subnetId = this.#subnetOf(intention.eniId);
      if (subnetId !== undefined) this.#givingBack.set(id, subnetId);
      return;
    }
    const asked = this.#askedBy(intention);
    if (asked === undefined) return;
    const breaker = this.#breakers.get(keyOf(asked));
    if (breaker?.isOpen === true && !breaker.hasSeenSpace) {
      const sinceMs = nowMs - breaker.refusedAtMs;
      this.#verdicts.demand(
        sinceMs >= PAUSE_MIN_MS,
        "I9",
        () => `${this.#name} asks ${asked.subnetId} for a ${asked.kind} ${sinceMs} ms after it was refused one`,
      );
      const isProbing = [...this.#underWay.values()].some((other) => keyOf(other) === keyOf(asked));
      this.#verdicts.demand(
        !isProbing,
        "I9",
        () => `${this.#name} sends a second probe for a ${asked.kind} to ${asked.subnetId}`,
      );
    }
    this.#underWay.set(id, asked);
  }

  completed(id: number, result: Ec2Outcome, nowMs: Ms): void {
    const isDone = result.kind === "done";
    const gained = this.#givingBack.get(id);
    this.#givingBack.delete(id);
    if (gained !== undefined && isDone) this.#sawSpace(gained);
    for (const { subnetId, availableIpAddressCount } of isDone ? (result.answer.subnets ?? []) : []) {
      if (availableIpAddressCount > (this.#availableSeen.get(subnetId) ?? Number.POSITIVE_INFINITY))
        this.#sawSpace(subnetId);
      this.#availableSeen.set(subnetId, availableIpAddressCount);
    }
    const asked = this.#underWay.get(id);
    if (asked === undefined) return;
    this.#underWay.delete(id);
    if (isDone) this.#breakers.delete(keyOf(asked));
    else if (result.errorClass === "exhausted")
      this.#breakers.set(keyOf(asked), { refusedAtMs: nowMs, isOpen: true, hasSeenSpace: false });
  }

  #sawSpace(subnetId: SubnetId): void {
    for (const kind of ["prefix", "single"] as const) {
      const breaker = this.#breakers.get(keyOf({ subnetId, kind }));
      if (breaker !== undefined) breaker.hasSeenSpace = true;
    }
  }

  #askedBy(intention: Ec2Intention): Asked | undefined {
    if (intention.action === "CreateNetworkInterface") {
      const { subnetId, prefixCount } = intention;
      return { subnetId, kind: prefixCount > 0 ? "prefix" : "single" };
    }
    if (intention.action !== "AssignPrivateIpAddresses") return undefined;
    const subnetId = this.#subnetOf(intention.eniId);
    if (subnetId === undefined) return undefined;
    return { subnetId, kind: intention.prefixCount > 0 ? "prefix" : "single" };
  }
}

function keyOf({ subnetId, kind }: Asked): string {
  return `${subnetId} ${kind}`;
}
