// The body of one node in a run: feeds the engine, starts its effects in order, holds replies until their save is written, and
// misbehaves as the rates say. It may die between any two effects, and starts again from its disk.

import { unreachable } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import { type Ms, SECOND_MS } from "../../base/units.ts";
import type {
  Allocation,
  Effect,
  Engine,
  Input,
  NodeFacts,
  NodeState,
  Outcome,
  ReplyResult,
} from "../../ipam/types.ts";
import type { NodeChecks } from "../checkers/node-checks.ts";
import type { Ec2Line } from "./ec2-line.ts";
import type { FaultRates } from "./faults.ts";
import type { MetadataLine } from "./metadata-line.ts";
import { START_WALL_MS } from "./plan.ts";
import type { Story } from "./story.ts";
import type { Timeline } from "./timeline.ts";

export type Reply = Extract<Effect, { kind: "reply" }>;
type WithoutTime<T> = T extends unknown ? Omit<T, "nowMs"> : never;
export type TimelessInput = WithoutTime<Input>;

/** Who hears of the node: the runtime that calls it. */
export interface BodyListener {
  answered(requestId: number, result: ReplyResult): void;
  started(): void;
  /** Every request under way has failed. */
  died(): void;
}

export interface BodyOptions {
  readonly name: string;
  readonly index: number;
  readonly facts: NodeFacts;
  readonly prng: Prng;
  readonly timeline: Timeline;
  readonly story: Story;
  readonly ec2: Ec2Line;
  readonly metadata: MetadataLine;
  readonly newEngine: () => Engine;
  readonly restartMsMin: Ms;
  /** Counts a step of the engine. */
  readonly onStep: () => void;
}

interface Write {
  readonly saveId: number;
  readonly snapshot: Allocation[];
}

export class NodeBody {
  readonly name: string;
  readonly index: number;
  readonly #options: BodyOptions;
  readonly #prng: Prng;
  rates: FaultRates;
  checks: NodeChecks | undefined;
  listener: BodyListener | undefined;
  engine: Engine;
  isAlive = false;
  isReady = false;
  /** Wall time = virtual time + this. */
  wallOffsetMs: Ms = START_WALL_MS;
  state: NodeState;
  disk: Allocation[] | undefined;
  diskFullUntilMs: Ms = 0;
  crashCount = 0;
  /** Counts its starts: what an earlier life asked for comes back to nobody. */
  #life = 0;
  #exitCount = 0;
  #wakeAtMs: Ms | undefined;
  #unsavedUpTo = 0;
  #savedUpTo = 0;
  #write: Write | undefined;
  #held: Reply[] = [];

  constructor(options: BodyOptions, rates: FaultRates) {
    this.#options = options;
    this.name = options.name;
    this.index = options.index;
    this.#prng = options.prng;
    this.rates = rates;
    this.state = options.facts;
    this.engine = options.newEngine();
  }

  get facts(): NodeFacts {
    return { ...this.#options.facts, ...this.state };
  }

  // -------------------------------------------------------------- lives

  start(): void {
    const { metadata, story, timeline } = this.#options;
    if (this.isAlive) return;
    if (this.#life > 0) {
      this.engine = this.#options.newEngine();
      this.checks?.restarted(this.engine);
    }
    this.#life++;
    this.isAlive = true;
    this.#savedUpTo = 0;
    this.#unsavedUpTo = 0;
    story.add(timeline.nowMs, this.name, `starts, life ${this.#life}`);
    this.feed({
      kind: "started",
      wallOffsetMs: this.wallOffsetMs,
      facts: this.facts,
      enis: metadata.enisAtStart(timeline.nowMs),
      checkpoint: this.disk,
      bootId: `${this.index}-${this.#life}`,
    });
    this.listener?.started();
  }

  /** kill -9, now; the next life begins `afterMs` later. */
  die(afterMs: Ms = this.#restartDelayMs()): void {
    const { story, timeline } = this.#options;
    if (!this.isAlive) return;
    this.isAlive = false;
    this.isReady = false;
    this.#wakeAtMs = undefined;
    this.#held = [];
    if (this.#write !== undefined && this.#prng.fraction() < 0.5) this.disk = this.#write.snapshot;
    this.#write = undefined;
    story.add(timeline.nowMs, this.name, `dies; its disk holds ${this.disk?.length ?? "no"} allocations`);
    this.checks?.crashed(this.disk);
    this.listener?.died();
    timeline.in(afterMs, () => this.start());
  }

  // -------------------------------------------------------------- one step

  feed(input: TimelessInput): void {
    const { story, timeline } = this.#options;
    if (!this.isAlive) return;
    const whole = { ...input, nowMs: timeline.nowMs } as Input;
    story.add(timeline.nowMs, this.name, whole);
    this.#options.onStep();
    this.checks?.before(whole);
    const effects = this.engine.step(whole);
    for (const effect of effects) story.add(timeline.nowMs, this.name, effect);
    this.checks?.after(whole, effects);
    const dies = this.#prng.fraction() < this.rates.crash;
    let left = dies ? this.#prng.below(effects.length + 1) : -1;
    // The engine may reuse the array only at its next step, which never happens within this loop.
    for (const effect of effects) {
      if (left-- === 0) break;
      this.#begin(effect);
      if (!this.isAlive) return;
    }
    if (dies) {
      this.crashCount++;
      this.die();
      return;
    }
    this.#planWake();
  }

  /** A new process reads EC2 no sooner than its most outdated reads are over: nobody could tell them from the truth. */
  #restartDelayMs(): Ms {
    return this.#options.restartMsMin + SECOND_MS * 20 ** this.#prng.fraction();
  }

  #planWake(): void {
    const { timeline } = this.#options;
    const atMs = this.engine.wakeAt();
    if (atMs === this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    if (atMs === undefined) return;
    const life = this.#life;
    timeline.at(atMs, () => {
      if (this.#life !== life || this.#wakeAtMs !== atMs) return;
      this.#wakeAtMs = undefined;
      this.feed({ kind: "wake" });
    });
  }

  #begin(effect: Effect): void {
    const { ec2, metadata, timeline } = this.#options;
    switch (effect.kind) {
      case "reply":
        if (effect.after > this.#savedUpTo) this.#held.push(effect);
        else this.#deliver(effect);
        return;
      case "save":
        this.#unsavedUpTo = effect.saveId;
        this.#planWrite();
        return;
      case "ec2":
        this.checks?.takesEffect(effect.intention, timeline.nowMs);
        ec2.call(effect.intention, this.rates, (atMs, result) => this.#tell(atMs, effect.id, { kind: "ec2", result }));
        return;
      case "observe":
        metadata.observe(effect.what, this.rates, (atMs, outcome) => this.#tell(atMs, effect.id, outcome));
        return;
      case "setUpEni":
      case "tearDownEni": {
        const hasFailed = this.#prng.fraction() < this.rates.hostFails;
        const isSlow = this.#prng.fraction() < this.rates.hostFails;
        const atMs = timeline.nowMs + (isSlow ? this.#prng.below(5_000) : this.#prng.below(30));
        this.#tell(atMs, effect.id, hasFailed ? { kind: "failed", message: "the link is busy" } : { kind: "ok" });
        return;
      }
      case "announce":
        this.#tell(timeline.nowMs, effect.id, { kind: "ok" });
        return;
      case "ready":
        this.isReady = true;
        this.#exitCount = 0;
        return;
      case "exit":
        // As kubelet restarts a container that ends, with shorter delays.
        this.die(this.#options.restartMsMin + Math.min(10 * SECOND_MS, SECOND_MS * 2 ** this.#exitCount++));
        return;
      case "event":
      case "log":
        return;
      default:
        unreachable(effect);
    }
  }

  #tell(atMs: Ms, id: number, outcome: Outcome): void {
    const { timeline } = this.#options;
    const life = this.#life;
    const tell = () => {
      if (this.#life === life) this.feed({ kind: "completed", id, outcome });
    };
    timeline.at(atMs, tell);
    if (this.#prng.fraction() < this.rates.replyTwice) timeline.at(atMs + this.#prng.below(20_000), tell);
  }

  #deliver(reply: Reply): void {
    this.checks?.delivered(reply);
    this.listener?.answered(reply.requestId, reply.result);
  }

  // -------------------------------------------------------------- the disk

  /** One write is in flight at a time; the saves that arrive meanwhile share the next one. */
  #planWrite(): void {
    const { timeline } = this.#options;
    if (this.#write !== undefined || this.#unsavedUpTo <= this.#savedUpTo) return;
    const life = this.#life;
    timeline.at(timeline.nowMs, () => {
      if (this.#life !== life || !this.isAlive || this.#write !== undefined) return;
      if (this.#unsavedUpTo <= this.#savedUpTo) return;
      this.#write = { saveId: this.#unsavedUpTo, snapshot: this.engine.allocations() };
      const isSlow = this.#prng.fraction() < this.rates.saveSlow;
      timeline.in(isSlow ? this.#prng.below(10_000) : this.#prng.below(20), () => {
        if (this.#life === life && this.isAlive) this.#endWrite();
      });
    });
  }

  #endWrite(): void {
    const write = this.#write;
    if (write === undefined) return;
    this.#write = undefined;
    this.#savedUpTo = write.saveId;
    const { saveId } = write;
    const due = this.#held.filter((reply) => reply.after <= saveId);
    this.#held = this.#held.filter((reply) => reply.after > saveId);
    const hasFailed =
      this.#options.timeline.nowMs < this.diskFullUntilMs || this.#prng.fraction() < this.rates.saveFails;
    if (hasFailed) this.feed({ kind: "saveFailed", saveId, message: "no space left on device" });
    else {
      this.disk = write.snapshot;
      for (const reply of due) this.#deliver(reply);
      this.feed({ kind: "saved", saveId });
    }
    if (this.isAlive) this.#planWrite();
  }
}
