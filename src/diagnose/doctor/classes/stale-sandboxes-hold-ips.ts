// Old CNIs rebuild their allocations from the container runtime: exited sandboxes keep their addresses.

import type { Evidence, Facts, NodeKey } from "../../facts/model.ts";
import { cniVersion, isCniAtLeast } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";

/** Pods that come and go while one looks are fewer. */
const LOST_LEAST = 5;

export const failureClass = defineClass({
  id: "stale-sandboxes-hold-ips",
  title: "exited sandboxes hold addresses",
  needs: ["nodes", "logs", "sightings", "introspection", "pods", "instances", "enis", "versions"],
  lookAlikes: [],
  docs: {
    what: "The agent counts many more addresses as assigned than pods run on the node.",
    why: "Before v1.7 the agent rebuilt its state from the container runtime, and sandboxes that had exited and were never removed kept their addresses. Later versions read their checkpoint instead.",
    next: "Upgrade the CNI; until then remove the exited sandboxes.",
    prevention: "A CNI from v1.7 on.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/59",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/123",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/18",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const held = index.keys.flatMap((node) => lostAddresses(index, node));
    if (held.length === 0) return;
    const isNew = isCniAtLeast(facts, "1.7.0", held[0]?.node);
    // From v1.7 on the same numbers have other causes; this class says nothing of them.
    if (isNew === true) return;
    notes.sign(...held.map((one) => one.evidence));
    notes.affects({ nodes: held.map((one) => one.node) });
    notes.proof(
      "assigned addresses outnumber the pods by far",
      held.map((one) => one.evidence),
      { what: "the pods of the node", command: "kubectl get pods -A -o json > pods.json" },
    );
    const version = cniVersion(facts, held[0]?.node);
    notes.proof(
      "the CNI is older than v1.7",
      version === undefined ? undefined : [{ source: version.at, text: `CNI ${version.version}` }],
      {
        what: "the CNI's version",
        command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
      },
    );
    notes.summary(`${held[0]?.evidence.text}: sandboxes that have exited hold the others.`);
    notes.fix(
      "sudo docker ps -aq --filter status=exited --filter name=k8s_POD | xargs -r sudo docker rm   # on the node; with containerd: crictl pods --state NotReady -q | xargs -r sudo crictl rmp",
      "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version VERSION   # v1.7 or later",
    );
  },
});

function lostAddresses(
  index: NodeIndex,
  node: NodeKey | undefined,
): { node: NodeKey | undefined; evidence: Evidence }[] {
  const page = index.pages(node).at(-1);
  const sample = index.logs(node).at(-1)?.pool.at(-1);
  const assigned = page?.assignedCount ?? sample?.assigned;
  const at = page?.assignedCount === undefined ? sample?.at : page.at;
  const pods = index.pods(node).filter(takesAddress);
  if (assigned === undefined || at === undefined || pods.length === 0 || assigned - pods.length < LOST_LEAST) return [];
  const text = `${assigned} addresses are assigned, and ${pods.length} pods with an address of their own are on ${node ?? "the node"}`;
  return [{ node, evidence: { source: at, text } }];
}

function takesAddress(pod: Facts["pods"][number]): boolean {
  return !pod.isHostNetwork && pod.phase !== "Succeeded" && pod.phase !== "Failed";
}
