// After a switch to prefixes, single addresses in use still hold the slots.

import { limitsOf } from "../../facts/capacity.ts";
import type { Evidence } from "../../facts/model.ts";
import { effectiveSettings } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { NodeIndex, type NodeOrNone } from "../node-index.ts";
import { troubleOn } from "../over-promise.ts";
import { nodeName, nodeWords, plural } from "../wording.ts";

interface Holding {
  readonly node: NodeOrNone;
  readonly secondaryCount: number;
  readonly prefixCount: number;
  readonly evidence: readonly Evidence[];
}

export const failureClass = defineClass({
  id: "prefix-slots-held-by-secondary-ips",
  title: "single addresses hold the slots that prefixes need",
  needs: ["settings", "nodes", "logs", "sightings", "introspection", "pods", "instances", "enis", "instanceTypes"],
  lookAlikes: [],
  docs: {
    what: "The node was switched to prefix delegation in place: its old single addresses are in use and hold slots, so few prefixes fit.",
    why: "A slot takes one /32 or one /28. At the switch the agent gives back only addresses without a pod; the others stay until their pods go. The pool line then counts prefixes alone (total 0 with many running pods), so new ENIs are needed for each prefix until the ENI limit. It looks like max-pods above capacity.",
    next: "Drain and replace the node; change modes by a new node group rather than in place.",
    prevention: "A planner migrates by node group; a linter flags nodes whose ENIs hold both kinds.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/3255",
      "amazon-vpc-cni-k8s README: ENABLE_PREFIX_DELEGATION, toggling",
      "EKS best practices: replace all nodes when changing to prefix mode",
    ],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const holdings = [...new Set([...index.keys, undefined])]
      .filter(
        (node) =>
          effectiveSettings(facts, node).prefixDelegation || index.logs(node).some((log) => log.mode === "prefix"),
      )
      // Those of policy slash28 go back when their pods are gone and a /28 is to be had: no switch of modes is behind them.
      .filter((node) => index.sightings(node, "singles-stand-in").length === 0)
      .flatMap((node) => holdingOf(index, node) ?? []);
    const cases = holdings.map((holding) => ({ holding, ...troubleOn(index, holding.node, 0) }));
    const worst = cases.find((one) => one.trouble === "full") ?? cases.find((one) => one.trouble === "unclear");
    if (worst === undefined) return;
    const { node, secondaryCount, prefixCount, evidence } = worst.holding;
    notes.sign(...evidence, ...worst.troubleEvidence);
    notes.affects({ nodes: cases.filter((one) => one.trouble !== "none").map((one) => one.holding.node) });
    notes.seen(...index.sightings(node, "eni-limit-reached").map((one) => one.occurrences));
    notes.proof("single addresses hold slots on a node that uses prefixes", evidence, {
      what: "what each ENI holds, /28s and /32s",
      command: "curl -s http://localhost:61679/v1/enis > enis.json   # on the node",
    });
    const type = index.node(node)?.instanceType?.value ?? index.instance(node)?.instanceType;
    const limits = type === undefined ? undefined : limitsOf(type, facts.instanceTypes);
    const limitLines = index.logs(node).some((log) => log.starvations.some((run) => run.eniLimitCount > 0));
    notes.proof(
      "the node has no ENI left to put prefixes on",
      limitLines || worst.trouble === "full" ? worst.troubleEvidence : undefined,
      {
        what: "whether pods are refused at the ENI limit",
        command: "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log",
      },
    );
    const slots = limits === undefined ? "" : ` of ${limits.eniCountMax * (limits.ipv4PerEni - 1)} slots`;
    notes.summary(
      `${secondaryCount} single addresses hold slots on ${nodeWords(node)}, ${plural(prefixCount, "prefix", "prefixes")} hold the others${slots}: each single address in a pod's use costs the room of 16.`,
    );
    notes.fix(
      `kubectl drain ${nodeName(node)} --ignore-daemonsets --delete-emptydir-data   # then replace it: a new node holds prefixes only`,
      `Without a drain: kubectl cordon ${nodeName(node)}; slots come free only after their pods have gone and aws-node restarts`,
    );
  },
});

/** Both kinds on the node's ENIs: from the agent's page, else from EC2. */
function holdingOf(index: NodeIndex, node: NodeOrNone): Holding | undefined {
  for (const page of index.pages(node)) {
    const cidrs = page.enis.flatMap((eni) => eni.cidrs);
    const secondaryCount = cidrs.filter((one) => one.cidr.prefixLength === 32).length;
    const prefixCount = cidrs.length - secondaryCount;
    if (secondaryCount === 0 || prefixCount === 0) continue;
    const text = `${prefixCount} /28s and ${secondaryCount} /32s on ${page.enis.length} ENIs, TotalIPs ${page.totalCount}`;
    return { node, secondaryCount, prefixCount, evidence: [{ source: page.at, text }] };
  }
  const enis = index.enis(node);
  const prefixCount = enis.reduce((sum, eni) => sum + eni.prefixes.length, 0);
  const secondaryCount = enis.reduce((sum, eni) => sum + Math.max(0, eni.addresses.length - 1), 0);
  if (secondaryCount === 0 || prefixCount === 0) return undefined;
  const evidence = enis
    .filter((eni) => eni.addresses.length > 1)
    .slice(0, 3)
    .map((eni) => ({
      source: eni.at,
      text: `${eni.id}: ${eni.addresses.length - 1} secondary addresses, ${eni.prefixes.length} prefixes`,
    }));
  return { node, secondaryCount, prefixCount, evidence };
}
