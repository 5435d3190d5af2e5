// A case of declared settings and counted subnets, without anything that happened: no log, event, pod or refusal. What the
// numbers say by themselves is then a sign, never a proof; where something happened, only what happened counts.

import type { Facts } from "../facts/model.ts";

/** The sections a class needs that asks it. */
export const HAPPENED_NEEDS = ["logs", "pods", "events", "sightings", "ec2Errors"] as const;

export function isNumbersAlone(facts: Pick<Facts, (typeof HAPPENED_NEEDS)[number]>): boolean {
  return HAPPENED_NEEDS.every((section) => facts[section].length === 0);
}
