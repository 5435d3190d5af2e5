// Two nodes on one machine: the emulated VPC in this process, a VPC of namespaces under it, a real agent and the real plugin a
// node, pods that are namespaces. Pods answer and send datagrams from this process. Closing it leaves nothing behind.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/drivers/clock-system.ts";
import type { Vpc } from "../../src/emulator/model/index.ts";
import { type RunningEmulator, startEmulator } from "../../src/emulator/server/emulator.ts";
import { CHART_DEFAULTS } from "../../src/ipam/settings.ts";
import { EchoPlace } from "../../src/up/echo.ts";
import { Fabric, INTERNET_ADDRESS, ip, PEER_ADDRESS, runInside } from "../../src/up/fabric.ts";
import { primaryAddressOf } from "../../src/up/fabric-picture.ts";
import { addressOf, Plugin, type PluginAnswer, type PluginSandbox } from "../../src/up/plugin.ts";
import { Begun } from "./begun.ts";
import { buildPrograms, type Programs } from "./programs.ts";
import { NODE_1, NODE_2, twoNodes } from "./two-nodes.ts";

export type Environment = Readonly<Record<string, string>>;

const SERVE_TIMEOUT_MS = 20_000;
export const CALL_TIMEOUT_MS = 30_000;
const MAX_PODS = 250;

export interface LabOptions {
  readonly instanceType?: string;
  readonly env?: Environment;
  readonly callsAtOnce?: number;
  /** Changes the world before the nodes exist. */
  readonly prepare?: (vpc: Vpc) => void;
}

export class Lab {
  readonly vpc: Vpc;
  readonly fabric: Fabric;
  readonly nodes: readonly LabNode[];
  readonly internet: EchoPlace;
  readonly peer: EchoPlace;
  /** What the fabric could not follow. */
  readonly problems: readonly string[];
  readonly #begun: Begun;

  private constructor(
    fields: {
      vpc: Vpc;
      fabric: Fabric;
      nodes: readonly LabNode[];
      internet: EchoPlace;
      peer: EchoPlace;
      problems: readonly string[];
    },
    begun: Begun,
  ) {
    this.vpc = fields.vpc;
    this.fabric = fields.fabric;
    this.nodes = fields.nodes;
    this.internet = fields.internet;
    this.peer = fields.peer;
    this.problems = fields.problems;
    this.#begun = begun;
  }

  /** No agent runs yet. */
  static create(options: LabOptions = {}): Promise<Lab> {
    const begun = new Begun();
    return begun.orEnd(() => Lab.#build(options, begun));
  }

  static async #build(options: LabOptions, begun: Begun): Promise<Lab> {
    const folder = mkdtempSync(join(tmpdir(), "s28-lab-"));
    begun.add(() => rmSync(folder, { recursive: true, force: true }));
    const vpc = twoNodes(options.instanceType);
    options.prepare?.(vpc);
    const problems: string[] = [];
    const emulator = await startEmulator({ vpc, listen: { host: "127.0.0.1", port: 0 }, clock: systemClock() });
    begun.add(() => emulator.close());
    const fabric = await Fabric.create({ instanceIds: [NODE_1, NODE_2], onProblem: (text) => problems.push(text) });
    begun.add(() => fabric.close());
    await fabric.follow(vpc.world, () => performance.now());
    const programs = await buildPrograms(folder);
    const nodes: LabNode[] = [];
    for (const [index, instanceId] of [NODE_1, NODE_2].entries()) {
      const lab = { vpc, fabric, emulator, programs, options };
      const node = await LabNode.create({ lab, instanceId, name: `n${index + 1}`, folder });
      begun.add(() => node.close());
      nodes.push(node);
    }
    const [internet, peer] = [
      await EchoPlace.open(fabric.outsideNamespace, { address: INTERNET_ADDRESS }),
      await EchoPlace.open(fabric.outsideNamespace, { address: PEER_ADDRESS }),
    ];
    for (const place of [internet, peer]) begun.add(() => place.close());
    return new Lab({ vpc, fabric, nodes, internet, peer, problems }, begun);
  }

  close(): Promise<void> {
    return this.#begun.end();
  }
}

export interface LabPod {
  readonly sandbox: PluginSandbox & { readonly netns: string };
  readonly address: string;
  readonly result: unknown;
  readonly hostInterface: string;
  /** As the result says it: 0 for the primary ENI. */
  readonly deviceNumber: number;
  readonly echo: EchoPlace;
}

interface NodeFields {
  readonly lab: {
    readonly vpc: Vpc;
    readonly fabric: Fabric;
    readonly emulator: RunningEmulator;
    readonly programs: Programs;
    readonly options: LabOptions;
  };
  readonly instanceId: string;
  readonly name: string;
  readonly folder: string;
}

export class LabNode {
  readonly instanceId: string;
  readonly name: string;
  readonly netns: string;
  readonly folder: string;
  readonly plugin: Plugin;
  /** A process of the node itself. */
  readonly echo: EchoPlace;
  /** Running pods by container id. */
  readonly pods = new Map<string, LabPod>();
  /** On top of the lab's, for the next start. */
  env: Environment = {};
  readonly #fields: NodeFields;
  #agent: Bun.Subprocess | undefined;
  #sandboxCount = 0;

  private constructor(fields: NodeFields, echo: EchoPlace) {
    this.#fields = fields;
    this.instanceId = fields.instanceId;
    this.name = fields.name;
    this.netns = fields.lab.fabric.nodeNamespace(fields.instanceId);
    this.folder = join(fields.folder, fields.name);
    this.echo = echo;
    const { programs, options } = fields.lab;
    this.plugin = new Plugin({
      command: [programs.plugin],
      networkName: "aws-cni",
      callsAtOnce: options.callsAtOnce ?? 8,
      config: {
        vethPrefix: "eni",
        mtu: "9001",
        podSGEnforcingMode: "strict",
        pluginLogFile: join(this.folder, "plugin.log"),
        socketPath: this.socketPath,
        hostNetns: this.netns,
      },
    });
  }

  static async create(fields: NodeFields): Promise<LabNode> {
    const echo = await EchoPlace.open(fields.lab.fabric.nodeNamespace(fields.instanceId));
    const node = new LabNode(fields, echo);
    mkdirSync(node.folder, { recursive: true });
    node.writeFacts([]);
    return node;
  }

  /** What the agent's API server knows: pods as the facts file has them. */
  writeFacts(pods: readonly object[]): void {
    const facts = { node: { name: this.name, maxPods: MAX_PODS }, eniConfigs: [], pods };
    writeFileSync(join(this.folder, "facts.json"), JSON.stringify(facts));
  }

  get socketPath(): string {
    return join(this.folder, "s.sock");
  }

  get checkpointPath(): string {
    return join(this.folder, "ipam.json");
  }

  get primaryAddress(): string {
    return primaryAddressOf(this.#fields.lab.vpc.world, this.instanceId);
  }

  // -------------------------------------------------------------- the agent

  /** Starts the agent and waits until it serves. */
  async start(): Promise<void> {
    this.launch();
    await this.waitServing();
  }

  launch(): void {
    const { lab } = this.#fields;
    const at = (name: string): string => join(this.folder, name);
    this.#agent = Bun.spawn([lab.programs.slash28, "agent"], {
      env: {
        ...CHART_DEFAULTS,
        PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`,
        HOME: this.folder,
        ENABLE_PREFIX_DELEGATION: "true",
        WARM_PREFIX_TARGET: "1",
        IP_COOLDOWN_PERIOD: "1",
        AWS_REGION: "us-west-2",
        AWS_ACCESS_KEY_ID: "dummy",
        AWS_SECRET_ACCESS_KEY: "dummy",
        AWS_ENDPOINT_URL_EC2: lab.emulator.ec2Url,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: lab.emulator.imdsUrl(this.instanceId),
        AWS_VPC_K8S_CNI_BACKING_STORE: this.checkpointPath,
        AWS_VPC_K8S_CNI_LOG_FILE: at("ipamd.log"),
        INTROSPECTION_BIND_ADDRESS: `unix:${at("intro.sock")}`,
        DISABLE_METRICS: "true",
        SLASH28_SOCKET: this.socketPath,
        SLASH28_GRPC_SOCKET: at("g.sock"),
        SLASH28_FACTS: at("facts.json"),
        SLASH28_SEED: "28",
        SLASH28_POLICY: "slash28",
        // Nobody enforces policies here.
        NETWORK_POLICY_ENFORCING_MODE: "",
        SLASH28_DATAPATH: "on",
        SLASH28_HOST_NETNS: this.netns,
        ...lab.options.env,
        ...this.env,
      },
      stdin: "ignore",
      stdout: Bun.file(at("agent.out")),
      stderr: Bun.file(at("agent.out")),
    });
  }

  async waitServing(): Promise<void> {
    const untilMs = performance.now() + SERVE_TIMEOUT_MS;
    for (;;) {
      const answer = await this.plugin.status(CALL_TIMEOUT_MS);
      if (answer.status === 0) return;
      const hasEnded = this.#agent?.exitCode !== null || this.#agent.signalCode !== null;
      if (hasEnded || performance.now() > untilMs) {
        const said = readFileSync(join(this.folder, "agent.out"), "utf8").slice(-2_000);
        throw new Error(`the agent of ${this.name} does not serve: ${JSON.stringify(answer.output)}\n${said}`);
      }
      await Bun.sleep(20);
    }
  }

  /** Ends the agent; resolves when it is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#agent?.kill(signal);
    await this.#agent?.exited;
  }

  /** The agent's log, whole. */
  log(): string {
    return readFileSync(join(this.folder, "ipamd.log"), "utf8");
  }

  // -------------------------------------------------------------- pods

  /** A sandbox in a namespace of its own, not wired yet. */
  newSandbox(podName: string, namespace = "default"): PluginSandbox & { readonly netns: string } {
    this.#sandboxCount++;
    const name = `${this.name}p${this.#sandboxCount}`;
    const containerId = `${this.name}${this.#sandboxCount.toString(16).padStart(62, "0")}`;
    const netns = this.#fields.lab.fabric.createPodNamespace(name);
    return { containerId, netns, namespace, podName, podUid: `uid-${podName}` };
  }

  /** ADD, which must succeed; the pod answers pings from then on. */
  async addPod(podName: string, namespace?: string): Promise<LabPod> {
    const sandbox = this.newSandbox(podName, namespace);
    return this.adopt(sandbox, await this.plugin.add(sandbox, CALL_TIMEOUT_MS));
  }

  /** The pod that a successful ADD made. */
  async adopt(sandbox: PluginSandbox & { readonly netns: string }, answer: PluginAnswer): Promise<LabPod> {
    const address = answer.status === 0 ? addressOf(answer.output) : undefined;
    if (address === undefined) throw new Error(`ADD of ${sandbox.podName}: ${JSON.stringify(answer)}`);
    await this.#fields.lab.fabric.caughtUp();
    const { interfaces } = answer.output as { interfaces: { name: string; sandbox?: string }[] };
    const pod: LabPod = {
      sandbox,
      address,
      result: answer.output,
      hostInterface: interfaces[0]!.name,
      deviceNumber: Number(interfaces.at(-1)?.sandbox),
      echo: await EchoPlace.open(sandbox.netns),
    };
    this.pods.set(sandbox.containerId, pod);
    return pod;
  }

  /** DEL as a runtime does it: the plugin, then the namespace. */
  async removePod(pod: LabPod): Promise<PluginAnswer> {
    const answer = await this.plugin.del(pod.sandbox, pod.result, CALL_TIMEOUT_MS);
    this.dropNamespace(pod);
    return answer;
  }

  dropNamespace(pod: LabPod): void {
    pod.echo.close();
    this.pods.delete(pod.sandbox.containerId);
    this.removeSandbox(pod.sandbox);
  }

  removeSandbox(sandbox: { readonly netns: string }): void {
    this.#fields.lab.fabric.removePodNamespace(sandbox.netns.slice(sandbox.netns.lastIndexOf("-") + 1));
  }

  // -------------------------------------------------------------- what the node looks like

  /** Lines that a command prints inside the node's namespace. */
  async lines(...command: readonly string[]): Promise<string[]> {
    const text = await runInside(this.netns, command);
    return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trimEnd()]));
  }

  ip(lines: readonly string[]): Promise<void> {
    return ip(this.netns, lines);
  }

  async close(): Promise<void> {
    await this.stop("SIGKILL");
    for (const pod of this.pods.values()) pod.echo.close();
    this.echo.close();
  }
}
