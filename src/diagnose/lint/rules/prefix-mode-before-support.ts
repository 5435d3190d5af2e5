// Prefix mode on a version that does not have it.

import { limitsOf } from "../../facts/capacity.ts";
import { cniVersion, compareVersions } from "../../facts/settings.ts";
import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1131",
  name: "prefix-mode-before-support",
  severity: "error",
  needs: ["settings", "versions", "bootstraps", "instanceTypes"],
  leadsTo: ["prefix-knob-set-nodes-unchanged"],
  docs: {
    what: "ENABLE_PREFIX_DELEGATION is on with a CNI before v1.9.0, or before v1.10.3 on bare metal.",
    why: "Those versions do not read it, or not on such types: nodes stay on single addresses, whatever max-pods says.",
    next: "Upgrade the CNI.",
    source: "amazon-vpc-cni-k8s v1.9.0 and v1.10.3 release notes",
  },
  check({ settings, versions, bootstraps, instanceTypes }, report) {
    const version = cniVersion({ versions });
    if (version === undefined) return;
    const isBefore = (least: string): boolean => (compareVersions(version.version, least) ?? 0) < 0;
    const metal = bootstraps
      .flatMap((one) => one.instanceTypes)
      .find((type) => /\.metal/.test(type.value) && limitsOf(type.value, instanceTypes) !== undefined);
    const least = isBefore("v1.9.0") ? "v1.9.0" : metal !== undefined && isBefore("v1.10.3") ? "v1.10.3" : undefined;
    if (least === undefined) return;
    for (const { settings: effective, entry } of agentSources({ settings })) {
      const found = entry("ENABLE_PREFIX_DELEGATION");
      if (found === undefined || !effective.prefixDelegation) continue;
      report({
        at: found.at,
        message: `Prefix mode${least === "v1.9.0" ? "" : ` on ${metal?.value}`} needs ${least}; the CNI is ${version.version}.`,
        evidence: [{ source: version.at, text: `CNI ${version.version}` }],
      });
    }
  },
});
