// The agent's environment for the emitted files: what the cluster file sets, as the agent understands it, without what is the
// chart's default anyway and what the mode never reads. The effect is that of the file.

import { ADDRESSES_PER_PREFIX } from "../../base/ipv4.ts";
import { divCeil } from "../../base/units.ts";
import { type InstanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import { CHART_DEFAULTS, parseBoolLiteral, type Settings } from "../../ipam/settings.ts";

/**
 * Variables that the add-on's published schemas take (EKS, describe-addon-configuration, v1.15 and v1.18.6); another key makes EKS
 * refuse the whole configuration. Inferred for later versions: a schema only ever grew.
 */
const ADDON_VARIABLES: readonly string[] = [
  "ADDITIONAL_ENI_TAGS",
  "ANNOTATE_POD_IP",
  "AWS_EC2_ENDPOINT",
  "AWS_EXTERNAL_SERVICE_CIDRS",
  "AWS_MANAGE_ENIS_NON_SCHEDULABLE",
  "AWS_VPC_CNI_NODE_PORT_SUPPORT",
  "AWS_VPC_ENI_MTU",
  "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
  "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  "AWS_VPC_K8S_CNI_EXTERNALSNAT",
  "AWS_VPC_K8S_CNI_LOGLEVEL",
  "AWS_VPC_K8S_CNI_LOG_FILE",
  "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
  "AWS_VPC_K8S_CNI_VETHPREFIX",
  "AWS_VPC_K8S_PLUGIN_LOG_FILE",
  "AWS_VPC_K8S_PLUGIN_LOG_LEVEL",
  "CLUSTER_ENDPOINT",
  "DISABLE_INTROSPECTION",
  "DISABLE_LEAKED_ENI_CLEANUP",
  "DISABLE_METRICS",
  "DISABLE_NETWORK_RESOURCE_PROVISIONING",
  "DISABLE_POD_V6",
  "ENABLE_BANDWIDTH_PLUGIN",
  "ENABLE_POD_ENI",
  "ENABLE_PREFIX_DELEGATION",
  "ENABLE_SUBNET_DISCOVERY",
  "ENABLE_V4_EGRESS",
  "ENABLE_V6_EGRESS",
  "ENI_CONFIG_ANNOTATION_DEF",
  "ENI_CONFIG_LABEL_DEF",
  "INTROSPECTION_BIND_ADDRESS",
  "IP_COOLDOWN_PERIOD",
  "MAX_ENI",
  "MINIMUM_IP_TARGET",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
  "WARM_ENI_TARGET",
  "WARM_IP_TARGET",
  "WARM_PREFIX_TARGET",
];

const TARGETS: readonly string[] = [
  "WARM_ENI_TARGET",
  "WARM_IP_TARGET",
  "MINIMUM_IP_TARGET",
  "WARM_PREFIX_TARGET",
  "MAX_ENI",
];

/** Set by the agent's own manifest or counted anew by each node: not for a file that many nodes share. */
const NOT_OURS: readonly string[] = ["VPC_CNI_VERSION", "MY_NODE_NAME", "MY_POD_NAME"];

/** Sorted by name, all values strings. */
export function emittedEnv(
  given: ReadonlyMap<string, string>,
  settings: Settings,
  types: readonly InstanceTypeLimits[],
): Record<string, string> {
  const eniCountMax = Math.max(0, ...types.map((type) => type.eniCountMax));
  const env: Record<string, string> = {
    ENABLE_PREFIX_DELEGATION: String(settings.prefixDelegation),
    ...targets(settings, types.every(supportsPrefixes)),
  };
  if (settings.maxEni !== undefined && settings.maxEni < eniCountMax) env["MAX_ENI"] = String(settings.maxEni);
  for (const [name, value] of given) {
    if (TARGETS.includes(name) || NOT_OURS.includes(name) || Object.hasOwn(env, name)) continue;
    const plain = plainValue(name, value);
    if (plain === undefined || plain === CHART_DEFAULTS[name] || isUnread(name, settings)) continue;
    env[name] = plain;
  }
  return Object.fromEntries(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The targets that the mode reads. Where all nodes have prefixes, a minimum is rounded up to whole ones, as the agent does. */
function targets(settings: Settings, canAllUsePrefixes: boolean): Record<string, string> {
  const { prefixDelegation, warmIpTarget, minimumIpTarget, warmPrefixTarget, warmEniTarget } = settings;
  if (warmIpTarget === 0 && minimumIpTarget === 0) {
    return prefixDelegation
      ? { WARM_PREFIX_TARGET: String(warmPrefixTarget) }
      : { WARM_ENI_TARGET: String(warmEniTarget) };
  }
  const env: Record<string, string> = {};
  if (warmIpTarget > 0) env["WARM_IP_TARGET"] = String(warmIpTarget);
  // A node holds one prefix in any case.
  const minimum =
    prefixDelegation && canAllUsePrefixes
      ? divCeil(Math.max(minimumIpTarget, 1), ADDRESSES_PER_PREFIX) * ADDRESSES_PER_PREFIX
      : minimumIpTarget;
  if (minimum > warmIpTarget) env["MINIMUM_IP_TARGET"] = String(minimum);
  return env;
}

/** As the agent reads it; undefined where it takes its own default instead. */
function plainValue(name: string, value: string): string | undefined {
  const isSwitch = CHART_DEFAULTS[name] === "true" || CHART_DEFAULTS[name] === "false";
  if (!isSwitch) return value.trim() === "" ? undefined : value;
  const parsed = parseBoolLiteral(value);
  return parsed === undefined ? undefined : String(parsed);
}

function isUnread(name: string, settings: Settings): boolean {
  if (name.startsWith("ENI_CONFIG_")) return !settings.customNetworking;
  if (name === "POD_SECURITY_GROUP_ENFORCING_MODE") return !settings.podEni;
  return false;
}

/** What of it the add-on takes, and the names that it would refuse. */
export function addonEnv(env: Readonly<Record<string, string>>): {
  readonly env: Readonly<Record<string, string>>;
  readonly refused: readonly string[];
} {
  const entries = Object.entries(env);
  return {
    env: Object.fromEntries(entries.filter(([name]) => ADDON_VARIABLES.includes(name))),
    refused: entries.map(([name]) => name).filter((name) => !ADDON_VARIABLES.includes(name)),
  };
}
