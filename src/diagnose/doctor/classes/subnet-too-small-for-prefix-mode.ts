// The nodes want more /28s than the subnet would have if it were empty.

import { formatCidr } from "../../../base/ipv4.ts";
import { effectiveSettings, quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { DEMAND_NEEDS, prefixDemands } from "../prefix-demand.ts";
import { shortageErrors } from "../subnet-shortage.ts";

export const failureClass = defineClass({
  id: "subnet-too-small-for-prefix-mode",
  title: "The subnet could never hold the prefixes that the nodes want",
  needs: [...DEMAND_NEEDS, "logs"],
  lookAlikes: [],
  causes: [
    "subnet-fragmented-no-free-28",
    "eni-create-no-prefix-space",
    "subnet-free-ips-exhausted",
    "warm-pool-hoards-subnet",
    "ec2-api-throttled",
  ],
  docs: {
    what: "Nodes x /28s for each is more than the subnet's usable blocks, even with nothing else in it.",
    why: "A subnet of /n has 2^(28-n) blocks, of which the first and the last can never be delegated: /24 has 14, /25 6, /26 2, /27 none. A node takes ceil((pods + warm) / 16), and with WARM_PREFIX_TARGET=1 a second one for its first pod. Often taken for fragmentation: tidying up cannot help here.",
    next: "A /22 or larger for each zone, or a small WARM_IP_TARGET with MINIMUM_IP_TARGET near the real pods of a node, or secondary addresses.",
    prevention: "The first sum of a plan; subnets of /27 and smaller cannot carry prefixes at all.",
    sources: ["amazon-vpc-cni-k8s#3264", "EKS best practices: prefix mode, IP optimisation"],
  },
  look(facts, notes) {
    const settings = effectiveSettings(facts);
    const inPrefixMode =
      (isSettingKnown(settings, "ENABLE_PREFIX_DELEGATION") && settings.prefixDelegation) ||
      facts.logs.some((log) => log.mode === "prefix");
    if (!inPrefixMode) return;
    const errors = shortageErrors(facts);
    // A running cluster that was never refused room has what it needs today, whatever its targets ask for.
    const isRunning = facts.logs.length > 0 || facts.pods.length > 0;
    if (isRunning && errors.length === 0) return;
    const demands = prefixDemands(facts).filter((one) => one.nodeCount > 0);
    const worst =
      demands.find((one) => one.isPlaced && one.wantedCount > one.usableCount) ??
      demands.find((one) => one.wantedCount > one.usableCount) ??
      demands.find((one) => (one.fullCount ?? 0) > one.usableCount && one.podCount === 0);
    if (worst === undefined) return;
    const { views, nodeCount, wantedCount, usableCount, podCount, fullCount } = worst;
    const isOver = wantedCount > usableCount;
    const isCertain = isOver && worst.isPlaced;
    notes.sign(...worst.evidence, ...quotes(errors, 1));
    notes.affects({ nodes: worst.nodes, subnets: views.map((view) => view.id) });
    notes.seen(...errors.map((one) => one.occurrences));
    notes.proof("the nodes want more /28s than the empty subnet has", isCertain ? worst.evidence : undefined, {
      what: isOver
        ? "the subnets of these nodes: some may be in others than those given"
        : "the pods on each node: full to max-pods they need more than the subnet has",
      command: isOver
        ? "aws ec2 describe-instances --output json > instances.json; aws ec2 describe-subnets --output json > subnets.json"
        : "kubectl get pods -A -o json > pods.json",
    });
    const names = views
      .map((view) => `${view.id}${view.cidr === undefined ? "" : ` (${formatCidr(view.cidr)})`}`)
      .join(", ");
    notes.summary(
      isOver
        ? `${nodeCount} nodes with ${podCount} pods want ${wantedCount} /28s; ${names} has ${usableCount} that can be delegated, when empty.`
        : `${nodeCount} nodes full to max-pods want ${fullCount} /28s; ${names} has ${usableCount} that can be delegated, when empty.`,
    );
    const perNode = Math.ceil(podCount / Math.max(1, nodeCount));
    notes.fix(
      `Add a subnet of ${sizeFor(Math.max(wantedCount, fullCount ?? 0))} or larger in ${views[0]?.zone ?? "the zone"} for pods, tagged kubernetes.io/role/cni=1 (v1.18.0 and later) or named by an ENIConfig`,
      `Hold fewer: kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET=5 MINIMUM_IP_TARGET=${Math.max(16, perNode)}`,
      "Or secondary addresses on new nodes: ENABLE_PREFIX_DELEGATION=false, with max-pods to match",
    );
  },
});

/** The smallest subnet with so many usable blocks and a fifth to spare. */
function sizeFor(blockCount: number): string {
  for (let length = 24; length > 16; length--)
    if (2 ** (28 - length) - 2 >= blockCount * 1.25) return `/${Math.min(22, length)}`;
  return "/16";
}
