// A new ENI cannot be created with its prefixes: the code that the agent does not take for exhaustion.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { blockRemedies } from "../subnet-remedies.ts";
import {
  BLOCK_SIZE,
  noRoomErrors,
  paceText,
  SHORTAGE_NEEDS,
  shortageOf,
  subnetText,
  times,
} from "../subnet-shortage.ts";
import { describeEnis } from "../subnet-view.ts";

export const failureClass = defineClass({
  id: "eni-create-no-prefix-space",
  title: "No new ENI: the subnet has no room for an address and its /28s together",
  needs: [...SHORTAGE_NEEDS, "sightings", "logs"],
  lookAlikes: ["security-groups-per-eni-exceeded"],
  causes: ["ec2-api-throttled"],
  docs: {
    what: "CreateNetworkInterface asks for one address and N prefixes at once; with no free /28 EC2 answers InvalidParameterValue, and the node gets no further ENI.",
    why: "The root is that of subnet-fragmented-no-free-28, but the agent knows only InsufficientCidrBlocks and InsufficientFreeAddressesInSubnet as exhaustion: it does not pause 120 s, and tries again with every loop, about every 5 s. With custom networking the node never becomes Ready. Other texts of InvalidParameterValue are other matters.",
    next: "Make whole /28s free in the pods' subnet (with custom networking that of the ENIConfig, not the node's), or give new ENIs another subnet.",
    prevention:
      "For each pod subnet: nodes x prefixes per node in whole /28s, and nodes x ENIs in single addresses outside prefix reservations.",
    sources: ["amazon-vpc-cni-k8s#3105, #3264, #2313, #3087"],
  },
  look(facts, notes) {
    const errors = noRoomErrors(facts);
    if (errors.length === 0) return;
    noteErrors(notes, errors);
    const created = errors.filter((one) => one.api === undefined || one.api === "CreateNetworkInterface");
    const shortage = shortageOf(facts, errors);
    const { views } = shortage;
    notes.affects({ subnets: [...views.map((view) => view.id), ...shortage.unseenIds] });
    notes.proof("CreateNetworkInterface was refused for lack of free addresses or prefixes", quotes(created), {
      what: "the call that was refused",
      command:
        "sudo grep -h -e 'Failed to CreateNetworkInterface' -e 'free Ipv4 addresses or prefixes' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const settings = effectiveSettings(facts, errors[0]?.node);
    const isByMode = facts.logs.some((log) => log.mode === "prefix");
    const isKnown = isSettingKnown(settings, "ENABLE_PREFIX_DELEGATION");
    const inPrefixMode = isByMode || (isKnown && settings.prefixDelegation);
    if (isKnown && !inPrefixMode) {
      notes.against(
        "prefix delegation is off: the ENI asked for single addresses",
        [settings.evidence("ENABLE_PREFIX_DELEGATION")],
        "subnet-free-ips-exhausted",
      );
    }
    const modeEvidence = isKnown ? [settings.evidence("ENABLE_PREFIX_DELEGATION")] : quotes(errors, 1);
    notes.proof("the agent asks for prefixes", inPrefixMode ? modeEvidence : undefined, {
      what: "whether prefix delegation is on",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
    const full = views.filter((view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE);
    if (full.length > 0 && full.length === views.length)
      notes.against(
        `${full.map((view) => `${view.id} has ${view.availableIpAddressCount} free addresses`).join(", ")}`,
        full.flatMap((view) => view.evidence),
        "subnet-free-ips-exhausted",
      );
    // The code is EC2's word; a map with free /28s beside it was drawn at another time, or is of another subnet.
    const free = views.filter((view) => (view.freePrefixCount ?? 0) > 0);
    if (free.length > 0 && free.length === views.length)
      notes.proof("the map agrees with EC2's refusal", undefined, describeEnis(free[0]?.id));
    const view = views.find((one) => one.freePrefixCount === 0) ?? views[0];
    const room =
      view === undefined
        ? ""
        : `: ${view.availableIpAddressCount ?? "an unknown number of"} addresses free, free /28s ${view.freePrefixCount ?? "not known"}`;
    const never =
      sightingsOf(facts, "custom-networking-no-eni").length > 0
        ? " With custom networking the node does not become Ready."
        : "";
    notes.summary(
      `CreateNetworkInterface was refused ${times(totalCount(errors))} in ${subnetText(shortage)} for lack of an address with a /28${room}.${paceText(errors)}${never}`,
    );
    notes.fix(...blockRemedies(view, facts));
    if (settings.customNetworking)
      notes.fix(
        "A prefix reservation in the ENIConfig's subnet must leave single addresses outside it: each ENI takes one for itself.",
      );
  },
});
