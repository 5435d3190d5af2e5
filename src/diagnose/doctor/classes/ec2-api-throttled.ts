// The account's rate of EC2 calls is used up.

import type { Ec2ErrorFact, Evidence, NodeKey } from "../../facts/model.ts";
import { effectiveSettings, quotes } from "../../facts/settings.ts";
import { countedErrors, errorsWithCode, noteErrors, totalCount } from "../ec2-answers.ts";
import { defineClass } from "../failure-class.ts";
import { plural, setEnv } from "../wording.ts";

const CODES = [
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "EC2ThrottledException",
  "RequestThrottled",
  "TooManyRequestsException",
] as const;

/** Nodes throttled within this time of each other share one cause. */
const TOGETHER_MS = 15 * 60_000;

export const failureClass = defineClass({
  id: "ec2-api-throttled",
  title: "EC2 throttles the account's calls",
  needs: ["ec2Errors", "metrics", "settings"],
  lookAlikes: [],
  docs: {
    what: "EC2 answers RequestLimitExceeded: the account's rate for these calls in this region is used up.",
    why: "Rates are per account, region and action: AttachNetworkInterface refills at 5 a second, AssignPrivateIpAddresses at 5. Mass launches, a low WARM_IP_TARGET with churn (each change is a call), nodes that repeat failing calls against a full or fragmented subnet, and leaked-ENI cleaners use them up for everyone in the account. One node alone is no throttled account: look at what that node repeats.",
    next: "Find what calls so often and stop it; use prefix delegation, coarser warm targets and MINIMUM_IP_TARGET; slow the scale-out; raise the quota last.",
    prevention:
      "A planner estimates calls per second of a scale-out; a linter warns of WARM_IP_TARGET of 2 or less on more than 50 nodes.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/405",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/617",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/420",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/730",
      "Amazon EC2 API: request throttling",
      "amazon-vpc-cni-k8s troubleshooting: running large clusters",
    ],
  },
  look(facts, notes) {
    const errors = errorsWithCode(facts, ...CODES).filter(({ message }) => !message.includes("169.254.169.254"));
    const counted = countedErrors(facts, ...CODES);
    if (errors.length === 0 && counted.length === 0) return;
    noteErrors(notes, errors);
    notes.sign(...counted.map((one) => one.evidence).slice(0, 3));
    notes.affects({ nodes: counted.map((one) => one.node) });
    const apis = [...new Set([...errors.map((one) => one.api), ...counted.map((one) => one.api)])].filter(
      (api) => api !== undefined && api !== "",
    );
    const event = apis[0] ?? "AssignPrivateIpAddresses";
    const metrics = counted.map((one) => one.evidence);
    notes.proof("EC2 answered that the request limit is exceeded", [...quotes(errors, 2), ...metrics.slice(0, 2)], {
      what: "the agent's log",
      command: "sudo grep -c RequestLimitExceeded /var/log/aws-routed-eni/ipamd.log",
    });
    const together = nodesTogether(errors);
    const countedNodes = new Set(counted.map((one) => one.node));
    const several: Evidence[] | undefined =
      together.length > 1
        ? together.map((one) => one.evidence).slice(0, 4)
        : countedNodes.size > 1
          ? metrics.slice(0, 4)
          : undefined;
    notes.proof("several nodes are throttled at the same time", several, {
      what: "whether others in the account are throttled too, and who calls so often",
      command: `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=${event} --max-results 50 --query 'Events[].CloudTrailEvent' --output text > cloudtrail.txt   # errorCode, sourceIPAddress, userAgent; and another node's ipamd.log`,
    });
    const nodeCount = Math.max(together.length, countedNodes.size);
    const count = errors.length > 0 ? totalCount(errors) : counted.reduce((sum, one) => sum + one.count, 0);
    notes.summary(
      `EC2 throttled ${plural(count, "call")}${apis.length > 0 ? ` (${apis.join(", ")})` : ""}${nodeCount > 1 ? ` of ${nodeCount} nodes at the same time` : ""}: pools cannot grow while the account's rate is used up.`,
    );
    const settings = effectiveSettings(facts);
    const warm = settings.warmIpTarget;
    if (settings.isKnown && warm > 0 && warm <= 2) notes.sign(settings.evidence("WARM_IP_TARGET"));
    notes.fix(
      "Stop what repeats failing calls first: nodes against a full or fragmented subnet try about every 5 s",
      settings.isKnown && settings.prefixDelegation
        ? setEnv("WARM_IP_TARGET- MINIMUM_IP_TARGET- WARM_PREFIX_TARGET=1", "one call for 16 addresses")
        : setEnv(
            "WARM_IP_TARGET=5 MINIMUM_IP_TARGET=PODS_PER_NODE",
            "fewer, larger calls; prefixes on new nodes need fewer still",
          ),
      "Scale out in smaller steps; on large fleets with another cleaner: kubectl -n kube-system set env daemonset aws-node DISABLE_LEAKED_ENI_CLEANUP=true",
      `aws service-quotas list-service-quotas --service-code ec2 --query "Quotas[?contains(QuotaName, '${event}')]"   # then request an increase`,
    );
  },
});

/** The most nodes throttled within the time of each other, one quote each; errors without a time count as of one time. */
function nodesTogether(errors: readonly Ec2ErrorFact[]): { node: NodeKey; evidence: Evidence }[] {
  let best: { node: NodeKey; evidence: Evidence }[] = [];
  for (const { occurrences } of errors) {
    const from = occurrences.firstMs;
    const nodes = new Map<NodeKey, Evidence>();
    for (const other of errors) {
      const [sample] = other.occurrences.samples;
      const { firstMs, lastMs } = other.occurrences;
      const isNear =
        from === undefined || firstMs === undefined || lastMs === undefined
          ? from === undefined && firstMs === undefined
          : firstMs <= from + TOGETHER_MS && lastMs >= from;
      if (isNear && other.node !== undefined && sample !== undefined && !nodes.has(other.node))
        nodes.set(other.node, sample);
    }
    if (nodes.size > best.length) best = [...nodes].map(([node, evidence]) => ({ node, evidence }));
  }
  return best;
}
