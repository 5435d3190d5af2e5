// The agent's settings in Terraform: aws_eks_addon, add-on blocks of the common EKS modules, helm_release, manifests of objects.

import type { TextFrame } from "../../../../text/text-frame.ts";
import type { EnvEntry, FactsPart, Source } from "../../../facts/model.ts";
import { joinParts, unreadOf } from "../../objects.ts";
import type { Placed } from "../../placed.ts";
import { readChartValues } from "../chart-values.ts";
import { looksLikeJson } from "../documents.ts";
import { CONFIG_HANDLERS } from "../object-handlers.ts";
import { argument, type HclBlock } from "./hcl-module.ts";
import { encodedValue, type HclValue } from "./hcl-values.ts";

export function readAddonResource(block: HclBlock, file: TextFrame): FactsPart {
  if (block.body.get("addon_name").text !== "vpc-cni") return {};
  return readAddon(block.body, block.value, block.address, file);
}

/** `cluster_addons`, `addons` or `eks_addons` of a module. */
export function readAddonsOfModule(block: HclBlock, file: TextFrame): FactsPart {
  const parts = ["cluster_addons", "addons", "eks_addons"].flatMap((key) => {
    const addon = block.body.get(key, "vpc-cni");
    const value = argument(block.value, key, "vpc-cni");
    return addon.isMap && value !== undefined ? [readAddon(addon, value, `${block.address} add-on vpc-cni`, file)] : [];
  });
  return joinParts(parts);
}

function readAddon(addon: Placed, value: HclValue, name: string, file: TextFrame): FactsPart {
  const version = addon.get("addon_version");
  const parts: FactsPart[] = [];
  if (/^v?\d/.test(version.text ?? ""))
    parts.push({ versions: [{ component: "cni", version: version.text ?? "", at: version.at }] });
  const source = { origin: "terraform", name } as const;
  const before = addon.get("before_compute");
  const otherKeys: EnvEntry[] =
    before.text === undefined ? [] : [{ name: "before_compute", value: before.text, isString: true, at: before.at }];
  const values = documentsAt(addon.get("configuration_values"), argument(value, "configuration_values"), file);
  for (const document of values.documents) parts.push(readChartValues(document, source));
  parts.push({ unread: values.unread });
  // Without the argument the chart's defaults rule; with one that cannot be read nothing is known.
  if (!hasKey(addon, "configuration_values")) parts.push(bareSource(source, addon.at));
  const joined = joinParts(parts);
  const settings = (joined.settings ?? []).map((one) => ({ ...one, otherKeys: [...one.otherKeys, ...otherKeys] }));
  return { ...joined, settings };
}

function bareSource(source: { origin: "terraform"; name: string }, at: Source): FactsPart {
  return { settings: [{ ...source, layer: "declared", at, isComplete: false, env: [], initEnv: [], otherKeys: [] }] };
}

export function hasKey(map: Placed, key: string): boolean {
  return map.isMap && Object.hasOwn(map.value as object, key);
}

/** What jsonencode or yamlencode was given, or the JSON or YAML that the text holds. */
export function documentsAt(
  text: Placed,
  value: HclValue | undefined,
  file: TextFrame,
): { readonly documents: readonly Placed[]; readonly unread: NonNullable<FactsPart["unread"]> } {
  const encoded = encodedValue(value, file);
  if (encoded !== undefined) return { documents: [encoded], unread: [] };
  // A text with open ends still has a frame: what the ends fill is told to be untold, the rest counts.
  const content = text.frame?.text;
  if (content === undefined || content.trim() === "") return { documents: [], unread: [] };
  const { documents, errors } = text.embedded(looksLikeJson(content) ? "json" : "yaml");
  return { documents, unread: unreadOf(errors) };
}

/** The chart aws-vpc-cni: `values` documents, then `set` blocks, which win. */
export function readHelmRelease(block: HclBlock, file: TextFrame): FactsPart {
  if (!/(?:^|\/)aws-vpc-cni$/.test(block.body.get("chart").text ?? block.body.get("name").text ?? "")) return {};
  const source = { origin: "terraform", name: block.address } as const;
  const parts: FactsPart[] = [];
  for (const [index, text] of block.body.get("values").items().entries()) {
    const { documents, unread } = documentsAt(text, argument(block.value, "values", index), file);
    parts.push(...documents.map((document) => readChartValues(document, source)), { unread });
  }
  const env: EnvEntry[] = [];
  const initEnv: EnvEntry[] = [];
  const otherKeys: EnvEntry[] = [];
  const untold: string[] = [];
  for (const set of [...block.body.get("set").items(), ...block.body.get("set_string").items()]) {
    const name = (set.get("name").text ?? "").replace(/\\\./g, ".");
    const value = set.get("value");
    const variable = /^env\.(\w+)$/.exec(name)?.[1];
    if (variable !== undefined && value.text === undefined) untold.push(variable);
    if (name === "" || value.text === undefined) continue;
    const initVariable = /^init\.env\.(\w+)$/.exec(name)?.[1];
    // Helm takes the texts of `set` for values; the chart quotes what it writes into the environment.
    const entry = { name: variable ?? initVariable ?? name, value: value.text, isString: true, at: value.at };
    (variable !== undefined ? env : initVariable !== undefined ? initEnv : otherKeys).push(entry);
  }
  const all = joinParts(parts);
  const before = all.settings ?? [];
  const merged = {
    ...source,
    layer: "declared" as const,
    at: block.body.at,
    isComplete: false,
    env: [...before.flatMap((one) => one.env), ...env],
    initEnv: [...before.flatMap((one) => one.initEnv), ...initEnv],
    otherKeys: [...before.flatMap((one) => one.otherKeys), ...otherKeys],
    untold: [...before.flatMap((one) => one.untold ?? []), ...untold],
  };
  return { ...all, settings: [{ ...merged, untold: merged.untold.length > 0 ? merged.untold : undefined }] };
}

/** kubernetes_manifest and kubectl_manifest: the object as the API gets it. */
export function readManifest(block: HclBlock, file: TextFrame): FactsPart {
  const key = block.type === "kubernetes_manifest" ? "manifest" : "yaml_body";
  const { documents, unread } = documentsAt(block.body.get(key), argument(block.value, key), file);
  const parts = documents.map((object): FactsPart => {
    const kind = object.get("kind").text ?? "";
    const handler = Object.hasOwn(CONFIG_HANDLERS, kind) ? CONFIG_HANDLERS[kind] : undefined;
    return handler?.(object, { node: undefined }) ?? {};
  });
  return joinParts([...parts, { unread }]);
}
