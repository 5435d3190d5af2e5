// The search for a terminal and as CSV: the front with its knee, the current settings and the article's recipe beside it, and in
// words what the knee changes.

import { formatDurationMs } from "../../cluster/index.ts";
import { csv, metricText, seedsPhrase } from "../../sim/index.ts";
import { table, wrap } from "../../text/layout.ts";
import type { Difference, Objective, OptimizeDocument, OptimizeEntry } from "./optimize-document.ts";

const WIDTH = 110;
const TITLES: Readonly<Record<Objective, string>> = {
  waitP99Ms: "the wait (p99)",
  addressesHeld: "addresses held",
  ec2Calls: "EC2 calls",
};

export function optimizeText(document: OptimizeDocument): string {
  const { search, results, steps } = document;
  const front = results.filter((one) => one.isOnFront);
  const beside = results.filter((one) => !one.isOnFront && one.role !== null);
  const runCount = search.perSeed.reduce((sum, one) => sum + one, 0);
  const lines = [
    `In the simulator, ${document.name}, policy ${document.policy} now, ${seedsPhrase(document.seeds)}, ` +
      `${formatDurationMs(document.durationMs)} each.`,
    `${search.evaluated} of ${search.candidates} candidates tried in ${runCount} runs` +
      `${search.isCut ? "; then the time was over: --budget gives more" : ""}.`,
    "",
    ...table(
      ["", "Pareto front", "wait p99", "addresses held", "EC2 calls", "changing", "pods left"],
      front.map((one) => [one.isKnee ? "knee" : "", ...cells(one)]),
      [false, false, true, true, true, true, true],
    ),
    "",
    ...(beside.length === 0
      ? []
      : [
          ...table(
            ["", "beside it", "wait p99", "addresses held", "EC2 calls", "changing", "pods left"],
            beside.map((one) => [one.role === "current" ? "now" : "article", ...cells(one)]),
            [false, false, true, true, true, true, true],
          ),
          "",
        ]),
    ...explanation(document).flatMap((one) => wrap(one, WIDTH)),
    "",
    ...wrap(
      "For every other candidate a row of the front leaves as few pods and is as good in all three figures, give or take " +
        `${steps.waitMs} ms and ${steps.share * 100} %. What a row does not name stays as it is; simulate --compare takes it as it stands.`,
      WIDTH,
    ),
    ...document.notes.flatMap((one) => wrap(`Note: ${one}`, WIDTH)),
    "",
    "Assumptions:",
    ...document.assumptions.map((one) => `  - ${one}`),
  ];
  return `${lines.join("\n")}\n`;
}

function cells(one: OptimizeEntry): string[] {
  return [
    one.isOnFront && one.role !== null ? `${one.name} (${one.role === "current" ? "now" : "article"})` : one.name,
    metricText(one.waitP99Ms, "ms"),
    metricText(one.addressesHeld, "count"),
    metricText(one.ec2Calls, "count"),
    metricText(one.mutatingCalls, "count"),
    metricText(one.podsLeft, "count"),
  ];
}

/** The knee against what is set now, its neighbours on the front, and the recipe: one paragraph each. */
export function explanation(document: OptimizeDocument): string[] {
  const { results, search, usesPrefixes } = document;
  const front = results.filter((one) => one.isOnFront);
  const at = front.findIndex((one) => one.isKnee);
  const knee = front[at];
  if (knee === undefined) return ["No candidate was tried: there is no front."];
  const current = results.find((one) => one.role === "current");
  const recipe = results.find((one) => one.role === "recipe");
  const keeps = (one: OptimizeEntry) => whatItKeeps(one.env, usesPrefixes);
  return [
    `The knee is ${knee.name}: a node ${keeps(knee)}.`,
    ...(current === undefined
      ? []
      : knee === current
        ? [`These are the current settings: none of the ${search.evaluated} candidates lies better.`]
        : [`Now (${current.name}) a node ${keeps(current)}. With the knee ${changes(knee, current).join("; ")}.`]),
    ...neighbours(front, at),
    recipe === undefined
      ? "The article's recipe is what is set now."
      : `With the article's recipe (${recipe.name}) a node ${keeps(recipe)}: ${aboutRecipe(recipe, front, knee)}.`,
  ];
}

function changes(knee: OptimizeEntry, current: OptimizeEntry): string[] {
  const fewer = current.podsLeft - knee.podsLeft;
  return [
    ...(fewer > 0.5 ? [`${metricText(fewer, "count")} fewer pods are left without an address`] : []),
    ...(Object.keys(TITLES) as Objective[]).map((objective) =>
      changed(objective, {
        from: current[objective],
        to: knee[objective],
        difference: knee.againstCurrent?.[objective],
      }),
    ),
  ];
}

function changed(
  objective: Objective,
  given: { readonly from: number; readonly to: number; readonly difference: Difference | undefined },
): string {
  const unit = objective === "waitP99Ms" ? "ms" : "count";
  const { from, to, difference } = given;
  const figures = `from ${metricText(from, unit)} to ${metricText(to, unit)}`;
  const verb = objective === "waitP99Ms" ? ["falls", "rises"] : ["fall", "rise"];
  if (from === to)
    return `${TITLES[objective]} ${objective === "waitP99Ms" ? "stays" : "stay"} at ${metricText(to, unit)}`;
  const moved = `${TITLES[objective]} ${to < from ? verb[0] : verb[1]} ${figures}`;
  if (difference === undefined || difference.low === null || difference.high === null) return moved;
  const interval = `95 %: ${metricText(difference.low, unit)} .. ${metricText(difference.high, unit)}`;
  return difference.verdict === "no-difference" ? `${moved}, within chance (${interval})` : `${moved} (${interval})`;
}

/** What the points beside the knee would give and take. */
function neighbours(front: readonly OptimizeEntry[], at: number): string[] {
  const knee = front[at]!;
  const faster = front.slice(0, at).findLast((one) => one.waitP99Ms < knee.waitP99Ms);
  const leaner = front
    .filter((one) => one.addressesHeld < knee.addressesHeld)
    .reduce<OptimizeEntry | undefined>(
      (best, one) => (best === undefined || one.addressesHeld > best.addressesHeld ? one : best),
      undefined,
    );
  const trade = (one: OptimizeEntry): string =>
    `wait ${metricText(one.waitP99Ms, "ms")}, ${metricText(one.addressesHeld, "count")} addresses, ` +
    `${metricText(one.ec2Calls, "count")} calls`;
  if (faster !== undefined && faster === leaner) {
    return [`The next one that waits less also holds less: ${faster.name}: ${trade(faster)}.`];
  }
  return [
    ...(faster === undefined ? [] : [`The next one that waits less is ${faster.name}: ${trade(faster)}.`]),
    ...(leaner === undefined ? [] : [`The next one that holds less is ${leaner.name}: ${trade(leaner)}.`]),
  ];
}

function aboutRecipe(recipe: OptimizeEntry, front: readonly OptimizeEntry[], knee: OptimizeEntry): string {
  if (recipe.isOnFront) return "it lies on the front";
  const better = front.filter(
    (one) =>
      one.podsLeft <= recipe.podsLeft &&
      one.waitP99Ms <= recipe.waitP99Ms &&
      one.addressesHeld <= recipe.addressesHeld &&
      one.ec2Calls <= recipe.ec2Calls,
  );
  const why =
    better.length > 0
      ? `${better[0]!.name} is at least as good in everything${better.length > 1 ? `, and so are ${better.length - 1} others` : ""}`
      : recipe.podsLeft > knee.podsLeft
        ? "it leaves more pods without an address"
        : "what it gains lies below the steps that count, and others of the front are better elsewhere";
  return `${heldAgainst(recipe, knee)}; it is not on the front, for ${why}`;
}

function heldAgainst(recipe: OptimizeEntry, knee: OptimizeEntry): string {
  const [own, other] = [recipe, knee].map((one) => metricText(one.addressesHeld, "count"));
  if (own === other) return `${own} addresses, as many as with the knee`;
  return `${own} addresses are held, ${other} with the knee`;
}

/** In words, by the rules of the reference (IP targets stand before prefix targets, these before ENI targets). */
export function whatItKeeps(env: OptimizeEntry["env"], usesPrefixesNow: boolean): string {
  const usesPrefixes = usesPrefixesNow || env["ENABLE_PREFIX_DELEGATION"] === "true";
  const number = (name: string): number => Math.max(0, Number(env[name] ?? 0) || 0);
  const warm = number("WARM_IP_TARGET");
  const minimum = number("MINIMUM_IP_TARGET");
  const learned = env["SLASH28_WARM_FLOOR"] === "learned" ? ", as far as its own arrivals ask for it" : "";
  const whole = usesPrefixes ? ", in whole /28s" : "";
  const addresses = (count: number): string => `${count} ${count === 1 ? "address" : "addresses"}`;
  const atLeast = minimum > 0 ? ` and at least ${addresses(minimum)} in all` : "";
  if (warm > 0) return `keeps ${addresses(warm)} free${atLeast}${whole}${learned}`;
  if (minimum > 0) return `keeps ${addresses(minimum)} in all${whole} and grows no further by itself${learned}`;
  if (usesPrefixes) {
    const prefixes = env["WARM_PREFIX_TARGET"] ?? "1";
    return `keeps ${prefixes} whole /28${prefixes === "1" ? "" : "s"} free${learned}`;
  }
  const enis = env["WARM_ENI_TARGET"] ?? "1";
  return `keeps the addresses of ${enis} ENI${enis === "1" ? "" : "s"} free${learned}`;
}

const COLUMNS = [
  "name",
  "policy",
  "role",
  "isOnFront",
  "isKnee",
  "seedCount",
  "waitP99Ms",
  "addressesHeld",
  "ec2Calls",
  "mutatingCalls",
  "podsLeft",
] as const;

/** A line a candidate; null is an empty cell. */
export function optimizeCsv(document: OptimizeDocument): string {
  return csv(
    COLUMNS,
    document.results.map((one) => COLUMNS.map((column) => String(one[column] ?? ""))),
  );
}
