// MAX_ENI keeps the node below what its type could carry.

import type { Evidence } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { blame, excessPods, type NodeCapacity, nodeCapacities } from "../node-capacity.ts";
import { CAPACITY_NEEDS, NodeIndex, type NodeOrNone } from "../node-index.ts";
import { arithmetic, fittingMaxPods, maxPodsSetting, troubleOn } from "../over-promise.ts";
import { nodeName, nodeWords, setEnv } from "../wording.ts";

export const failureClass = defineClass({
  id: "max-eni-env-caps-node",
  title: "MAX_ENI is below the type's limit",
  needs: [...CAPACITY_NEEDS],
  lookAlikes: [],
  docs: {
    what: "MAX_ENI allows fewer ENIs than the instance type, and the node runs out of addresses at that number.",
    why: "The agent takes the smaller of MAX_ENI and the type's limit; max-pods knows only the type. The log looks as with a max-pods above capacity, but the type has ENIs to spare.",
    next: "Unset or raise MAX_ENI, or lower max-pods to match.",
    prevention: "A linter computes capacity with the smaller of MAX_ENI and the type's limit.",
    sources: ["amazon-vpc-cni-k8s README: MAX_ENI"],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const views = nodeCapacities(facts, index);
    const capped = views.filter((view) => view.capacity.taken.some((one) => one.by === "MAX_ENI"));
    const cases = capped
      .map((view) => ({ view, ...troubleOn(index, view.node, view.capacity.addressCount) }))
      .filter(
        ({ view, trouble }) => blame(view).includes("MAX_ENI") || (trouble === "full" && isAtCap(index, view.node)),
      );
    const worst = cases.find((one) => one.trouble === "full") ?? cases[0];
    if (worst === undefined) return withoutType(index, facts, views, notes);
    const { view } = worst;
    const setting = view.settings.evidence("MAX_ENI");
    notes.sign(setting, view.instanceType.evidence, ...worst.troubleEvidence);
    notes.affects({ nodes: cases.map((one) => one.view.node) });
    notes.seen(...index.sightings(view.node, "eni-limit-reached").map((one) => one.occurrences));
    notes.proof("MAX_ENI is below the limit of the type", [setting, view.instanceType.evidence], {
      what: "the instance type",
      command: `kubectl get node ${nodeName(view.node)} -o json > node.json`,
    });
    const promised = excessPods(view) === 0 || view.maxPods === undefined ? [] : [view.maxPods.evidence];
    notes.proof("pods run into that cap", worst.trouble === "none" ? promised : worst.troubleEvidence, {
      what: `the pool of ${nodeWords(view.node)}: is it full at ${view.capacity.addressCount} addresses?`,
      command: "curl -s http://localhost:61679/v1/enis > enis.json   # on the node",
    });
    const max = view.settings.maxEni;
    notes.summary(
      `MAX_ENI=${max} leaves ${view.limits.instanceType} ${max} of its ${view.limits.eniCountMax} ENIs: addresses for ${view.capacity.addressCount} pods (${arithmetic(view)})${view.maxPods === undefined ? "" : `, max-pods is ${view.maxPods.value}`}.`,
    );
    notes.fix(
      setEnv("MAX_ENI-", "the agent restarts and attaches up to the type's limit"),
      `Or keep the cap: ${maxPodsSetting(index.node(view.node)?.osImage, fittingMaxPods(view))}`,
    );
  },
});

/** The agent's own test says that the cap is what stops it. */
function isAtCap(index: NodeIndex, node: NodeOrNone): boolean {
  const room = index.sightings(node, "room-for-eni").at(-1);
  return room === undefined || Number(room.captures.currentEnis) >= Number(room.captures.maxEni);
}

/** A log that says MAX_ENI and stops there, of a type that nothing names. */
function withoutType(
  index: NodeIndex,
  facts: Parameters<typeof nodeCapacities>[0],
  views: readonly NodeCapacity[],
  notes: Parameters<(typeof failureClass)["look"]>[1],
): void {
  for (const log of facts.logs) {
    const node = index.nodeOf(log);
    if (views.some((view) => view.node === node)) continue;
    const lines = index.sightings(node, "setting-used").filter((one) => one.captures.name === "MAX_ENI");
    const stopped = index
      .sightings(node, "room-for-eni")
      .filter(
        (one) => one.captures.hasRoom === "false" && lines.some((line) => line.captures.value === one.captures.maxEni),
      );
    if (stopped.length === 0 || log.starvations.every((run) => run.eniLimitCount === 0)) continue;
    const evidence: Evidence[] = [...quotes(lines, 1), ...quotes(stopped, 1)];
    notes.sign(...evidence);
    notes.affects({ nodes: [node] });
    notes.proof("the agent stops at MAX_ENI", evidence, {
      what: "the agent's log",
      command: "sudo grep -e MAX_ENI -e hasRoomForEni /var/log/aws-routed-eni/ipamd.log | tail -n 20",
    });
    notes.proof("the type could carry more ENIs", undefined, {
      what: "the instance type of the node",
      command: `kubectl get node ${nodeName(node)} -o json > node.json`,
    });
    notes.summary(
      `The agent stops at MAX_ENI=${lines[0]?.captures.value}; whether the type could carry more is not known.`,
    );
    notes.fix(setEnv("MAX_ENI-", "where the type's limit is higher"));
  }
}
