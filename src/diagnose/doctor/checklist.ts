// The five steps by which people look for the cause by hand, each with its result, so that the report shows what was looked at
// and what was not: the agent's log; ENIs and addresses of the instance; free addresses and free /28s of the subnet; node labels
// and ENIConfig; security groups and subnet of the ENIs.

import { limitsOf } from "../facts/capacity.ts";
import type { EniConfigFact, Evidence, Facts, IntrospectionPage, NodeFact } from "../facts/model.ts";
import { type EffectiveSettings, effectiveSettings, quotes, sightingsOf } from "../facts/settings.ts";
import { subnetViews } from "./subnet-view.ts";

/** ok: looked at and in order. found: looked at, and something is wrong or tight. unknown: no facts to look at. */
export type StepResult = "ok" | "found" | "unknown";

export interface ChecklistItem {
  /** 1 to 5. */
  readonly step: number;
  readonly title: string;
  readonly result: StepResult;
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** How to get what is missing; undefined unless unknown. */
  readonly command: string | undefined;
}

export function checklist(facts: Facts): ChecklistItem[] {
  return [
    agentLog(facts),
    instanceAddresses(facts),
    subnetSpace(facts),
    labelsAndEniConfigs(facts),
    groupsAndSubnets(facts),
  ];
}

function item(
  step: number,
  title: string,
  outcome: { result: StepResult; text: string; evidence?: readonly Evidence[]; command?: string },
): ChecklistItem {
  return {
    step,
    title,
    result: outcome.result,
    text: outcome.text,
    evidence: (outcome.evidence ?? []).slice(0, 4),
    command: outcome.result === "unknown" ? outcome.command : undefined,
  };
}

function agentLog(facts: Facts): ChecklistItem {
  const title = "ipamd.log";
  const logs = facts.logs.filter((log) => log.lineCount > 0);
  if (logs.length === 0) {
    return item(1, title, {
      result: "unknown",
      text: "no agent log was given",
      command: "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log   # on the node",
    });
  }
  const refusalCount = sum(logs.map((log) => log.refusalCount));
  const errorCount = sum(facts.ec2Errors.map((one) => one.occurrences.count));
  const restartCount = sum(logs.map((log) => Math.max(0, log.starts.length - 1)));
  const parts = [`${refusalCount} refused ADDs`];
  const counts = new Map<string, number>();
  for (const one of facts.ec2Errors) {
    const name = `${one.code}${one.api === undefined ? "" : ` (${one.api})`}`;
    counts.set(name, (counts.get(name) ?? 0) + one.occurrences.count);
  }
  for (const [name, count] of [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4)) parts.push(`${count} x ${name}`);
  if (restartCount > 0) parts.push(`${restartCount} agent restarts`);
  const evidence = [
    ...facts.ec2Errors.flatMap((one) => one.occurrences.samples.slice(0, 1)),
    ...quotes(sightingsOf(facts, ["no-address", "add-reply-refused", "initialization-failure"])),
  ];
  const isClean =
    refusalCount === 0 && errorCount === 0 && facts.sightings.every((one) => one.signal !== "initialization-failure");
  return item(1, title, { result: isClean ? "ok" : "found", text: parts.join(", "), evidence });
}

function instanceAddresses(facts: Facts): ChecklistItem {
  const title = "ENIs and addresses of the instance";
  const pages = facts.introspection.filter((page) => !page.isEmpty);
  const lines: string[] = [];
  const evidence: Evidence[] = [];
  let isFull = false;
  for (const page of pages) {
    const line = pageLine(facts, page);
    lines.push(line.text);
    isFull ||= line.isFull;
    evidence.push({ source: page.at, text: line.text });
  }
  const instanceIds = new Set(facts.enis.flatMap((eni) => eni.instanceId ?? []));
  if (pages.length === 0) {
    for (const instanceId of instanceIds) {
      const line = instanceLine(facts, instanceId);
      if (line === undefined) continue;
      lines.push(line.text);
      isFull ||= line.isFull;
    }
  }
  for (const page of facts.introspection.filter((one) => one.isEmpty)) {
    isFull = true;
    lines.push(`${page.node ?? "a node"}: /v1/enis is empty, the agent did not answer`);
  }
  if (lines.length === 0) {
    return item(2, title, {
      result: "unknown",
      text: "no introspection page and no describe-network-interfaces with attachments was given",
      command: "curl -s http://localhost:61679/v1/enis > enis.json   # on the node",
    });
  }
  return item(2, title, { result: isFull ? "found" : "ok", text: shortList(lines), evidence });
}

function pageLine(facts: Facts, page: IntrospectionPage): { text: string; isFull: boolean } {
  const cidrs = page.enis.flatMap((eni) => eni.cidrs);
  const prefixCount = cidrs.filter((one) => one.cidr.prefixLength === 28).length;
  const limit = eniLimit(
    facts,
    facts.nodes.find((node) => node.key === page.node),
  );
  const total = page.totalCount ?? 0;
  const assigned = page.assignedCount ?? 0;
  const text =
    `${page.node ?? "the node"}: ${page.enis.length}${limit === undefined ? "" : ` of ${limit}`} ENIs, ${prefixCount} prefixes, ` +
    `${assigned} of ${total} addresses with a pod`;
  return { text, isFull: total > 0 && assigned >= total };
}

function instanceLine(facts: Facts, instanceId: string): { text: string; isFull: boolean } | undefined {
  const enis = facts.enis.filter((eni) => eni.instanceId === instanceId);
  const instance = facts.instances.find((one) => one.id === instanceId);
  const limits = instance === undefined ? undefined : limitsOf(instance.instanceType, facts.instanceTypes);
  const slotCount = enis.reduce((count, eni) => count + eni.prefixes.length + Math.max(0, eni.addresses.length - 1), 0);
  const of = limits === undefined ? "" : ` of ${limits.eniCountMax}`;
  const slots = limits === undefined ? `${slotCount}` : `${slotCount} of ${enis.length * (limits.ipv4PerEni - 1)}`;
  const text = `${instanceId}: ${enis.length}${of} ENIs, ${sum(enis.map((eni) => eni.prefixes.length))} prefixes, ${slots} slots used`;
  const isFull =
    limits !== undefined && enis.length >= limits.eniCountMax && slotCount >= enis.length * (limits.ipv4PerEni - 1);
  return { text, isFull };
}

function eniLimit(facts: Facts, node: NodeFact | undefined): number | undefined {
  const instanceType = node?.instanceType?.value;
  return instanceType === undefined ? undefined : limitsOf(instanceType, facts.instanceTypes)?.eniCountMax;
}

function subnetSpace(facts: Facts): ChecklistItem {
  const title = "free addresses and free /28s of the subnet";
  const views = subnetViews(facts);
  const known = views.filter(
    (view) => view.availableIpAddressCount !== undefined || view.freePrefixCount !== undefined,
  );
  if (known.length === 0) {
    return item(3, title, {
      result: "unknown",
      text: "no subnet was described",
      command:
        "aws ec2 describe-subnets --output json > subnets.json && aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=SUBNET --output json > enis.json",
    });
  }
  const lines = known.map((view) => {
    const free = view.freePrefixCount === undefined ? "free /28s not known" : `${view.freePrefixCount} free /28s`;
    const reserved = view.prefixReservationCount > 0 ? `, ${view.prefixReservationCount} prefix reservations` : "";
    return `${view.id}: ${view.availableIpAddressCount ?? "?"} free addresses, ${free}${reserved}`;
  });
  const isTight = known.some(
    (view) =>
      view.freePrefixCount === 0 || (view.availableIpAddressCount !== undefined && view.availableIpAddressCount < 16),
  );
  const isBlind = known.every((view) => view.freePrefixCount === undefined);
  return item(3, title, {
    result: isTight ? "found" : isBlind ? "unknown" : "ok",
    text: shortList(lines),
    evidence: known.map((view, index) => ({ source: view.at, text: lines[index] ?? view.id })),
    command:
      "aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=" +
      `${known.map((view) => view.id).join(",")} --output json > enis.json   # free /28s cannot be seen in AvailableIpAddressCount`,
  });
}

function labelsAndEniConfigs(facts: Facts): ChecklistItem {
  const title = "node labels and ENIConfig";
  const settings = effectiveSettings(facts);
  if (settings.isKnown && !settings.customNetworking && facts.eniConfigs.length === 0) {
    return item(4, title, {
      result: "ok",
      text: "custom networking is off: node labels do not bear on addresses",
      evidence: [settings.evidence("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")],
    });
  }
  const named = facts.nodes.filter((node) => node.name !== undefined);
  if (!settings.isKnown || named.length === 0) {
    return item(4, title, {
      result: "unknown",
      text: settings.isKnown ? "no node object was given" : "the aws-node settings are not known",
      command:
        "kubectl get nodes -o json > nodes.json; kubectl get eniconfigs -o yaml > eniconfigs.yaml; kubectl -n kube-system get ds aws-node -o yaml > aws-node.yaml",
    });
  }
  if (!settings.customNetworking) {
    return item(4, title, {
      result: "found",
      text: `${facts.eniConfigs.length} ENIConfigs exist, but custom networking is off: they have no effect`,
      evidence: facts.eniConfigs.slice(0, 2).map((one) => ({ source: one.at, text: `ENIConfig ${one.name}` })),
    });
  }
  const without = named.filter((node) => !facts.eniConfigs.some((one) => one.name === eniConfigName(node, settings)));
  return item(4, title, {
    result: without.length > 0 ? "found" : "ok",
    text:
      without.length > 0
        ? `${without.length} of ${named.length} nodes resolve to an ENIConfig that does not exist: ${shortList(
            without.map((node) => `${node.name} -> ${eniConfigName(node, settings)}`),
          )}`
        : `each of ${named.length} nodes resolves to one of ${facts.eniConfigs.length} ENIConfigs`,
    evidence: without.slice(0, 3).map((node) => ({
      source: node.at,
      text: `${node.name} resolves to ENIConfig ${eniConfigName(node, settings)}`,
    })),
  });
}

/** Which ENIConfig a node gets: label of the VPC resource controller, annotation, label, else `default` (nodes.md 10). */
export function eniConfigName(node: NodeFact, settings: EffectiveSettings): string {
  const annotation = settings.setting("ENI_CONFIG_ANNOTATION_DEF").value ?? "k8s.amazonaws.com/eniConfig";
  const label = settings.setting("ENI_CONFIG_LABEL_DEF").value ?? "k8s.amazonaws.com/eniConfig";
  return (
    node.labels.get("vpc.amazonaws.com/externalEniConfig") ??
    node.annotations.get(annotation) ??
    node.labels.get(label) ??
    "default"
  );
}

function groupsAndSubnets(facts: Facts): ChecklistItem {
  const title = "security groups and subnet of the ENIs";
  const problems: string[] = [];
  const evidence: Evidence[] = [];
  for (const config of facts.eniConfigs) {
    const problem = eniConfigProblem(facts, config);
    if (problem === undefined) continue;
    problems.push(problem);
    evidence.push({ source: config.at, text: problem });
  }
  const groups = new Set(facts.securityGroups.map((one) => one.id));
  const used = facts.enis.filter((eni) => eni.instanceId !== undefined);
  for (const eni of used) {
    const gone = groups.size === 0 ? undefined : eni.securityGroupIds.find((id) => !groups.has(id));
    if (gone === undefined) continue;
    problems.push(`${eni.id} has security group ${gone}, which describe-security-groups does not list`);
    evidence.push({ source: eni.at, text: problems.at(-1) ?? "" });
  }
  if (used.length === 0 && facts.eniConfigs.length === 0) {
    return item(5, title, {
      result: "unknown",
      text: "neither ENIs with attachments nor ENIConfigs were given",
      command:
        "aws ec2 describe-network-interfaces --filters Name=attachment.instance-id,Values=INSTANCE --output json > node-enis.json",
    });
  }
  const subnetIds = new Set(used.flatMap((eni) => eni.subnetId ?? []));
  return item(5, title, {
    result: problems.length > 0 ? "found" : "ok",
    text:
      problems.length > 0
        ? shortList(problems)
        : `${used.length} attached ENIs in ${subnetIds.size} subnets, at most ${Math.max(0, ...used.map((eni) => eni.securityGroupIds.length))} groups on one` +
          `${groups.size === 0 ? "; the groups themselves were not described" : ""}`,
    evidence,
  });
}

function eniConfigProblem(facts: Facts, config: EniConfigFact): string | undefined {
  if (config.securityGroupIds.length > 5)
    return `ENIConfig ${config.name} lists ${config.securityGroupIds.length} security groups; the quota is 5`;
  const subnetId = config.subnetId?.value;
  if (subnetId === undefined || facts.subnets.length === 0) return undefined;
  const subnet = facts.subnets.find((one) => one.id === subnetId);
  if (subnet === undefined) return `ENIConfig ${config.name} names ${subnetId}, which describe-subnets does not list`;
  const isZoneName = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/.test(config.name);
  return isZoneName && subnet.zone !== undefined && subnet.zone !== config.name
    ? `ENIConfig ${config.name} names ${subnetId}, which is in ${subnet.zone}`
    : undefined;
}

function shortList(lines: readonly string[]): string {
  return lines.length <= 3 ? lines.join("; ") : `${lines.slice(0, 3).join("; ")}; and ${lines.length - 3} more`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
