// The IPAM engine: inputs in, effects out. It runs operations side by side, answers ADD and DEL from the pool, and keeps what
// a failed checkpoint write must undo. It reads no clock, opens nothing, and draws only from its seed.

import { assert, unreachable } from "../base/assert.ts";
import { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { STORE_ERRORS } from "./messages.ts";
import { Node, type WaitingAdd } from "./node.ts";
import type { Outlook, Policy } from "./policies/policy.ts";
import { Slash28 } from "./policies/slash28/policy.ts";
import { vpcCni } from "./policies/vpc-cni/policy.ts";
import { ALLOCATED, type PoolAddress } from "./pool/pool.ts";
import type { Reason } from "./reasons.ts";
import { Tasks } from "./tasks.ts";
import type { Allocation, Attachment, Effect, Engine, EngineOptions, EngineView, Input, PolicyId } from "./types.ts";
import type { Unsaved, UnsavedChange } from "./unsaved.ts";
import { viewOf } from "./view.ts";

const POLICIES: Readonly<Record<PolicyId, () => Policy>> = { "vpc-cni": () => vpcCni, slash28: () => new Slash28() };

export function createEngine(options: EngineOptions): Engine {
  return new IpamEngine(options);
}

class IpamEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #policy: Policy;
  #node: Node | undefined;
  readonly #tasks = new Tasks();
  readonly #refusals = new Map<Reason, number>();
  #unsaved: Unsaved[] = [];
  /** Released for good, though the disk did not take it: until a write succeeds it would give them their address back. */
  readonly #onDiskOnly = new Set<Attachment>();
  /** Effects of inputs before `started`. */
  #early: Effect[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#policy = POLICIES[options.policy]();
  }

  step(input: Input): readonly Effect[] {
    const node = this.#node;
    if (node === undefined) return this.#beforeStart(input);
    assert(input.nowMs >= node.nowMs, "time never goes back");
    node.nowMs = input.nowMs;
    if (node.effects.length > 0) node.effects = [];
    this.#take(node, input);
    this.#tasks.runDue(node);
    // What an operation brought may serve an ADD that waits, and that may wake an operation.
    while (node.waiting.length > 0 && this.#serveWaiting(node)) this.#tasks.runDue(node);
    return node.effects;
  }

  #beforeStart(input: Input): readonly Effect[] {
    this.#early = [];
    if (input.kind === "started") {
      const node = new Node({
        settings: this.#options.settings,
        facts: input.facts,
        bootId: input.bootId,
        seed: new Prng(this.#options.seed).split(input.facts.instanceId),
        nowMs: input.nowMs,
        wallOffsetMs: input.wallOffsetMs,
        logLevel: this.#options.logLevel,
        savesAtOnce: this.#options.savesAtOnce === true,
        spawn: (operation) => this.#tasks.spawn(operation),
      });
      this.#node = node;
      this.#tasks.spawn(this.#policy.boot(node, input));
      this.#tasks.runDue(node);
      return node.effects;
    }
    if (input.kind === "allocate" || input.kind === "release" || input.kind === "validAttachments") {
      this.#early.push(refusal(input.requestId, "starting", "the agent is starting"));
    }
    return this.#early;
  }

  #take(node: Node, input: Input): void {
    switch (input.kind) {
      case "started":
        throw new Error("the engine was started before");
      case "allocate":
        this.#allocate(node, input);
        return;
      case "release":
        this.#release(node, input.requestId, input.attachment);
        return;
      case "abandoned":
        // What was answered already the runtime takes back by DEL.
        this.#giveUp(node, (add) => add.requestId === input.requestId);
        return;
      case "validAttachments":
        this.#collect(node, input.requestId, new Set(input.attachments));
        return;
      case "wake":
        return;
      case "completed":
        this.#tasks.completed(node, input.id, input.outcome);
        return;
      case "saved":
        this.#forgetSaved(input.saveId);
        if (this.#onDiskOnly.size > 0) this.#onDiskOnly.clear();
        return;
      case "saveFailed":
        this.#undo(node, input.saveId, input.message);
        return;
      case "podsBound":
        node.boundPodCount = input.count;
        node.factsVersion++;
        return;
      case "nodeChanged":
        node.state = input.state;
        node.factsVersion++;
        return;
      case "metadataChanged":
        node.metadataVersion++;
        this.#tasks.metadataChanged(node);
        return;
      case "clockStepped":
        node.log("clockStepped", input.wallOffsetMs - node.wallOffsetMs);
        node.wallOffsetMs = input.wallOffsetMs;
        return;
      case "stopping":
        node.isStopping = true;
        node.factsVersion++;
        node.log("shutdown");
        return;
      default:
        unreachable(input);
    }
  }

  // -------------------------------------------------------------- ADD, DEL, GC

  #allocate(node: Node, add: Extract<Input, { readonly kind: "allocate" }>): void {
    const { requestId, attachment, deadlineMs } = add;
    assert(attachment > 0, "an attachment is a positive integer");
    if (node.pool.addressOf(attachment) === undefined) {
      this.#policy.arrived(node);
      // Those that wait come first: an address may have cooled at this very moment.
      if (node.waiting.length > 0) this.#serveWaiting(node);
    }
    if (node.isReady && this.#serve(node, requestId, attachment)) return;
    const outlook = this.#policy.outlook(node);
    if (comesInTime(outlook, deadlineMs)) {
      node.waiting.push({ requestId, attachment, deadlineMs });
      node.factsVersion++;
    } else this.#refuseForLack(node, requestId, attachment, outlook);
  }

  #refuseForLack(node: Node, requestId: number, attachment: Attachment, outlook: Outlook): void {
    if (node.isReady) {
      node.count("awscni_no_available_ip_addresses", "");
      // Without the agent's end there might have been one: who reads the log must not take it for exhaustion.
      if (outlook.reason !== "stopping") node.log("noAddressAvailable");
    }
    this.#refuse(node, requestId, attachment, outlook.reason, outlook.retryAfterMs);
  }

  /** Hands an address to the attachment, or the one that it has; false when there is none. */
  #serve(node: Node, requestId: number, attachment: Attachment): boolean {
    const held = node.pool.addressOf(attachment);
    if (held !== undefined) {
      node.log("duplicateAssign", attachment);
      this.#replyAllocated(node, requestId, attachment, held, { isRepeat: true });
      return true;
    }
    node.log("assignStats", node.pool.runningTotal, node.pool.runningAllocated);
    const at = this.#policy.chooseAddress(node);
    if (at === undefined) return false;
    const { cidr, offset } = at;
    assert(!cidr.eni.isExcluded, "no pod is placed on an excluded ENI");
    assert(!cidr.isCooling(offset, node.nowMs, node.settings.cooldownMs), "I4: a cooling address is not handed out");
    const wallMs = Math.floor(node.wallMs);
    node.pool.allocate(at, attachment, wallMs, Math.floor((node.wallMs - wallMs) * 1e6));
    node.log("assigned", cidr.base + offset, attachment, attachment);
    this.#save(node, requestId, "allocate", attachment, at);
    this.#replyAllocated(node, requestId, attachment, at, { isRepeat: false });
    return true;
  }

  /** In the order of their coming. True when the pool changed; what cannot be served in time is refused. */
  #serveWaiting(node: Node): boolean {
    let hasServed = false;
    for (let add = node.waiting[0]; node.isReady && add !== undefined; add = node.waiting[0]) {
      if (!this.#serve(node, add.requestId, add.attachment)) break;
      node.waiting.shift();
      hasServed = true;
    }
    if (hasServed) node.factsVersion++;
    if (node.waiting.length === 0) return hasServed;
    const outlook = this.#policy.outlook(node);
    const isLost = ({ deadlineMs }: WaitingAdd): boolean =>
      deadlineMs <= node.nowMs || !comesInTime(outlook, deadlineMs);
    const lost = node.waiting.filter(isLost);
    if (lost.length === 0) return hasServed;
    node.waiting = node.waiting.filter((add) => !isLost(add));
    node.factsVersion++;
    for (const { requestId, attachment } of lost) this.#refuseForLack(node, requestId, attachment, outlook);
    return true;
  }

  /** Ends the waiting of ADDs that nobody waits for any more. */
  #giveUp(node: Node, isGone: (add: WaitingAdd) => boolean): void {
    if (node.waiting.length === 0) return;
    const gone = node.waiting.filter(isGone);
    if (gone.length === 0) return;
    node.waiting = node.waiting.filter((add) => !isGone(add));
    node.factsVersion++;
    for (const { requestId, attachment } of gone) {
      this.#refuse(node, requestId, attachment, "invalid-request", undefined);
    }
  }

  #replyAllocated(
    node: Node,
    requestId: number,
    attachment: Attachment,
    { cidr, offset }: PoolAddress,
    { isRepeat }: { readonly isRepeat: boolean },
  ): void {
    node.effects.push({
      kind: "reply",
      requestId,
      after: this.#waitForUnsaved(node, requestId, attachment),
      result: {
        kind: "allocated",
        attachment,
        address: cidr.base + offset,
        deviceNumber: cidr.eni.deviceNumber,
        routeTableId: cidr.eni.routeTableId,
        isRepeat,
      },
    });
  }

  /**
   * The save that a reply without a change of its own has to wait for: what it says may hang on changes not written yet. With
   * an attachment that has such a change it is that one's save: were it a later one, it could be written after the change
   * itself has failed and been undone.
   */
  #waitForUnsaved(node: Node, requestId: number, attachment?: Attachment): number {
    const last = this.#unsaved.at(-1);
    if (last === undefined) return 0;
    if (last.kind !== "reply" && last.requestId === requestId && last.attachment === attachment) return last.saveId;
    const own = this.#unsaved.findLast((change) => change.kind !== "reply" && change.attachment === attachment);
    const saveId = own?.saveId ?? node.lastSaveId;
    // Written down, so that it is answered again when that save fails.
    if (last.requestId !== requestId) this.#unsaved.push({ saveId, requestId, kind: "reply" });
    return saveId;
  }

  #refuse(node: Node, requestId: number, attachment: Attachment, reason: Reason, retryAfterMs: Ms | undefined): void {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
    node.log("refused", attachment, reason);
    const message = reason === "stopping" ? "the agent is stopping" : STORE_ERRORS.noAddressAvailable;
    node.effects.push(refusal(requestId, reason, message, retryAfterMs));
  }

  #release(node: Node, requestId: number, attachment: Attachment): void {
    // Before the checkpoint is restored, "unknown" would be a lie that the runtime believes.
    if (!node.isReady) {
      node.effects.push(refusal(requestId, "starting", "the agent is starting"));
      return;
    }
    this.#giveUp(node, (add) => add.attachment === attachment);
    const at = node.pool.release(attachment, node.nowMs);
    if (at === undefined) {
      node.log("releaseUnknown", attachment);
      const after = this.#onDiskOnly.has(attachment)
        ? this.#saveFor(node, requestId)
        : this.#waitForUnsaved(node, requestId, attachment);
      node.effects.push({ kind: "reply", requestId, after, result: { kind: "unknownAttachment", attachment } });
      return;
    }
    const { cidr, offset } = at;
    const { deviceNumber, routeTableId } = cidr.eni;
    const address = cidr.base + offset;
    this.#logReleased(node, attachment, address, deviceNumber);
    const after = this.#save(node, requestId, "release", attachment, at);
    node.effects.push({
      kind: "reply",
      requestId,
      after,
      result: { kind: "released", attachment, address, deviceNumber, routeTableId },
    });
    this.#policy.released(node, at);
  }

  #logReleased(node: Node, attachment: Attachment, address: number, deviceNumber: number): void {
    node.log("released", attachment, address, deviceNumber);
    const cooldownMs = node.settings.cooldownMs;
    if (node.isLogged("coolingStarted")) node.log("coolingStarted", address, cooldownMs, node.wallMs + cooldownMs);
  }

  #collect(node: Node, requestId: number, valid: ReadonlySet<Attachment>): void {
    if (!node.isReady) {
      node.effects.push(refusal(requestId, "starting", "the agent is starting"));
      return;
    }
    const stale = [...node.pool.allocations()].map(([attachment]) => attachment).filter((one) => !valid.has(one));
    for (const attachment of stale) {
      const at = node.pool.release(attachment, node.nowMs)!;
      this.#logReleased(node, attachment, at.cidr.base + at.offset, at.cidr.eni.deviceNumber);
      this.#save(node, requestId, "release", attachment, at);
      this.#policy.released(node, at);
    }
    node.log("collected", stale.length);
    const after = this.#waitForUnsaved(node, requestId);
    node.effects.push({ kind: "reply", requestId, after, result: { kind: "collected", releasedCount: stale.length } });
  }

  /** A save of its own for a reply that changes nothing. */
  #saveFor(node: Node, requestId: number): number {
    const saveId = node.save();
    this.#unsaved.push({ saveId, requestId, kind: "reply" });
    return saveId;
  }

  /**
   * Asks for the change's save, whose id comes back. Until it is on disk, what it is about does not go back to EC2: the disk
   * could still give it to the pod.
   */
  #save(node: Node, requestId: number, kind: UnsavedChange["kind"], attachment: Attachment, at: PoolAddress): number {
    const saveId = node.save();
    if (saveId === 0) return 0;
    at.cidr.unsavedCount++;
    this.#unsaved.push({ saveId, requestId, kind, attachment, at });
    return saveId;
  }

  /** In place: this runs for each save, and mostly none is left. */
  #forgetSaved(saveId: number): void {
    const unsaved = this.#unsaved;
    let keptCount = 0;
    for (const change of unsaved) {
      if (change.saveId > saveId) unsaved[keptCount++] = change;
      else if (change.kind !== "reply") change.at.cidr.unsavedCount--;
    }
    unsaved.length = keptCount;
  }

  /** The disk refused: the newest change is undone first, and each request is answered again. */
  #undo(node: Node, saveId: number, message: string): void {
    const lost = this.#unsaved.filter((change) => change.saveId <= saveId);
    this.#unsaved = this.#unsaved.filter((change) => change.saveId > saveId);
    node.log("saveFailed", lost.length, message);
    const answered = new Set<number>();
    for (const change of lost.reverse()) {
      if (change.kind !== "reply") change.at.cidr.unsavedCount--;
      // Released and asked for again since, the attachment holds another address, whose own save has not failed.
      if (change.kind === "allocate" && node.pool.addressOf(change.attachment) === change.at)
        node.pool.undoAllocate(change.attachment);
      else if (change.kind === "release") this.#undoRelease(node, change);
      if (answered.has(change.requestId)) continue;
      answered.add(change.requestId);
      this.#refusals.set("checkpoint-unwritable", (this.#refusals.get("checkpoint-unwritable") ?? 0) + 1);
      node.effects.push(refusal(change.requestId, "checkpoint-unwritable", message));
    }
  }

  #undoRelease(node: Node, { attachment, at }: UnsavedChange): void {
    const { cidr, offset } = at;
    // Without a cooldown somebody else may have it by now, and a reconcile may have dropped its CIDR: then it stays released.
    if (node.pool.addressOf(attachment) !== undefined) return;
    if (cidr.eni.cidrs[cidr.index] !== cidr || cidr.states[offset] === ALLOCATED) {
      this.#onDiskOnly.add(attachment);
      return;
    }
    node.pool.allocate(at, attachment, cidr.allocatedWallMsAt(offset), cidr.allocatedNsRestAt(offset));
  }

  // -------------------------------------------------------------- looking in

  wakeAt(): Ms | undefined {
    let atMs = this.#tasks.wakeAtMs;
    const waiting = this.#node?.waiting;
    if (waiting !== undefined && waiting.length > 0) {
      for (const { deadlineMs } of waiting) if (deadlineMs < atMs) atMs = deadlineMs;
    }
    return atMs === Number.POSITIVE_INFINITY ? undefined : atMs;
  }

  allocations(): Allocation[] {
    const found: Allocation[] = [];
    this.eachAllocation((attachment, address, allocatedWallMs, allocatedNsRest) => {
      found.push({ attachment, address, allocatedWallMs, allocatedNsRest });
    });
    return found;
  }

  eachAllocation(visit: (attachment: Attachment, address: number, wallMs: number, nsRest: number) => void): void {
    this.#node?.pool.eachAllocation((attachment, { cidr, offset }) => {
      visit(attachment, cidr.base + offset, cidr.allocatedWallMsAt(offset), cidr.allocatedNsRestAt(offset));
    });
  }

  addressOf(attachment: Attachment): number | undefined {
    const at = this.#node?.pool.addressOf(attachment);
    return at === undefined ? undefined : at.cidr.base + at.offset;
  }

  isOnDiskOnly(attachment: Attachment): boolean {
    return this.#onDiskOnly.has(attachment);
  }

  view(nowMs: Ms): EngineView {
    return viewOf(this.#node, this.#refusals, nowMs);
  }

  checkBooks(): void {
    this.#node?.pool.checkBooks();
  }
}

function comesInTime({ comesAtMs }: Outlook, deadlineMs: Ms): boolean {
  return comesAtMs !== undefined && comesAtMs <= deadlineMs;
}

function refusal(requestId: number, reason: Reason, message: string, retryAfterMs?: Ms): Effect {
  return { kind: "reply", requestId, after: 0, result: { kind: "refused", reason, message, retryAfterMs } };
}
