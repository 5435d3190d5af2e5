// Custom networking is on, and the node's ENIConfig does not exist.

import { type EffectiveSettings, effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { eniConfigName } from "../checklist.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";

const ZONE_LABEL = "topology.kubernetes.io/zone";

export const failureClass = defineClass({
  id: "custom-networking-no-eniconfig",
  title: "No ENIConfig of the name that the node resolves to",
  needs: ["settings", "sightings", "nodes", "eniConfigs"],
  lookAlikes: [],
  causes: ["ipamd-not-running"],
  docs: {
    what: "With custom networking the agent makes pod ENIs as the node's ENIConfig says; none of that name exists, and the node has no address for pods.",
    why: "The name is the value of the node's annotation or label (ENI_CONFIG_ANNOTATION_DEF, ENI_CONFIG_LABEL_DEF), else default. A zone without an ENIConfig, a label that is no longer set (failure-domain.beta.kubernetes.io/zone), a missing CRD or missing RBAC give the same lines.",
    next: "One ENIConfig for each zone, named as the zone, with ENI_CONFIG_LABEL_DEF=topology.kubernetes.io/zone; then replace the nodes.",
    prevention: "Cross zones with ENIConfigs.",
    sources: ["amazon-vpc-cni-k8s#884, #1058, #302"],
  },
  look(facts, notes) {
    const told = sightingsOf(facts, "eniconfig-missing");
    const without = facts.nodes
      .map((node) => ({ node, settings: effectiveSettings(facts, node.key) }))
      .filter(({ node, settings }) => isOn(settings) && node.name !== undefined && node.labels.size > 0)
      .map(({ node, settings }) => ({ node, name: eniConfigName(node, settings), settings }))
      .filter(({ name }) => facts.eniConfigs.length > 0 && facts.eniConfigs.every((one) => one.name !== name));
    if (told.length === 0 && without.length === 0) return;
    const named = told.find((one) => one.captures["name"] !== undefined);
    const name = without[0]?.name ?? named?.captures["name"];
    const existing = facts.eniConfigs.map((one) => one.name);
    notes.sign(
      ...quotes(told),
      ...without
        .slice(0, 2)
        .map(({ node, name: wanted }) => ({ source: node.at, text: `${node.name} resolves to ENIConfig ${wanted}` })),
    );
    notes.affects({ nodes: [...told.map((one) => one.node), ...without.map(({ node }) => node.key)] });
    notes.seen(...told.map((one) => one.occurrences));
    const off = effectiveSettings(facts);
    if (isSettingKnown(off, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") && !off.customNetworking && without.length === 0)
      notes.against("custom networking is off", [off.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")]);
    if (named !== undefined && existing.includes(named.captures["name"] ?? ""))
      notes.against(
        `ENIConfig ${named.captures["name"]} exists: the agent may not read it, or it is newer than the log`,
        facts.eniConfigs.slice(0, 1).map((one) => ({ source: one.at, text: `ENIConfig ${one.name}` })),
      );
    const compared = without.flatMap(({ node, name: wanted }) => [
      { source: node.at, text: `${node.name} resolves to ENIConfig ${wanted}` },
      ...facts.eniConfigs.slice(0, 2).map((one) => ({ source: one.at, text: `ENIConfig ${one.name}` })),
    ]);
    // The ENIConfigs given may not be all: the names decide only beside the agent's own complaint.
    const isFelt = told.length > 0 || sightingsOf(facts, "custom-networking-no-eni").length > 0;
    // `"name" not found` is the API server's own answer about that name.
    notes.proof(
      "no ENIConfig has the name that the node resolves to",
      [...(isFelt ? compared : []), ...(named === undefined ? [] : quotes([named], 1))],
      {
        what: "the nodes' labels beside the ENIConfigs' names",
        command:
          "kubectl get nodes -o json > nodes.json; kubectl get eniconfigs -o yaml > eniconfigs.yaml; kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
      },
    );
    const zones = new Set(without.flatMap(({ node }) => node.zone ?? []));
    notes.summary(
      `${without.length > 0 ? `${without.length} of ${facts.nodes.length} nodes` : "The node"} ${without.length === 1 || without.length === 0 ? "resolves" : "resolve"} to ENIConfig ${name ?? "of an unknown name"}, which does not exist${existing.length > 0 ? ` (there are: ${existing.slice(0, 5).join(", ")})` : ""}${zones.size > 0 ? `; zone ${[...zones].join(", ")}` : ""}.`,
    );
    const spec = { subnet: "POD_SUBNET_OF_THE_ZONE", securityGroups: ["NODE_SECURITY_GROUP"] };
    const object = {
      apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
      kind: "ENIConfig",
      metadata: { name: name ?? "ZONE" },
      spec,
    };
    notes.fix(`echo '${JSON.stringify(object)}' | kubectl apply -f -`);
    if (off.setting("ENI_CONFIG_LABEL_DEF").value !== ZONE_LABEL) {
      notes.fix(
        `kubectl -n kube-system set env daemonset aws-node ENI_CONFIG_LABEL_DEF=${ZONE_LABEL}   # where ENIConfigs are named as the zones`,
      );
    }
    notes.fix(
      `Nodes that booted without it: kubectl drain ${without[0]?.node.name ?? "NODE"} --ignore-daemonsets --delete-emptydir-data, then end the instance`,
    );
  },
});

function isOn(settings: EffectiveSettings): boolean {
  return isSettingKnown(settings, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") && settings.customNetworking;
}
