// The settings as lint rules look at them: each source by itself, so that two clusters in one repository are not mixed up, and
// for rules that join settings with nodes or subnets, what holds under every source. Never a guess from no source at all.

import type { EnvEntry, Facts, SettingsSource } from "../facts/model.ts";
import { EffectiveSettings } from "../facts/settings.ts";
import type { Edit } from "./rule.ts";

/** One source of the Linux agent's environment, and what it amounts to. */
export interface AgentSource {
  readonly source: SettingsSource;
  readonly settings: EffectiveSettings;
  /** The entry that counts; undefined when the source does not set the variable. */
  entry(name: string): EnvEntry | undefined;
  /** The entry, where it is a number that the agent accepts; otherwise undefined. */
  number(name: string): { readonly value: number; readonly entry: EnvEntry } | undefined;
}

const PARTIAL_ORIGINS: readonly string[] = ["configmap", "log", "introspection"];

/**
 * What is declared; only where nothing is, what runs, each distinct environment once. A source that sets nothing (an add-on
 * without values, that is the chart's defaults) counts only where no other says more.
 */
export function agentSources(facts: Pick<Facts, "settings">): AgentSource[] {
  const usable = facts.settings.filter((source) => !PARTIAL_ORIGINS.includes(source.origin));
  const speaking = usable.filter(
    (source) => source.env.length > 0 || source.isComplete || (source.untold ?? []).length > 0,
  );
  const counting = speaking.length > 0 ? speaking : usable;
  const declared = counting.filter((source) => source.layer === "declared");
  const seen = new Set<string>();
  const isNew = (source: SettingsSource): boolean => {
    const key = JSON.stringify(source.env.map((entry) => [entry.name, entry.value]));
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  };
  return (declared.length > 0 ? declared : counting.filter(isNew)).map(agentSource);
}

function agentSource(source: SettingsSource): AgentSource {
  const settings = new EffectiveSettings([source]);
  const entry = (name: string): EnvEntry | undefined => source.env.findLast((one) => one.name === name);
  return {
    source,
    settings,
    entry,
    number(name) {
      const found = entry(name);
      if (found === undefined || !/^[+-]?\d+$/.test(found.value)) return undefined;
      return { value: Number(found.value), entry: found };
    },
  };
}

/** The settings if `test` holds under every source and there is one; the first of them, for evidence. */
export function settingsWhere(
  facts: Pick<Facts, "settings">,
  test: (settings: EffectiveSettings) => boolean,
): EffectiveSettings | undefined {
  const all = agentSources(facts);
  return all.length > 0 && all.every((one) => test(one.settings)) ? all[0]?.settings : undefined;
}

/** The settings where every source turns prefix mode on for IPv4. */
export function prefixModeSettings(facts: Pick<Facts, "settings">): EffectiveSettings | undefined {
  return settingsWhere(facts, (settings) => settings.prefixDelegation && !settings.ipv6);
}

/** Deletes the entry; undefined where its place is not known exactly. */
export function deleteEntry(entry: EnvEntry): Edit[] | undefined {
  return entry.entrySpan === undefined ? undefined : [{ ...entry.entrySpan, text: "" }];
}

/** Writes the value as a quoted string: the same in JSON, YAML and HCL for what needs no escape; undefined otherwise. */
export function quoteValue(entry: EnvEntry, value: string): Edit[] | undefined {
  if (entry.valueSpan === undefined || !/^[\w.:/+-]*$/.test(value)) return undefined;
  return [{ ...entry.valueSpan, text: `"${value}"` }];
}

/** `1 node`, `3 nodes`; `1 prefix`, `2 prefixes`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
