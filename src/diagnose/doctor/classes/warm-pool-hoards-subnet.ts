// Warm pools hold what the subnet lacks.

import type { Facts } from "../../facts/model.ts";
import { effectiveSettings, quotes } from "../../facts/settings.ts";
import { defineClass, type Notes } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { HAPPENED_NEEDS, isNumbersAlone } from "../numbers-alone.ts";
import { POOL_NEEDS, type PoolTotal, poolTotals } from "../pool-totals.ts";
import { starvingNodes, sum } from "../starving.ts";
import { BLOCK_SIZE, SHORTAGE_NEEDS, type ShortageFacts, shortageErrors, shortageOf } from "../subnet-shortage.ts";
import { describeEnis, subnetViews } from "../subnet-view.ts";

export const failureClass = defineClass({
  id: "warm-pool-hoards-subnet",
  title: "Idle warm addresses hold what the subnet lacks",
  needs: [...new Set([...SHORTAGE_NEEDS, ...POOL_NEEDS, ...HAPPENED_NEEDS, "fleet"] as const)],
  lookAlikes: ["leaked-enis-drain-subnet"],
  causes: ["subnet-free-ips-exhausted", "subnet-fragmented-no-free-28", "eni-create-no-prefix-space"],
  docs: {
    what: "Nodes hold more unused addresses than the starving pods need, because the warm targets tell them to.",
    why: "A spare ENI is up to 49 addresses, a spare prefix 16, on every node; the agent never goes below its target, and without IP targets it never hands single addresses back. Not a leak: each address belongs to a live node.",
    next: "Set MINIMUM_IP_TARGET to the usual pods of a node and WARM_IP_TARGET to 2-5 (never the former alone); with prefixes WARM_PREFIX_TARGET=1 or IP targets; fewer, fuller nodes.",
    prevention:
      "Compare nodes x (held - used) with the subnet; WARM_ENI_TARGET on types with 30 addresses and more an ENI wants large subnets.",
    sources: ["amazon-vpc-cni-k8s#2294, #2017, #1409, #114, #2793, #2578"],
  },
  look(facts, notes) {
    if (isNumbersAlone(facts)) return byNumbers(facts, notes);
    const errors = shortageErrors(facts);
    const shortage = shortageOf(facts, errors);
    const empty = shortage.views.filter((view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE);
    const totals = poolTotals(facts);
    const hoards = totals.filter((one) => one.total > one.assigned && hoardingSetting(facts, one) !== undefined);
    if (errors.length === 0 || hoards.length === 0) return;
    const idle = sum(hoards.map((one) => one.total - one.assigned));
    const held = sum(totals.map((one) => one.total));
    const used = sum(totals.map((one) => one.assigned));
    const waitingCount = facts.pods.filter(
      (pod) => !pod.isHostNetwork && pod.address === undefined && pod.waitingReason === "ContainerCreating",
    ).length;
    const wanted = Math.max(waitingCount, starvingNodes(facts).filter((one) => one.isOngoing).length, 1);
    // Of the nodes that starve themselves, idle addresses are cooling ones; a few warm addresses a node are no hoard.
    if (idle < Math.max(wanted, held / 5)) return;
    const settings = hoards.flatMap((one) => hoardingSetting(facts, one) ?? []);
    notes.sign(...hoards.slice(0, 3).map((one) => one.evidence), ...settings.slice(0, 1));
    notes.affects({ nodes: hoards.map((one) => one.node), subnets: shortage.views.map((view) => view.id) });
    notes.seen(...errors.map((one) => one.occurrences));
    const id = shortage.views[0]?.id ?? shortage.unseenIds[0];
    notes.proof("EC2 refused for lack of room", quotes(errors), describeEnis(id));
    notes.proof(
      "the subnet is at the end of its addresses",
      empty.length > 0 ? empty.flatMap((view) => view.evidence) : undefined,
      describeEnis(id),
    );
    notes.proof(
      `idle addresses (${idle}) cover the pods that wait (${wanted})`,
      hoards.map((one) => one.evidence),
      {
        what: "the pools of all nodes",
        command: "curl -s http://localhost:61678/metrics | grep -E 'awscni_(total|assigned)_ip'   # on each node",
      },
    );
    notes.summary(
      `${hoards.length} nodes hold ${idle} idle addresses (${used} of ${held} in use over ${totals.length} nodes) while ${empty.map((view) => `${view.id} has ${view.availableIpAddressCount} left`).join(", ") || "EC2 refuses more"}: ${settings[0]?.text}.`,
    );
    const typical = Math.max(1, Math.ceil(used / Math.max(1, totals.length)));
    notes.fix(
      `kubectl -n kube-system set env daemonset aws-node MINIMUM_IP_TARGET=${typical} WARM_IP_TARGET=3   # ${typical} pods a node now; set both, for a managed add-on in its configuration values`,
      "Then fewer, fuller nodes: each keeps its own warm addresses.",
    );
  },
});

/** The setting that makes this node keep so much, if it is one that does. */
function hoardingSetting(facts: Parameters<typeof shortageOf>[0], one: PoolTotal) {
  const settings = effectiveSettings(facts, one.node);
  if (!isSettingKnown(settings, "WARM_IP_TARGET") && !isSettingKnown(settings, "WARM_ENI_TARGET")) return undefined;
  if (settings.hasIpTargets) {
    if (settings.warmIpTarget >= BLOCK_SIZE) return settings.evidence("WARM_IP_TARGET");
    return settings.minimumIpTarget > one.assigned + BLOCK_SIZE ? settings.evidence("MINIMUM_IP_TARGET") : undefined;
  }
  if (settings.prefixDelegation)
    return settings.warmPrefixTarget > 1 ? settings.evidence("WARM_PREFIX_TARGET") : undefined;
  return settings.warmEniTarget > 0 ? settings.evidence("WARM_ENI_TARGET") : undefined;
}

/** What nodes are said to hold against the pods that there are: idle addresses enough to fill the empty subnet. */
function byNumbers(facts: ShortageFacts & Pick<Facts, "fleet">, notes: Notes): void {
  const podCount = facts.fleet.podCount;
  const holders = facts.nodes.filter((node) => node.addressCount !== undefined);
  const empty = subnetViews(facts).filter((view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE);
  const [view] = empty;
  const held = sum(holders.map((node) => (node.addressCount?.value ?? 0) * (node.count ?? 1)));
  if (podCount === undefined || view === undefined || held - podCount.value < Math.max(BLOCK_SIZE, held / 5)) return;
  const evidence = holders.slice(0, 3).map((node) => ({
    source: node.addressCount?.at ?? node.at,
    text: `${node.key}: ${node.addressCount?.value} addresses`,
  }));
  notes.sign(...evidence, { source: podCount.at, text: `${podCount.value} pods` }, ...view.evidence);
  notes.affects({ subnets: empty.map((one) => one.id) });
  notes.proof("the subnet is at the end of its addresses", view.evidence, describeEnis(view.id));
  notes.proof("the pools of the nodes as they are", undefined, {
    what: "the pools of all nodes",
    command: "curl -s http://localhost:61678/metrics | grep -E 'awscni_(total|assigned)_ip'   # on each node",
  });
  const settings = effectiveSettings(facts);
  const setting = settings.hasIpTargets
    ? "WARM_IP_TARGET"
    : settings.prefixDelegation
      ? "WARM_PREFIX_TARGET"
      : "WARM_ENI_TARGET";
  notes.summary(
    `The nodes hold ${held} addresses for ${podCount.value} pods while ${view.id} has ${view.availableIpAddressCount} left: ${settings.evidence(setting).text}.`,
  );
  const typical = Math.max(1, Math.ceil(podCount.value / Math.max(1, holders.length)));
  notes.fix(
    `kubectl -n kube-system set env daemonset aws-node MINIMUM_IP_TARGET=${typical} WARM_IP_TARGET=3   # ${typical} pods a node now; set both, for a managed add-on in its configuration values`,
    "Then fewer, fuller nodes: each keeps its own warm addresses.",
  );
}
