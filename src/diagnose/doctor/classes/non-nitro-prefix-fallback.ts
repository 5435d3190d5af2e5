// Prefix delegation is on, but the instance type has no Nitro hypervisor: the agent quietly gives single addresses.

import type { Evidence } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { blame, excessPods, type NodeCapacity, nodeCapacities } from "../node-capacity.ts";
import { CAPACITY_NEEDS, NodeIndex } from "../node-index.ts";
import { arithmetic, fittingMaxPods, maxPodsSetting, troubleOn } from "../over-promise.ts";
import { nodeName } from "../wording.ts";

export const failureClass = defineClass({
  id: "non-nitro-prefix-fallback",
  title: "prefix delegation falls back on a type without Nitro",
  needs: [...CAPACITY_NEEDS],
  lookAlikes: [],
  docs: {
    what: "Prefix delegation is on, but this instance type cannot have prefixes, so the node carries only its secondary-IP number of pods.",
    why: "Prefixes need a Nitro hypervisor or bare metal (from v1.10.3); t2, m4, c4, r4, i3 and older have neither. The agent logs one line at start and goes on with single addresses while max-pods promises the prefix number. In a mixed pool only some types fail, which looks like a subnet problem.",
    next: "Allow only Nitro types (Karpenter: karpenter.k8s.aws/instance-hypervisor In [nitro]), or set max-pods per type.",
    prevention: "A linter checks every type that node groups and NodePools allow.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1937",
      "amazon-vpc-cni-k8s source: isConfigValid",
      "Amazon EKS user guide: assign more IP addresses with prefixes",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const views = nodeCapacities(facts, index);
    const lines = facts.sightings.filter((one) => one.signal === "non-nitro-fallback");
    const lineOf = (view: NodeCapacity): Evidence[] => quotes(index.sightings(view.node, "non-nitro-fallback"), 1);
    const fallen = views.filter(
      (view) => lineOf(view).length > 0 || (view.prefixRequest !== undefined && !view.limits.supportsPrefixes),
    );
    const cases = fallen.map((view) => ({ view, ...troubleOn(index, view.node, view.capacity.addressCount) }));
    const hurt = cases.filter(({ view, trouble }) => excessPods(view) > 0 || trouble === "full");
    const worst =
      hurt.find(({ trouble }) => trouble === "full") ?? hurt[0] ?? cases.find(({ view }) => lineOf(view).length > 0);
    if (worst === undefined && lines.length === 0) return;
    const view = worst?.view;
    notes.sign(...quotes(lines));
    notes.seen(...lines.map((one) => one.occurrences));
    notes.affects({
      nodes: hurt.length > 0 ? hurt.map((one) => one.view.node) : lines.map((one) => index.nodeOf(one)),
    });
    const isXen = view?.prefixRequest !== undefined && !view.limits.supportsPrefixes;
    const computed = isXen ? [view.instanceType.evidence, view.prefixRequest] : [];
    if (hurt.length > 0) notes.sign(...computed);
    notes.proof(
      "the agent gives single addresses although prefix delegation is on",
      [...quotes(lines, 1), ...computed],
      {
        what: "the hypervisor of the type",
        command: `aws ec2 describe-instance-types --instance-types ${view?.limits.instanceType ?? "TYPE"} --output json > instance-types.json`,
      },
    );
    const promised = view?.maxPods === undefined || excessPods(view) === 0 ? [] : [view.maxPods.evidence];
    notes.proof(
      "the node is asked for more pods than single addresses carry",
      [...promised, ...(worst?.troubleEvidence ?? [])],
      {
        what: "max-pods of the node",
        command: `kubectl get node ${nodeName(view?.node)} -o json > node.json`,
      },
    );
    if (view?.maxPods !== undefined && blame(view).length === 0 && worst?.trouble !== "full") {
      notes.against(
        `max-pods ${view.maxPods.value} fits the ${view.capacity.addressCount} single addresses of ${view.limits.instanceType}: the fallback costs no pod`,
        [view.maxPods.evidence, view.instanceType.evidence],
      );
    }
    if (view === undefined) {
      const type = lines.find((one) => one.captures.instanceType !== undefined)?.captures.instanceType ?? "The type";
      notes.summary(`${type} has no Nitro hypervisor: prefix delegation is off on its nodes.`);
      notes.fix(
        "Allow only Nitro types in the node group or NodePool, or set max-pods to the secondary-IP number of the type",
      );
      return;
    }
    const promise = view.maxPods === undefined ? "" : ` while max-pods is ${view.maxPods.value}`;
    notes.summary(
      `${view.limits.instanceType} has no Nitro hypervisor, so its nodes give single addresses: ${view.capacity.addressCount} pods (${arithmetic(view)})${promise}.`,
    );
    notes.fix(
      `kubectl cordon ${nodeName(view.node)} && kubectl get pods -A --field-selector spec.nodeName=${nodeName(view.node)},status.phase=Pending   # delete those: they start on other nodes`,
      "Allow only Nitro types: Karpenter NodePool requirement karpenter.k8s.aws/instance-hypervisor In [nitro]; node groups: drop the type",
      maxPodsSetting(index.node(view.node)?.osImage, fittingMaxPods(view)),
    );
  },
});
