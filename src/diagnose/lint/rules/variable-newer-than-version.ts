// A variable that the declared version does not read yet.

import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { SINCE } from "../../facts/variables.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1130",
  name: "variable-newer-than-version",
  severity: "warning",
  needs: ["settings", "versions"],
  leadsTo: ["configuration-drift"],
  docs: {
    what: "The environment sets a variable that the declared version of the CNI does not read yet.",
    why: "It has no effect until the upgrade, and then takes effect unasked.",
    next: "Upgrade the CNI, or remove the variable.",
    source: "amazon-vpc-cni-k8s, README and CHANGELOG",
  },
  check({ settings, versions }, report) {
    const version = cniVersion({ versions });
    if (version === undefined) return;
    for (const { source, settings: effective } of agentSources({ settings })) {
      for (const entry of source.env) {
        const since = SINCE[entry.name];
        // Prefix mode has a rule of its own; "false" asks for nothing.
        if (since === undefined || entry.name === "ENABLE_PREFIX_DELEGATION" || entry.name === "WARM_PREFIX_TARGET")
          continue;
        if ((compareVersions(version.version, since) ?? 0) >= 0) continue;
        if (entry.value === "false" && !effective.isOn(entry.name)) continue;
        report({
          at: entry.at,
          message: `${entry.name} is read from ${since} on; the CNI is ${version.version}.`,
          evidence: [{ source: version.at, text: `CNI ${version.version}` }],
        });
      }
    }
  },
});
