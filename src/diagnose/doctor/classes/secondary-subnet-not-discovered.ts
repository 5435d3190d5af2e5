// The subnet is short while another one of the zone is empty and not used.

import { cidrSize } from "../../../base/ipv4.ts";
import { cniVersion, effectiveSettings, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { type Discovery, discoveryOf, ROLE_TAG } from "../subnet-discovery.ts";
import { BLOCK_SIZE, SHORTAGE_NEEDS, shortageErrors, shortageOf } from "../subnet-shortage.ts";
import { describeEnis, type SubnetView, subnetViews } from "../subnet-view.ts";

/** A subnet is another tenant's unless nearly all of it is free. */
const UNUSED_SHARE = 0.9;

export const failureClass = defineClass({
  id: "secondary-subnet-not-discovered",
  title: "Another subnet of the zone has room and is not used",
  needs: [...SHORTAGE_NEEDS, "sightings", "versions", "clusterName"],
  lookAlikes: [],
  causes: ["subnet-free-ips-exhausted", "subnet-fragmented-no-free-28", "eni-create-no-prefix-space"],
  docs: {
    what: "The node's subnet is short, and a subnet of the same zone and VPC has room, but the agent does not consider it.",
    why: "Discovery (v1.18.0 and later) takes the node's subnet and those of the same zone and VPC tagged kubernetes.io/role/cni with any value but 0; from v1.22.1 a cluster tag must name this cluster. It chooses by free addresses, only when an ENI is created: an ENI with room in the full subnet is tried first. Custom networking turns it off, and without ec2:DescribeSubnets only the node's subnet is left.",
    next: "Tag the subnet kubernetes.io/role/cni=1, grant ec2:DescribeSubnets, and see that nodes have a free ENI slot.",
    prevention: "List for each zone which subnets discovery would pick; warn where it is the node's alone.",
    sources: ["amazon-vpc-cni-k8s#2714, #2954, #2959, #2904, #2984, #3067, #3501"],
  },
  look(facts, notes) {
    const settings = effectiveSettings(facts);
    const errors = shortageErrors(facts);
    const views = subnetViews(facts);
    if (errors.length === 0 || settings.customNetworking) return;
    const failing = shortageOf(facts, errors).views;
    const [own] = failing;
    if (own === undefined) return;
    const others = views
      .filter((view) => failing.every((one) => one.id !== view.id) && (view.availableIpAddressCount ?? 0) >= BLOCK_SIZE)
      .map((view) => ({ view, discovery: discoveryOf(view, own, facts) }))
      .filter(
        ({ discovery }) =>
          ["untagged", "excluded", "other-cluster"].includes(discovery) ||
          (discovery === "used" && !settings.subnetDiscovery),
      );
    const told = sightingsOf(facts, ["subnet-excluded-untagged", "subnet-other-cluster"]);
    const best =
      others.find(({ view }) => told.some((one) => one.captures["subnet"] === view.id)) ??
      others.find(({ view }) => isUnused(view));
    if (best === undefined) return;
    const { view, discovery } = best;
    const line = told.filter((one) => one.captures["subnet"] === view.id);
    const denied = sightingsOf(facts, "describe-subnets-failed");
    notes.sign(...view.evidence, ...quotes(line, 1));
    notes.affects({ nodes: errors.map((one) => one.node), subnets: [own.id, view.id] });
    notes.seen(...errors.map((one) => one.occurrences));
    notes.proof("the subnet in use is short", [...quotes(errors, 2), ...own.evidence], describeEnis(own.id));
    const isNew = isCniAtLeast(facts, "1.18.0");
    const image = "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml";
    const version = cniVersion(facts);
    notes.proof(
      "the CNI looks for other subnets (v1.18.0 and later)",
      isNew === true && version !== undefined ? [{ source: version.at, text: `CNI ${version.version}` }] : undefined,
      { what: "the CNI's version", command: image },
    );
    if (isNew === false)
      notes.against("the CNI is older than v1.18.0 and knows no other subnet than the node's", quotes(errors, 1));
    notes.proof(
      `${view.id} is in the same zone${own.zone === undefined ? "" : ` (${own.zone})`} with room, and nothing else uses it`,
      isUnused(view) ? view.evidence : undefined,
      {
        what: `whether ${view.id} is meant for pods: it has room, and other users`,
        command: `aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${view.id} --output json > other-enis.json`,
      },
    );
    const why = reason(discovery, settings.subnetDiscovery);
    notes.proof(
      why,
      denied.length > 0 ? quotes(denied, 1) : [{ source: view.at, text: `${view.id}: ${tagText(view)}` }],
      describeEnis(view.id),
    );
    notes.summary(
      `${own.id} is short (${own.availableIpAddressCount ?? "?"} addresses free); ${view.id} of the same zone has ${view.availableIpAddressCount} and is not used: ${why}.`,
    );
    if (discovery !== "used")
      notes.fix(
        `aws ec2 create-tags --resources ${view.id} --tags Key=${ROLE_TAG},Value=1   # only if this subnet is meant for pods`,
      );
    if (discovery === "other-cluster")
      notes.fix(
        `aws ec2 create-tags --resources ${view.id} --tags Key=cni.networking.k8s.aws/cluster/CLUSTER,Value=1   # for this cluster`,
      );
    if (!settings.subnetDiscovery)
      notes.fix("kubectl -n kube-system set env daemonset aws-node ENABLE_SUBNET_DISCOVERY=true");
    notes.fix("A node uses it with its next ENI: nodes that have all their ENIs must be replaced.");
  },
});

function isUnused(view: SubnetView): boolean {
  const { cidr, availableIpAddressCount: free } = view;
  return cidr !== undefined && free !== undefined && free >= UNUSED_SHARE * (cidrSize(cidr.prefixLength) - 5);
}

function reason(discovery: Discovery, isDiscoveryOn: boolean): string {
  if (!isDiscoveryOn) return "subnet discovery is off";
  if (discovery === "untagged") return `it has no tag ${ROLE_TAG}`;
  return discovery === "excluded" ? `it is tagged ${ROLE_TAG}=0` : "its cluster tag names another cluster";
}

function tagText(view: SubnetView): string {
  const tags = [...view.tags].filter(([key]) => key === ROLE_TAG || key.startsWith("cni.networking.k8s.aws/"));
  return tags.length === 0 ? `no tag ${ROLE_TAG}` : tags.map(([key, value]) => `${key}=${value}`).join(", ");
}
