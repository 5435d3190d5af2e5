// Which settings the search tries: a grid over the warm targets that the mode reads, for each policy. The coarse values of each
// axis come first, so that a search that is cut short has still looked everywhere.

import { isTrue } from "../../cluster/index.ts";
import { CHART_DEFAULTS, type Environment } from "../../ipam/settings.ts";

/** The variables that the search sets; everything else of the environment stays. */
export const SEARCHED = [
  "WARM_PREFIX_TARGET",
  "WARM_ENI_TARGET",
  "WARM_IP_TARGET",
  "MINIMUM_IP_TARGET",
  "SLASH28_WARM_FLOOR",
] as const;

export interface Candidate {
  /** As `simulate --compare` takes it: `WARM_IP_TARGET=5,MINIMUM_IP_TARGET=`, with the policy where it is not the current one. */
  readonly name: string;
  readonly policy: string;
  /** What it sets or, with an empty value, unsets: searched variables, and for the recipe what differs from the current environment. */
  readonly env: ReadonlyMap<string, string>;
  /** What the file says, or what the article recommends: compared with the others to the end. */
  readonly role: "current" | "recipe" | undefined;
}

export interface GridInput {
  readonly policies: readonly string[];
  /** As the file and the command line give it, the chart's defaults included. */
  readonly env: Environment;
  readonly policy: string;
  readonly usesPrefixes: boolean;
  /** Pods of the fullest kind of node: more warm addresses than that serve nobody. */
  readonly maxPods: number;
}

/** The article's recipe (docs/optimize.md), but for its max-pods: that is the nodes', not the CNI's. */
const RECIPE: ReadonlyMap<string, string> = new Map([
  ["WARM_ENI_TARGET", "2"],
  ["WARM_IP_TARGET", "20"],
  ["MINIMUM_IP_TARGET", "20"],
  ["ENABLE_PREFIX_DELEGATION", "true"],
  ["ENABLE_POD_ENI", "true"],
]);

/** What the recipe sets beside the searched variables. For all others it stays as it is. */
const RECIPE_ONLY = ["ENABLE_PREFIX_DELEGATION", "ENABLE_POD_ENI"] as const;

/** The coarse values first, each with the level at which it comes. */
const WARM_PREFIXES = axis([1, 3], [2], [4, 6]);
const WARM_ENIS = axis([1], [0, 2], [3]);
const WARM_ADDRESSES = axis([2, 8, 24], [1, 5, 16], [3, 12, 32, 48]);
const MINIMUM_ADDRESSES = axis([0, 32, 64], [16, 48, 96], [24, 80, 112]);

interface Leveled {
  readonly level: number;
  readonly value: number;
}

function axis(...levels: readonly (readonly number[])[]): Leveled[] {
  return levels.flatMap((values, level) => values.map((value) => ({ level, value })));
}

/** Current first, then the recipe, then the grid without what is there already. */
export function candidateGrid(input: GridInput): Candidate[] {
  const found = new Map<string, Candidate>();
  const add = (policy: string, pairs: Iterable<readonly [string, string]>, role: Candidate["role"]): void => {
    const given = new Map(pairs);
    const env = new Map<string, string>();
    for (const name of [...SEARCHED, ...RECIPE_ONLY]) {
      const value = given.get(name);
      const isAsBefore = (RECIPE_ONLY as readonly string[]).includes(name) && isTrue(input.env[name]);
      if (value !== undefined && !isAsBefore) env.set(name, value);
    }
    const beside = RECIPE_ONLY.filter((name) => env.has(name)).join(" ");
    const key = `${policy} ${effective(env, input.usesPrefixes)} ${beside}`;
    const known = found.get(key);
    if (known !== undefined) return;
    // What the file sets and this candidate does not is said, too: who copies the row gets what was simulated.
    for (const name of SEARCHED) {
      const now = input.env[name] ?? "";
      const unset = CHART_DEFAULTS[name] ?? "";
      if (now !== "" && now !== unset && !env.has(name)) env.set(name, unset);
    }
    found.set(key, { name: nameOf(policy, env, input.policy), policy, env, role });
  };
  add(input.policy, currentPairs(input.env), "current");
  add(input.policy, RECIPE, "recipe");
  // The policy alone, then all kinds of a target side by side: a search that is cut has seen every policy.
  for (const policy of input.policies) add(policy, currentPairs(input.env), undefined);
  const grid = targets(input).flatMap(({ level, pairs }) =>
    input.policies.flatMap((policy) =>
      floorsOf(policy).map((floor) => ({ level, policy, pairs: [...pairs, ...floor] })),
    ),
  );
  grid.sort((a, b) => a.level - b.level);
  for (const { policy, pairs } of grid) add(policy, pairs, undefined);
  return [...found.values()];
}

function currentPairs(env: Environment): [string, string][] {
  return SEARCHED.flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined || value === "" ? [] : [[name, value]];
  });
}

/** Policy slash28 keeps what it is told, or what it learns, whichever the floor says. */
function floorsOf(policy: string): readonly (readonly (readonly [string, string])[])[] {
  return policy === "slash28" ? [[], [["SLASH28_WARM_FLOOR", "learned"]]] : [[]];
}

function targets({ usesPrefixes, maxPods }: GridInput): { level: number; pairs: [string, string][] }[] {
  const useful = (one: Leveled): boolean => one.value <= maxPods;
  const byUnit: [string, Leveled[]] = usesPrefixes
    ? ["WARM_PREFIX_TARGET", WARM_PREFIXES]
    : ["WARM_ENI_TARGET", WARM_ENIS];
  const units = byUnit[1].map(({ level, value }) => ({
    level,
    pairs: [[byUnit[0], String(value)]] as [string, string][],
  }));
  const addresses = WARM_ADDRESSES.filter(useful).flatMap((warm) =>
    MINIMUM_ADDRESSES.filter(useful).map((minimum) => ({
      level: Math.max(warm.level, minimum.level),
      pairs: [
        ["WARM_IP_TARGET", String(warm.value)],
        ...(minimum.value === 0 ? [] : [["MINIMUM_IP_TARGET", String(minimum.value)]]),
      ] as [string, string][],
    })),
  );
  return [...units, ...addresses];
}

/** Two environments with the same text are the same to the agent: what a target switches off does not count. */
function effective(env: ReadonlyMap<string, string>, usesPrefixes: boolean): string {
  const number = (name: string, otherwise: string): string => env.get(name) ?? otherwise;
  const floor = env.get("SLASH28_WARM_FLOOR") === "learned" ? " learned" : "";
  const warm = number("WARM_IP_TARGET", "0");
  const minimum = number("MINIMUM_IP_TARGET", "0");
  // WARM_PREFIX_TARGET is still read when ENIs are given back, so it counts beside the other two.
  const units = usesPrefixes ? number("WARM_PREFIX_TARGET", "1") : "";
  if (warm !== "0" || minimum !== "0") return `W ${warm} M ${minimum} ${units}${floor}`;
  return usesPrefixes ? `P ${units}${floor}` : `E ${number("WARM_ENI_TARGET", "1")}${floor}`;
}

function nameOf(policy: string, env: ReadonlyMap<string, string>, currentPolicy: string): string {
  const parts = [...env].map(([name, value]) => `${name}=${value}`);
  if (policy !== currentPolicy) parts.unshift(`policy=${policy}`);
  return parts.length === 0 ? "current" : parts.join(",");
}
