// The five steps by which people look for the cause by hand, each with its result, so that the report shows what was looked at
// and what was not: the agent's log; ENIs and addresses of the instance; free addresses and free /28s of the subnet; node labels
// and ENIConfig; security groups and subnet of the ENIs.

import { limitsOf } from "../facts/capacity.ts";
import type { EniConfigFact, Evidence, Facts, IntrospectionPage, NodeFact, SettingsSource } from "../facts/model.ts";
import { type EffectiveSettings, effectiveSettings, quotes, sightingsOf } from "../facts/settings.ts";
import { subnetViews } from "./subnet-view.ts";
import { isAgentsOwn, isTroubleSeen } from "./trouble.ts";

/** ok: looked at and in order. found: looked at, and something is wrong or tight. unknown: too few facts to say either. */
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

const LOG_COMMAND = "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log   # on the node";

function agentLog(facts: Facts): ChecklistItem {
  const title = "ipamd.log";
  const logs = facts.logs.filter((log) => log.lineCount > 0);
  if (logs.length === 0) {
    return item(1, title, {
      result: "unknown",
      text: "no agent log was given",
      command: LOG_COMMAND,
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
  if (!isClean) return item(1, title, { result: "found", text: parts.join(", "), evidence });
  const own = logs.filter(isAgentsOwn);
  if (own.some((log) => !log.isExcerpt)) return item(1, title, { result: "ok", text: parts.join(", "), evidence });
  const lineCount = sum(own.map((log) => log.lineCount));
  return item(1, title, {
    result: "unknown",
    text:
      own.length === 0
        ? "no agent log was given"
        : `${lineCount} lines were cut from it, and show no refused ADD and no error; the others may`,
    command: LOG_COMMAND,
  });
}

function instanceAddresses(facts: Facts): ChecklistItem {
  const title = "ENIs and addresses of the instance";
  const pages = facts.introspection.filter((page) => !page.isEmpty);
  const instanceIds = pages.length > 0 ? [] : [...new Set(facts.enis.flatMap((eni) => eni.instanceId ?? []))];
  const lines: Line[] = [
    ...pages.map((page) => pageLine(facts, page)),
    ...instanceIds.map((instanceId) => instanceLine(facts, instanceId)),
    ...facts.introspection
      .filter((page) => page.isEmpty)
      .map((page): Line => {
        const text = `${page.node ?? "a node"}: /v1/enis is empty, the agent did not answer`;
        return { result: "found", text };
      }),
  ];
  const command = "curl -s http://localhost:61679/v1/enis > enis.json   # on the node";
  if (lines.length === 0) {
    return item(2, title, {
      result: "unknown",
      text: "no introspection page and no describe-network-interfaces with attachments was given",
      command,
    });
  }
  const evidence = pages.map((page, index) => ({ source: page.at, text: lines[index]?.text ?? "" }));
  return item(2, title, {
    result: together(lines.map((line) => line.result)),
    text: shortList(lines.map((line) => line.text)),
    evidence,
    command,
  });
}

interface Line {
  readonly result: StepResult;
  readonly text: string;
}

function pageLine(facts: Facts, page: IntrospectionPage): Line {
  const cidrs = page.enis.flatMap((eni) => eni.cidrs);
  const prefixCount = cidrs.filter((one) => one.cidr.prefixLength === 28).length;
  const limit = eniLimit(
    facts,
    facts.nodes.find((node) => node.key === page.node),
  );
  const { totalCount, assignedCount } = page;
  const isCounted = totalCount !== undefined && assignedCount !== undefined;
  const text =
    `${page.node ?? "the node"}: ${page.enis.length}${limit === undefined ? "" : ` of ${limit}`} ENIs, ${prefixCount} prefixes, ` +
    (isCounted
      ? `${assignedCount} of ${totalCount} addresses with a pod`
      : "how many addresses have a pod is not told");
  return { text, result: !isCounted ? "unknown" : totalCount > 0 && assignedCount >= totalCount ? "found" : "ok" };
}

/** Slots that are all in use are as they should be while every pod has its address. */
function instanceLine(facts: Facts, instanceId: string): Line {
  const enis = facts.enis.filter((eni) => eni.instanceId === instanceId);
  const instance = facts.instances.find((one) => one.id === instanceId);
  const limits = instance === undefined ? undefined : limitsOf(instance.instanceType, facts.instanceTypes);
  const slotCount = enis.reduce((count, eni) => count + eni.prefixes.length + Math.max(0, eni.addresses.length - 1), 0);
  const prefixCount = sum(enis.map((eni) => eni.prefixes.length));
  if (limits === undefined) {
    const text = `${instanceId}: ${enis.length} ENIs, ${prefixCount} prefixes, ${slotCount} slots used; its limits are not known`;
    return { text, result: "unknown" };
  }
  const slotCountMax = enis.length * (limits.ipv4PerEni - 1);
  const isFull = enis.length >= limits.eniCountMax && slotCount >= slotCountMax;
  const text = `${instanceId}: ${enis.length} of ${limits.eniCountMax} ENIs, ${prefixCount} prefixes, ${slotCount} of ${slotCountMax} slots used`;
  return { text, result: isFull && isTroubleSeen(facts) ? "found" : "ok" };
}

/** What was found outweighs what is not known, and that what is in order. */
function together(results: readonly StepResult[]): StepResult {
  return results.includes("found") ? "found" : results.includes("unknown") ? "unknown" : "ok";
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
  const blind = known.filter((view) => view.freePrefixCount === undefined);
  return item(3, title, {
    result: isTight ? "found" : blind.length > 0 ? "unknown" : "ok",
    text: shortList(lines),
    evidence: known.map((view, index) => ({ source: view.at, text: lines[index] ?? view.id })),
    command:
      "aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=" +
      `${blind.map((view) => view.id).join(",")} --output json > enis.json   # free /28s cannot be seen in AvailableIpAddressCount`,
  });
}

const CUSTOM_NETWORKING = "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG";

function labelsAndEniConfigs(facts: Facts): ChecklistItem {
  const title = "node labels and ENIConfig";
  const settings = effectiveSettings(facts);
  const isTold = settings.sources.some((source) => saysWhetherCustom(source));
  if (isTold && !settings.customNetworking && facts.eniConfigs.length === 0) {
    return item(4, title, {
      result: "ok",
      text: "custom networking is off: node labels do not bear on addresses",
      evidence: [settings.evidence(CUSTOM_NETWORKING)],
    });
  }
  const named = facts.nodes.filter((node) => node.name !== undefined);
  if (!isTold || named.length === 0) {
    return item(4, title, {
      result: "unknown",
      text: isTold ? "no node object was given" : "the aws-node settings are not known",
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

/** Single settings, as a log line or a paste has them, leave open whether custom networking is on. */
function saysWhetherCustom(source: SettingsSource): boolean {
  const isPiecemeal = source.origin === "log" || source.origin === "facts";
  return !isPiecemeal || source.isComplete || source.env.some((one) => one.name === CUSTOM_NETWORKING);
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
  const undescribed = [
    ...(used.length > 0 && groups.size === 0 ? ["the groups themselves"] : []),
    ...(facts.subnets.length === 0 && facts.eniConfigs.some((one) => one.subnetId !== undefined)
      ? ["the subnets of the ENIConfigs"]
      : []),
  ];
  const subnetIds = new Set(used.flatMap((eni) => eni.subnetId ?? []));
  return item(5, title, {
    result: problems.length > 0 ? "found" : undescribed.length > 0 ? "unknown" : "ok",
    text:
      problems.length > 0
        ? shortList(problems)
        : `${facts.eniConfigs.length > 0 ? `${facts.eniConfigs.length} ENIConfigs; ` : ""}${used.length} attached ENIs in ${subnetIds.size} subnets, at most ${Math.max(0, ...used.map((eni) => eni.securityGroupIds.length))} groups on one` +
          (undescribed.length > 0 ? `; ${undescribed.join(" and ")} were not described` : ""),
    evidence,
    command:
      "aws ec2 describe-security-groups --output json > groups.json && aws ec2 describe-subnets --output json > subnets.json",
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
