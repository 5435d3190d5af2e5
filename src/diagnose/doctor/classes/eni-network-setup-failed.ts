// An ENI is attached, but the host did not let the agent set it up: its addresses never come into the pool.

import type { Evidence, Facts } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex } from "../node-index.ts";

export const failureClass = defineClass({
  id: "eni-network-setup-failed",
  title: "the host does not let the agent set up an ENI",
  needs: ["sightings", "nodes", "logs", "introspection", "pods", "instances", "enis"],
  lookAlikes: [],
  docs: {
    what: "An ENI is attached to the instance, but its interface cannot be set up on the host, so its addresses never reach the pool.",
    why: "A network manager of the host (systemd-networkd or udev policies, NetworkManager, nm-cloud-setup, ec2-net-utils) renames the interface, gives it other addresses or strips its rules, or a driver is missing. It looks like late metadata: the ENI is in EC2 and not in the datastore; but the agent found it in metadata, and fails at the link.",
    next: "Set MACAddressPolicy=none for systemd, remove nm-cloud-setup, or use an AMI made for EKS.",
    prevention: "Node images are built without network managers that touch interfaces they do not own.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3375",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1204",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/322",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/2103",
    ],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, ["eni-link-not-found", "host-network-unrepaired"]);
    if (lines.length === 0) return;
    const isOfEni = lines.some((one) => one.signal === "eni-link-not-found");
    noteSightings(notes, lines);
    const index = new NodeIndex(facts);
    const nodes = [...new Set(lines.map((one) => index.nodeOf(one)))];
    const step = isOfEni
      ? "the interface of an ENI cannot be set up"
      : "the agent cannot put the node's rules, ENIs or SNAT right";
    notes.proof(step, quotes(lines, 2), {
      what: "the agent's log",
      command:
        "sudo grep -i 'setupENINetwork\\|set up ENI\\|replace route\\|Network verification' /var/log/aws-routed-eni/ipamd.log | tail -n 10",
    });
    const again = lines.filter(({ occurrences: { count, firstMs, lastMs } }) => {
      return count > 1 && firstMs !== undefined && lastMs !== undefined && lastMs - firstMs >= 60_000;
    });
    const absent = nodes.flatMap((node) => absentEnis(index, node));
    notes.proof(
      "it stays so: the next reconcile fails as well, or EC2 shows the ENI attached and the agent does not hold it",
      [...quotes(again, 1), ...absent.slice(0, 2)],
      {
        what: "the links of the host beside the ENIs, and what the agent holds",
        command:
          "ip -br link; ip rule; systemctl is-active NetworkManager nm-cloud-setup.timer systemd-networkd; curl -s http://localhost:61679/v1/enis > enis-of-agent.json   # on the node",
      },
    );
    notes.summary(
      isOfEni
        ? `An ENI of ${whereText(nodes)} is attached, but its interface cannot be set up: its addresses are lost to pods.`
        : `The agent of ${whereText(nodes)} cannot put the node's own rules, ENIs or SNAT right: new pods are refused, and those that run may have lost connections.`,
    );
    notes.fix(
      "systemctl disable --now nm-cloud-setup.service nm-cloud-setup.timer   # on the node; removes routing tables 30200 and 30400",
      "printf '[Match]\\nOriginalName=*\\n[Link]\\nMACAddressPolicy=none\\n' | sudo tee /etc/systemd/network/99-default.link   # then reboot the node",
      "Or replace the node by one with an EKS-optimised AMI",
    );
  },
});

/** ENIs that EC2 shows attached, and the agent's page does not list. */
function absentEnis(index: NodeIndex, node: string | undefined): Evidence[] {
  const page = index.pages(node).at(-1);
  if (page === undefined) return [];
  const held = new Set(page.enis.map((one) => one.id));
  const isCandidate = (eni: Facts["enis"][number]): boolean =>
    eni.interfaceType === "interface" && eni.attachmentStatus === "attached";
  return index
    .enis(node)
    .filter((eni) => isCandidate(eni) && !held.has(eni.id))
    .map((eni) => ({ source: eni.at, text: `${eni.id} is attached, and /v1/enis of the agent does not list it` }));
}
