// From what iptables-save prints to the one text for iptables-restore --noflush that makes our rules right: each table changes as a
// whole or not at all, so no packet sees half of it. Rules of others are neither named nor moved.

import { CONNMARK_CHAIN, type OwnRules, TABLES, type Table } from "./snat.ts";

export interface FoundRules extends OwnRules {
  /** kube-proxy's jump stands behind one of our rules in nat PREROUTING: connections would be marked by their Service's address. */
  readonly isBeforeServices: boolean;
}

/** Our tables as another program holds them cannot be read by iptables. */
export class IncompatibleTableError extends Error {
  override readonly name = "IncompatibleTableError";
}

/** Also those of older releases, numbered above 0. */
const OWN_CHAIN = /^AWS-(?:SNAT|CONNMARK)-CHAIN-\d+$/;
const OWN_TARGET = / -[jg] (AWS-(?:SNAT|CONNMARK)-CHAIN-\d+)(?: |$)/;
const OWN_COMMENTS: Readonly<Record<string, readonly string[]>> = {
  "nat POSTROUTING": ["AWS SNAT CHAIN"],
  "nat PREROUTING": ["AWS, outbound connections", "AWS, CONNMARK"],
  "mangle PREROUTING": ["AWS, primary ENI"],
};

/** What every line that matters has in it: the others, which can be thousands, are not looked at one by one. */
const TELLING: readonly string[] = ["AWS", "-A PREROUTING ", "# Table "];

/** Takes the output of `iptables-save -t <table>` in pieces: with many Services it has megabytes, of which ours are a few lines. */
export class SavedRulesReader {
  readonly #table: Table;
  readonly #chains = new Map<string, string[]>();
  readonly #shared = new Map<string, string[]>();
  #hasOwnPrerouting = false;
  #isBeforeServices = false;
  #rest = "";

  constructor(table: Table) {
    this.#table = table;
  }

  push(text: string): void {
    const whole = this.#rest + text;
    const end = whole.lastIndexOf("\n") + 1;
    const places = TELLING.map((word) => whole.indexOf(word));
    for (;;) {
      const place = Math.min(...places.map((found) => (found < 0 ? end : found)));
      if (place >= end) break;
      const lineEnd = whole.indexOf("\n", place);
      this.#line(whole.slice(whole.lastIndexOf("\n", place) + 1, lineEnd));
      for (const [index, word] of TELLING.entries()) {
        const found = places[index] ?? -1;
        if (found >= 0 && found < lineEnd) places[index] = whole.indexOf(word, lineEnd);
      }
    }
    this.#rest = whole.slice(end);
  }

  end(): FoundRules {
    this.#line(this.#rest);
    return { chains: this.#chains, shared: this.#shared, isBeforeServices: this.#isBeforeServices };
  }

  #line(line: string): void {
    if (line.startsWith("-A ")) this.#rule(line);
    else if (line.startsWith(":AWS-")) {
      const name = line.slice(1, line.indexOf(" "));
      if (OWN_CHAIN.test(name)) this.#chains.set(name, []);
    } else if (line.startsWith("# Table ") && line.includes("is incompatible")) {
      throw new IncompatibleTableError(
        `iptables cannot read the table ${this.#table}: nft made it, with rules that iptables does not know.`,
      );
    }
  }

  #rule(line: string): void {
    const chainEnd = line.indexOf(" ", 3);
    if (chainEnd < 0) return;
    const chain = line.slice(3, chainEnd);
    const own = this.#chains.get(chain);
    if (own !== undefined) own.push(line.slice(chainEnd + 1));
    else if (chain !== "PREROUTING" || !line.includes(" -j KUBE-")) this.#shareable(chain, line);
    else if (this.#hasOwnPrerouting) this.#isBeforeServices = true;
  }

  /** A rule of a chain that others use too: ours by its comment or by its target. */
  #shareable(chain: string, line: string): void {
    const isMarked = hasOwnComment(`${this.#table} ${chain}`, line);
    if (!isMarked && !OWN_TARGET.test(line)) return;
    if (isMarked && this.#table === "nat" && chain === "PREROUTING") this.#hasOwnPrerouting = true;
    const rule = line.slice(line.indexOf(" ", 3) + 1);
    const rules = this.#shared.get(chain);
    if (rules === undefined) this.#shared.set(chain, [rule]);
    else rules.push(rule);
  }
}

/** The text for `iptables-restore --noflush`, with all tables that differ; undefined when nothing does. */
export function restoreText(
  found: Readonly<Record<Table, FoundRules>>,
  wanted: Readonly<Record<Table, OwnRules>>,
): string | undefined {
  const text = TABLES.map((table) => tableText(table, { found: found[table], wanted: wanted[table] })).join("");
  return text === "" ? undefined : text;
}

function tableText(table: Table, { found, wanted }: { found: FoundRules; wanted: OwnRules }): string {
  const declared: string[] = [];
  const added: string[] = [];
  for (const [chain, rules] of wanted.chains) {
    if (areEqual(found.chains.get(chain), rules)) continue;
    // Declaring a chain empties it within the transaction.
    declared.push(`:${chain} - [0:0]`);
    for (const rule of rules) added.push(`-A ${chain} ${rule}`);
  }
  const stale = [...found.chains.keys()].filter((chain) => !wanted.chains.has(chain));
  for (const chain of stale) declared.push(`:${chain} - [0:0]`);

  const sharedChains = new Set([...found.shared.keys(), ...wanted.shared.keys()]);
  const shared = [...sharedChains].flatMap((chain) =>
    sharedChanges(chain, {
      found: (found.shared.get(chain) ?? []).filter((rule) => {
        // Somebody's own jump into a chain of ours is theirs while that chain stands.
        const target = OWN_TARGET.exec(` ${rule}`)?.[1] ?? "";
        return hasOwnComment(`${table} ${chain}`, ` ${rule}`) || !wanted.chains.has(target);
      }),
      wanted: wanted.shared.get(chain) ?? [],
      mustMove: found.isBeforeServices && chain === "PREROUTING",
    }),
  );
  const lines = [...declared, ...added, ...shared, ...stale.map((chain) => `-X ${chain}`)];
  return lines.length === 0 ? "" : `*${table}\n${lines.join("\n")}\nCOMMIT\n`;
}

function hasOwnComment(place: string, rule: string): boolean {
  return (OWN_COMMENTS[place] ?? []).some((comment) => rule.includes(` --comment "${comment}" `));
}

/** By rule and never by number: others may have moved theirs since we looked. What stays keeps its place among theirs. */
function sharedChanges(
  chain: string,
  { found, wanted, mustMove }: { found: readonly string[]; wanted: readonly string[]; mustMove: boolean },
): string[] {
  const kept: string[] = [];
  const lines: string[] = [];
  // Of equal rules -D takes the first; the last one stays.
  for (const [place, rule] of found.entries()) {
    if (!mustMove && wanted.includes(rule) && found.indexOf(rule, place + 1) < 0) kept.push(rule);
    else lines.push(`-D ${chain} ${rule}`);
  }
  const missing = wanted.filter((rule) => !kept.includes(rule));
  if (areEqual([...kept, ...missing], wanted) || !isOrderOurs(wanted)) {
    return [...lines, ...missing.map((rule) => `-A ${chain} ${rule}`)];
  }
  return [...found.map((rule) => `-D ${chain} ${rule}`), ...wanted.map((rule) => `-A ${chain} ${rule}`)];
}

/** Elsewhere our rules match different interfaces, and any order will do. */
function isOrderOurs(rules: readonly string[]): boolean {
  return rules.some((rule) => rule.endsWith(`-j ${CONNMARK_CHAIN}`));
}

function areEqual(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, place) => rule === b[place]);
}
