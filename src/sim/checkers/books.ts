// The whole of one node recounted: I1, I2 and I5 over every claim, and I6: what the engine counts, counted again from its own
// view, its checkpoint and the ledger. Costs the whole pool, so it is done every now and then; the cheap half after each step.

import { ADDRESSES_PER_PREFIX, formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Attachment, Engine, EngineView } from "../../ipam/types.ts";
import type { NodeLedger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";
import type { Witness } from "./witness.ts";

/** The quirk by which the reference takes addresses away from pods (ipamd.md 10.1). */
const ORPHANING_QUIRK = "10.1#18";
/** Quirks by which its running counters drift. */
const DRIFTING_QUIRKS: readonly string[] = ["10.1#17", "10.1#20"];

export interface Counted {
  readonly name: string;
  readonly instanceId: string;
  readonly engine: Engine;
  readonly ledger: NodeLedger;
}

export class BooksCheck {
  readonly #verdicts: Verdicts;
  readonly #witness: Witness;
  readonly #node: Counted;
  #orphansSeen = 0;

  constructor(verdicts: Verdicts, witness: Witness, node: Counted) {
    this.#verdicts = verdicts;
    this.#witness = witness;
    this.#node = node;
  }

  /** I5, after a step that may have changed the pool: every claim is still held. */
  checkClaims(nowMs: Ms): void {
    const { engine, ledger } = this.#node;
    let lost: Attachment[] | undefined;
    for (const [attachment, address] of ledger.claims) {
      if (engine.addressOf(attachment) !== address) lost = [...(lost ?? []), attachment];
    }
    if (lost !== undefined) this.#judgeLost(lost, nowMs);
  }

  #judgeLost(lost: readonly Attachment[], nowMs: Ms): void {
    const { engine, ledger, name } = this.#node;
    const counted = engine.view(nowMs).quirks.get(ORPHANING_QUIRK) ?? 0;
    const isQuirk = !this.#verdicts.isAsserted("I3") && counted - this.#orphansSeen >= lost.length;
    this.#orphansSeen = counted;
    for (const attachment of lost) {
      const address = formatIpv4(ledger.claims.get(attachment) ?? 0);
      this.#verdicts.demand(isQuirk, "I5", () => `${name}: ${attachment} has lost ${address}, and nobody released it`);
      this.#verdicts.excuse("I3");
      ledger.orphaned(attachment);
    }
  }

  recount(nowMs: Ms): void {
    const { engine, ledger, name, instanceId } = this.#node;
    const view = engine.view(nowMs);
    if (!view.isReady) return;
    this.checkClaims(nowMs);
    const inPool = this.#allocatedInPool(view);
    const demand6 = (holds: boolean, what: () => string) =>
      this.#verdicts.demand(holds, "I6", () => `${name}: ${what()}`);
    for (const [address, attachment] of inPool)
      demand6(ledger.claims.get(attachment) === address, () => `${formatIpv4(address)} is held for ${attachment}`);
    demand6(inPool.size === ledger.claims.size, () => `${inPool.size} allocated, ${ledger.claims.size} handed out`);
    demand6(view.runningAssigned === inPool.size, () => `counts ${view.runningAssigned} allocated, has ${inPool.size}`);
    let saved = 0;
    engine.eachAllocation((attachment, address) => {
      saved++;
      demand6(inPool.get(address) === attachment, () => `the checkpoint gives ${formatIpv4(address)} to ${attachment}`);
    });
    demand6(saved === inPool.size, () => `the checkpoint has ${saved} allocations, the pool ${inPool.size}`);
    for (const [attachment, address] of ledger.claims)
      this.#verdicts.demand(
        this.#witness.isAssigned(instanceId, address),
        "I2",
        () => `${name}: ${formatIpv4(address)} of ${attachment} lies on no ENI of ${instanceId}`,
      );
    this.#recountTotals(view);
  }

  /** I1 within the view: an address stands there once. */
  #allocatedInPool(view: EngineView): Map<Ipv4, Attachment> {
    const found = new Map<Ipv4, Attachment>();
    for (const eni of view.enis)
      for (const cidr of eni.cidrs)
        for (const { address, state, attachment } of cidr.addresses) {
          if (state !== "allocated") continue;
          this.#verdicts.demand(!found.has(address), "I1", () => `${formatIpv4(address)} stands twice in the pool`);
          found.set(address, attachment);
        }
    return found;
  }

  #recountTotals(view: EngineView): void {
    if (DRIFTING_QUIRKS.some((id) => view.quirks.has(id))) {
      this.#verdicts.excuse("I6");
      return;
    }
    const cidrs = view.enis.flatMap((eni) => eni.cidrs);
    const prefixCount = cidrs.filter((cidr) => cidr.isPrefix).length;
    const total = prefixCount * ADDRESSES_PER_PREFIX + (cidrs.length - prefixCount);
    const { name } = this.#node;
    this.#verdicts.demand(
      view.runningTotal === total && view.runningPrefixCount === prefixCount,
      "I6",
      () =>
        `${name}: counts ${view.runningTotal} addresses and ${view.runningPrefixCount} /28s, has ${total} and ${prefixCount}`,
    );
  }
}
