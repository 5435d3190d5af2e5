// All that is checked of one node, step by step: told each input with its effects, each call as it takes effect, each reply as
// it leaves, each crash. Knows of the engine what anybody can see: inputs, effects, and its view.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Allocation, Ec2Intention, Effect, Engine, EniId, Input } from "../../ipam/types.ts";
import { BooksCheck } from "./books.ts";
import { checkGiveBack, checkRest } from "./cooldown.ts";
import { ExhaustionCheck } from "./exhaustion.ts";
import { type FleetLedger, NodeLedger } from "./ledger.ts";
import { LimitsCheck } from "./limits.ts";
import { checkOwnership } from "./ownership.ts";
import { ReplyCheck } from "./replies.ts";
import type { Verdicts } from "./verdicts.ts";
import type { Witness } from "./witness.ts";

export interface CheckedNode {
  readonly name: string;
  readonly instanceId: string;
  readonly primaryEniId: EniId;
  readonly slotsPerEni: number;
  readonly maxPods: number;
  readonly cooldownMs: Ms;
}

type Reply = Extract<Effect, { kind: "reply" }>;
type Asked = Extract<Input, { kind: "allocate" | "release" | "validAttachments" }>;

/** Steps of a node between two recounts of everything. */
const RECOUNT_EVERY = 64;

export class NodeChecks {
  readonly node: CheckedNode;
  readonly ledger: NodeLedger;
  readonly #verdicts: Verdicts;
  readonly #witness: Witness;
  /** Every node of the fleet, this one included. */
  readonly #fleet: readonly NodeChecks[];
  readonly #asked = new Map<number, Asked>();
  #engine: Engine;
  #isReady = false;
  #stepCount = 0;
  #replies: ReplyCheck;
  #limits: LimitsCheck;
  #exhaustion: ExhaustionCheck;
  #books: BooksCheck;

  constructor(options: {
    readonly verdicts: Verdicts;
    readonly witness: Witness;
    readonly ledger: FleetLedger;
    readonly fleet: readonly NodeChecks[];
    readonly node: CheckedNode;
    readonly engine: Engine;
  }) {
    this.#verdicts = options.verdicts;
    this.#witness = options.witness;
    this.#fleet = options.fleet;
    this.node = options.node;
    this.#engine = options.engine;
    this.ledger = new NodeLedger(options.ledger, options.verdicts, options.node.name);
    [this.#replies, this.#limits, this.#exhaustion, this.#books] = this.#newLife();
  }

  #newLife(): [ReplyCheck, LimitsCheck, ExhaustionCheck, BooksCheck] {
    const { name, instanceId } = this.node;
    return [
      new ReplyCheck(this.#verdicts, name),
      new LimitsCheck(this.#verdicts, this.node),
      new ExhaustionCheck(this.#verdicts, this.#witness, name),
      new BooksCheck(this.#verdicts, this.#witness, { name, instanceId, engine: this.#engine, ledger: this.ledger }),
    ];
  }

  get name(): string {
    return this.node.name;
  }

  get cooldownMs(): Ms {
    return this.node.cooldownMs;
  }

  // -------------------------------------------------------------- one step

  before(input: Input): void {
    switch (input.kind) {
      case "allocate":
      case "release":
        this.#asked.set(input.requestId, input);
        this.ledger.asked(input.attachment, input.requestId);
        this.#replies.asked(input.requestId, input.kind === "allocate" ? input.deadlineMs : undefined);
        return;
      case "validAttachments": {
        this.#asked.set(input.requestId, input);
        this.#replies.asked(input.requestId, undefined);
        const valid = new Set(input.attachments);
        const known = new Set([...this.ledger.claims.keys(), ...this.ledger.promises.keys()]);
        for (const attachment of known) if (!valid.has(attachment)) this.ledger.asked(attachment, input.requestId);
        return;
      }
      case "abandoned":
        this.#replies.abandoned(input.requestId);
        return;
      case "saved":
        this.ledger.saved(input.saveId);
        return;
      case "saveFailed":
        this.#replies.saveFailed(input.saveId);
        return;
      case "started":
        this.#limits = new LimitsCheck(this.#verdicts, { ...this.node, maxPods: input.facts.maxPods });
        return;
      case "nodeChanged":
        this.#limits.maxPodsBecame(input.state.maxPods);
        return;
      case "completed":
        this.#limits.completed(input.id);
        if (input.outcome.kind === "ec2") this.#exhaustion.completed(input.id, input.outcome.result, input.nowMs);
        return;
      default:
        return;
    }
  }

  after(input: Input, effects: readonly Effect[]): void {
    const { nowMs } = input;
    if (input.kind === "saveFailed") this.ledger.saveFailed(input.saveId, (one) => this.#engine.addressOf(one));
    if (input.kind === "validAttachments" && this.#isReady) this.#collected(input, effects);
    for (const effect of effects) {
      if (effect.kind === "reply") this.#replied(effect, nowMs);
      else if (effect.kind === "ec2") this.#called(effect.id, effect.intention, nowMs);
      else if (effect.kind === "ready") this.#isReady = true;
    }
    this.#replies.afterStep(nowMs);
    if (!this.#isReady) return;
    if (++this.#stepCount % RECOUNT_EVERY === 0) this.recount(nowMs);
    else if (input.kind === "completed" || input.kind === "wake") this.#books.checkClaims(nowMs);
  }

  #collected(input: Extract<Input, { kind: "validAttachments" }>, effects: readonly Effect[]): void {
    const saves = effects.flatMap((effect) => (effect.kind === "save" ? [effect.saveId] : []));
    const valid = new Set(input.attachments);
    for (const [attachment, address] of [...this.ledger.claims]) {
      if (valid.has(attachment)) continue;
      const firstSaveId = saves[0] ?? 0;
      this.ledger.released({ firstSaveId, lastSaveId: saves.at(-1) ?? 0, attachment, address }, input.nowMs);
    }
  }

  #replied({ requestId, after, result }: Reply, nowMs: Ms): void {
    this.#replies.replied(requestId, after);
    const asked = this.#asked.get(requestId);
    if (result.kind === "allocated") {
      const { attachment, address, isRepeat } = result;
      const { name, instanceId } = this.node;
      this.#verdicts.demand(
        asked?.kind === "allocate" && asked.attachment === attachment,
        "I7",
        () => `${name} answers request ${requestId} with an address for ${attachment}`,
      );
      if (isRepeat) {
        const held = this.ledger.claims.get(attachment);
        this.#verdicts.demand(held === address, "I1", () => `${name} repeats ${formatIpv4(address)} to ${attachment}`);
        return;
      }
      this.#verdicts.demand(
        this.#witness.isAssigned(instanceId, address),
        "I2",
        () => `${name} hands out ${formatIpv4(address)}, which lies on no ENI of ${instanceId}`,
      );
      checkRest(this.#verdicts, this, address, nowMs);
      this.ledger.allocated({ firstSaveId: after, lastSaveId: after, attachment, address });
    } else if (result.kind === "released") {
      const { attachment, address } = result;
      this.#verdicts.demand(
        this.ledger.claims.get(attachment) === address,
        "I1",
        () => `${this.name} releases ${formatIpv4(address)}, which ${attachment} does not hold`,
      );
      this.ledger.released({ firstSaveId: after, lastSaveId: after, attachment, address }, nowMs);
    } else if (result.kind === "unknownAttachment") {
      this.#verdicts.demand(
        !this.ledger.claims.has(result.attachment),
        "I5",
        () => `${this.name} does not know ${result.attachment}, which holds an address`,
      );
    } else if (result.kind === "refused" && asked?.kind === "allocate") {
      this.#verdicts.demand(
        !this.#isReady || result.reason === "checkpoint-unwritable" || !this.ledger.claims.has(asked.attachment),
        "I5",
        () => `${this.name} refuses ${asked.attachment}, which holds an address, for ${result.reason}`,
      );
    }
  }

  #called(id: number, intention: Ec2Intention, nowMs: Ms): void {
    this.#exhaustion.called(id, intention, nowMs);
    if (intention.action === "AssignPrivateIpAddresses" || intention.action === "CreateNetworkInterface")
      this.#limits.called(id, intention, this.#engine.view(nowMs));
  }

  /** A call as it takes effect in EC2. */
  takesEffect(intention: Ec2Intention, nowMs: Ms): void {
    checkOwnership(this.#verdicts, this.#witness, this.node, intention);
    if (intention.action === "UnassignPrivateIpAddresses") {
      const eni = this.#witness.eni(intention.eniId);
      if (eni !== undefined) checkGiveBack(this.#verdicts, this.#fleet, { eni, bases: intention, nowMs });
    } else if (intention.action === "DetachNetworkInterface") {
      const eni = this.#witness.eniOfAttachment(intention.attachmentId);
      if (eni !== undefined) checkGiveBack(this.#verdicts, this.#fleet, { eni, nowMs });
    }
  }

  /** A reply as it leaves the body. */
  delivered({ requestId, result }: Reply): void {
    this.#replies.delivered(requestId);
    const asked = this.#asked.get(requestId);
    this.#asked.delete(requestId);
    if (asked === undefined) return;
    if (asked.kind === "validAttachments") {
      if (result.kind !== "collected") return;
      const valid = new Set(asked.attachments);
      for (const attachment of this.ledger.pending(requestId))
        if (!valid.has(attachment)) this.ledger.told(attachment, requestId, undefined);
    } else {
      const address = result.kind === "allocated" ? result.address : undefined;
      this.ledger.told(asked.attachment, requestId, result.kind === "refused" ? "unsaid" : address);
    }
  }

  /** As time passes an ADD's deadline. */
  checkDeadlines(nowMs: Ms): void {
    this.#replies.afterStep(nowMs);
  }

  // -------------------------------------------------------------- ends and looks

  /** The process died between two effects; `disk` is what the next one reads, undefined when nothing was ever written. */
  crashed(disk: readonly Allocation[] | undefined): void {
    const { instanceId } = this.node;
    this.ledger.crashed(disk ?? [], (address: Ipv4) => this.#witness.isAssigned(instanceId, address));
    this.#asked.clear();
    this.#replies = new ReplyCheck(this.#verdicts, this.name);
    this.#isReady = false;
  }

  restarted(engine: Engine): void {
    this.#engine = engine;
    [this.#replies, this.#limits, this.#exhaustion, this.#books] = this.#newLife();
  }

  recount(nowMs: Ms): void {
    this.#books.recount(nowMs);
    this.#limits.recount(this.#engine.view(nowMs));
  }

  /** A full subnet or a limit pauses its growth: what it waits for may come later than I10 says. */
  isPaused(nowMs: Ms): boolean {
    return this.#exhaustion.isPaused(nowMs);
  }

  /** ADDs without a reply so far. */
  get owedCount(): number {
    return this.#replies.owedCount;
  }
}
