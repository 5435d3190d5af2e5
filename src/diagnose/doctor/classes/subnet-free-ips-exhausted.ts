// The subnet has no addresses left.

import type { Evidence } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass, type Notes } from "../failure-class.ts";
import { isModeKnown } from "../node-mode.ts";
import { isNumbersAlone } from "../numbers-alone.ts";
import {
  BLOCK_SIZE,
  noAddressErrors,
  noBlockErrors,
  noRoomErrors,
  SHORTAGE_NEEDS,
  type ShortageFacts,
  shortageErrors,
  shortageOf,
  subnetName,
  subnetText,
  times,
} from "../subnet-shortage.ts";
import { describeEnis, subnetViews } from "../subnet-view.ts";

export const failureClass = defineClass({
  id: "subnet-free-ips-exhausted",
  title: "The subnet has no addresses left",
  needs: [...SHORTAGE_NEEDS, "sightings", "logs", "pods", "events"],
  lookAlikes: [],
  docs: {
    what: "The subnet has fewer free addresses than the agent asks for: pods, warm pools and other tenants hold the rest.",
    why: "More is held than the subnet has. Where idle warm addresses, leaked ENIs or reservations hold it, those classes name the cause, and this one is their consequence. With 16 free addresses or more, and prefixes asked for, it is subnet-fragmented-no-free-28 instead.",
    next: "Add a subnet (a secondary CIDR such as 100.64.0.0/10, with custom networking or tagged for discovery), lower warm targets, delete what is idle.",
    prevention:
      "Nodes x addresses held by each (from the targets), with the surge of a rolling update, against the subnet's size.",
    sources: ["amazon-vpc-cni-k8s#40, #547, #123, #1739, #1773", "karpenter-provider-aws#3380"],
  },
  look(facts, notes) {
    const named = noAddressErrors(facts);
    // The other two codes are exhaustion as well where fewer than 16 addresses are left.
    const others = [...noBlockErrors(facts), ...noRoomErrors(facts)].filter((error) =>
      shortageOf(facts, [error]).views.some((view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE),
    );
    const errors = [...named, ...others];
    if (errors.length === 0) {
      // The agent's own words for it, where the line with the code was cut away; with prefixes they mean fragmentation more often.
      // slash28's agent says which of the two it is.
      const typed = sightingsOf(facts, "subnet-exhausted");
      const told = typed.length > 0 ? typed : sightingsOf(facts, ["backoff-recorded", "backoff-active"]);
      if (isNumbersAlone(facts)) return byNumbers(facts, notes);
      if (told.length === 0 || shortageErrors(facts).length > 0) return;
      if (told !== typed && isModeKnown(facts, "prefix")) return;
      notes.sign(...quotes(told));
      notes.affects({ nodes: told.map((one) => one.node) });
      notes.seen(...told.map((one) => one.occurrences));
    } else noteErrors(notes, errors);
    const shortage = shortageOf(facts, errors);
    const id = subnetName(shortage);
    notes.affects({ subnets: [...shortage.views.map((view) => view.id), ...shortage.unseenIds] });
    const codes = [...new Set(errors.map((one) => one.code))].join(", ");
    notes.proof(
      codes === "" ? "EC2 refused for lack of addresses" : `EC2 refused for lack of addresses: ${codes}`,
      quotes(errors),
      {
        what: "EC2's answer",
        command: "sudo grep -h -e InsufficientFreeAddressesInSubnet /var/log/aws-routed-eni/ipamd.log | tail -n 5",
      },
    );
    const empty = shortage.views.filter((view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE);
    const evidence: Evidence[] = empty.flatMap((view) => view.evidence);
    notes.proof(
      "the subnet's free addresses are fewer than a call asks for",
      empty.length > 0 ? evidence : undefined,
      describeEnis(id === "SUBNET" ? undefined : id),
    );
    const [view] = empty;
    const count = view?.availableIpAddressCount ?? shortage.views[0]?.availableIpAddressCount;
    notes.summary(
      `${count === undefined ? `${errors.length === 0 ? "The agent met a subnet without room" : `EC2 refused ${times(totalCount(errors))} in ${subnetText(shortage)} for lack of addresses (${codes})`}; how many addresses are free is not known` : `${id} has ${count} free addresses; EC2 refused ${times(totalCount(errors))} (${codes})`}.`,
    );
    notes.fix(
      `Add a subnet in ${view?.zone ?? "the same zone"} and tag it: aws ec2 create-tags --resources NEW_SUBNET --tags Key=kubernetes.io/role/cni,Value=1   # v1.18.0 and later; a secondary CIDR such as 100.64.0.0/16 serves as well`,
      `See who holds the addresses: slash28 map --subnet ${id}`,
      "Lower what nodes hold unused: kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET=2 MINIMUM_IP_TARGET=PODS_PER_NODE",
    );
  },
});

/** EKS itself wants five free addresses in a subnet; below that nothing more comes up there. */
const NEARLY_NONE = 5;

function byNumbers(facts: ShortageFacts, notes: Notes): void {
  const views = subnetViews(facts).filter((view) => (view.availableIpAddressCount ?? NEARLY_NONE) < NEARLY_NONE);
  const [view] = views;
  if (view === undefined) return;
  notes.sign(...views.flatMap((one) => one.evidence));
  notes.affects({ subnets: views.map((one) => one.id) });
  notes.proof(
    "the subnet's free addresses are fewer than a call asks for",
    views.flatMap((one) => one.evidence),
    describeEnis(view.id),
  );
  notes.proof("EC2 refused for lack of addresses", undefined, {
    what: "EC2's answer",
    command: "sudo grep -h -e InsufficientFreeAddressesInSubnet /var/log/aws-routed-eni/ipamd.log | tail -n 5",
  });
  notes.summary(`${view.id} has ${view.availableIpAddressCount} free addresses: no node there can get another one.`);
  notes.fix(
    `See who holds the addresses: slash28 map --subnet ${view.id}`,
    `Add a subnet in ${view.zone ?? "the same zone"} and tag it: aws ec2 create-tags --resources NEW_SUBNET --tags Key=kubernetes.io/role/cni,Value=1   # v1.18.0 and later; a secondary CIDR such as 100.64.0.0/16 serves as well`,
  );
}
