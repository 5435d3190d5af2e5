// docs/generated/metrics.md: the metrics of the agent, from the one table.

import { METRIC_NAMES, METRICS, type MetricDefinition } from "../../src/metrics/definitions.ts";
import type { GeneratedFile } from "../generate.ts";

export async function generate(): Promise<readonly GeneratedFile[]> {
  const lines = ["# Metrics of the agent", "", "Served at `:61678/metrics`. Written by `npm run generate`."];
  for (const [origin, title] of [
    ["reference", "With the names of amazon-vpc-cni-k8s"],
    ["ours", "Ours"],
  ] as const) {
    lines.push("", `## ${title}`, "", "| Metric | Type | Labels | Meaning |", "|---|---|---|---|");
    for (const name of METRIC_NAMES) {
      const metric: MetricDefinition = METRICS[name];
      if (metric.origin !== origin) continue;
      const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
      lines.push(`| \`${name}\` | ${metric.type} | ${labels} | ${metric.help.replaceAll("|", "\\|")} |`);
    }
  }
  return [{ path: "docs/generated/metrics.md", text: `${lines.join("\n")}\n` }];
}
