// The settings the agent runs with, as far as the facts tell: which source counts, and what the text means to the agent.

import { CHART_DEFAULTS, parseBoolLiteral, parseIntLiteral } from "../../ipam/settings.ts";
import type { EnvEntry, Evidence, Facts, NodeKey, SettingsOrigin, SettingsSource, Sighting, Source } from "./model.ts";

/** What runs outranks what is declared; nearer to the container outranks farther. */
const PRECEDENCE: readonly SettingsOrigin[] = [
  "log",
  "running",
  "introspection",
  "daemonset",
  "facts",
  "addon",
  "helm-values",
  "terraform",
  "eksctl",
];

export interface Setting {
  readonly name: string;
  /** undefined: set nowhere and without a default. */
  readonly value: string | undefined;
  /** Where it was read; undefined for the chart's default and for what is unset. */
  readonly entry: EnvEntry | undefined;
  readonly origin: SettingsOrigin | "chart-default" | "unset";
}

/** The environment of the agent on `node`; without a node, what is declared for all. */
export class EffectiveSettings {
  /** The sources used, most authoritative first; empty: nothing is known and every value is a guess. */
  readonly sources: readonly SettingsSource[];

  constructor(sources: readonly SettingsSource[]) {
    this.sources = sources;
  }

  get isKnown(): boolean {
    return this.sources.length > 0;
  }

  /** false: some source that counts sets it, but to what cannot be told; whatever `setting` says is then a guess. */
  isTold(name: string): boolean {
    for (const source of this.sources) {
      if (source.untold?.includes(name)) return false;
      if (source.isComplete || source.env.some((one) => one.name === name)) return true;
    }
    return true;
  }

  setting(name: string): Setting {
    for (const source of this.sources) {
      const entry = source.env.findLast((one) => one.name === name);
      if (entry !== undefined) return { name, value: entry.value, entry, origin: source.origin };
      if (source.isComplete) return { name, value: undefined, entry: undefined, origin: "unset" };
    }
    const byChart = CHART_DEFAULTS[name];
    return byChart === undefined
      ? { name, value: undefined, entry: undefined, origin: "unset" }
      : { name, value: byChart, entry: undefined, origin: "chart-default" };
  }

  /** As the agent parses it: not set, garbage or negative is `otherwise`. */
  count(name: string, otherwise = 0): number {
    const value = parseIntLiteral(this.setting(name).value ?? "");
    return value === undefined || value < 0 ? otherwise : value;
  }

  isOn(name: string, otherwise = false): boolean {
    return parseBoolLiteral(this.setting(name).value ?? "") ?? otherwise;
  }

  get prefixDelegation(): boolean {
    return this.isOn("ENABLE_PREFIX_DELEGATION");
  }
  get warmIpTarget(): number {
    return this.count("WARM_IP_TARGET");
  }
  get minimumIpTarget(): number {
    return this.count("MINIMUM_IP_TARGET");
  }
  get warmPrefixTarget(): number {
    return this.count("WARM_PREFIX_TARGET");
  }
  get warmEniTarget(): number {
    return this.count("WARM_ENI_TARGET", 1);
  }
  /** undefined: the instance's limit. */
  get maxEni(): number | undefined {
    const value = this.count("MAX_ENI");
    return value > 0 ? value : undefined;
  }
  get hasIpTargets(): boolean {
    return this.warmIpTarget > 0 || this.minimumIpTarget > 0;
  }
  get customNetworking(): boolean {
    return this.isOn("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG");
  }
  get podEni(): boolean {
    return this.isOn("ENABLE_POD_ENI");
  }
  get subnetDiscovery(): boolean {
    return this.isOn("ENABLE_SUBNET_DISCOVERY", true);
  }
  get ipv6(): boolean {
    return this.isOn("ENABLE_IPv6");
  }

  /** The setting as evidence; a default says that it is one. */
  evidence(name: string): Evidence {
    const { value, entry, origin } = this.setting(name);
    const source: Source = entry?.at ?? this.sources[0]?.at ?? { file: "chart defaults" };
    if (entry !== undefined) return { source, text: `${name}=${entry.value}` };
    return {
      source,
      text: origin === "chart-default" ? `${name} not set; the chart's default is ${value}` : `${name} not set`,
    };
  }
}

export function effectiveSettings(facts: Pick<Facts, "settings">, node?: NodeKey): EffectiveSettings {
  const usable = facts.settings.filter(
    (source) =>
      source.origin !== "configmap" && (source.node === undefined || node === undefined || source.node === node),
  );
  const rank = (source: SettingsSource): number => PRECEDENCE.indexOf(source.origin);
  return new EffectiveSettings([...usable].sort((a, b) => rank(a) - rank(b)));
}

/** The numbers of a version text such as `v1.18.3-eksbuild.1`; undefined when there are none. */
export function parseVersion(text: string): readonly [number, number, number] | undefined {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Negative when `a` is the older; undefined when either has no number. */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) return undefined;
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

/** The CNI's version: that of the node if known, else the only or the newest one that any fact gives. */
export function cniVersion(
  facts: Pick<Facts, "versions">,
  node?: NodeKey,
): { version: string; at: Source } | undefined {
  const all = facts.versions.filter((one) => one.component === "cni");
  const ofNode = all.filter((one) => node !== undefined && one.node === node);
  const [first, ...others] = ofNode.length > 0 ? ofNode : all;
  if (first === undefined) return undefined;
  const newest = others.reduce(
    (best, one) => ((compareVersions(one.version, best.version) ?? 0) > 0 ? one : best),
    first,
  );
  return { version: newest.version, at: newest.at };
}

/** Whether the CNI is at least `least`; undefined when the version is not known. */
export function isCniAtLeast(facts: Pick<Facts, "versions">, least: string, node?: NodeKey): boolean | undefined {
  const found = cniVersion(facts, node);
  const order = found === undefined ? undefined : compareVersions(found.version, least);
  return order === undefined ? undefined : order >= 0;
}

/** The sightings of any of these signals; with a node, its own and those of no node. */
export function sightingsOf(
  facts: Pick<Facts, "sightings">,
  signals: Sighting["signal"] | readonly Sighting["signal"][],
  node?: NodeKey,
): Sighting[] {
  const wanted: readonly string[] = typeof signals === "string" ? [signals] : signals;
  return facts.sightings.filter(
    (one) => wanted.includes(one.signal) && (node === undefined || one.node === undefined || one.node === node),
  );
}

/** Up to `limit` quotes of them, spread over the list. */
export function quotes(
  sightings: readonly { readonly occurrences: { readonly samples: readonly Evidence[] } }[],
  limit = 3,
): Evidence[] {
  const all = sightings.flatMap((one) => one.occurrences.samples.slice(0, 2));
  return all.slice(0, limit);
}
