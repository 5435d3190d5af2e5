// An agent that is not there, slow, replaced meanwhile, or talks nonsense: one clear error each, in time, and never a stack trace.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { ANSWER, answer, type CniRig, ENVIRONMENT, openCniRig, type Reaction } from "./rig.ts";
import { errorOf } from "./shapes.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
afterEach(() => rig.stopAgents());
afterAll(() => rig.close());

const ADD = { ...ENVIRONMENT, CNI_COMMAND: "ADD" };
const line = (value: object) => `${JSON.stringify(value)}\n`;

async function failedAdd(changes: Record<string, unknown> = {}) {
  const { status, stdout, stderr, tookMs } = await rig.run({ env: ADD, input: rig.config(changes) });
  expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  const error = errorOf(stdout);
  expect(error.msg).not.toMatch(/\n|\bat \S+:\d+/);
  expect(error.details ?? "").not.toMatch(/\n|\bat \S+:\d+/);
  return { ...error, tookMs };
}

describe("no agent", () => {
  test("no socket: code 11, which path, what to look at", async () => {
    const error = await failedAdd();
    expect(error.code).toBe(11);
    expect(error.msg).toBe(`add cmd: failed to connect to backend server: no agent at ${rig.socketPath} (ENOENT)`);
    expect(error.details).toContain("aws-node pod");
  });

  test("a socket that nobody listens on, and a file that is no socket, are no agent either", async () => {
    writeFileSync(rig.socketPath, "");
    expect((await failedAdd()).code).toBe(11);
    rmSync(rig.socketPath);
    const listener = Bun.listen({ unix: rig.socketPath, socket: { data() {} } });
    listener.stop(true);
    expect((await failedAdd()).code).toBe(11);
  });

  test("a path that no socket can have is an error, not a crash", async () => {
    const error = await failedAdd({ socketPath: `/${"x".repeat(300)}` });
    expect(error).toMatchObject({ code: 11, msg: expect.stringContaining("failed to connect to backend server") });
  });

  test("one that comes within the wait serves the pod", async () => {
    const running = rig.run({ env: ADD, input: rig.config({ agentWait: 5 }) });
    await Bun.sleep(300);
    rig.agent(() => answer(ANSWER));
    const { status, tookMs } = await running;
    expect(status).toBe(0);
    expect(tookMs).toBeWithin(290, 3_000);
  });

  test("one that stays away is waited for no longer than the wait", async () => {
    expect((await failedAdd({ agentWait: 0.5 })).tookMs).toBeWithin(400, 2_500);
  });

  test("the wait ends with the deadline", async () => {
    expect((await failedAdd({ agentWait: 60, addTimeout: 0.4 })).tookMs).toBeLessThan(2_500);
  });

  test("one that is starting is asked again within the wait", async () => {
    let count = 0;
    const agent = rig.agent(() =>
      ++count < 3 ? answer({ v: 1, ok: false, reason: "starting", message: "", next: "" }) : answer(ANSWER),
    );
    expect((await rig.run({ env: ADD, input: rig.config({ agentWait: 5 }) })).status).toBe(0);
    expect(agent.questions).toHaveLength(3);
  });
});

describe("an agent that does not answer", () => {
  test("slow: code 11 after the deadline, and the connection is closed so that the address goes back", async () => {
    const agent = rig.agent(() => ({}));
    const error = await failedAdd({ addTimeout: 1.5 });
    expect(error).toMatchObject({
      code: 11,
      msg: "add cmd: Error received from AddNetwork gRPC call: the agent gave no answer within 1.5 s",
    });
    expect(error.tookMs).toBeWithin(1_400, 4_000);
    expect(agent.questions[0]?.["timeoutMs"]).toBeWithin(300, 501);
    await Bun.sleep(50);
    expect(agent.closedCount).toBe(1);
  });

  test("half an answer, then silence", async () => {
    rig.agent(() => ({ send: ['{"v":1,"ok":tr'] }));
    expect(await failedAdd({ addTimeout: 0.5 })).toMatchObject({ code: 11, msg: expect.stringContaining("no answer") });
  });

  test("hangs up at once, or midway: code 11", async () => {
    for (const reaction of [{ hangUp: true }, { send: ['{"v":1,'], hangUp: true }] satisfies Reaction[]) {
      rig.agent(() => reaction);
      expect(await failedAdd()).toMatchObject({
        code: 11,
        msg: "add cmd: Error received from AddNetwork gRPC call: the agent closed the connection before it answered",
      });
      rig.stopAgents();
    }
  });

  test("is told apart from one that takes its time", async () => {
    const text = line(ANSWER);
    rig.agent(() => ({ send: [...text].map((letter) => letter), pauseMs: 1 }));
    expect((await rig.run({ env: ADD, input: rig.config() })).status).toBe(0);
  });
});

describe("an answer that makes no sense is code 122", () => {
  test.each<[string, (string | Uint8Array)[], string]>([
    ["not JSON", ["HTTP/1.1 400 Bad Request\r\n"], "it is not JSON"],
    ["an empty line", ["\n"], "it is not JSON"],
    ["no object", ["[1]\n"], "it is no JSON object"],
    ["null", ["null\n"], "it is no JSON object"],
    ["another version", [line({ ...ANSWER, v: 2 })], "its version is 2, not 1"],
    ["no version", ['{"ok":true}\n'], "its version is undefined, not 1"],
    ["neither yes nor no", [line({ ...ANSWER, ok: "yes" })], '"ok" is neither true nor false'],
    ["a refusal without a reason", [line({ v: 1, ok: false })], "it refuses without a reason"],
    ["a reason that is no word", [line({ v: 1, ok: false, reason: "a\nb" })], "it refuses without a reason"],
    ["two lines", [line(ANSWER) + line(ANSWER)], "it has more than one line"],
    ["bytes that are no text", [Uint8Array.of(0xff, 0xfe, 10)], "it is not UTF-8"],
    ["no address", [line({ ...ANSWER, address: null })], "address is no IPv4 address"],
    ["an address with a mask", [line({ ...ANSWER, address: "10.0.0.1/32" })], "address is no IPv4 address"],
    ["a route table that is none", [line({ ...ANSWER, routeTableId: "2" })], "routeTableId is no route table"],
    ["a device that is none", [line({ ...ANSWER, deviceNumber: 1.5 })], "deviceNumber is no device number"],
    [
      "a link's name that is none",
      [line({ ...ANSWER, hostInterface: "../../x" })],
      "hostInterface is no name of a link",
    ],
    ["a suffix that is none", [line({ ...ANSWER, podSuffix: "XYZ" })], "podSuffix is not 11 hex digits"],
    ["an MTU that is none", [line({ ...ANSWER, mtu: -1 })], "mtu is no MTU"],
    ["a VLAN that is none", [line({ ...ANSWER, vlanId: 4095 })], "vlanId is no VLAN id"],
    ["a gateway that is none", [line({ ...ANSWER, gateway: "x" })], "gateway is neither null nor an IPv4 address"],
  ])("%s", async (_, send, wrong) => {
    rig.agent(() => ({ send }));
    const error = await failedAdd();
    expect(error).toMatchObject({
      code: 122,
      msg: `add cmd: Error received from AddNetwork gRPC call: the agent's answer makes no sense: ${wrong}`,
    });
    expect(error.details).toContain("compare their versions");
  });

  test("endless bytes are read no further than 256 KiB", async () => {
    const agent = rig.agent(() => ({ send: Array.from({ length: 4_000 }, () => "x".repeat(1_024)), pauseMs: 0 }));
    const error = await failedAdd();
    expect(error).toMatchObject({ code: 122, msg: expect.stringContaining("it has more than 262144 bytes") });
    await Bun.sleep(50);
    expect(agent.closedCount).toBe(1);
  });
});

test("a socket that this user may not open is said to be so", async () => {
  rig.agent(() => answer(ANSWER));
  chmodSync(rig.socketPath, 0);
  const error = await rig.run({ env: ADD, input: rig.config() });
  // Root may open it all the same.
  if (process.getuid?.() === 0) expect(error.status).toBe(0);
  else expect(errorOf(error.stdout)).toMatchObject({ code: 11, msg: expect.stringContaining("EACCES") });
});
