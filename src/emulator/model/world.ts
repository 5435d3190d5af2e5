// The state of the emulated account in one region, and the passage of time in it. Nothing here checks a request: the actions
// do that. Every change goes through `changeEni`, `addEni`, `removeEni` or the address books, so that reads which lag behind
// (instance metadata, outdated describes) can be answered from what was.

import { assert } from "../../base/assert.ts";
import type { Ipv4 } from "../../base/ipv4.ts";
import { ADDRESSES_PER_PREFIX } from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import type { Knobs, MsRange } from "../../catalog/emulator-knobs.ts";
import { DueQueue } from "./due-queue.ts";
import { IdSource, macOf } from "./ids.ts";
import type {
  EniRecord,
  EniVersion,
  ImdsEntry,
  InstanceRecord,
  ReservationRecord,
  SecurityGroupRecord,
  SubnetRecord,
  TrunkAssociation,
  VpcRecord,
} from "./records.ts";

/** A terminated instance stays visible for about an hour (EC2 guide, "Terminate your instance", read 2026-08). */
const TERMINATED_VISIBLE_MS = 3_600_000;

export type DueChange =
  | { readonly kind: "eniAvailable"; readonly eni: EniRecord }
  | { readonly kind: "attached"; readonly eni: EniRecord; readonly attachmentId: string }
  | { readonly kind: "detached"; readonly eni: EniRecord; readonly attachmentId: string }
  | { readonly kind: "running"; readonly instance: InstanceRecord }
  | { readonly kind: "terminated"; readonly instance: InstanceRecord }
  | { readonly kind: "forgotten"; readonly instance: InstanceRecord }
  | {
      readonly kind: "endQuarantine";
      readonly subnet: SubnetRecord;
      readonly base: Ipv4;
      readonly addressCount: number;
    }
  | { readonly kind: "cidrAssociated"; readonly vpc: VpcRecord; readonly associationId: string }
  | { readonly kind: "cidrDisassociated"; readonly vpc: VpcRecord; readonly associationId: string };

export interface WorldOptions {
  readonly region: string;
  readonly accountId: string;
  readonly startWallMs: Ms;
  readonly knobs: Knobs;
  readonly prng: Prng;
}

export interface NewEni {
  readonly id: string;
  readonly index: number;
  readonly subnet: SubnetRecord;
  readonly interfaceType: string;
  readonly primaryAddress: Ipv4;
  readonly version: EniVersion;
  readonly mac?: string | undefined;
  readonly ownerId?: string | undefined;
  readonly requesterId?: string | undefined;
  readonly isRequesterManaged?: boolean | undefined;
  readonly isForeign?: boolean | undefined;
}

export class World {
  readonly region: string;
  readonly accountId: string;
  readonly startWallMs: Ms;
  knobs: Knobs;
  readonly ids: IdSource;
  readonly placementPrng: Prng;
  readonly latencyPrng: Prng;
  readonly statesPrng: Prng;
  readonly imdsPrng: Prng;
  readonly stalenessPrng: Prng;
  readonly foreignPrng: Prng;

  readonly vpcs = new Map<string, VpcRecord>();
  readonly subnets = new Map<string, SubnetRecord>();
  readonly reservations = new Map<string, ReservationRecord>();
  readonly groups = new Map<string, SecurityGroupRecord>();
  readonly instances = new Map<string, InstanceRecord>();
  readonly enis = new Map<string, EniRecord>();
  /** Those in status `available`, in no particular order. */
  readonly availableEnis = new Set<EniRecord>();
  readonly eniByAttachment = new Map<string, EniRecord>();
  readonly trunkAssociations = new Map<string, TrunkAssociation>();
  /** Zone ids by zone name, where the description gave them. */
  readonly zoneIds = new Map<string, string>();
  /** Deleted ENIs that outdated reads still see. */
  readonly ghosts: { readonly eni: EniRecord; readonly deletedMs: Ms }[] = [];
  /** ENIs that no AWS service keeps: what the quota counts. */
  ownEniCount = 0;
  /** `ownEniCount` of the world as described: a quota below it has been raised. */
  startingEniCount = 0;

  /** Told when the ENIs attached to an instance come to hold more or fewer /28s and secondary addresses, at `nowMs`. */
  onHeldChange: ((instanceId: string, prefixCount: number, addressCount: number) => void) | undefined;

  /** Told when something changed that an instance's metadata shows from `fromMs` on, which may be now. */
  onMetadataChange: ((instanceId: string, fromMs: Ms) => void) | undefined;

  readonly due = new DueQueue<DueChange>();
  #nowMs: Ms = 0;
  /** When the caller of the call in hand learns of it: lags count from here. */
  visibleMs: Ms = 0;
  readonly #eniByIndex: (EniRecord | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  #serial = 0;
  readonly #macSalt: number;

  constructor(options: WorldOptions) {
    this.region = options.region;
    this.accountId = options.accountId;
    this.startWallMs = options.startWallMs;
    this.knobs = options.knobs;
    const { prng } = options;
    this.ids = new IdSource(prng.split("ids"), (id) => this.#isKnownId(id));
    this.placementPrng = prng.split("placement");
    this.latencyPrng = prng.split("latency");
    this.statesPrng = prng.split("states");
    this.imdsPrng = prng.split("imds");
    this.stalenessPrng = prng.split("staleness");
    this.foreignPrng = prng.split("foreign");
    this.#macSalt = prng.split("mac").below(256);
  }

  #isKnownId(id: string): boolean {
    return (
      this.enis.has(id) ||
      this.instances.has(id) ||
      this.subnets.has(id) ||
      this.vpcs.has(id) ||
      this.groups.has(id) ||
      this.reservations.has(id) ||
      this.eniByAttachment.has(id) ||
      this.trunkAssociations.has(id)
    );
  }

  // ---------------------------------------------------------------- time

  get nowMs(): Ms {
    return this.#nowMs;
  }

  get nowWallMs(): Ms {
    return this.startWallMs + this.#nowMs;
  }

  /** Moves to `nowMs` (never back) and applies every change that has come due. */
  settle(nowMs: Ms): void {
    for (;;) {
      const atMs = this.due.nextAtMs();
      if (atMs === undefined || atMs > nowMs) break;
      const next = this.due.take();
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.visibleMs = this.#nowMs;
      this.#apply(next.item);
    }
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.visibleMs = this.#nowMs;
  }

  /** One draw from the range, scaled as all delays are. */
  drawDelay(range: MsRange, prng: Prng): Ms {
    return prng.between(range.min, range.max) * this.knobs.latencyScale;
  }

  /** When a state that the call in hand starts is reached; with `asyncStates` off: at once. */
  stateAtMs(range: MsRange): Ms {
    const delay = this.drawDelay(range, this.statesPrng);
    return this.knobs.asyncStates ? Math.max(this.#nowMs + delay, this.visibleMs) : this.#nowMs;
  }

  /** The range that a state change takes, or nothing with `asyncStates` off: then it is applied within the call. */
  schedule(range: MsRange, change: DueChange): void {
    const atMs = this.stateAtMs(range);
    if (atMs <= this.#nowMs) this.#apply(change);
    else this.due.add(atMs, change);
  }

  #apply(change: DueChange): void {
    switch (change.kind) {
      case "eniAvailable":
        // It may have been deleted meanwhile.
        if (change.eni.now.status === "pending" && this.enis.get(change.eni.id) === change.eni)
          this.changeEni(change.eni, { status: "available" });
        return;
      case "attached": {
        const { eni } = change;
        const attachment = eni.now.attachment;
        if (attachment?.id !== change.attachmentId || attachment.status !== "attaching") return;
        this.changeEni(eni, { status: "in-use", attachment: { ...attachment, status: "attached" } });
        return;
      }
      case "detached":
        if (change.eni.now.attachment?.id === change.attachmentId) this.finishDetach(change.eni);
        return;
      case "running":
        if (change.instance.state === "pending") change.instance.state = "running";
        return;
      case "terminated":
        this.finishTermination(change.instance);
        return;
      case "forgotten":
        this.instances.delete(change.instance.id);
        return;
      case "endQuarantine":
        this.noteCount(change.subnet);
        change.subnet.book.endQuarantine(change.base, change.addressCount);
        return;
      case "cidrAssociated":
        for (const block of change.vpc.cidrs) {
          if (block.associationId === change.associationId && block.state === "associating") block.state = "associated";
        }
        return;
      case "cidrDisassociated": {
        const place = change.vpc.cidrs.findIndex((block) => block.associationId === change.associationId);
        if (place > 0) change.vpc.cidrs.splice(place, 1);
        return;
      }
    }
  }

  // ---------------------------------------------------------------- ENIs

  /** A place in the table of ENIs, to take addresses for before `addEni`. Give it back with `dropIndex` otherwise. */
  nextIndex(): number {
    const index = this.#freeIndexes.pop();
    if (index !== undefined) return index;
    this.#eniByIndex.push(undefined);
    return this.#eniByIndex.length - 1;
  }

  dropIndex(index: number): void {
    this.#freeIndexes.push(index);
  }

  nextSerial(): number {
    this.#serial++;
    return this.#serial;
  }

  eniAt(index: number): EniRecord | undefined {
    return this.#eniByIndex[index];
  }

  /** The ENI that holds an address of the subnet, alone or in a prefix. */
  holderOf(subnet: SubnetRecord, address: Ipv4): EniRecord | undefined {
    const index = subnet.book.holderOf(address);
    return index === undefined ? undefined : this.#eniByIndex[index];
  }

  /** Enters an ENI whose addresses its index already holds in the book. */
  addEni(fields: NewEni): EniRecord {
    const serial = this.nextSerial();
    const eni: EniRecord = {
      index: fields.index,
      serial,
      id: fields.id,
      subnet: fields.subnet,
      interfaceType: fields.interfaceType,
      mac: fields.mac ?? macOf(serial, this.#macSalt),
      ownerId: fields.ownerId ?? this.accountId,
      requesterId: fields.requesterId,
      isRequesterManaged: fields.isRequesterManaged ?? false,
      primaryAddress: fields.primaryAddress,
      isForeign: fields.isForeign ?? false,
      createdMs: this.#nowMs,
      now: fields.version,
      past: undefined,
    };
    assert(this.#eniByIndex[fields.index] === undefined, "an index serves one ENI");
    this.#eniByIndex[fields.index] = eni;
    this.enis.set(eni.id, eni);
    eni.subnet.enis.add(eni);
    if (eni.now.status === "available") this.availableEnis.add(eni);
    if (!eni.isRequesterManaged) this.ownEniCount++;
    this.#follow(eni, undefined);
    this.#tellHeld(undefined, eni.now);
    return eni;
  }

  /** Replaces the ENI's version. Address and prefix changes are made in the book by the caller. */
  changeEni(eni: EniRecord, patch: Partial<EniVersion>): void {
    const before = eni.now;
    eni.now = { ...before, ...patch };
    if (eni.now.status === "available") this.availableEnis.add(eni);
    else this.availableEnis.delete(eni);
    if (this.#isStalenessOn()) {
      eni.past = (eni.past ?? []).filter((old) => old.untilMs >= this.#nowMs - this.#staleMsMax());
      eni.past.push({ untilMs: this.#nowMs, version: before });
    }
    this.#follow(eni, before);
    this.#tellHeld(before, eni.now);
  }

  #tellHeld(before: EniVersion | undefined, after: EniVersion): void {
    if (this.onHeldChange === undefined) return;
    const from = before?.attachment?.instanceId;
    const to = after.attachment?.instanceId;
    if (from === to && before?.prefixes === after.prefixes && before.addresses === after.addresses) return;
    if (before !== undefined && from !== undefined) {
      this.onHeldChange(from, -before.prefixes.length, -before.addresses.length);
    }
    if (to !== undefined) this.onHeldChange(to, after.prefixes.length, after.addresses.length);
  }

  /** Frees all that it holds and forgets it. It must not be attached to an instance. */
  removeEni(eni: EniRecord): void {
    assert(eni.now.attachment?.instanceId === undefined, "an attached ENI is not deleted");
    this.noteCount(eni.subnet);
    if (eni.primaryAddress !== 0) this.releaseAddress(eni.subnet, eni.primaryAddress);
    for (const address of eni.now.addresses) this.releaseAddress(eni.subnet, address);
    for (const prefix of eni.now.prefixes) this.releasePrefix(eni.subnet, prefix);
    if (eni.now.attachment !== undefined) this.eniByAttachment.delete(eni.now.attachment.id);
    for (const association of this.trunkAssociations.values()) {
      if (association.branch === eni || association.trunk === eni) this.trunkAssociations.delete(association.id);
    }
    this.enis.delete(eni.id);
    this.availableEnis.delete(eni);
    eni.subnet.enis.delete(eni);
    this.#eniByIndex[eni.index] = undefined;
    this.#freeIndexes.push(eni.index);
    if (!eni.isRequesterManaged) this.ownEniCount--;
    if (this.#isStalenessOn()) {
      while (this.ghosts[0] !== undefined && this.ghosts[0].deletedMs < this.#nowMs - this.#staleMsMax()) {
        this.ghosts.shift();
      }
      this.ghosts.push({ eni, deletedMs: this.#nowMs });
    }
  }

  releaseAddress(subnet: SubnetRecord, address: Ipv4): void {
    const toQuarantine = this.knobs.quarantine > 0;
    subnet.book.releaseAddress(address, { toQuarantine });
    if (toQuarantine) this.#quarantine(subnet, address, 1);
  }

  releasePrefix(subnet: SubnetRecord, prefix: Ipv4): void {
    const toQuarantine = this.knobs.quarantine > 0;
    subnet.book.releasePrefix(prefix, { toQuarantine });
    if (toQuarantine) this.#quarantine(subnet, prefix, ADDRESSES_PER_PREFIX);
  }

  #quarantine(subnet: SubnetRecord, base: Ipv4, addressCount: number): void {
    this.due.add(this.#nowMs + this.knobs.quarantine, { kind: "endQuarantine", subnet, base, addressCount });
  }

  /** The attachment is over: the ENI is available again. */
  finishDetach(eni: EniRecord): void {
    const attachment = eni.now.attachment;
    if (attachment === undefined) return;
    this.eniByAttachment.delete(attachment.id);
    const instance = this.instances.get(attachment.instanceId ?? "");
    this.changeEni(eni, { status: "available", attachment: undefined });
    instance?.enis.delete(eni);
  }

  finishTermination(instance: InstanceRecord): void {
    if (instance.state === "terminated") return;
    instance.state = "terminated";
    instance.terminatedMs = this.#nowMs;
    for (const eni of [...instance.enis]) {
      const isDeleted = eni.now.attachment?.isDeleteOnTermination === true;
      this.finishDetach(eni);
      if (isDeleted) this.removeEni(eni);
    }
    instance.imds.clear();
    instance.imdsVersion++;
    this.onMetadataChange?.(instance.id, this.#nowMs);
    this.due.add(this.#nowMs + TERMINATED_VISIBLE_MS, { kind: "forgotten", instance });
  }

  // ---------------------------------------------------------------- reads that lag behind

  #isStalenessOn(): boolean {
    return this.knobs.describeStalenessProbability > 0 && this.knobs.describeStaleness.max > 0;
  }

  #staleMsMax(): Ms {
    return this.knobs.describeStaleness.max * this.knobs.latencyScale;
  }

  /** The moment whose state one describe call sees: now, or earlier when it meets an outdated replica. */
  drawReadMoment(): Ms {
    if (!this.#isStalenessOn()) return this.#nowMs;
    if (this.stalenessPrng.fraction() >= this.knobs.describeStalenessProbability) return this.#nowMs;
    return this.#nowMs - this.drawDelay(this.knobs.describeStaleness, this.stalenessPrng);
  }

  /** The version of the ENI at a moment; undefined when it did not exist yet. */
  versionAt(eni: EniRecord, atMs: Ms): EniVersion | undefined {
    if (atMs >= this.#nowMs) return eni.now;
    if (eni.createdMs > atMs) return undefined;
    return eni.past?.find((old) => old.untilMs > atMs)?.version ?? eni.now;
  }

  /** Before the subnet's book changes: keeps the count for outdated reads. */
  noteCount(subnet: SubnetRecord): void {
    if (!this.#isStalenessOn()) return;
    const { pastCounts } = subnet;
    while (pastCounts[0] !== undefined && pastCounts[0].untilMs < this.#nowMs - this.#staleMsMax()) pastCounts.shift();
    pastCounts.push({ untilMs: this.#nowMs, count: subnet.book.availableIpAddressCount(this.knobs) });
  }

  countAt(subnet: SubnetRecord, atMs: Ms): number {
    const old = atMs < this.#nowMs ? subnet.pastCounts.find((past) => past.untilMs > atMs) : undefined;
    return old?.count ?? subnet.book.availableIpAddressCount(this.knobs);
  }

  /** Tells instance metadata of what changed, to be seen there after the lag. */
  #follow(eni: EniRecord, before: EniVersion | undefined): void {
    const after = eni.now;
    const hadInstance = shownInstance(before);
    const hasInstance = shownInstance(after);
    if (hadInstance === undefined && hasInstance === undefined) return;
    const isSameToGuest =
      hadInstance === hasInstance &&
      before?.addresses === after.addresses &&
      before.prefixes === after.prefixes &&
      before.groups === after.groups;
    if (isSameToGuest) return;
    const instance = this.instances.get(hasInstance ?? hadInstance ?? "");
    if (instance === undefined) return;
    this.#forgetGone(instance);
    const entries = instance.imds.get(eni) ?? [];
    instance.imds.set(eni, entries);
    instance.imdsVersion++;
    const last = entries.at(-1);
    const lag = this.drawDelay(this.knobs.imdsLag, this.imdsPrng);
    const isNew = hadInstance === undefined;
    const fieldLag = isNew ? this.drawDelay(this.knobs.imdsFieldLag, this.imdsPrng) : 0;
    const stale = hasInstance === undefined ? this.drawDelay(this.knobs.imdsStaleMac, this.imdsPrng) : 0;
    const fromMs = Math.max(this.visibleMs + lag, last?.fromMs ?? 0);
    const entry: ImdsEntry = {
      fromMs,
      fieldsFromMs: Math.max(fromMs + fieldLag, last?.fieldsFromMs ?? 0),
      version: hasInstance === undefined ? undefined : after,
      staleUntilMs: fromMs + stale,
    };
    while (entries[1] !== undefined && entries[1].fromMs <= this.#nowMs) entries.shift();
    entries.push(entry);
    this.onMetadataChange?.(instance.id, entry.fromMs);
    if (entry.fieldsFromMs > entry.fromMs) this.onMetadataChange?.(instance.id, entry.fieldsFromMs);
  }

  /** ENIs that metadata no longer names. */
  #forgetGone(instance: InstanceRecord): void {
    for (const [eni, entries] of instance.imds) {
      const last = entries.at(-1);
      const isGone = last?.version === undefined && (last?.staleUntilMs ?? 0) <= this.#nowMs;
      if (isGone) instance.imds.delete(eni);
    }
  }
}

/** The instance whose metadata shows the ENI: from the attach call to the detach call. */
function shownInstance(version: EniVersion | undefined): string | undefined {
  const attachment = version?.attachment;
  return attachment === undefined || attachment.status === "detaching" ? undefined : attachment.instanceId;
}
