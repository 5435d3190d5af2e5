// A node under fire: the emulated VPC in this process, one real agent process, callers that ADD and DEL over the JSON socket
// as a runtime does, and a killer. It keeps its own book of what callers were told and never asks the agent for it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSlash28 } from "../../scripts/build-slash28.ts";
import { formatIpv4 } from "../../src/base/ipv4.ts";
import { Prng } from "../../src/base/prng.ts";
import { systemClock } from "../../src/drivers/clock-system.ts";
import { type RunningEmulator, startEmulator } from "../../src/emulator/server/emulator.ts";
import { CHART_DEFAULTS } from "../../src/ipam/settings.ts";
import type { PolicyId } from "../../src/ipam/types.ts";
import { askAgent, type JsonReply } from "./ask-agent.ts";
import { type Look, problemsAtRest } from "./at-rest.ts";
import { buildTestVpc, TEST_INSTANCE_ID, type TestVpc, type TestVpcEni } from "./test-vpc.ts";

const CALLERS = 6;
const PODS_PER_CALLER = 8;
const REQUEST_TIMEOUT_MS = 3_000;
const COOLDOWN_MS = 1_000;
/** An ADD that waits is answered before its caller gives up. */
const ADD_DEADLINE_SECONDS = 2;
/** Virtual time per real time while settling: the hourly clean-up and the reconcile come soon. */
const SETTLE_RATE = 200;
/** Two rounds of the hourly clean-up: an ENI younger than 5 min at the first is taken at the second. */
const SETTLE_VIRTUAL_MS = 2 * 3_600_000 + 600_000;
/** Rest is 600 ms, or two virtual minutes: longer than from one reconcile or one return of prefixes to the next. */
const LOOK_PAUSE_MS = 50;
const LOOKS_AT_REST = 12;

export interface Outcome {
  readonly kills: number;
  readonly acknowledgedAdds: number;
  readonly acknowledgedDels: number;
  /** Everything that does not fit, one line each. */
  readonly problems: string[];
  /** What the agent logged while everything was let settle: the evidence of a problem. */
  readonly settleLog: string;
}

export interface SettleOptions {
  /** How long the agent has, in virtual time. */
  readonly virtualMs?: number;
  /** Every sandbox goes first, so that most prefixes are surplus. */
  readonly isDrained?: boolean;
}

/** What a caller knows of one sandbox. `unsure`: the agent died before it answered. */
interface Sandbox {
  readonly id: string;
  readonly pod: string;
  state: "none" | "held" | "unsure-add" | "unsure-del";
  address: string;
}

export interface RigOptions {
  readonly folder: string;
  /** The program whose `agent` command is run: compiled first. */
  readonly entry: string;
  readonly policy: PolicyId;
  readonly seed: number;
}

export class KillRig {
  readonly #options: RigOptions;
  readonly #emulator: RunningEmulator;
  readonly #world: TestVpc;
  readonly #executable: string;
  readonly #random: Prng;
  readonly #sandboxes: Sandbox[][] = [];
  readonly #problems: string[] = [];
  #agent: Bun.Subprocess | undefined;
  #isRunning = true;
  #kills = 0;
  #adds = 0;
  #dels = 0;
  #sandboxCount = 0;

  private constructor(options: RigOptions, emulator: RunningEmulator, world: TestVpc, executable: string) {
    this.#options = options;
    this.#emulator = emulator;
    this.#world = world;
    this.#executable = executable;
    this.#random = new Prng(options.seed);
  }

  static async create(options: RigOptions): Promise<KillRig> {
    const executable = join(options.folder, "agent-under-test");
    await buildSlash28(executable, { entry: options.entry });
    const world = buildTestVpc(options.seed);
    const emulator = await startEmulator({
      vpc: world.vpc,
      listen: { host: "127.0.0.1", port: 0 },
      clock: systemClock(),
    });
    writeFileSync(
      join(options.folder, "facts.json"),
      JSON.stringify({ node: { name: "node-1", maxPods: 80 }, eniConfigs: [], pods: [] }),
    );
    mkdirSync(join(options.folder, "run"), { recursive: true });
    return new KillRig(options, emulator, world, executable);
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #start(clock?: string): void {
    this.#agent = Bun.spawn([this.#executable, "agent"], {
      env: {
        ...CHART_DEFAULTS,
        PATH: process.env["PATH"] ?? "",
        ENABLE_PREFIX_DELEGATION: "true",
        WARM_PREFIX_TARGET: "1",
        IP_COOLDOWN_PERIOD: String(COOLDOWN_MS / 1_000),
        CLUSTER_NAME: "kill-test",
        AWS_REGION: "us-west-2",
        AWS_ACCESS_KEY_ID: "dummy",
        AWS_SECRET_ACCESS_KEY: "dummy",
        AWS_ENDPOINT_URL_EC2: this.#emulator.ec2Url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: this.#emulator.imdsUrl(TEST_INSTANCE_ID),
        AWS_VPC_K8S_CNI_BACKING_STORE: this.#path("run/ipam.json"),
        AWS_VPC_K8S_CNI_LOG_FILE: this.#path("ipamd.log"),
        AWS_VPC_K8S_CNI_LOGLEVEL: "info",
        INTROSPECTION_BIND_ADDRESS: `unix:${this.#path("run/intro.sock")}`,
        DISABLE_METRICS: "true",
        SLASH28_DATAPATH: "off",
        SLASH28_SOCKET: this.#path("run/s.sock"),
        SLASH28_GRPC_SOCKET: this.#path("run/g.sock"),
        SLASH28_FACTS: this.#path("facts.json"),
        SLASH28_SEED: "28",
        SLASH28_POLICY: this.#options.policy,
        SLASH28_ADD_DEADLINE: String(ADD_DEADLINE_SECONDS),
        ...(clock === undefined ? {} : { SLASH28_CLOCK: clock }),
      },
      stdin: "ignore",
      stdout: Bun.file(this.#path("agent.out")),
      stderr: Bun.file(this.#path("agent.out")),
    });
  }

  /** Starts the callers, and kills the agent `count` times at random moments after it began to serve. */
  async killUnderLoad(count: number): Promise<void> {
    this.#start();
    await this.#waitServing();
    const callers = Array.from({ length: CALLERS }, (_, caller) =>
      this.#call(caller, this.#random.split(`caller-${caller}`)),
    );
    const random = this.#random.split("killer");
    for (let i = 0; i < count; i++) {
      await this.#waitServing();
      await Bun.sleep(this.#isLongLife(i) ? random.between(COOLDOWN_MS, 1.6 * COOLDOWN_MS) : random.between(1, 60));
      this.#agent!.kill("SIGKILL");
      await this.#agent!.exited;
      this.#kills++;
      this.#start();
    }
    await this.#waitServing();
    await Bun.sleep(200);
    this.#isRunning = false;
    await Promise.all(callers);
  }

  /** Policy `slash28` cools every free address at a restart: now and then a life is long enough to serve from them. */
  #isLongLife(index: number): boolean {
    return this.#options.policy === "slash28" && index % 4 === 0;
  }

  /** One caller: its sandboxes one after the other, ADD or DEL, with DEL after an ADD that was not answered. */
  async #call(caller: number, random: Prng): Promise<void> {
    const own: Sandbox[] = [];
    this.#sandboxes[caller] = own;
    while (this.#isRunning) {
      const held = own.filter((sandbox) => sandbox.state !== "none");
      const unsure = held.find((sandbox) => sandbox.state !== "held");
      if (unsure !== undefined) await this.#del(unsure);
      else if (held.length >= PODS_PER_CALLER || (held.length > 0 && random.below(2) === 0)) {
        await this.#del(held[random.below(held.length)]!);
      } else await this.#add(own, caller);
      await Bun.sleep(random.below(4));
    }
  }

  async #add(own: Sandbox[], caller: number): Promise<void> {
    this.#sandboxCount++;
    const id = this.#sandboxCount.toString(16).padStart(64, "0");
    const sandbox: Sandbox = { id, pod: `pod-${caller}-${this.#sandboxCount}`, state: "unsure-add", address: "" };
    own.push(sandbox);
    const reply = await this.#ask({ op: "add", ...keyOf(sandbox) });
    if (reply === undefined) return;
    if (reply.ok) {
      this.#adds++;
      sandbox.address = String(reply["address"]);
      sandbox.state = "held";
      const twice = this.#held().filter((other) => other.address === sandbox.address);
      if (twice.length > 1)
        this.#problems.push(`I1: ${sandbox.address} is held by ${twice.map((one) => one.pod).join(" and ")}`);
    } else sandbox.state = "none";
  }

  async #del(sandbox: Sandbox): Promise<void> {
    const wasHeld = sandbox.state === "held";
    sandbox.state = "unsure-del";
    const reply = await this.#ask({ op: "del", ...keyOf(sandbox) });
    if (reply === undefined) return;
    if (reply["reason"] === "starting") {
      // The runtime tries again; whether the first try took effect is known: it did not.
      if (wasHeld) sandbox.state = "held";
      await Bun.sleep(5);
      return;
    }
    if (!reply.ok) {
      this.#problems.push(`DEL of ${sandbox.pod} was refused: ${JSON.stringify(reply)}`);
      return;
    }
    if (wasHeld && reply["address"] !== sandbox.address) {
      this.#problems.push(
        `I5: the acknowledged ADD of ${sandbox.pod} (${sandbox.address}) was lost: DEL says ${JSON.stringify(reply)}`,
      );
    }
    this.#dels++;
    sandbox.state = "none";
  }

  #held(): Sandbox[] {
    return this.#sandboxes.flat().filter((sandbox) => sandbox.state === "held");
  }

  /** One line each way; undefined when the agent died or did not answer. */
  #ask(request: Readonly<Record<string, unknown>>): Promise<JsonReply | undefined> {
    return askAgent(this.#path("run/s.sock"), request, { timeoutMs: REQUEST_TIMEOUT_MS }).catch(() => undefined);
  }

  async #waitServing(): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (performance.now() < endMs) {
      const reply = await this.#ask({ op: "status" });
      if (reply?.ok === true) return;
      if (this.#agent?.exitCode !== null && this.#agent?.exitCode !== undefined) {
        throw new Error(`the agent ended by itself: ${readFileSync(this.#path("agent.out"), "utf8")}`);
      }
      await Bun.sleep(5);
    }
    throw new Error(`the agent does not serve: ${readFileSync(this.#path("agent.out"), "utf8").slice(-2000)}`);
  }

  /** Lets everything come to rest, faster than real time, and compares the books. */
  async settle({ virtualMs = SETTLE_VIRTUAL_MS, isDrained = false }: SettleOptions = {}): Promise<Outcome> {
    for (const sandbox of this.#sandboxes.flat()) {
      while (sandbox.state.startsWith("unsure") || (isDrained && sandbox.state === "held")) await this.#del(sandbox);
    }
    this.#agent!.kill("SIGTERM");
    await this.#agent!.exited;
    const logStart = this.#agentLog().length;
    const now = Date.now();
    this.#start(`${now}:${now}:${SETTLE_RATE}`);
    await this.#waitServing();
    const endMs = performance.now() + virtualMs / SETTLE_RATE;
    const atRest = await problemsAtRest(() => this.#look(), {
      looksAlike: LOOKS_AT_REST,
      pause: () => Bun.sleep(LOOK_PAUSE_MS),
      isOver: () => performance.now() >= endMs,
    });
    this.#problems.push(...atRest, ...this.#compareCheckpoint());
    return {
      kills: this.#kills,
      acknowledgedAdds: this.#adds,
      acknowledgedDels: this.#dels,
      problems: this.#problems,
      settleLog: this.#agentLog().slice(logStart),
    };
  }

  #agentLog(): string {
    return readFileSync(this.#path("ipamd.log"), "utf8");
  }

  /** EC2 and the pool, one right after the other; not at one moment, so one look alone proves nothing. */
  async #look(): Promise<Look> {
    const pool = await this.#pool();
    const enis = this.#world.enis();
    if (pool === undefined) return { problems: ["the agent does not show its pool"], seen: "" };
    return { problems: compareEc2(enis, pool), seen: JSON.stringify({ ec2: enis, pool: [...pool].sort() }) };
  }

  /** The agent's pool as its introspection shows it: prefixes by ENI. */
  async #pool(): Promise<Map<string, string[]> | undefined> {
    try {
      const answer = await fetch("http://agent/v1/enis", { unix: this.#path("run/intro.sock") });
      const cards = (await answer.json()) as Record<string, { ENIs: Record<string, { AvailableIPv4Cidrs: object }> }>;
      const enis = Object.entries(cards["0"]?.ENIs ?? {});
      return new Map(enis.map(([eniId, eni]) => [eniId, Object.keys(eni.AvailableIPv4Cidrs).sort()]));
    } catch {
      return undefined;
    }
  }

  #compareCheckpoint(): string[] {
    const file = this.#path("run/ipam.json");
    if (!existsSync(file)) return ["there is no checkpoint"];
    const saved = JSON.parse(readFileSync(file, "utf8")) as { allocations: { containerID: string; ipv4: string }[] };
    const told = new Map(this.#held().map((sandbox) => [sandbox.id, sandbox.address]));
    const problems: string[] = [];
    for (const { containerID, ipv4 } of saved.allocations) {
      if (told.get(containerID) !== ipv4)
        problems.push(`the checkpoint has ${ipv4} for ${containerID}, callers were told ${told.get(containerID)}`);
      told.delete(containerID);
    }
    for (const [id, address] of told)
      problems.push(`I5: the acknowledged ADD ${id} (${address}) is not in the checkpoint`);
    return problems;
  }

  async close(): Promise<void> {
    this.#isRunning = false;
    this.#agent?.kill("SIGKILL");
    await this.#agent?.exited;
    await this.#emulator.close();
  }
}

function keyOf(sandbox: Sandbox): Record<string, string> {
  return {
    networkName: "aws-cni",
    containerId: sandbox.id,
    ifName: "eth0",
    namespace: "default",
    podName: sandbox.pod,
  };
}

function compareEc2(enis: readonly TestVpcEni[], pool: ReadonlyMap<string, readonly string[]>): string[] {
  const problems: string[] = [];
  for (const eni of enis) {
    const ours = pool.get(eni.eniId);
    const held = eni.prefixes.map((base) => `${formatIpv4(base)}/28`).sort();
    if (eni.instanceId === undefined) {
      if (eni.description.startsWith("aws-K8S-")) problems.push(`a detached ENI of ours is left: ${eni.eniId}`);
    } else if (ours === undefined) problems.push(`EC2 has ${eni.eniId} on the instance, the pool has not`);
    else if (ours.join() !== held.join())
      problems.push(`${eni.eniId}: EC2 holds ${held.join(" ")}, the pool ${ours.join(" ")}`);
  }
  const known = new Set(enis.map((eni) => eni.eniId));
  for (const eniId of pool.keys()) if (!known.has(eniId)) problems.push(`the pool has ${eniId}, EC2 has not`);
  return problems;
}
