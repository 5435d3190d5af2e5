// Values of the environment that aws-node's own validation refuses: then it ends before it serves.

import type { Evidence, Facts } from "../facts/model.ts";
import { type EffectiveSettings, effectiveSettings } from "../facts/settings.ts";

interface ValueCheck {
  readonly name: string;
  readonly isRefused: (value: string, settings: EffectiveSettings) => boolean;
  readonly rule: string;
}

const isOutside = (value: string, least: number, most: number): boolean =>
  !/^\d+$/.test(value) || Number(value) < least || Number(value) > most;

/** Entrypoint and ipamd source, v1.23.1. */
const CHECKS: readonly ValueCheck[] = [
  { name: "AWS_VPC_K8S_PLUGIN_LOG_FILE", isRefused: (value) => value === "stdout", rule: "must be a file" },
  {
    name: "AWS_VPC_K8S_CNI_VETHPREFIX",
    isRefused: (value) => value.length > 4 || ["eth", "vlan", "lo"].includes(value),
    rule: "at most 4 characters, and not eth, vlan or lo",
  },
  {
    name: "POD_SECURITY_GROUP_ENFORCING_MODE",
    isRefused: (value) => value !== "strict" && value !== "standard",
    rule: "strict or standard",
  },
  { name: "IP_COOLDOWN_PERIOD", isRefused: (value) => !/^\d+$/.test(value), rule: "a whole number of seconds" },
  {
    name: "AWS_VPC_ENI_MTU",
    isRefused: (value, settings) => isOutside(value, settings.ipv6 ? 1280 : 576, 9001),
    rule: "576 to 9001, from 1280 with IPv6",
  },
  {
    name: "ENABLE_IPv4",
    isRefused: (_, settings) => settings.isOn("ENABLE_IPv4", true) === settings.ipv6,
    rule: "exactly one of ENABLE_IPv4 and ENABLE_IPv6",
  },
  {
    name: "ENABLE_IPv6",
    isRefused: (_, settings) => settings.ipv6 && (!settings.prefixDelegation || settings.customNetworking),
    rule: "IPv6 needs ENABLE_PREFIX_DELEGATION and excludes custom networking",
  },
  {
    name: "NETWORK_POLICY_ENFORCING_MODE",
    isRefused: (value) => !["none", "strict", "standard"].includes(value),
    rule: "none, strict or standard",
  },
];

export interface RefusedValue {
  readonly name: string;
  readonly value: string;
  readonly rule: string;
  readonly evidence: Evidence;
}

/** Values that are set somewhere and would be refused; defaults never are. */
export function refusedValues(facts: Pick<Facts, "settings">): RefusedValue[] {
  const settings = effectiveSettings(facts);
  return CHECKS.flatMap(({ name, isRefused, rule }) => {
    const { entry } = settings.setting(name);
    if (entry === undefined || entry.value === "" || !isRefused(entry.value, settings)) return [];
    return [{ name, value: entry.value, rule, evidence: settings.evidence(name) }];
  });
}
