// Files of the chart's values, of the EKS add-on's configuration values, and `aws eks describe-addon`.

import type { FactsPart } from "../../facts/model.ts";
import { joinParts, unreadOf } from "../objects.ts";
import type { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { AGENT_VARIABLE, readChartValues } from "./chart-values.ts";
import { looksLikeJson, partOfFile } from "./documents.ts";

export const addonAnswerReader: FileReader = {
  kind: "EKS add-on",
  recognises: ({ head }) => /["']?addonName["']?\s*:\s*["']?vpc-cni\b/.test(head),
  read: (file) => partOfFile(file, "EKS add-on", readAddonAnswer),
};

/** `describe-addon`; also a list of such answers. */
function readAddonAnswer(answer: Placed): FactsPart {
  if (Array.isArray(answer.value)) return joinParts(answer.items().map(readAddonAnswer));
  const addon = answer.get("addon").isMap ? answer.get("addon") : answer;
  if (addon.get("addonName").text !== "vpc-cni") return {};
  const version = addon.get("addonVersion");
  const parts: FactsPart[] = [];
  if (/^v?\d/.test(version.text ?? ""))
    parts.push({ versions: [{ component: "cni", version: version.text ?? "", at: version.at }] });
  const values = addon.get("configurationValues");
  const source = { origin: "addon", name: "EKS add-on vpc-cni" } as const;
  if (values.isMap) parts.push(readChartValues(values, source));
  else if (typeof values.value === "string" && values.value.trim() !== "") {
    const { documents, errors } = values.embedded(looksLikeJson(values.value) ? "json" : "yaml");
    parts.push(...documents.map((document) => readChartValues(document, source)), { unread: unreadOf(errors) });
  } else {
    // No values: the add-on runs with the chart's defaults, which is something to know.
    parts.push({
      settings: [
        { ...source, layer: "declared", at: addon.at, isComplete: false, env: [], initEnv: [], otherKeys: [] },
      ],
    });
  }
  return joinParts(parts);
}

/** JSON is the add-on's, YAML the chart's: the add-on takes YAML too, but the values mean the same. */
export const valuesReader: FileReader = {
  kind: "VPC CNI values",
  recognises({ head }) {
    if (looksLikeJson(head))
      return /^[\uFEFF\s]*\{/.test(head) && isAboutAgent(head) && !/"(?:kind|Spec|info)"\s*:/.test(head);
    if (/^(?:kind|apiVersion):/m.test(head) || /^[ \t]*#!/.test(head)) return false;
    return /^[A-Za-z_"'][\w"'.-]*:(?:[ \t]|\r?$)/m.test(head) && isAboutAgent(head);
  },
  read(file) {
    const isJson = looksLikeJson(file.text);
    const origin = isJson ? "addon" : "helm-values";
    const kind = isJson ? "EKS add-on configuration values" : "Helm values";
    return partOfFile(file, kind, (document) =>
      readChartValues(valuesIn(document), { origin, name: `${kind} ${file.path}` }),
    );
  },
};

/** A variable as a key or a list's name, or a key that only this chart has. */
function isAboutAgent(head: string): boolean {
  const key = new RegExp(`["']?${AGENT_VARIABLE.source}["']?\\s*:|name\\s*["']?:\\s*["']?${AGENT_VARIABLE.source}`);
  return key.test(head) || /^\s*["']?(?:enableWindowsIpam|branchENICooldown|originalMatchLabels)["']?\s*:/m.test(head);
}

/** Of a chart that has this one as a dependency, the part under its name. */
function valuesIn(document: Placed): Placed {
  for (const name of ["aws-vpc-cni", "vpc-cni", "awsVpcCni", "aws_vpc_cni"]) {
    const inner = document.get(name);
    if (inner.isMap) return inner;
  }
  return document;
}
