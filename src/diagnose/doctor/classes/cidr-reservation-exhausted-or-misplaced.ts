// A CIDR reservation is there, and prefixes still fail.

import { cidrContains, cidrSize, formatCidr } from "../../../base/ipv4.ts";
import type { ReservationFact } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { BLOCK_SIZE, noAddressErrors, SHORTAGE_NEEDS, shortageErrors, shortageOf } from "../subnet-shortage.ts";
import { describeEnis, emptiestRange, type SubnetView } from "../subnet-view.ts";

interface Fault {
  readonly text: string;
  /** Undefined: the ENIs of the subnet are needed to be sure. */
  readonly isCertain: boolean;
  readonly fix: string;
}

export const failureClass = defineClass({
  id: "cidr-reservation-exhausted-or-misplaced",
  title: "The subnet's CIDR reservation is full, of the wrong type or in the wrong place",
  needs: [...SHORTAGE_NEEDS],
  lookAlikes: [],
  causes: [
    "subnet-fragmented-no-free-28",
    "eni-create-no-prefix-space",
    "subnet-free-ips-exhausted",
    "ec2-api-throttled",
  ],
  docs: {
    what: "A reservation exists, and EC2 still finds no /28 or no single address for the agent.",
    why: "The reservation is full; or of type explicit, which automatic requests never use; or in another subnet than the ENIs; or laid over addresses that were in use; or so large that no single address is left for the ENIs themselves. Free /28s outside a full prefix reservation do get used, so both sides count.",
    next: "Extend or add prefix reservations over empty ranges, one for each subnet; leave single addresses for ENIs; recreate an explicit one as prefix.",
    prevention: "Check type, alignment, subnet and what remains for single addresses when the reservation is declared.",
    sources: ["amazon-vpc-cni-k8s#1836, #3087, #2313", "EC2 user guide: subnet CIDR reservations"],
  },
  look(facts, notes) {
    const errors = shortageErrors(facts);
    if (errors.length === 0 || facts.reservations.length === 0) return;
    const shortage = shortageOf(facts, errors);
    const singles = noAddressErrors(facts).length > 0;
    for (const view of shortage.views) {
      const fault = view.reservations.length > 0 ? faultOf(view, singles) : undefined;
      if (fault === undefined) continue;
      notes.sign(...view.reservations.slice(0, 3).map(reservationEvidence));
      notes.affects({ nodes: errors.map((one) => one.node), subnets: [view.id] });
      notes.seen(...errors.map((one) => one.occurrences));
      notes.proof("EC2 refused in the subnet of the reservation", quotes(errors), describeEnis(view.id));
      notes.proof(
        fault.text,
        fault.isCertain ? [...view.reservations.map(reservationEvidence), ...view.evidence] : undefined,
        describeEnis(view.id),
      );
      notes.summary(`${view.id}: ${fault.text}.`);
      notes.fix(fault.fix);
      return;
    }
    elsewhere();

    /** Prefix reservations in other subnets than those that fail, where no ENI of a node is. */
    function elsewhere(): void {
      const failing = new Set([...shortage.views.map((view) => view.id), ...shortage.unseenIds]);
      const nodeSubnets = new Set(facts.enis.filter((eni) => eni.instanceId !== undefined).map((eni) => eni.subnetId));
      const idle = facts.reservations.filter(
        (one) => one.type === "prefix" && !failing.has(one.subnetId) && !nodeSubnets.has(one.subnetId),
      );
      const [first] = idle;
      const [view] = shortage.views;
      if (first === undefined || view === undefined || view.reservations.length > 0 || facts.enis.length === 0) return;
      notes.sign(...idle.slice(0, 2).map(reservationEvidence));
      notes.affects({ nodes: errors.map((one) => one.node), subnets: [view.id, first.subnetId] });
      notes.proof(
        "prefixes fail in a subnet without the reservation",
        view.freePrefixCount === 0 ? [...quotes(errors, 1), ...view.evidence] : undefined,
        describeEnis(view.id),
      );
      notes.proof("whether the nodes were meant to have their ENIs in the reserved subnet", undefined, {
        what: "the subnets of node groups and ENIConfigs",
        command:
          "kubectl get eniconfigs -o yaml > eniconfigs.yaml; aws eks describe-nodegroup --cluster-name CLUSTER --nodegroup-name GROUP --output json > nodegroup.json",
      });
      notes.summary(
        `Prefixes fail in ${view.id}; the prefix reservation ${formatCidr(first.cidr)} is in ${first.subnetId}, where no node has an ENI.`,
      );
      const range = emptiestRange(view);
      notes.fix(
        `aws ec2 create-subnet-cidr-reservation --subnet-id ${view.id} --reservation-type prefix --cidr ${range?.cidr ?? "RANGE"}`,
      );
    }
  },
});

function faultOf(view: SubnetView, singles: boolean): Fault | undefined {
  const prefixed = view.reservations.filter((one) => one.type === "prefix");
  const explicit = view.reservations.filter((one) => one.type === "explicit");
  const names = (list: readonly ReservationFact[]): string => list.map((one) => formatCidr(one.cidr)).join(", ");
  const range = emptiestRange(view);
  const add = `aws ec2 create-subnet-cidr-reservation --subnet-id ${view.id} --reservation-type prefix --cidr ${range?.cidr ?? "EMPTY_RANGE"}${range === undefined || range.usedCount > 0 ? "   # this subnet has no empty range left: reserve in another subnet and bring new nodes up there" : ""}`;
  const insideFree = view.map?.blocks.filter((one) => one.state === "free" && one.reservation === "prefix").length;
  const isSingleShort =
    singles && view.availableIpAddressCount !== undefined && view.availableIpAddressCount < BLOCK_SIZE;
  if (isSingleShort && prefixed.length > 0 && (insideFree ?? 1) > 0) {
    return {
      text: `prefix reservations (${names(prefixed)}) leave ${view.availableIpAddressCount} single addresses for ENIs${insideFree === undefined ? "" : `, with ${insideFree} free /28s inside`}`,
      isCertain: insideFree !== undefined && view.isWhole,
      fix: `aws ec2 delete-subnet-cidr-reservation --subnet-cidr-reservation-id ${prefixed[0]?.id}   # then recreate it smaller: each ENI needs one address outside it`,
    };
  }
  const lockedCount = view.map?.blocks.filter((one) => one.state === "reserved").length ?? 0;
  if (prefixed.length === 0 && explicit.length > 0) {
    return {
      text: `the reservations (${names(explicit)}) are of type explicit, which automatic requests never use${view.map === undefined ? "" : `: they keep ${lockedCount} empty /28s back`}`,
      isCertain: view.freePrefixCount === 0 && lockedCount > 0,
      fix: `aws ec2 delete-subnet-cidr-reservation --subnet-cidr-reservation-id ${explicit[0]?.id} && aws ec2 create-subnet-cidr-reservation --subnet-id ${view.id} --reservation-type prefix --cidr ${explicit[0] === undefined ? "RANGE" : formatCidr(explicit[0].cidr)}`,
    };
  }
  if (prefixed.length === 0 || (view.freePrefixCount ?? 0) > 0) return undefined;
  const size = prefixed.reduce((sum, one) => sum + cidrSize(one.cidr.prefixLength) / BLOCK_SIZE, 0);
  const inside = (address: number): boolean => prefixed.some((one) => cidrContains(one.cidr, address));
  const singleCount = view.enis.flatMap((eni) => eni.addresses).filter(inside).length;
  const usable = prefixed.every((one) => one.cidr.prefixLength <= 28);
  return {
    text: usable
      ? `the prefix reservations (${names(prefixed)}, ${size} blocks of 16) hold no free /28, and none is free outside${singleCount > 0 ? `; ${singleCount} single addresses sit inside them` : ""}`
      : `a prefix reservation (${names(prefixed)}) is smaller than a /28`,
    isCertain: view.freePrefixCount === 0,
    fix: add,
  };
}

function reservationEvidence(one: ReservationFact) {
  return { source: one.at, text: `${one.subnetId}: reservation ${one.id} ${formatCidr(one.cidr)} of type ${one.type}` };
}
