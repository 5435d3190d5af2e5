// Nodes that are promised more pods than they have addresses for, and whether they ran into it: what the classes about max-pods
// have in common. Numbers alone decide where nothing is known to fail; where pods are refused, the pool must be seen full.

import type { Evidence, Facts } from "../facts/model.ts";
import { quotes } from "../facts/settings.ts";
import type { Notes } from "./failure-class.ts";
import { blame, capacityWithout, excessPods, type NodeCapacity, nodeCapacities, type Taker } from "./node-capacity.ts";
import { CAPACITY_NEEDS, type CapacityFacts, type NodeIndex, type NodeOrNone } from "./node-index.ts";
import { nodeName, nodeWords, setEnv } from "./wording.ts";

/** The sections a class needs that notes an over-promise. */
export const PROMISE_NEEDS = [...CAPACITY_NEEDS, "ec2Errors"] as const;

type PromiseFacts = Pick<Facts, (typeof PROMISE_NEEDS)[number]>;

export interface OverPromise {
  readonly view: NodeCapacity;
  readonly excess: number;
  /** none: no pod is known to be refused there. full: all the addresses it can have are taken. unclear: refused, pool not seen. */
  readonly trouble: "none" | "full" | "unclear";
  readonly troubleEvidence: readonly Evidence[];
}

/** The nodes that are over-promised because of `cause`. */
export function overPromised(facts: CapacityFacts, index: NodeIndex, cause: Taker | "max-pods"): OverPromise[] {
  return nodeCapacities(facts, index)
    .filter((view) => blame(view).includes(cause))
    .map((view) => ({ view, excess: excessPods(view), ...troubleOn(index, view.node, view.capacity.addressCount) }));
}

/** Pods without an address on a node, and whether that is for a full pool of at least `capacity` addresses. */
export function troubleOn(
  index: NodeIndex,
  node: NodeOrNone,
  capacity: number,
): Pick<OverPromise, "trouble" | "troubleEvidence"> {
  const runs = index.logs(node).flatMap((log) => log.starvations);
  const pods = index.pods(node).filter((pod) => !pod.isHostNetwork);
  const waiting = pods.filter((pod) => pod.address === undefined && pod.waitingReason === "ContainerCreating");
  const refusals = index.sightings(node, "no-address", "add-refused", "plugin-refused");
  if (runs.length === 0 && waiting.length === 0 && refusals.length === 0)
    return { trouble: "none", troubleEvidence: [] };
  const evidence: Evidence[] = [];
  for (const run of runs) {
    const pool = run.poolLast ?? run.poolFirst;
    const isFull = pool !== undefined && pool.assigned >= pool.total;
    if (isFull && pool.total >= capacity) {
      evidence.push({
        source: pool.at,
        text: `pool when pods were refused: total ${pool.total}, assigned ${pool.assigned}`,
      });
    } else if (run.eniLimitCount > 0 && run.ec2ErrorCount === 0 && (pool === undefined || isFull)) {
      evidence.push({ source: run.at, text: run.text }, ...quotes(index.sightings(node, "eni-limit-reached"), 1));
    }
  }
  for (const page of index.pages(node)) {
    const { totalCount: total, assignedCount: assigned } = page;
    if (total !== undefined && assigned !== undefined && assigned >= total && total >= capacity)
      evidence.push({ source: page.at, text: `TotalIPs ${total}, AssignedIPs ${assigned}` });
  }
  const served = pods.filter((pod) => pod.address !== undefined && pod.phase === "Running");
  const [first] = waiting;
  if (first !== undefined && served.length >= capacity) {
    const text = `${served.length} pods have addresses, ${waiting.length} wait, ${first.namespace}/${first.name} among them`;
    evidence.push({ source: first.at, text });
  }
  return { trouble: evidence.length > 0 ? "full" : "unclear", troubleEvidence: evidence };
}

/** Writes what all of these classes say alike; `why` is one clause naming what the promise forgot. */
export function noteOverPromise(
  facts: PromiseFacts,
  index: NodeIndex,
  notes: Notes,
  cases: readonly OverPromise[],
  why: (view: NodeCapacity) => { clause: string; evidence: readonly Evidence[] },
): void {
  const [worst] = [...cases].sort((a, b) => Number(b.trouble === "full") - Number(a.trouble === "full"));
  if (worst === undefined) return;
  const { view } = worst;
  const promise = view.maxPods;
  if (promise === undefined) return;
  const { clause, evidence } = why(view);
  const numbers = [promise.evidence, view.instanceType.evidence, ...evidence];
  notes.sign(...numbers, ...worst.troubleEvidence);
  notes.proof(`max-pods is above the addresses of ${view.limits.instanceType}`, numbers, commandFor(view.node));
  notes.proof(
    "pods are refused because all addresses the node can have are taken",
    worst.trouble === "none" ? numbers : worst.troubleEvidence,
    {
      what: `the pool of ${nodeWords(view.node)}: is it full at ${view.capacity.addressCount} addresses?`,
      command: `kubectl debug node/${nodeName(view.node)} -it --image=public.ecr.aws/amazonlinux/amazonlinux:2023 -- curl -s http://localhost:61679/v1/enis > enis.json`,
    },
  );
  if (worst.trouble === "unclear") supplyContradiction(facts, index, notes, view.node);
  const nodes = cases.map((one) => one.view.node).filter((node) => node !== undefined);
  const others = nodes.length > 1 ? ` (${nodes.length} nodes alike)` : "";
  notes.summary(
    `max-pods is ${promise.value}, but ${view.limits.instanceType} has addresses for ${view.capacity.addressCount} pods (${arithmetic(view)}) ${clause}: the last ${worst.excess} of ${promise.value - view.hostNetworkCount} pods that need an address never get one${others}.`,
  );
  notes.affects({ nodes });
  for (const one of cases) {
    for (const log of index.logs(one.view.node))
      for (const run of log.starvations)
        notes.seen({ count: run.refusalCount, firstMs: run.firstMs, lastMs: run.lastMs });
  }
}

/** EC2 refusing for lack of space keeps a pool below capacity: then it is not max-pods. */
function supplyContradiction(facts: PromiseFacts, index: NodeIndex, notes: Notes, node: NodeOrNone): void {
  const errors = facts.ec2Errors.filter(
    (one) =>
      index.nodeOf(one) === node &&
      (one.code.startsWith("Insufficient") || one.message.includes("sufficient free Ipv4 addresses")),
  );
  if (errors.length === 0) return;
  notes.against(
    `EC2 refused addresses on this node (${errors[0]?.code}): it did not get as far as its own limit`,
    quotes(errors),
  );
}

/** `2 ENIs x 9 slots x 16`. */
export function arithmetic(view: NodeCapacity): string {
  const { eniCount, slotsPerEni, addressesPerSlot } = view.capacity;
  return `${eniCount} ENIs x ${slotsPerEni} slots${addressesPerSlot > 1 ? ` x ${addressesPerSlot}` : ""}`;
}

/** The max-pods that fits: addresses and the two pods of the host network that every node has. */
export function fittingMaxPods(view: NodeCapacity): number {
  return view.capacity.addressCount + 2;
}

/** How to set max-pods on new nodes, and what to do with the pods that wait now. */
export function maxPodsFix(index: NodeIndex, view: NodeCapacity): string[] {
  const value = fittingMaxPods(view);
  const node = nodeName(view.node);
  const steps = [
    `kubectl cordon ${node} && kubectl get pods -A --field-selector spec.nodeName=${node},status.phase=Pending   # delete those: they start on other nodes`,
    maxPodsSetting(index.node(view.node)?.osImage, value),
  ];
  const withPrefixes = capacityWithout({ ...view, hasPrefixes: true }, []).addressCount;
  if (view.hasPrefixes === false && view.limits.supportsPrefixes && withPrefixes >= (view.maxPods?.value ?? 0)) {
    steps.push(
      setEnv(
        "ENABLE_PREFIX_DELEGATION=true WARM_PREFIX_TARGET=1",
        `or carry them all: then replace the nodes (${withPrefixes} addresses on ${view.limits.instanceType}; needs free /28s in the subnet)`,
      ),
    );
  }
  return steps;
}

export function maxPodsSetting(osImage: string | undefined, value: number): string {
  const ways: readonly (readonly [RegExp, string])[] = [
    [/Amazon Linux 2023/, `AL2023: NodeConfig spec.kubelet.config.maxPods: ${value}`],
    [/Amazon Linux 2$/, `AL2: bootstrap.sh --use-max-pods false --kubelet-extra-args '--max-pods=${value}'`],
    [/Bottlerocket/, `Bottlerocket: settings.kubernetes.max-pods = ${value}`],
  ];
  const known = ways.filter(([pattern]) => osImage !== undefined && pattern.test(osImage));
  const texts = (known.length > 0 ? known : ways).map(([, text]) => text);
  return `Set max-pods to ${value} and replace the nodes. ${texts.join("; ")}; Karpenter: EC2NodeClass spec.kubelet.maxPods: ${value}`;
}

function commandFor(node: NodeOrNone): { what: string; command: string } {
  return {
    what: "instance type and max-pods of the node",
    command: `kubectl get node ${nodeName(node)} -o json > node.json`,
  };
}
