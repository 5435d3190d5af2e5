// A body that misbehaves as bodies may: saves that take time, share a write and fail; outcomes late, twice, in any order; EC2
// that refuses or loses answers; metadata that lags and hides; a process that dies between two effects. After each step it
// holds the engine against the naive pool and the invariants (ARCHITECTURE.md), by recount. It throws with the invariant's id.

import { AssertionError, assert } from "../../base/assert.ts";
import type { Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import { createEngine } from "../engine.ts";
import { parseSettings } from "../settings.ts";
import type { Allocation, Attachment, Effect, Engine, Outcome, ReplyResult } from "../types.ts";
import { NaivePool } from "./naive-pool.ts";
import { TestNode, type TestNodeOptions, type TimelessInput, WALL_START_MS } from "./test-node.ts";

export type Command =
  | { readonly kind: "add" | "del"; readonly attachment: Attachment }
  | { readonly kind: "collect"; readonly keep: readonly Attachment[] }
  /** Delivers outcome number `pick` of those that are there; `twice` also repeats it. */
  | { readonly kind: "deliver"; readonly pick: number; readonly twice: boolean }
  | { readonly kind: "startWrite" }
  | { readonly kind: "endWrite"; readonly works: boolean }
  | { readonly kind: "pass"; readonly ms: Ms }
  /** `pass` with everything delivered and written at once. */
  | { readonly kind: "settle"; readonly ms: Ms }
  | { readonly kind: "refuse"; readonly action: string; readonly code: string; readonly times: number }
  | { readonly kind: "lose"; readonly action: string }
  | { readonly kind: "heal" }
  | { readonly kind: "metadata"; readonly fails: boolean; readonly hides: number }
  | { readonly kind: "node"; readonly maxPods: number; readonly isUnschedulable: boolean }
  /** The process dies after `afterEffects` further effects; a write under way has landed or not. */
  | { readonly kind: "crash"; readonly afterEffects: number; readonly landed: boolean }
  | { readonly kind: "stopping" };

export interface ChaosOptions extends TestNodeOptions {
  /** Puts a planted bug between body and engine. */
  readonly breakEngine?: (engine: Engine) => Engine;
  /** Dies once this many effects were carried out, counted over the whole run. */
  readonly crashAtEffect?: number;
  /** What the engine is told instead of `env`, where the two are to differ. */
  readonly engineEnv?: Readonly<Record<string, string>>;
}

/** An allocation or release that is not on disk. */
interface Change {
  readonly saveId: number;
  readonly attachment: Attachment;
  readonly address: Ipv4;
  readonly wasRelease: boolean;
  /** Its CIDR has left the pool since. */
  isGone: boolean;
}

interface Write {
  readonly saveId: number;
  readonly snapshot: Allocation[];
}

export class ChaosBody {
  readonly options: ChaosOptions;
  /** EC2 and metadata alone: its own engine is never started. */
  readonly world: TestNode;
  readonly naive: NaivePool;
  engine: Engine;
  nowMs: Ms = 0;
  disk: Allocation[] = [];
  isAlive = false;
  effectCount = 0;
  addCount = 0;
  crashCount = 0;
  readonly stream: Effect[] = [];
  #boot = 0;
  #requestId = 0;
  #outcomes: { readonly id: number; readonly outcome: Outcome }[] = [];
  #unsavedUpTo = 0;
  #savedUpTo = 0;
  #write: Write | undefined;
  #held: Extract<Effect, { kind: "reply" }>[] = [];
  /** Requests of this life, each with the replies that reached the caller. */
  readonly #answers = new Map<number, number>();
  /** Which attachment a request was about, and what it wanted. */
  readonly #asked = new Map<number, { readonly kind: "add" | "del" | "collect"; readonly attachment: Attachment }>();
  /** What the callers were told last: an address, or that there is none. Gone as soon as a new request is under way. */
  readonly promised = new Map<Attachment, Ipv4 | undefined>();
  /** Who lost an address by force in this life. */
  readonly #orphaned = new Set<Attachment>();
  /** For `saveFailed`: what each change was, newest last. */
  #changes: Change[] = [];
  #crash: { afterEffects: number; landed: boolean } | undefined;
  /** Forced removals that the quirk's counter has shown so far. */
  #orphansAllowed = 0;
  #maxPodsMax: number;
  #maxPods: number;
  #isUnschedulable = false;

  constructor(options: ChaosOptions) {
    this.options = options;
    this.world = new TestNode({ ...options, logLevel: "error" });
    this.disk = [...(options.checkpoint ?? [])];
    const { settings } = parseSettings({ ENABLE_IPv4: "true", ...options.env });
    this.naive = new NaivePool({ usesPrefixes: settings.prefixDelegation, cooldownMs: settings.cooldownMs });
    this.#maxPods = options.maxPods ?? 110;
    this.#maxPodsMax = this.#maxPods;
    this.engine = this.#newEngine();
    this.#start();
  }

  #newEngine(): Engine {
    const { settings } = parseSettings({ ENABLE_IPv4: "true", ...(this.options.engineEnv ?? this.options.env) });
    const engine = createEngine({ settings, policy: "vpc-cni", seed: this.options.seed ?? 1, logLevel: undefined });
    return this.options.breakEngine?.(engine) ?? engine;
  }

  #start(): void {
    this.#boot++;
    this.isAlive = true;
    this.#orphansAllowed = 0;
    // A release that was not written yet may have freed its CIDR before the crash: nobody was told that the pod keeps it.
    const gone = this.disk.filter(({ address }) => !this.#isAssigned(address));
    for (const { attachment } of gone)
      assert(this.promised.get(attachment) === undefined, `I3: the address of ${attachment} went back to EC2`);
    this.naive.restart(this.disk.filter((allocation) => !gone.includes(allocation)));
    const state = { maxPods: this.#maxPods, isUnschedulable: this.#isUnschedulable, eniConfig: undefined };
    this.#step({
      kind: "started",
      wallOffsetMs: WALL_START_MS,
      facts: { ...this.world.facts, ...state },
      enis: this.world.metadata(),
      checkpoint: this.#boot === 1 && this.options.checkpoint === undefined ? undefined : this.disk,
      bootId: `boot${this.#boot}`,
    });
    this.settle(600_000, () => this.engine.view(this.nowMs).isReady);
  }

  /** kill -9 and a new process, with honest metadata. */
  restart(landed: boolean): void {
    this.crashCount++;
    if (landed && this.#write !== undefined) this.disk = this.#write.snapshot;
    this.#write = undefined;
    this.#crash = undefined;
    this.#outcomes = [];
    this.#held = [];
    this.#changes = [];
    this.#answers.clear();
    this.#asked.clear();
    this.#orphaned.clear();
    this.#unsavedUpTo = 0;
    this.#savedUpTo = 0;
    this.world.heal();
    this.world.imdsError = undefined;
    this.world.metadataView = (enis) => enis;
    this.engine = this.#newEngine();
    this.#start();
    if (!this.isAlive) return;
    assert(this.engine.view(this.nowMs).isReady, "I10: a process with an honest EC2 becomes ready");
    for (const [attachment, address] of this.promised) {
      const holds = this.engine.addressOf(attachment);
      assert(holds === address, `I5: attachment ${attachment} was told ${address} and has ${holds} after a restart`);
    }
  }

  // -------------------------------------------------------------- commands

  run(commands: readonly Command[]): void {
    for (const command of commands) this.command(command);
  }

  command(command: Command): void {
    switch (command.kind) {
      case "add":
      case "del":
        this.#request(command.kind, command.attachment);
        return;
      case "collect": {
        const requestId = ++this.#requestId;
        this.#asked.set(requestId, { kind: "collect", attachment: 0 });
        for (const attachment of this.naive.holds.keys())
          if (!command.keep.includes(attachment)) this.promised.delete(attachment);
        this.#step({ kind: "validAttachments", requestId, attachments: command.keep });
        return;
      }
      case "deliver":
        this.#deliver(command.pick, command.twice);
        return;
      case "startWrite":
        this.#startWrite();
        return;
      case "endWrite":
        this.#endWrite(command.works);
        return;
      case "pass":
        this.#pass(command.ms);
        return;
      case "settle":
        this.settle(command.ms);
        return;
      case "refuse":
        this.world.refuse(command.action, command.code, "refused by the test", { times: command.times });
        return;
      case "lose":
        this.world.refuse(command.action, "lost", "", { times: 1, takesEffect: true });
        return;
      case "heal":
        this.world.heal();
        return;
      case "metadata":
        this.world.imdsError = command.fails ? "metadata is away" : undefined;
        this.world.metadataView = (enis) => enis.filter((_, index) => index === 0 || index !== command.hides);
        return;
      case "node": {
        this.#maxPods = command.maxPods;
        this.#maxPodsMax = Math.max(this.#maxPodsMax, command.maxPods);
        this.#isUnschedulable = command.isUnschedulable;
        const { maxPods, isUnschedulable } = command;
        this.#step({ kind: "nodeChanged", state: { maxPods, isUnschedulable, eniConfig: undefined } });
        return;
      }
      case "crash":
        this.#crash = { afterEffects: command.afterEffects, landed: command.landed };
        return;
      case "stopping":
        this.#step({ kind: "stopping" });
        return;
    }
  }

  #request(kind: "add" | "del", attachment: Attachment): void {
    const requestId = ++this.#requestId;
    this.#asked.set(requestId, { kind, attachment });
    this.promised.delete(attachment);
    if (kind === "add") this.addCount++;
    if (kind === "del") this.#step({ kind: "release", requestId, attachment });
    else this.#step({ kind: "allocate", requestId, attachment, deadlineMs: this.nowMs + 30_000 });
  }

  #deliver(pick: number, twice: boolean): void {
    if (this.#outcomes.length === 0) return;
    const [delivered] = this.#outcomes.splice(pick % this.#outcomes.length, 1);
    if (delivered === undefined) return;
    this.#step({ kind: "completed", ...delivered });
    if (twice) this.#step({ kind: "completed", ...delivered });
  }

  #startWrite(): void {
    if (this.#write !== undefined || this.#unsavedUpTo <= this.#savedUpTo) return;
    this.#write = { saveId: this.#unsavedUpTo, snapshot: this.engine.allocations() };
  }

  #endWrite(works: boolean): void {
    const write = this.#write;
    if (write === undefined) return;
    this.#write = undefined;
    this.#savedUpTo = write.saveId;
    const affected = this.#held.filter((reply) => reply.after <= write.saveId);
    this.#held = this.#held.filter((reply) => reply.after > write.saveId);
    if (works) {
      this.disk = write.snapshot;
      this.#changes = this.#changes.filter((change) => change.saveId > write.saveId);
      for (const reply of affected) this.#tell(reply);
      this.#step({ kind: "saved", saveId: write.saveId });
      return;
    }
    const lost = this.#changes.filter((change) => change.saveId <= write.saveId).reverse();
    this.#changes = this.#changes.filter((change) => change.saveId > write.saveId);
    const effects = this.#step({ kind: "saveFailed", saveId: write.saveId, message: "no space left" }, () => {
      for (const { attachment, address, wasRelease, isGone } of lost) {
        if (!wasRelease) {
          const hasNewer = this.#changes.some((change) => change.attachment === attachment);
          if (!hasNewer && this.naive.holds.get(attachment) === address) this.naive.holds.delete(attachment);
        } else if (!isGone && !this.naive.holds.has(attachment) && this.naive.holderOf(address) === undefined) {
          this.naive.allocate(attachment, address);
        }
      }
    });
    if (effects === undefined) return;
    const again = effects.flatMap((effect) => (effect.kind === "reply" ? [effect.requestId] : []));
    const dropped = affected.map((reply) => reply.requestId);
    assert(
      again.length === dropped.length && dropped.every((requestId) => again.includes(requestId)),
      `I7: requests ${dropped.join(" ")} lost their reply, ${again.join(" ")} were answered again`,
    );
  }

  /** Time goes on; outcomes and saves stay where they are. */
  #pass(ms: Ms): void {
    const endMs = this.nowMs + ms;
    for (let wakeCount = 0; ; wakeCount++) {
      const wakeAtMs = this.engine.wakeAt();
      if (wakeAtMs === undefined || wakeAtMs > endMs) break;
      assert(wakeCount < 20_000, "I10: the engine sleeps between wakes");
      this.nowMs = Math.max(this.nowMs, wakeAtMs);
      this.#step({ kind: "wake" });
    }
    this.nowMs = endMs;
  }

  /** Time goes on with a prompt body. Ends early when `isEnough`. */
  settle(ms: Ms, isEnough: () => boolean = () => false): void {
    const endMs = this.nowMs + ms;
    const boot = this.#boot;
    for (let count = 0; this.#boot === boot && !isEnough(); count++) {
      assert(count < 50_000, "I10: the engine comes to rest");
      if (this.#outcomes.length > 0) this.#deliver(0, false);
      else if (this.#write !== undefined) this.#endWrite(true);
      else if (this.#unsavedUpTo > this.#savedUpTo) this.#startWrite();
      else {
        const wakeAtMs = this.engine.wakeAt();
        if (wakeAtMs === undefined || wakeAtMs > endMs) break;
        this.nowMs = Math.max(this.nowMs, wakeAtMs);
        this.#step({ kind: "wake" });
      }
    }
    if (this.#boot === boot && !isEnough()) this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Everything written and answered: nobody is left without a reply. */
  finish(): void {
    this.#crash = undefined;
    this.world.heal();
    this.world.imdsError = undefined;
    this.world.metadataView = (enis) => enis;
    this.settle(1_000);
    for (const requestId of this.#asked.keys())
      assert(
        this.#answers.get(requestId) === 1,
        `I7: request ${requestId} has ${this.#answers.get(requestId)} replies`,
      );
  }

  // -------------------------------------------------------------- one step, and what has to hold after it

  /** undefined: the process died on the way. `learn` tells the naive pool what this input does to it. */
  #step(input: TimelessInput, learn: () => void = () => {}): readonly Effect[] | undefined {
    this.world.nowMs = this.nowMs;
    const servable = this.naive.servable(this.nowMs);
    const wasReady = this.isAlive && input.kind !== "started" && this.engine.view(this.nowMs).isReady;
    const quirksBefore = quirkCount(this.engine, "10.1#10");
    const effects = [...this.engine.step({ ...input, nowMs: this.nowMs } as Parameters<Engine["step"]>[0])];
    learn();
    if (input.kind === "validAttachments")
      for (const attachment of [...this.naive.holds.keys()])
        if (wasReady && !input.attachments.includes(attachment)) this.#release(attachment, effects);
    const replies = effects.filter((effect) => effect.kind === "reply");
    if ("requestId" in input) {
      const own = replies.filter((reply) => reply.requestId === input.requestId);
      assert(own.length === 1 && replies.length === 1, `I7: ${own.length} replies to request ${input.requestId}`);
    } else assert(replies.length === 0 || input.kind === "saveFailed", `I7: a reply after ${input.kind}`);
    for (const reply of replies) this.#checkReply(reply.requestId, reply.result, { servable, wasReady, effects });
    this.#checkGrowth(effects);
    for (const effect of effects) {
      if (this.#crash !== undefined && this.#crash.afterEffects-- <= 0) {
        this.restart(this.#crash.landed);
        return undefined;
      }
      this.#carryOut(effect, quirksBefore);
      this.effectCount++;
      if (this.effectCount === this.options.crashAtEffect) {
        this.restart(this.effectCount % 2 === 0);
        return undefined;
      }
    }
    this.#checkState();
    return effects;
  }

  #release(attachment: Attachment, effects: readonly Effect[]): void {
    const address = this.naive.holds.get(attachment);
    if (address === undefined) return;
    this.naive.release(attachment, this.nowMs);
    this.#changes.push({ saveId: lastSaveId(effects), attachment, address, wasRelease: true, isGone: false });
  }

  #checkReply(
    requestId: number,
    result: ReplyResult,
    given: { servable: ReadonlySet<Ipv4>; wasReady: boolean; effects: readonly Effect[] },
  ): void {
    const asked = this.#asked.get(requestId);
    if (asked === undefined) throw new AssertionError(`I7: a reply to request ${requestId}, which nobody made`);
    const held = this.naive.holds.get(asked.attachment);
    switch (result.kind) {
      case "allocated": {
        assert(result.attachment === asked.attachment, "I7: the reply is for its request");
        const holder = this.naive.holderOf(result.address);
        if (result.isRepeat) assert(held === result.address, "I5: a repeated ADD gets the same address");
        else {
          assert(holder === undefined, `I1: ${result.address} went to ${asked.attachment} and has holder ${holder}`);
          assert(held === undefined, "I1: an attachment holds one address");
          assert(!this.naive.isCooling(result.address, this.nowMs), "I4: a cooling address was handed out");
          assert(given.servable.has(result.address), "I2: an address was handed out that the pool does not hold");
          this.naive.allocate(asked.attachment, result.address);
          const { attachment, address } = result;
          this.#changes.push({
            saveId: lastSaveId(given.effects),
            attachment,
            address,
            wasRelease: false,
            isGone: false,
          });
        }
        assert(this.#isAssigned(result.address), "I2: an address was handed out that no ENI of this instance has");
        return;
      }
      case "released":
        assert(held === result.address, `I1: DEL of ${asked.attachment} released another's address`);
        this.#release(asked.attachment, given.effects);
        return;
      case "unknownAttachment":
        assert(held === undefined, `I5: attachment ${asked.attachment} holds ${held} and DEL does not know it`);
        return;
      case "refused":
        if (asked.kind !== "add" || !given.wasReady || result.reason === "checkpoint-unwritable") return;
        assert(held === undefined, "I5: an attachment that holds an address was refused");
        assert(given.servable.size === 0, `I10: refused with ${given.servable.size} addresses to serve`);
        return;
      case "collected":
        return;
    }
  }

  #isAssigned(address: Ipv4): boolean {
    for (const eni of this.world.enis.values()) {
      if (eni.attachmentId === undefined) continue;
      if (eni.addresses.includes(address)) return true;
      if (eni.prefixes.some((base) => address >= base && address < base + 16)) return true;
    }
    return false;
  }

  #checkGrowth(effects: readonly Effect[]): void {
    const view = this.engine.view(this.nowMs);
    if (view.inProgress.length === 0) this.#maxPodsMax = this.#maxPods;
    for (const effect of effects) {
      if (effect.kind !== "ec2") continue;
      const { intention } = effect;
      const { slots, enis } = { slots: this.world.facts.limits.ipv4PerEni - 1, enis: view.maxEniCount };
      if (intention.action === "AssignPrivateIpAddresses") {
        const held = view.enis.find((eni) => eni.eniId === intention.eniId)?.cidrs.length ?? 0;
        const asked = intention.prefixCount + intention.addressCount;
        assert(held + asked <= slots, `I8: ${held} + ${asked} on an ENI with ${slots} slots`);
      } else if (intention.action === "CreateNetworkInterface") {
        assert(view.enis.length < enis, "I8: one ENI more than the instance takes");
        assert(intention.prefixCount + intention.addressCount <= slots, "I8: a new ENI over its slots");
      } else continue;
      assert(this.naive.total() < this.#maxPodsMax, "I8: growth although the pool covers max pods");
    }
  }

  #checkState(): void {
    const view = this.engine.view(this.nowMs);
    if (!view.isReady) return;
    (this.engine as Engine & { checkBooks(): void }).checkBooks();
    const orphans = this.naive.see(view);
    for (const change of this.#changes) if (!this.naive.knows(change.address)) change.isGone = true;
    for (const attachment of orphans) {
      this.promised.delete(attachment);
      this.#orphaned.add(attachment);
    }
    this.#changes = this.#changes.filter((change) => !orphans.includes(change.attachment));
    if (orphans.length > 0) {
      const counted = quirkCount(this.engine, "10.1#18");
      assert(counted - this.#orphansAllowed >= orphans.length, `I3: ${orphans.length} pods lost their address`);
      this.#orphansAllowed = counted;
    }
    const shown = new Map<Ipv4, Attachment>();
    for (const eni of view.enis) {
      assert(eni.cidrs.length <= this.world.facts.limits.ipv4PerEni - 1, "I8: slots of an ENI");
      for (const { addresses } of eni.cidrs) {
        for (const { address, state, attachment } of addresses) {
          if (state === "allocated") {
            assert(!shown.has(address), `I1: ${address} twice in the view`);
            shown.set(address, attachment);
          }
          const cools = this.naive.isCooling(address, this.nowMs);
          assert((state === "cooling") === cools, `I4: ${address} is ${state}, cooling by the naive pool: ${cools}`);
        }
      }
    }
    const allocations = this.engine.allocations();
    assert(shown.size === this.naive.holds.size, `I5: ${shown.size} allocated, ${this.naive.holds.size} expected`);
    assert(allocations.length === shown.size, "I6: the checkpoint and the view hold the same number");
    for (const { attachment, address } of allocations) {
      assert(this.naive.holds.get(attachment) === address, `I5: ${attachment} holds ${address}`);
      assert(shown.get(address) === attachment, "I1: checkpoint and view agree on the holder");
      assert(this.engine.addressOf(attachment) === address, "I1: addressOf agrees");
      assert(this.#isAssigned(address), `I2: ${address} lies on no ENI of this instance`);
    }
    assert(view.runningAssigned === shown.size, "I6: the count of allocated addresses equals a recount");
    if ([...view.quirks.keys()].some((id) => id === "10.1#17" || id === "10.1#20")) return;
    const cidrs = view.enis.flatMap((eni) => eni.cidrs);
    const total = cidrs.reduce((sum, cidr) => sum + (cidr.isPrefix ? 16 : 1), 0);
    assert(view.runningTotal === total, "I6: the count of addresses equals a recount");
    assert(view.runningPrefixCount === cidrs.filter((cidr) => cidr.isPrefix).length, "I6: the count of prefixes");
  }

  #tell(reply: Extract<Effect, { kind: "reply" }>): void {
    const { requestId, result } = reply;
    this.#answers.set(requestId, (this.#answers.get(requestId) ?? 0) + 1);
    const asked = this.#asked.get(requestId);
    if (asked === undefined || asked.kind === "collect") return;
    const isLatest = ![...this.#asked].some(
      ([id, other]) => id > requestId && (other.attachment === asked.attachment || other.kind === "collect"),
    );
    if (!isLatest || !this.isAlive) return;
    if (result.kind === "allocated") {
      // A reconcile may have taken it away meanwhile, by force.
      const held = this.naive.holds.get(asked.attachment);
      if (held === undefined && this.#orphaned.has(asked.attachment)) return;
      assert(held === result.address, `I5: ${asked.attachment} is told ${result.address} and holds ${held}`);
      this.promised.set(asked.attachment, result.address);
    } else if (result.kind !== "refused") {
      const held = this.naive.holds.get(asked.attachment);
      assert(held === undefined, `I5: ${asked.attachment} is told that it has none and holds ${held}`);
      this.promised.set(asked.attachment, undefined);
    }
  }

  #carryOut(effect: Effect, quirksBefore: number): void {
    this.stream.push(effect);
    const later = (outcome: Outcome) => {
      if ("id" in effect) this.#outcomes.push({ id: effect.id, outcome });
    };
    switch (effect.kind) {
      case "reply":
        if (effect.after > this.#savedUpTo) this.#held.push(effect);
        else this.#tell(effect);
        return;
      case "save":
        this.#unsavedUpTo = effect.saveId;
        return;
      case "ec2": {
        const { intention } = effect;
        if (intention.action === "UnassignPrivateIpAddresses") {
          const within = (address: Ipv4) =>
            intention.addresses.includes(address) ||
            intention.prefixes.some((base) => address >= base && address < base + 16);
          assert(![...this.naive.holds.values()].some(within), "I3: an allocated address was unassigned");
          const cooling = [...this.naive.releasedAtMs.keys()].filter((at) => this.naive.isCooling(at, this.nowMs));
          const isCounted = quirkCount(this.engine, "10.1#10") > quirksBefore;
          assert(!cooling.some(within) || isCounted, "I3: a cooling address was unassigned and no quirk counted");
        }
        if (intention.action === "DetachNetworkInterface") {
          const eni = [...this.world.enis.values()].find((one) => one.attachmentId === intention.attachmentId);
          const held = [...this.naive.holds.values()];
          const carries = (address: Ipv4) =>
            eni?.addresses.includes(address) || eni?.prefixes.some((base) => address >= base && address < base + 16);
          assert(!held.some(carries), "I3: an ENI that carries an allocated address was detached");
        }
        later({ kind: "ec2", result: this.world.ec2(intention) });
        return;
      }
      case "observe":
        if (this.world.imdsError !== undefined) later({ kind: "failed", message: this.world.imdsError });
        else if (effect.what === "enis") later({ kind: "enis", enis: this.world.metadata() });
        else later({ kind: "securityGroups", securityGroupIds: this.world.securityGroupIds });
        return;
      case "setUpEni":
      case "tearDownEni":
      case "announce":
        later({ kind: "ok" });
        return;
      case "exit":
        this.isAlive = false;
        return;
      default:
        return;
    }
  }
}

function lastSaveId(effects: readonly Effect[]): number {
  let saveId = 0;
  for (const effect of effects) if (effect.kind === "save") saveId = effect.saveId;
  return saveId;
}

function quirkCount(engine: Engine, quirkId: string): number {
  return engine.view(0).quirks.get(quirkId) ?? 0;
}
