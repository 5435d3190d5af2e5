// ADDITIONAL_ENI_TAGS that are no JSON object of strings, or use a reserved key.

import { agentSources } from "../declared.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1018",
  name: "eni-tags-not-understood",
  severity: "warning",
  needs: ["settings"],
  leadsTo: ["scp-or-tag-policy-deny"],
  docs: {
    what: "ADDITIONAL_ENI_TAGS is not a JSON object of strings, or has a key that contains k8s.amazonaws.com.",
    why: "The agent drops all tags in the first case and that tag in the second, with a warning in its log. Where an organisation demands tags, new ENIs are then refused.",
    next: 'Write a JSON object such as {"team":"web"}, without reserved keys.',
    source: "amazon-vpc-cni-k8s v1.23.1, pkg/awsutils/awsutils.go (loadAdditionalENITags)",
  },
  check({ settings }, report) {
    for (const { entry } of agentSources({ settings })) {
      const tags = entry("ADDITIONAL_ENI_TAGS");
      if (tags === undefined || tags.value === "") continue;
      const parsed = parseTags(tags.value);
      if (parsed === undefined) {
        const message = `ADDITIONAL_ENI_TAGS is not a JSON object of strings: new ENIs get none of its tags.`;
        report({ at: tags.at, message });
        continue;
      }
      for (const key of Object.keys(parsed)) {
        if (!key.includes("k8s.amazonaws.com")) continue;
        report({ at: tags.at, message: `ADDITIONAL_ENI_TAGS has the reserved key ${key}: that tag is dropped.` });
      }
    }
  },
});

function parseTags(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
    return Object.values(parsed).every((value) => typeof value === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}
