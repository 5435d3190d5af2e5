// Prefixes work, but the kubelet still offers the secondary-IP number of pods.

import { maxPodsCap } from "../../../catalog/pod-capacity.ts";
import type { Evidence, NodeBootstrap } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { type NodeCapacity, nodeCapacities } from "../node-capacity.ts";
import { CAPACITY_NEEDS, NodeIndex } from "../node-index.ts";
import { HAPPENED_NEEDS, isNumbersAlone } from "../numbers-alone.ts";
import { maxPodsSetting } from "../over-promise.ts";
import { nodeName } from "../wording.ts";

export const failureClass = defineClass({
  id: "max-pods-not-raised",
  title: "max-pods was not raised for prefixes",
  needs: [...new Set([...CAPACITY_NEEDS, ...HAPPENED_NEEDS])],
  lookAlikes: [],
  causes: ["scheduler-too-many-pods"],
  docs: {
    what: "The node has prefixes for many pods, but its max-pods is still the secondary-IP number of the type.",
    why: "max-pods is set when a node boots and nothing raises it for prefix delegation: bootstrap.sh flags do nothing on AL2023 (nodeadm ignores them), --use-max-pods false is missing on AL2, or a managed node group was computed before prefixes were on. Pods stay Pending with Too many pods: no address was ever asked for.",
    next: "Set max-pods where the node's OS reads it, and replace the nodes. At most 110 below 30 vCPUs, 250 above.",
    prevention: "A linter checks max-pods by OS family against the prefix capacity.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2099",
      "https://github.com/clowdhaus/eks-reference-architecture/issues/26",
      "Amazon EKS user guide: choose max-pods",
    ],
  },
  look(facts, notes) {
    const refused = sightingsOf(facts, "too-many-pods");
    const isAlone = isNumbersAlone(facts);
    if (refused.length === 0 && !isAlone) return;
    const index = new NodeIndex(facts);
    const views = nodeCapacities(facts, index);
    const low = views.filter((view) => isLow(view));
    const [view] = low;
    if (view?.maxPods === undefined) return;
    const fits = Math.min(maxPodsCap(view.limits), view.capacity.addressCount + 2);
    const numbers = [
      view.maxPods.evidence,
      view.instanceType.evidence,
      view.settings.evidence("ENABLE_PREFIX_DELEGATION"),
    ];
    const ignored = ignoredFlags(facts.bootstraps, view);
    // Without a pod that waits, a small number may be meant; one that the node's bootstrap asked to raise is not.
    if (isAlone && ignored.length === 0) return;
    notes.sign(...quotes(refused, 2), ...numbers, ...ignored);
    notes.affects({ nodes: low.map((one) => one.node) });
    notes.seen(...refused.map((one) => one.occurrences));
    notes.proof("the scheduler refuses for max-pods", quotes(refused, 1), {
      what: "the events of the pending pods",
      command: "kubectl get events -A --field-selector reason=FailedScheduling -o json > events.json",
    });
    notes.proof("max-pods is far below the node's prefix capacity", numbers, {
      what: "max-pods and instance type",
      command: `kubectl get node ${nodeName(view.node)} -o json > node.json`,
    });
    const why = ignored.length > 0 ? "; the node's bootstrap asks for more and is not heeded" : "";
    notes.summary(
      `max-pods of ${view.limits.instanceType} is ${view.maxPods.value}, the secondary-IP number, though its prefixes carry ${view.capacity.addressCount} pods (${fits} recommended)${why}: pods beyond it stay Pending with Too many pods.`,
    );
    notes.fix(
      maxPodsSetting(index.node(view.node)?.osImage, fits),
      `kubectl get node ${nodeName(view.node)} -o jsonpath='{.status.capacity.pods}'   # on a new node: ${fits}`,
    );
  },
});

/** Prefixes in use, and max-pods still what secondary addresses would give. */
function isLow(view: NodeCapacity): boolean {
  if (view.maxPods === undefined || view.hasPrefixes !== true) return false;
  const { value } = view.maxPods;
  const secondary = view.capacity.eniCount * view.capacity.slotsPerEni + 2;
  const fits = Math.min(maxPodsCap(view.limits), view.capacity.addressCount + 2);
  return value < fits && (value === view.limits.publishedMaxPods || value === secondary);
}

/** A max-pods asked for at boot that the node does not have: as a setting, or in flags that its OS does not read. */
function ignoredFlags(bootstraps: readonly NodeBootstrap[], view: NodeCapacity): Evidence[] {
  return bootstraps
    .filter((one) => one.node === undefined || one.node === view.node)
    .flatMap((one) => {
      const flag = /--max-pods[= ](\d+)/.exec(one.bootstrapArguments?.value ?? "")?.[1];
      const asked = one.maxPods?.value ?? (flag === undefined ? undefined : Number(flag));
      if (asked === undefined || asked <= (view.maxPods?.value ?? 0)) return [];
      const isUnread = one.maxPods === undefined && one.osFamily?.value === "al2023";
      const text = isUnread
        ? `bootstrap.sh arguments ask for maxPods ${asked}; AL2023 does not read them`
        : `${one.origin} asks for maxPods ${asked}`;
      return [{ source: one.maxPods?.at ?? one.bootstrapArguments?.at ?? one.at, text }];
    })
    .slice(0, 2);
}
