// Addresses are free, but no aligned /28 is.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass, type Notes } from "../failure-class.ts";
import { isModeKnown } from "../node-mode.ts";
import { isNumbersAlone } from "../numbers-alone.ts";
import { blockRemedies, spoilerText } from "../subnet-remedies.ts";
import {
  BLOCK_SIZE,
  noBlockErrors,
  paceText,
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
  id: "subnet-fragmented-no-free-28",
  title: "The subnet has free addresses but no free aligned /28",
  needs: [...SHORTAGE_NEEDS, "sightings", "logs", "pods", "events"],
  lookAlikes: ["subnet-free-ips-exhausted"],
  causes: ["eni-create-no-prefix-space", "ec2-api-throttled"],
  docs: {
    what: "Every aligned block of 16 addresses in the subnet holds at least one used address, so that EC2 can delegate no /28, however many single addresses are free.",
    why: "Nodes' and ENIs' primary addresses, secondary addresses of nodes in the old mode, load balancers and endpoints land anywhere. AvailableIpAddressCount counts single addresses and cannot show it. A line about the ENI limit beside the code is no other cause: prefixes could still go on the ENIs that are there.",
    next: "Bring new nodes up in a subnet of their own, free the blocks that one release or drain wins back, and reserve the emptiest aligned range with type prefix.",
    prevention:
      "slash28 map shows free /28s; a prefix reservation keeps single addresses out. Alert on free /28s, not on free addresses.",
    sources: [
      "amazon-vpc-cni-k8s#1634, #2749, #1836",
      "EKS best practices, Prefix mode for Linux",
      "aws-support-tools#257",
    ],
  },
  look(facts, notes) {
    const errors = noBlockErrors(facts);
    if (errors.length === 0) {
      // The agent's own words for it, where the line with the code was cut away; in either mode, so it is a sign and no more.
      // slash28's agent says which of the two it is.
      const typed = sightingsOf(facts, "subnet-fragmented");
      const told = typed.length > 0 ? typed : sightingsOf(facts, ["backoff-recorded", "backoff-active"]);
      if (isNumbersAlone(facts)) return byNumbers(facts, notes);
      if (told.length === 0 || shortageErrors(facts).length > 0) return;
      if (told !== typed && isModeKnown(facts, "secondary")) return;
      notes.sign(...quotes(told));
      notes.affects({ nodes: told.map((one) => one.node) });
      notes.seen(...told.map((one) => one.occurrences));
    } else noteErrors(notes, errors);
    const shortage = shortageOf(facts, errors);
    const { views } = shortage;
    const id = subnetName(shortage);
    notes.affects({ subnets: [...views.map((view) => view.id), ...shortage.unseenIds] });
    notes.proof("EC2 refused a /28: InsufficientCidrBlocks", quotes(errors), {
      what: "EC2's answer to the agent",
      command:
        "sudo grep -h -e InsufficientCidrBlocks -e InsufficientFreeAddresses /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const isRoomy = (count: number | undefined): boolean => count !== undefined && count >= BLOCK_SIZE;
    const roomy = views.filter((view) => isRoomy(view.availableIpAddressCount));
    const full = views.filter((view) => view.availableIpAddressCount !== undefined && !roomy.includes(view));
    const isAllSeen = views.length > 0 && shortage.unseenIds.length === 0;
    if (full.length > 0 && full.length === views.length) {
      notes.against(
        `${full.map((view) => `${view.id} has ${view.availableIpAddressCount} free addresses`).join(", ")}: too few for a /28 in any layout`,
        full.flatMap((view) => view.evidence),
        "subnet-free-ips-exhausted",
      );
    }
    notes.proof(
      `at least ${BLOCK_SIZE} addresses are free`,
      isAllSeen && roomy.length === views.length ? roomy.flatMap((view) => view.evidence) : undefined,
      describeEnis(id === "SUBNET" ? undefined : id),
    );
    const fragmented = views.filter((view) => view.freePrefixCount === 0);
    notes.proof(
      "no aligned /28 is free",
      isAllSeen && fragmented.length === views.length ? fragmented.flatMap((view) => view.evidence) : undefined,
      describeEnis(id === "SUBNET" ? undefined : id),
    );
    const view = fragmented[0] ?? views[0];
    const refused =
      errors.length === 0
        ? "The agent met a subnet without room"
        : `EC2 refused ${times(totalCount(errors))} to delegate a /28 in ${subnetText(shortage)}`;
    if (view === undefined)
      notes.summary(`${refused}; how many addresses are free there, and in how many whole /28s, is not known.`);
    else {
      const spoiled = spoilerText(view, facts);
      const free =
        view.freePrefixCount === undefined
          ? "how many whole /28s is not known"
          : `free aligned /28s: ${view.freePrefixCount}`;
      notes.summary(
        `${refused}: ${view.availableIpAddressCount ?? "an unknown number of"} addresses are free, ${free}${spoiled === "" ? "" : ` (blocks broken by: ${spoiled})`}.${paceText(errors)}`,
      );
    }
    notes.fix(...blockRemedies(view, facts));
  },
});

/** Prefix mode, addresses free, no /28 free: fragmented, whether or not a node has met it yet. */
function byNumbers(facts: Parameters<typeof blockRemedies>[1] & ShortageFacts, notes: Notes): void {
  if (!effectiveSettings(facts).prefixDelegation) return;
  const views = subnetViews(facts).filter(
    (view) => view.freePrefixCount === 0 && (view.availableIpAddressCount ?? 0) >= BLOCK_SIZE,
  );
  const [view] = views;
  if (view === undefined) return;
  notes.sign(...views.flatMap((one) => one.evidence));
  notes.affects({ subnets: views.map((one) => one.id) });
  notes.proof(
    "no aligned /28 is free",
    views.flatMap((one) => one.evidence),
    describeEnis(view.id),
  );
  notes.proof("EC2 refused a /28: InsufficientCidrBlocks", undefined, {
    what: "EC2's answer to the agent",
    command:
      "sudo grep -h -e InsufficientCidrBlocks -e InsufficientFreeAddresses /var/log/aws-routed-eni/ipamd.log | tail -n 5",
  });
  const spoiled = spoilerText(view, facts);
  notes.summary(
    `${view.id} has ${view.availableIpAddressCount} free addresses and no free aligned /28${spoiled === "" ? "" : ` (blocks broken by: ${spoiled})`}: no node there can get another prefix.`,
  );
  notes.fix(...blockRemedies(view, facts));
}
