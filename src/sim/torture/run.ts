// One run: faults for a while, every step checked; then calm, in which every pod that fits has to get its address; then the
// pods leave, and nothing may be left. The same seed and policy give the same run.

import { Prng } from "../../base/prng.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../../base/units.ts";
import { instanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import { ACTIONS } from "../../emulator/actions/index.ts";
import { Vpc } from "../../emulator/model/index.ts";
import { createEngine } from "../../ipam/engine.ts";
import { parseSettings, type Settings } from "../../ipam/settings.ts";
import type { Engine, EngineOptions, NodeFacts, PolicyId } from "../../ipam/types.ts";
import { FleetLedger } from "../checkers/ledger.ts";
import { type LiveNode, type Room, roomFor } from "../checkers/liveness.ts";
import { NodeChecks } from "../checkers/node-checks.ts";
import { assertedUnder, type InvariantId, Verdicts } from "../checkers/verdicts.ts";
import { Ec2Line } from "./ec2-line.ts";
import { NO_FAULTS } from "./faults.ts";
import { MetadataLine } from "./metadata-line.ts";
import { NodeBody } from "./node-body.ts";
import { drawPlan, type PlannedNode, type TorturePlan } from "./plan.ts";
import { Runtime } from "./runtime.ts";
import { Story } from "./story.ts";
import { Timeline } from "./timeline.ts";
import { Truth } from "./truth.ts";
import { Weather, type WeatheredNode } from "./weather.ts";

/** So long after the faults buckets are full again, and what was told to stop has started anew. */
const SETTLING_MS = 60 * SECOND_MS;
/** How soon after the faults every pod that fits has an address (I10). */
const HEALING_MS = 60 * SECOND_MS;
/** Room that appeared in the last so long need not have been used. */
const ROOM_SEEN_MS = 30 * SECOND_MS;
/** A node that was told of a full subnet (I9) or of a limit believes it for so long. */
const PAUSE_MAX_MS = 31 * MINUTE_MS;
/** The last of those who try once a minute, and the minute that everybody has. */
const PATIENCE_MS = 120 * SECOND_MS;
/** Longer than any deadline of an ADD. */
const LEAVING_MS = 120 * SECOND_MS;

export interface TortureOptions {
  /** Puts a planted bug between body and engine. */
  readonly breakEngine?: ((engine: Engine) => Engine) | undefined;
  /** The engine works by other settings than the checkers. */
  readonly breakSettings?: ((settings: Settings) => Settings) | undefined;
  /** How many of the last things that happened are kept for the story. */
  readonly storyLength?: number | undefined;
  /** Changes the plan that the seed gives. */
  readonly change?: ((plan: TorturePlan) => TorturePlan) | undefined;
}

export interface TortureOutcome {
  readonly seed: number;
  readonly policy: PolicyId;
  /** Steps of all engines while faults were on. */
  readonly faultedStepCount: number;
  readonly crashCount: number;
  readonly ec2CallCount: number;
  /** 60 s after the faults. */
  readonly podsServedAtEnd: number;
  /** How often each invariant that is not asserted was broken. */
  readonly excused: ReadonlyMap<InvariantId, number>;
  /** undefined: every asserted invariant held. */
  readonly broken: { readonly what: string; readonly story: readonly string[] } | undefined;
}

export function torture(seed: number, policy: PolicyId, options: TortureOptions = {}): TortureOutcome {
  const plan = drawPlan(seed, policy);
  const run = new TortureRun(options.change?.(plan) ?? plan, options);
  let broken: TortureOutcome["broken"];
  try {
    run.run();
  } catch (thrown) {
    // Whatever stops a run is its finding: a broken invariant, an engine's own assertion, a mistake of the torture.
    const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    const where = thrown instanceof Error ? (thrown.stack ?? "") : "";
    broken = { what, story: [...run.story.lines(), ...where.split("\n").slice(0, 8)] };
  }
  return {
    seed,
    policy,
    faultedStepCount: run.faultedStepCount,
    crashCount: run.nodes.reduce((sum, node) => sum + node.body.crashCount, 0),
    ec2CallCount: run.nodes.reduce((sum, node) => sum + node.ec2.callCount, 0),
    podsServedAtEnd: run.podsServedAtEnd,
    excused: run.verdicts.excused,
    broken,
  };
}

interface RunNode extends WeatheredNode {
  readonly planned: PlannedNode;
  readonly ec2: Ec2Line;
  readonly checks: NodeChecks;
  readonly live: LiveNode;
}

class TortureRun {
  readonly plan: TorturePlan;
  readonly vpc: Vpc;
  readonly truth: Truth;
  readonly story: Story;
  readonly timeline = new Timeline();
  readonly verdicts: Verdicts;
  readonly nodes: RunNode[] = [];
  readonly settings: Settings;
  faultedStepCount = 0;
  podsServedAtEnd = 0;
  readonly #options: TortureOptions;
  readonly #prng: Prng;
  readonly #weather: Weather;
  readonly #checks: NodeChecks[] = [];
  readonly #ledger = new FleetLedger();
  #isFaulted = true;
  #nextId = 1;

  constructor(plan: TorturePlan, options: TortureOptions) {
    this.plan = plan;
    this.#options = options;
    this.story = new Story(options.storyLength ?? 0);
    this.#prng = new Prng(plan.seed).split("run");
    this.settings = parseSettings(plan.env).settings;
    this.verdicts = new Verdicts(assertedUnder(plan.policy, this.settings.policyOff));
    this.vpc = new Vpc({
      world: plan.world,
      knobs: plan.knobs,
      prng: this.#prng.split("emulator"),
      actions: ACTIONS,
    });
    this.truth = new Truth(this.vpc);
    for (const [index, planned] of plan.nodes.entries()) this.nodes.push(this.#buildNode(index, planned));
    const { vpc, nodes, timeline, story } = this;
    this.#weather = new Weather({ vpc, nodes, timeline, story, prng: this.#prng.split("weather") });
  }

  #buildNode(index: number, planned: PlannedNode): RunNode {
    const { plan, timeline, story, vpc, truth, verdicts } = this;
    const name = `node-${index + 1}`;
    const prng = this.#prng.split(name);
    const facts = this.#factsOf(name, planned);
    const engineOptions: EngineOptions = {
      settings: this.#options.breakSettings?.(this.settings) ?? this.settings,
      policy: plan.policy,
      seed: prng.split("engine").uint32(),
      logLevel: undefined,
    };
    const newEngine = () => {
      const engine = createEngine(engineOptions);
      return this.#options.breakEngine?.(engine) ?? engine;
    };
    const ec2 = new Ec2Line(vpc, prng.split("ec2"), timeline);
    const metadata = new MetadataLine({
      vpc,
      instanceId: planned.instanceId,
      prng: prng.split("metadata"),
      nowMs: () => timeline.nowMs,
    });
    const onStep = () => {
      if (this.#isFaulted) this.faultedStepCount++;
    };
    const { describeStaleness, describeStalenessProbability, latencyScale } = plan.knobs;
    const restartMsMin = describeStalenessProbability > 0 ? describeStaleness.max * latencyScale : 0;
    const random = prng.split("body");
    const body = new NodeBody(
      { name, index, facts, prng: random, timeline, story, ec2, metadata, newEngine, restartMsMin, onStep },
      plan.rates,
    );
    const { instanceId, limits, primaryEniId, maxPods } = facts;
    const slotsPerEni = limits.ipv4PerEni - 1;
    const { cooldownMs } = this.settings;
    const checks = new NodeChecks({
      verdicts,
      witness: truth,
      ledger: this.#ledger,
      fleet: this.#checks,
      node: { name, instanceId, primaryEniId, slotsPerEni, maxPods, cooldownMs },
      engine: body.engine,
    });
    this.#checks.push(checks);
    body.checks = checks;
    const runtime = new Runtime({
      body,
      prng: prng.split("runtime"),
      timeline,
      habits: plan.pods,
      podCount: planned.podCount,
      tellsBound: plan.policy !== "vpc-cni",
      nextId: () => this.#nextId++,
    });
    body.listener = runtime;
    const live: LiveNode = {
      instanceId,
      ledger: checks.ledger,
      cooldownMs,
      slotsPerEni,
      eniCountMax: Math.min(limits.eniCountMax, this.settings.maxEni ?? limits.eniCountMax),
      usesPrefixes: this.settings.prefixDelegation && limits.supportsPrefixes,
      fallsBackToSingles: plan.policy !== "vpc-cni",
      subnetIds: this.settings.subnetDiscovery ? plan.world.subnets.map((subnet) => subnet.id) : ["subnet-1"],
    };
    return { planned, ec2, metadata, body, checks, runtime, live, maxPods: planned.maxPods };
  }

  #factsOf(name: string, { instanceId, instanceType, maxPods }: PlannedNode): NodeFacts {
    const limits = instanceTypeLimits(instanceType);
    if (limits === undefined) throw new Error(`${instanceType} is no instance type`);
    return {
      nodeName: name,
      instanceId,
      instanceType,
      limits: {
        eniCountMax: limits.eniCountMax,
        ipv4PerEni: limits.ipv4PerEni,
        supportsPrefixes: supportsPrefixes(limits),
        isTrunkingCompatible: limits.isTrunkingCompatible,
      },
      region: this.plan.world.region,
      availabilityZone: this.plan.world.subnets[0]!.az,
      vpcId: "vpc-1",
      primaryEniId: this.truth.primaryEniId(instanceId),
      primarySubnetId: "subnet-1",
      maxPods,
      isUnschedulable: false,
      eniConfig: undefined,
      clusterNodeCount: this.plan.nodes.length,
    };
  }

  // -------------------------------------------------------------- three acts

  run(): void {
    for (const { body } of this.nodes) this.timeline.at(0, () => body.start());
    this.#weather.start(this.plan.rates);
    while (this.faultedStepCount < this.plan.stepCountMax && this.timeline.next(this.plan.faultsMs));
    this.#recountAll();
    this.#heal();
    this.#leave();
  }

  #heal(): void {
    this.#isFaulted = false;
    this.story.add(this.timeline.nowMs, "torture", "faults stop");
    for (const { body } of this.nodes) body.rates = NO_FAULTS;
    this.#weather.clear();
    this.#pass(this.timeline.nowMs + SETTLING_MS);
    this.#weather.clear();
    for (const { runtime } of this.nodes) runtime.calm();
    const healedMs = this.timeline.nowMs + HEALING_MS;
    this.#checkServed(healedMs, (node) => !node.checks.isPaused(healedMs));
    for (const { runtime } of this.nodes) this.podsServedAtEnd += runtime.runningCount;
    const isPaused = this.nodes.some(({ runtime, checks }) => runtime.waitingCount > 0 && checks.isPaused(healedMs));
    if (isPaused && this.verdicts.isAsserted("I10")) this.#outwait(healedMs + PAUSE_MAX_MS);
    this.#recountAll();
  }

  /** What a node believes of full subnets and limits is over: it has a minute, as everybody had. */
  #outwait(pausesEndMs: Ms): void {
    for (const { runtime } of this.nodes) runtime.isPatient = true;
    this.#pass(pausesEndMs);
    for (const { runtime } of this.nodes) runtime.isPatient = false;
    this.#checkServed(pausesEndMs + PATIENCE_MS, () => true);
  }

  /** I10 at a moment: no pod of these nodes waits for which there is room, now and a while before. */
  #checkServed(atMs: Ms, isJudged: (node: RunNode) => boolean): void {
    this.#pass(atMs - ROOM_SEEN_MS);
    const earlier = this.nodes.map((node) => this.#room(node));
    this.#pass(atMs);
    for (const [index, node] of this.nodes.entries()) {
      const { body, runtime } = node;
      if (runtime.waitingCount === 0 || !isJudged(node)) continue;
      const room = this.#room(node);
      const fits = room !== "none" && earlier[index] !== "none";
      this.verdicts.demand(
        !fits,
        "I10",
        () => `${body.name}: ${runtime.waitingCount} pods wait long after the faults, with room for one: ${room}`,
      );
    }
  }

  #room({ live }: RunNode): Room {
    return roomFor(live, this.truth, this.timeline.nowMs);
  }

  #leave(): void {
    for (const { runtime } of this.nodes) runtime.leave();
    this.#pass(this.timeline.nowMs + LEAVING_MS);
    this.#recountAll();
    for (const { body, checks } of this.nodes) {
      if (!body.isReady) continue;
      const left = body.engine.allocations().length;
      this.verdicts.demand(left === 0, "I6", () => `${body.name}: ${left} addresses are held though every pod left`);
      this.verdicts.demand(checks.owedCount === 0, "I7", () => `${body.name} owes ${checks.owedCount} replies`);
    }
    const world = this.vpc.check();
    if (world.length > 0) throw new Error(`the emulated VPC contradicts itself: ${world.join("; ")}`);
  }

  #pass(untilMs: Ms): void {
    while (this.timeline.next(untilMs));
  }

  #recountAll(): void {
    for (const { body, checks } of this.nodes) if (body.isAlive) checks.recount(this.timeline.nowMs);
  }
}
