// What the environment asks of the agent beyond the engine's settings: paths, addresses, log, Kubernetes names. Pure: the
// environment is an argument. Everything that cannot work is refused here, with what to change.

import {
  type Environment,
  envBoolStrict,
  envInt,
  envText,
  type LogLevel,
  parseIntLiteral,
  parseSettings,
  type SettingRefusal,
  type Settings,
  type SettingWarning,
} from "../ipam/settings.ts";
import { POLICY_IDS, type PolicyId } from "../ipam/types.ts";
import { type DatapathSettings, parseDatapathSettings } from "./datapath-settings.ts";
import { type NetworkSettings, networkSettingsPage, parseNetworkSettings } from "./network-settings.ts";

export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface AgentConfig {
  readonly settings: Settings;
  readonly warnings: readonly SettingWarning[];
  readonly policy: PolicyId;
  /** undefined: the body draws one and prints it. */
  readonly seed: number | undefined;
  readonly logLevel: LogLevel;
  readonly logTarget: string;
  readonly checkpointPath: string;
  readonly socketPath: string;
  readonly grpcSocketPath: string;
  /** For plugins before v1.23 alone. */
  readonly grpcTcp: ListenAddress | undefined;
  readonly metricsAddress: ListenAddress | undefined;
  readonly introspectionAddress: ListenAddress | undefined;
  readonly factsPath: string | undefined;
  /** SLASH28_CLOCK, unread; undefined: real time. */
  readonly clockText: string | undefined;
  readonly imdsEndpoint: string;
  /** undefined: the SDK's own resolution. */
  readonly ec2Endpoint: string | undefined;
  readonly httpTimeoutMs: number;
  /** Real milliseconds between two samples of the event loop's delay; undefined: none are taken. */
  readonly loopProbeMs: number | undefined;
  /** The process ends at once when its standard input is closed: whoever started it is gone. */
  readonly endsWithInput: boolean;
  /** How long an ADD may wait for an address. */
  readonly nodeName: string;
  readonly eniConfigAnnotationKey: string | undefined;
  readonly eniConfigLabelKey: string | undefined;
  readonly network: NetworkSettings;
  readonly datapath: DatapathSettings;
  readonly networkPolicyMode: string;
  /** Bodies of /v1/ipamd-env-settings and /v1/networkutils-env-settings. */
  readonly ipamdEnv: Readonly<Record<string, unknown>>;
  readonly networkEnv: Readonly<Record<string, unknown>>;
}

/** Linux's sockaddr_un holds 108 bytes with the final NUL; macOS 104. */
const UNIX_PATH_BYTES_MAX = 103;
/** The configuration, or every reason why there is none. */
export function parseAgentConfig(env: Environment): { config: AgentConfig } | { refusals: readonly SettingRefusal[] } {
  const parsed = parseSettings(env);
  const refusals: SettingRefusal[] = [...parsed.refusals];
  const warnings: SettingWarning[] = [...parsed.warnings];
  const refuse = (variable: string, message: string, next: string) => refusals.push({ variable, message, next });
  const listen = (variable: string, text: string): ListenAddress | undefined => {
    const address = parseListenAddress(text);
    if (address === undefined) {
      refuse(variable, `${variable} is "${text}", not host:port, :port or unix:<path>.`, "For example 127.0.0.1:0.");
    }
    return address;
  };

  const policyText = envText(env, "SLASH28_POLICY", "slash28");
  const policy = POLICY_IDS.find((id) => id === policyText);
  if (policy === undefined) {
    refuse(
      "SLASH28_POLICY",
      `SLASH28_POLICY is "${policyText}"; this release has: ${POLICY_IDS.join(", ")}.`,
      "Leave it unset for slash28.",
    );
  }
  const seedText = env["SLASH28_SEED"];
  const seed = seedText === undefined || seedText === "" ? undefined : parseIntLiteral(seedText);
  if (seedText !== undefined && seedText !== "" && seed === undefined) {
    refuse("SLASH28_SEED", `SLASH28_SEED is "${seedText}", not a whole number.`, "Leave it unset for a random one.");
  }
  const imdsEndpoint = envText(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254");
  const ec2Endpoint = env["AWS_ENDPOINT_URL_EC2"] || env["AWS_ENDPOINT_URL"] || undefined;
  for (const [variable, url] of [
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT", imdsEndpoint],
    ["AWS_ENDPOINT_URL_EC2", ec2Endpoint],
  ] as const) {
    if (url !== undefined && hostOf(url) === undefined) {
      refuse(variable, `${variable} is "${url}", not an http or https URL.`, "For example http://127.0.0.1:8028.");
    }
  }
  const clockText = env["SLASH28_CLOCK"] || undefined;
  if (clockText !== undefined && !(isLoopback(imdsEndpoint) && ec2Endpoint !== undefined && isLoopback(ec2Endpoint))) {
    refuse(
      "SLASH28_CLOCK",
      "SLASH28_CLOCK makes time run at another speed, which is only allowed against an emulator on this machine.",
      "Unset it, or point AWS_ENDPOINT_URL_EC2 and AWS_EC2_METADATA_SERVICE_ENDPOINT to loopback addresses.",
    );
  }
  const probeText = env["SLASH28_LOOP_PROBE"] || undefined;
  const loopProbeMs = probeText === undefined ? undefined : parseIntLiteral(probeText);
  if (probeText !== undefined && (loopProbeMs === undefined || loopProbeMs < 1)) {
    refuse(
      "SLASH28_LOOP_PROBE",
      `SLASH28_LOOP_PROBE is "${probeText}", not a number of milliseconds.`,
      "For example 10.",
    );
  }
  const factsPath = env["SLASH28_FACTS"] || undefined;
  if (factsPath === undefined) {
    for (const [variable, isOn] of [
      ["ENABLE_POD_ENI", parsed.settings.podEni],
      ["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", parsed.settings.customNetworking],
    ] as const) {
      if (!isOn) continue;
      refuse(
        variable,
        `${variable} is on, but there are no Kubernetes facts to read.`,
        "Name a facts file in SLASH28_FACTS.",
      );
    }
  }
  const socketPath = envText(env, "SLASH28_SOCKET", "/var/run/aws-node/slash28.sock");
  const grpcSocketPath = envText(env, "SLASH28_GRPC_SOCKET", "/var/run/aws-node/ipamd.sock");
  for (const [variable, path] of [
    ["SLASH28_SOCKET", socketPath],
    ["SLASH28_GRPC_SOCKET", grpcSocketPath],
  ] as const) {
    if (utf8Length(path) > UNIX_PATH_BYTES_MAX) {
      refuse(
        variable,
        `${variable} has ${utf8Length(path)} bytes; a socket's path may have ${UNIX_PATH_BYTES_MAX}.`,
        "Choose a shorter folder.",
      );
    }
  }
  if (!socketPath.startsWith("/")) {
    refuse(
      "SLASH28_SOCKET",
      `SLASH28_SOCKET is "${socketPath}", which starts in whatever folder a process is in: the plugin takes no such path.`,
      "Write it from /, or leave it unset.",
    );
  }
  const flag = (name: string) => envBoolStrict(env, { name, otherwise: false, warnings });
  const metricsAddress = flag("DISABLE_METRICS")
    ? undefined
    : listen("SLASH28_METRICS_ADDRESS", envText(env, "SLASH28_METRICS_ADDRESS", ":61678"));
  const introspectionAddress = flag("DISABLE_INTROSPECTION")
    ? undefined
    : listen("INTROSPECTION_BIND_ADDRESS", envText(env, "INTROSPECTION_BIND_ADDRESS", "127.0.0.1:61679"));
  const endsWithInput = flag("SLASH28_END_WITH_STDIN");
  const grpcTcp = grpcTcpAddress(env["SLASH28_GRPC_TCP"], refuse);
  const network = parseNetworkSettings(env, { hasPodEnis: parsed.settings.podEni, warnings });
  const datapath = parseDatapathSettings(env, { hasPodEnis: parsed.settings.podEni, refusals });
  if (refusals.length > 0 || policy === undefined) return { refusals };
  return {
    config: {
      settings: parsed.settings,
      warnings,
      policy,
      seed,
      logLevel: logLevelOf(env["AWS_VPC_K8S_CNI_LOGLEVEL"]),
      logTarget: envText(env, "AWS_VPC_K8S_CNI_LOG_FILE", "/var/log/aws-routed-eni/ipamd.log"),
      checkpointPath: envText(env, "AWS_VPC_K8S_CNI_BACKING_STORE", "/var/run/aws-node/ipam.json"),
      socketPath,
      grpcSocketPath,
      grpcTcp,
      metricsAddress,
      introspectionAddress,
      factsPath,
      clockText,
      imdsEndpoint,
      ec2Endpoint,
      httpTimeoutMs: envInt(env, { name: "HTTP_TIMEOUT", minimum: 10, otherwise: 10 }) * 1_000,
      loopProbeMs,
      endsWithInput,
      nodeName: envText(env, "MY_NODE_NAME", ""),
      eniConfigAnnotationKey: env["ENI_CONFIG_ANNOTATION_DEF"] || undefined,
      eniConfigLabelKey: env["ENI_CONFIG_LABEL_DEF"] || undefined,
      network,
      datapath,
      networkPolicyMode: env["NETWORK_POLICY_ENFORCING_MODE"] ?? "",
      ipamdEnv: {
        WARM_IP_TARGET: parsed.settings.warmIpTarget,
        WARM_ENI_TARGET: parsed.settings.warmEniTarget,
        AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: parsed.settings.customNetworking,
        AWS_MANAGE_ENIS_NON_SCHEDULABLE: parsed.settings.manageEnisNonSchedulable,
        ENABLE_SUBNET_DISCOVERY: parsed.settings.subnetDiscovery,
      },
      networkEnv: networkSettingsPage(network),
    },
  };
}

/** `host:port`, `:port` (all interfaces), `[v6]:port` or `unix:path`; undefined for anything else. Port 0: any free one. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    return path === "" || utf8Length(path) > UNIX_PATH_BYTES_MAX ? undefined : { kind: "unix", path };
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { kind: "tcp", host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** SLASH28_GRPC_TCP: `true` or `1` for the old plugins' port, or an address; loopback only. */
function grpcTcpAddress(
  text: string | undefined,
  refuse: (variable: string, message: string, next: string) => void,
): ListenAddress | undefined {
  if (text === undefined || text === "" || text === "0" || text === "false") return undefined;
  if (text === "1" || text === "true") return { kind: "tcp", host: "127.0.0.1", port: 50_051 };
  const address = parseListenAddress(text);
  if (address?.kind === "tcp" && isLoopbackHost(address.host)) return address;
  refuse(
    "SLASH28_GRPC_TCP",
    `SLASH28_GRPC_TCP is "${text}", not a loopback address.`,
    "Set it to 127.0.0.1:50051, or unset it.",
  );
  return undefined;
}

/** Any case; `fatal` prints errors; everything else is debug, as in the reference. */
function logLevelOf(text: string | undefined): LogLevel {
  switch (text?.toLowerCase()) {
    case "info":
      return "info";
    case "warn":
      return "warn";
    case "error":
    case "fatal":
      return "error";
    default:
      return "debug";
  }
}

function hostOf(url: string): string | undefined {
  try {
    const parsed = new URL(url);
    return /^https?:$/.test(parsed.protocol) ? parsed.hostname : undefined;
  } catch {
    return undefined;
  }
}

function isLoopback(url: string): boolean {
  const host = hostOf(url);
  return host !== undefined && isLoopbackHost(host);
}

function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
