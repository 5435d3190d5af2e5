// A firewall of plain maps, for tests of what the agent makes of one.

import type { Table } from "../../datapath/snat.ts";
import { IptablesModel } from "../../datapath/testing/iptables-model.ts";
import type { Firewall } from "../../ports/firewall.ts";

/** nft lists a table as it was written, for these tests; the real one is asked elsewhere. */
export class FakeFirewall implements Firewall {
  readonly model = new IptablesModel();
  table: string | undefined;
  versionText = "iptables v1.8.9 (nf_tables)";
  restores = 0;
  nftRuns = 0;
  /** Thrown by the next calls, one each. */
  readonly refusals: Error[] = [];
  /** Runs before each restore: what others do between look and change. */
  meanwhile: () => void = () => {};

  async version() {
    const text = this.versionText;
    return { text, isLegacy: text.includes("legacy"), hasRandomFully: !text.includes("1.6.1") };
  }
  async *savedRules(table: Table) {
    yield this.model.save(table);
  }
  async restore(text: string) {
    this.meanwhile();
    this.#refuse();
    this.model.restore(text);
    this.restores++;
  }
  async connmarkTable() {
    return this.table;
  }
  async applyNft(text: string) {
    this.#refuse();
    this.nftRuns++;
    this.table = text.startsWith("delete") ? undefined : text.slice(text.indexOf("\ntable ") + 1);
  }
  #refuse() {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal;
  }
}
