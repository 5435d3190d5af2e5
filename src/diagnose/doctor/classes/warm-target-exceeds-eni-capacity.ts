// Targets larger than one ENI carries: start-up stretches over several attaches.

import { limitsOf } from "../../facts/capacity.ts";
import { effectiveSettings, quotes, sightingsOf } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "warm-target-exceeds-eni-capacity",
  title: "The IP targets are larger than one ENI",
  needs: ["settings", "sightings", "nodes", "instanceTypes"],
  lookAlikes: ["eni-attach-metadata-timeout"],
  docs: {
    what: "MINIMUM_IP_TARGET or WARM_IP_TARGET is more than one ENI carries, and minutes pass between a new ENI and its first usable address.",
    why: "Old versions wait for the metadata to show more addresses than fit on the ENI; newer ones ask for what fits, but several ENIs still attach one after the other. It works in the end.",
    next: "Upgrade; keep the targets within what one or two ENIs carry; use prefixes.",
    prevention: "Compare the targets with (L - 1), or 16 x (L - 1) with prefixes, for each type in use.",
    sources: ["amazon-vpc-cni-k8s#1872, #1400, #1724"],
  },
  look(facts, notes) {
    const waits = sightingsOf(facts, "eni-has-too-few");
    const [first] = waits.filter((one) => one.captures["wanted"] !== undefined);
    if (waits.length === 0) return;
    const node = (first ?? waits[0])?.node;
    const settings = effectiveSettings(facts, node);
    const type = facts.nodes.find((one) => node === undefined || one.key === node)?.instanceType;
    const limits = type === undefined ? undefined : limitsOf(type.value, facts.instanceTypes);
    const told = sightingsOf(facts, "per-eni-limits", node)[0];
    const perEni =
      told === undefined
        ? limits === undefined
          ? undefined
          : limits.ipv4PerEni - 1
        : Number(told.captures["addresses"]);
    const carried = perEni === undefined ? undefined : perEni * (settings.prefixDelegation ? 16 : 1);
    const target = settings.minimumIpTarget > settings.warmIpTarget ? "MINIMUM_IP_TARGET" : "WARM_IP_TARGET";
    const wanted = Math.max(Number(first?.captures["wanted"] ?? 0), settings.hasIpTargets ? settings.count(target) : 0);
    if (!settings.hasIpTargets && first === undefined) return;
    notes.sign(...quotes(waits));
    notes.affects({ nodes: waits.map((one) => one.node) });
    notes.seen(...waits.map((one) => one.occurrences));
    if (carried !== undefined && wanted <= carried)
      notes.against(
        `one ENI carries ${carried} addresses, and ${wanted} were wanted: the metadata lags`,
        quotes(waits, 1),
        "eni-attach-metadata-timeout",
      );
    const capacity =
      told === undefined
        ? type === undefined
          ? []
          : [{ source: type.at, text: `instance type ${type.value}` }]
        : quotes([told], 1);
    notes.proof(
      "more is wanted than one ENI carries",
      carried !== undefined && wanted > carried
        ? [...capacity, ...(settings.hasIpTargets ? [settings.evidence(target)] : quotes(waits, 1))]
        : undefined,
      {
        what: "the instance type and the targets",
        command: `kubectl get node ${node ?? "NODE"} -o json > node.json; kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml`,
      },
    );
    notes.summary(
      `The agent waits for ${wanted} addresses on one ENI${carried === undefined ? "" : `, which carries ${carried}`}: its pool fills minutes late.`,
    );
    notes.fix(
      `kubectl -n kube-system set env daemonset aws-node ${target}=${carried ?? "ADDRESSES_OF_ONE_ENI"}   # or less; newer versions do not wait so`,
      "Or prefix delegation: 16 addresses a slot",
    );
  },
});
