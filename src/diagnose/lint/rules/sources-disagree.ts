// Two sources of one environment with different values: whichever is applied last wins.

import { parseBoolLiteral, parseIntLiteral } from "../../../ipam/settings.ts";
import type { EnvEntry, SettingsSource } from "../../facts/model.ts";
import { defineRule } from "../rule.ts";

/** Rotating or per-node values, in which sources differ by nature. */
const OWN_VALUES: readonly string[] = ["MY_NODE_NAME", "MY_POD_NAME", "VPC_CNI_VERSION", "CLUSTER_ENDPOINT"];

export const rule = defineRule({
  code: "PD1140",
  name: "sources-disagree",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "Two sources (add-on, Helm, DaemonSet, Terraform, what runs) give one variable different values.",
    why: "A managed add-on overwrites edits of the DaemonSet, Helm overwrites both, and nodes keep what they started with: what is read in one place is not what runs.",
    next: "Set it in one place (for the add-on in its configuration values), and roll aws-node.",
    source: "EKS user guide, updating add-ons (conflict resolution)",
  },
  check({ settings }, report) {
    const usable = settings.filter((source) => source.origin !== "configmap" && source.origin !== "log");
    const reported = new Set<string>();
    usable.forEach((source, index) => {
      for (const entry of source.env) {
        if (OWN_VALUES.includes(entry.name)) continue;
        const other = usable.slice(0, index).find((one) => one.origin !== source.origin && differs(one, entry));
        const theirs = other?.env.findLast((one) => one.name === entry.name);
        if (other === undefined || theirs === undefined) continue;
        // Every node that runs the same other value would say the same.
        const key = `${entry.name} ${entry.value} ${theirs.value} ${source.origin} ${other.origin}`;
        if (reported.has(key)) continue;
        reported.add(key);
        report({
          at: entry.at,
          message: `${entry.name} is ${shown(entry)} in ${source.name} and ${shown(theirs)} in ${other.name}.`,
          evidence: [{ source: theirs.at, text: `${theirs.name}=${theirs.value}` }],
        });
      }
    });
  },
});

function differs(source: SettingsSource, entry: EnvEntry): boolean {
  const other = source.env.findLast((one) => one.name === entry.name);
  return other !== undefined && meaning(other.value) !== meaning(entry.value);
}

/** What the agent reads in it: `True` and `true` are one value, and so are `5` and `+5`. */
function meaning(value: string): string {
  if (/^[01]$/.test(value)) return value;
  return String(parseBoolLiteral(value) ?? parseIntLiteral(value) ?? value);
}

function shown(entry: EnvEntry): string {
  return entry.value === "" ? "empty" : entry.value;
}
