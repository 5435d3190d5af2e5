// ADD as a runtime calls it: the compiled plugin, a scripted agent, and what is printed for each version of the protocol.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { ANSWER, answer, type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";
import { complaints, errorOf } from "./shapes.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
afterEach(() => rig.stopAgents());
afterAll(() => rig.close());

const ADD = { ...ENVIRONMENT, CNI_COMMAND: "ADD" };

const INTERFACES = `    "interfaces": [
        {
            "name": "eni0d7763386da"
        },
        {
            "name": "eth0",
            "mac": "2",
            "sandbox": "/var/run/netns/cni-0a1b"
        },
        {
            "name": "dummy0d7763386da",
            "mac": "0",
            "sandbox": "1"
        }
    ],
`;
/** With what ends the result. */
const IPS = `    "ips": [
        {
            "interface": 1,
            "address": "10.0.101.5/32"
        }
    ]
}
`;

const OLD = (version: string) => `{
    "cniVersion": "${version}",
${INTERFACES}    "ips": [
        {
            "version": "4",
            "interface": 1,
            "address": "10.0.101.5/32"
        }
    ],
    "dns": {}
}
`;

const ONE = `{
    "cniVersion": "1.0.0",
${INTERFACES}${IPS}`;

const ONE_ONE = `{
    "cniVersion": "1.1.0",
    "interfaces": [
        {
            "name": "eni0d7763386da",
            "mtu": 9001
        },
        {
            "name": "eth0",
            "mac": "2",
            "mtu": 9001,
            "sandbox": "/var/run/netns/cni-0a1b"
        },
        {
            "name": "dummy0d7763386da",
            "mac": "0",
            "sandbox": "1"
        }
    ],
${IPS}`;

describe("the result", () => {
  test.each([
    ["0.3.0", "old", OLD("0.3.0")],
    ["0.3.1", "old", OLD("0.3.1")],
    ["0.4.0", "old", OLD("0.4.0")],
    ["1.0.0", "1.0.0", ONE],
    ["1.1.0", "1.1.0", ONE_ONE],
  ] as const)("of %s is the reference's layout, byte for byte, and valid", async (version, shape, expected) => {
    rig.agent(() => answer(ANSWER));
    const { status, stdout, stderr } = await rig.run({ env: ADD, input: rig.config({ cniVersion: version }) });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expected, stderr: "" });
    expect(complaints(shape, JSON.parse(stdout))).toBe("");
  });

  test("of a pod with a branch ENI carries its VLAN and its subnet's gateway", async () => {
    const branch = {
      hostInterface: "vlan0d7763386da",
      deviceNumber: -1,
      routeTableId: 0,
      vlanId: 5,
      gateway: "10.0.96.1",
    };
    rig.agent(() => answer({ ...ANSWER, ...branch }));
    const { stdout } = await rig.run({ env: ADD, input: rig.config({ cniVersion: "1.0.0" }) });
    const result = JSON.parse(stdout) as object;
    expect(complaints("1.0.0", result)).toBe("");
    expect(result).toEqual({
      cniVersion: "1.0.0",
      interfaces: [
        { name: "vlan0d7763386da" },
        { name: "eth0", mac: "0", sandbox: "/var/run/netns/cni-0a1b" },
        { name: "dummy0d7763386da", mac: "5" },
      ],
      ips: [{ interface: 1, address: "10.0.101.5/32", gateway: "10.0.96.1" }],
    });
  });

  const previous = {
    interfaces: [{ name: "net1", sandbox: "/var/run/netns/cni-0a1b" }],
    routes: [{ dst: "10.9.0.0/16" }],
    dns: { nameservers: ["10.0.0.2"] },
  };

  test.each([
    ["0.4.0", "old", { version: "6" }, { version: "4" }],
    ["1.1.0", "1.1.0", {}, {}],
  ] as const)("of %s stands after what an earlier plugin of the list has done", async (version, shape, six, four) => {
    rig.agent(() => answer(ANSWER));
    const ips = [{ version: "6", interface: 0, address: "fd00::5/64" }];
    const prevResult = { cniVersion: version, ...previous, ips };
    const { stdout } = await rig.run({ env: ADD, input: rig.config({ cniVersion: version, prevResult }) });
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(complaints(shape, result)).toBe("");
    expect((result["interfaces"] as { name: string }[]).map((one) => one.name)).toEqual([
      "net1",
      "eni0d7763386da",
      "eth0",
      "dummy0d7763386da",
    ]);
    expect(result["ips"]).toEqual([
      { ...six, interface: 0, address: "fd00::5/64" },
      { ...four, interface: 2, address: "10.0.101.5/32" },
    ]);
    expect(result).toMatchObject({ routes: previous.routes, dns: previous.dns });
  });

  test("takes null in an earlier one for nothing", async () => {
    rig.agent(() => answer(ANSWER));
    const prevResult = { cniVersion: "1.0.0", interfaces: null, ips: null, routes: null, dns: null };
    const { stdout } = await rig.run({ env: ADD, input: rig.config({ cniVersion: "1.0.0", prevResult }) });
    expect(stdout).toBe(ONE);
  });

  test("is the same under the name aws-cni", async () => {
    rig.agent(() => answer(ANSWER));
    const binary = join(rig.folder, "aws-cni");
    copyFileSync(rig.binary, binary);
    const { status, stdout } = await rig.run({ env: ADD, input: rig.config(), binary });
    expect({ status, stdout }).toEqual({ status: 0, stdout: OLD("0.4.0") });
  });

  test("is whole however large it is and however slowly it is read", async () => {
    rig.agent(() => answer(ANSWER));
    const routes = Array.from({ length: 12_000 }, (_, at) => ({ dst: `10.${at >> 8}.${at & 255}.0/24` }));
    const prevResult = { cniVersion: "1.0.0", interfaces: [], ips: [], routes };
    const input = new TextEncoder().encode(
      JSON.stringify(rig.config({ cniVersion: "1.0.0", prevResult, pluginLogFile: "" })),
    );
    const child = Bun.spawn([rig.binary], { env: ADD, stdin: input, stdout: "pipe", stderr: "inherit" });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      await Bun.sleep(1);
    }
    expect(await child.exited).toBe(0);
    expect((JSON.parse(text) as { routes: unknown[] }).routes).toHaveLength(routes.length);
  });
});

describe("the question", () => {
  test("has all that the agent needs, from the reference's conflist as it is", async () => {
    const agent = rig.agent(() => answer(ANSWER));
    await rig.run({ env: ADD, input: rig.config({ mtu: "1500", vethPrefix: "ab", podSGEnforcingMode: "standard" }) });
    expect(agent.questions).toHaveLength(1);
    const { timeoutMs, ...question } = agent.questions[0] ?? {};
    expect(timeoutMs).toBeWithin(30_000, 39_001);
    expect(question).toEqual({
      v: 1,
      op: "add",
      networkName: "aws-cni",
      containerId: "4f0a1b2c",
      ifName: "eth0",
      namespace: "default",
      podName: "web-0",
      podUid: "0b9f6d4e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
      netns: "/var/run/netns/cni-0a1b",
      vethPrefix: "ab",
      mtu: 1500,
      enforcingMode: "standard",
    });
  });

  test("of a container without a pod has empty names: the agent tells it apart by its id", async () => {
    const agent = rig.agent(() => answer(ANSWER));
    expect((await rig.run({ env: { ...ADD, CNI_ARGS: "" }, input: rig.config() })).status).toBe(0);
    expect(agent.questions[0]).toMatchObject({ containerId: "4f0a1b2c", namespace: "", podName: "", podUid: "" });
  });

  test("leaves out nothing when fields of the conflist are missing", async () => {
    const agent = rig.agent(() => answer(ANSWER));
    const input = { cniVersion: "0.4.0", name: "aws-cni", type: "aws-cni", socketPath: rig.socketPath };
    expect((await rig.run({ env: ADD, input })).status).toBe(0);
    expect(agent.questions[0]).toMatchObject({ vethPrefix: "eni", mtu: 9001, enforcingMode: "strict" });
  });
});

describe("a refusal", () => {
  const refusal = { v: 1, ok: false, message: "What.", next: "Do this.", retryAfterMs: null };
  test.each([
    [{ reason: "subnet-exhausted" }, 100, "add cmd: failed to assign an IP address to container: subnet-exhausted"],
    [
      { reason: "pool-growing", retryAfterMs: 5000 },
      11,
      "add cmd: failed to assign an IP address to container: pool-growing",
    ],
    [
      { reason: "subnet-fragmented", retryAfterMs: 9 },
      11,
      "add cmd: failed to assign an IP address to container: subnet-fragmented",
    ],
    [{ reason: "a-later-word" }, 100, "add cmd: failed to assign an IP address to container: a-later-word"],
    [{ reason: "starting" }, 11, "add cmd: failed to assign an IP address to container: starting"],
    [
      { reason: "network-setup-failed", problem: "name-taken" },
      112,
      "add command: failed to setup network: network-setup-failed (name-taken)",
    ],
    [
      { reason: "network-setup-failed", problem: "namespace-gone", retryAfterMs: 10 },
      110,
      "add command: failed to setup network: network-setup-failed (namespace-gone)",
    ],
    [{ reason: "network-setup-failed" }, 113, "add command: failed to setup network: network-setup-failed"],
    [
      { reason: "network-setup-failed", problem: "network-policy" },
      115,
      "add cmd: failed to setup network policy: network-setup-failed (network-policy)",
    ],
  ])("%j is code %i, with the text that operators look for", async (words, code, msg) => {
    rig.agent(() => answer({ ...refusal, ...words }));
    const { status, stdout, stderr } = await rig.run({ env: ADD, input: rig.config({ cniVersion: "1.0.0" }) });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(errorOf(stdout)).toEqual({ cniVersion: "1.0.0", code, msg, details: "What. Do this." });
    expect(stdout).toStartWith('{\n    "cniVersion"');
  });

  test("whose message is a cause without a full stop is still two sentences", async () => {
    const said = {
      reason: "network-setup-failed",
      problem: "name-taken",
      message: "the link stands",
      next: "Do this.",
    };
    rig.agent(() => answer({ v: 1, ok: false, retryAfterMs: null, ...said }));
    const { stdout } = await rig.run({ env: { ...ENVIRONMENT, CNI_COMMAND: "ADD" }, input: rig.config() });
    expect(errorOf(stdout)).toMatchObject({
      msg: "add command: failed to setup network: network-setup-failed (name-taken)",
      details: "the link stands. Do this.",
    });
  });

  test("of several network cards comes without asking", async () => {
    const agent = rig.agent(() => answer(ANSWER));
    const runtimeConfig = {
      "io.kubernetes.cri.pod-annotations": { "k8s.amazonaws.com/nicConfig": "multi-nic-attachment" },
    };
    const { stdout } = await rig.run({ env: ADD, input: rig.config({ runtimeConfig }) });
    expect(errorOf(stdout)).toMatchObject({ code: 7, details: expect.stringContaining("Remove the annotation") });
    expect(agent.questions).toEqual([]);
  });
});
