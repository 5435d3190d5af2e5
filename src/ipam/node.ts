// The state of one node that operations, policy and engine share: facts, pool, what was learned from EC2, and the effects of
// the step in progress. Operations reach the outside only through it.

import type { Cidr } from "../base/ipv4.ts";
import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import type { MessageArguments, MessageId } from "./messages.ts";
import { MESSAGES } from "./messages.ts";
import { type CallRules, SDK_RULES } from "./operations/call-rules.ts";
import type { Operation } from "./operations/operation.ts";
import type { Targets } from "./policies/vpc-cni/decide.ts";
import { Pool } from "./pool/pool.ts";
import type { Reason } from "./reasons.ts";
import type { LogLevel, Settings } from "./settings.ts";
import type { Attachment, Ec2Subnet, Effect, EniId, NodeFacts, NodeState, SubnetId } from "./types.ts";

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const NEVER: Ms = Number.NEGATIVE_INFINITY;

/** An ADD that found no address and may get one by `deadlineMs`. */
export interface WaitingAdd {
  readonly requestId: number;
  readonly attachment: Attachment;
  readonly deadlineMs: Ms;
}

export interface NodeRandom {
  /** Walks over the reference's maps. */
  readonly walk: Prng;
  /** Jitter of retries. */
  readonly retry: Prng;
  /** Delays of background jobs. */
  readonly schedule: Prng;
}

export class Node {
  readonly settings: Settings;
  readonly facts: NodeFacts;
  readonly bootId: string;
  readonly random: NodeRandom;
  readonly pool: Pool;
  readonly usesPrefixes: boolean;
  readonly #logFrom: number;
  readonly #isLogRead: boolean;
  readonly #savesAtOnce: boolean;

  // What each ADD and DEL touches: it lies together in memory.
  nowMs: Ms;
  wallOffsetMs: Ms;
  isReady = false;
  /** ADDs that wait for an address, in the order of their coming. */
  waiting: WaitingAdd[] = [];
  effects: Effect[] = [];
  #lastSaveId = 0;
  /** Goes up when facts change that a decision could see and the pool's version does not show. */
  factsVersion = 0;
  /** When a checkpoint was restored: the cooldowns of its addresses are not known. */
  restoredAtMs: Ms = NEVER;

  state: NodeState;
  /** Pods bound here that need an address of their own; undefined while nobody has told. */
  boundPodCount: number | undefined;
  /** How EC2 is called: attempts, delays, and what is learned from the answers. */
  callRules: CallRules = SDK_RULES;
  isStopping = false;
  /** ENIs that EC2's tags or type say are not ours to manage (ipamd.md 1.7). Their number is U. */
  unmanagedEniIds: ReadonlySet<EniId> = new Set();
  /** Security groups of the primary ENI, sorted; empty until first read. */
  securityGroupIds: readonly string[] = [];
  /** Goes up when metadata comes to show something else, if the body tells. */
  metadataVersion = 0;

  /** What DescribeSubnets said last, and how old it may be to be believed again; 0: it is asked each time, as the reference does. */
  subnetsSeen: { readonly atMs: Ms; readonly subnets: readonly Ec2Subnet[] } | undefined;
  subnetsMaxAgeMs: Ms = 0;
  readonly subnetCidrs = new Map<SubnetId, Cidr>();

  /** When a full subnet last paused growth. */
  exhaustedAtMs: Ms = NEVER;
  lastDecreaseMs: Ms = NEVER;
  lastPoolActionMs: Ms = NEVER;
  /** CIDRs given back to EC2, by `cidrKey`, and when: metadata may show them a while longer. Only a reconcile forgets them. */
  readonly returnedAtMs = new Map<number, Ms>();
  /** Why growth did not bring what was asked, last time it was tried; undefined after a success. */
  lastGrowthProblem: Reason | undefined;
  hasAnnouncedTrunk = false;
  /** Effects that operations asked for so far: a pass that asked for none was idle. */
  askCount = 0;

  readonly inProgress: string[] = [];
  readonly counters = new Map<string, Map<string, number>>();
  readonly quirks = new Map<string, number>();
  readonly #spawn: (operation: Operation) => void;
  #clientTokenCount = 0;

  constructor(options: {
    readonly settings: Settings;
    readonly facts: NodeFacts;
    readonly bootId: string;
    readonly seed: Prng;
    readonly nowMs: Ms;
    readonly wallOffsetMs: Ms;
    readonly logLevel: LogLevel | undefined;
    readonly savesAtOnce: boolean;
    readonly spawn: (operation: Operation) => void;
  }) {
    this.settings = options.settings;
    this.facts = options.facts;
    this.state = options.facts;
    this.bootId = options.bootId;
    this.random = {
      walk: options.seed.split("walk"),
      retry: options.seed.split("retry"),
      schedule: options.seed.split("schedule"),
    };
    this.pool = new Pool(options.seed.split("pool"));
    this.usesPrefixes = options.settings.prefixDelegation && options.facts.limits.supportsPrefixes;
    this.nowMs = options.nowMs;
    this.wallOffsetMs = options.wallOffsetMs;
    this.#logFrom = options.logLevel === undefined ? Number.POSITIVE_INFINITY : LEVELS[options.logLevel];
    this.#isLogRead = options.logLevel !== undefined;
    this.#savesAtOnce = options.savesAtOnce;
    this.#spawn = options.spawn;
  }

  get wallMs(): number {
    return this.nowMs + this.wallOffsetMs;
  }

  /** K: private-address slots of one ENI without its primary address. */
  get slotsPerEni(): number {
    return this.facts.limits.ipv4PerEni - 1;
  }

  /** X */
  get eniCountMax(): number {
    return Math.min(this.settings.maxEni ?? Number.POSITIVE_INFINITY, this.facts.limits.eniCountMax);
  }

  get trunkEniId(): EniId | undefined {
    for (const eni of this.pool.presentEnis()) if (eni.isTrunk) return eni.eniId;
    return undefined;
  }

  get wantsTrunk(): boolean {
    return this.settings.podEni && this.facts.limits.isTrunkingCompatible;
  }

  targets(): Targets {
    return {
      usesPrefixes: this.usesPrefixes,
      warmIpTarget: this.settings.warmIpTarget,
      minimumIpTarget: this.settings.minimumIpTarget,
      warmPrefixTarget: this.settings.warmPrefixTarget,
      warmEniTarget: this.settings.warmEniTarget,
      eniCountMax: this.eniCountMax,
      slotsPerEni: this.slotsPerEni,
      maxPods: this.state.maxPods,
      cooldownMs: this.settings.cooldownMs,
      customNetworking: this.settings.customNetworking,
      wantsTrunk: this.wantsTrunk,
      unmanagedEniCount: this.unmanagedEniIds.size,
    };
  }

  /** Changes with everything that could change a decision. */
  get version(): number {
    return this.pool.version + this.factsVersion;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  /** Starts an operation beside the others. */
  spawn(operation: Operation): void {
    this.#spawn(operation);
  }

  isLogged(id: MessageId): boolean {
    return this.#isLogRead && LEVELS[MESSAGES[id].level] >= this.#logFrom;
  }

  /** Logs when the level asks for it. Where building the arguments costs something, ask `isLogged` first. */
  log<Id extends MessageId>(id: Id, ...args: MessageArguments<Id>): void {
    if (this.isLogged(id)) this.effects.push({ kind: "log", message: id, args });
  }

  count(metric: string, label: string, by = 1): void {
    const byLabel = this.counters.get(metric) ?? new Map<string, number>();
    byLabel.set(label, (byLabel.get(label) ?? 0) + by);
    this.counters.set(metric, byLabel);
  }

  /** Counts a documented quirk of the reference that just broke an invariant, e.g. quirk "10.1#10", invariant "I3". */
  quirk(id: string, invariant: string): void {
    this.quirks.set(id, (this.quirks.get(id) ?? 0) + 1);
    this.log("quirk", id, invariant);
  }

  /** Asks for a checkpoint; replies that depend on it name the id that comes back: 0 where nothing has to be waited for. */
  save(): number {
    if (this.#savesAtOnce) return 0;
    this.#lastSaveId++;
    this.effects.push({ kind: "save", saveId: this.#lastSaveId });
    return this.#lastSaveId;
  }

  clientToken(): string {
    this.#clientTokenCount++;
    return `${this.facts.instanceId}-${this.bootId}-${this.#clientTokenCount}`.slice(-64);
  }

  get lastSaveId(): number {
    return this.#lastSaveId;
  }

  /** Takes addresses away from pods, as a forced removal does: checkpoint and counters follow. */
  orphan(attachments: readonly Attachment[], quirkId: string): void {
    if (attachments.length === 0) return;
    for (const _ of attachments) this.quirk(quirkId, "I3");
    this.save();
  }
}

/** A number: this is asked for each CIDR at each reconcile. */
export function cidrKey(base: number, isPrefix: boolean): number {
  return base * 2 + (isPrefix ? 1 : 0);
}
