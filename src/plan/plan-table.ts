// The plan for a terminal: the answer first, then what keeps it from yes, then the figures.

import { table, wrap } from "../text/layout.ts";
import type { Plan, ScenarioPlan, Verdict } from "./plan.ts";

const WIDTH = 80;
const ANSWERS: Readonly<Record<Verdict, string>> = {
  fits: "It fits, wherever EC2 places single addresses.",
  unsure: "Not certain: whether it fits hangs on what this file does not decide.",
  "does-not-fit": "It does not fit.",
};

export function planTable(plan: Plan, options: { readonly hasFormulas: boolean }): string {
  const lines = [ANSWERS[plan.verdict], ""];
  const rows = plan.groups.map((one) => [
    one.name,
    one.instanceType,
    String(one.maxPods),
    String(one.recommendedMaxPods),
    String(one.possibleMaxPods),
  ]);
  lines.push(...table(["group", "type", "maxPods", "recommended", "possible"], rows, [false, false, true, true, true]));
  if (options.hasFormulas) for (const one of plan.groups) lines.push(...indented(`${one.name}: ${one.formula}`));
  for (const scenario of plan.scenarios) lines.push("", ...scenarioLines(scenario, options.hasFormulas));
  lines.push("", "This holds when:");
  for (const one of plan.assumptions) lines.push(...indented(`- ${one}`));
  if (!options.hasFormulas) lines.push("", "Every figure's sum: --explain");
  return `${lines.join("\n")}\n`;
}

function scenarioLines(scenario: ScenarioPlan, hasFormulas: boolean): string[] {
  const lines = [`${scenario.name}: ${scenario.verdict} (${scenario.podCount} pods, ${scenario.nodeCount} nodes)`];
  for (const problem of scenario.problems) lines.push(...indented(`${problem.verdict}: ${problem.text}`));
  const rows = scenario.subnets.map((one) => [
    one.id,
    one.zone,
    String(one.prefixes.needed),
    String(one.prefixes.worst),
    one.prefixes.mean === null ? "-" : one.prefixes.mean.toFixed(1),
    String(one.prefixes.best),
    `${one.addresses.needed}/${one.addresses.available}`,
  ]);
  const header = ["subnet", "zone", "/28s needed", "fewest", "mean", "most", "addresses"];
  lines.push(...table(header, rows, [false, false, true, true, true, true, true]));
  if (hasFormulas) {
    for (const one of scenario.subnets) for (const text of one.formulas) lines.push(...indented(`${one.id}: ${text}`));
  }
  const { nau, enis, apiTimes } = scenario;
  const slowest = Math.max(0, ...apiTimes.map((one) => one.seconds));
  lines.push(
    `  NAU ${nau.value} of ${nau.limit}, ENIs ${enis.value} of ${enis.limit}, all nodes at once: ${slowest} s of EC2's request rates`,
  );
  if (hasFormulas) {
    lines.push(...indented(`NAU: ${nau.formula}`), ...indented(`ENIs: ${enis.formula}`));
    for (const one of apiTimes) lines.push(...indented(`${one.action}: ${one.formula}`));
  }
  return lines;
}

function indented(text: string): string[] {
  return wrap(text, WIDTH - 4).map((line, index) => `${index === 0 ? "  " : "    "}${line}`);
}
