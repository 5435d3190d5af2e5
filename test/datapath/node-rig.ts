// One node that is real from the metadata service to the pod: an emulated VPC in this process, its instance played by network
// namespaces, a compiled agent that wires in them, and the compiled plugin. For tests through a runtime and for benchmarks.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCni } from "../../scripts/build-cni.ts";
import { buildSlash28 } from "../../scripts/build-slash28.ts";
import { systemClock } from "../../src/drivers/clock-system.ts";
import { type RunningEmulator, startEmulator } from "../../src/emulator/server/emulator.ts";
import { CHART_DEFAULTS } from "../../src/ipam/settings.ts";
import { Fabric } from "../../src/up/fabric.ts";
import { askAgent, type JsonReply } from "../e2e/ask-agent.ts";
import { buildTestVpc, TEST_INSTANCE_ID, type TestVpc } from "../e2e/test-vpc.ts";
import { Begun } from "./begun.ts";

const START_TIMEOUT_MS = 30_000;

export interface NodeRigOptions {
  readonly instanceType: string;
  readonly maxPods: number;
  /** Of the agent, beside what the rig sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is compiled as the agent; the command line unless given. */
  readonly entry?: string;
  readonly subnetCidr?: string;
}

export class NodeRig {
  readonly folder: string;
  readonly world: TestVpc;
  readonly fabric: Fabric;
  /** The node's network namespace. */
  readonly netnsPath: string;
  readonly plugin: string;
  readonly #options: NodeRigOptions;
  readonly #emulator: RunningEmulator;
  readonly #problems: string[];
  readonly #begun: Begun;
  #agent: Bun.Subprocess | undefined;

  private constructor(parts: {
    readonly folder: string;
    readonly world: TestVpc;
    readonly fabric: Fabric;
    readonly emulator: RunningEmulator;
    readonly options: NodeRigOptions;
    readonly problems: string[];
    readonly begun: Begun;
  }) {
    this.folder = parts.folder;
    this.world = parts.world;
    this.fabric = parts.fabric;
    this.netnsPath = parts.fabric.nodeNamespace(TEST_INSTANCE_ID);
    this.plugin = join(parts.folder, "slash28-cni");
    this.#options = parts.options;
    this.#emulator = parts.emulator;
    this.#problems = parts.problems;
    this.#begun = parts.begun;
  }

  /** Everything but the agent; that is for `startAgent`. */
  static create(options: NodeRigOptions): Promise<NodeRig> {
    const begun = new Begun();
    return begun.orEnd(() => NodeRig.#build(options, begun));
  }

  static async #build(options: NodeRigOptions, begun: Begun): Promise<NodeRig> {
    const folder = mkdtempSync(join(tmpdir(), "s28n-"));
    begun.add(() => rmSync(folder, { recursive: true, force: true }));
    const problems: string[] = [];
    const world = buildTestVpc(28, {
      instanceType: options.instanceType,
      ...(options.subnetCidr === undefined ? {} : { cidr: options.subnetCidr }),
    });
    const clock = systemClock();
    const emulator = await startEmulator({ vpc: world.vpc, listen: { host: "127.0.0.1", port: 0 }, clock });
    begun.add(() => emulator.close());
    const fabric = await Fabric.create({
      instanceIds: [TEST_INSTANCE_ID],
      onProblem: (text) => problems.push(text),
    });
    begun.add(() => fabric.close());
    await fabric.follow(world.vpc.world, () => clock.nowMs());
    const rig = new NodeRig({ folder, world, fabric, emulator, options, problems, begun });
    begun.add(() => rig.stopAgent());
    mkdirSync(join(folder, "run"));
    // Apart: the folder of the facts is watched, and logs are written beside it.
    mkdirSync(join(folder, "facts"));
    rig.writeFacts({ pods: [] });
    await Promise.all([buildCni(rig.plugin), buildSlash28(join(folder, "slash28"), { entry: options.entry })]);
    return rig;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  get jsonSocket(): string {
    return this.path("run/s.sock");
  }

  get agentPid(): number {
    return this.#agent?.pid ?? 0;
  }

  writeFacts(more: Readonly<Record<string, unknown>>): void {
    const node = { name: "node-1", maxPods: this.#options.maxPods };
    writeFileSync(this.path("facts/facts.json"), JSON.stringify({ node, eniConfigs: [], ...more }));
  }

  /** Resolves when it serves. */
  async startAgent(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#agent = Bun.spawn([this.path("slash28"), "agent"], {
      env: {
        ...CHART_DEFAULTS,
        PATH: process.env["PATH"] ?? "",
        ENABLE_PREFIX_DELEGATION: "true",
        WARM_PREFIX_TARGET: "1",
        IP_COOLDOWN_PERIOD: "1",
        CLUSTER_NAME: "datapath-test",
        NETWORK_POLICY_ENFORCING_MODE: "",
        AWS_REGION: "us-west-2",
        AWS_ACCESS_KEY_ID: "dummy",
        AWS_SECRET_ACCESS_KEY: "dummy",
        AWS_ENDPOINT_URL_EC2: this.#emulator.ec2Url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: this.#emulator.imdsUrl(TEST_INSTANCE_ID),
        AWS_VPC_K8S_CNI_BACKING_STORE: this.path("run/ipam.json"),
        AWS_VPC_K8S_CNI_LOG_FILE: this.path("ipamd.log"),
        AWS_VPC_K8S_CNI_LOGLEVEL: "info",
        INTROSPECTION_BIND_ADDRESS: `unix:${this.path("run/i.sock")}`,
        SLASH28_METRICS_ADDRESS: `unix:${this.path("run/m.sock")}`,
        SLASH28_SOCKET: this.jsonSocket,
        SLASH28_GRPC_SOCKET: this.path("run/g.sock"),
        SLASH28_FACTS: this.path("facts/facts.json"),
        SLASH28_SEED: "28",
        SLASH28_DATAPATH: "on",
        SLASH28_HOST_NETNS: this.netnsPath,
        ...this.#options.env,
        ...env,
      },
      stdin: "ignore",
      stdout: Bun.file(this.path("agent.out")),
      stderr: Bun.file(this.path("agent.out")),
    });
    const endMs = performance.now() + START_TIMEOUT_MS;
    while ((await this.ask({ op: "status" }).catch(() => undefined))?.ok !== true) {
      if (this.#agent.exitCode !== null || this.#agent.signalCode !== null || performance.now() > endMs)
        throw new Error(`the agent does not serve: ${readFileSync(this.path("agent.out"), "utf8").slice(-2000)}`);
      await Bun.sleep(5);
    }
  }

  /** Resolves when the pool has so many addresses in prefixes. */
  async waitForAddresses(count: number): Promise<void> {
    const endMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const answer = await fetch("http://agent/v1/enis", { unix: this.path("run/i.sock") });
      const cards = (await answer.json()) as Record<string, { ENIs: Record<string, { AvailableIPv4Cidrs: object }> }>;
      const enis = Object.values(cards["0"]?.ENIs ?? {});
      const prefixCount = enis.reduce((sum, eni) => sum + Object.keys(eni.AvailableIPv4Cidrs).length, 0);
      if (prefixCount * 16 >= count) return;
      if (performance.now() > endMs) throw new Error(`the pool has ${prefixCount} prefixes, not ${count} addresses`);
      await Bun.sleep(50);
    }
  }

  async stopAgent(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#agent?.kill(signal);
    await this.#agent?.exited;
    this.#agent = undefined;
  }

  /** One line each way on a connection of its own, as the plugin does it. Rejects when the agent is not there. */
  ask(request: Readonly<Record<string, unknown>>): Promise<JsonReply> {
    return askAgent(this.jsonSocket, request);
  }

  /** The allocations of the checkpoint: address by container id. */
  allocations(): Map<string, string> {
    const text = readFileSync(this.path("run/ipam.json"), "utf8");
    const saved = JSON.parse(text) as { allocations: { containerID: string; ipv4: string }[] };
    return new Map(saved.allocations.map(({ containerID, ipv4 }) => [containerID, ipv4]));
  }

  /** A plugin's entry of the reference's conflist, with the rig's paths. */
  pluginConfig(type = "slash28-cni"): Record<string, unknown> {
    return {
      name: "aws-cni",
      type,
      vethPrefix: "eni",
      mtu: "9001",
      podSGEnforcingMode: "strict",
      pluginLogFile: this.path("plugin.log"),
      pluginLogLevel: "DEBUG",
      capabilities: { "io.kubernetes.cri.pod-annotations": true },
      socketPath: this.jsonSocket,
      hostNetns: this.netnsPath,
    };
  }

  /** What the fabric could not follow; none when all is well. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  close(): Promise<void> {
    return this.#begun.end();
  }
}
