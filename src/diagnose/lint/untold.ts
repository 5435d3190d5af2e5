// Values that a text does not tell (a Terraform variable, `valueFrom`). A finding counts only if it holds whatever they are:
// every rule is run under several assumptions, and what one of them does not find is dropped.

import type { EnvEntry, Facts, SettingsSource } from "../facts/model.ts";
import { BOOLEANS, COUNTS } from "../facts/variables.ts";

/** Texts, not numbers or switches, that a rule looks at. */
const TEXTS: readonly string[] = [
  "ADDITIONAL_ENI_TAGS",
  "CLUSTER_NAME",
  "ENI_CONFIG_ANNOTATION_DEF",
  "ENI_CONFIG_LABEL_DEF",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
];
const NUMBERS: readonly string[] = [...Object.keys(COUNTS), "MAX_ENI"];

/** A bound on the runs: one source with 20 untold variables needs 42. */
const WORLD_COUNT_MAX = 64;

/** The least and the most that each kind of variable can say. */
function extremes(name: string): readonly [string, string] | undefined {
  if (BOOLEANS[name] !== undefined) return ["false", "true"];
  if (NUMBERS.includes(name)) return ["0", "1000"];
  return TEXTS.includes(name) ? ["", "told-when-run"] : undefined;
}

/** The facts under each assumption; the facts alone where every value is told. */
export function possibleWorlds(facts: Facts): Facts[] {
  const open = facts.settings.flatMap((source, index) =>
    (source.untold ?? []).filter((name) => extremes(name) !== undefined).map((name) => ({ index, name })),
  );
  if (open.length === 0) return [facts];
  const world = (choose: (position: number) => 0 | 1): Facts => ({
    ...facts,
    settings: facts.settings.map((source, index) => {
      const assumed = open.flatMap((one, position): EnvEntry[] => {
        const value = extremes(one.name)?.[choose(position)];
        if (one.index !== index || value === undefined) return [];
        return [{ name: one.name, value, isString: true, at: source.at }];
      });
      return assumed.length === 0 ? source : assuming(source, assumed);
    }),
  });
  const worlds = [world(() => 0), world(() => 1)];
  for (let flipped = 0; flipped < open.length && worlds.length < WORLD_COUNT_MAX; flipped++) {
    worlds.push(world((position) => (position === flipped ? 1 : 0)));
    worlds.push(world((position) => (position === flipped ? 0 : 1)));
  }
  return worlds;
}

function assuming(source: SettingsSource, assumed: readonly EnvEntry[]): SettingsSource {
  return { ...source, env: [...source.env, ...assumed], untold: [] };
}
