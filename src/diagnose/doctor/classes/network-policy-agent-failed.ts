// The address was given; the network policy agent then failed.

import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "network-policy-agent-failed",
  title: "the network policy agent failed after the address was given",
  needs: ["sightings", "pods"],
  lookAlikes: [],
  docs: {
    what: "The plugin got an address and then failed to have the default network policy set up, so the sandbox is torn down.",
    why: "The container aws-eks-nodeagent is down, its socket is missing, or it does not see the pod's interface yet (`Link not found`, passing). It comes from the same plugin and reads like an address failure.",
    next: "Look at the aws-eks-nodeagent container of that node. Where policies are not used, set NETWORK_POLICY_ENFORCING_MODE to none or take the agent out.",
    prevention:
      "Upgrade both images of aws-node together: from CNI v1.23.0 on the policy agent must be v1.4.1 or later.",
    sources: ["aws-network-policy-agent#569", "amazon-vpc-cni-k8s#2897"],
  },
  look(facts, notes) {
    const found = sightingsOf(facts, "network-policy-setup-failed");
    if (found.length === 0) return;
    noteSightings(notes, found);
    const isDown = facts.pods.flatMap((pod) =>
      pod.containers
        .filter((one) => one.name === "aws-eks-nodeagent" && !one.isReady)
        .map((one) => ({
          source: pod.at,
          text: `${pod.name}: container ${one.name} not ready, ${one.restartCount} restarts`,
        })),
    );
    notes.sign(...isDown.slice(0, 2));
    notes.proof("the step after the address is the one that failed", quotes(found, 2), {
      what: "the plugin's log around the failure",
      command:
        "sudo grep -h -e 'add network response' -e 'network policy' /var/log/aws-routed-eni/plugin.log | tail -n 40 > plugin.log",
    });
    const addresses = sightingsOf(facts, "plugin-address");
    const passing = sightingsOf(facts, "network-policy-link-not-found");
    notes.summary(
      `The plugin failed at the network policy${addresses.length > 0 ? " after it had an address" : ""}${passing.length > 0 ? " (Link not found: often passing)" : ""}; addresses are not what is missing.`,
    );
    notes.fix(
      "kubectl -n kube-system logs -l k8s-app=aws-node -c aws-eks-nodeagent --tail=100   # why the agent refuses or is away",
      "sudo tail -n 100 /var/log/aws-routed-eni/network-policy-agent.log   # on the node",
      "kubectl -n kube-system rollout restart daemonset aws-node   # once the cause is known, or to pair the two images again",
    );
  },
});
