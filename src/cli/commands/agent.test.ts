// The command as a process: exit statuses, what it says when it cannot start, and its end on SIGTERM.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTestVpc, TEST_INSTANCE_ID } from "../../../test/e2e/test-vpc.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import { type RunningEmulator, startEmulator } from "../../emulator/server/emulator.ts";
import { CniClient } from "../../rpc/services.ts";

const MAIN = join(import.meta.dir, "../main.ts");
let emulator: RunningEmulator;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "s28c-"));
  writeFileSync(join(folder, "facts.json"), JSON.stringify({ node: { name: "node-1", maxPods: 29 } }));
  emulator = await startEmulator({
    vpc: buildTestVpc(1).vpc,
    listen: { host: "127.0.0.1", port: 0 },
    clock: systemClock(),
  });
});
afterAll(async () => {
  await emulator.close();
  rmSync(folder, { recursive: true, force: true });
});

function spawn(env: Readonly<Record<string, string>> = {}) {
  return Bun.spawn([process.execPath, MAIN, "agent"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: {
      PATH: process.env["PATH"] ?? "",
      ENABLE_IPv4: "true",
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_PREFIX_TARGET: "1",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "not-a-secret",
      AWS_ENDPOINT_URL_EC2: emulator.ec2Url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: emulator.imdsUrl(TEST_INSTANCE_ID),
      AWS_VPC_K8S_CNI_LOG_FILE: join(folder, "ipamd.log"),
      AWS_VPC_K8S_CNI_BACKING_STORE: join(folder, "ipam.json"),
      INTROSPECTION_BIND_ADDRESS: `unix:${join(folder, "i.sock")}`,
      SLASH28_METRICS_ADDRESS: "127.0.0.1:0",
      SLASH28_DATAPATH: "off",
      SLASH28_SOCKET: join(folder, "s.sock"),
      SLASH28_GRPC_SOCKET: join(folder, "g.sock"),
      SLASH28_FACTS: join(folder, "facts.json"),
      ...env,
    },
  });
}

async function ended(env: Readonly<Record<string, string>>): Promise<{ status: number; stderr: string }> {
  const child = spawn(env);
  const [status, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  return { status, stderr };
}

test("an environment that cannot work: status 2, every reason with its remedy, no stack trace", async () => {
  const { status, stderr } = await ended({ WARM_PREFIX_TARGET: "0", ENABLE_MULTI_NIC: "true" });
  expect(status).toBe(2);
  expect(stderr).toContain("Setting WARM_PREFIX_TARGET = 0 is not supported");
  expect(stderr).toContain("network card 0 only");
  expect(stderr.match(/next: /g)).toHaveLength(2);
  expect(stderr).not.toContain("    at ");
});

const isLinux = process.platform === "linux";

test.if(isLinux)("a node's namespace that is not there: status 1 and the variable that names it", async () => {
  const { status, stderr } = await ended({ SLASH28_DATAPATH: "on", SLASH28_HOST_NETNS: join(folder, "gone") });
  expect(status).toBe(1);
  expect(stderr).toMatch(/network cannot be reached: [\s\S]*gone[\s\S]*next: [\s\S]*SLASH28_HOST_NETNS/);
});

test.if(isLinux)("on a machine that is not the node it refuses before it touches anything, EC2 included", async () => {
  const asked = join(folder, "ipam-none.json");
  const { status, stderr } = await ended({ SLASH28_DATAPATH: "on", AWS_VPC_K8S_CNI_BACKING_STORE: asked });
  expect(status).toBe(1);
  expect(stderr).toMatch(/No link here has the MAC[\s\S]*next: [\s\S]*SLASH28_DATAPATH=off/);
  expect(existsSync(asked)).toBe(false);
});

test("metadata away: status 1 and what to check", async () => {
  const { status, stderr } = await ended({
    AWS_REGION: "us-west-2",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: emulator.imdsUrl("i-none"),
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/metadata cannot be read[\s\S]*next: /);
  expect(stderr).not.toContain("    at ");
});

test.if(isLinux)("metadata away with the datapath on and no region given: the same, in the log too", async () => {
  const log = join(folder, "refused.log");
  const { status, stderr } = await ended({
    SLASH28_DATAPATH: "on",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: emulator.imdsUrl("i-none"),
    AWS_VPC_K8S_CNI_LOG_FILE: log,
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/metadata cannot be read[\s\S]*next: /);
  expect(readFileSync(log, "utf8")).toContain("Initialization failure: The instance's metadata cannot be read");
});

test.if(isLinux)("a namespace that is not there is in the log, too", async () => {
  const log = join(folder, "namespace.log");
  await ended({ SLASH28_DATAPATH: "on", SLASH28_HOST_NETNS: join(folder, "gone"), AWS_VPC_K8S_CNI_LOG_FILE: log });
  expect(readFileSync(log, "utf8")).toContain("Initialization failure: The node's network cannot be reached");
});

test.if(isLinux)("metadata that hangs: SIGTERM ends the start at once, with status 0", async () => {
  let askedCount = 0;
  const silent = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      askedCount++;
      return new Promise<Response>(() => {});
    },
  });
  const child = spawn({
    SLASH28_DATAPATH: "on",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${silent.port}`,
  });
  while (askedCount === 0) await Bun.sleep(10);
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 3_000);
  expect(await child.exited).toBe(0);
  clearTimeout(late);
  await silent.stop(true);
});

test("a facts file that is cut off: status 1, the file's name", async () => {
  const path = join(folder, "broken.json");
  writeFileSync(path, '{"node": {');
  const { status, stderr } = await ended({ SLASH28_FACTS: path });
  expect(status).toBe(1);
  expect(stderr).toContain(path);
});

test("it serves, ends on SIGTERM with status 0, and leaves checkpoint and log but no socket", async () => {
  const child = spawn();
  const socket = join(folder, "g.sock");
  const cni = new CniClient(`unix:${socket}`);
  let isServing = false;
  for (let i = 0; i < 400 && !isServing; i++) {
    isServing = existsSync(socket) && (await cni.isServing(1_000).catch(() => false));
    if (!isServing) await Bun.sleep(20);
  }
  expect(isServing).toBe(true);
  const request = {
    K8S_POD_NAME: "web-0",
    K8S_POD_NAMESPACE: "default",
    K8S_POD_INFRA_CONTAINER_ID: "a",
    Netns: "",
    IfName: "eth0",
    NetworkName: "aws-cni",
    ContainerID: "a",
    ClientVersion: "v1.23.1",
    RequiresMultiNICAttachment: false,
  };
  expect((await cni.add(request, 5_000)).reply.Success).toBe(true);
  cni.close();
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  expect(existsSync(socket)).toBe(false);
  expect(existsSync(join(folder, "s.sock"))).toBe(false);
  expect(readFileSync(join(folder, "ipam.json"), "utf8")).toContain('"containerID":"a"');
  const log = readFileSync(join(folder, "ipamd.log"), "utf8");
  expect(log).toContain('"msg":"Starting L-IPAMD 0.1.0  ..."');
  expect(log).toContain("Received shutdown signal");
}, 20_000);
