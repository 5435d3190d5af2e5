// What declared nodes can carry, for the rules on max-pods: which number meets which instance types, and which one thing makes
// it too large. One cause a case, so that one mistake is reported by one rule.

import { limitsOf, podCapacity, type TypeLimits } from "../facts/capacity.ts";
import type { Facts, Located, NodeBootstrap, NodeFact } from "../facts/model.ts";
import { type EffectiveSettings, isCniAtLeast } from "../facts/settings.ts";
import { allowedTypes } from "./karpenter-types.ts";

/** aws-node and kube-proxy run on every node with the host's address (EKS user guide, 2026-08); others are not known. */
export const HOST_NETWORK_PODS = 2;

export interface MaxPodsCase {
  /** `node group web`, `Node ip-10-0-0-1`. */
  readonly name: string;
  readonly maxPods: Located<number>;
  readonly types: readonly TypeLimits[];
}

type NodeSections = Pick<Facts, "bootstraps" | "nodes" | "instanceTypes">;

/** Every max-pods number with the types it is for, where both are known. */
export function maxPodsCases(facts: NodeSections): MaxPodsCase[] {
  const cases: MaxPodsCase[] = [];
  for (const bootstrap of facts.bootstraps) {
    if (bootstrap.maxPods === undefined || bootstrap.osFamily?.value === "windows") continue;
    const types = knownTypes(facts, typesFor(facts, bootstrap));
    if (types.length > 0) cases.push({ name: titleOf(bootstrap), maxPods: bootstrap.maxPods, types });
  }
  const seen = new Set<string>();
  for (const node of facts.nodes) {
    const maxPods = node.maxPods ?? node.kubeletMaxPods;
    if (maxPods === undefined || node.instanceType === undefined || !isServedByAgent(node)) continue;
    const key = `${node.instanceType.value} ${maxPods.value}`;
    const types = knownTypes(facts, [node.instanceType.value]);
    if (types.length === 0 || seen.has(key)) continue;
    seen.add(key);
    cases.push({ name: `node ${node.name ?? node.key}`, maxPods, types });
  }
  return cases;
}

/** Windows nodes and those of Fargate, Auto Mode and hybrid sites run without aws-node. */
function isServedByAgent(node: NodeFact): boolean {
  const label = (key: string): string => node.labels.get(key) ?? "";
  return (
    label("kubernetes.io/os") !== "windows" && !/fargate|auto|hybrid/.test(label("eks.amazonaws.com/compute-type"))
  );
}

export function titleOf(bootstrap: NodeBootstrap): string {
  const kind =
    bootstrap.origin === "karpenter-nodeclass"
      ? "EC2NodeClass"
      : bootstrap.origin === "karpenter-nodepool"
        ? "NodePool"
        : bootstrap.origin === "facts"
          ? "the nodes"
          : "node group";
  return bootstrap.name === ""
    ? kind === "node group"
      ? `this ${bootstrap.origin} configuration`
      : kind
    : `${kind} ${bootstrap.name}`;
}

/** Names of the types that a bootstrap is for; those of its NodePools for an EC2NodeClass. */
function typesFor(facts: NodeSections, bootstrap: NodeBootstrap): string[] {
  if (bootstrap.instanceTypes.length > 0) return bootstrap.instanceTypes.map((one) => one.value);
  if (bootstrap.origin === "karpenter-nodeclass") {
    return facts.bootstraps
      .filter((one) => one.origin === "karpenter-nodepool" && one.nodeClass === bootstrap.name)
      .flatMap((pool) => listedTypes(pool));
  }
  const typed = facts.bootstraps.filter((one) => one.instanceTypes.length > 0 && one.maxPods === undefined);
  const numbered = facts.bootstraps.filter((one) => one.maxPods !== undefined);
  return typed.length === 1 && numbered.length === 1 ? (typed[0]?.instanceTypes.map((one) => one.value) ?? []) : [];
}

/** The types a pool names one by one or by family; undefined families stay open, and then nothing is listed. */
function listedTypes(pool: NodeBootstrap): string[] {
  if (pool.instanceTypes.length > 0) return pool.instanceTypes.map((one) => one.value);
  const isNarrow = pool.requirements.some(
    (one) =>
      one.operator === "In" &&
      (one.key === "node.kubernetes.io/instance-type" || one.key === "karpenter.k8s.aws/instance-family"),
  );
  return isNarrow ? allowedTypes(pool.requirements).map((one) => one.instanceType) : [];
}

function knownTypes(facts: Pick<Facts, "instanceTypes">, names: readonly string[]): TypeLimits[] {
  return [...new Set(names)].flatMap((name) => limitsOf(name, facts.instanceTypes) ?? []);
}

export type CapacityCause = "eni-limits" | "no-prefixes" | "max-eni" | "custom-networking" | "trunk";

/** Why `maxPods` is more than the type can carry, and how many pods it can; undefined when it carries them. */
export function overCapacity(
  limits: TypeLimits,
  options: { readonly maxPods: number; readonly settings: EffectiveSettings; readonly trunkHoldsAddresses: boolean },
): { readonly cause: CapacityCause; readonly podCountMax: number } | undefined {
  const { settings, maxPods } = options;
  if (settings.ipv6) return undefined;
  const prefixDelegation = settings.prefixDelegation;
  const plain = { prefixDelegation, customNetworking: false, trunk: false };
  const withMaxEni = { ...plain, maxEni: settings.maxEni };
  const withCustom = { ...withMaxEni, customNetworking: settings.customNetworking };
  const withTrunk = { ...withCustom, trunk: settings.podEni && !options.trunkHoldsAddresses };
  const steps: readonly (readonly [CapacityCause, TypeLimits, Parameters<typeof podCapacity>[1]])[] = [
    ["eni-limits", { ...limits, supportsPrefixes: true }, plain],
    ["no-prefixes", limits, plain],
    ["max-eni", limits, withMaxEni],
    ["custom-networking", limits, withCustom],
    ["trunk", limits, withTrunk],
  ];
  const podCountMax = podCapacity(limits, withTrunk).addressCount + HOST_NETWORK_PODS;
  for (const [cause, typeLimits, capacityOptions] of steps) {
    if (maxPods > podCapacity(typeLimits, capacityOptions).addressCount + HOST_NETWORK_PODS)
      return { cause, podCountMax };
  }
  return undefined;
}

export interface OverCapacity {
  readonly one: MaxPodsCase;
  readonly types: readonly { readonly limits: TypeLimits; readonly podCountMax: number }[];
  readonly settings: EffectiveSettings;
}

/** The cases that this one cause makes too large, under every source of settings. */
export function casesOver(
  facts: NodeSections & Pick<Facts, "versions">,
  options: { readonly cause: CapacityCause; readonly candidates: readonly EffectiveSettings[] },
): OverCapacity[] {
  const [first] = options.candidates;
  if (first === undefined) return [];
  const trunkHoldsAddresses = isCniAtLeast(facts, "v1.16.4") === false;
  return maxPodsCases(facts).flatMap((one) => {
    const types = one.types.flatMap((limits) => {
      const all = options.candidates.map((settings) =>
        overCapacity(limits, { maxPods: one.maxPods.value, settings, trunkHoldsAddresses }),
      );
      if (!all.every((over) => over?.cause === options.cause)) return [];
      return [{ limits, podCountMax: Math.max(...all.map((over) => over?.podCountMax ?? 0)) }];
    });
    return types.length === 0 ? [] : [{ one, types, settings: first }];
  });
}

/** `m5.large carries 29, t3.small 11`, at most four of them. */
export function carries(types: OverCapacity["types"]): string {
  const shown = types
    .slice(0, 4)
    .map((one, index) => `${one.limits.instanceType}${index === 0 ? " carries" : ""} ${one.podCountMax}`);
  return `${shown.join(", ")}${types.length > 4 ? ` and ${types.length - 4} more types are too small as well` : ""}`;
}
