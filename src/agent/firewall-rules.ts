// Brings iptables and nftables to what is wanted: look, change in one transaction, look again. What somebody changes in between is
// seen by the second look.

import {
  type ConnmarkTable,
  connmarkChanges,
  readConnmarkTable,
  wantedConnmarkTable,
} from "../datapath/connmark-table.ts";
import {
  type ConnmarkBackend,
  NO_RULES,
  type SnatWiring,
  type Table,
  type WantedRules,
  wantedRules,
} from "../datapath/snat.ts";
import { type FoundRules, restoreText, SavedRulesReader } from "../datapath/snat-changes.ts";
import type { Firewall } from "../ports/firewall.ts";

export interface FirewallTarget {
  readonly rules: WantedRules;
  readonly connmarkTable: ConnmarkTable;
  /** Its marks are there before those of the other back end go. */
  readonly connmarkBackend: ConnmarkBackend;
}

/** Others change the same tables, rarely twice within milliseconds. */
const ROUNDS_MAX = 4;

export function firewallTarget(wiring: SnatWiring): FirewallTarget {
  return {
    rules: wantedRules(wiring),
    connmarkTable: wantedConnmarkTable(wiring),
    connmarkBackend: wiring.connmarkBackend,
  };
}

/** Removes everything of the agent's from iptables and nftables; resolves with what it removed, one line each. */
export function withdrawFirewallRules(firewall: Firewall): Promise<readonly string[]> {
  const target = { rules: NO_RULES, connmarkTable: undefined, connmarkBackend: "iptables" } as const;
  return bringFirewallTo(firewall, target, () => {});
}

/**
 * Resolves with what it changed, one line each; none when all was right. `onUpdate` hears of every transaction. Rejects with what
 * failed, and then each table is as it was or as it should be.
 */
export async function bringFirewallTo(
  firewall: Firewall,
  target: FirewallTarget,
  onUpdate: (outcome: "applied" | "failed") => void,
): Promise<readonly string[]> {
  const changed: string[] = [];
  const steps: readonly Step[] = [
    {
      changes: async () => restoreText(await foundRules(firewall), target.rules),
      apply: (text) => firewall.restore(text),
      describe: describeRestore,
    },
    {
      changes: async () => connmarkChanges(await foundTable(firewall), target.connmarkTable),
      apply: (text) => firewall.applyNft(text),
      describe: (text) => [`nft: ${target.connmarkTable === undefined ? text.trim() : "table ip aws-cni written"}`],
    },
  ];
  for (const step of target.connmarkBackend === "nftables" ? steps.toReversed() : steps) {
    changed.push(...(await bring(step, onUpdate)));
  }
  return changed;
}

interface Step {
  /** The transaction that is missing; undefined: all is right. */
  readonly changes: () => Promise<string | undefined>;
  readonly apply: (text: string) => Promise<void>;
  readonly describe: (text: string) => readonly string[];
}

async function bring(step: Step, onUpdate: (outcome: "applied" | "failed") => void): Promise<readonly string[]> {
  const changed: string[] = [];
  let refused: unknown;
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const text = await step.changes();
    if (text === undefined) return changed;
    if (round === ROUNDS_MAX) break;
    try {
      await step.apply(text);
      onUpdate("applied");
      changed.push(...step.describe(text));
      refused = undefined;
    } catch (error) {
      onUpdate("failed");
      refused = error;
    }
  }
  throw refused ?? new Error(`The rules do not stay as they are set. Set again and gone again: ${changed.at(-1)}`);
}

async function foundRules(firewall: Firewall): Promise<Record<Table, FoundRules>> {
  return { nat: await foundTableRules(firewall, "nat"), mangle: await foundTableRules(firewall, "mangle") };
}

async function foundTableRules(firewall: Firewall, table: Table): Promise<FoundRules> {
  const reader = new SavedRulesReader(table);
  for await (const text of firewall.savedRules(table)) reader.push(text);
  return reader.end();
}

async function foundTable(firewall: Firewall): Promise<ConnmarkTable> {
  const listing = await firewall.connmarkTable();
  return listing === undefined ? undefined : readConnmarkTable(listing);
}

/** The text's commands, each with its table. */
function describeRestore(text: string): readonly string[] {
  let table = "";
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    else if (line.startsWith("-")) lines.push(`iptables -t ${table} ${line}`);
  }
  return lines;
}
