// After a restart of the agent, pods run on addresses that it has forgotten, or that EC2 has taken away.

import type { Ipv4 } from "../../../base/ipv4.ts";
import { cidrContains, cidrOf, formatCidr, formatIpv4, parseIpv4 } from "../../../base/ipv4.ts";
import type { EniFact, Evidence, Facts, PodFact, Sighting } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { nodeName } from "../wording.ts";

const NEEDS = ["sightings", "pods", "nodes", "enis", "subnets", "wholeSubnets"] as const;
type LossFacts = Pick<Facts, (typeof NEEDS)[number]>;

export const failureClass = defineClass({
  id: "imds-stale-prefix-loss",
  title: "allocations were dropped at the agent's restart",
  needs: [...NEEDS],
  lookAlikes: [],
  docs: {
    what: "The agent started on an incomplete or stale list from metadata and dropped allocations of running pods, or hands out addresses that EC2 no longer has.",
    why: "At start the agent places every allocation of its checkpoint in the prefixes that metadata shows; what it cannot place it presumes dead and forgets. The pods keep running on addresses that may be given to others, or that no ENI owns. The similar line about a stale IP allocation for an ID is normal: there the pod's interface is gone.",
    next: "Delete the affected pods so that they get new addresses; avoid restarting aws-node on busy nodes.",
    prevention: "Warn before the environment of aws-node is changed on live nodes.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3824",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3825",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3876",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3887",
    ],
  },
  look(facts, notes) {
    const dropped = facts.sightings.filter(
      (one) => one.signal === "stale-allocation" && one.captures.address !== undefined,
    );
    const orphans = ownerless(facts);
    if (dropped.length === 0 && orphans.length === 0) return;
    const groups = byPrefix(dropped);
    const orphanEvidence = orphans.map(({ pod, text }) => ({ source: pod.at, text }));
    const sure = orphans.filter((one) => one.isNodeReady).map(({ pod, text }) => ({ source: pod.at, text }));
    notes.sign(...quotes(dropped), ...orphanEvidence.slice(0, 3));
    notes.affects({ nodes: [...dropped.map((one) => one.node), ...orphans.map(({ pod }) => pod.node)] });
    notes.seen(...dropped.map((one) => one.occurrences));
    const count = dropped.reduce((sum, one) => sum + one.occurrences.count, 0);
    notes.proof(
      "allocations were dropped, or pods run on addresses without an owner",
      [...quotes(dropped, 2), ...sure.slice(0, 2)],
      orphans.length > sure.length
        ? { what: "whether the pods' nodes are there and ready", command: "kubectl get nodes -o json > nodes.json" }
        : {
            what: "the agent's log around its last start",
            command: "sudo grep 'presuming stale/dead' /var/log/aws-routed-eni/ipamd.log | tail -n 20",
          },
    );
    const addresses = dropped.flatMap((one) => parseIpv4(one.captures.address ?? "") ?? []);
    const held = stillHeld(facts, dropped);
    const [first] = [...groups.keys()];
    notes.proof(
      "EC2 still has the prefix of the dropped addresses, or no longer the address of a running pod",
      [...held, ...sure.slice(0, 2)],
      sure.length < orphans.length && dropped.length === 0
        ? { what: "whether the pods' nodes are there and ready", command: "kubectl get nodes -o json > nodes.json" }
        : {
            what: "what EC2 holds: is the prefix attached?",
            command: `aws ec2 describe-network-interfaces --filters Name=addresses.private-ip-address,Values=${addresses[0] === undefined ? "ADDRESS" : formatIpv4(addresses[0])} --output json; aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values=INSTANCE_ID --output json > enis.json`,
          },
    );
    notes.summary(
      dropped.length > 0
        ? `${count} allocations were dropped at a restart of the agent${first === undefined ? "" : `, ${groups.get(first)?.length} of them in ${first}`}${held.length > 0 ? ", which EC2 still has attached" : ""}: their pods run on addresses that the agent may give to others.`
        : orphans.length === 1
          ? `${orphans[0]?.pod.namespace}/${orphans[0]?.pod.name} runs on an address that no ENI owns: it gets no replies.`
          : `${orphans.length} running pods have addresses that no ENI owns, ${orphans[0]?.pod.namespace}/${orphans[0]?.pod.name} among them: they get no replies.`,
    );
    const [orphan] = orphans;
    const node = orphan?.pod.node ?? dropped[0]?.node;
    notes.fix(
      orphan === undefined
        ? `kubectl get pods -A -o wide --field-selector spec.nodeName=${nodeName(node)}   # delete those whose addresses the lines name: they get new ones`
        : `kubectl -n ${orphan.pod.namespace} delete pod ${orphan.pod.name}${orphans.length > 1 ? `   # and ${orphans.length - 1} more, as the evidence lists` : ""}`,
      "Do not restart aws-node on busy nodes until then: each restart may drop more",
    );
  },
});

/** Dropped addresses by their aligned /28. */
function byPrefix(dropped: readonly Sighting[]): Map<string, Ipv4[]> {
  const groups = new Map<string, Ipv4[]>();
  for (const one of dropped) {
    const address = parseIpv4(one.captures.address ?? "");
    if (address === undefined) continue;
    const prefix = formatCidr(cidrOf(address, 28));
    groups.set(prefix, [...(groups.get(prefix) ?? []), address]);
  }
  return groups;
}

/**
 * Prefixes of dropped addresses that EC2 holds on the same node. On another node they are no loss: the prefix was given back
 * and assigned anew.
 */
function stillHeld(facts: LossFacts, dropped: readonly Sighting[]): Evidence[] {
  const holders = new Map<Ipv4, EniFact>();
  for (const eni of facts.enis) for (const prefix of eni.prefixes) holders.set(prefix, eni);
  const instances = new Set(facts.enis.map((eni) => eni.instanceId));
  const found = new Map<Ipv4, Evidence>();
  for (const one of dropped) {
    const address = parseIpv4(one.captures.address ?? "");
    if (address === undefined) continue;
    const prefix = cidrOf(address, 28);
    const eni = holders.get(prefix.base);
    const instanceId = facts.nodes.find((node) => node.key === one.node)?.instanceId ?? one.node;
    const isSameNode = one.node === undefined ? instances.size === 1 : eni?.instanceId === instanceId;
    if (eni !== undefined && isSameNode)
      found.set(prefix.base, { source: eni.at, text: `${eni.id} holds ${formatCidr(prefix)}` });
  }
  return [...found.values()].slice(0, 3);
}

/** Running pods with an address of a wholly described subnet that no ENI there owns. */
function ownerless(facts: LossFacts): { pod: PodFact; text: string; isNodeReady: boolean }[] {
  const subnets = facts.subnets.filter((one) => one.cidr !== undefined && facts.wholeSubnets.includes(one.id));
  if (subnets.length === 0) return [];
  const owned = new Set<Ipv4>();
  for (const eni of facts.enis) {
    for (const address of eni.addresses) owned.add(address);
    for (const prefix of eni.prefixes) for (let offset = 0; offset < 16; offset++) owned.add(prefix + offset);
  }
  // Pods of a node that is gone still count as running for some minutes: their addresses went with its ENIs.
  const readiness = new Map(facts.nodes.map((node) => [node.key, node.isReady]));
  const hasNodes = facts.nodes.some((node) => node.isReady !== undefined);
  return facts.pods.flatMap((pod) => {
    const isNodeReady = readiness.get(pod.node ?? "");
    if (isNodeReady === false || (isNodeReady === undefined && hasNodes)) return [];
    if (pod.isHostNetwork || pod.phase !== "Running" || pod.address === undefined) return [];
    const address = parseIpv4(pod.address);
    if (address === undefined || owned.has(address)) return [];
    const subnet = subnets.find((one) => one.cidr !== undefined && cidrContains(one.cidr, address));
    if (subnet === undefined) return [];
    return [
      {
        pod,
        text: `${pod.namespace}/${pod.name} runs on ${pod.address}, which no ENI in ${subnet.id} owns`,
        isNodeReady: isNodeReady === true,
      },
    ];
  });
}
