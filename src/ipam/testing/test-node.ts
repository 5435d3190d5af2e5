// A body for tests: one engine, virtual time, and a small honest EC2 with metadata that answers at once unless told otherwise.
// It is not the emulator: no placement, no latency model, one address space per subnet, lowest block first.

import { formatCidr, type Ipv4, parseCidr } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import { classifyEc2Error } from "../ec2-errors.ts";
import { createEngine } from "../engine.ts";
import { formatMessage, MESSAGES } from "../messages.ts";
import { parseSettings } from "../settings.ts";
import {
  type Allocation,
  type Ec2Answer,
  type Ec2Eni,
  type Ec2Intention,
  type Ec2Outcome,
  type Ec2Subnet,
  type Effect,
  type Engine,
  ec2ApiName,
  type ImdsEni,
  type Input,
  type NodeFacts,
  type NodeState,
  type PolicyId,
  type ReplyResult,
  type Tag,
} from "../types.ts";

type WithoutTime<T> = T extends unknown ? Omit<T, "nowMs"> : never;
export type TimelessInput = WithoutTime<Input>;

/** An ENI of the test's EC2. */
export interface TestEni {
  eniId: string;
  subnetId: string;
  primaryAddress: Ipv4;
  addresses: Ipv4[];
  prefixes: Ipv4[];
  interfaceType: Ec2Eni["interfaceType"];
  description: string;
  attachmentId: string | undefined;
  deviceNumber: number | undefined;
  deleteOnTermination: boolean;
  tags: Tag[];
  securityGroupIds: readonly string[];
  /** Metadata shows it from this moment on. */
  visibleFromMs: Ms;
}

export interface TestNodeOptions {
  /** Default: vpc-cni. */
  readonly policy?: PolicyId;
  /** On top of ENABLE_IPv4=true. */
  readonly env?: Readonly<Record<string, string>>;
  readonly instance?: { readonly enis: number; readonly ipv4PerEni: number };
  readonly supportsPrefixes?: boolean;
  readonly trunkCapable?: boolean;
  readonly maxPods?: number;
  readonly seed?: number;
  readonly subnets?: Readonly<Record<string, { cidr: string; tags?: Tag[] }>>;
  readonly eniConfig?: NodeState["eniConfig"];
  /** ENIs already attached beside the primary one. */
  readonly extraEnis?: readonly Partial<TestEni>[];
  /** Changes to the primary ENI. */
  readonly primary?: Partial<TestEni>;
  readonly checkpoint?: readonly Allocation[];
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  /** Milliseconds of virtual time each EC2 call takes; 0 unless set. */
  readonly ec2LatencyMs?: Ms;
  readonly imdsLagMs?: Ms;
  readonly startMs?: Ms;
  readonly isUnschedulable?: boolean;
  /** Puts something between this body and its engine: spurious wakes, completions delivered twice. */
  readonly wrapEngine?: (engine: Engine) => Engine;
  /** What completes at the same moment is delivered last first. */
  readonly reversesTies?: boolean;
  /** kill -9 right after this many effects were carried out, logs not counted; then a new process. Once. */
  readonly crashAfterEffect?: number;
}

export interface RecordedCall {
  readonly atMs: Ms;
  readonly intention: Ec2Intention;
  readonly outcome: Ec2Outcome;
}

interface Rule {
  readonly action: string;
  readonly awsCode: string;
  readonly message: string;
  readonly accepts: (intention: Ec2Intention) => boolean;
  timesLeft: number;
  /** The call takes effect, its answer is lost. */
  readonly takesEffect: boolean;
}

interface Pending {
  readonly atMs: Ms;
  readonly order: number;
  readonly input: TimelessInput;
}

export const WALL_START_MS = 1_767_225_600_000;
export const INSTANCE_ID = "i-0123456789abcdef0";

export class TestNode {
  engine: Engine;
  nowMs: Ms;
  readonly options: TestNodeOptions;
  readonly facts: NodeFacts;
  readonly enis = new Map<string, TestEni>();
  readonly subnets = new Map<string, Ec2Subnet & { base: Ipv4; size: number }>();
  readonly calls: RecordedCall[] = [];
  readonly replies = new Map<number, ReplyResult>();
  readonly logs: { atMs: Ms; level: string; text: string }[] = [];
  readonly effects: Effect[] = [];
  securityGroupIds = ["sg-1"];
  /** What a save wrote last. */
  saved: Allocation[] = [];
  /** Set: every checkpoint write fails with this text. */
  saveError: string | undefined;
  /** Set: metadata reads fail with this text. */
  imdsError: string | undefined;
  /** Set: programming the host network of an ENI fails with this text. */
  hostError: string | undefined;
  isReady = false;
  exit: Extract<Effect, { kind: "exit" }> | undefined;
  announced: string[] = [];
  /** What metadata shows, made from what is there: lag, outage, faults. */
  metadataView: (enis: ImdsEni[]) => ImdsEni[] = (enis) => enis;
  /** Effects carried out so far, logs not counted. */
  effectCount = 0;
  #nodeState: Partial<NodeState> = {};
  readonly #rules: Rule[] = [];
  #pending: Pending[] = [];
  #order = 0;
  #nextRequestId = 1;
  #nextEni = 2;
  #boot = 0;

  constructor(options: TestNodeOptions = {}) {
    this.options = options;
    this.nowMs = options.startMs ?? 0;
    const subnets = options.subnets ?? { "subnet-1": { cidr: "10.0.0.0/20" } };
    for (const [subnetId, { cidr, tags }] of Object.entries(subnets)) {
      const parsed = parseCidr(cidr)!;
      const size = 2 ** (32 - parsed.prefixLength);
      this.subnets.set(subnetId, {
        subnetId,
        cidr: parsed,
        base: parsed.base,
        size,
        tags: tags ?? [],
        availableIpAddressCount: size - 5,
      });
    }
    const primarySubnetId = options.primary?.subnetId ?? [...this.subnets.keys()][0]!;
    this.put({
      eniId: "eni-1",
      subnetId: primarySubnetId,
      deviceNumber: 0,
      attachmentId: "eni-attach-1",
      deleteOnTermination: true,
      ...options.primary,
    });
    for (const eni of options.extraEnis ?? [])
      this.put({ deviceNumber: this.enis.size, attachmentId: `eni-attach-${this.enis.size + 1}`, ...eni });
    this.facts = {
      nodeName: "node-1",
      instanceId: INSTANCE_ID,
      instanceType: "m5.large",
      limits: {
        eniCountMax: options.instance?.enis ?? 3,
        ipv4PerEni: options.instance?.ipv4PerEni ?? 10,
        supportsPrefixes: options.supportsPrefixes ?? true,
        isTrunkingCompatible: options.trunkCapable ?? true,
      },
      region: "us-west-2",
      availabilityZone: "us-west-2a",
      vpcId: "vpc-1",
      primaryEniId: "eni-1",
      primarySubnetId,
      maxPods: options.maxPods ?? 110,
      isUnschedulable: options.isUnschedulable ?? false,
      eniConfig: options.eniConfig,
    };
    this.saved = [...(options.checkpoint ?? [])];
    this.engine = this.#newEngine();
  }

  #newEngine(): Engine {
    const { settings } = parseSettings({ ENABLE_IPv4: "true", ...this.options.env });
    const engine = createEngine({
      settings,
      policy: this.options.policy ?? "vpc-cni",
      seed: this.options.seed ?? 1,
      logLevel: this.options.logLevel ?? "debug",
    });
    return this.options.wrapEngine?.(engine) ?? engine;
  }

  // -------------------------------------------------------------- driving

  /** Starts the engine and runs until it is ready or has given up, `limitMs` at most. */
  start(limitMs: Ms = 600_000): this {
    this.#boot++;
    this.isReady = false;
    this.exit = undefined;
    const checkpoint = this.#boot === 1 ? this.options.checkpoint : this.saved;
    this.input({
      kind: "started",
      wallOffsetMs: WALL_START_MS,
      facts: { ...this.facts, ...this.#nodeState },
      enis: this.metadata(),
      checkpoint,
      bootId: `boot${this.#boot}`,
    });
    const endMs = this.nowMs + limitMs;
    while (!this.isReady && this.exit === undefined && this.#advanceToNext(endMs));
    return this;
  }

  /** kill -9 and a new process: memory is gone, the saved checkpoint and EC2 stay. */
  restart(): this {
    this.engine = this.#newEngine();
    this.#pending = [];
    return this.start();
  }

  input(input: TimelessInput): readonly Effect[] {
    const effects = this.engine.step({ ...input, nowMs: this.nowMs } as Input);
    const copy = [...effects];
    for (const effect of copy) {
      this.#carryOut(effect);
      if (effect.kind !== "log" && ++this.effectCount === this.options.crashAfterEffect) {
        this.restart();
        break;
      }
    }
    return copy;
  }

  /** The Kubernetes Node changed; a later start sees it so. */
  changeNode(change: Partial<NodeState>): void {
    this.#nodeState = { ...this.#nodeState, ...change };
    this.input({ kind: "nodeChanged", state: this.nodeState });
  }

  get nodeState(): NodeState {
    const { maxPods, isUnschedulable, eniConfig } = this.facts;
    return { maxPods, isUnschedulable, eniConfig, ...this.#nodeState };
  }

  /** Runs virtual time forward. */
  run(durationMs: Ms): this {
    const endMs = this.nowMs + durationMs;
    while (this.#advanceToNext(endMs));
    this.nowMs = endMs;
    return this;
  }

  /** ADD; the reply, which `vpc-cni` always gives at once. */
  add(attachment: number): ReplyResult {
    const requestId = this.#nextRequestId++;
    this.input({ kind: "allocate", requestId, attachment, deadlineMs: this.nowMs + 30_000 });
    this.#settleNow();
    // A process that died before its reply is asked again, as the runtime does.
    return this.replies.get(requestId) ?? this.add(attachment);
  }

  /** ADD, whose reply may come later: `replies` has it by this id. */
  ask(attachment: number, deadlineMs: Ms = 30_000): number {
    const requestId = this.#nextRequestId++;
    this.input({ kind: "allocate", requestId, attachment, deadlineMs: this.nowMs + deadlineMs });
    this.#settleNow();
    return requestId;
  }

  /** DEL. */
  del(attachment: number): ReplyResult {
    const requestId = this.#nextRequestId++;
    this.input({ kind: "release", requestId, attachment });
    this.#settleNow();
    return this.replies.get(requestId) ?? this.del(attachment);
  }

  /** ADDs `count` attachments from `first` on; the replies. */
  addMany(first: number, count: number): ReplyResult[] {
    return Array.from({ length: count }, (_, i) => this.add(first + i));
  }

  // -------------------------------------------------------------- faults and looking in

  /** The next `times` calls of this API or intention are refused. `takesEffect`: they happen, only the answer is lost. */
  refuse(
    action: string,
    awsCode: string,
    message = "",
    options: { times?: number; takesEffect?: boolean; when?: (i: Ec2Intention) => boolean } = {},
  ): void {
    this.#rules.push({
      action,
      awsCode,
      message,
      accepts: options.when ?? (() => true),
      timesLeft: options.times ?? Number.POSITIVE_INFINITY,
      takesEffect: options.takesEffect ?? false,
    });
  }

  /** Lifts every refusal. */
  heal(): void {
    this.#rules.length = 0;
  }

  /** API names of the calls since `fromMs`, in order. */
  callNames(fromMs: Ms = Number.NEGATIVE_INFINITY): string[] {
    return this.calls.filter((call) => call.atMs >= fromMs).map((call) => ec2ApiName(call.intention.action));
  }

  /** `Assign(n)` and the like, for calls since `fromMs`. */
  assigns(fromMs: Ms = Number.NEGATIVE_INFINITY): number[] {
    const counts: number[] = [];
    for (const { intention, atMs } of this.calls) {
      if (intention.action === "AssignPrivateIpAddresses" && atMs >= fromMs)
        counts.push(intention.prefixCount + intention.addressCount);
    }
    return counts;
  }

  logged(part: string): boolean {
    return this.logs.some((line) => line.text.includes(part));
  }

  /** The ENIs as metadata shows them now. */
  metadata(): ImdsEni[] {
    const shown = [...this.enis.values()]
      .filter((eni) => eni.attachmentId !== undefined && eni.visibleFromMs <= this.nowMs)
      .map((eni) => {
        const subnet = this.subnets.get(eni.subnetId)!;
        return {
          eniId: eni.eniId,
          mac: `02:00:00:00:00:${(eni.deviceNumber ?? 0).toString(16).padStart(2, "0")}`,
          deviceNumber: eni.deviceNumber ?? 0,
          networkCard: 0,
          subnetId: eni.subnetId,
          subnetCidr: { base: subnet.base, prefixLength: 32 - Math.log2(subnet.size) },
          primaryAddress: eni.primaryAddress,
          addresses: [...eni.addresses],
          prefixes: [...eni.prefixes],
        };
      });
    return this.metadataView(shown);
  }

  /** Puts an ENI into the VPC, as somebody else would. */
  put(eni: Partial<TestEni>): TestEni {
    const subnetId = eni.subnetId ?? [...this.subnets.keys()][0]!;
    const whole: TestEni = {
      eniId: eni.eniId ?? `eni-${this.#nextEni++}`,
      subnetId,
      primaryAddress: eni.primaryAddress ?? this.#freeAddresses(subnetId, 1)![0]!,
      addresses: [],
      prefixes: [],
      interfaceType: "interface",
      description: "",
      attachmentId: undefined,
      deviceNumber: undefined,
      deleteOnTermination: false,
      tags: [],
      securityGroupIds: ["sg-1"],
      visibleFromMs: Number.NEGATIVE_INFINITY,
      ...eni,
    } as TestEni;
    this.enis.set(whole.eniId, whole);
    return whole;
  }

  // -------------------------------------------------------------- the body

  #advanceToNext(endMs: Ms): boolean {
    const wakeAt = this.engine.wakeAt();
    const next = this.#pending[0];
    const nextMs = Math.min(wakeAt ?? Number.POSITIVE_INFINITY, next?.atMs ?? Number.POSITIVE_INFINITY);
    if (nextMs > endMs) return false;
    this.nowMs = Math.max(this.nowMs, nextMs);
    if (next !== undefined && next.atMs <= nextMs) {
      this.#pending.shift();
      this.input(next.input);
    } else this.input({ kind: "wake" });
    return true;
  }

  /** Delivers what is due at this very moment, so that ADD and DEL can be read as calls. */
  #settleNow(): void {
    while (this.#pending[0] !== undefined && this.#pending[0].atMs <= this.nowMs)
      this.input(this.#pending.shift()!.input);
  }

  #later(delayMs: Ms, input: TimelessInput): void {
    this.#pending.push({ atMs: this.nowMs + delayMs, order: this.#order++, input });
    const sign = this.options.reversesTies === true ? -1 : 1;
    this.#pending.sort((a, b) => a.atMs - b.atMs || sign * (a.order - b.order));
  }

  #carryOut(effect: Effect): void {
    this.effects.push(effect);
    switch (effect.kind) {
      case "reply":
        // A held reply is answered again when its save fails, so a later one replaces it.
        this.replies.set(effect.requestId, effect.result);
        return;
      case "ec2": {
        const outcome = this.ec2(effect.intention);
        this.calls.push({ atMs: this.nowMs, intention: effect.intention, outcome });
        this.#later(this.options.ec2LatencyMs ?? 0, {
          kind: "completed",
          id: effect.id,
          outcome: { kind: "ec2", result: outcome },
        });
        return;
      }
      case "observe": {
        const outcome =
          this.imdsError !== undefined
            ? ({ kind: "failed", message: this.imdsError } as const)
            : effect.what === "enis"
              ? ({ kind: "enis", enis: this.metadata() } as const)
              : ({ kind: "securityGroups", securityGroupIds: this.securityGroupIds } as const);
        this.#later(0, { kind: "completed", id: effect.id, outcome });
        return;
      }
      case "setUpEni":
      case "tearDownEni":
        this.#later(0, {
          kind: "completed",
          id: effect.id,
          outcome: this.hostError === undefined ? { kind: "ok" } : { kind: "failed", message: this.hostError },
        });
        return;
      case "announce":
        this.announced.push(effect.value === "" ? effect.feature : `${effect.feature}=${effect.value}`);
        this.#later(0, { kind: "completed", id: effect.id, outcome: { kind: "ok" } });
        return;
      case "save":
        if (this.saveError !== undefined) {
          this.#later(0, { kind: "saveFailed", saveId: effect.saveId, message: this.saveError });
          return;
        }
        this.saved = this.engine.allocations();
        this.#later(0, { kind: "saved", saveId: effect.saveId });
        return;
      case "log":
        this.logs.push({
          atMs: this.nowMs,
          level: MESSAGES[effect.message].level,
          text: formatMessage(effect.message, effect.args, (attachment) => ({
            networkName: "aws-cni",
            containerId: `container-${attachment}`,
            ifName: "eth0",
          })),
        });
        return;
      case "ready":
        this.isReady = true;
        return;
      case "exit":
        this.exit = effect;
        return;
      case "event":
        return;
    }
  }

  /** One call to this small EC2, as the engine makes it. */
  ec2(intention: Ec2Intention): Ec2Outcome {
    const rule = this.#rules.find(
      (candidate) =>
        candidate.timesLeft > 0 &&
        (candidate.action === intention.action || candidate.action === ec2ApiName(intention.action)) &&
        candidate.accepts(intention),
    );
    if (rule === undefined) return this.#perform(intention);
    rule.timesLeft--;
    if (rule.takesEffect) this.#perform(intention);
    if (rule.awsCode === "lost") return { kind: "refused", errorClass: "lost", awsCode: "lost", message: "no answer" };
    return refused(rule.awsCode, rule.message);
  }

  #perform(intention: Ec2Intention): Ec2Outcome {
    const done = (answer: Ec2Answer = {}): Ec2Outcome => ({ kind: "done", answer });
    switch (intention.action) {
      case "AssignPrivateIpAddresses": {
        const eni = this.enis.get(intention.eniId);
        if (eni === undefined) return notFound(intention.eniId);
        const { prefixCount, addressCount, prefixes = [], addresses = [] } = intention;
        const asked = prefixCount + addressCount + prefixes.length + addresses.length;
        if (1 + eni.addresses.length + eni.prefixes.length + asked > this.facts.limits.ipv4PerEni)
          return refused("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
        if (prefixes.length + addresses.length > 0) return this.#takeNamed(eni, { prefixes, addresses });
        return this.#take(eni, prefixCount, addressCount);
      }
      case "UnassignPrivateIpAddresses": {
        const eni = this.enis.get(intention.eniId);
        if (eni === undefined) return notFound(intention.eniId);
        eni.prefixes = eni.prefixes.filter((base) => !intention.prefixes.includes(base));
        eni.addresses = eni.addresses.filter((address) => !intention.addresses.includes(address));
        return done();
      }
      case "CreateNetworkInterface": {
        if (this.#freeAddresses(intention.subnetId, 1) === undefined) return fullSubnet();
        const eni = this.put({
          subnetId: intention.subnetId,
          description: intention.description,
          tags: [...intention.tags],
          securityGroupIds: intention.securityGroupIds,
        });
        if (intention.primaryAddress !== undefined) eni.primaryAddress = intention.primaryAddress;
        const { prefixes } = intention;
        const taken =
          prefixes === undefined
            ? this.#take(eni, intention.prefixCount, intention.addressCount)
            : this.#takeNamed(eni, { prefixes, addresses: [] });
        if (taken.kind === "refused") {
          this.enis.delete(eni.eniId);
          return taken;
        }
        return done({ enis: [describe(eni)] });
      }
      case "AttachNetworkInterface": {
        const eni = this.enis.get(intention.eniId);
        if (eni === undefined) return notFound(intention.eniId);
        eni.attachmentId = `eni-attach-of-${eni.eniId}`;
        eni.deviceNumber = intention.deviceIndex;
        eni.visibleFromMs = this.nowMs + (this.options.imdsLagMs ?? 0);
        return done({ attachmentId: eni.attachmentId });
      }
      case "SetDeleteOnTermination":
        this.enis.get(intention.eniId)!.deleteOnTermination = true;
        return done();
      case "SetSecurityGroups":
        this.enis.get(intention.eniId)!.securityGroupIds = intention.securityGroupIds;
        return done();
      case "DetachNetworkInterface": {
        const eni = [...this.enis.values()].find((candidate) => candidate.attachmentId === intention.attachmentId);
        if (eni === undefined) return refused("InvalidAttachmentID.NotFound", "The attachment ID does not exist");
        eni.attachmentId = undefined;
        eni.deviceNumber = undefined;
        return done();
      }
      case "DeleteNetworkInterface":
        return this.enis.delete(intention.eniId) ? done() : notFound(intention.eniId);
      case "DescribeNetworkInterfaces": {
        const unknown = intention.eniIds.find((eniId) => !this.enis.has(eniId));
        if (unknown !== undefined) return notFound(unknown);
        return done({ enis: intention.eniIds.map((eniId) => describe(this.enis.get(eniId)!)) });
      }
      case "DescribeLeakedNetworkInterfaces":
        return done({ enis: [...this.enis.values()].filter((eni) => eni.attachmentId === undefined).map(describe) });
      case "DescribeSubnetNetworkInterfaces": {
        const inSubnet = [...this.enis.values()].filter((eni) => eni.subnetId === intention.subnetId);
        return done({ enis: inSubnet.map(describe) });
      }
      case "GetSubnetCidrReservations":
        return done({ reservations: [] });
      case "DescribeInstances":
        return done({
          deviceIndexes: [...this.enis.values()].flatMap((eni) =>
            eni.deviceNumber === undefined ? [] : [eni.deviceNumber],
          ),
        });
      case "DescribeSubnets":
        return done({
          subnets: [...this.subnets.values()].map((subnet) => ({
            ...subnet,
            availableIpAddressCount: this.#available(subnet.subnetId),
          })),
        });
      case "CreateTags": {
        const eni = this.enis.get(intention.resourceId);
        if (eni === undefined) return notFound(intention.resourceId);
        const keys = intention.tags.map((tag) => tag.key);
        eni.tags = [...eni.tags.filter((tag) => !keys.includes(tag.key)), ...intention.tags];
        return done();
      }
    }
  }

  #takeNamed(
    eni: TestEni,
    named: { readonly prefixes: readonly Ipv4[]; readonly addresses: readonly Ipv4[] },
  ): Ec2Outcome {
    const used = this.#usedIn(eni.subnetId);
    const wanted = [
      ...named.addresses,
      ...named.prefixes.flatMap((base) => Array.from({ length: 16 }, (_, i) => base + i)),
    ];
    if (wanted.some((address) => used.has(address)))
      return refused("InvalidParameterValue", "assigned, but move is not allowed.");
    eni.prefixes.push(...named.prefixes);
    eni.addresses.push(...named.addresses);
    return { kind: "done", answer: { prefixes: named.prefixes, addresses: named.addresses } };
  }

  #take(eni: TestEni, prefixCount: number, addressCount: number): Ec2Outcome {
    const prefixes = this.#freePrefixes(eni.subnetId, prefixCount);
    if (prefixes === undefined)
      return refused(
        "InsufficientCidrBlocks",
        "The specified subnet does not have enough free cidr blocks to satisfy the request.",
      );
    eni.prefixes.push(...prefixes);
    const addresses = this.#freeAddresses(eni.subnetId, addressCount);
    if (addresses === undefined) return fullSubnet();
    eni.addresses.push(...addresses);
    return { kind: "done", answer: { prefixes, addresses } };
  }

  #usedIn(subnetId: string): Set<Ipv4> {
    const used = new Set<Ipv4>();
    for (const eni of this.enis.values()) {
      if (eni.subnetId !== subnetId) continue;
      for (const address of [eni.primaryAddress, ...eni.addresses]) used.add(address);
      for (const base of eni.prefixes) for (let i = 0; i < 16; i++) used.add(base + i);
    }
    return used;
  }

  #available(subnetId: string): number {
    return this.subnets.get(subnetId)!.size - 5 - this.#usedIn(subnetId).size;
  }

  /** The lowest free blocks; undefined when there are too few. */
  #freePrefixes(subnetId: string, count: number): Ipv4[] | undefined {
    const { base, size } = this.subnets.get(subnetId)!;
    const used = this.#usedIn(subnetId);
    const found: Ipv4[] = [];
    for (let block = base + 16; block < base + size - 16 && found.length < count; block += 16) {
      if (Array.from({ length: 16 }, (_, i) => block + i).every((address) => !used.has(address))) found.push(block);
    }
    return found.length === count ? found : undefined;
  }

  /** The highest free addresses, so that they leave whole blocks below; undefined when there are too few. */
  #freeAddresses(subnetId: string, count: number): Ipv4[] | undefined {
    const { base, size } = this.subnets.get(subnetId)!;
    const used = this.#usedIn(subnetId);
    const found: Ipv4[] = [];
    for (let address = base + size - 2; address > base + 3 && found.length < count; address--) {
      if (!used.has(address)) found.push(address);
    }
    return found.length === count ? found : undefined;
  }
}

function describe(eni: TestEni): Ec2Eni {
  return {
    eniId: eni.eniId,
    subnetId: eni.subnetId,
    interfaceType: eni.interfaceType,
    status: eni.attachmentId === undefined ? "available" : "in-use",
    description: eni.description,
    attachmentId: eni.attachmentId,
    instanceId: eni.attachmentId === undefined ? undefined : INSTANCE_ID,
    deviceNumber: eni.deviceNumber,
    networkCard: 0,
    deleteOnTermination: eni.deleteOnTermination,
    primaryAddress: eni.primaryAddress,
    addresses: [...eni.addresses],
    prefixes: [...eni.prefixes],
    tags: [...eni.tags],
  };
}

function refused(awsCode: string, message: string): Ec2Outcome {
  return { kind: "refused", errorClass: classifyEc2Error({ awsCode, message }), awsCode, message };
}

function notFound(eniId: string): Ec2Outcome {
  return refused("InvalidNetworkInterfaceID.NotFound", `The networkInterface ID '${eniId}' does not exist`);
}

function fullSubnet(): Ec2Outcome {
  return refused(
    "InsufficientFreeAddressesInSubnet",
    "The specified subnet does not have enough free addresses to satisfy the request.",
  );
}

/** The prefixes of an ENI as text, for expectations. */
export function prefixTexts(eni: TestEni): string[] {
  return eni.prefixes.map((base) => formatCidr({ base, prefixLength: 28 }));
}
