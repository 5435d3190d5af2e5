// Prefix delegation is on, and old nodes still work with single addresses.

import { limitsOf } from "../../facts/capacity.ts";
import type { EniFact, Evidence, NodeKey } from "../../facts/model.ts";
import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { isSettingKnown } from "../node-capacity.ts";
import { noBlockErrors, noRoomErrors } from "../subnet-shortage.ts";

export const failureClass = defineClass({
  id: "prefix-knob-set-nodes-unchanged",
  title: "Prefix delegation is on, nodes still hold single addresses",
  needs: ["settings", "sightings", "logs", "nodes", "instances", "instanceTypes", "enis", "introspection", "ec2Errors"],
  lookAlikes: ["non-nitro-prefix-fallback"],
  causes: ["max-pods-not-raised", "prefix-slots-held-by-secondary-ips"],
  docs: {
    what: "ENABLE_PREFIX_DELEGATION is true, yet nodes' ENIs carry secondary addresses and no /28.",
    why: "The nodes are older than the switch: unused addresses are given back at a restart, used ones keep their slots, and kubelet's max-pods was fixed at boot. On types without Nitro prefixes never come; in a subnet without free /28s neither.",
    next: "Replace the nodes; configure vpc-cni before node groups are made; set max-pods.",
    prevention: "Compare the DaemonSet's change with the nodes' age.",
    sources: ["amazon-vpc-cni-k8s#2411, #1634", "EKS user guide: prefix mode wants new nodes"],
  },
  look(facts, notes) {
    const settings = effectiveSettings(facts);
    const declared = facts.settings.some(
      (one) => one.layer === "declared" || one.origin === "running" || one.origin === "log",
    );
    if (!declared || !isSettingKnown(settings, "ENABLE_PREFIX_DELEGATION") || !settings.prefixDelegation) return;
    const old = new Map<NodeKey | undefined, Evidence[]>();
    for (const page of facts.introspection) {
      const cidrs = page.enis.flatMap((eni) => eni.cidrs);
      if (cidrs.length > 0 && cidrs.every((one) => one.cidr.prefixLength === 32))
        old.set(page.node, [
          { source: page.at, text: `${cidrs.length} single addresses and no /28 on ${page.enis.length} ENIs` },
        ]);
    }
    for (const one of sightingsOf(facts, "eni-addresses-found")) {
      // The first number counts the ENI's own address.
      if (Number(one.captures["addresses"]) > 1 && one.captures["prefixes"] === "0" && !old.has(one.node))
        old.set(one.node, quotes([one], 1));
    }
    const enisOf = new Map<string | undefined, EniFact[]>();
    for (const eni of facts.enis) {
      const list = enisOf.get(eni.instanceId);
      if (list === undefined) enisOf.set(eni.instanceId, [eni]);
      else list.push(eni);
    }
    for (const node of facts.nodes) {
      const enis = node.instanceId === undefined ? [] : (enisOf.get(node.instanceId) ?? []);
      const singles = enis.filter((eni) => eni.addresses.length > 1 && eni.prefixes.length === 0);
      if (singles.length > 0 && enis.every((eni) => eni.prefixes.length === 0) && !old.has(node.key))
        old.set(node.key, [
          {
            source: (singles[0] as (typeof singles)[0]).at,
            text: `${singles.length} ENIs with secondary addresses and no /28`,
          },
        ]);
    }
    // A log that found /28s later, or pools of /28s now, is no such node.
    for (const log of facts.logs) if (log.mode === "prefix") old.delete(log.node);
    if (old.size === 0) return;
    const setting = settings.evidence("ENABLE_PREFIX_DELEGATION");
    const nodes = [...old.keys()];
    notes.sign(setting, ...[...old.values()].flat().slice(0, 3));
    notes.affects({ nodes });
    notes.seen({ count: nodes.length });
    const fallback = sightingsOf(facts, "non-nitro-fallback").filter((one) => old.has(one.node));
    if (fallback.length > 0)
      notes.against("the instance type has no prefixes", quotes(fallback, 1), "non-nitro-prefix-fallback");
    const short = [...noBlockErrors(facts), ...noRoomErrors(facts)].filter((one) => old.has(one.node));
    if (short.length > 0)
      notes.against(
        "the nodes ask for prefixes, and EC2 has none free",
        quotes(short, 1),
        "subnet-fragmented-no-free-28",
      );
    notes.proof("prefix delegation is on", [setting], {
      what: "the settings",
      command: "kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    });
    const types = nodes.flatMap((key) => {
      const node = facts.nodes.find((one) => one.key === key);
      const instance = facts.instances.find((one) => one.id === (node?.instanceId ?? key));
      const value = node?.instanceType?.value ?? instance?.instanceType;
      const at = node?.instanceType?.at ?? instance?.at;
      const limits = value === undefined ? undefined : limitsOf(value, facts.instanceTypes);
      return limits === undefined || at === undefined
        ? []
        : [{ limits, evidence: { source: at, text: `${key ?? "the node"}: ${value}` } }];
    });
    const isNitro = types.length >= nodes.length && types.every((one) => one.limits.supportsPrefixes);
    notes.proof(
      "the types of these nodes have prefixes",
      isNitro ? types.slice(0, 2).map((one) => one.evidence) : undefined,
      {
        what: "the nodes' instance types and ages",
        command: "kubectl get nodes -o json > nodes.json",
      },
    );
    notes.summary(
      `ENABLE_PREFIX_DELEGATION=true, but ${nodes.length} node${nodes.length === 1 ? "" : "s"} (${nodes
        .slice(0, 3)
        .map((one) => one ?? "of the log")
        .join(", ")}) hold single addresses and no /28.`,
    );
    notes.fix(
      "New nodes: a new node group with max-pods for prefixes",
      ...nodes
        .slice(0, 2)
        .map(
          (node) =>
            `kubectl drain ${node ?? "NODE"} --ignore-daemonsets --delete-emptydir-data   # then terminate its instance`,
        ),
    );
  },
});
