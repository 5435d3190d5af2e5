// The compiled plugin against a scripted agent: what it asks is recorded, what it gets is the test's choice.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCni } from "../../scripts/build-cni.ts";

export interface CniResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** What the agent does with a question: bytes it sends, one after the other, and whether it hangs up then. */
export interface Reaction {
  readonly send?: readonly (string | Uint8Array)[];
  readonly pauseMs?: number;
  readonly hangUp?: boolean;
}

export interface FakeAgent {
  readonly questions: Record<string, unknown>[];
  /** Connections that have ended. */
  closedCount: number;
  react: (question: Record<string, unknown>) => Reaction;
  stop(): void;
}

export interface CniRig {
  readonly folder: string;
  readonly binary: string;
  readonly socketPath: string;
  readonly logFile: string;
  agent(react: (question: Record<string, unknown>) => Reaction): FakeAgent;
  /** Runs the plugin; `input` is standard input, an object as JSON. */
  run(options: {
    readonly env: Record<string, string>;
    readonly input?: object | string | Uint8Array;
    readonly binary?: string;
  }): Promise<CniResult>;
  /** A plugin's entry of the conflist, with the reference's keys and the rig's socket. */
  config(changes?: Record<string, unknown>): Record<string, unknown>;
  stopAgents(): void;
  close(): void;
}

export const ANSWER = {
  v: 1,
  ok: true,
  address: "10.0.101.5",
  deviceNumber: 1,
  routeTableId: 2,
  isRepeat: false,
  hostInterface: "eni0d7763386da",
  hostMac: "2a:09:74:cd:c4:63",
  podSuffix: "0d7763386da",
  mtu: 9001,
  vlanId: 0,
  gateway: null,
};

export const ENVIRONMENT = {
  CNI_CONTAINERID: "4f0a1b2c",
  CNI_NETNS: "/var/run/netns/cni-0a1b",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
  CNI_ARGS:
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=4f0a1b2c;K8S_POD_UID=0b9f6d4e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
};

/** Sends one answer line. */
export function answer(value: object): Reaction {
  return { send: [`${JSON.stringify(value)}\n`] };
}

export async function openCniRig(): Promise<CniRig> {
  const folder = mkdtempSync(join(tmpdir(), "slash28-cni-"));
  const binary = join(folder, "slash28-cni");
  await buildCni(binary);
  const agents: FakeAgent[] = [];
  const socketPath = join(folder, "agent.sock");
  const logFile = join(folder, "plugin.log");
  return {
    folder,
    binary,
    socketPath,
    logFile,
    agent(react) {
      const agent = startAgent(socketPath, react);
      agents.push(agent);
      return agent;
    },
    async run({ env, input, binary: other }) {
      const startedMs = performance.now();
      const child = Bun.spawn([other ?? binary], {
        env,
        cwd: folder,
        stdin: input === undefined ? "ignore" : toBytes(input),
        stdout: "pipe",
        stderr: "pipe",
      });
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]);
      const status = await child.exited;
      return { status, stdout, stderr, tookMs: performance.now() - startedMs };
    },
    config: (changes = {}) => ({
      cniVersion: "0.4.0",
      name: "aws-cni",
      type: "aws-cni",
      vethPrefix: "eni",
      mtu: "9001",
      podSGEnforcingMode: "strict",
      pluginLogFile: logFile,
      pluginLogLevel: "DEBUG",
      runtimeConfig: { "io.kubernetes.cri.pod-annotations": {} },
      socketPath,
      agentWait: 0,
      ...changes,
    }),
    stopAgents() {
      for (const agent of agents.splice(0)) agent.stop();
    },
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function toBytes(input: object | string | Uint8Array): Uint8Array {
  if (input instanceof Uint8Array) return input;
  return new TextEncoder().encode(typeof input === "string" ? input : JSON.stringify(input));
}

function startAgent(path: string, react: FakeAgent["react"]): FakeAgent {
  rmSync(path, { force: true });
  const listener = Bun.listen<{ text: string }>({
    unix: path,
    socket: {
      open(socket) {
        socket.data = { text: "" };
      },
      close() {
        agent.closedCount++;
      },
      data(socket, chunk) {
        socket.data.text += chunk.toString();
        const end = socket.data.text.indexOf("\n");
        if (end < 0) return;
        const question = JSON.parse(socket.data.text.slice(0, end)) as Record<string, unknown>;
        socket.data.text = socket.data.text.slice(end + 1);
        agent.questions.push(question);
        void perform(socket, agent.react(question));
      },
    },
  });
  const agent: FakeAgent = {
    questions: [],
    closedCount: 0,
    react,
    stop() {
      listener.stop(true);
      rmSync(path, { force: true });
    },
  };
  return agent;
}

async function perform(socket: Bun.Socket<{ text: string }>, reaction: Reaction): Promise<void> {
  for (const piece of reaction.send ?? []) {
    socket.write(piece);
    if (reaction.pauseMs !== undefined) await Bun.sleep(reaction.pauseMs);
  }
  if (reaction.hangUp === true) socket.end();
}
