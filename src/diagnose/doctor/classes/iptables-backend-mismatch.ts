// An old CNI writes legacy iptables rules on a distribution that has only nftables.

import { cniVersion, isCniAtLeast, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

/** Distributions whose iptables is nftables underneath. */
const NFTABLES =
  /Red Hat Enterprise Linux.* (?:8|9|1\d)|Rocky|Alma|CentOS.* (?:8|9)|Ubuntu (?:2[1-9]|[3-9]\d)|Flatcar.* (?:30(?:3[3-9]|[4-9]\d)|3[1-9]\d\d|[4-9]\d{3})|Debian GNU\/Linux 1[1-9]/;

export const failureClass = defineClass({
  id: "iptables-backend-mismatch",
  title: "iptables of the image and of the node are different backends",
  needs: ["sightings", "versions", "nodes"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "The agent cannot set up the host's network because its iptables talks to a backend that the node's kernel does not have.",
    why: "Distributions with nftables alone (RHEL 8 and later, Ubuntu 21 and later, Flatcar 3033 and later) have no legacy tables. CNI before v1.12.1 knows only those; v1.12.1 has ENABLE_NFTABLES; from v1.13.1 the image chooses by itself.",
    next: "Upgrade the CNI to v1.13.1 or later; on v1.12.1 to v1.13.0 set ENABLE_NFTABLES=true.",
    prevention: "The CNI is upgraded before nodes move to a newer distribution.",
    sources: ["https://github.com/aws/amazon-vpc-cni-k8s/issues/1847", "amazon-vpc-cni-k8s troubleshooting: iptables"],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "host-network-failed");
    if (lines.length === 0) return;
    noteSightings(notes, lines);
    const nodes = lines.map((one) => one.node);
    notes.proof("the host's network cannot be set up", quotes(lines, 2), {
      what: "the agent's log",
      command: "sudo grep -i 'host network\\|iptables' /var/log/aws-routed-eni/ipamd.log | tail -n 10",
    });
    const version = cniVersion(facts);
    const isNew = isCniAtLeast(facts, "1.13.1");
    const old =
      version !== undefined && isNew === false ? [{ source: version.at, text: `CNI ${version.version}` }] : [];
    const tables = quotes(lines, 6).filter(({ text }) => /Table does not exist/.test(text));
    const systems = facts.nodes
      .filter(
        (node) =>
          NFTABLES.test(node.osImage ?? "") && (nodes.includes(node.key) || nodes.every((one) => one === undefined)),
      )
      .map((node) => ({ source: node.at, text: `${node.name ?? node.key}: ${node.osImage}` }));
    notes.proof("the CNI is older than v1.13.1", old, {
      what: "the CNI's version",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
    notes.proof("the distribution has nftables alone", [...tables, ...systems].slice(0, 3), {
      what: "the distribution of the nodes",
      command: "kubectl get nodes -o json > nodes.json",
    });
    if (isNew === true && version !== undefined) {
      notes.against("from v1.13.1 the image chooses the backend by itself", [
        { source: version.at, text: `CNI ${version.version}` },
      ]);
    }
    notes.summary(
      `CNI ${version?.version ?? "(version not known)"} cannot write its rules on ${whereText(nodes)}${systems[0] === undefined ? "" : ` (${systems[0].text})`}.`,
    );
    notes.fix(
      "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --addon-version v1.18.3-eksbuild.1 --resolve-conflicts PRESERVE   # any version from v1.13.1 on",
      "Until then, on v1.12.1 to v1.13.0: kubectl -n kube-system set env daemonset aws-node ENABLE_NFTABLES=true",
    );
  },
});
