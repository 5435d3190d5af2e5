// The agent keeps an ENI slot for a trunk that never comes.

import type { Evidence, Sighting } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass, type Notes } from "../failure-class.ts";
import { CAPACITY_NEEDS, NodeIndex, type NodeOrNone } from "../node-index.ts";
import { arithmetic, overPromised } from "../over-promise.ts";
import { nodeName, nodeWords } from "../wording.ts";

/** The controller attaches a trunk within seconds of a node's start; a slot still kept after this long is lost. */
const LASTING_MS = 60_000;

export const failureClass = defineClass({
  id: "trunk-slot-reserved-but-absent",
  title: "an ENI slot is kept for a trunk that never came",
  needs: [...CAPACITY_NEEDS],
  lookAlikes: [],
  docs: {
    what: "ENABLE_POD_ENI keeps one ENI slot free for the trunk, but no trunk is attached: regular pods fail one ENI early.",
    why: "While the feature is on and no trunk is attached, the agent subtracts one ENI. The trunk is created by the VPC resource controller in the control plane; it fails without AmazonEKSVPCResourceController on the cluster role, and on types that cannot trunk (all T families) nothing ever comes; older agents keep the slot even there. Without EC2 errors and with a free slot in EC2 it looks like max-pods too high.",
    next: "Attach AmazonEKSVPCResourceController to the cluster role and recycle the nodes; turn ENABLE_POD_ENI off where no SecurityGroupPolicy needs it; upgrade the CNI where the type cannot trunk.",
    prevention:
      "A linter warns of ENABLE_POD_ENI with types that cannot trunk, without SecurityGroupPolicies, or without the controller's policy on the cluster role.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1203",
      "https://github.com/aws/amazon-vpc-cni-k8s/pull/1210",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3094",
      "https://github.com/aws/amazon-vpc-resource-controller-k8s/issues/24",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const failed = facts.sightings.filter((one) => one.signal === "trunk-creation-failed");
    const kept = facts.sightings.filter((one) => isSlotKept(one));
    const promised = overPromised(facts, index, "trunk ENI").filter((one) => one.view.trunk === "absent");
    const nodes = new Set<NodeOrNone>([
      ...kept.map((one) => index.nodeOf(one)),
      ...failed.map((one) => index.nodeOf(one)),
      ...promised.map((one) => one.view.node),
    ]);
    if (nodes.size === 0) return;
    const numbers = promised.flatMap(({ view }) => [
      ...(view.maxPods === undefined ? [] : [view.maxPods.evidence]),
      view.instanceType.evidence,
      view.settings.evidence("ENABLE_POD_ENI"),
    ]);
    notes.sign(...quotes(kept, 2), ...quotes(failed, 2), ...numbers.slice(0, 3));
    notes.affects({ nodes });
    notes.seen(...kept.map((one) => one.occurrences), ...failed.map((one) => one.occurrences));
    const [node] = nodes;
    notes.proof("the slot kept for the trunk is what the node lacks", [...quotes(kept, 1), ...numbers], {
      what: "the agent's room test: trunkEni and hasRoom",
      command: "sudo grep hasRoomForEni /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    notes.proof("no trunk is attached, and not only in the first minute", absence(index, nodes, kept, failed), {
      what: "whether the controller created a trunk",
      command: `kubectl get events -A --field-selector reason=TrunkENICreationFailed -o json > events.json; kubectl get node ${nodeName(node)} -o json > node.json`,
    });
    contradict(index, notes, nodes);
    summarise(notes, kept, promised, nodes);
  },
});

/** There would be room but for the slot that is kept. */
function isSlotKept({ signal, captures }: Sighting): boolean {
  if (signal !== "room-for-eni" || captures.hasRoom !== "false" || Number(captures.trunkEni) === 0) return false;
  return Number(captures.currentEnis) < Number(captures.maxEni) - Number(captures.unmanagedEni ?? 0);
}

function absence(
  index: NodeIndex,
  nodes: ReadonlySet<NodeOrNone>,
  kept: readonly Sighting[],
  failed: readonly Sighting[],
): Evidence[] {
  const evidence = quotes(failed, 2);
  for (const one of kept) {
    const { firstMs, lastMs, samples } = one.occurrences;
    const last = samples.at(-1);
    if (firstMs !== undefined && lastMs !== undefined && lastMs - firstMs >= LASTING_MS && last !== undefined)
      evidence.push(last);
  }
  for (const node of nodes) {
    const fact = index.node(node);
    if (fact?.branchEniCapacity === 0)
      evidence.push({ source: fact.at, text: "no vpc.amazonaws.com/pod-eni in the node's capacity" });
    for (const page of index.pages(node))
      if (page.enis.every((eni) => !eni.isTrunk))
        evidence.push({ source: page.at, text: `${page.enis.length} ENIs, none with IsTrunk true` });
  }
  return evidence;
}

function contradict(index: NodeIndex, notes: Notes, nodes: ReadonlySet<NodeOrNone>): void {
  for (const node of nodes) {
    for (const eni of index.enis(node))
      if (eni.interfaceType === "trunk")
        notes.against(
          `a trunk is attached to ${nodeWords(node)}`,
          [{ source: eni.at, text: `${eni.id} InterfaceType trunk` }],
          "max-pods-ignores-trunk-eni",
        );
  }
}

function summarise(
  notes: Notes,
  kept: readonly Sighting[],
  promised: ReturnType<typeof overPromised>,
  nodes: ReadonlySet<NodeOrNone>,
): void {
  const [line] = kept;
  const [first] = promised;
  const where = nodes.size === 1 ? nodeWords([...nodes][0]) : `${nodes.size} nodes`;
  let numbers = "its trunk could not be created";
  if (line !== undefined) {
    numbers = `${line.captures.currentEnis} of ${line.captures.maxEni} ENIs are attached and the agent may not add another`;
  } else if (first !== undefined) {
    numbers = `addresses for ${first.view.capacity.addressCount} pods (${arithmetic(first.view)}), max-pods ${first.view.maxPods?.value}`;
  }
  notes.summary(`On ${where} one ENI slot is kept for a trunk that is not there: ${numbers}.`);
  const type = first?.view.limits.instanceType;
  const node = [...nodes][0];
  notes.fix(
    "kubectl get securitygrouppolicies -A   # none: kubectl -n kube-system set env daemonset aws-node ENABLE_POD_ENI=false",
    "aws iam attach-role-policy --role-name CLUSTER_ROLE --policy-arn arn:aws:iam::aws:policy/AmazonEKSVPCResourceController   # then replace the nodes",
    `kubectl get node ${nodeName(node)} -o jsonpath='{.status.capacity.vpc\\.amazonaws\\.com/pod-eni}'   # a number: the trunk has come`,
  );
  if (type !== undefined && first?.view.limits.isTrunkingCompatible === false)
    notes.fix(`${type} cannot carry a trunk: upgrade the CNI, which then keeps no slot on it, or use another type`);
}
