// A setting forbids the agent to attach anything: the pool is what the node booted with.

import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { noteSightings, refusals, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

const SWITCHES = ["DISABLE_NETWORK_RESOURCE_PROVISIONING", "ENABLE_IMDS_ONLY_MODE"] as const;

export const failureClass = defineClass({
  id: "provisioning-disabled",
  title: "the agent may attach neither ENIs nor addresses",
  needs: ["sightings", "settings", "logs"],
  lookAlikes: [],
  docs: {
    what: "DISABLE_NETWORK_RESOURCE_PROVISIONING or ENABLE_IMDS_ONLY_MODE is true: the agent only uses what was attached to the node before.",
    why: "These settings are for clusters in which something else attaches ENIs and prefixes. Where nothing does, the pool never grows, and no attempt and no EC2 error is found in the log.",
    next: "Unset them, or attach what the node needs before its pods come.",
    prevention: "A linter warns of both, unless something else attaches ENIs.",
    sources: ["amazon-vpc-cni-k8s README: DISABLE_NETWORK_RESOURCE_PROVISIONING, ENABLE_IMDS_ONLY_MODE"],
  },
  look(facts, notes) {
    const refused = refusals(facts);
    const nodes = [...new Set(refused.map((one) => one.node))];
    const settings = effectiveSettings(facts, nodes[0]);
    const on = SWITCHES.filter((name) => settings.isOn(name));
    if (on.length === 0 || refused.length === 0) return;
    notes.sign(...on.map((name) => settings.evidence(name)));
    noteSightings(notes, refused);
    notes.proof(
      "provisioning is off",
      on.map((name) => settings.evidence(name)),
      {
        what: "the environment of aws-node",
        command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
      },
    );
    const runs = facts.logs.filter((log) => !log.isExcerpt && log.hasDebug).flatMap((log) => log.starvations);
    const idle = runs.filter((run) => run.growthDoneCount === 0 && run.ec2ErrorCount === 0);
    notes.proof(
      "pods are refused while nothing is attached",
      runs.length === idle.length ? idle.slice(0, 2).map((run) => ({ source: run.at, text: run.text })) : undefined,
      {
        what: "the agent's whole log around the refusals",
        command: "sudo cat /var/log/aws-routed-eni/ipamd.log > ipamd.log",
      },
    );
    const grown = sightingsOf(facts, ["growth-attempt", "eni-created"]);
    if (grown.length > 0) notes.against("the agent does attach addresses", quotes(grown, 2));
    notes.summary(
      `${on.join(" and ")} is true: ${whereText(nodes)} has only the addresses that it booted with, and pods are refused.`,
    );
    notes.fix(
      ...on.map(
        (name) => `kubectl -n kube-system set env daemonset aws-node ${name}-   # removes it; then aws-node restarts`,
      ),
      "Or attach before pods come: aws ec2 assign-private-ip-addresses --network-interface-id ENI --ipv4-prefix-count 2",
    );
  },
});
