// What the runtime says on standard input: the plugin's entry of the conflist, as the reference's conflist has it, and ours.

import { CODES } from "./codes.ts";
import { show } from "./environment.ts";
import { isCniName, isDigits, isPlain } from "./names.ts";
import { CniProblem } from "./problem.ts";
import { type CniVersion, LATEST_VERSION, parseVersion, SUPPORTED_VERSIONS } from "./versions.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface NetworkConfig {
  readonly name: string;
  readonly vethPrefix: string;
  readonly mtu: number;
  readonly enforcingMode: "strict" | "standard";
  /** A path or `stderr`; empty: no log. */
  readonly logFile: string;
  readonly logLevel: LogLevel;
  readonly wantsMultiNic: boolean;
  readonly socketPath: string;
  /** The node's network namespace when it is not the plugin's own: for the clean-up without an agent. */
  readonly hostNetns: string | undefined;
  readonly addTimeoutMs: number;
  readonly timeoutMs: number;
  /** How long an agent may be away before a command fails for it. */
  readonly agentWaitMs: number;
  /** What was put right, for the log. */
  readonly warnings: readonly string[];
}

const DEFAULT_MTU = 9001;
const MTU_MIN = 576;
const VETH_PREFIX_LENGTH_MAX = 4;
/** Names of links that are not ours, or are those of branch pods. */
const FORBIDDEN_PREFIXES: readonly string[] = ["eth", "lo", "vlan"];
const STDOUT_PATHS: readonly string[] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
const MULTI_NIC_ANNOTATION = "k8s.amazonaws.com/nicConfig";
const SECOND_MS = 1_000;

/** Throws `CniProblem` 6 when the text is no JSON object. */
export function decodeConfig(text: string): JsonObject {
  if (text.trim() === "") {
    throw new CniProblem(
      CODES.decodingFailure,
      "error reading network configuration: standard input is empty",
      "The runtime passes the network configuration there.",
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CniProblem(
      CODES.decodingFailure,
      "error reading network configuration: it is not JSON",
      `${error instanceof Error ? error.message : String(error)}; it opens with ${show(text)}.`,
    );
  }
  if (!isObject(value)) {
    throw new CniProblem(
      CODES.decodingFailure,
      "error reading network configuration: it is no JSON object",
      show(text),
    );
  }
  return value;
}

/** Throws `CniProblem` 1. A configuration without a version is of 0.1.0, says the specification. */
export function versionOf(config: JsonObject): CniVersion {
  const text = config["cniVersion"] ?? "0.1.0";
  const version = typeof text === "string" ? parseVersion(text) : undefined;
  if (version !== undefined) return version;
  throw new CniProblem(
    CODES.incompatibleVersion,
    "incompatible CNI versions",
    `config is ${show(typeof text === "string" ? text : JSON.stringify(text))}, plugin supports ${JSON.stringify(SUPPORTED_VERSIONS)}. Set cniVersion in the conflist to one of them.`,
  );
}

/** For an error object, before it is known whether the version is spoken. */
export function versionToAnswer(config: JsonObject | undefined): CniVersion {
  const text = config?.["cniVersion"];
  return (typeof text === "string" ? parseVersion(text) : undefined) ?? LATEST_VERSION;
}

/** Throws `CniProblem` 7; its text opens with `opening`. */
export function readConfig(config: JsonObject, opening: string): NetworkConfig {
  const warnings: string[] = [];
  const bad = (what: string, next: string) => new CniProblem(CODES.invalidConfig, `${opening}: ${what}`, next);
  const text = (key: string, byDefault: string): string => {
    const value = config[key] ?? byDefault;
    if (typeof value !== "string") throw bad(`${key} is not text`, `Write ${key} as a JSON string in the conflist.`);
    return value === "" ? byDefault : value;
  };
  const seconds = (key: string, byDefault: number): number => {
    const value = config[key] ?? byDefault;
    const count = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof count !== "number" || !(count >= 0 && count <= 3_600)) {
      throw bad(
        `${key} is no number of seconds`,
        `Write ${key} as a number from 0 to 3600 in the conflist, or leave it out.`,
      );
    }
    return count * SECOND_MS;
  };
  const name = text("name", "");
  if (!isCniName(name)) {
    throw bad(`invalid network name ${show(name)}`, 'The conflist\'s "name" is letters, digits, "_", "." and "-".');
  }
  const vethPrefix = text("vethPrefix", "eni");
  if (vethPrefix.length > VETH_PREFIX_LENGTH_MAX) {
    throw bad("conf.VethPrefix can be at most 4 characters long", `vethPrefix is ${show(vethPrefix)}.`);
  }
  if (!isPlain(vethPrefix) || FORBIDDEN_PREFIXES.includes(vethPrefix)) {
    throw bad(
      `vethPrefix ${show(vethPrefix)} is not for pods`,
      "Use letters and digits, and neither eth, lo nor vlan.",
    );
  }
  const enforcingMode = text("podSGEnforcingMode", "strict");
  if (enforcingMode !== "strict" && enforcingMode !== "standard") {
    throw bad(`unknown podSGEnforcingMode ${show(enforcingMode)}`, "Use strict or standard.");
  }
  const logFile = text("pluginLogFile", "");
  if (logFile.toLowerCase() === "stdout" || STDOUT_PATHS.includes(logFile)) {
    throw bad("pluginLogFile must not be stdout", "Standard output carries the result; use a path or stderr.");
  }
  // A runtime starts plugins in any folder.
  const absolute = (key: string, byDefault: string): string => {
    const path = text(key, byDefault);
    if (path === "" || path.startsWith("/")) return path;
    throw bad(`${key} ${show(path)} is not absolute`, `Write ${key} as a path from /, or leave it out.`);
  };
  const level = text("pluginLogLevel", "debug").toLowerCase();
  return {
    name,
    vethPrefix,
    mtu: readMtu(config["mtu"], warnings),
    enforcingMode,
    logFile,
    logLevel: LOG_LEVELS.find((known) => known === level) ?? "debug",
    wantsMultiNic: wantsMultiNic(config["runtimeConfig"]),
    socketPath: absolute("socketPath", "/var/run/aws-node/slash28.sock"),
    hostNetns: absolute("hostNetns", "") || undefined,
    addTimeoutMs: seconds("addTimeout", 40),
    timeoutMs: seconds("timeout", 20),
    agentWaitMs: seconds("agentWait", 2),
    warnings,
  };
}

/** The reference takes 9001 for what it does not understand. */
function readMtu(value: unknown, warnings: string[]): number {
  if (value === undefined || value === "") return DEFAULT_MTU;
  const mtu = typeof value === "string" && isDigits(value) ? Number(value) : value;
  if (typeof mtu === "number" && Number.isInteger(mtu) && mtu >= MTU_MIN && mtu <= DEFAULT_MTU) return mtu;
  warnings.push(
    `mtu ${show(String(JSON.stringify(value)))} is no number from ${MTU_MIN} to ${DEFAULT_MTU}; using ${DEFAULT_MTU}`,
  );
  return DEFAULT_MTU;
}

function wantsMultiNic(runtimeConfig: unknown): boolean {
  const annotations = isObject(runtimeConfig) ? runtimeConfig["io.kubernetes.cri.pod-annotations"] : undefined;
  return isObject(annotations) && annotations[MULTI_NIC_ANNOTATION] === "multi-nic-attachment";
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
