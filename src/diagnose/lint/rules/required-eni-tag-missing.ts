// Tags that a policy demands of new ENIs, and the agent does not set.

import { agentSources } from "../declared.ts";
import { names } from "../iam.ts";
import { defineRule } from "../rule.ts";

const REQUEST_TAG = /^aws:RequestTag\/(.+)$/i;
/** Set by the agent itself. */
const OWN_TAGS: readonly string[] = [
  "cluster.k8s.amazonaws.com/name",
  "node.k8s.amazonaws.com/instance_id",
  "node.k8s.amazonaws.com/createdAt",
  "eks:eni:owner",
];

export const rule = defineRule({
  code: "PD1125",
  name: "required-eni-tag-missing",
  severity: "warning",
  needs: ["iamPolicies", "settings"],
  leadsTo: ["scp-or-tag-policy-deny"],
  docs: {
    what: "A statement on CreateNetworkInterface has a condition on a request tag that ADDITIONAL_ENI_TAGS does not set.",
    why: "New ENIs carry the agent's own tags and those of ADDITIONAL_ENI_TAGS; where another is demanded the call is refused.",
    next: "Add the tag to ADDITIONAL_ENI_TAGS, or exempt the agent's role.",
    source: "amazon-vpc-cni-k8s v1.23.1, README, ADDITIONAL_ENI_TAGS",
  },
  check({ iamPolicies, settings }, report) {
    const sources = agentSources({ settings });
    if (sources.length === 0) return;
    const given = sources.map((one) => one.settings.setting("ADDITIONAL_ENI_TAGS").value ?? "");
    for (const statement of iamPolicies.flatMap((one) => one.statements)) {
      if (!names(statement, "ec2:CreateNetworkInterface")) continue;
      for (const key of statement.conditionKeys) {
        const tag = REQUEST_TAG.exec(key)?.[1];
        if (tag === undefined || OWN_TAGS.includes(tag)) continue;
        if (given.every((tags) => tags.includes(JSON.stringify(tag)))) continue;
        report({
          at: statement.at,
          message: `A condition on CreateNetworkInterface names the tag ${tag}, which ADDITIONAL_ENI_TAGS does not set.`,
          evidence: sources.slice(0, 1).map((one) => one.settings.evidence("ADDITIONAL_ENI_TAGS")),
        });
      }
    }
  },
});
