// A pod with security groups runs and reaches nothing: its branch ENI's groups, not its address.

import type { Evidence } from "../../facts/model.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "sgp-pod-no-connectivity",
  title: "a pod with security groups runs and reaches nothing",
  needs: ["pods", "securityGroupPolicies", "securityGroups"],
  lookAlikes: [],
  docs: {
    what: "A pod has a branch ENI and an address, and its DNS or traffic fails: what its security groups allow decides.",
    why: "The groups of the SecurityGroupPolicy replace the node's: they must allow DNS to the cluster's DNS pods, probes from kubelet, and traffic among pods. In strict mode the traffic leaves by the branch ENI alone.",
    next: "Compare the branch ENI's groups with what the pod needs: UDP and TCP 53 to the DNS pods' group, and that group's rules back.",
    prevention:
      "Include the cluster security group in each SecurityGroupPolicy, or open DNS and probes for its own groups.",
    sources: ["amazon-vpc-resource-controller-k8s#348", "EKS user guide, security groups for pods"],
  },
  look(facts, notes) {
    const found: Evidence[] = [];
    const nodes: (string | undefined)[] = [];
    for (const pod of facts.pods) {
      const hasBranch = pod.annotations.has("vpc.amazonaws.com/pod-eni");
      if (!hasBranch || pod.address === undefined || pod.phase !== "Running" || pod.isReady) continue;
      found.push({
        source: pod.at,
        text: `${pod.namespace}/${pod.name} runs with a branch ENI and ${pod.address}, not ready`,
      });
      nodes.push(pod.node);
    }
    if (found.length === 0) return;
    notes.sign(...found.slice(0, 3));
    notes.affects({ nodes });
    notes.seen({ count: found.length });
    const known = new Set(facts.securityGroups.map((one) => one.id));
    const missing = facts.securityGroupPolicies.flatMap((policy) =>
      known.size === 0
        ? []
        : policy.groupIds
            .filter((id) => !known.has(id))
            .map((id) => ({
              source: policy.at,
              text: `${policy.namespace}/${policy.name} names ${id}, which is not described`,
            })),
    );
    // Rules of groups are not among the facts: a vanished group is all that files alone can show.
    notes.proof(
      "the groups of the branch ENI do not let its traffic through",
      missing.length > 0 ? missing : undefined,
      {
        what: "the rules of the groups that the pods' policies name",
        command: `aws ec2 describe-security-groups --group-ids ${[...new Set(facts.securityGroupPolicies.flatMap((one) => one.groupIds))].join(" ") || "GROUPS"} --output json > groups.json`,
      },
    );
    notes.summary(
      `${found.length} pods with security groups have an address and are not ready: look at what their groups allow, not at addresses.`,
    );
    notes.fix(
      "kubectl exec POD -- nslookup kubernetes.default   # from one of the pods: does DNS answer?",
      "Allow UDP and TCP 53 from the pods' groups to the group of the DNS pods, and kubelet's probes from the nodes' group.",
    );
  },
});
