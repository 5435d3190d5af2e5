// Tags forbid every subnet that the node could use.

import { effectiveSettings, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { discoveryOf, ROLE_TAG } from "../subnet-discovery.ts";
import { PLACE_NEEDS, podSubnetsOf } from "../subnet-shortage.ts";
import { subnetViews } from "../subnet-view.ts";

export const failureClass = defineClass({
  id: "all-subnets-excluded",
  title: "Tags exclude every subnet the node could use",
  needs: [...PLACE_NEEDS, "sightings", "versions", "clusterName"],
  lookAlikes: [],
  docs: {
    what: "The node's subnet is tagged kubernetes.io/role/cni=0 and no other subnet of the zone may be used, so that no ENI for pods can be made.",
    why: "The tag 0 takes the node's own subnet out (v1.22.1 and later); another one must be tagged 1 in the same zone and VPC, not for another cluster only, and discovery must be on. The primary ENI is then left without pod addresses.",
    next: "Tag a pod subnet in the zone kubernetes.io/role/cni=1, remove the 0, or turn discovery on.",
    prevention: "Check for each zone with nodes that at least one subnet is usable.",
    sources: ["amazon-vpc-cni-k8s#3067, #3121, source of v1.22.1"],
  },
  look(facts, notes) {
    const told = sightingsOf(facts, "no-valid-subnet");
    const views = subnetViews(facts);
    const isAnyZero = views.some((view) => view.tags.get(ROLE_TAG) === "0");
    const nodesOf = new Map(isAnyZero ? facts.nodes.map((node) => [node.key, podSubnetsOf(facts, node.key)]) : []);
    const settings = effectiveSettings(facts);
    const barred = views.filter((own) => {
      if (own.tags.get(ROLE_TAG) !== "0" || settings.customNetworking) return false;
      const isNodes = [...nodesOf.values()].some((ids) => ids.includes(own.id));
      const rest = views.map((view) => discoveryOf(view, own, facts));
      return isNodes && (!settings.subnetDiscovery || rest.every((one) => one !== "used" && one !== "unknown"));
    });
    if (told.length === 0 && (barred.length === 0 || isCniAtLeast(facts, "1.22.1") === false)) return;
    const marked = sightingsOf(facts, "eni-excluded");
    const nodes =
      barred.length > 0
        ? [...nodesOf].filter(([, ids]) => barred.some((view) => ids.includes(view.id))).map(([node]) => node)
        : [];
    const tags = barred.map((view) => ({ source: view.at, text: `${view.id}: ${ROLE_TAG}=0` }));
    notes.sign(...quotes(told, 2), ...quotes(marked, 1), ...tags);
    notes.affects({ nodes: [...told.map((one) => one.node), ...nodes], subnets: barred.map((view) => view.id) });
    notes.seen(...told.map((one) => one.occurrences));
    notes.proof("the agent finds no subnet that its tags allow", quotes(told), {
      what: "the agent's own word",
      command:
        "sudo grep -h -e 'no valid subnets available' -e 'role/cni=0' /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    const [own] = barred;
    notes.summary(
      own === undefined
        ? "The agent finds no subnet to create an ENI in: each is untagged or tagged kubernetes.io/role/cni=0."
        : `${own.id} is tagged ${ROLE_TAG}=0, and no other subnet of ${own.zone ?? "its zone"} may be used${settings.subnetDiscovery ? "" : ": discovery is off"}.`,
    );
    notes.fix(
      `aws ec2 create-tags --resources POD_SUBNET --tags Key=${ROLE_TAG},Value=1   # a subnet in ${own?.zone ?? "the node's zone"}, same VPC`,
      `Or let the node's own subnet carry pods again: aws ec2 delete-tags --resources ${own?.id ?? "NODE_SUBNET"} --tags Key=${ROLE_TAG}`,
    );
    if (!settings.subnetDiscovery)
      notes.fix("kubectl -n kube-system set env daemonset aws-node ENABLE_SUBNET_DISCOVERY=true");
  },
});
