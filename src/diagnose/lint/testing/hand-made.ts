// Facts made by hand for the tests of the linter: the least that a rule needs, at places of a file that does not exist.

import { parseCidr, parseIpv4 } from "../../../base/ipv4.ts";
import { mergeFacts } from "../../facts/merge.ts";
import type {
  ConflistPlugin,
  EniConfigFact,
  EniFact,
  FactsPart,
  IamPolicyFact,
  IamStatement,
  NodeBootstrap,
  NodeFact,
  ReservationFact,
  SettingsSource,
  SubnetFact,
  VersionFact,
} from "../../facts/model.ts";
import { runLint } from "../lint.ts";

export const AT = { file: "cluster.yaml", line: 1, column: 1 };

/** The list of the network aws-cni with these plugins. */
export function conflist(...plugins: readonly Readonly<Record<string, string | number>>[]): FactsPart {
  const entries = plugins.map((keys): ConflistPlugin => {
    const placed = Object.entries(keys).map(([key, value]) => [key, located(value)]);
    return { ...Object.fromEntries(placed), at: AT };
  });
  return { conflists: [{ name: "aws-cni", cniVersions: [], isCheckDisabled: false, plugins: entries, at: AT }] };
}

/** One entry a line, from line 2 on. */
export function settings(env: Readonly<Record<string, string>>, more: Partial<SettingsSource> = {}): SettingsSource {
  const entries = Object.entries(env).map(([name, value], index) => {
    return { name, value, isString: true, at: { ...AT, line: index + 2 } };
  });
  const empty = { isComplete: false, initEnv: [], otherKeys: [] };
  return { origin: "addon", layer: "declared", name: "add-on", at: AT, ...empty, env: entries, ...more };
}

export function subnet(cidr: string, more: Partial<SubnetFact> = {}): SubnetFact {
  const parsed = parseCidr(cidr);
  return { id: "subnet-0aaa", cidr: parsed, zone: "eu-central-1a", tags: new Map(), isLive: false, at: AT, ...more };
}

export function tagged(tags: Readonly<Record<string, string>>): Pick<SubnetFact, "tags"> {
  return { tags: new Map(Object.entries(tags)) };
}

export function nodes(more: Partial<NodeBootstrap>): NodeBootstrap {
  return { origin: "facts", name: "", at: AT, instanceTypes: [], requirements: [], subnetIds: [], ...more };
}

export function types(...names: string[]): NodeBootstrap["instanceTypes"] {
  return names.map(located);
}

export function located<T>(value: T): { value: T; at: typeof AT } {
  return { value, at: AT };
}

export function node(instanceType: string, maxPods: number, more: Partial<NodeFact> = {}): NodeFact {
  const maps = { labels: new Map(), annotations: new Map(), taints: [] };
  return { key: "a", instanceType: located(instanceType), maxPods: located(maxPods), ...maps, at: AT, ...more };
}

export function eni(more: Partial<EniFact> & { readonly ips?: readonly string[] } = {}): EniFact {
  const { ips = ["10.0.0.20"], ...rest } = more;
  return {
    id: "eni-0aaa",
    subnetId: "subnet-0aaa",
    status: "in-use",
    description: "",
    interfaceType: "interface",
    addresses: ips.flatMap((ip) => parseIpv4(ip) ?? []),
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
    ...rest,
  };
}

export function reservation(cidr: string, more: Partial<ReservationFact> = {}): ReservationFact {
  const parsed = parseCidr(cidr);
  if (parsed === undefined) throw new Error(`${cidr} is no CIDR`);
  return { id: "scr-0aaa", subnetId: "subnet-0aaa", cidr: parsed, type: "prefix", isLive: true, at: AT, ...more };
}

export function eniConfig(name: string, subnetId: string, more: Partial<EniConfigFact> = {}): EniConfigFact {
  return { name, subnetId: located(subnetId), securityGroupIds: [], at: AT, ...more };
}

export function statement(actions: readonly string[], more: Partial<IamStatement> = {}): IamStatement {
  return { effect: "Allow", actions, notActions: [], resources: ["*"], conditionKeys: [], at: AT, ...more };
}

export function policy(statements: readonly IamStatement[], more: Partial<IamPolicyFact> = {}): IamPolicyFact {
  const none = { managedPolicies: [], trustedProviders: [], trustedSubjects: [] };
  return { name: "cni", subject: "service-account", statements, ...none, at: AT, ...more };
}

export function cni(version: string): VersionFact {
  return { component: "cni", version, at: AT };
}

/** Codes of all findings, in order. */
export function codes(...parts: readonly FactsPart[]): string[] {
  return runLint(mergeFacts(parts)).map((finding) => finding.rule.code);
}
