// kubelet kills a slow agent: restarts without an error of the agent's own.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { agentPods, endedStarts, noteSightings, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

const OWN_ERROR = /"level":"(?:error|fatal|panic)"|\[(?:ERROR|FATAL|CRITICAL|PANIC)\]|Initialization failure/;
/** A silent end here is a call that hangs, not a slow node. */
const HANGS: readonly (readonly [RegExp, "sts-or-ec2-endpoint-unreachable" | "api-server-unreachable-at-start"])[] = [
  [/Found ENI: |Discovered ENI|Getting region|Retrieved? region/, "sts-or-ec2-endpoint-unreachable"],
  [/Testing communication with server/, "api-server-unreachable-at-start"],
];

export const failureClass = defineClass({
  id: "ipamd-killed-by-probe",
  title: "kubelet's probe kills the agent",
  needs: ["sightings", "pods", "logs"],
  lookAlikes: ["sts-or-ec2-endpoint-unreachable", "api-server-unreachable-at-start", "imds-unreachable"],
  causes: ["ipamd-not-running"],
  docs: {
    what: "The agent is alive but too slow for kubelet's probe, which kills it (exit 137); pods fail while it comes back.",
    why: "The node is short of CPU or IO, the iptables lock is held, there are thousands of rules or many ENIs, or the probe's timeout is small (1 s in old manifests). The sign is a restart without an error line. An agent that hangs at its first EC2 call, or waits for the API server, is killed in the same way: then the last line before the restart names that.",
    next: "Give aws-node a CPU request, raise livenessProbeTimeoutSeconds, and update the chart.",
    prevention: "CPU request and probe timeout in the DaemonSet; no node driven to 100 % CPU by pods without requests.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1425",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1038",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1936",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2352",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2807",
    ],
  },
  look(facts, notes) {
    const probes = sightingsOf(facts, "probe-failed");
    const killed = agentPods(facts).filter(({ container }) => container.lastExitCode === 137);
    if (probes.length === 0 && killed.length === 0) return;
    noteSightings(notes, probes);
    notes.sign(...killed.map((one) => one.evidence).slice(0, 2));
    const nodes = [...probes.map((one) => one.node), ...killed.map(({ pod }) => pod.node)];
    notes.affects({ nodes });
    notes.proof("the probe failed", quotes(probes, 2), {
      what: "kubelet's probe events of the aws-node pods",
      command: "kubectl -n kube-system get events --field-selector reason=Unhealthy -o json > events.json",
    });
    const ends = endedStarts(facts).filter((one) => one.isFollowed);
    const silent = ends.filter(({ start }) => !OWN_ERROR.test(start.lastText));
    notes.proof("the agent restarted without an error of its own", silent.map((one) => one.evidence).slice(0, 3), {
      what: "the agent's last line before each restart",
      command: "sudo grep -B 2 'Starting L-IPAMD' /var/log/aws-routed-eni/ipamd.log | tail -n 20   # on the node",
    });
    const own = ends.filter(({ start }) => OWN_ERROR.test(start.lastText)).map((one) => one.evidence);
    if (own.length > 0 && silent.length === 0)
      notes.against("every restart follows an error of the agent itself", own.slice(0, 2));
    for (const [pattern, instead] of HANGS) {
      const hung = silent.filter(({ start }) => !start.isServing && pattern.test(start.lastText));
      if (hung.length > 0 && hung.length === silent.length) {
        const evidence = hung.slice(0, 2).map((one) => one.evidence);
        notes.against("each start hangs at the same call before it is killed", evidence, instead);
      }
    }
    const oom = killed.filter(({ container }) => container.lastReason === "OOMKilled").map((one) => one.evidence);
    if (oom.length > 0) notes.against("the container was killed for memory, not by the probe", oom);
    const restarts = killed.reduce((most, { container }) => Math.max(most, container.restartCount), ends.length);
    const how = restarts > 0 ? `: ${restarts} restarts` : "";
    notes.summary(
      silent.length > 0
        ? `kubelet's probe kills the agent of ${whereText(nodes)}${how} without an error of the agent's own.`
        : `kubelet's probe of the agent of ${whereText(nodes)} fails${how}.`,
    );
    notes.fix(
      "kubectl -n kube-system set resources daemonset aws-node -c aws-node --requests=cpu=50m   # more on nodes with hundreds of pods",
      `helm upgrade aws-vpc-cni eks/aws-vpc-cni -n kube-system --reuse-values --set livenessProbeTimeoutSeconds=10 --set readinessProbeTimeoutSeconds=10`,
      "kubectl top node NODE   # and look for pods without CPU requests on it",
    );
  },
});
