// What scripts print: EC2 calls, the numbers of a pool pass and its decision, the CIDRs of an ENI. The numbers are counted
// from the engine's view, not taken from its own sums.

import * as decide from "../policies/vpc-cni/decide.ts";
import type { PoolStats } from "../pool/pool.ts";
import { parseSettings } from "../settings.ts";
import type { Ec2Intention, EniView } from "../types.ts";
import type { RecordedCall, TestNode } from "./test-node.ts";

/** `T32 A1 C0 V31 P2 F1: low`, with the symbols of the specification; with W or M in force also what is short and over. */
export function decisionLine(node: TestNode): string {
  const view = node.engine.view(node.nowMs);
  const { settings } = parseSettings({ ENABLE_IPv4: "true", ...node.options.env });
  const usesPrefixes = view.mode === "prefix";
  let total = 0;
  let allocated = 0;
  let cooling = 0;
  let freePrefixCount = 0;
  for (const eni of view.enis) {
    for (const cidr of eni.cidrs) {
      const used = cidr.addresses.filter((address) => address.state === "allocated").length;
      if (cidr.isPrefix && used === 0) freePrefixCount++;
      if (eni.isExcluded || cidr.isPrefix !== usesPrefixes) continue;
      total += usesPrefixes ? 16 : 1;
      allocated += used;
      cooling += cidr.addresses.filter((address) => address.state === "cooling").length;
    }
  }
  const stats: PoolStats = {
    total,
    allocated,
    available: total - allocated,
    runningPrefixCount: view.runningPrefixCount,
    freePrefixCount,
  };
  const targets: decide.Targets = {
    usesPrefixes,
    warmIpTarget: settings.warmIpTarget,
    minimumIpTarget: settings.minimumIpTarget,
    warmPrefixTarget: settings.warmPrefixTarget,
    warmEniTarget: settings.warmEniTarget,
    eniCountMax: view.maxEniCount,
    slotsPerEni: node.facts.limits.ipv4PerEni - 1,
    maxPods: node.nodeState.maxPods,
    cooldownMs: settings.cooldownMs,
    customNetworking: settings.customNetworking,
    wantsTrunk: settings.podEni,
    unmanagedEniCount: view.unmanagedEniCount,
  };
  const surplus = decide.surplusCidrCount(stats, targets);
  const verdict = decide.isTooLow(stats, targets) ? "low" : surplus > 0 ? `high` : "steady";
  const amounts = decide.hasIpTargets(targets)
    ? `, short ${decide.shortAndOver(stats, targets).short}, over ${surplus}`
    : surplus > 0
      ? `, over ${surplus}`
      : "";
  const prefixes = usesPrefixes ? ` P${stats.runningPrefixCount} F${freePrefixCount}` : "";
  return `T${total} A${allocated} C${cooling} V${stats.available}${prefixes}: ${verdict}${amounts}`;
}

/** `2 prefixes 16 6+10c, 3 addresses 1 used`. */
export function cidrTexts(eni: EniView): string {
  const parts: string[] = [];
  const byBase = [...eni.cidrs].sort((a, b) => a.base - b.base);
  const count = (cidr: EniView["cidrs"][number], state: string) =>
    cidr.addresses.filter((address) => address.state === state).length;
  const prefixes = byBase.filter((cidr) => cidr.isPrefix);
  if (prefixes.length > 0) {
    const uses = prefixes.map((cidr) => `${count(cidr, "allocated")}${suffix(count(cidr, "cooling"))}`);
    parts.push(`${prefixes.length} prefixes ${uses.join(" ")}`);
  }
  const singles = byBase.filter((cidr) => !cidr.isPrefix);
  if (singles.length > 0) {
    const used = singles.reduce((sum, cidr) => sum + count(cidr, "allocated"), 0);
    const cooling = singles.reduce((sum, cidr) => sum + count(cidr, "cooling"), 0);
    parts.push(`${singles.length} addresses ${used}${suffix(cooling)}`);
  }
  return parts.length > 0 ? parts.join(", ") : "nothing";
}

function suffix(coolingCount: number): string {
  return coolingCount > 0 ? `+${coolingCount}c` : "";
}

/** One EC2 call and what came of it. Which CIDRs are given back is drawn, so only their number is printed. */
export function callText({ intention, outcome }: RecordedCall): string {
  const result =
    outcome.kind === "refused"
      ? `: ${outcome.awsCode}`
      : intention.action === "CreateNetworkInterface"
        ? `: ${outcome.answer.enis?.[0]?.eniId}`
        : "";
  return `${requestText(intention)}${result}`;
}

function requestText(intention: Ec2Intention): string {
  switch (intention.action) {
    case "AssignPrivateIpAddresses":
      return `${intention.action} ${intention.eniId} ${units(intention.prefixCount, intention.addressCount)}`;
    case "UnassignPrivateIpAddresses":
      return `${intention.action} ${intention.eniId} ${units(intention.prefixes.length, intention.addresses.length)}`;
    case "CreateNetworkInterface":
      return `${intention.action} ${intention.subnetId} ${units(intention.prefixCount, intention.addressCount)}`;
    case "AttachNetworkInterface":
      return `${intention.action} ${intention.eniId} device ${intention.deviceIndex}`;
    case "DetachNetworkInterface":
      return `${intention.action} ${intention.attachmentId}`;
    case "DescribeNetworkInterfaces":
      return `${intention.action} ${intention.eniIds.join(" ")}`;
    case "CreateTags":
      return `${intention.action} ${intention.resourceId} ${intention.tags.map((tag) => tag.key).join(" ")}`;
    case "SetDeleteOnTermination":
    case "SetSecurityGroups":
    case "DeleteNetworkInterface":
      return `${intention.action} ${intention.eniId}`;
    default:
      return intention.action;
  }
}

function units(prefixCount: number, addressCount: number): string {
  return prefixCount > 0 ? `prefixes=${prefixCount}` : `addresses=${addressCount}`;
}
