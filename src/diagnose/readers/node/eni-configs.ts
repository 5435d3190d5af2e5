// The introspection page `/v1/eni-configs`: since v1.11 the name of this node's ENIConfig as a JSON string, before that an object
// with all of them (`ENI`: name to subnet and groups) and the name that this node uses.

import type { EniConfigFact, Source } from "../../facts/model.ts";
import { jsonDocuments } from "../json-documents.ts";
import { isObject, objectField, textField, textsField } from "../json-fields.ts";
import type { FileReader } from "../reader.ts";

const PAGE_PATH = /(?:^|[/!])(?:ipamd\/)?eni-configs\.(?:json|out|output)$/;
const OLD_PAGE = /^[\s\uFEFF]*\{\s*"ENI"\s*:[\s\S]*"(?:MyENI|ENIConfigAnnotationDef|ENIConfigLabelDef)"\s*:/;

export const ENI_CONFIGS_READER: FileReader = {
  kind: "introspection page /v1/eni-configs",
  recognises({ path, head, isWhole }) {
    // Without its place a bare name could mean anything.
    return OLD_PAGE.test(head) || (isWhole && PAGE_PATH.test(path) && /^\s*(?:"|\{|$)/.test(head));
  },
  read({ path, text }) {
    const { documents } = jsonDocuments(text.trim().startsWith('"') ? `[${text.trim().split("\n").at(-1)}]` : text);
    const value = documents.at(-1)?.value;
    const at: Source = { file: path };
    const [name] = Array.isArray(value) ? value : [];
    if (typeof name === "string" && name !== "") {
      const named: EniConfigFact = { name, securityGroupIds: [], at };
      return { eniConfigs: [named] };
    }
    const all = isObject(value) ? objectField(value, "ENI") : undefined;
    if (all === undefined) return {};
    const eniConfigs: EniConfigFact[] = Object.entries(all).flatMap(([one, spec]) => {
      if (!isObject(spec)) return [];
      const subnet = textField(spec, "subnet");
      const field: Source = { ...at, field: `ENI.${one}` };
      return [
        {
          name: one,
          subnetId: subnet === undefined ? undefined : { value: subnet, at: field },
          securityGroupIds: textsField(spec, "securityGroups"),
          at: field,
        },
      ];
    });
    return { eniConfigs };
  },
};
