// The compiled plugin against the real agent, whose datapath is scripted: both sides mean the same by every line.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { FakeFirewall } from "../../src/agent/testing/fake-firewall.ts";
import { ScriptedDatapath } from "../../src/agent/testing/scripted-datapath.ts";
import { AddKeeper, closeWorlds, until, type World, world } from "../e2e/agent-world.ts";
import { type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";
import { complaints, errorOf } from "./shapes.ts";

let rig: CniRig;
let node: World;
let datapath: ScriptedDatapath;

beforeAll(async () => {
  rig = await openCniRig();
});
beforeEach(async () => {
  node = await world();
  datapath = new ScriptedDatapath();
  for (const mac of await node.macs()) datapath.eniLinks.set(mac, `eth${datapath.eniLinks.size}`);
  node.network = { datapath, firewall: new FakeFirewall() };
});
afterEach(closeWorlds);
afterAll(() => rig.close());

interface Result {
  readonly ips: { readonly address: string }[];
  readonly interfaces: readonly object[];
}

async function run(command: string, changes: Record<string, unknown> = {}, variables: Record<string, string> = {}) {
  const { status, stdout } = await rig.run({
    env: { ...ENVIRONMENT, CNI_COMMAND: command, ...variables },
    input: rig.config({ cniVersion: "1.1.0", socketPath: node.path("s.sock"), ...changes }),
  });
  return { status, stdout };
}
const OUT = { status: 0, stdout: "" };

test("ADD, ADD again, CHECK, DEL, DEL again: one address, wired as asked, and back", async () => {
  await node.start();
  const { status, stdout } = await run("ADD", { mtu: "1400", vethPrefix: "ab" });
  expect(status).toBe(0);
  const prevResult = JSON.parse(stdout) as Result;
  expect(complaints("1.1.0", prevResult)).toBe("");
  expect(prevResult.interfaces).toEqual([
    { name: "ab0d7763386da", mtu: 1400 },
    { name: "eth0", mac: "254", mtu: 1400, sandbox: "/var/run/netns/cni-0a1b" },
    { name: "dummy0d7763386da", mac: "0", sandbox: "0" },
  ]);
  expect(datapath.wired[0]).toMatchObject({
    ...{ networkName: "aws-cni", containerId: "4f0a1b2c", ifName: "eth0", namespace: "default", podName: "web-0" },
    ...{ netnsPath: "/var/run/netns/cni-0a1b", mtu: 1400, vethPrefix: "ab" },
  });
  expect((await run("ADD", { mtu: "1400", vethPrefix: "ab" })).stdout).toBe(stdout);

  expect(await run("CHECK", { prevResult, mtu: "1400", vethPrefix: "ab" })).toEqual(OUT);
  datapath.differences = ["rule 512 is missing"];
  expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({
    code: 120,
    details: "rule 512 is missing",
  });

  for (let i = 0; i < 2; i++) expect(await run("DEL", { prevResult }, { CNI_NETNS: "" })).toEqual(OUT);
  expect(datapath.links.size).toBe(0);
  expect(datapath.routed.size).toBe(0);
  expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({ code: 120 });
});

test("every failure of the wiring has its code, and the address goes back", async () => {
  await node.start();
  for (const [problem, code] of [
    ["namespace-gone", 110],
    ["interface-exists", 111],
    ["name-taken", 112],
    ["kernel-refused", 113],
  ] as const) {
    datapath.wireProblem = problem;
    const error = errorOf((await run("ADD")).stdout);
    expect(error).toMatchObject({
      code,
      msg: `add command: failed to setup network: network-setup-failed (${problem})`,
      details: expect.stringContaining(`scripted ${problem}`),
    });
  }
  datapath.wireProblem = undefined;
  expect((await run("ADD")).status).toBe(0);
  expect(datapath.links.size).toBe(1);
});

test("STATUS is silent when ADDs are served; GC keeps what is listed and ends the rest", async () => {
  await node.start();
  expect(await run("STATUS")).toEqual(OUT);
  await run("ADD");
  await run("ADD", {}, { CNI_CONTAINERID: "other", CNI_ARGS: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-1" });
  expect(datapath.links.size).toBe(2);
  expect(await run("GC", { "cni.dev/valid-attachments": [{ containerID: "other", ifname: "eth0" }] })).toEqual(OUT);
  expect(datapath.routed.size).toBe(1);
  expect(await run("GC", { "cni.dev/valid-attachments": [] })).toEqual(OUT);
  expect(datapath.routed.size).toBe(0);
});

test("STATUS: 50 while the kernel does not answer, 51 while the node's own rules are not right", async () => {
  await node.start({ SLASH28_VERIFY_PERIOD: "1" });
  datapath.silence = "the kernel is silent";
  expect(errorOf((await run("STATUS")).stdout)).toMatchObject({
    ...{ code: 50, msg: "status cmd: the network is not available: network-setup-failed (kernel-refused)" },
    details: expect.stringContaining("the kernel is silent"),
  });
  datapath.hostReport = { problems: ["link eth1 cannot be set up"] };
  await until(() => node.messages().includes("link eth1 cannot be set up"));
  expect(errorOf((await run("STATUS")).stdout).code).toBe(51);
});

test("GC with as many attachments, and as long a list, as the plugin takes: the agent takes it too", async () => {
  await node.start();
  await run("ADD");
  const kept = { containerID: ENVIRONMENT.CNI_CONTAINERID, ifname: "eth0" };
  const list = (count: number, length: number) => [
    kept,
    ...Array.from({ length: count - 1 }, (_, i) => ({ containerID: String(i).padStart(length, "a"), ifname: "eth0" })),
  ];
  const full = (length: number) => ({ "cni.dev/valid-attachments": list(4_096, length) });
  expect(await run("GC", full(64))).toEqual(OUT);
  const inputLength = (length: number) =>
    JSON.stringify(rig.config({ cniVersion: "1.1.0", socketPath: node.path("s.sock"), ...full(length) })).length;
  let length = 200;
  while (inputLength(length + 1) <= 1_048_576) length++;
  expect(await run("GC", full(length))).toEqual(OUT);
  expect(datapath.routed.size).toBe(1);
  expect(errorOf((await run("GC", full(length + 1))).stdout).code).toBe(5);
  expect(errorOf((await run("GC", { "cni.dev/valid-attachments": list(4_097, 64) })).stdout).code).toBe(7);
  expect(datapath.routed.size).toBe(1);
});

test("what a GC or a CHECK has to say is never longer than the plugin reads", async () => {
  await node.start();
  await run("ADD");
  datapath.unwireRest = Array.from(
    { length: 4_000 },
    (_, i) => `rule ${i} of an endless list that nobody reads to its end`,
  );
  datapath.differences = datapath.unwireRest;
  const prevResult = JSON.parse((await run("ADD")).stdout) as Result;
  expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({
    ...{ code: 120, details: expect.stringMatching(/rule 1 of .*; and \d+ more$/) },
  });
  expect(errorOf((await run("GC", { "cni.dev/valid-attachments": [] })).stdout)).toMatchObject({
    ...{ code: 121, details: expect.stringMatching(/rule 1 of .*; and \d+ more/) },
  });
});

test("containers without a pod's name do not share a link", async () => {
  await node.start();
  for (const id of ["c1", "c2"]) expect((await run("ADD", {}, { CNI_CONTAINERID: id, CNI_ARGS: "" })).status).toBe(0);
  expect(datapath.links.size).toBe(2);
});

test("an agent that gives addresses alone is said to do so", async () => {
  node.network = undefined;
  await node.start();
  expect(errorOf((await run("ADD")).stdout)).toMatchObject({
    code: 113,
    details: expect.stringContaining("SLASH28_DATAPATH"),
  });
});

test("a plugin that is killed or gives up gives its waiting ADD back", async () => {
  node.keeper = new AddKeeper();
  await node.start();
  const config = rig.config({ socketPath: node.path("s.sock") });
  const killed = Bun.spawn([rig.binary], {
    env: { ...ENVIRONMENT, CNI_COMMAND: "ADD" },
    stdin: new TextEncoder().encode(JSON.stringify(config)),
    stdout: "pipe",
  });
  await until(() => node.keeper?.count("allocate") === 1);
  killed.kill("SIGKILL");
  await until(() => node.keeper?.count("abandoned") === 1);
  const { stdout } = await run("ADD", { addTimeout: 1.2 });
  expect(errorOf(stdout).code).toBe(11);
  await until(() => node.keeper?.count("abandoned") === 2);
});
