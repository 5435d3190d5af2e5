// An agent in the test's own process, with its sockets in a folder of its own, against the emulated VPC over HTTP; and callers.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AttachNetworkInterfaceCommand, CreateNetworkInterfaceCommand, EC2Client } from "@aws-sdk/client-ec2";
import { type NetworkPorts, type RunningAgent, startAgent } from "../../src/agent/agent.ts";
import { parseAgentConfig } from "../../src/agent/config.ts";
import { checkpointFile } from "../../src/drivers/checkpoint-file.ts";
import { systemClock } from "../../src/drivers/clock-system.ts";
import { ec2Sdk } from "../../src/drivers/ec2-sdk.ts";
import { imdsHttp } from "../../src/drivers/imds-http.ts";
import { kubeFile } from "../../src/drivers/kube-file.ts";
import { type RunningEmulator, startEmulator } from "../../src/emulator/server/emulator.ts";
import { createEngine } from "../../src/ipam/engine.ts";
import type { Effect, Engine, Input } from "../../src/ipam/types.ts";
import type { CheckpointStore } from "../../src/ports/checkpoint-store.ts";
import type { LogRecord } from "../../src/ports/log.ts";
import { type AddNetworkRequest, CniClient, type DelNetworkRequest } from "../../src/rpc/services.ts";
import { buildTestVpc, TEST_INSTANCE_ID, TEST_SUBNET_ID, type TestVpc } from "./test-vpc.ts";

process.env["AWS_ACCESS_KEY_ID"] = "test";
process.env["AWS_SECRET_ACCESS_KEY"] = "test";

export const TIMEOUT_MS = 10_000;

/** An engine's front that answers no ADD until its caller hangs up or the agent stops, and notes what it was told. */
export class AddKeeper {
  readonly inputs: Input[] = [];
  readonly #kept = new Set<number>();

  around(engine: Engine): Engine {
    const refuse = (requestId: number): Effect => {
      this.#kept.delete(requestId);
      const result = { kind: "refused", reason: "stopping", message: "kept", retryAfterMs: undefined } as const;
      return { kind: "reply", requestId, after: 0, result };
    };
    const step = (input: Input): readonly Effect[] => {
      this.inputs.push(input);
      if (input.kind === "allocate") this.#kept.add(input.requestId);
      if (input.kind === "allocate") return [];
      const answered =
        input.kind === "abandoned" ? [input.requestId] : input.kind === "stopping" ? [...this.#kept] : [];
      return [...engine.step(input), ...answered.map(refuse)];
    };
    return {
      step,
      wakeAt: () => engine.wakeAt(),
      allocations: () => engine.allocations(),
      eachAllocation: (visit) => engine.eachAllocation(visit),
      addressOf: (attachment) => engine.addressOf(attachment),
      isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
      view: (nowMs) => engine.view(nowMs),
    };
  }

  /** What the ADDs so far may wait, in milliseconds. */
  patience(): number[] {
    return this.inputs.flatMap((input) => (input.kind === "allocate" ? [input.deadlineMs - input.nowMs] : []));
  }

  count(kind: Input["kind"]): number {
    return this.inputs.filter((input) => input.kind === kind).length;
  }
}

export async function until(isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error("it did not happen");
    await Bun.sleep(2);
  }
}

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "s28a-"));
  readonly records: LogRecord[] = [];
  readonly agents: RunningAgent[] = [];
  readonly emulator: RunningEmulator;
  readonly vpc: TestVpc;
  facts: unknown = { node: { name: "node-1", maxPods: 110 } };
  store: CheckpointStore;
  /** The metadata service gives the VPC's CIDRs. */
  hasVpcCidrs = true;
  /** The node's network; undefined: addresses alone. */
  network: NetworkPorts | undefined;
  /** Keeps every ADD waiting when set. */
  keeper: AddKeeper | undefined;

  constructor(emulator: RunningEmulator, vpc: TestVpc) {
    this.emulator = emulator;
    this.vpc = vpc;
    this.store = checkpointFile(this.path("ipam.json"));
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<RunningAgent> {
    writeFileSync(this.path("facts.json"), JSON.stringify(this.facts));
    const parsed = parseAgentConfig({
      ENABLE_IPv4: "true",
      SLASH28_POLICY: "vpc-cni",
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_PREFIX_TARGET: "1",
      DISABLE_LEAKED_ENI_CLEANUP: "true",
      AWS_ENDPOINT_URL_EC2: this.emulator.ec2Url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: this.emulator.imdsUrl(TEST_INSTANCE_ID),
      AWS_VPC_K8S_CNI_BACKING_STORE: this.path("ipam.json"),
      INTROSPECTION_BIND_ADDRESS: `unix:${this.path("i.sock")}`,
      SLASH28_METRICS_ADDRESS: "127.0.0.1:0",
      SLASH28_SOCKET: this.path("s.sock"),
      SLASH28_GRPC_SOCKET: this.path("g.sock"),
      SLASH28_FACTS: this.path("facts.json"),
      ...env,
    });
    if (!("config" in parsed)) throw new Error(parsed.refusals.map((refusal) => refusal.message).join("; "));
    const { config } = parsed;
    const clock = systemClock();
    const imds = imdsHttp({ endpoint: config.imdsEndpoint, timeoutMs: 2_000, nowMs: () => clock.nowMs() });
    const agent = await startAgent(config, {
      clock,
      imds: {
        ...imds,
        vpcCidrs: () => (this.hasVpcCidrs ? imds.vpcCidrs() : Promise.reject(new Error("metadata is away"))),
      },
      ec2: ec2Sdk({ region: "us-west-2", endpoint: config.ec2Endpoint, version: "0" }),
      kube: kubeFile({ path: this.path("facts.json"), annotationKey: undefined, labelKey: undefined }),
      checkpoint: this.store,
      network: this.network,
      checkpointProblem: () => undefined,
      log: { level: "debug", write: (record) => void this.records.push(record), flush: async () => {} },
      seed: 1,
      bootId: crypto.randomUUID().slice(0, 8),
      version: "9.9.9",
      runtime: "test",
      createEngine: (options) => this.keeper?.around(createEngine(options)) ?? createEngine(options),
    });
    this.agents.push(agent);
    return agent;
  }

  /** MACs of the instance's ENIs as metadata shows them now. */
  async macs(): Promise<string[]> {
    const endpoint = this.emulator.imdsUrl(TEST_INSTANCE_ID);
    const imds = imdsHttp({ endpoint, timeoutMs: TIMEOUT_MS, nowMs: () => performance.now() });
    return (await imds.enis()).map((eni) => eni.mac);
  }

  /** What the resource controller does on a node for security groups for pods. */
  async attachTrunk(): Promise<void> {
    const ec2 = new EC2Client({ region: "us-west-2", endpoint: this.emulator.ec2Url });
    try {
      const made = await ec2.send(
        new CreateNetworkInterfaceCommand({
          SubnetId: TEST_SUBNET_ID,
          InterfaceType: "trunk",
          Description: "aws-k8s-trunk-eni",
        }),
      );
      const NetworkInterfaceId = made.NetworkInterface?.NetworkInterfaceId;
      const place = { NetworkInterfaceId, InstanceId: TEST_INSTANCE_ID, DeviceIndex: 1 };
      await ec2.send(new AttachNetworkInterfaceCommand(place));
    } finally {
      ec2.destroy();
    }
  }

  cni(): CniClient {
    return new CniClient(`unix:${this.path("g.sock")}`);
  }

  messages(): string {
    return this.records.map((record) => record.message).join("\n");
  }
}

const worlds: World[] = [];
const clients: CniClient[] = [];

export async function closeWorlds(): Promise<void> {
  for (const client of clients.splice(0)) client.close();
  for (const world of worlds.splice(0)) {
    for (const agent of world.agents) await agent.stop();
    await world.emulator.close();
    rmSync(world.folder, { recursive: true, force: true });
  }
}

export async function world(options: { readonly instanceType?: string } = {}): Promise<World> {
  const vpc = buildTestVpc(1, options);
  const emulator = await startEmulator({
    vpc: vpc.vpc,
    listen: { host: "127.0.0.1", port: 0 },
    clock: systemClock(),
  });
  const made = new World(emulator, vpc);
  worlds.push(made);
  return made;
}

export function client(of: World): CniClient {
  const made = of.cni();
  clients.push(made);
  return made;
}

export function addRequest(containerId: string, more: Partial<AddNetworkRequest> = {}): AddNetworkRequest {
  return {
    K8S_POD_NAME: "web-0",
    K8S_POD_NAMESPACE: "default",
    K8S_POD_INFRA_CONTAINER_ID: containerId,
    Netns: "",
    IfName: "eth0",
    NetworkName: "aws-cni",
    ContainerID: containerId,
    ClientVersion: "some-other-version",
    RequiresMultiNICAttachment: false,
    ...more,
  };
}

export function delRequest(containerId: string, more: Partial<DelNetworkRequest> = {}): DelNetworkRequest {
  return {
    K8S_POD_NAME: "web-0",
    K8S_POD_NAMESPACE: "default",
    K8S_POD_INFRA_CONTAINER_ID: containerId,
    Reason: "PodDeleted",
    IfName: "eth0",
    NetworkName: "aws-cni",
    ContainerID: containerId,
    ClientVersion: "x",
    K8S_POD_UID: "",
    ...more,
  };
}

/** The message of a call that fails. Bun's `rejects` holds up the HTTP/2 of this process while it waits. */
export function failureOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "it succeeded",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Sends text as it is and reads `count` lines. */
export function ask(path: string, text: string, count = 1): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    let got = "";
    const socket = connect(path, () => socket.write(text));
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      got += chunk;
      const lines = got.split("\n").slice(0, -1);
      if (lines.length < count) return;
      socket.destroy();
      resolve(lines.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`hung up after ${JSON.stringify(got)}`)));
  });
}

export function line(op: string, containerId: string, more: object = {}): string {
  return `${JSON.stringify({ v: 1, op, networkName: "aws-cni", containerId, ifName: "eth0", ...more })}\n`;
}
