// The body of the engine: feeds it inputs, starts its effects in order, and holds each reply until the checkpoint that it
// depends on is written. One write is in flight at a time; the saves that arrive meanwhile share the next one.

import { assert, unreachable } from "../base/assert.ts";
import type { Ms } from "../base/units.ts";
import { formatMessage, MESSAGES, type MessageArguments, type MessageId } from "../ipam/messages.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Attachment, Ec2Outcome, Effect, Engine, Input, Outcome, ReplyResult } from "../ipam/types.ts";
import { ec2ApiName } from "../ipam/types.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Ec2 } from "../ports/ec2.ts";
import type { Imds } from "../ports/imds.ts";
import type { Kube } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { Attachments } from "./attachments.ts";
import { CheckpointBuffer } from "./checkpoint-buffer.ts";
import type { EniLinks } from "./eni-links.ts";

export interface HostPorts {
  readonly engine: Engine;
  readonly attachments: Attachments;
  readonly clock: Clock;
  readonly ec2: Ec2;
  readonly imds: Imds;
  /** undefined: no Kubernetes facts. */
  readonly kube: Kube | undefined;
  readonly checkpoint: CheckpointStore;
  readonly log: Log;
  /** Deadline of one EC2 call, in real milliseconds. */
  readonly ec2TimeoutMs: Ms;
  readonly observer: HostObserver;
  /** undefined: the agent has no datapath, and setting up an ENI is nothing to do. */
  readonly enis?: EniLinks | undefined;
}

/** What the metrics want to know. */
export interface HostObserver {
  ec2Call(call: { readonly api: string; readonly outcome: Ec2Outcome; readonly realMs: Ms }): void;
  save(): void;
  checkpointWrite(outcome: "written" | "failed"): void;
  /** An ADD was not answered at once: it waits for an address. */
  addWaits(): void;
  /** It has its answer, after so many real milliseconds. */
  addWaited(outcome: "allocated" | "refused", realMs: Ms): void;
}

type WithoutTime<T> = T extends { readonly nowMs: Ms } ? Omit<T, "nowMs"> : never;
export type TimelessInput = WithoutTime<Input>;

interface Waiter {
  readonly attachment: Attachment;
  readonly decide: (result: ReplyResult) => void;
  readonly resolve: (result: ReplyResult) => void;
  /** An ADD that the engine keeps waiting, and since when. */
  waitsSinceMs: Ms | undefined;
}

interface HeldReply {
  readonly requestId: number;
  readonly after: number;
  readonly result: ReplyResult;
}

export interface Request {
  readonly id: number;
  /**
   * The engine's answer, which may not be saved yet: good for work that can be taken back, not to be told to anybody. When the save
   * fails, the engine undoes it and `result` is a refusal.
   */
  readonly decided: Promise<ReplyResult>;
  readonly result: Promise<ReplyResult>;
}

export class EngineHost {
  readonly #ports: HostPorts;
  readonly #waiters = new Map<number, Waiter>();
  readonly #requestsOf = new Map<Attachment, number>();
  readonly #checkpointBuffer = new CheckpointBuffer();
  #held: HeldReply[] = [];
  #nextRequestId = 1;
  #savesAsked = 0;
  #savesSettled = 0;
  #writing: Promise<void> | undefined;
  #cancelWake: (() => void) | undefined;
  #wakeAtMs: Ms | undefined;
  readonly #inputs: TimelessInput[] = [];
  #isFeeding = false;
  #wallOffsetMs: Ms;
  #isReady = false;
  /** The engine threw: it is fed nothing more, and nothing more is written. */
  #isBroken = false;

  /** Settles when the first pool is there. Rejects with `BootFailure` when the engine asks to exit. */
  readonly ready: Promise<void>;
  /** Rejects when the engine asks to exit or breaks; never resolves. */
  readonly failed: Promise<never>;
  #resolveReady!: () => void;
  #reject!: (error: Error) => void;

  constructor(ports: HostPorts) {
    this.#ports = ports;
    this.#wallOffsetMs = ports.clock.wallMs() - ports.clock.nowMs();
    this.failed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.ready = Promise.race([
      new Promise<void>((resolve) => {
        this.#resolveReady = resolve;
      }),
      this.failed,
    ]);
    // Whoever waits hears of it; a rejection that nobody waits for yet must not end the process by itself.
    this.failed.catch(() => {});
    this.ready.catch(() => {});
  }

  /** Wall time = monotonic time + this; as the engine knows it. */
  get wallOffsetMs(): Ms {
    return this.#wallOffsetMs;
  }

  /** The checkpoint is restored and the first pool is there. */
  get isReady(): boolean {
    return this.#isReady;
  }

  // -------------------------------------------------------------- requests

  /** The answer may come at once or at any later moment up to the deadline. */
  allocate(attachment: Attachment, deadlineMs: Ms): Request {
    const startedMs = this.#ports.clock.nowMs();
    const request = this.#request(attachment, (requestId) => ({ kind: "allocate", requestId, attachment, deadlineMs }));
    const waiter = this.#waiters.get(request.id);
    if (waiter !== undefined && !this.#isAnswered(request.id)) {
      waiter.waitsSinceMs = startedMs;
      this.#ports.observer.addWaits();
    }
    return request;
  }

  release(attachment: Attachment): Request {
    return this.#request(attachment, (requestId) => ({ kind: "release", requestId, attachment }));
  }

  /** Releases every attachment that is not among these. */
  collect(valid: readonly Attachment[]): Request {
    return this.#request(0, (requestId) => ({ kind: "validAttachments", requestId, attachments: valid }));
  }

  /** The caller of an unanswered request is gone. */
  abandon(requestId: number): void {
    if (this.#waiters.has(requestId)) this.feed({ kind: "abandoned", requestId });
  }

  #request(attachment: Attachment, input: (requestId: number) => TimelessInput): Request {
    const id = this.#nextRequestId++;
    let decide!: (result: ReplyResult) => void;
    const decided = new Promise<ReplyResult>((resolve) => {
      decide = resolve;
    });
    const result = new Promise<ReplyResult>((resolve) => {
      this.#waiters.set(id, { attachment, decide, resolve, waitsSinceMs: undefined });
    });
    if (attachment !== 0) this.#requestsOf.set(attachment, (this.#requestsOf.get(attachment) ?? 0) + 1);
    this.feed(input(id));
    return { id, decided, result };
  }

  #deliver(requestId: number, result: ReplyResult): void {
    const waiter = this.#waiters.get(requestId);
    if (waiter === undefined) return;
    this.#waiters.delete(requestId);
    const { attachment } = waiter;
    if (attachment !== 0) {
      const others = (this.#requestsOf.get(attachment) ?? 1) - 1;
      if (others > 0) this.#requestsOf.set(attachment, others);
      else {
        this.#requestsOf.delete(attachment);
        // Before the checkpoint is restored, an attachment of its may have been refused and still hold an address.
        if (this.#isReady) this.#forgetUnused(attachment);
      }
    }
    waiter.decide(result);
    waiter.resolve(result);
    // Names of what an unsaved GC released are still needed: a failed save takes those allocations back.
    if (result.kind === "collected" && this.#savesSettled === this.#savesAsked) this.sweep();
  }

  /** Drops the strings of attachments that hold nothing and have no request under way. */
  sweep(): void {
    for (const [attachment] of [...this.#ports.attachments.entries()]) {
      if (!this.#requestsOf.has(attachment)) this.#forgetUnused(attachment);
    }
  }

  #forgetUnused(attachment: Attachment): void {
    const { attachments, engine } = this.#ports;
    if (engine.addressOf(attachment) !== undefined || engine.isOnDiskOnly(attachment)) return;
    attachments.forget(attachment);
    this.#checkpointBuffer.forget(attachment);
  }

  // -------------------------------------------------------------- the loop

  feed(input: TimelessInput): void {
    if (this.#isBroken) return;
    this.#inputs.push(input);
    if (this.#isFeeding) return;
    this.#isFeeding = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        const stamped = { ...next, nowMs: this.#ports.clock.nowMs() } as Input;
        for (const effect of this.#ports.engine.step(stamped)) this.#start(effect);
      }
    } catch (error) {
      this.#break(error);
      return;
    } finally {
      this.#isFeeding = false;
    }
    this.#scheduleWake();
  }

  /** A broken assertion: nothing is answered from a state that may be wrong. The checkpoint is what it was. */
  #break(error: unknown): void {
    this.#isBroken = true;
    this.#inputs.length = 0;
    this.#reject(error instanceof Error ? error : new Error(String(error)));
  }

  #scheduleWake(): void {
    const atMs = this.#ports.engine.wakeAt();
    if (atMs === this.#wakeAtMs) return;
    this.#cancelWake?.();
    this.#wakeAtMs = atMs;
    if (atMs === undefined) {
      this.#cancelWake = undefined;
      return;
    }
    this.#cancelWake = this.#ports.clock.at(atMs, () => {
      this.#wakeAtMs = undefined;
      this.#checkWallClock();
      this.feed({ kind: "wake" });
    });
  }

  /** A step of the wall clock of more than this is told to the engine. */
  static readonly CLOCK_STEP_MS = 1_000;

  #checkWallClock(): void {
    const { clock } = this.#ports;
    const wallOffsetMs = clock.wallMs() - clock.nowMs();
    if (Math.abs(wallOffsetMs - this.#wallOffsetMs) < EngineHost.CLOCK_STEP_MS * clock.rate) return;
    this.#wallOffsetMs = wallOffsetMs;
    this.feed({ kind: "clockStepped", wallOffsetMs });
  }

  #start(effect: Effect): void {
    switch (effect.kind) {
      case "reply":
        this.#noteWait(effect.requestId, effect.result);
        if (effect.after <= this.#savesSettled) this.#deliver(effect.requestId, effect.result);
        else {
          this.#held.push(effect);
          this.#waiters.get(effect.requestId)?.decide(effect.result);
        }
        return;
      case "ec2":
        void this.#callEc2(effect);
        return;
      case "observe":
        this.#complete(effect.id, this.#observe(effect.what));
        return;
      case "setUpEni":
        this.#complete(effect.id, this.#setUpEni(effect));
        return;
      case "tearDownEni":
        this.#complete(effect.id, this.#tearDownEni(effect));
        return;
      case "save":
        assert(effect.saveId > this.#savesAsked, "saves are numbered upward");
        this.#savesAsked = effect.saveId;
        this.#ports.observer.save();
        this.#write();
        return;
      case "announce":
        this.#complete(effect.id, this.#announce(effect.feature, effect.value));
        return;
      case "event":
        void this.#emit(effect);
        return;
      case "log":
        this.#log(effect.message, effect.args);
        return;
      case "ready":
        this.#isReady = true;
        this.#resolveReady();
        return;
      case "exit":
        this.#reject(new BootFailure(effect.reason, effect.message));
        return;
      default:
        unreachable(effect);
    }
  }

  /** The engine has answered an ADD that waited; what is left is the checkpoint. */
  #noteWait(requestId: number, result: ReplyResult): void {
    const waiter = this.#waiters.get(requestId);
    if (waiter?.waitsSinceMs === undefined) return;
    const { clock, observer } = this.#ports;
    const realMs = (clock.nowMs() - waiter.waitsSinceMs) / clock.rate;
    observer.addWaited(result.kind === "allocated" ? "allocated" : "refused", realMs);
    waiter.waitsSinceMs = undefined;
  }

  #isAnswered(requestId: number): boolean {
    return !this.#waiters.has(requestId) || this.#held.some((reply) => reply.requestId === requestId);
  }

  #complete(id: number, outcome: Promise<Outcome>): void {
    outcome
      .catch((error: unknown): Outcome => ({ kind: "failed", message: messageOf(error) }))
      .then((result) => this.feed({ kind: "completed", id, outcome: result }));
  }

  async #callEc2({ id, intention }: Extract<Effect, { kind: "ec2" }>): Promise<void> {
    const { clock, ec2, observer, ec2TimeoutMs } = this.#ports;
    const startedMs = clock.nowMs();
    const result = await ec2.call(intention, { timeoutMs: ec2TimeoutMs });
    const realMs = (clock.nowMs() - startedMs) / clock.rate;
    observer.ec2Call({ api: ec2ApiName(intention.action), outcome: result, realMs });
    this.feed({ kind: "completed", id, outcome: { kind: "ec2", result } });
  }

  async #setUpEni({ eni, routeTableId }: Extract<Effect, { kind: "setUpEni" }>): Promise<Outcome> {
    const { clock, engine, enis } = this.#ports;
    if (enis !== undefined) {
      const isTrunk = engine.view(clock.nowMs()).enis.some((one) => one.eniId === eni.eniId && one.isTrunk);
      await enis.setUp(eni, { routeTableId, isTrunk });
    }
    return { kind: "ok" };
  }

  async #tearDownEni(eni: Extract<Effect, { kind: "tearDownEni" }>): Promise<Outcome> {
    await this.#ports.enis?.tearDown(eni);
    return { kind: "ok" };
  }

  async #observe(what: "enis" | "securityGroups"): Promise<Outcome> {
    const { imds } = this.#ports;
    if (what === "enis") {
      const enis = await imds.enis();
      this.#ports.enis?.seen(enis);
      return { kind: "enis", enis };
    }
    return { kind: "securityGroups", securityGroupIds: await imds.securityGroupIds() };
  }

  async #announce(name: string, value: string): Promise<Outcome> {
    const { kube } = this.#ports;
    if (kube === undefined) return { kind: "failed", message: "no Kubernetes facts: set SLASH28_FACTS" };
    await kube.announceFeature({ name, value });
    return { kind: "ok" };
  }

  async #emit({ reason, action, message }: Extract<Effect, { kind: "event" }>): Promise<void> {
    try {
      await this.#ports.kube?.emitEvent({ type: "Warning", reason, action, message });
    } catch (error) {
      this.#ports.log.write({
        level: "warn",
        caller: "agent/engine-host.ts",
        message: `Could not record the event ${reason}: ${messageOf(error)}`,
      });
    }
  }

  // -------------------------------------------------------------- the checkpoint

  #write(): void {
    if (this.#writing !== undefined || this.#isBroken) return;
    this.#writing = this.#writeSoon();
  }

  /** After this turn of the event loop: what was decided in it is begun first, and saves asked in it share the write. */
  async #writeSoon(): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const saveId = this.#savesAsked;
    const bytes = this.#checkpointBytes();
    if (bytes === undefined) return;
    try {
      await this.#ports.checkpoint.write(bytes);
    } catch (error) {
      this.#writeFailed(saveId, messageOf(error));
      return;
    }
    this.#written(saveId);
  }

  /** undefined: what would be written is wrong, and nothing is written any more. */
  #checkpointBytes(): Uint8Array | undefined {
    if (this.#isBroken) return undefined;
    const { attachments, engine } = this.#ports;
    const bytes = this.#checkpointBuffer;
    try {
      bytes.start();
      engine.eachAllocation((attachment, address, wallMs, nsRest) => {
        bytes.add(attachments.textOf(attachment), { attachment, address, wallMs, nsRest });
      });
      return bytes.finish();
    } catch (error) {
      this.#break(error);
      return undefined;
    }
  }

  #written(saveId: number): void {
    this.#writing = undefined;
    this.#savesSettled = saveId;
    this.#ports.observer.checkpointWrite("written");
    const due = this.#held.filter((reply) => reply.after <= saveId);
    this.#held = this.#held.filter((reply) => reply.after > saveId);
    this.feed({ kind: "saved", saveId });
    for (const reply of due) this.#deliver(reply.requestId, reply.result);
    if (this.#savesAsked > saveId) this.#write();
  }

  #writeFailed(saveId: number, message: string): void {
    this.#writing = undefined;
    this.#savesSettled = saveId;
    this.#ports.observer.checkpointWrite("failed");
    const dropped = this.#held.filter((reply) => reply.after <= saveId);
    this.#held = this.#held.filter((reply) => reply.after > saveId);
    this.feed({ kind: "saveFailed", saveId, message });
    // The engine answers what it undid; a repeated ADD, or a DEL of nothing, waited for the same write and undoes nothing.
    for (const { requestId } of dropped) {
      if (this.#isAnswered(requestId)) continue;
      this.#deliver(requestId, { kind: "refused", reason: "checkpoint-unwritable", message, retryAfterMs: undefined });
    }
    if (this.#savesAsked > saveId) this.#write();
  }

  // -------------------------------------------------------------- the log

  /** A line of the agent's own, from the same table as the engine's. */
  say<Id extends MessageId>(message: Id, ...args: MessageArguments<Id>): void {
    this.#log(message, args);
  }

  #log(message: MessageId, args: Extract<Effect, { kind: "log" }>["args"]): void {
    const { level, caller } = MESSAGES[message];
    const { log, attachments } = this.#ports;
    log.write({
      level,
      caller,
      message: formatMessage(message, args, (attachment) => attachments.textOf(attachment)),
    });
  }

  // -------------------------------------------------------------- the end

  /**
   * Waits until nothing is unanswered, no write is under way and `isIdle` says so of everything else, at most `limitMs` of real
   * time. True when all is done.
   */
  async drain(limitMs: Ms, isIdle: () => boolean): Promise<boolean> {
    const { clock } = this.#ports;
    const untilMs = clock.nowMs() + limitMs * clock.rate;
    while (this.#waiters.size > 0 || this.#writing !== undefined || !isIdle()) {
      if (clock.nowMs() >= untilMs) return false;
      await new Promise<void>((resolve) => {
        clock.at(clock.nowMs() + 5 * clock.rate, resolve);
      });
    }
    return true;
  }

  /** No wake-ups after this. */
  stop(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
  }
}

/** The engine gave up its start, as the reference's process does: exit status 1. */
export class BootFailure extends Error {
  override readonly name = "BootFailure";
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
