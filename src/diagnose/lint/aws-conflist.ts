// The entries of conflists that are the node plugin's, the reference's or ours.

import type { ConflistFact, ConflistPlugin, Facts } from "../facts/model.ts";

/** Under the first name both are called; ours has the second one too. */
export const PLUGIN_TYPES: readonly string[] = ["aws-cni", "slash28-cni"];

export function isNodePlugin({ type }: ConflistPlugin): boolean {
  return type !== undefined && PLUGIN_TYPES.includes(type.value);
}

export function nodePlugins(facts: Pick<Facts, "conflists">): ConflistPlugin[] {
  return facts.conflists.flatMap((list) => list.plugins.filter(isNodePlugin));
}

/** By the network's name, which results that runtimes keep refer to, or by the file's. */
export function isAwsConflist(list: ConflistFact): boolean {
  return list.name === "aws-cni" || /(?:^|[/!])\d*-?aws\.conf(?:list)?$/.test(list.at.file);
}
