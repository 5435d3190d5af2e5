// Whether anything is wrong at all, whether health was seen, and what to fetch when nothing decides.

import type { Facts, LogDigest } from "../facts/model.ts";
import { effectiveSettings } from "../facts/settings.ts";
import type { SignalId } from "../facts/signals.ts";
import type { Missing } from "./failure-class.ts";

const TROUBLE: readonly SignalId[] = [
  "add-refused",
  "agent-connection-refused",
  "pod-network-setup-failed",
  "network-policy-setup-failed",
  "network-plugin-not-ready",
  "no-address",
  "add-reply-refused",
  "plugin-refused",
  "initialization-failure",
];

/** A pod was refused, an agent did not come up, or EC2 said no. */
export function isTroubleSeen(facts: Facts): boolean {
  return (
    facts.sightings.some((one) => TROUBLE.includes(one.signal)) ||
    facts.ec2Errors.length > 0 ||
    facts.logs.some((log) => log.refusalCount > 0 || log.starvations.length > 0) ||
    facts.pods.some(
      (pod) => pod.waitingReason === "ContainerCreating" && pod.address === undefined && !pod.isHostNetwork,
    )
  );
}

/**
 * Something that would have shown the trouble was read, and shows none: an agent's whole log that serves; or pods that all have
 * addresses, with a second witness (some log of an agent that serves, events, the agent's page or metrics), for a list of pods may
 * be filtered.
 */
export function isHealthWitnessed(facts: Facts): boolean {
  const servingLog = facts.logs.some(
    (log) => !log.isExcerpt && isAgentsOwn(log) && log.starts.every((one) => one.isServing),
  );
  const own = facts.pods.filter((pod) => !pod.isHostNetwork && pod.phase === "Running");
  const hasSecond =
    facts.logs.some((log) => log.starts.some((one) => one.isServing)) ||
    facts.events.length > 0 ||
    facts.metrics.length > 0 ||
    facts.introspection.some((page) => !page.isEmpty);
  return servingLog || (hasSecond && own.length > 0 && own.every((pod) => pod.address !== undefined));
}

/** A log of the agent's: it tells of its pool, its starts or its answers, as no other program's does. */
export function isAgentsOwn(log: LogDigest): boolean {
  return log.starts.length > 0 || log.pool.length > 0 || log.refusalCount > 0 || log.successCount > 0;
}

/** The commands that tell most, given what is there already; most telling first. */
export function nextCommands(facts: Facts): Missing[] {
  const missing: Missing[] = [];
  const node = facts.nodes.find((one) => one.name !== undefined)?.name ?? "NODE";
  const subnet =
    facts.subnets[0]?.id ?? facts.ec2Errors.find((one) => one.subnetId !== undefined)?.subnetId ?? "SUBNET";
  if (facts.logs.every((log) => log.isExcerpt)) {
    missing.push({
      what: "the agent's log of a node that refuses pods: the cause stands there, never in the event",
      command: `kubectl debug node/${node} -it --image=public.ecr.aws/amazonlinux/amazonlinux:2023 -- tail -n 20000 /host/var/log/aws-routed-eni/ipamd.log > ipamd.log`,
    });
  }
  if (!effectiveSettings(facts).isKnown) {
    missing.push({
      what: "the settings of the aws-node DaemonSet",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
  }
  if (facts.enis.length === 0) {
    missing.push({
      what: "what holds the subnet's addresses: without it free /28s cannot be counted",
      command: `aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${subnet} --output json > enis.json && aws ec2 describe-subnets --subnet-ids ${subnet} --output json > subnets.json`,
    });
  }
  if (facts.events.length === 0) {
    missing.push({
      what: "the events of pods and nodes",
      command: "kubectl get events -A -o json > events.json",
    });
  }
  if (facts.nodes.length === 0) {
    missing.push({ what: "the nodes: max-pods, taints, labels", command: "kubectl get nodes -o json > nodes.json" });
  }
  missing.push({
    what: "everything of one node at once",
    command: "sudo bash /opt/cni/bin/aws-cni-support.sh   # on the node; gives /var/log/eks_<instance>_<time>.tar.gz",
  });
  return missing;
}
