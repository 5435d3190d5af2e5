// The network configuration list that kubelet's runtime reads: made from the same environment as the reference's (datapath.md 2.1),
// refused for the same reasons (2.2). Pure.

import { type Environment, envText, parseIntLiteral, type SettingRefusal } from "../ipam/settings.ts";

/** The network's name: cached results of the reference's pods carry it, and their DEL looks for it. */
export const NETWORK_NAME = "aws-cni";
/** The name under which runtimes start the plugin, ours and the reference's. */
export const PLUGIN_TYPE = "aws-cni";
export const CONFLIST_FILE = "10-aws.conflist";
/** CNI versions that our plugin speaks, oldest first. */
export const PLUGIN_CNI_VERSIONS: readonly string[] = ["0.4.0", "1.0.0", "1.1.0"];
/** The oldest is what every runtime understands; CHECK needs it. */
const BASE_CNI_VERSION = "0.4.0";
const MTU_MIN = 576;
const MTU_MAX = 9_001;
const VETH_PREFIX_LENGTH_MAX = 4;
const RESERVED_PREFIXES: readonly string[] = ["eth", "lo", "vlan"];
export const AGENT_SOCKET = "/var/run/aws-node/slash28.sock";

export interface ConflistSettings {
  readonly vethPrefix: string;
  readonly mtu: number;
  readonly enforcingMode: string;
  readonly pluginLogFile: string;
  readonly pluginLogLevel: string;
  readonly hasBandwidth: boolean;
  readonly isIpv6Disabled: boolean;
  readonly socketPath: string;
}

/** What the environment asks of the plugin, or every reason why it cannot be. */
export function conflistSettings(
  env: Environment,
): { readonly settings: ConflistSettings } | { readonly refusals: readonly SettingRefusal[] } {
  const refusals: SettingRefusal[] = [];
  const refuse = (variable: string, message: string, next: string) => refusals.push({ variable, message, next });
  const vethPrefix = envText(env, "AWS_VPC_K8S_CNI_VETHPREFIX", "eni");
  if (vethPrefix.length > VETH_PREFIX_LENGTH_MAX || RESERVED_PREFIXES.includes(vethPrefix)) {
    refuse(
      "AWS_VPC_K8S_CNI_VETHPREFIX",
      `AWS_VPC_K8S_CNI_VETHPREFIX is "${vethPrefix}": at most ${VETH_PREFIX_LENGTH_MAX} characters, and none of ${RESERVED_PREFIXES.join(", ")}.`,
      "Leave it unset for eni.",
    );
  }
  const mtuVariable = (env["POD_MTU"] ?? "") === "" ? "AWS_VPC_ENI_MTU" : "POD_MTU";
  const mtuText = envText(env, mtuVariable, String(MTU_MAX));
  const mtu = parseIntLiteral(mtuText);
  if (mtu === undefined || mtu < MTU_MIN || mtu > MTU_MAX) {
    refuse(
      mtuVariable,
      `${mtuVariable} is "${mtuText}", not a whole number from ${MTU_MIN} to ${MTU_MAX}.`,
      `Leave it unset for ${MTU_MAX}.`,
    );
  }
  const enforcingMode = envText(env, "POD_SECURITY_GROUP_ENFORCING_MODE", "strict");
  if (!["strict", "standard"].includes(enforcingMode)) {
    refuse(
      "POD_SECURITY_GROUP_ENFORCING_MODE",
      `POD_SECURITY_GROUP_ENFORCING_MODE is "${enforcingMode}", neither strict nor standard.`,
      "Leave it unset for strict.",
    );
  }
  const pluginLogFile = envText(env, "AWS_VPC_K8S_PLUGIN_LOG_FILE", "/var/log/aws-routed-eni/plugin.log");
  if (pluginLogFile.toLowerCase() === "stdout") {
    refuse(
      "AWS_VPC_K8S_PLUGIN_LOG_FILE",
      "AWS_VPC_K8S_PLUGIN_LOG_FILE is stdout, where the plugin's result goes.",
      "Name a file, or stderr.",
    );
  }
  if (isTrue(env["ENABLE_V6_EGRESS"])) {
    refuse(
      "ENABLE_V6_EGRESS",
      "ENABLE_V6_EGRESS needs the plugin egress-cni, which this release does not have.",
      "Unset it, or stay with amazon-vpc-cni-k8s for IPv6 egress.",
    );
  }
  const socketPath = envText(env, "SLASH28_SOCKET", AGENT_SOCKET);
  const socketRefusal = refusalOfSocket(socketPath);
  if (socketRefusal !== undefined) refusals.push(socketRefusal);
  if (refusals.length > 0 || mtu === undefined) return { refusals };
  return {
    settings: {
      vethPrefix,
      mtu,
      enforcingMode,
      pluginLogFile,
      pluginLogLevel: envText(env, "AWS_VPC_K8S_PLUGIN_LOG_LEVEL", "Debug"),
      hasBandwidth: isTrue(env["ENABLE_BANDWIDTH_PLUGIN"]),
      isIpv6Disabled: isTrue(env["DISABLE_POD_V6"]),
      socketPath,
    },
  };
}

/** Why the agent cannot be looked for there; undefined: it can. Runtimes start the plugin in any folder. */
export function refusalOfSocket(path: string): SettingRefusal | undefined {
  if (path.startsWith("/")) return undefined;
  return {
    variable: "SLASH28_SOCKET",
    message: `SLASH28_SOCKET is "${path}", which starts in whatever folder a process is in: the plugin takes no such path. Nothing was changed.`,
    next: "Write it from /, as the agent has it, or leave it unset.",
  };
}

function isTrue(text: string | undefined): boolean {
  return ["1", "t", "true"].includes((text ?? "").toLowerCase());
}

/** Types of the plugins that are started after ours. */
export function chainedTypes(settings: ConflistSettings): string[] {
  return chained(settings).map((plugin) => plugin.type);
}

function chained(settings: ConflistSettings): readonly { readonly type: string; readonly [key: string]: unknown }[] {
  return [
    { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ...(settings.hasBandwidth ? [{ type: "bandwidth", capabilities: { bandwidth: true } }] : []),
    ...(settings.isIpv6Disabled ? [{ type: "tuning", sysctl: IPV6_OFF }] : []),
  ];
}

/** The versions that every plugin of the chain speaks, oldest first. */
export function commonVersions(chained: readonly (readonly string[])[]): string[] {
  return PLUGIN_CNI_VERSIONS.filter((version) => chained.every((versions) => versions.includes(version)));
}

/**
 * The text of the file. Runtimes of CNI 1.1 choose among `cniVersions`; the others read `cniVersion`. CHECK is on: the plugin really
 * checks. `versions`: from `commonVersions`, not empty.
 */
export function conflistText(settings: ConflistSettings, versions: readonly string[], version: string): string {
  const list = {
    cniVersion: versions.includes("1.0.0") ? "1.0.0" : (versions[0] ?? BASE_CNI_VERSION),
    ...(versions.length > 1 ? { cniVersions: versions } : {}),
    name: NETWORK_NAME,
    // Unknown keys of a list are left alone by runtimes; by this one we know our file again.
    installedBy: `slash28 ${version}`,
    plugins: [
      {
        name: PLUGIN_TYPE,
        type: PLUGIN_TYPE,
        vethPrefix: settings.vethPrefix,
        mtu: String(settings.mtu),
        podSGEnforcingMode: settings.enforcingMode,
        pluginLogFile: settings.pluginLogFile,
        pluginLogLevel: settings.pluginLogLevel,
        ...(settings.socketPath === AGENT_SOCKET ? {} : { socketPath: settings.socketPath }),
        capabilities: { "io.kubernetes.cri.pod-annotations": true },
      },
      ...chained(settings),
    ],
  };
  return `${JSON.stringify(list, null, 2)}\n`;
}

const IPV6_OFF = {
  "net.ipv6.conf.all.disable_ipv6": "1",
  "net.ipv6.conf.default.disable_ipv6": "1",
  "net.ipv6.conf.lo.disable_ipv6": "1",
};

/** Whether a file's text was written by `conflistText`. */
export function isOurConflist(text: string): boolean {
  try {
    const list = JSON.parse(text) as { readonly installedBy?: unknown };
    return typeof list.installedBy === "string" && list.installedBy.startsWith("slash28 ");
  } catch {
    return false;
  }
}
