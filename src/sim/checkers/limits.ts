// I8: slots and ENIs are never exceeded by what the engine knows, its calls under way included, and nothing grows once the
// pool covers max pods.

import { ADDRESSES_PER_PREFIX } from "../../base/ipv4.ts";
import type { Ec2Intention, EngineView, EniId } from "../../ipam/types.ts";
import type { Verdicts } from "./verdicts.ts";

interface Growth {
  /** undefined: a new ENI. */
  readonly eniId: EniId | undefined;
  readonly unitCount: number;
}

export class LimitsCheck {
  readonly #verdicts: Verdicts;
  readonly #name: string;
  readonly #slotsPerEni: number;
  /** Growth calls under way, by effect id. */
  readonly #underWay = new Map<number, Growth>();
  /** Highest max pods since growth last rested: a call may follow a decision that is older than the change. */
  #maxPodsMax: number;
  #maxPods: number;

  constructor(
    verdicts: Verdicts,
    node: { readonly name: string; readonly slotsPerEni: number; readonly maxPods: number },
  ) {
    this.#verdicts = verdicts;
    this.#name = node.name;
    this.#slotsPerEni = node.slotsPerEni;
    this.#maxPods = node.maxPods;
    this.#maxPodsMax = node.maxPods;
  }

  maxPodsBecame(maxPods: number): void {
    this.#maxPods = maxPods;
    this.#maxPodsMax = Math.max(this.#maxPodsMax, maxPods);
  }

  completed(id: number): void {
    this.#underWay.delete(id);
  }

  /** `view`: after the step that emitted the call. */
  called(id: number, intention: Ec2Intention, view: EngineView): void {
    const isAssign = intention.action === "AssignPrivateIpAddresses";
    if (!isAssign && intention.action !== "CreateNetworkInterface") return;
    const unitCount = unitsOf(intention);
    const eniId = isAssign ? intention.eniId : undefined;
    const others = [...this.#underWay.values()].filter((growth) => growth.eniId === eniId);
    if (isAssign) {
      const held = view.enis.find((eni) => eni.eniId === eniId)?.cidrs.length ?? 0;
      const asked = others.reduce((sum, growth) => sum + growth.unitCount, unitCount);
      this.#verdicts.demand(
        held + asked <= this.#slotsPerEni,
        "I8",
        () => `${this.#name} asks for ${asked} on ${eniId}, which holds ${held} of ${this.#slotsPerEni}`,
      );
    } else {
      const eniCount = view.enis.length + view.unmanagedEniCount + others.length;
      this.#verdicts.demand(
        eniCount < view.maxEniCount,
        "I8",
        () => `${this.#name} creates an ENI beside ${eniCount} of ${view.maxEniCount}`,
      );
      this.#verdicts.demand(
        unitCount <= this.#slotsPerEni,
        "I8",
        () => `${this.#name} wants an ENI with ${unitCount} units in ${this.#slotsPerEni} slots`,
      );
    }
    const total = usableAddressCount(view);
    this.#verdicts.demand(
      total < this.#maxPodsMax,
      "I8",
      () => `${this.#name} grows although its ${total} addresses cover ${this.#maxPodsMax} pods`,
    );
    this.#underWay.set(id, { eniId, unitCount });
  }

  /** The pool as it is shown: no more than fits, whatever led there. */
  recount(view: EngineView): void {
    if (view.inProgress.length === 0 && this.#underWay.size === 0) this.#maxPodsMax = this.#maxPods;
    for (const eni of view.enis)
      this.#verdicts.demand(
        eni.cidrs.length <= this.#slotsPerEni,
        "I8",
        () => `${this.#name}: ${eni.eniId} holds ${eni.cidrs.length} of ${this.#slotsPerEni}`,
      );
  }
}

type GrowthCall = Extract<Ec2Intention, { action: "AssignPrivateIpAddresses" | "CreateNetworkInterface" }>;

/** Slots that a call asks for, counted or named. */
function unitsOf(call: GrowthCall): number {
  const named = (call.prefixes?.length ?? 0) + ("addresses" in call ? (call.addresses?.length ?? 0) : 0);
  return call.prefixCount + call.addressCount + named;
}

/** Addresses of the mode in force on ENIs that serve pods. */
function usableAddressCount(view: EngineView): number {
  let count = 0;
  for (const eni of view.enis) {
    if (eni.isExcluded) continue;
    for (const { isPrefix, isQuarantined } of eni.cidrs) {
      if (isQuarantined || isPrefix !== (view.mode === "prefix")) continue;
      count += isPrefix ? ADDRESSES_PER_PREFIX : 1;
    }
  }
  return count;
}
