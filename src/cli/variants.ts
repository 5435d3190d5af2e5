// What a side of `--compare` may be, and other words of the command line of simulated runs.
//
//   current                                  the cluster file as it is, with --set and --policy
//   vpc-cni, slash28                         the same under that policy
//   WARM_PREFIX_TARGET=2,MINIMUM_IP_TARGET=  the same with these settings; policy=slash28 may be among them
//   other.yaml                               another cluster file, with --set and --policy

import { existsSync } from "node:fs";
import { InvalidArgumentError, Option } from "commander";
import { BOOLEANS, COUNTS, KNOWN_VARIABLES } from "../diagnose/facts/variables.ts";
import { parseBoolLiteral, parseIntLiteral } from "../ipam/settings.ts";
import { nearNames } from "../text/near-names.ts";
import { CommandError } from "./command-error.ts";

const COUNT_MAX = 10_000;
const SEED_MAX = 4_294_967_295;

export const POLICY_NAMES: readonly string[] = ["vpc-cni", "slash28"];

export type Variant =
  | { readonly kind: "settings"; readonly policy: string | undefined; readonly env: ReadonlyMap<string, string> }
  | { readonly kind: "file"; readonly path: string };

/** Throws `CommandError` for what is none of the four. */
export function parseVariant(text: string): Variant {
  if (text === "current") return { kind: "settings", policy: undefined, env: new Map() };
  if (POLICY_NAMES.includes(text)) return { kind: "settings", policy: text, env: new Map() };
  if (text.includes("=") && !existsSync(text)) return settingsVariant(text);
  if (/\.ya?ml$|\.json$|\//i.test(text) || existsSync(text)) return { kind: "file", path: text };
  const near = nearNames(text, ["current", ...POLICY_NAMES, ...KNOWN_VARIABLES])[0];
  const hint = near === undefined ? "" : `; did you mean ${KNOWN_VARIABLES.includes(near) ? `${near}=...` : near}?`;
  throw new CommandError(`--compare: "${text}" is no policy, no setting and no cluster file${hint}`, {
    exitStatus: 2,
    next: "A side is current, vpc-cni, slash28, settings such as WARM_PREFIX_TARGET=2, or a file such as other.yaml.",
  });
}

function settingsVariant(text: string): Variant {
  let policy: string | undefined;
  let env: ReadonlyMap<string, string> = new Map();
  // A comma inside a value stays: only one before NAME= begins the next setting.
  for (const part of text.split(/,(?=[A-Za-z_][A-Za-z0-9_]*=)/)) {
    if (part.startsWith("policy=")) policy = part.slice("policy=".length);
    else env = settingOrError(part, env);
  }
  if (policy !== undefined && !POLICY_NAMES.includes(policy)) {
    const near = nearNames(policy, POLICY_NAMES)[0];
    const hint = near === undefined ? "" : `; did you mean ${near}?`;
    const next = `Use ${POLICY_NAMES.join(" or ")}.`;
    throw new CommandError(`--compare: there is no policy "${policy}"${hint}`, { exitStatus: 2, next });
  }
  return { kind: "settings", policy, env };
}

function settingOrError(part: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  try {
    return toSetting(part, before);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new CommandError(`--compare: ${part}: ${error.message}`, { exitStatus: 2 });
  }
}

/** `--set NAME=VALUE`, as often as one likes. */
export function setOption(description: string): Option {
  return new Option("--set <key=value>", description).argParser(toSetting).default(new Map(), "none");
}

function toSetting(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text);
  if (match === null) throw new InvalidArgumentError("A setting is written NAME=VALUE, as WARM_PREFIX_TARGET=2.");
  const [, name = "", value = ""] = match;
  if (!KNOWN_VARIABLES.includes(name)) {
    const near = nearNames(name, KNOWN_VARIABLES)[0];
    const hint = near === undefined ? "docs/agent.md lists them" : `did you mean ${near}?`;
    throw new InvalidArgumentError(`The CNI knows no variable ${name}; ${hint}`);
  }
  return new Map([...before, [name, value]]);
}

/** What the agent would silently take for something else, a line a setting. An empty value is meant so. */
export function settingWarnings(env: ReadonlyMap<string, string>): string[] {
  return [...env].flatMap(([name, value]) => {
    if (value === "") return [];
    const count = COUNTS[name];
    const number = parseIntLiteral(value);
    if (count !== undefined && (number === undefined || number < count.minimum)) {
      const why = number === undefined ? "no whole number" : `below ${count.minimum}`;
      return [`${name}=${value}: ${why}; the agent takes it as ${count.otherwise}, without a word`];
    }
    const otherwise = BOOLEANS[name];
    if (otherwise === undefined || parseBoolLiteral(value) !== undefined) return [];
    return [`${name}=${value}: neither true nor false; the agent takes it as ${otherwise}`];
  });
}

/** `count` seeds from `first` on. */
export function seedsOf(first: number, count: number): number[] {
  if (first + count - 1 > SEED_MAX) {
    throw new CommandError(`${count} seeds from ${first} pass the largest one, ${SEED_MAX}`, { exitStatus: 2 });
  }
  return Array.from({ length: count }, (_, index) => first + index);
}

/** For commander: a whole number of runs, seeds, processes. */
export function toCount(flag: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= COUNT_MAX) return Number(text);
    throw new InvalidArgumentError(`${flag} takes a whole number from 1 to ${COUNT_MAX}.`);
  };
}
