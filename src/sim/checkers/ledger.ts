// Who holds which address, by what was asked and answered: no look into the engine. One book for the fleet, a page for each node.
//
// Claims are what an engine has handed out and not taken back; promises are what its callers were told last. A claim is on
// disk some time later, a promise must be on disk: that is the whole of I5.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Allocation, Attachment } from "../../ipam/types.ts";
import type { Verdicts } from "./verdicts.ts";

/** A change of the claims that is not on disk yet, and the saves that brings it there: one, or a span for a GC. */
export interface Change {
  readonly firstSaveId: number;
  readonly lastSaveId: number;
  readonly attachment: Attachment;
  readonly address: Ipv4;
  readonly isRelease: boolean;
}

export interface Claim {
  readonly node: string;
  readonly attachment: Attachment;
}

export class FleetLedger {
  readonly holders = new Map<Ipv4, Claim>();
}

export class NodeLedger {
  readonly #fleet: FleetLedger;
  readonly #verdicts: Verdicts;
  readonly #name: string;
  readonly claims = new Map<Attachment, Ipv4>();
  /** What the callers were told last; absent while a request of theirs is under way. undefined: that there is none. */
  readonly promises = new Map<Attachment, Ipv4 | undefined>();
  /** When an address was released, by monotonic time. */
  readonly releasedAtMs = new Map<Ipv4, Ms>();
  readonly #latestRequest = new Map<Attachment, number>();
  #changes: Change[] = [];

  constructor(fleet: FleetLedger, verdicts: Verdicts, name: string) {
    this.#fleet = fleet;
    this.#verdicts = verdicts;
    this.#name = name;
  }

  // -------------------------------------------------------------- what callers ask and hear

  asked(attachment: Attachment, requestId: number): void {
    this.promises.delete(attachment);
    this.#latestRequest.set(attachment, requestId);
  }

  /** An answer has reached the caller; only that to the latest request about an attachment says how things are. */
  told(attachment: Attachment, requestId: number, address: Ipv4 | undefined | "unsaid"): void {
    if (this.#latestRequest.get(attachment) !== requestId) return;
    this.#latestRequest.delete(attachment);
    if (address === "unsaid") return;
    const held = this.claims.get(attachment);
    this.#verdicts.demand(
      held === address,
      "I5",
      () => `${this.#name}: ${attachment} is told ${show(address)} and holds ${show(held)}`,
    );
    this.promises.set(attachment, address);
  }

  /** The attachments that this request speaks about. */
  pending(requestId: number): Attachment[] {
    return [...this.#latestRequest].filter(([, latest]) => latest === requestId).map(([attachment]) => attachment);
  }

  // -------------------------------------------------------------- what the engine does

  allocated(change: Omit<Change, "isRelease">): void {
    const { attachment, address } = change;
    const other = this.#fleet.holders.get(address);
    this.#verdicts.demand(
      other === undefined,
      "I1",
      () => `${formatIpv4(address)} goes to ${this.#name}'s ${attachment} and is held by ${show(other)}`,
    );
    this.#verdicts.demand(
      !this.claims.has(attachment),
      "I1",
      () =>
        `${this.#name}: ${attachment} holds ${show(this.claims.get(attachment))} and gets ${formatIpv4(address)} too`,
    );
    this.#claim(attachment, address);
    this.#changes.push({ ...change, isRelease: false });
  }

  released(change: Omit<Change, "isRelease">, nowMs: Ms): void {
    this.drop(change.attachment);
    this.releasedAtMs.set(change.address, nowMs);
    this.#changes.push({ ...change, isRelease: true });
  }

  /** Takes a claim out of the book, and what was promised about it. */
  drop(attachment: Attachment): void {
    const address = this.claims.get(attachment);
    this.claims.delete(attachment);
    if (address !== undefined && this.#fleet.holders.get(address)?.attachment === attachment)
      this.#fleet.holders.delete(address);
    this.promises.delete(attachment);
  }

  /** The pod lost its address behind its back: what is answered about it from now on promises nothing. */
  orphaned(attachment: Attachment): void {
    this.drop(attachment);
    this.#latestRequest.delete(attachment);
  }

  #claim(attachment: Attachment, address: Ipv4): void {
    this.claims.set(attachment, address);
    this.#fleet.holders.set(address, { node: this.#name, attachment });
  }

  // -------------------------------------------------------------- the disk

  saved(saveId: number): void {
    if (this.#changes.length > 0) this.#changes = this.#changes.filter((change) => change.lastSaveId > saveId);
  }

  /** The disk refused: what hung on it is undone. `addressOf`: what the engine holds after it was told. */
  saveFailed(saveId: number, addressOf: (attachment: Attachment) => Ipv4 | undefined): void {
    const failed = this.#changes.filter((change) => change.firstSaveId <= saveId).reverse();
    this.#changes = this.#changes.filter((change) => change.lastSaveId > saveId);
    for (const { attachment, address, isRelease } of failed) {
      const hasNewer = this.#changes.some((change) => change.attachment === attachment);
      const held = addressOf(attachment);
      // Nobody was told of the allocation, so nothing has to rest.
      if (!isRelease && !this.#fleet.holders.has(address)) this.releasedAtMs.delete(address);
      if (!isRelease && !hasNewer && this.claims.get(attachment) === address) {
        this.#verdicts.demand(
          held === undefined,
          "I5",
          () => `${this.#name}: ${attachment} still holds ${show(held)}, which could not be saved`,
        );
        this.drop(attachment);
      } else if (isRelease && held === address && !this.claims.has(attachment)) {
        // Taken back by the pod whose DEL was not written, unless somebody else has it by now.
        const other = this.#fleet.holders.get(address);
        this.#verdicts.demand(other === undefined, "I1", () => `${formatIpv4(address)} went back to two holders`);
        this.releasedAtMs.delete(address);
        this.#claim(attachment, address);
      }
    }
  }

  /** The process died; `disk` is what the next one reads. */
  crashed(disk: readonly Allocation[], isAssigned: (address: Ipv4) => boolean): void {
    const saved = new Map(disk.map(({ attachment, address }) => [attachment, address]));
    for (const [attachment, address] of this.promises) {
      const onDisk = saved.get(attachment);
      this.#verdicts.demand(
        onDisk === address,
        "I5",
        () => `${this.#name}: ${attachment} was told ${show(address)}, and the disk has ${show(onDisk)} after a crash`,
      );
    }
    const promises = new Map(this.promises);
    for (const attachment of [...this.claims.keys()]) this.drop(attachment);
    this.#latestRequest.clear();
    this.#changes = [];
    for (const [attachment, address] of saved) {
      // A release that was not written yet may have freed its prefix before the crash: nobody was told that the pod keeps it.
      if (!isAssigned(address) && promises.get(attachment) === undefined) continue;
      this.releasedAtMs.delete(address);
      this.#claim(attachment, address);
    }
    for (const [attachment, address] of promises) this.promises.set(attachment, address);
  }
}

function show(what: Ipv4 | Claim | undefined): string {
  if (what === undefined) return "none";
  return typeof what === "number" ? formatIpv4(what) : `${what.node}'s ${what.attachment}`;
}
