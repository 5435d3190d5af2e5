// iptables and nftables of the node's network namespace, as the agent uses them: whole tables read, whole transactions applied.

import type { Table } from "../datapath/snat.ts";

export interface Firewall {
  version(): Promise<FirewallVersion>;
  /** What `iptables-save -t <table>` prints, in pieces. */
  savedRules(table: Table): AsyncIterable<string>;
  /** `iptables-restore --noflush`. When it rejects, the table that failed and those after it are as before. */
  restore(text: string): Promise<void>;
  /** What `nft list table` prints of the agent's own table; undefined when there is none, or no nft that could have made it. */
  connmarkTable(): Promise<string | undefined>;
  /** One nft transaction. When it rejects, nothing has changed. */
  applyNft(text: string): Promise<void>;
}

export interface FirewallVersion {
  /** What `iptables --version` prints. */
  readonly text: string;
  /** The kernel's x_tables instead of nftables. */
  readonly isLegacy: boolean;
  /** `--random-fully` is known. */
  readonly hasRandomFully: boolean;
}
