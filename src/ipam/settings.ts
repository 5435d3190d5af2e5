// The agent's settings: what the environment asks for, parsed as amazon-vpc-cni-k8s v1.23.1 parses it (ipamd.md 1.1-1.3).
// Nothing here reads the environment: the body hands it in. A value that the reference drops silently is dropped silently.

import type { MessageArgument, MessageId } from "./messages.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Effective settings of the engine. Numbers are those the agent works with after parsing: "not set" is 0. */
export interface Settings {
  /** ENABLE_PREFIX_DELEGATION as asked; the mode also needs an instance type that supports prefixes. */
  readonly prefixDelegation: boolean;
  readonly warmIpTarget: number;
  readonly minimumIpTarget: number;
  readonly warmPrefixTarget: number;
  /** Not set, negative or garbage: 1. */
  readonly warmEniTarget: number;
  /** MAX_ENI when it parses to 1 or more; undefined: the instance limit. */
  readonly maxEni: number | undefined;
  /** IP_COOLDOWN_PERIOD in milliseconds. */
  readonly cooldownMs: number;
  readonly customNetworking: boolean;
  readonly subnetDiscovery: boolean;
  readonly clusterName: string;
  readonly additionalEniTags: readonly { readonly key: string; readonly value: string }[];
  readonly manageUntaggedEni: boolean;
  readonly manageEnisNonSchedulable: boolean;
  readonly podEni: boolean;
  /** DISABLE_NETWORK_RESOURCE_PROVISIONING, or implied by IMDS-only mode. */
  readonly provisioningDisabled: boolean;
  readonly imdsOnly: boolean;
  readonly leakedEniCleanupDisabled: boolean;
  /** SLASH28_POLICY_OFF: points of the policy `slash28` that are switched off, so that the effect of each can be measured. */
  readonly policyOff: readonly PolicyPoint[];
  /**
   * SLASH28_WARM_FLOOR. `configured`: the WARM_* and MINIMUM_* targets are floors. `learned`: only MINIMUM_IP_TARGET is one, and
   * what the node's own arrivals ask for is kept warm. Policy `slash28` only.
   */
  readonly warmFloor: "configured" | "learned";
  /** SLASH28_ADD_DEADLINE: how long an ADD waits at most, whatever the runtime would allow (I7). */
  readonly addDeadlineMs: number;
}

/** I7. Longer than the cooldown by a moment: who waits for a cooling address shall not miss it by as much. */
const ADD_DEADLINE_SECONDS = 30;
const ADD_DEADLINE_AFTER_COOLDOWN_SECONDS = 5;
/** kubelet gives a sandbox 4 minutes; what came later would be thrown away. */
const ADD_DEADLINE_SECONDS_MAX = 230;

/** What policy `slash28` does otherwise than the reference; each can be switched off (docs/policy.md). */
export const POLICY_POINTS = [
  "wait",
  "demand",
  "packing",
  "breaker",
  "fallback",
  "proof",
  "budget",
  "learning",
] as const;
export type PolicyPoint = (typeof POLICY_POINTS)[number];

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingWarning {
  readonly level: "warn" | "error";
  readonly text: string;
  /** Where the reference puts the line: its log, or standard error alone. */
  readonly stream: "log" | "stderr";
}

/** Why this environment cannot run, and what to change. */
export interface SettingRefusal {
  readonly variable: string;
  readonly message: string;
  readonly next: string;
}

export interface ParsedSettings {
  readonly settings: Settings;
  readonly warnings: readonly SettingWarning[];
  /** Empty: the agent may start. */
  readonly refusals: readonly SettingRefusal[];
  /** The reference's debug lines for values that it accepted. */
  readonly accepted: readonly { readonly message: MessageId; readonly args: readonly MessageArgument[] }[];
}

/** The environment of the DaemonSet as shipped with chart 1.23.1 (charts/aws-vpc-cni/values.yaml, `env`). */
export const CHART_DEFAULTS: Readonly<Record<string, string>> = {
  ADDITIONAL_ENI_TAGS: "{}",
  AWS_VPC_CNI_NODE_PORT_SUPPORT: "true",
  AWS_VPC_ENI_MTU: "9001",
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "false",
  AWS_VPC_K8S_CNI_EXTERNALSNAT: "false",
  AWS_VPC_K8S_CNI_LOG_FILE: "/host/var/log/aws-routed-eni/ipamd.log",
  AWS_VPC_K8S_CNI_LOGLEVEL: "DEBUG",
  AWS_VPC_K8S_CNI_RANDOMIZESNAT: "prng",
  AWS_VPC_K8S_CNI_VETHPREFIX: "eni",
  AWS_VPC_K8S_PLUGIN_LOG_FILE: "/var/log/aws-routed-eni/plugin.log",
  AWS_VPC_K8S_PLUGIN_LOG_LEVEL: "DEBUG",
  DISABLE_INTROSPECTION: "false",
  DISABLE_METRICS: "false",
  DISABLE_NETWORK_RESOURCE_PROVISIONING: "false",
  ENABLE_IPv4: "true",
  ENABLE_IPv6: "false",
  ENABLE_POD_ENI: "false",
  ENABLE_PREFIX_DELEGATION: "false",
  ENABLE_SUBNET_DISCOVERY: "true",
  ENABLE_IMDS_ONLY_MODE: "false",
  ENABLE_MULTI_NIC: "false",
  NETWORK_POLICY_ENFORCING_MODE: "standard",
  WARM_ENI_TARGET: "1",
  WARM_PREFIX_TARGET: "1",
  VPC_CNI_VERSION: "v1.23.1",
};

const TRUE_LITERALS: readonly string[] = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE_LITERALS: readonly string[] = ["0", "f", "F", "FALSE", "false", "False"];
const INT64_MAX = 9_223_372_036_854_775_807n;

/** The literals that Go's strconv.ParseBool takes; undefined for anything else. */
export function parseBoolLiteral(text: string): boolean | undefined {
  if (TRUE_LITERALS.includes(text)) return true;
  return FALSE_LITERALS.includes(text) ? false : undefined;
}

/**
 * What Go's strconv.Atoi takes: optional sign, decimal digits, nothing else, within 64 bits; undefined for anything else.
 * Values that a JavaScript number cannot hold exactly come back as the largest or smallest safe integer.
 */
export function parseIntLiteral(text: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  if (value > INT64_MAX || value < -INT64_MAX - 1n) return undefined;
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

/** Parser B1: set when the variable exists, even empty; a bad value gives the default and a line on standard error. */
export function envBoolStrict(
  env: Environment,
  option: { readonly name: string; readonly otherwise: boolean; readonly warnings: SettingWarning[] },
): boolean {
  const text = env[option.name];
  if (text === undefined) return option.otherwise;
  const value = parseBoolLiteral(text);
  if (value !== undefined) return value;
  option.warnings.push({
    level: "warn",
    text: `Failed to parse variable ${option.name} with value ${text} as boolean`,
    stream: "stderr",
  });
  return option.otherwise;
}

/** Parser B2: empty counts as unset; a bad value gives the default and a log line. */
export function envBool(
  env: Environment,
  option: { readonly name: string; readonly otherwise: boolean; readonly warnings: SettingWarning[] },
): boolean {
  const text = env[option.name];
  if (text === undefined || text === "") return option.otherwise;
  const value = parseBoolLiteral(text);
  if (value !== undefined) return value;
  option.warnings.push({
    level: "error",
    text: `Failed to parse ${option.name}; using default: ${option.otherwise}, err: strconv.ParseBool: parsing "${text}": invalid syntax`,
    stream: "log",
  });
  return option.otherwise;
}

/** Parser I1: unparsable or below `minimum` gives `otherwise`, silently. */
export function envInt(
  env: Environment,
  option: { readonly name: string; readonly minimum: number; readonly otherwise: number },
): number {
  const value = parseIntLiteral(env[option.name] ?? "");
  return value === undefined || value < option.minimum ? option.otherwise : value;
}

/** Parser S: empty counts as unset. */
export function envText(env: Environment, name: string, otherwise: string): string {
  const text = env[name];
  return text === undefined || text === "" ? otherwise : text;
}

/** Everything the engine takes from the environment, with the reference's code defaults (not the chart's). */
export function parseSettings(env: Environment): ParsedSettings {
  const warnings: SettingWarning[] = [];
  const strict = (name: string, otherwise: boolean) => envBoolStrict(env, { name, otherwise, warnings });
  const lenient = (name: string, otherwise: boolean) => envBool(env, { name, otherwise, warnings });
  const imdsOnly = strict("ENABLE_IMDS_ONLY_MODE", false);
  const isIpv4 = strict("ENABLE_IPv4", false);
  const isIpv6 = strict("ENABLE_IPv6", false);
  const isMultiNic = strict("ENABLE_MULTI_NIC", false);
  const cooldownSeconds = parseIntLiteral(envText(env, "IP_COOLDOWN_PERIOD", "30")) ?? 30;
  const maxEni = envInt(env, { name: "MAX_ENI", minimum: 1, otherwise: -1 });
  const settings: Settings = {
    prefixDelegation: strict("ENABLE_PREFIX_DELEGATION", false),
    warmIpTarget: envInt(env, { name: "WARM_IP_TARGET", minimum: 0, otherwise: 0 }),
    minimumIpTarget: envInt(env, { name: "MINIMUM_IP_TARGET", minimum: 0, otherwise: 0 }),
    warmPrefixTarget: envInt(env, { name: "WARM_PREFIX_TARGET", minimum: 0, otherwise: 0 }),
    warmEniTarget: envInt(env, { name: "WARM_ENI_TARGET", minimum: 0, otherwise: 1 }),
    maxEni: maxEni < 1 ? undefined : maxEni,
    cooldownMs: Math.max(0, cooldownSeconds) * 1_000,
    customNetworking: lenient("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", false),
    subnetDiscovery: lenient("ENABLE_SUBNET_DISCOVERY", true),
    clusterName: env["CLUSTER_NAME"] ?? "",
    additionalEniTags: parseAdditionalTags(env["ADDITIONAL_ENI_TAGS"] ?? "", warnings),
    manageUntaggedEni: strict("MANAGE_UNTAGGED_ENI", true),
    manageEnisNonSchedulable: lenient("AWS_MANAGE_ENIS_NON_SCHEDULABLE", false),
    podEni: strict("ENABLE_POD_ENI", false),
    provisioningDisabled: strict("DISABLE_NETWORK_RESOURCE_PROVISIONING", false) || imdsOnly,
    imdsOnly,
    leakedEniCleanupDisabled: strict("DISABLE_LEAKED_ENI_CLEANUP", false) || imdsOnly,
    policyOff: POLICY_POINTS.filter((point) => pointsOff(env).includes(point)),
    warmFloor: env["SLASH28_WARM_FLOOR"] === "learned" ? "learned" : "configured",
    addDeadlineMs: addDeadlineSeconds(env, cooldownSeconds) * 1_000,
  };
  const refusals = [
    ...ownRefusals(env),
    ...familyRefusals({ isIpv4, isIpv6, isMultiNic, settings }),
    ...entrypointRefusals(env, { isIpv6, settings }),
  ];
  return { settings, warnings, refusals, accepted: acceptedLines(env, settings) };
}

function acceptedLines(env: Environment, settings: Settings): ParsedSettings["accepted"] {
  const lines: { message: MessageId; args: readonly MessageArgument[] }[] = [];
  const add = (name: string, minimum: number, message: MessageId, value: number | undefined) => {
    const asked = parseIntLiteral(env[name] ?? "");
    if (asked !== undefined && asked >= minimum && value !== undefined) lines.push({ message, args: [value] });
  };
  add("WARM_IP_TARGET", 0, "usingWarmIpTarget", settings.warmIpTarget);
  add("MINIMUM_IP_TARGET", 0, "usingMinimumIpTarget", settings.minimumIpTarget);
  add("WARM_PREFIX_TARGET", 0, "usingWarmPrefixTarget", settings.warmPrefixTarget);
  add("WARM_ENI_TARGET", 0, "usingWarmEniTarget", settings.warmEniTarget);
  add("MAX_ENI", 1, "usingMaxEni", settings.maxEni);
  return lines;
}

/** ADDITIONAL_ENI_TAGS: a JSON object of strings. Sorted by key; keys of Kubernetes' own domain are dropped. */
function parseAdditionalTags(text: string, warnings: SettingWarning[]): Settings["additionalEniTags"] {
  if (text === "") return [];
  const parsed = parseJsonObject(text);
  if (parsed === undefined) {
    warnings.push({
      level: "warn",
      text: `ADDITIONAL_ENI_TAGS is not a JSON object of strings and is ignored: ${text}`,
      stream: "log",
    });
    return [];
  }
  const tags: { key: string; value: string }[] = [];
  for (const [key, value] of parsed) {
    if (key.includes("k8s.amazonaws.com")) {
      warnings.push({
        level: "warn",
        text: `ADDITIONAL_ENI_TAGS: tag ${key} is dropped, because keys that contain k8s.amazonaws.com are reserved`,
        stream: "log",
      });
    } else tags.push({ key, value });
  }
  return tags.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/** Entries of a JSON object whose values are strings (null reads as empty, as in Go); undefined for anything else. */
function parseJsonObject(text: string): [string, string][] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (parsed === null) return [];
  if (typeof parsed !== "object" || Array.isArray(parsed)) return undefined;
  const entries: [string, string][] = [];
  for (const [key, value] of Object.entries(parsed)) {
    if (value !== null && typeof value !== "string") return undefined;
    entries.push([key, value ?? ""]);
  }
  return entries;
}

function pointsOff(env: Environment): string[] {
  return envText(env, "SLASH28_POLICY_OFF", "")
    .split(",")
    .map((point) => point.trim())
    .filter((point) => point !== "");
}

/** 0 for what is no number of seconds. */
function addDeadlineSeconds(env: Environment, cooldownSeconds: number): number {
  const text = env["SLASH28_ADD_DEADLINE"] ?? "";
  if (text !== "") return /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  const seconds = Math.max(ADD_DEADLINE_SECONDS, cooldownSeconds + ADD_DEADLINE_AFTER_COOLDOWN_SECONDS);
  return Math.min(seconds, ADD_DEADLINE_SECONDS_MAX);
}

/** Our own variables have no habits to keep: what is not understood is refused. */
function ownRefusals(env: Environment): SettingRefusal[] {
  const refusals: SettingRefusal[] = [];
  for (const point of pointsOff(env)) {
    if ((POLICY_POINTS as readonly string[]).includes(point)) continue;
    refusals.push({
      variable: "SLASH28_POLICY_OFF",
      message: `SLASH28_POLICY_OFF names "${point}", which is no point of the policy slash28.`,
      next: `Points: ${POLICY_POINTS.join(", ")}.`,
    });
  }
  const deadline = addDeadlineSeconds(env, 0);
  if (deadline < 1 || deadline > ADD_DEADLINE_SECONDS_MAX) {
    const text = env["SLASH28_ADD_DEADLINE"];
    refusals.push({
      variable: "SLASH28_ADD_DEADLINE",
      message: `SLASH28_ADD_DEADLINE is "${text}", not a number of seconds from 1 to ${ADD_DEADLINE_SECONDS_MAX}.`,
      next: `Leave it unset for ${ADD_DEADLINE_SECONDS} seconds, or 5 more than a longer IP_COOLDOWN_PERIOD.`,
    });
  }
  const floor = envText(env, "SLASH28_WARM_FLOOR", "configured");
  if (floor !== "configured" && floor !== "learned") {
    refusals.push({
      variable: "SLASH28_WARM_FLOOR",
      message: `SLASH28_WARM_FLOOR is "${floor}".`,
      next: "Set it to configured or learned, or leave it unset to use configured.",
    });
  }
  return refusals;
}

/** Section 1.2 (1) and (2), and what this release leaves out. */
function familyRefusals(facts: {
  readonly isIpv4: boolean;
  readonly isIpv6: boolean;
  readonly isMultiNic: boolean;
  readonly settings: Settings;
}): SettingRefusal[] {
  const refusals: SettingRefusal[] = [];
  if (facts.isIpv4 && facts.isIpv6) {
    refusals.push({
      variable: "ENABLE_IPv6",
      message: "IPv4 and IPv6 are both enabled. VPC CNI currently does not support dual stack mode",
      next: "Set ENABLE_IPv6=false.",
    });
  } else if (!facts.isIpv4 && !facts.isIpv6) {
    refusals.push({
      variable: "ENABLE_IPv4",
      message: "IPv4 and IPv6 are both disabled. One of them have to be enabled",
      next: "Set ENABLE_IPv4=true, as the DaemonSet does.",
    });
  } else if (facts.isIpv6) {
    if (!facts.settings.prefixDelegation || facts.settings.customNetworking) {
      refusals.push({
        variable: "ENABLE_IPv6",
        message:
          "IPv6 is supported only in Prefix Delegation mode. Custom Networking is not supported in IPv6 mode. Please set the env variables accordingly.",
        next: "Set ENABLE_PREFIX_DELEGATION=true and AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG=false.",
      });
    }
    refusals.push({
      variable: "ENABLE_IPv6",
      message: "This release of slash28 manages IPv4 addresses only.",
      next: "Set ENABLE_IPv4=true and ENABLE_IPv6=false, or keep aws-node on IPv6 nodes.",
    });
  }
  if (facts.isMultiNic) {
    refusals.push({
      variable: "ENABLE_MULTI_NIC",
      message: "This release of slash28 manages network card 0 only.",
      next: "Set ENABLE_MULTI_NIC=false: further cards are then left alone.",
    });
  }
  return refusals;
}

/** What the reference's entrypoint and agent refuse before anything runs (ipamd.md 1.3). */
function entrypointRefusals(
  env: Environment,
  facts: { readonly isIpv6: boolean; readonly settings: Settings },
): SettingRefusal[] {
  const refusals: SettingRefusal[] = [];
  const refuse = (variable: string, message: string, next: string) => refusals.push({ variable, message, next });

  if (env["AWS_VPC_K8S_PLUGIN_LOG_FILE"] === "stdout") {
    refuse(
      "AWS_VPC_K8S_PLUGIN_LOG_FILE",
      "AWS_VPC_K8S_PLUGIN_LOG_FILE is stdout, where the CNI plugin has to print its result.",
      "Name a file, or stderr.",
    );
  }
  const veth = envText(env, "AWS_VPC_K8S_CNI_VETHPREFIX", "eni");
  if (!/^[\w.-]{1,4}$/.test(veth) || veth === "eth" || veth === "lo" || veth === "vlan") {
    refuse(
      "AWS_VPC_K8S_CNI_VETHPREFIX",
      `AWS_VPC_K8S_CNI_VETHPREFIX is "${veth}": it may have at most 4 characters (letters, digits, . _ -) and must not be eth, lo or vlan.`,
      "Leave it unset to use eni.",
    );
  }
  const enforcing = envText(env, "POD_SECURITY_GROUP_ENFORCING_MODE", "strict");
  if (facts.settings.podEni && enforcing !== "strict" && enforcing !== "standard") {
    refuse(
      "POD_SECURITY_GROUP_ENFORCING_MODE",
      `POD_SECURITY_GROUP_ENFORCING_MODE is "${enforcing}", and ENABLE_POD_ENI is on.`,
      "Set it to strict or standard.",
    );
  }
  const cooldown = envText(env, "IP_COOLDOWN_PERIOD", "30");
  const cooldownSeconds = parseIntLiteral(cooldown);
  if (cooldownSeconds === undefined || cooldownSeconds < 0) {
    refuse(
      "IP_COOLDOWN_PERIOD",
      `IP_COOLDOWN_PERIOD is "${cooldown}", not a whole number of seconds from 0 up.`,
      "Leave it unset to use 30.",
    );
  }
  const mtuMin = facts.isIpv6 ? 1_280 : 576;
  for (const variable of ["AWS_VPC_ENI_MTU", "POD_MTU"]) {
    const text = env[variable];
    if (text === undefined || text === "") continue;
    const mtu = parseIntLiteral(text);
    if (mtu === undefined || mtu < mtuMin || mtu > 9_001) {
      refuse(variable, `${variable} is "${text}", not a number from ${mtuMin} to 9001.`, "Leave it unset to use 9001.");
    }
  }
  const policyMode = env["NETWORK_POLICY_ENFORCING_MODE"];
  if (policyMode !== undefined && policyMode !== "" && !/^(none|strict|standard)$/i.test(policyMode)) {
    refuse(
      "NETWORK_POLICY_ENFORCING_MODE",
      "invalid Network policy mode, supported modes: none, strict, standard",
      `Set it to one of the three instead of "${policyMode}", or leave it unset.`,
    );
  }
  if (facts.settings.prefixDelegation && PREFIX_TARGETS.every((variable) => (env[variable] ?? "0") <= "0")) {
    refuse(
      "WARM_PREFIX_TARGET",
      "Setting WARM_PREFIX_TARGET = 0 is not supported while WARM_IP_TARGET/MINIMUM_IP_TARGET is not set. Please configure either one of the WARM_{PREFIX/IP}_TARGET or MINIMUM_IP_TARGET env variables",
      "Set WARM_PREFIX_TARGET=1, or WARM_IP_TARGET with MINIMUM_IP_TARGET.",
    );
  }
  return refusals;
}

/** Compared with "0" as text, byte by byte, as the entrypoint does: -1, +5, a leading blank and the empty text all count as not set. */
const PREFIX_TARGETS = ["WARM_IP_TARGET", "WARM_PREFIX_TARGET", "MINIMUM_IP_TARGET"] as const;
