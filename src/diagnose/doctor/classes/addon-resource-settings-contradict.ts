// The circulated recipe and its kin: settings of which some are never read, some add nothing, and the rest is more than the
// subnet has. Judged by sums alone.

import { CHART_DEFAULTS } from "../../../ipam/settings.ts";
import type { Evidence } from "../../facts/model.ts";
import { type EffectiveSettings, effectiveSettings, quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { DEMAND_NEEDS, prefixDemands, prefixesHeld } from "../prefix-demand.ts";
import { otherErrors, shortageErrors } from "../subnet-shortage.ts";

interface Contradiction {
  readonly text: string;
  readonly evidence: Evidence;
  readonly remove: string;
}

export const failureClass = defineClass({
  id: "addon-resource-settings-contradict",
  title: "Settings of the add-on contradict each other",
  needs: [...DEMAND_NEEDS, "logs", "sightings"],
  lookAlikes: [],
  causes: [
    "subnet-too-small-for-prefix-mode",
    "subnet-fragmented-no-free-28",
    "eni-create-no-prefix-space",
    "subnet-free-ips-exhausted",
    "warm-pool-hoards-subnet",
  ],
  docs: {
    what: "Several settings are never read beside others or add nothing to them, so that the nodes do something else than the configuration seems to say.",
    why: "In prefix mode, and beside WARM_IP_TARGET or MINIMUM_IP_TARGET, WARM_ENI_TARGET is never read; WARM_PREFIX_TARGET is not read beside IP targets; a MINIMUM_IP_TARGET no larger than WARM_IP_TARGET adds nothing. ENABLE_POD_ENI spends an ENI on the trunk and needs SecurityGroupPolicies to be of use. bootstrap.sh flags do nothing on AL2023.",
    next: "ENABLE_PREFIX_DELEGATION=true with WARM_PREFIX_TARGET=1; or, to save addresses, WARM_IP_TARGET=5 with MINIMUM_IP_TARGET at the usual pods of a node. Max-pods by the capacity formula; pod subnets of /22 or larger with prefix reservations.",
    prevention: "slash28 lint names each of them.",
    sources: ["amazon-vpc-cni-k8s#3264", "amazon-vpc-cni-k8s docs: prefix-and-ip-target"],
  },
  look(facts, notes) {
    const settings = effectiveSettings(facts);
    const found = contradictions(settings, facts);
    // One alone is a matter for the linter; the numbers behind it still decide what happens.
    if (found.length < 2) return;
    const errors = shortageErrors(facts);
    notes.sign(...found.map((one) => one.evidence));
    notes.seen(...errors.map((one) => one.occurrences));
    notes.proof(
      "settings that are never read or add nothing",
      found.map((one) => one.evidence),
      { what: "the settings", command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml" },
    );
    const isRunning =
      facts.logs.length > 0 || facts.pods.length > 0 || facts.ec2Errors.length > 0 || facts.sightings.length > 0;
    const demands = settings.prefixDelegation ? prefixDemands(facts).filter((one) => one.nodeCount > 0) : [];
    const over = demands.find((one) => one.isPlaced && one.wantedCount > one.usableCount);
    // Where something is known to fail, the contradictions are a cause only if they ask for more than the subnet has.
    if (isRunning) {
      notes.proof(
        "what the settings do ask for is more than the subnet has",
        over !== undefined && errors.length > 0 ? [...over.evidence, ...quotes(errors, 1)] : undefined,
        {
          what: "the nodes and pods of the subnet: do the targets ask for more /28s than it has?",
          command:
            "kubectl get nodes -o json > nodes.json; kubectl get pods -A -o json > pods.json; aws ec2 describe-subnets --output json > subnets.json",
        },
      );
      if (errors.length === 0 && otherErrors(facts).length > 0)
        notes.against("what fails was refused by EC2 for another reason", quotes(otherErrors(facts), 1));
    }
    if (over !== undefined) notes.affects({ nodes: over.nodes, subnets: over.views.map((view) => view.id) });
    const idle = settings.prefixDelegation
      ? ` An idle node holds ${prefixesHeld(settings, 0, undefined)} /28s${over === undefined ? "" : `; ${over.nodeCount} nodes want ${over.wantedCount}, the subnet has ${over.usableCount}`}.`
      : "";
    notes.summary(`${found.map((one) => one.text).join("; ")}.${idle}`);
    const removals = [...new Set(found.map((one) => one.remove))].join(" ");
    notes.fix(
      `kubectl -n kube-system set env daemonset aws-node ${removals}   # a dash removes the variable; for a managed add-on take them out of its configuration values`,
      settings.prefixDelegation
        ? `Then one of: WARM_PREFIX_TARGET=1 without IP targets; or, to save addresses, WARM_IP_TARGET=5 with MINIMUM_IP_TARGET=PODS_PER_NODE`
        : "Then WARM_IP_TARGET=5 with MINIMUM_IP_TARGET=PODS_PER_NODE",
    );
    const flags = facts.bootstraps.find((one) => one.origin === "bootstrap.sh" && one.osFamily?.value === "al2023");
    if (flags !== undefined)
      notes.fix(
        "On AL2023 set max-pods in the NodeConfig: spec.kubelet.config.maxPods; bootstrap.sh arguments are not read",
      );
  },
});

function contradictions(
  settings: EffectiveSettings,
  facts: Pick<Parameters<typeof prefixDemands>[0], "bootstraps">,
): Contradiction[] {
  const found: Contradiction[] = [];
  const add = (text: string, name: string): void => {
    found.push({ text, evidence: settings.evidence(name), remove: `${name}-` });
  };
  const { prefixDelegation, hasIpTargets, warmIpTarget, minimumIpTarget } = settings;
  if (isChosen(settings, "WARM_ENI_TARGET") && (prefixDelegation || hasIpTargets))
    add(
      `WARM_ENI_TARGET=${settings.setting("WARM_ENI_TARGET").value} is never read ${prefixDelegation ? "in prefix mode" : "beside IP targets"}`,
      "WARM_ENI_TARGET",
    );
  if (isChosen(settings, "WARM_PREFIX_TARGET") && (hasIpTargets || !prefixDelegation))
    add(
      `WARM_PREFIX_TARGET=${settings.setting("WARM_PREFIX_TARGET").value} is never read ${hasIpTargets ? "beside IP targets" : "without prefix delegation"}`,
      "WARM_PREFIX_TARGET",
    );
  if (minimumIpTarget > 0 && warmIpTarget > 0 && minimumIpTarget <= warmIpTarget)
    add(`MINIMUM_IP_TARGET=${minimumIpTarget} adds nothing to WARM_IP_TARGET=${warmIpTarget}`, "MINIMUM_IP_TARGET");
  const flags = facts.bootstraps.find((one) => one.origin === "bootstrap.sh" && one.osFamily?.value === "al2023");
  if (flags !== undefined && (flags.maxPods !== undefined || flags.useMaxPods !== undefined))
    found.push({
      text: "bootstrap.sh arguments are not read on AL2023",
      evidence: { source: flags.at, text: flags.bootstrapArguments?.value ?? "bootstrap.sh arguments" },
      remove: "",
    });
  return found;
}

/** Written in some configuration, and not the chart's own default; the agent's log repeats defaults too. */
function isChosen(settings: EffectiveSettings, name: string): boolean {
  return settings.sources.some(
    (source) =>
      source.origin !== "log" && source.env.some((one) => one.name === name && one.value !== CHART_DEFAULTS[name]),
  );
}
