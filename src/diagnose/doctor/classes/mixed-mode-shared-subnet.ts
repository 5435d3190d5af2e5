// Nodes with prefixes share their subnet with users of single addresses, who break its blocks.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { clusterOf, nodeInstances } from "../eni-holder.ts";
import { defineClass } from "../failure-class.ts";
import { sum } from "../starving.ts";
import { blockRemedies } from "../subnet-remedies.ts";
import { noBlockErrors, noRoomErrors, SHORTAGE_NEEDS, shortageOf } from "../subnet-shortage.ts";
import { describeEnis, spoilers } from "../subnet-view.ts";

export const failureClass = defineClass({
  id: "mixed-mode-shared-subnet",
  title: "Prefix nodes and single-address users share the subnet",
  needs: [...SHORTAGE_NEEDS, "sightings"],
  lookAlikes: [],
  causes: ["subnet-fragmented-no-free-28", "eni-create-no-prefix-space"],
  docs: {
    what: "Most broken blocks of the subnet are broken by nodes that take single addresses, or by another cluster's nodes, beside nodes that take prefixes.",
    why: "EC2 scatters single addresses; each churned secondary address breaks another block. Prefix mode works right after a roll-out and decays, and every repair is undone. Where load balancers or endpoints broke the blocks once, plain fragmentation is the name.",
    next: "A subnet of their own for prefix nodes, or prefix reservations; when moving to prefixes replace all nodes (a new node group, drain the old) rather than mixing.",
    prevention:
      "Warn where prefix delegation is on and any node of the subnet has no prefix, or a second cluster's nodes are there.",
    sources: [
      "amazon-vpc-cni-k8s#2749, #2045",
      "cilium#38499",
      "EKS user guide: new node groups when the mode changes",
    ],
  },
  look(facts, notes) {
    const errors = [...noBlockErrors(facts), ...noRoomErrors(facts)];
    if (errors.length === 0) return;
    const nodes = nodeInstances(facts);
    const standIns = new Set(sightingsOf(facts, "singles-stand-in").map((one) => one.captures["subnet"]));
    for (const view of shortageOf(facts, errors).views) {
      // Prefix nodes themselves took them, since there was no /28: an effect, not the cause.
      if (standIns.has(view.id)) continue;
      const all = spoilers(view, facts);
      const clusters = new Set(view.enis.flatMap((eni) => clusterOf(eni) ?? []));
      const single = all.filter((one) => one.holder.kind === "node-addresses");
      const count = sum(single.map((one) => one.blockCount));
      if (count === 0 || count * 2 < sum(all.map((one) => one.blockCount))) continue;
      const prefixed = view.enis.filter(
        (eni) => eni.prefixes.length > 0 && eni.instanceId !== undefined && nodes.has(eni.instanceId),
      );
      const settings = effectiveSettings(facts);
      const singles = view.enis.filter((eni) => single.some((one) => one.eniId === eni.id));
      const evidence = singles.slice(0, 3).map((eni) => ({
        source: eni.at,
        text: `${eni.id} of ${eni.instanceId}: ${eni.addresses.length} addresses, no /28`,
      }));
      notes.sign(...evidence);
      notes.affects({ nodes: errors.map((one) => one.node), subnets: [view.id] });
      notes.seen(...errors.map((one) => one.occurrences));
      notes.proof(
        "most broken blocks are broken by nodes with single addresses",
        view.map === undefined ? undefined : [...evidence, ...view.evidence],
        describeEnis(view.id),
      );
      notes.proof(
        "other nodes there take prefixes",
        prefixed.length > 0
          ? prefixed
              .slice(0, 2)
              .map((eni) => ({ source: eni.at, text: `${eni.id} of ${eni.instanceId}: ${eni.prefixes.length} /28s` }))
          : settings.prefixDelegation
            ? [settings.evidence("ENABLE_PREFIX_DELEGATION")]
            : undefined,
        describeEnis(view.id),
      );
      notes.proof(
        "no /28 is free",
        view.freePrefixCount === 0 ? [...quotes(errors, 1), ...view.evidence] : undefined,
        describeEnis(view.id),
      );
      notes.summary(
        `${single.length} nodes with single addresses break ${count} blocks of ${view.id}, which prefix nodes share${clusters.size > 1 ? ` (clusters ${[...clusters].join(", ")})` : ""}.`,
      );
      notes.fix(
        "Replace the nodes of the old mode: a new node group with prefixes, then drain the old one",
        ...blockRemedies(view, facts),
      );
      return;
    }
  },
});
