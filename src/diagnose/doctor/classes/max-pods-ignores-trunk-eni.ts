// Security groups for pods spend one ENI on the trunk, and max-pods still counts it.

import type { Evidence } from "../../facts/model.ts";
import { cniVersion } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import type { NodeCapacity } from "../node-capacity.ts";
import { NodeIndex } from "../node-index.ts";
import { maxPodsFix, noteOverPromise, overPromised, PROMISE_NEEDS } from "../over-promise.ts";
import { nodeName } from "../wording.ts";

export const failureClass = defineClass({
  id: "max-pods-ignores-trunk-eni",
  title: "max-pods counts the ENI that the trunk takes",
  needs: [...PROMISE_NEEDS],
  lookAlikes: [],
  docs: {
    what: "Security groups for pods (ENABLE_POD_ENI) take one ENI of each node for the trunk, while max-pods was computed with it.",
    why: "The trunk occupies an ENI slot and since v1.16.4 gives no addresses to regular pods, so the last L - 1 pods of a full node fail after the feature is turned on or the CNI is upgraded past that version. Where the trunk never came although its slot is kept, it is trunk-slot-reserved-but-absent.",
    next: "Subtract one ENI in max-pods (Karpenter: RESERVED_ENIS=1), use prefix delegation, or turn ENABLE_POD_ENI off where no SecurityGroupPolicy needs it.",
    prevention: "A linter warns of ENABLE_POD_ENI together with the table's max-pods in secondary-IP mode.",
    sources: [
      "https://github.com/awslabs/amazon-eks-ami/issues/2051",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2892",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2801",
      "https://github.com/aws/karpenter-provider-aws/issues/6380",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const cases = overPromised(facts, index, "trunk ENI").filter((one) => one.view.trunk !== "absent");
    const [first] = cases;
    if (first === undefined) return;
    const { view } = first;
    noteOverPromise(facts, index, notes, cases, () => ({
      clause: "because one ENI is the trunk of security groups for pods",
      evidence: [view.settings.evidence("ENABLE_POD_ENI")],
    }));
    notes.proof("the trunk is attached", trunkEvidence(index, view), {
      what: "whether the node has its trunk ENI (vpc.amazonaws.com/pod-eni in its capacity)",
      command: `kubectl get node ${nodeName(view.node)} -o json > node.json`,
    });
    const version = cniVersion(facts, view.node);
    notes.proof(
      "the CNI gives no addresses of the trunk to pods (v1.16.4 and later)",
      version === undefined ? undefined : [{ source: version.at, text: `CNI ${version.version}` }],
      {
        what: "the CNI's version",
        command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
      },
    );
    notes.fix(
      ...maxPodsFix(index, view),
      "kubectl get securitygrouppolicies -A   # none: kubectl -n kube-system set env daemonset aws-node ENABLE_POD_ENI=false, then replace the nodes",
    );
  },
});

function trunkEvidence(index: NodeIndex, view: NodeCapacity): Evidence[] {
  const evidence: Evidence[] = [];
  for (const page of index.pages(view.node))
    for (const eni of page.enis)
      if (eni.isTrunk) evidence.push({ source: page.at, text: `${eni.id} IsTrunk true, ${eni.cidrs.length} CIDRs` });
  for (const eni of index.enis(view.node))
    if (eni.interfaceType === "trunk") evidence.push({ source: eni.at, text: `${eni.id} InterfaceType trunk` });
  const node = index.node(view.node);
  if (node?.branchEniCapacity !== undefined && node.branchEniCapacity > 0)
    evidence.push({ source: node.at, text: `capacity vpc.amazonaws.com/pod-eni ${node.branchEniCapacity}` });
  return evidence;
}
