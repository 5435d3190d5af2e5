// The plan for a terminal of 80 columns: the answer first, then what keeps it from yes, then the figures.

import { table, wrap } from "../text/layout.ts";
import type { Advice, GroupPlan, GrowthPlan, MigrationPlan, Plan, ScenarioPlan, SubnetPlan, Verdict } from "./types.ts";

const WIDTH = 80;
/** More subnets than this are not listed one by one where they fit. */
const LISTED_MAX = 12;
const ANSWERS: Readonly<Record<Verdict, string>> = {
  fits: "It fits, wherever EC2 places single addresses.",
  unsure: "Not certain: whether it fits hangs on what this file does not decide.",
  "does-not-fit": "It does not fit.",
};

export function planTable(plan: Plan, options: { readonly hasFormulas: boolean }): string {
  const { hasFormulas } = options;
  const lines = [ANSWERS[plan.verdict], "", ...groupLines(plan.groups, hasFormulas)];
  for (const scenario of plan.scenarios) lines.push("", ...scenarioLines(scenario, hasFormulas));
  if (plan.growth !== null) lines.push("", ...growthLines(plan.growth, hasFormulas));
  if (plan.migration === null) lines.push("", ...adviceLines(plan, hasFormulas));
  else lines.push("", ...migrationLines(plan.migration, hasFormulas));
  lines.push("", "This holds when:");
  for (const one of plan.assumptions) lines.push(...indented(`- ${one}`));
  if (!hasFormulas) lines.push("", "Every figure's sum: --explain");
  return `${lines.join("\n")}\n`;
}

function groupLines(groups: readonly GroupPlan[], hasFormulas: boolean): string[] {
  const rows = groups.map((one) => [
    one.name,
    one.instanceType,
    String(one.nodeCount),
    String(one.maxPods),
    String(one.secondary.recommended),
    one.prefix === null ? "-" : String(one.prefix.recommended),
    one.moreNodes === null ? "?" : range(one.moreNodes.fewest, one.moreNodes.most),
    one.moreNodes === null ? "?" : String(one.moreNodes.mean),
  ]);
  const header = ["group", "type", "nodes", "maxPods", "secondary", "prefixes", "more nodes", "mean"];
  const lines = table(header, rows, [false, false, true, true, true, true, true, true]);
  lines.push(...indented("secondary, prefixes: max pods that EKS recommends for the type in each mode"));
  if (!hasFormulas) return lines;
  for (const one of groups) {
    lines.push(...indented(`${one.name}, secondary: ${one.secondary.formula}`));
    if (one.prefix !== null) lines.push(...indented(`${one.name}, prefixes: ${one.prefix.formula}`));
    for (const { nodeCount, formula } of one.holds)
      lines.push(...indented(`${one.name}, ${nodeCount} nodes with ${formula}`));
    if (one.moreNodes !== null) lines.push(...indented(`${one.name}, more nodes: ${one.moreNodes.formula}`));
  }
  return lines;
}

function scenarioLines(scenario: ScenarioPlan, hasFormulas: boolean): string[] {
  const lines = [`${scenario.name}: ${scenario.verdict} (${scenario.podCount} pods, ${scenario.nodeCount} nodes)`];
  for (const problem of scenario.problems.slice(0, LISTED_MAX))
    lines.push(...indented(`${problem.verdict}: ${problem.text}`));
  if (scenario.problems.length > LISTED_MAX)
    lines.push(`  and ${scenario.problems.length - LISTED_MAX} more: -o json has them all`);
  const listed = listedSubnets(scenario.subnets);
  lines.push(...subnetTable(listed));
  const hidden = scenario.subnets.length - listed.length;
  if (hidden > 0) lines.push(`  and ${hidden} more: -o json has them all`);
  if (scenario.zones.length < scenario.subnets.length) {
    const rows = scenario.zones.map((one) => [one.zone, ...figures(one)]);
    lines.push(...table(["zone", ...FIGURES], rows, [false, true, true, true, true, true]));
  }
  if (hasFormulas) {
    for (const one of listed) for (const text of one.formulas) lines.push(...indented(`${one.id}: ${text}`));
  }
  const { nau, enis, apiTimes } = scenario;
  const slowest = [...apiTimes].sort((a, b) => b.seconds - a.seconds)[0];
  const calls =
    scenario.joiningCount === 0
      ? ""
      : `; ${scenario.joiningCount} nodes join at once, ` +
        ((slowest?.seconds ?? 0) > 0
          ? `${slowest?.seconds} s by EC2's request rates (${slowest?.action})`
          : "no wait for EC2's request rates");
  lines.push(...indented(`NAU ${nau.value} of ${nau.limit}, ENIs ${enis.value} of ${enis.limit}${calls}`));
  if (hasFormulas) {
    lines.push(...indented(`NAU: ${nau.formula}`), ...indented(`ENIs: ${enis.formula}`));
    for (const one of apiTimes) lines.push(...indented(`${one.action}: ${one.formula}`));
  }
  return lines;
}

const FIGURES = ["/28s", "fewest", "mean", "most", "addresses"];

function figures(
  one: Pick<SubnetPlan, "addresses"> & {
    prefixes: Pick<SubnetPlan["prefixes"], "needed" | "fewest" | "mean" | "most">;
  },
): string[] {
  const { needed, fewest, mean, most } = one.prefixes;
  const addresses = `${one.addresses.needed}/${one.addresses.available}`;
  return [String(needed), String(fewest), mean.toFixed(1), String(most), addresses];
}

function subnetTable(subnets: readonly SubnetPlan[]): string[] {
  const rows = subnets.map((one) => [one.id, one.zone, ...figures(one)]);
  return table(["subnet", "zone", ...FIGURES], rows, [false, false, true, true, true, true, true]);
}

/** All of a few; of many those that do not fit for certain. */
function listedSubnets(subnets: readonly SubnetPlan[]): readonly SubnetPlan[] {
  if (subnets.length <= LISTED_MAX) return subnets;
  const doubtful = subnets.filter((one) => one.verdict !== "fits");
  return (doubtful.length > 0 ? doubtful : subnets).slice(0, LISTED_MAX);
}

function growthLines(growth: GrowthPlan, hasFormulas: boolean): string[] {
  const lines = [`growth of ${growth.percent} % a ${growth.period}, ${growth.from} to ${growth.until}:`];
  if (growth.firstUnsure === null) lines.push("  it fits to the end");
  else {
    lines.push(...indented(`certain before ${growth.firstUnsure}; from then on: ${growth.reason}`));
    lines.push(`  certainly not from: ${growth.firstDoesNotFit ?? "not before the end"}`);
  }
  const rows = growth.steps.map((one) => [one.date, one.factor.toFixed(2), String(one.nodeCount)]);
  lines.push(...table(["date", "factor", "nodes"], rows, [false, true, true]));
  if (hasFormulas) lines.push(...indented(growth.formula));
  return lines;
}

function adviceLines(plan: Plan, hasFormulas: boolean): string[] {
  const { advice } = plan;
  if (advice.changes.length + advice.reservations.length === 0)
    return ["Nothing to set or to reserve would change it."];
  const lines = [`With these settings and reservations: ${advice.verdict}`];
  for (const text of adviceTexts(advice, hasFormulas)) lines.push(...indented(text));
  return lines;
}

function adviceTexts(advice: Advice, hasFormulas: boolean): string[] {
  const settings = [...new Set(advice.changes.map((one) => one.why))].map((why) => {
    const own = advice.changes.filter((one) => one.why === why);
    const texts = own.map(
      ({ name, from, to }) => `${to === null ? `no ${name}` : `${name}=${to}`} (now ${from ?? "unset"})`,
    );
    return `${texts.join(", ")}: ${why}`;
  });
  const shown = hasFormulas ? advice.reservations : advice.reservations.slice(0, LISTED_MAX);
  const reservations = shown.map(
    (one) => `reserve ${one.cidr} of ${one.subnet} for prefixes${hasFormulas ? `: ${one.formula}` : ""}`,
  );
  const hidden = advice.reservations.length - shown.length;
  return [...settings, ...reservations, ...(hidden > 0 ? [`and ${hidden} more reservations`] : [])];
}

function migrationLines(migration: MigrationPlan, hasFormulas: boolean): string[] {
  const { verdict, percent, batchCount, steps } = migration;
  const batches = batchCount === 1 ? "in one batch" : `in ${batchCount} batches`;
  const lines = [
    `From secondary addresses to prefixes: ${verdict}`,
    `  ${percent} % of each group at a time, ${batches}`,
  ];
  if (verdict === "does-not-fit") lines.push("  Do not start before what stands in its way is gone.");
  for (const scenario of migration.scenarios) lines.push("", ...scenarioLines(scenario, hasFormulas));
  steps.forEach((step, index) => {
    lines.push("", `Step ${index + 1}. ${step.title}`, ...indented(step.why));
    for (const command of step.commands) lines.push(...shell(command));
    for (const { command, expect } of step.checks) {
      lines.push(...indented(`then look for: ${expect}`), ...shell(command));
    }
    lines.push("  to take it back:");
    for (const command of step.rollback) lines.push(...shell(command));
  });
  return lines;
}

/** As it is typed: not wrapped, for that would break it. */
function shell(command: string): string[] {
  return command.split("\n").map((line) => `    ${line}`);
}

function range(from: number, to: number): string {
  return from === to ? String(from) : `${from}..${to}`;
}

function indented(text: string): string[] {
  return wrap(text, WIDTH - 4).map((line, index) => `${index === 0 ? "  " : "    "}${line}`);
}
