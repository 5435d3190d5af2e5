// One node agent as a process of its own, as the node's runtime would keep it: started with a clean environment, restarted
// with growing pauses when it exits, ended by SIGTERM and, if it lingers, by SIGKILL, and by itself when this process is
// gone. Only loopback endpoints, dummy credentials: it cannot reach a real account.

import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Ms } from "../base/units.ts";
import { SECOND_MS } from "../base/units.ts";
import type { ClusterCni } from "../cluster/index.ts";
import { SMALL_HEAP_ENVIRONMENT } from "../drivers/heap.ts";
import { CHART_DEFAULTS } from "../ipam/settings.ts";
import type { Clock } from "../ports/clock.ts";
import type { UpNode } from "../world/world.ts";
import { CniClient } from "./cni-client.ts";

export type AgentState = "starting" | "serving" | "restarting" | "refused" | "stopped";

export interface AgentOptions {
  /** The command that runs this program: `[bun, main.ts]`, or the compiled executable alone. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly node: UpNode;
  readonly clusterNodeCount: number;
  readonly cni: ClusterCni;
  readonly region: string;
  readonly seed: number;
  readonly ec2Url: string;
  readonly imdsUrl: string;
  /** SLASH28_CLOCK. */
  readonly clockScale: string;
  readonly clock: Clock;
  /** The node's network namespace, where the agent is to wire pods; undefined: it hands out addresses alone. */
  readonly hostNetns: string | undefined;
  readonly onChange: () => void;
}

/** Pod facts that the agent may ask for: those of the API server's Pod object. Every pod here takes an address of its own. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly limits: readonly string[];
}

/** kubelet's pauses between restarts of a container: 10 s, doubled up to 5 min (Kubernetes docs, pod lifecycle, 2026-08). */
const RESTART_FIRST_MS = 10 * SECOND_MS;
const RESTART_MAX_MS = 300 * SECOND_MS;
/** A container that ran this long starts again with the first pause. */
const RESTART_RESET_MS = 600 * SECOND_MS;
const HEALTH_POLL_REAL_MS = 50;
const STOP_GRACE_REAL_MS = 10_000;
/** An agent that will not run with these settings says so by this exit status, and is not started again. */
const USAGE_EXIT_STATUS = 2;
/** Before a line of this program's in the file of the agent's output. */
const OWN_NOTE = "-- ";

export class AgentProcess {
  readonly node: UpNode;
  readonly folder: string;
  readonly cni: CniClient;
  readonly #options: AgentOptions;
  readonly #pods = new Map<string, PodFacts>();
  #child: Bun.Subprocess<"pipe", number, number> | undefined;
  #state: AgentState = "starting";
  #startedMs: Ms = 0;
  #restartCount = 0;
  #pauseMs = RESTART_FIRST_MS;
  #exitText = "";
  #hasServed = false;
  #isStopping = false;
  #cancelRestart: (() => void) | undefined;
  #cniNodeFeatures = 0;
  #hasUnwrittenFacts = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.node = options.node;
    this.folder = options.folder;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    this.cni = new CniClient(this.grpcSocket, options.clock);
    this.#writeFacts();
    const { checkpoint } = options.node;
    if (checkpoint !== undefined) writeFileSync(join(options.folder, "ipam.json"), checkpoint, { mode: 0o600 });
  }

  get grpcSocket(): string {
    return join(this.folder, "ipamd.sock");
  }

  get socketPath(): string {
    return join(this.folder, "slash28.sock");
  }

  get pluginLogFile(): string {
    return join(this.folder, "plugin.log");
  }

  get #outputFile(): string {
    return join(this.folder, "agent.out");
  }

  /** What the agent itself wrote to its standard output and error so far. */
  outputText(): string {
    const text = existsSync(this.#outputFile) ? readFileSync(this.#outputFile, "utf8") : "";
    return text
      .split("\n")
      .filter((line) => !line.startsWith(OWN_NOTE))
      .join("\n");
  }

  get eventsFile(): string {
    return join(this.folder, "facts.json.events.jsonl");
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Served at least once: the node is Ready from then on, as its CNI configuration stays in place. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  get restartCount(): number {
    return this.#restartCount;
  }

  /** What the agent said before it exited; empty when it never did. */
  get exitText(): string {
    return this.#exitText;
  }

  start(): void {
    if (this.#isStopping) return;
    const { clock, command } = this.#options;
    this.#state = "starting";
    this.#startedMs = clock.nowMs();
    const output = openSync(this.#outputFile, "a", 0o600);
    try {
      this.#child = Bun.spawn([...command, "agent"], {
        cwd: this.folder,
        env: this.#environment(),
        // Nothing is ever written to it: it closes when this process is gone, and the agent ends.
        stdin: "pipe",
        // Ctrl-C is for this process, which looks at its agents before it ends them.
        detached: true,
        stdout: output,
        stderr: output,
        onExit: (_child, exitCode, signalCode) => this.#exited(exitCode, signalCode),
      });
    } finally {
      closeSync(output);
    }
    writeFileSync(join(this.folder, "agent.pid"), `${this.#child.pid}\n`);
    void this.#awaitServing(this.#child.pid);
  }

  /** Tells the agent about a pod, as the API server's watch would. */
  addPod(pod: PodFacts): void {
    this.#pods.set(`${pod.namespace}/${pod.name}`, pod);
    this.#writeFactsSoon();
  }

  removePod(namespace: string, name: string): void {
    if (this.#pods.delete(`${namespace}/${name}`)) this.#writeFactsSoon();
  }

  /** Pods of one moment are written once. */
  #writeFactsSoon(): void {
    if (this.#hasUnwrittenFacts || this.#isStopping) return;
    this.#hasUnwrittenFacts = true;
    queueMicrotask(() => {
      this.#hasUnwrittenFacts = false;
      if (!this.#isStopping) this.#writeFacts();
    });
  }

  /** Ends it: SIGTERM, then SIGKILL after ten seconds. Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelRestart?.();
    this.cni.close();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_REAL_MS);
    await child.exited;
    clearTimeout(timer);
    this.#state = "stopped";
  }

  /** Kills at once, for a second Ctrl-C. */
  kill(): void {
    this.#isStopping = true;
    this.#child?.kill("SIGKILL");
  }

  /** New lines of the agent's announcements since the last call. */
  newEvents(): string[] {
    let text: string;
    try {
      text = readFileSync(this.eventsFile, "utf8");
    } catch {
      return [];
    }
    const lines = text.split("\n").slice(0, -1);
    const fresh = lines.slice(this.#cniNodeFeatures);
    this.#cniNodeFeatures = lines.length;
    return fresh;
  }

  #writeFacts(): void {
    const { node, cni, clusterNodeCount } = this.#options;
    const facts = {
      node: {
        name: node.name,
        maxPods: node.maxPods,
        labels: Object.fromEntries(node.labels),
        annotations: {},
        taints: [...node.taints],
      },
      cluster: { nodeCount: clusterNodeCount },
      eniConfigs: cni.eniConfigs,
      pods: [...this.#pods.values()],
    };
    const path = join(this.folder, "facts.json");
    writeFileSync(`${path}.new`, JSON.stringify(facts), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  async #awaitServing(pid: number): Promise<void> {
    const { clock } = this.#options;
    const isCurrent = (): boolean => this.#child?.pid === pid && this.#state === "starting" && !this.#isStopping;
    while (isCurrent()) {
      const isServing = await this.cni.isServing(clock.nowMs() + SECOND_MS * Math.max(1, clock.rate));
      if (!isCurrent()) return;
      if (isServing) {
        this.#state = "serving";
        this.#hasServed = true;
        this.#options.onChange();
        return;
      }
      await Bun.sleep(HEALTH_POLL_REAL_MS);
    }
  }

  #exited(exitCode: number | null, signalCode: number | string | null): void {
    if (this.#isStopping) return;
    this.#exitText = lastLines(this.#outputFile);
    if (exitCode === USAGE_EXIT_STATUS) {
      this.#state = "refused";
      this.#options.onChange();
      return;
    }
    const { clock } = this.#options;
    if (clock.nowMs() - this.#startedMs > RESTART_RESET_MS) this.#pauseMs = RESTART_FIRST_MS;
    const how = signalCode === null ? `status ${exitCode}` : `signal ${signalCode}`;
    appendFileSync(this.#outputFile, `${OWN_NOTE}exited with ${how}, restarted after ${this.#pauseMs} ms\n`);
    this.#state = "restarting";
    this.#cancelRestart = clock.at(clock.nowMs() + this.#pauseMs, () => {
      this.#restartCount++;
      this.start();
    });
    this.#pauseMs = Math.min(RESTART_MAX_MS, this.#pauseMs * 2);
    this.#options.onChange();
  }

  #environment(): Record<string, string> {
    const { node, cni, folder, region, seed, hostNetns } = this.#options;
    const asked: Record<string, string> = {};
    for (const [name, value] of cni.env) if (!isOwn(name)) asked[name] = value;
    return {
      PATH: process.env["PATH"] ?? "",
      ...CHART_DEFAULTS,
      ...SMALL_HEAP_ENVIRONMENT,
      // The chart's default wants a policy agent on the node, and here is none.
      ...(hostNetns === undefined ? {} : { NETWORK_POLICY_ENFORCING_MODE: "" }),
      ...asked,
      MY_NODE_NAME: node.name,
      MY_POD_NAME: `aws-node-${node.name}`,
      HOME: folder,
      TMPDIR: folder,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_ENDPOINT_URL_EC2: this.#options.ec2Url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: this.#options.imdsUrl,
      AWS_VPC_K8S_CNI_LOG_FILE: join(folder, "ipamd.log"),
      AWS_VPC_K8S_PLUGIN_LOG_FILE: this.pluginLogFile,
      AWS_VPC_K8S_CNI_BACKING_STORE: join(folder, "ipam.json"),
      INTROSPECTION_BIND_ADDRESS: `unix:${join(folder, "introspect.sock")}`,
      SLASH28_POLICY: cni.policy,
      SLASH28_SEED: String(seed),
      SLASH28_SOCKET: this.socketPath,
      SLASH28_GRPC_SOCKET: this.grpcSocket,
      SLASH28_METRICS_ADDRESS: "127.0.0.1:0",
      SLASH28_FACTS: join(folder, "facts.json"),
      SLASH28_CLOCK: this.#options.clockScale,
      SLASH28_END_WITH_STDIN: "true",
      ...(hostNetns === undefined
        ? { SLASH28_DATAPATH: "off" }
        : { SLASH28_DATAPATH: "on", SLASH28_HOST_NETNS: hostNetns }),
    };
  }
}

/** Variables that decide where the agent talks to: this program's to set, whatever a cluster file says. */
function isOwn(name: string): boolean {
  if (/proxy$/i.test(name) || name === "KUBECONFIG") return true;
  return name.startsWith("AWS_") && !/^AWS_(VPC_|MANAGE_|EXTERNAL_)/.test(name);
}

function lastLines(path: string): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-4).join("\n");
  } catch {
    return "";
  }
}
