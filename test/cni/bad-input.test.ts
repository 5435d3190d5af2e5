// What a runtime, or somebody in its place, can get wrong: the right code, the name of what is wrong, nothing asked of the agent.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ANSWER, answer, type CniRig, ENVIRONMENT, type FakeAgent, openCniRig } from "./rig.ts";
import { type CniError, errorOf } from "./shapes.ts";

let rig: CniRig;
let agent: FakeAgent;
beforeAll(async () => {
  rig = await openCniRig();
  agent = rig.agent(() => answer(ANSWER));
});
afterAll(() => {
  rig.stopAgents();
  rig.close();
});

const ADD: Record<string, string> = { ...ENVIRONMENT, CNI_COMMAND: "ADD" };

async function errorFor(
  env: Record<string, string>,
  input: object | string | Uint8Array | undefined,
): Promise<CniError> {
  agent.questions.length = 0;
  const result = await rig.run({ env, ...(input === undefined ? {} : { input }) });
  expect({ status: result.status, stderr: result.stderr, asked: agent.questions }).toEqual({
    status: 1,
    stderr: "",
    asked: [],
  });
  return errorOf(result.stdout);
}

const without = (name: string, from = ADD) => Object.fromEntries(Object.entries(from).filter(([key]) => key !== name));

describe("environment", () => {
  test.each([
    ["ADD", "CNI_CONTAINERID"],
    ["ADD", "CNI_NETNS"],
    ["ADD", "CNI_IFNAME"],
    ["CHECK", "CNI_NETNS"],
    ["DEL", "CNI_CONTAINERID"],
    ["DEL", "CNI_IFNAME"],
  ])("%s without %s names it: code 4", async (command, name) => {
    for (const env of [without(name), { ...ADD, [name]: "" }]) {
      expect(await errorFor({ ...env, CNI_COMMAND: command }, rig.config())).toMatchObject({
        code: 4,
        msg: `required env variables [${name}] missing`,
      });
    }
  });

  test("an unknown command is code 4", async () => {
    expect(await errorFor({ ...ADD, CNI_COMMAND: "UPDATE" }, rig.config())).toMatchObject({
      code: 4,
      msg: 'unknown CNI_COMMAND: "UPDATE"',
    });
    expect((await errorFor({ ...ADD, CNI_COMMAND: "add" }, rig.config())).code).toBe(4);
  });

  test.each([
    ["CNI_CONTAINERID", "../../etc/passwd"],
    ["CNI_CONTAINERID", "-rf"],
    ["CNI_CONTAINERID", "a\nb"],
    ["CNI_CONTAINERID", "a b"],
    ["CNI_CONTAINERID", "x".repeat(513)],
    ["CNI_IFNAME", "."],
    ["CNI_IFNAME", ".."],
    ["CNI_IFNAME", "a/b"],
    ["CNI_IFNAME", "eth0:1"],
    ["CNI_IFNAME", "eth 0"],
    ["CNI_IFNAME", "eth0\u001b[31m"],
    ["CNI_IFNAME", "x".repeat(16)],
    ["CNI_IFNAME", "ééééééééé"],
    ["CNI_IFNAME", "né0"],
    ["CNI_IFNAME", "eth%d"],
    ["CNI_NETNS", "cni-0a1b"],
    ["CNI_NETNS", "./ns"],
    ["CNI_NETNS", "/var/run/netns/a\nb"],
    ["CNI_NETNS", `/${"x".repeat(5_000)}`],
  ])("%s %j is code 4", async (name, value) => {
    const error = await errorFor({ ...ADD, [name]: value }, rig.config());
    expect(error).toMatchObject({ code: 4, msg: expect.stringContaining(name) });
    expect((error.details ?? "").length).toBeLessThan(300);
  });
});

test("a namespace's path that is too long is said to be", async () => {
  const { details } = await errorFor({ ...ADD, CNI_NETNS: `/${"x".repeat(4_095)}` }, rig.config());
  expect(details).toBe("A path has at most 4095 characters; this one has 4096.");
});

describe("CNI_ARGS", () => {
  test.each([
    ["K8S_POD_NAME=a=b", "invalid pair"],
    ["K8S_POD_NAME", "invalid pair"],
    ["IgnoreUnknown=1;;K8S_POD_NAME=a", "invalid pair"],
    ["K8S_POD_NAME=web-0;FOO=1", 'unknown args ["FOO"]'],
    ["IgnoreUnknown=0;FOO=1", 'unknown args ["FOO"]'],
    ["K8S_POD_NAME=../../etc", "K8S_POD_NAME"],
    ["K8S_POD_NAME=a b", "K8S_POD_NAME"],
    ["K8S_POD_NAME=a\u0007b", "K8S_POD_NAME"],
    ["K8S_POD_NAMESPACE=a/b", "K8S_POD_NAMESPACE"],
    ["K8S_POD_UID=$(reboot)", "K8S_POD_UID"],
    [`K8S_POD_NAME=${"x".repeat(254)}`, "K8S_POD_NAME"],
    [`K8S_POD_NAME=${"x".repeat(100_000)}`, "CNI_ARGS has more than"],
  ])("%j is code 4", async (args, what) => {
    const error = await errorFor({ ...ADD, CNI_ARGS: args }, rig.config());
    expect(error.code).toBe(4);
    expect(error.msg).toStartWith("add cmd: failed to load k8s config from arg: ");
    expect(error.msg).toContain(what);
    expect(error.msg.length).toBeLessThan(300);
  });

  test.each([
    ["FOO=1", "IgnoreUnknown=1"],
    ["K8S_POD_NAME=a b", "at most 253 letters, digits"],
    ["K8S_POD_NAME", "KEY=VALUE;KEY=VALUE"],
  ])("%s: the details say what may stand there", async (args, next) => {
    expect((await errorFor({ ...ADD, CNI_ARGS: args }, rig.config())).details).toContain(next);
  });

  test("unknown keys pass with IgnoreUnknown", async () => {
    for (const args of ["IgnoreUnknown=1;FOO=1", "FOO=1;IgnoreUnknown=true", "IgnoreUnknown=True;K8S_POD_NAME=a;A=b"]) {
      expect((await rig.run({ env: { ...ADD, CNI_ARGS: args }, input: rig.config() })).status).toBe(0);
    }
  });
});

describe("standard input", () => {
  test.each<[string, string | Uint8Array | undefined, number]>([
    ["nothing", undefined, 6],
    ["empty", "", 6],
    ["broken JSON", '{"cniVersion":"0.4.0",', 6],
    ["no object", "[]", 6],
    ["null", "null", 6],
    ["bytes that are no text", Uint8Array.of(0xff, 0x00, 0x80), 6],
    ["a tower of brackets", "[".repeat(500_000), 6],
    ["more than a mebibyte", `{"x":"${"y".repeat(2 << 20)}"}`, 5],
    ["more than a mebibyte in fewer letters", `{"x":"${"é".repeat(600_000)}"}`, 5],
  ])("%s: an error", async (_, input, code) => {
    const error = await errorFor(ADD, input);
    expect(error).toMatchObject({ code, cniVersion: "1.1.0" });
    expect(`${error.msg}${error.details}`.length).toBeLessThan(600);
  });

  test.each(["", "  \n"])("that is empty is said to be: %j", async (input) => {
    expect(await errorFor(ADD, input)).toMatchObject({
      code: 6,
      msg: "error reading network configuration: standard input is empty",
      details: "The runtime passes the network configuration there.",
    });
  });

  test("that never ends is read no further than a mebibyte", async () => {
    const zero = Bun.spawn(["sh", "-c", `exec "$0" < /dev/zero`, rig.binary], {
      env: { ...process.env, ...ADD },
      stdout: "pipe",
    });
    expect(errorOf(await new Response(zero.stdout).text())).toMatchObject({ code: 5 });
    const yes = Bun.spawn(["sh", "-c", `yes | "$0"`, rig.binary], { env: { ...process.env, ...ADD }, stdout: "pipe" });
    expect(errorOf(await new Response(yes.stdout).text())).toMatchObject({ code: 5 });
  });

  test.each([[undefined], ["0.1.0"], ["0.2.0"], ["2.0.0"], ["1.1"], [""], [4], [null]])(
    "version %j is code 1, with what is supported",
    async (cniVersion) => {
      const error = await errorFor(ADD, rig.config({ cniVersion }));
      expect(error).toMatchObject({ code: 1, msg: "incompatible CNI versions" });
      expect(error.details).toContain('"0.4.0","1.0.0","1.1.0"');
    },
  );

  test.each<[Record<string, unknown>, string]>([
    [{ name: undefined }, "invalid network name"],
    [{ name: "" }, "invalid network name"],
    [{ name: "../x" }, "invalid network name"],
    [{ name: 5 }, "name is not text"],
    [{ vethPrefix: "toolong" }, "conf.VethPrefix can be at most 4 characters long"],
    [{ vethPrefix: "a/b" }, "vethPrefix"],
    [{ vethPrefix: "vlan" }, "vethPrefix"],
    [{ vethPrefix: 7 }, "vethPrefix is not text"],
    [{ podSGEnforcingMode: "lax" }, 'unknown podSGEnforcingMode "lax"'],
    [{ podSGEnforcingMode: true }, "podSGEnforcingMode is not text"],
    [{ pluginLogFile: "stdout" }, "pluginLogFile must not be stdout"],
    [{ socketPath: "run/slash28.sock" }, 'socketPath "run/slash28.sock" is not absolute'],
    [{ socketPath: "./s.sock" }, 'socketPath "./s.sock" is not absolute'],
    [{ hostNetns: "netns/host" }, 'hostNetns "netns/host" is not absolute'],
    [{ pluginLogFile: "STDOUT" }, "pluginLogFile must not be stdout"],
    [{ pluginLogFile: "/dev/stdout" }, "pluginLogFile must not be stdout"],
    [{ pluginLogFile: "/proc/self/fd/1" }, "pluginLogFile must not be stdout"],
    [{ socketPath: {} }, "socketPath is not text"],
    [{ addTimeout: "soon" }, "addTimeout is no number of seconds"],
    [{ addTimeout: -1 }, "addTimeout is no number of seconds"],
    [{ timeout: 1e9 }, "timeout is no number of seconds"],
    [{ agentWait: [] }, "agentWait is no number of seconds"],
  ])("%j is code 7", async (changes, what) => {
    const error = await errorFor(ADD, rig.config(changes));
    expect(error).toMatchObject({ code: 7, cniVersion: "0.4.0" });
    expect(error.msg).toStartWith("add cmd: error loading config from args: ");
    expect(error.msg).toContain(what);
  });

  test("a previous result that is none is code 7", async () => {
    for (const prevResult of ["x", [1], { interfaces: 5 }, { interfaces: [5], ips: [] }, { interfaces: [], ips: {} }]) {
      expect(await errorFor(ADD, rig.config({ prevResult }))).toMatchObject({
        code: 7,
        msg: expect.stringContaining("prevResult is not understood"),
      });
    }
  });

  test("an MTU that is none becomes 9001, as the reference has it, and the log says so", async () => {
    for (const mtu of ["jumbo", "100", "65000", "", " 1500", 1.5, null, {}]) {
      agent.questions.length = 0;
      expect((await rig.run({ env: ADD, input: rig.config({ mtu }) })).status).toBe(0);
      expect(agent.questions[0]).toMatchObject({ mtu: 9001 });
    }
    expect(await Bun.file(rig.logFile).text()).toContain("jumbo");
  });
});

describe("a runtime that closed the other end", () => {
  const input = () => JSON.stringify(rig.config());
  async function addUnread(): Promise<string[]> {
    agent.questions.length = 0;
    const child = Bun.spawn(["sh", "-c", `printf %s '${input()}' | "$0" | true; exit 0`, rig.binary], {
      env: { ...process.env, ...ADD },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect({ out: await new Response(child.stdout).text(), err: await new Response(child.stderr).text() }).toEqual({
      out: "",
      err: "",
    });
    return agent.questions.map(({ op, containerId, reason }) => [op, containerId, reason].join(" ").trim());
  }

  test("gets no result and no crash, and the pod's network is taken back", async () => {
    expect(await addUnread()).toEqual(["add 4f0a1b2c", "del 4f0a1b2c SetupNSFailed"]);
    expect(await Bun.file(rig.logFile).text()).toContain("add cmd: error writing the result: EPIPE");
  });

  test("keeps a pod that had its network before", async () => {
    agent.react = () => answer({ ...ANSWER, isRepeat: true });
    expect(await addUnread()).toEqual(["add 4f0a1b2c"]);
    agent.react = () => answer(ANSWER);
  });

  test("a full disk in its place is an I/O failure", async () => {
    agent.questions.length = 0;
    const child = Bun.spawn(["sh", "-c", `printf %s '${input()}' | "$0" > /dev/full`, rig.binary], {
      env: { ...process.env, ...ADD },
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(1);
    expect(agent.questions.map(({ op }) => op)).toEqual(["add", "del"]);
  });
});
