// The scheduler is promised more pods than the node's ENIs have addresses, whatever the settings take away.

import type { Evidence, Facts, PoolSample, Starvation } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass, type Notes } from "../failure-class.ts";
import { capacityWithout, excessPods, nodeCapacities } from "../node-capacity.ts";
import { type CapacityFacts, NodeIndex, type NodeOrNone } from "../node-index.ts";
import { arithmetic, maxPodsFix, noteOverPromise, overPromised, PROMISE_NEEDS } from "../over-promise.ts";
import { isPoolFull } from "../starving.ts";
import { nodeName } from "../wording.ts";

export const failureClass = defineClass({
  id: "max-pods-above-eni-capacity",
  title: "max-pods is above what the node's ENIs carry",
  needs: [...PROMISE_NEEDS],
  lookAlikes: [],
  docs: {
    what: "The node's max-pods is larger than the number of addresses its ENIs can hold.",
    why: "The scheduler counts pods, not addresses. A max-pods set by hand (kubelet arguments, a Karpenter kubelet block, Bottlerocket settings, the kubelet's own default of 110) above the type's ENIs x (addresses - 1), or x 16 with prefixes, promises pods that can never get an address. It looks like an exhausted subnet, but EC2 reports no error; it looks like the MINIMUM_IP_TARGET trap, but the agent does try, and skips because all ENIs are attached.",
    next: "Lower max-pods to the capacity plus the host-network pods, turn on prefix delegation for new nodes, or use a larger type.",
    prevention:
      "Compute the capacity of every instance type that a node group or NodePool allows and compare; do not fix one max-pods over mixed types.",
    sources: [
      "https://github.com/aws/karpenter-provider-aws/issues/7318",
      "https://github.com/aws/karpenter-provider-aws/issues/5317",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/281",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/668",
      "Karpenter documentation, troubleshooting: max pods",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const cases = overPromised(facts, index, "max-pods");
    const [first] = cases;
    if (first === undefined) {
      if (!limitWithoutNumbers(facts, index, notes)) aboveWithoutPrefixes(facts, index, notes);
      return;
    }
    noteOverPromise(facts, index, notes, cases, (view) => {
      const evidence: Evidence[] = [view.settings.evidence("ENABLE_PREFIX_DELEGATION")];
      const taken = view.capacity.taken.map((one) => `${one.count} for ${one.by}`);
      return {
        clause: taken.length === 0 ? "at most" : `after ${taken.join(" and ")} of its ${view.limits.eniCountMax} ENIs`,
        evidence,
      };
    });
    notes.fix(...maxPodsFix(index, first.view));
  },
});

/** Refused at the ENI limit, and neither type nor max-pods known: what to ask for. False: no such node. */
function limitWithoutNumbers(facts: CapacityFacts, index: NodeIndex, notes: Notes): boolean {
  const views = nodeCapacities(facts, index);
  let isNoted = false;
  for (const node of new Set(facts.logs.map((log) => index.nodeOf(log)))) {
    const view = views.find((one) => one.node === node);
    if (view?.maxPods !== undefined && view.hasPrefixes !== undefined) continue;
    const limit = refusedAtLimit(index, node);
    if (limit === undefined) continue;
    const room = index.sightings(node, "room-for-eni").at(-1);
    const taken = [room?.captures.trunkEni, room?.captures.unmanagedEni, room?.captures.excludedEni];
    if (taken.some((count) => Number(count ?? 0) > 0)) continue;
    isNoted = true;
    notes.sign(limit.evidence, ...quotes(index.sightings(node, "eni-limit-reached"), 1));
    notes.proof("max-pods is above the addresses of the instance type", undefined, {
      what: "instance type and max-pods of the node that refuses",
      command: `kubectl get node ${nodeName(node)} -o json > node.json`,
    });
    if (view?.hasPrefixes === undefined) notes.proof(...modeProof());
    const { pool } = limit;
    const text = pool === undefined ? "" : ` with ${pool.assigned} of ${pool.total} addresses taken`;
    notes.summary(
      `The node refuses pods at its ENI limit${text}, without any error of EC2: more pods were placed there than its ENIs carry.`,
    );
    notes.fix(
      "Move pods off: kubectl cordon the node and delete the pods that wait; then compare max-pods with the type's capacity.",
    );
    notes.affects({ nodes: [node] });
    notes.seen(...limit.runs.map((one) => ({ count: one.refusalCount, firstMs: one.firstMs, lastMs: one.lastMs })));
  }
  return isNoted;
}

interface RefusedAtLimit {
  readonly runs: readonly Starvation[];
  readonly pool: PoolSample | undefined;
  readonly evidence: Evidence;
}

/** Runs of refusals at the ENI limit; where the log was cut before them, a full pool there and the event beside it. */
function refusedAtLimit(index: NodeIndex, node: NodeOrNone): RefusedAtLimit | undefined {
  const logs = index.logs(node);
  const atLimit = logs
    .flatMap((log) => log.starvations)
    .filter((run) => run.eniLimitCount > 0 && run.ec2ErrorCount === 0);
  const [run] = atLimit;
  if (run !== undefined)
    return { runs: atLimit, pool: run.poolLast ?? run.poolFirst, evidence: { source: run.at, text: run.text } };
  if (logs.some((log) => log.starvations.length > 0)) return undefined;
  const [refused] = quotes(index.sightings(node, "add-refused", "plugin-refused"), 1);
  const pool = logs.flatMap((log) => log.pool.slice(-1))[0];
  const isAtLimit = index.sightings(node, "eni-limit-reached").length > 0 && isPoolFull(pool);
  return refused === undefined || !isAtLimit ? undefined : { runs: [], pool, evidence: refused };
}

/** Refused, and max-pods fits only with prefixes: whether the node has them, no fact says. */
function aboveWithoutPrefixes(facts: CapacityFacts & Pick<Facts, "ec2Errors">, index: NodeIndex, notes: Notes): void {
  if (facts.ec2Errors.length > 0) return;
  for (const known of nodeCapacities(facts, index)) {
    if (known.hasPrefixes !== undefined || known.maxPods === undefined) continue;
    const single = { ...known, hasPrefixes: false };
    const view = { ...single, capacity: capacityWithout(single, []) };
    const { addressCount } = view.capacity;
    const refused = index.sightings(view.node, "no-address", "add-refused", "plugin-refused");
    const pools = index.logs(view.node).flatMap((log) => log.starvations.flatMap((run) => run.poolLast ?? []));
    const isPoolSmaller = pools.some((pool) => pool.total < addressCount);
    if (excessPods(view) === 0 || refused.length === 0 || isPoolSmaller) continue;
    notes.sign(known.maxPods.evidence, view.instanceType.evidence, ...quotes(refused, 1));
    notes.affects({ nodes: [view.node] });
    notes.proof(...modeProof());
    notes.proof("pods are refused because all addresses the node can have are taken", undefined, {
      what: `the pool of the node: is it full at ${addressCount} addresses?`,
      command: `kubectl debug node/${nodeName(view.node)} -it --image=public.ecr.aws/amazonlinux/amazonlinux:2023 -- curl -s http://localhost:61679/v1/enis > enis.json`,
    });
    notes.summary(
      `max-pods is ${known.maxPods.value}, and with single addresses ${view.limits.instanceType} has ${addressCount} for pods (${arithmetic(view)}): unless prefix delegation is on, the last ${excessPods(view)} never get one.`,
    );
    notes.fix(...maxPodsFix(index, view));
    return;
  }
}

function modeProof(): [string, undefined, { what: string; command: string }] {
  return [
    "whether the node uses prefixes, and what else takes ENIs",
    undefined,
    {
      what: "the settings of aws-node: ENABLE_PREFIX_DELEGATION, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG, ENABLE_POD_ENI, MAX_ENI",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    },
  ];
}
