// MINIMUM_IP_TARGET without WARM_IP_TARGET: the pool stops at the minimum for ever.

import type { Evidence, NodeKey } from "../../facts/model.ts";
import { type EffectiveSettings, effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { isPoolFull, poolEvidence, starvingNodes } from "../starving.ts";

export const failureClass = defineClass({
  id: "minimum-ip-target-without-warm-ip-target",
  title: "MINIMUM_IP_TARGET alone: the pool never grows past it",
  needs: ["settings", "sightings", "introspection", "logs"],
  lookAlikes: ["max-eni-env-caps-node", "node-cordoned-no-growth"],
  docs: {
    what: "With MINIMUM_IP_TARGET set and WARM_IP_TARGET 0 or unset the agent asks for nothing once the pool has the minimum.",
    why: 'Either of the two switches to IP targets, where the shortage is max(WARM_IP_TARGET - available, MINIMUM_IP_TARGET - total, 0): zero from then on, also with every address in use. WARM_ENI_TARGET and WARM_PREFIX_TARGET are not read any more. No EC2 error, no attempt, plenty of room everywhere. WARM_IP_TARGET="0" passes the check at start.',
    next: "Set WARM_IP_TARGET to 1 or more (2-5 is usual), or remove MINIMUM_IP_TARGET and use WARM_PREFIX_TARGET=1 or WARM_ENI_TARGET=1. It takes effect when aws-node restarts.",
    prevention: "A linter error.",
    sources: ["amazon-vpc-cni-k8s#3685, #2739, #1270", "amazon-vpc-cni-k8s README: MINIMUM_IP_TARGET"],
  },
  look(facts, notes) {
    const nodes: (NodeKey | undefined)[] =
      facts.logs.length > 0 ? [...new Set(facts.logs.map((log) => log.node))] : [undefined];
    const trapped = nodes
      .map((node) => ({ node, settings: effectiveSettings(facts, node) }))
      .filter(({ settings }) => isTrap(settings));
    if (trapped.length === 0) return;
    const starving = starvingNodes(facts).filter((one) => trapped.some(({ node }) => node === one.node));
    const settings = trapped[0]?.settings as EffectiveSettings;
    const minimum = settings.minimumIpTarget;
    const setting = [settings.evidence("MINIMUM_IP_TARGET"), settings.evidence("WARM_IP_TARGET")];
    notes.sign(...setting, ...quotes(sightingsOf(facts, "pool-manager-start"), 1));
    notes.proof("MINIMUM_IP_TARGET is set, WARM_IP_TARGET is not", setting, {
      what: "the settings",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
    const stuck: Evidence[] = [];
    const stuckNodes: (NodeKey | undefined)[] = [];
    for (const one of starving) {
      // The pool has its minimum and every address is a pod's: by the agent's own formula it asks for nothing.
      const samples = one.runs
        .flatMap((run) => [run.poolLast, run.poolFirst])
        .filter((sample) => isPoolFull(sample) && (sample?.total ?? 0) >= minimum);
      const blocked = one.runs.some((run) => run.eniLimitCount > 0 || run.backoffCount > 0 || run.cordonedCount > 0);
      if (blocked) {
        notes.against(
          `${one.node ?? "the agent"} did try to grow, or was kept from it by something else`,
          one.evidence.slice(0, 1),
        );
        continue;
      }
      if (samples.length === 0) continue;
      stuckNodes.push(one.node);
      stuck.push(...poolEvidence(samples[0]));
    }
    for (const page of facts.introspection) {
      const { totalCount: total, assignedCount: assigned, node } = page;
      if (
        total === undefined ||
        assigned === undefined ||
        total < minimum ||
        assigned < total ||
        stuckNodes.includes(node)
      )
        continue;
      if (!isTrap(effectiveSettings(facts, node))) continue;
      stuckNodes.push(node);
      stuck.push({ source: page.at, text: `TotalIPs ${total}, AssignedIPs ${assigned}` });
    }
    notes.affects({ nodes: stuckNodes.length > 0 ? stuckNodes : trapped.map(({ node }) => node) });
    notes.seen(...starving.map((one) => one.occurrences));
    notes.proof("the pool stands at the minimum with every address in use", stuck, {
      what: "the pool of a node that refuses pods: all addresses assigned, none cooling, at the minimum?",
      command: "curl -s http://localhost:61679/v1/enis > enis.json   # on the node",
    });
    const rounded = settings.prefixDelegation ? Math.ceil(minimum / 16) * 16 : minimum;
    notes.summary(
      `MINIMUM_IP_TARGET=${minimum} without WARM_IP_TARGET: the pool stops at ${rounded} addresses${stuckNodes.length > 0 ? `, all in use on ${stuckNodes.length} node${stuckNodes.length === 1 ? "" : "s"}` : ""}, and the agent asks for no more.`,
    );
    notes.fix(
      "kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET=5   # restarts the agents; for a managed add-on in its configuration values",
      `Or: kubectl -n kube-system set env daemonset aws-node MINIMUM_IP_TARGET- ${settings.prefixDelegation ? "WARM_PREFIX_TARGET=1" : "WARM_ENI_TARGET=1"}`,
    );
  },
});

function isTrap(settings: EffectiveSettings): boolean {
  if (settings.minimumIpTarget === 0 || settings.warmIpTarget > 0 || settings.ipv6) return false;
  return isSettingKnown(settings, "WARM_IP_TARGET");
}
