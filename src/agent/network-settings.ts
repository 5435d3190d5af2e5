// What the environment says about the node's own network: SNAT, marks, node ports, MTU, names (datapath.md 8.1, 8.3, 10.1). One
// typed record; the introspection page repeats it under the variables' names.

import { type Cidr, formatCidr, parseCidr } from "../base/ipv4.ts";
import { type Environment, envBool, envText, parseIntLiteral, type SettingWarning } from "../ipam/settings.ts";

/** `prng`: fully random source ports; `hashrandom`: random by the kernel's hash; `none`: the kernel's usual choice. */
export type SnatRandomization = "none" | "hashrandom" | "prng";

export interface NetworkSettings {
  /** Something else translates: no SNAT and no mark of ours. */
  readonly hasExternalSnat: boolean;
  /** Destinations outside the VPC that keep the pod's address. */
  readonly excludedSnatCidrs: readonly Cidr[];
  readonly randomization: SnatRandomization;
  /** Destinations that leave by the primary ENI whatever the pod's ENI. */
  readonly externalServiceCidrs: readonly Cidr[];
  readonly hasNodePortSupport: boolean;
  /** The bits of packet and connection mark that are ours; 1 to 2^32 - 1. */
  readonly mark: number;
  readonly eniMtu: number;
  /** At most 4 characters. */
  readonly vethPrefix: string;
  /** Pods with branch ENIs in strict mode: the local table is looked up after their rules. */
  readonly isLocalRuleMoved: boolean;
  /** False lets kubelet's TCP probes reach strict pods with branch ENIs. */
  readonly hasTcpEarlyDemux: boolean;
}

const DEFAULT_MARK = 0x80;
const RANDOMIZATION_NUMBERS: Readonly<Record<SnatRandomization, number>> = { none: 0, hashrandom: 1, prng: 2 };

export function parseNetworkSettings(
  env: Environment,
  { hasPodEnis, warnings }: { readonly hasPodEnis: boolean; readonly warnings: SettingWarning[] },
): NetworkSettings {
  const flag = (name: string, otherwise: boolean) => envBool(env, { name, otherwise, warnings });
  return {
    hasExternalSnat: flag("AWS_VPC_K8S_CNI_EXTERNALSNAT", false),
    excludedSnatCidrs: cidrList(env, "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", warnings),
    randomization: randomizationOf(envText(env, "AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng")),
    externalServiceCidrs: cidrList(env, "AWS_EXTERNAL_SERVICE_CIDRS", warnings),
    hasNodePortSupport: flag("AWS_VPC_CNI_NODE_PORT_SUPPORT", true),
    mark: parseMark(env["AWS_VPC_K8S_CNI_CONNMARK"] ?? ""),
    eniMtu: parseIntLiteral(env["AWS_VPC_ENI_MTU"] ?? "") ?? 9001,
    vethPrefix: envText(env, "AWS_VPC_K8S_CNI_VETHPREFIX", "eni"),
    isLocalRuleMoved: hasPodEnis && envText(env, "POD_SECURITY_GROUP_ENFORCING_MODE", "strict") === "strict",
    hasTcpEarlyDemux: env["DISABLE_TCP_EARLY_DEMUX"] !== "true",
  };
}

/** Body of /v1/networkutils-env-settings. */
export function networkSettingsPage(settings: NetworkSettings): Readonly<Record<string, unknown>> {
  return {
    AWS_VPC_K8S_CNI_CONNMARK: settings.mark,
    AWS_VPC_K8S_CNI_EXTERNALSNAT: settings.hasExternalSnat,
    AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: settings.excludedSnatCidrs.map(formatCidr),
    AWS_EXTERNAL_SERVICE_CIDRS: settings.externalServiceCidrs.map(formatCidr),
    AWS_VPC_ENI_MTU: settings.eniMtu,
    AWS_VPC_K8S_CNI_VETHPREFIX: settings.vethPrefix,
    AWS_VPC_CNI_NODE_PORT_SUPPORT: settings.hasNodePortSupport,
    AWS_VPC_K8S_CNI_RANDOMIZESNAT: RANDOMIZATION_NUMBERS[settings.randomization],
  };
}

function randomizationOf(text: string): SnatRandomization {
  return text === "none" || text === "hashrandom" ? text : "prng";
}

/** As Go's ParseInt with base 0 reads it: 0x, 0o, 0b or decimal. Anything that is no mark means the default. */
function parseMark(text: string): number {
  if (!/^(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9]\d*)$/.test(text)) return DEFAULT_MARK;
  const mark = /^0\d+$/.test(text) ? Number.parseInt(text, 8) : Number(text);
  return mark > 0 && mark < 2 ** 32 ? mark : DEFAULT_MARK;
}

function cidrList(env: Environment, variable: string, warnings: SettingWarning[]): Cidr[] {
  const found: Cidr[] = [];
  for (const item of (env[variable] ?? "").split(",").map((text) => text.trim())) {
    if (item === "") continue;
    const cidr = parseCidr(item);
    if (cidr !== undefined) found.push(cidr);
    else
      warnings.push({ level: "error", text: `${variable} : ignoring "${item}", which is no IPv4 CIDR`, stream: "log" });
  }
  return found;
}
