// DEL, CHECK, STATUS, GC and VERSION as a runtime calls them: what they ask of the agent, how they end.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { answer, type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";
import { errorOf } from "./shapes.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
afterEach(() => rig.stopAgents());
afterAll(() => rig.close());

const env = (command: string, changes: Record<string, string> = {}) => ({
  ...ENVIRONMENT,
  CNI_COMMAND: command,
  ...changes,
});
const done = (fields: object = {}) => answer({ v: 1, ok: true, ...fields });
const refused = (fields: object) => answer({ v: 1, ok: false, message: "What.", next: "Do this.", ...fields });
const OUT = { status: 0, stdout: "", stderr: "" };

const prevResult = {
  cniVersion: "0.4.0",
  interfaces: [
    { name: "eni0d7763386da" },
    { name: "eth0", mac: "2", sandbox: "/var/run/netns/cni-0a1b" },
    { name: "dummy0d7763386da", mac: "0", sandbox: "1" },
  ],
  ips: [{ version: "4", interface: 1, address: "10.0.101.5/32" }],
  dns: {},
};
const KEY = { networkName: "aws-cni", containerId: "4f0a1b2c", ifName: "eth0" };
const POD = { namespace: "default", podName: "web-0", podUid: "0b9f6d4e-1c2d-4e5f-8a9b-0c1d2e3f4a5b" };

async function run(command: string, changes: Record<string, unknown> = {}, variables: Record<string, string> = {}) {
  const { tookMs: _, ...result } = await rig.run({ env: env(command, variables), input: rig.config(changes) });
  return result;
}

describe("DEL", () => {
  test("tells the agent what an earlier result says, and prints nothing", async () => {
    const agent = rig.agent(() => done({ address: "10.0.101.5", left: [] }));
    expect(await run("DEL", { prevResult })).toEqual(OUT);
    expect(agent.questions).toEqual([
      {
        v: 1,
        op: "del",
        ...KEY,
        ...POD,
        netns: "/var/run/netns/cni-0a1b",
        address: "10.0.101.5",
        hostInterface: "eni0d7763386da",
        reason: "PodDeleted",
      },
    ]);
  });

  test("of a branch pod names its VLAN", async () => {
    const agent = rig.agent(() => done({ address: null, left: [] }));
    const interfaces = [
      { name: "vlan0d7763386da" },
      { name: "eth0", mac: "0", sandbox: "/n" },
      { name: "dummy0d7763386da", mac: "5" },
    ];
    expect(await run("DEL", { prevResult: { ...prevResult, interfaces } })).toEqual(OUT);
    expect(agent.questions[0]).toMatchObject({ hostInterface: "vlan0d7763386da", vlanId: 5, address: "10.0.101.5" });
  });

  test("succeeds for what is gone, without namespace and without an earlier result, again and again", async () => {
    const agent = rig.agent(() => done({ address: null }));
    for (let i = 0; i < 2; i++) expect(await run("DEL", {}, { CNI_NETNS: "" })).toEqual(OUT);
    expect(agent.questions[1]).toEqual({ v: 1, op: "del", ...KEY, ...POD, reason: "PodDeleted" });
  });

  test.each<[string, unknown]>([
    ["text", "x"],
    ["a list", [1]],
    ["interfaces that are none", { interfaces: 5, ips: "x" }],
    ["entries that are none", { interfaces: [null, 1], ips: [null] }],
    ["names that are none", { interfaces: [{ name: "../x" }, { name: "eth0", sandbox: 4 }], ips: [{ address: 7 }] }],
  ])("uses nothing of an earlier result that is %s", async (_, previous) => {
    const agent = rig.agent(() => done({ address: null }));
    expect(await run("DEL", { prevResult: previous })).toEqual(OUT);
    expect(agent.questions[0]).not.toContainAnyKeys(["address", "hostInterface", "vlanId"]);
  });

  test("finds its own part of a result that others have added to", async () => {
    const agent = rig.agent(() => done({ address: null }));
    const interfaces = [{ name: "net1", sandbox: "/n" }, { name: "veth1" }, ...prevResult.interfaces];
    const ips = [
      { interface: 0, address: "10.9.0.1/24" },
      { interface: 3, address: "10.0.101.5/32" },
    ];
    await run("DEL", { prevResult: { ...prevResult, interfaces, ips } });
    expect(agent.questions[0]).toMatchObject({ address: "10.0.101.5", hostInterface: "eni0d7763386da" });
  });

  test("finds the pod's address beside those that later plugins have given its interface", async () => {
    const agent = rig.agent(() => done({ address: null }));
    const v6 = { version: "6", interface: 1, address: "fd00::5/128" };
    const wide = { version: "4", interface: 1, address: "10.9.0.5/16" };
    await run("DEL", { prevResult: { ...prevResult, ips: [v6, ...prevResult.ips, wide] } });
    await run("DEL", { prevResult: { ...prevResult, ips: [...prevResult.ips, { ...wide, address: "10.9.0.5/32" }] } });
    expect(agent.questions[0]).toMatchObject({ address: "10.0.101.5" });
    expect(agent.questions[1]).not.toHaveProperty("address");
  });

  test("waits for an agent that is starting, until its deadline", async () => {
    let count = 0;
    rig.agent(() => (++count < 4 ? refused({ reason: "starting" }) : done({ address: null })));
    expect(await run("DEL", { prevResult })).toEqual(OUT);
    rig.stopAgents();
    rig.agent(() => refused({ reason: "starting" }));
    const { status, stdout } = await run("DEL", { prevResult, timeout: 0.4 });
    expect(status).toBe(1);
    expect(errorOf(stdout)).toMatchObject({ code: 11, msg: "del cmd: failed to process delete request: starting" });
  });

  test("asks an agent that is starting less and less often", async () => {
    const agent = rig.agent(() => refused({ reason: "starting" }));
    await run("DEL", { prevResult, timeout: 2.2 });
    // At 0, 50, 150, 350, 750, 1250, 1750 and shortly before the end; every 50 ms it would be 43.
    expect(agent.questions.length).toBeGreaterThanOrEqual(5);
    expect(agent.questions.length).toBeLessThanOrEqual(9);
  });

  test("that the agent refuses is an error", async () => {
    rig.agent(() => refused({ reason: "checkpoint-unwritable" }));
    expect(errorOf((await run("DEL")).stdout)).toMatchObject({
      code: 11,
      msg: "del cmd: failed to process delete request: checkpoint-unwritable",
    });
  });
});

describe("CHECK", () => {
  test("asks the agent, and prints nothing when all is as it was", async () => {
    const agent = rig.agent(() => done());
    expect(await run("CHECK", { prevResult })).toEqual(OUT);
    expect(agent.questions).toEqual([
      {
        v: 1,
        op: "check",
        ...KEY,
        ...POD,
        netns: "/var/run/netns/cni-0a1b",
        address: "10.0.101.5",
        hostInterface: "eni0d7763386da",
        vethPrefix: "eni",
        mtu: 9001,
        enforcingMode: "strict",
      },
    ]);
  });

  test("asks for the pod as its result has it, not as the configuration would have the next one", async () => {
    const agent = rig.agent(() => done());
    const interfaces = [
      { name: "ab0d7763386da", mtu: 1500 },
      { name: "eth0", mac: "2", mtu: 1500, sandbox: "/var/run/netns/cni-0a1b" },
      { name: "dummy0d7763386da", mac: "0", sandbox: "1" },
    ];
    await run("CHECK", { prevResult: { ...prevResult, interfaces } });
    expect(agent.questions[0]).toMatchObject({ hostInterface: "ab0d7763386da", vethPrefix: "ab", mtu: 1500 });
    for (const [name, podSGEnforcingMode, enforcingMode] of [
      ["vlan0d7763386da", "standard", "strict"],
      ["eni0d7763386da", "strict", "standard"],
    ]) {
      const branch = [{ name }, interfaces[1], { name: "dummy0d7763386da", mac: "5" }];
      await run("CHECK", { prevResult: { ...prevResult, interfaces: branch }, podSGEnforcingMode });
      expect(agent.questions.at(-1)).toMatchObject({ vethPrefix: "eni", mtu: 9001, enforcingMode });
    }
  });

  test("lists what differs, with code 120", async () => {
    rig.agent(() =>
      refused({ reason: "network-setup-failed", problems: ["rule 512 to 10.0.101.5 is missing", "eth0 has MTU 1500"] }),
    );
    const { status, stdout } = await run("CHECK", { prevResult });
    expect(status).toBe(1);
    expect(errorOf(stdout)).toMatchObject({
      code: 120,
      msg: "check cmd: failed to check network: network-setup-failed",
      details: "rule 512 to 10.0.101.5 is missing; eth0 has MTU 1500",
    });
  });

  test("of an attachment that holds nothing is code 120, of an agent that is starting 11", async () => {
    rig.agent(() => refused({ reason: "invalid-request" }));
    expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({ code: 120, details: "What." });
    rig.stopAgents();
    rig.agent(() => refused({ reason: "starting" }));
    expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({ code: 11 });
    rig.stopAgents();
    expect(errorOf((await run("CHECK", { prevResult })).stdout)).toMatchObject({ code: 11 });
  });

  test("needs ADD's result, and a configuration of 0.4.0", async () => {
    expect(errorOf((await run("CHECK")).stdout)).toMatchObject({ code: 7, msg: expect.stringContaining("prevResult") });
    expect(errorOf((await run("CHECK", { prevResult, cniVersion: "0.3.1" })).stdout)).toMatchObject({
      code: 1,
      msg: "config version does not allow CHECK",
    });
  });
});

describe("STATUS", () => {
  const STATUS = { CNI_COMMAND: "STATUS", CNI_PATH: "/opt/cni/bin" };
  const status = async (changes: Record<string, unknown> = {}) =>
    rig.run({ env: STATUS, input: rig.config({ cniVersion: "1.1.0", ...changes }) });

  test("is silent when ADDs are served", async () => {
    const agent = rig.agent(() => done());
    expect(await status()).toMatchObject(OUT);
    expect(agent.questions).toEqual([{ v: 1, op: "status" }]);
  });

  test("is 50 without an agent or with one that is starting, at once; 51 when pods suffer as well", async () => {
    expect(errorOf((await status()).stdout)).toMatchObject({
      cniVersion: "1.1.0",
      code: 50,
      msg: expect.stringContaining("no agent at"),
    });
    rig.agent(() => refused({ reason: "starting" }));
    const starting = await status({ agentWait: 5 });
    expect(errorOf(starting.stdout)).toMatchObject({ code: 50, msg: expect.stringContaining(": starting") });
    expect(starting.tookMs).toBeLessThan(2_000);
    rig.stopAgents();
    rig.agent(() => refused({ reason: "network-setup-failed", degraded: true }));
    expect(errorOf((await status()).stdout)).toMatchObject({ code: 51, details: "What. Do this." });
    rig.stopAgents();
    rig.agent(() => ({}));
    expect(errorOf((await status({ timeout: 0.3 })).stdout)).toMatchObject({ code: 50 });
    rig.stopAgents();
    rig.agent(() => ({ send: ["nonsense\n"] }));
    expect(errorOf((await status()).stdout)).toMatchObject({ code: 50, msg: expect.stringContaining("no sense") });
  });

  test("does not exist before 1.1.0", async () => {
    expect(errorOf((await status({ cniVersion: "1.0.0" })).stdout)).toMatchObject({ cniVersion: "1.0.0", code: 1 });
  });
});

describe("GC", () => {
  const GC = { CNI_COMMAND: "GC", CNI_PATH: "/opt/cni/bin" };
  const gc = async (changes: Record<string, unknown> = {}) =>
    rig.run({ env: GC, input: rig.config({ cniVersion: "1.1.0", ...changes }) });
  const valid = { "cni.dev/valid-attachments": [{ containerID: "4f0a1b2c", ifname: "eth0" }] };

  test("names the attachments in use", async () => {
    const agent = rig.agent(() => done({ releasedCount: 2, problems: [] }));
    expect(await gc(valid)).toMatchObject(OUT);
    expect(agent.questions).toEqual([
      { v: 1, op: "gc", networkName: "aws-cni", valid: [{ containerId: "4f0a1b2c", ifName: "eth0" }] },
    ]);
  });

  test("an empty list releases all; a missing or wrong one releases nothing and is code 7", async () => {
    const agent = rig.agent(() => done({ releasedCount: 0, problems: [] }));
    expect(await gc({ "cni.dev/valid-attachments": [] })).toMatchObject(OUT);
    expect(agent.questions).toHaveLength(1);
    for (const list of [
      undefined,
      null,
      {},
      "x",
      [1],
      [{ containerID: "a" }],
      [{ containerID: "a;b", ifname: "eth0" }],
    ]) {
      expect(errorOf((await gc({ "cni.dev/valid-attachments": list })).stdout)).toMatchObject({ code: 7 });
    }
    expect(agent.questions).toHaveLength(1);
  });

  // libcni 1.3.0 writes Go's empty list so, under both names.
  test("null under both names is an empty list", async () => {
    const agent = rig.agent(() => done({ releasedCount: 0, problems: [] }));
    expect(await gc({ "cni.dev/valid-attachments": null, "cni.dev/attachments": null })).toMatchObject(OUT);
    expect(agent.questions).toMatchObject([{ op: "gc", valid: [] }]);
  });

  test("says what it could not remove, with code 121", async () => {
    rig.agent(() => done({ releasedCount: 2, problems: ["rule 512 to 10.0.0.9: EPERM"] }));
    expect(errorOf((await gc(valid)).stdout)).toMatchObject({ code: 121, details: "rule 512 to 10.0.0.9: EPERM" });
  });

  test("without an agent is code 11, before 1.1.0 code 1", async () => {
    expect(errorOf((await gc(valid)).stdout)).toMatchObject({ code: 11 });
    expect(errorOf((await gc({ ...valid, cniVersion: "0.4.0" })).stdout)).toMatchObject({ code: 1 });
  });
});

describe("without a configuration", () => {
  test("VERSION needs neither standard input nor another variable", async () => {
    expect(await rig.run({ env: { CNI_COMMAND: "VERSION" } })).toMatchObject({
      status: 0,
      stdout: '{"cniVersion":"1.1.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
      stderr: "",
    });
  });

  test("no CNI_COMMAND: says what it is on standard error", async () => {
    const { status, stdout, stderr } = await rig.run({ env: {} });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/^slash28-cni \d+\.\d+\.\d+\nCNI protocol versions supported: 0\.3\.0, .*1\.1\.0\n$/);
  });
});
