// What the environment says about wiring pods: whether, where, how often it is verified, and with what by default. Refusals are
// those of the reference's entry point (datapath.md 2.2).

import { SECOND_MS } from "../base/units.ts";
import { type Environment, envText, parseIntLiteral, type SettingRefusal } from "../ipam/settings.ts";

export interface DatapathSettings {
  /** The agent sets up links, routes and rules; false: it gives addresses alone. */
  readonly isOn: boolean;
  /** The node's network namespace; undefined: the agent's own. */
  readonly hostNetnsPath: string | undefined;
  /** Real milliseconds between two verifications. */
  readonly verifyPeriodMs: number;
  /** Of pods whose plugin names none. */
  readonly podMtu: number;
  /** Of pods with a branch ENI whose plugin names none. */
  readonly enforcingMode: "strict" | "standard";
  readonly policyAgentSocketPath: string;
}

const MTU_MIN = 576;
const MTU_MAX = 9001;
const VETH_PREFIX_LENGTH_MAX = 4;
const VERIFY_SECONDS = 60;
const VERIFY_SECONDS_MAX = 3_600;

export function parseDatapathSettings(
  env: Environment,
  { hasPodEnis, refusals }: { readonly hasPodEnis: boolean; readonly refusals: SettingRefusal[] },
): DatapathSettings {
  const refuse = (variable: string, message: string, next: string) => refusals.push({ variable, message, next });
  const onOff = envText(env, "SLASH28_DATAPATH", "on");
  if (onOff !== "on" && onOff !== "off") {
    refuse("SLASH28_DATAPATH", `SLASH28_DATAPATH is "${onOff}", not on or off.`, "Leave it unset for on.");
  }
  const periodText = envText(env, "SLASH28_VERIFY_PERIOD", String(VERIFY_SECONDS));
  const period = parseIntLiteral(periodText);
  if (period === undefined || period < 1 || period > VERIFY_SECONDS_MAX) {
    refuse(
      "SLASH28_VERIFY_PERIOD",
      `SLASH28_VERIFY_PERIOD is "${periodText}", not a number of seconds from 1 to ${VERIFY_SECONDS_MAX}.`,
      `Leave it unset for ${VERIFY_SECONDS}.`,
    );
  }
  const prefix = envText(env, "AWS_VPC_K8S_CNI_VETHPREFIX", "eni");
  if (!isVethPrefix(prefix)) {
    refuse(
      "AWS_VPC_K8S_CNI_VETHPREFIX",
      `AWS_VPC_K8S_CNI_VETHPREFIX is "${prefix}": at most ${VETH_PREFIX_LENGTH_MAX} letters, digits, dots, dashes or underscores, and not eth, lo or vlan, which other links have.`,
      "Leave it unset for eni.",
    );
  }
  const mode = envText(env, "POD_SECURITY_GROUP_ENFORCING_MODE", "strict");
  if (hasPodEnis && mode !== "strict" && mode !== "standard") {
    refuse(
      "POD_SECURITY_GROUP_ENFORCING_MODE",
      `POD_SECURITY_GROUP_ENFORCING_MODE is "${mode}", not strict or standard.`,
      "Leave it unset for strict.",
    );
  }
  const eniMtu = mtuOf(env, "AWS_VPC_ENI_MTU", refuse) ?? MTU_MAX;
  return {
    isOn: onOff !== "off",
    hostNetnsPath: env["SLASH28_HOST_NETNS"] || undefined,
    verifyPeriodMs: (period ?? VERIFY_SECONDS) * SECOND_MS,
    podMtu: mtuOf(env, "POD_MTU", refuse) ?? eniMtu,
    enforcingMode: mode === "standard" ? "standard" : "strict",
    policyAgentSocketPath: envText(env, "SLASH28_NPA_SOCKET", "/var/run/aws-node/npa.sock"),
  };
}

/** What may stand before the hash in a host link's name. To the kernel `%` is no letter but a place to fill in. */
export function isVethPrefix(text: string): boolean {
  return /^[\w.-]{1,4}$/.test(text) && !["eth", "lo", "vlan"].includes(text);
}

export function isMtu(value: number): boolean {
  return Number.isInteger(value) && value >= MTU_MIN && value <= MTU_MAX;
}

function mtuOf(
  env: Environment,
  variable: string,
  refuse: (variable: string, message: string, next: string) => void,
): number | undefined {
  const text = env[variable] ?? "";
  if (text === "") return undefined;
  const value = parseIntLiteral(text);
  if (value !== undefined && isMtu(value)) return value;
  refuse(
    variable,
    `${variable} is "${text}", not a number from ${MTU_MIN} to ${MTU_MAX}.`,
    `Leave it unset for ${MTU_MAX}.`,
  );
  return undefined;
}
