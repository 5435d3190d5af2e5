// Pods wired through the JSON socket: the whole agent on a scripted datapath. What a caller hears, in which order things happen,
// and what is left when something fails, hangs up or dies.

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { ask, closeWorlds, line, until, type World, world } from "../../test/e2e/agent-world.ts";
import { parseIpv4 } from "../base/ipv4.ts";
import { podSuffix } from "../datapath/names.ts";
import type { WireProblem } from "../datapath/types.ts";
import { FakeFirewall } from "./testing/fake-firewall.ts";
import { ScriptedDatapath } from "./testing/scripted-datapath.ts";

afterEach(closeWorlds);

type Answer = Record<string, unknown>;

interface Node {
  readonly made: World;
  readonly datapath: ScriptedDatapath;
  readonly firewall: FakeFirewall;
  ask(text: string): Promise<Answer>;
}

async function node(env: Readonly<Record<string, string>> = {}): Promise<Node> {
  const made = await world();
  const datapath = new ScriptedDatapath();
  const firewall = new FakeFirewall();
  for (const mac of await made.macs()) datapath.eniLinks.set(mac, `eth${datapath.eniLinks.size}`);
  made.network = { datapath, firewall };
  await made.start(env);
  return { made, datapath, firewall, ask: async (text) => (await ask(made.path("s.sock"), text))[0] ?? {} };
}

function add(containerId: string, more: object = {}): string {
  const pod = { namespace: "default", podName: containerId, podUid: "u", netns: `/var/run/netns/${containerId}` };
  return line("add", containerId, { ...pod, vethPrefix: "eni", mtu: 9001, enforcingMode: "strict", ...more });
}

function del(containerId: string, more: object = {}): string {
  return line("del", containerId, { namespace: "default", podName: containerId, reason: "PodDeleted", ...more });
}

/** Found by search: SHA-1 of `default.<name>` begins with the same 11 digits. */
const COLLIDING = ["p-71178", "p-6276944"] as const;

/** Holds the calls of one kind up until it is opened. */
function gateOf(datapath: ScriptedDatapath, held: string) {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let waitingCount = 0;
  datapath.gate = async (call) => {
    if (call !== held) return;
    waitingCount++;
    await opened;
  };
  return { open, waiting: () => waitingCount };
}

function checkpoint(made: World): string {
  const path = made.path("ipam.json");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

test("an ADD with a namespace wires the pod and answers with its link; a repeat touches nothing; DEL takes everything away", async () => {
  const { datapath, ask: say, made } = await node();
  const first = await say(add("web-0"));
  const suffix = podSuffix("default", "web-0");
  expect(first).toMatchObject({
    v: 1,
    ok: true,
    deviceNumber: 0,
    routeTableId: 254,
    isRepeat: false,
    hostInterface: `eni${suffix}`,
    hostMac: "0a:00:00:00:00:01",
    podSuffix: suffix,
    mtu: 9001,
    vlanId: 0,
    gateway: null,
  });
  const address = parseIpv4(String(first["address"]));
  expect(datapath.wired).toEqual([
    {
      networkName: "aws-cni",
      containerId: "web-0",
      ifName: "eth0",
      namespace: "default",
      podName: "web-0",
      netnsPath: "/var/run/netns/web-0",
      address: address ?? 0,
      routeTableId: 254,
      mtu: 9001,
      vethPrefix: "eni",
      branch: undefined,
    },
  ]);
  expect(await say(add("web-0"))).toMatchObject({ ok: true, address: first["address"], isRepeat: true });
  expect(made.messages()).toContain("Received AddNetwork for NS default, Sandbox web-0, ifname eth0");
  const deleted = await say(del("web-0"));
  expect(deleted).toEqual({
    v: 1,
    ok: true,
    address: first["address"],
    deviceNumber: 0,
    routeTableId: 254,
    left: [],
  });
  expect(datapath.removed).toEqual([
    {
      attachment: { networkName: "aws-cni", containerId: "web-0", ifName: "eth0" },
      address: address ?? 0,
      hostInterface: `eni${suffix}`,
      vlanId: 0,
    },
  ]);
  expect(await say(del("web-0"))).toEqual({ v: 1, ok: true, address: null, left: [] });
  expect(checkpoint(made)).not.toContain("web-0");
});

/** Holds each write of the checkpoint until `done`, or lets it fail with a text. */
function holdWrites(made: World) {
  const { write } = made.store;
  const held: { done(): void; fail(message: string): void }[] = [];
  made.store.write = (content) => {
    // The buffer is the next write's, too.
    const copy = Buffer.from(content);
    return new Promise((resolve, reject) => {
      held.push({
        done: () => void write(copy).then(resolve, reject),
        fail: (message) => reject(new Error(message)),
      });
    });
  };
  return { held, release: () => Object.assign(made.store, { write }) };
}

test("a pod is wired while its address is on its way to the disk, and answered when both are done [design I5]", async () => {
  const { datapath, ask: say, made } = await node();
  const writes = holdWrites(made);
  let hasAnswer = false;
  const slowDisk = say(add("a")).finally(() => {
    hasAnswer = true;
  });
  await until(() => datapath.wired.length === 1 && writes.held.length === 1);
  await Bun.sleep(20);
  expect(hasAnswer).toBe(false);
  writes.held[0]?.done();
  expect(await slowDisk).toMatchObject({ ok: true });
  expect(checkpoint(made)).toContain('"a"');

  const gate = gateOf(datapath, "wirePod");
  hasAnswer = false;
  const slowKernel = say(add("b")).finally(() => {
    hasAnswer = true;
  });
  await until(() => gate.waiting() === 1 && writes.held.length === 2);
  writes.held[1]?.done();
  await Bun.sleep(20);
  expect(hasAnswer).toBe(false);
  gate.open();
  expect(await slowKernel).toMatchObject({ ok: true });
});

test("an address is released only when its pod is unwired", async () => {
  const { datapath, ask: say, made } = await node();
  await say(add("a"));
  const seen: boolean[] = [];
  datapath.gate = async (call) => {
    if (call === "unwirePod") seen.push(checkpoint(made).includes('"a"'));
  };
  await say(del("a"));
  expect(seen).toEqual([true]);
});

test("a pod whose address cannot be saved is unwired again, and what another pod has by then is left alone", async () => {
  const { datapath, ask: say, made } = await node();
  const writes = holdWrites(made);
  const gate = gateOf(datapath, "wirePod");
  const lost = say(add("lost"));
  await until(() => gate.waiting() === 1 && writes.held.length === 1);
  writes.held[0]?.fail("no space left on device");
  writes.release();
  const next = say(add("next"));
  await until(() => checkpoint(made).includes('"next"'));
  gate.open();
  const refused = await lost;
  expect(refused).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  expect(String(refused["message"])).toContain("no space left on device");
  const { address } = await next;
  // The disk's refusal put the address back, and the pool's order gives it to the next pod.
  expect(datapath.wired.map((pod) => pod.address)).toEqual([parseIpv4(String(address))!, parseIpv4(String(address))!]);
  expect(datapath.removed).toMatchObject([{ attachment: { containerId: "lost" }, mayBeTaken: true }]);
  expect(checkpoint(made)).not.toContain('"lost"');
});

test("without a cooldown, a DEL that the disk refused when another pod had the address is answered when the disk has it [design I5]", async () => {
  const { ask: say, made } = await node({ IP_COOLDOWN_PERIOD: "0" });
  const { address } = await say(add("a"));
  const writes = holdWrites(made);
  const refused = say(del("a"));
  await until(() => writes.held.length === 1);
  // One after the other all addresses, so that one gets the released one.
  const others = Array.from({ length: 16 }, (_, i) => say(add(`b${i}`)));
  await Bun.sleep(50);
  writes.held[0]?.fail("no space left on device");
  expect(await refused).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  await until(() => writes.held.length === 2);
  writes.held[1]?.fail("no space left on device");
  for (const other of await Promise.all(others)) expect(other).toMatchObject({ ok: false });
  expect(checkpoint(made)).toContain(String(address));
  writes.release();
  expect(await say(del("a"))).toMatchObject({ ok: true });
  expect(checkpoint(made)).not.toContain('"a"');
});

test("a pod that wires itself hears of its address when another's wiring, which could not be saved, is taken back", async () => {
  const { datapath, ask: say, made } = await node();
  const writes = holdWrites(made);
  const gate = gateOf(datapath, "wirePod");
  const lost = say(add("lost"));
  await until(() => gate.waiting() === 1 && writes.held.length === 1);
  writes.held[0]?.fail("no space left on device");
  writes.release();
  let isAnswered = false;
  const alone = say(line("add", "alone", { namespace: "default", podName: "alone" })).finally(() => {
    isAnswered = true;
  });
  await until(() => checkpoint(made).includes('"alone"'));
  await Bun.sleep(20);
  expect(isAnswered).toBe(false);
  gate.open();
  expect(await lost).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  expect(datapath.calls.at(-1)).toStartWith("unwirePod");
  const { address } = await alone;
  expect(datapath.removed.map((removal) => removal.address)).toEqual([parseIpv4(String(address))!]);
});

test("an address that is lost before the node is ready is not wired at all", async () => {
  const made = await world();
  const datapath = new ScriptedDatapath();
  for (const mac of await made.macs()) datapath.eniLinks.set(mac, "eth0");
  made.network = { datapath, firewall: new FakeFirewall() };
  const gate = gateOf(datapath, "reconcileHost");
  const started = made.start();
  await until(() => gate.waiting() === 1);
  const writes = holdWrites(made);
  const lost = ask(made.path("s.sock"), add("lost"));
  await until(() => writes.held.length === 1);
  writes.held[0]?.fail("no space left on device");
  expect((await lost)[0]).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  writes.release();
  gate.open();
  await started;
  expect(datapath.wired).toEqual([]);
  expect(datapath.removed).toEqual([]);
});

test("a repeated ADD that waited for another pod's save, which fails, leaves the running pod its address and its wiring", async () => {
  const { datapath, ask: say, made } = await node();
  const { address } = await say(add("runs"));
  const writes = holdWrites(made);
  const lost = say(add("lost"));
  await until(() => writes.held.length === 1);
  const again = say(add("runs"));
  await until(() => datapath.wired.length === 3);
  writes.held[0]?.fail("no space left on device");
  writes.release();
  expect(await lost).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  const refused = await again;
  expect(refused).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  expect(String(refused["message"])).toContain(`${String(address)} stays with this sandbox until its DEL`);
  expect(datapath.removed.map((removal) => removal.attachment?.containerId)).toEqual(["lost"]);
  expect(checkpoint(made)).toContain('"runs"');
  expect(await say(add("runs"))).toMatchObject({ ok: true, address, isRepeat: true });
});

const PROBLEMS: readonly WireProblem[] = [
  "namespace-gone",
  "interface-exists",
  "name-taken",
  "trunk-missing",
  "kernel-refused",
  "invalid-wiring",
];

test("what cannot be wired is taken back, address and all, and said in the datapath's words", async () => {
  const { datapath, ask: say, made } = await node();
  for (const problem of PROBLEMS) {
    datapath.wireProblem = problem;
    expect(await say(add(problem))).toEqual({
      v: 1,
      ok: false,
      reason: "network-setup-failed",
      message: `scripted ${problem}`,
      next: "do this",
      retryAfterMs: null,
      problem,
    });
    expect(datapath.calls.slice(-2).map((call) => call.split(" ")[0])).toEqual(["wirePod", "unwirePod"]);
    expect(checkpoint(made)).not.toContain(problem);
  }
  expect(made.messages()).toContain("Failed SetupPodNetwork for container namespace-gone: scripted namespace-gone");
  datapath.wireProblem = undefined;
  expect(await say(add("after"))).toMatchObject({ ok: true });
});

test("what cannot be wired with any address is refused before it has one; a pod that has its address keeps it", async () => {
  const { datapath, ask: say, made } = await node();
  const { address } = await say(add("a"));
  const callCount = datapath.calls.length;
  datapath.refusal = { problem: "invalid-wiring", message: "no such thing", next: "do that" };
  for (let i = 0; i < 40; i++) {
    expect(await say(add(`wrong-${i}`))).toMatchObject({
      ok: false,
      reason: "network-setup-failed",
      problem: "invalid-wiring",
      message: "no such thing",
      next: "do that",
    });
  }
  expect(datapath.calls.length).toBe(callCount);
  expect(made.messages()).toContain("Failed SetupPodNetwork for container wrong-0: no such thing");
  expect(await say(add("a"))).toMatchObject({ ok: true, address, isRepeat: true });
  expect(made.messages()).not.toContain("entering cooldown");
});

test("a repeated ADD that fails leaves the running pod its address", async () => {
  const { datapath, ask: say, made } = await node();
  const { address } = await say(add("a"));
  datapath.wireProblem = "kernel-refused";
  const again = await say(add("a"));
  expect(again).toMatchObject({ ok: false, problem: "kernel-refused" });
  expect(String(again["message"])).toContain(`${String(address)} stays with this sandbox until its DEL`);
  expect(datapath.removed).toEqual([]);
  expect(checkpoint(made)).toContain('"a"');
});

test("what a roll-back could not undo is in the refusal: rests on the host, and the address when the disk is full", async () => {
  const { datapath, ask: say, made } = await node();
  const real = made.store.write;
  datapath.wireProblem = "kernel-refused";
  datapath.unwireRest = ["the rule to 10.0.0.1"];
  datapath.gate = async (call) => {
    if (call === "unwirePod") made.store.write = () => Promise.reject(new Error("no space left on device"));
  };
  const message = String((await say(add("a")))["message"]);
  expect(message).toContain("scripted kernel-refused; not undone: the rule to 10.0.0.1; the address 10.0.");
  expect(message).toContain("no space left on device");
  made.store.write = real;
  datapath.gate = async () => {};
  datapath.unwireRest = [];
  expect(await say(del("a"))).toMatchObject({ ok: true, left: [] });
  expect(checkpoint(made)).not.toContain('"a"');
});

test("no address: nothing is wired", async () => {
  const { datapath, ask: say } = await node({ MAX_ENI: "1", WARM_PREFIX_TARGET: "0", WARM_IP_TARGET: "1" });
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => say(add(`p${i}`, { timeoutMs: 5_000 }))));
  const refused = answers.filter((answer) => answer["ok"] === false);
  expect(refused.length).toBeGreaterThan(0);
  expect(datapath.wired).toHaveLength(answers.length - refused.length);
});

test("an address that cannot be saved leaves nothing wired", async () => {
  const { datapath, ask: say, made } = await node();
  made.store.write = () => Promise.reject(new Error("no space left on device"));
  expect(await say(add("a"))).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  expect(datapath.links.size).toBe(0);
  expect(datapath.routed.size).toBe(0);
});

test("a DEL that comes while its ADD wires waits for it, and then removes what it made", async () => {
  const { datapath, ask: say, made } = await node();
  const gate = gateOf(datapath, "wirePod");
  const added = say(add("a"));
  await until(() => gate.waiting() === 1);
  const deleted = say(del("a"));
  await Bun.sleep(20);
  expect(datapath.removed).toEqual([]);
  gate.open();
  const { address } = await added;
  expect(await deleted).toMatchObject({ ok: true, address });
  expect(datapath.links.size).toBe(0);
  expect(checkpoint(made)).not.toContain('"a"');
});

test("other pods do not wait for one whose wiring is slow", async () => {
  const { datapath, ask: say } = await node();
  const { address } = await say(add("b"));
  const gate = gateOf(datapath, "wirePod");
  const slow = say(add("a"));
  await until(() => gate.waiting() === 1);
  expect(await say(line("check", "b"))).toMatchObject({ ok: true, address });
  gate.open();
  expect(await slow).toMatchObject({ ok: true });
});

test("a caller that hangs up while its pod is wired: the ADD is undone", async () => {
  const { datapath, made } = await node();
  const gate = gateOf(datapath, "wirePod");
  const socket = connect(made.path("s.sock"), () => socket.write(add("a")));
  await until(() => gate.waiting() === 1);
  socket.destroy();
  await Bun.sleep(20);
  gate.open();
  await until(() => datapath.removed.length === 1 && !checkpoint(made).includes('"a"'));
  expect(datapath.links.size).toBe(0);
});

describe("an ADD that is not done by its deadline is refused then, and taken back when it is", () => {
  const SILENCE = "The datapath's thread has not come back from wirePod for 6 s";

  test("the kernel does not come back; nor for the next ADD of the sandbox, and for its DEL", async () => {
    const { datapath, ask: say, made } = await node();
    const gate = gateOf(datapath, "wirePod");
    const startedMs = performance.now();
    const first = say(add("a", { timeoutMs: 600 }));
    await until(() => gate.waiting() === 1);
    datapath.silence = SILENCE;
    const refused = await first;
    expect(performance.now() - startedMs).toBeLessThan(600);
    expect(refused).toMatchObject({ reason: "network-setup-failed", problem: "kernel-refused" });
    expect(refused["message"]).toBe(`${SILENCE}; what was begun is taken back when it answers`);
    expect(await say(add("a", { timeoutMs: 300 }))).toMatchObject({ ok: false, problem: "kernel-refused" });
    const deleted = say(del("a"));
    expect(checkpoint(made)).toContain('"a"');
    datapath.silence = undefined;
    gate.open();
    expect(await deleted).toMatchObject({ ok: true, address: null, left: [] });
    expect(datapath.wired).toHaveLength(1);
    expect([datapath.links.size, datapath.routed.size]).toEqual([0, 0]);
    expect(checkpoint(made)).not.toContain('"a"');
  });

  test("a repeated one leaves the running pod its address and its link", async () => {
    const { datapath, ask: say, made } = await node();
    const { address } = await say(add("a"));
    const gate = gateOf(datapath, "wirePod");
    expect(await say(add("a", { timeoutMs: 300 }))).toMatchObject({ ok: false, reason: "network-setup-failed" });
    gate.open();
    expect(await say(add("a"))).toMatchObject({ ok: true, address, isRepeat: true });
    expect(datapath.removed).toEqual([]);
    expect(checkpoint(made)).toContain('"a"');
  });

  test("an agent's own deadline holds, too, where the caller names none", async () => {
    const { datapath, ask: say } = await node({ SLASH28_ADD_DEADLINE: "1" });
    const gate = gateOf(datapath, "wirePod");
    const startedMs = performance.now();
    expect(await say(add("a"))).toMatchObject({ ok: false, problem: "kernel-refused" });
    // One second for the address, five for what comes after it.
    expect(performance.now() - startedMs).toBeWithin(5_900, 6_500);
    gate.open();
    await until(() => datapath.removed.length === 1);
  }, 15_000);

  test("the checkpoint is not written: that is the reason", async () => {
    const { ask: say, made, datapath } = await node();
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { store } = made;
    const write = store.write.bind(store);
    store.write = (bytes) => opened.then(() => write(bytes));
    expect(await say(add("a", { timeoutMs: 400 }))).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
    open();
    expect(await say(del("a"))).toMatchObject({ ok: true, address: null });
    expect(datapath.links.size).toBe(0);
    expect(checkpoint(made)).not.toContain('"a"');
  });
});

test("STATUS refuses while the kernel does not answer; pods that run are not said to suffer", async () => {
  const { datapath, ask: say } = await node();
  const status = `${JSON.stringify({ v: 1, op: "status" })}\n`;
  expect(await say(status)).toEqual({ v: 1, ok: true });
  datapath.silence = "no answer";
  const refused = await say(status);
  expect(refused).toMatchObject({ ok: false, reason: "network-setup-failed", problem: "kernel-refused" });
  expect(refused["message"]).toBe("no answer");
  expect(refused).not.toHaveProperty("degraded");
  datapath.silence = undefined;
  expect(await say(status)).toEqual({ v: 1, ok: true });
});

test("a caller that closes its side after the request still gets the answer", async () => {
  const { made } = await node();
  const answer = await new Promise<string>((resolve, reject) => {
    let got = "";
    const socket = connect({ path: made.path("s.sock"), allowHalfOpen: true }, () => socket.end(add("a")));
    socket.on("data", (chunk) => {
      got += chunk.toString();
    });
    socket.on("end", () => resolve(got));
    socket.on("error", reject);
  });
  expect(JSON.parse(answer)).toMatchObject({ ok: true });
  const unfinished = add("b").trimEnd();
  const second = await new Promise<string>((resolve) => {
    const socket = connect({ path: made.path("s.sock"), allowHalfOpen: true }, () => socket.end(unfinished));
    socket.on("data", (chunk) => resolve(chunk.toString()));
  });
  expect(JSON.parse(second)).toMatchObject({ ok: true });
});

test("stopping waits for the pod that is being wired", async () => {
  const { datapath, ask: say, made } = await node();
  const gate = gateOf(datapath, "wirePod");
  const added = say(add("a"));
  await until(() => gate.waiting() === 1);
  const stopped = made.agents[0]!.stop();
  await Bun.sleep(30);
  expect(datapath.isClosed).toBe(false);
  gate.open();
  expect(await added).toMatchObject({ ok: true });
  expect(await stopped).toBe(true);
  expect(datapath.isClosed).toBe(true);
});

test("two pods whose names have the same hash: the second is refused before anything is wired", async () => {
  const { datapath, ask: say, made } = await node();
  const [one, other] = COLLIDING;
  expect(podSuffix("default", one)).toBe(podSuffix("default", other));
  expect(await say(add("a", { podName: one }))).toMatchObject({ ok: true });
  const refused = await say(add("b", { podName: other }));
  expect(refused).toMatchObject({ ok: false, reason: "network-setup-failed", problem: "name-taken" });
  expect(String(refused["message"])).toContain(`belongs to pod default/${one}`);
  expect(datapath.wired).toHaveLength(1);
  expect(checkpoint(made)).not.toContain('"b"');
  // A newer sandbox of the same pod takes the name over, and the old one's DEL leaves it alone.
  expect(await say(add("a2", { podName: one }))).toMatchObject({ ok: true });
  expect(await say(del("a", { podName: one }))).toMatchObject({ ok: true });
  expect([...datapath.links.values()].map((link) => link.owner)).toEqual(["aws-cni/a2/eth0"]);
});

test("sandboxes without a pod's name are told apart by their ids", async () => {
  const { ask: say } = await node();
  const nameless = { namespace: undefined, podName: undefined };
  const [one, two] = [await say(add("c1", nameless)), await say(add("c2", nameless))];
  expect(one).toMatchObject({ ok: true });
  expect(two).toMatchObject({ ok: true });
  expect(one["hostInterface"]).not.toBe(two["hostInterface"]);
});

test("what a DEL remembers is believed only as far as nobody else has it", async () => {
  const { datapath, ask: say } = await node();
  const { address, hostInterface } = await say(add("a"));
  // Another sandbox, unknown here, remembers the address that `a` has by now, or a link that is not its pod's.
  expect(await say(del("old", { address, hostInterface }))).toMatchObject({ ok: true, address: null });
  expect(await say(del("old", { hostInterface: "eth0" }))).toMatchObject({ ok: true });
  expect(datapath.removed).toEqual([]);
  const named = `eni${podSuffix("default", "gone")}`;
  expect(await say(del("gone", { address: "10.0.3.77", hostInterface: named }))).toMatchObject({ ok: true, left: [] });
  expect(datapath.removed).toEqual([
    {
      attachment: { networkName: "aws-cni", containerId: "gone", ifName: "eth0" },
      address: parseIpv4("10.0.3.77") ?? 0,
      hostInterface: named,
      vlanId: 0,
      mayBeTaken: true,
    },
  ]);
});

test("a DEL that cannot remove everything succeeds and says what is left", async () => {
  const { datapath, ask: say, made } = await node();
  const { address } = await say(add("a"));
  datapath.unwireRest = ["rule 512 to it (EPERM)"];
  expect(await say(del("a"))).toMatchObject({ ok: true, address, left: ["rule 512 to it (EPERM)"] });
  expect(made.messages()).toContain("DEL of container a could not remove rule 512 to it (EPERM)");
});

test("CHECK asks books and datapath: the holder, its address, an ENI that owns it, the kernel", async () => {
  const { datapath, ask: say } = await node();
  const { address, hostInterface } = await say(add("a"));
  const pod = { namespace: "default", podName: "a", netns: "/var/run/netns/a", hostInterface, vethPrefix: "eni" };
  const check = (more: object = {}) => say(line("check", "a", { ...pod, mtu: 9001, address, ...more }));
  expect(await check()).toEqual({ v: 1, ok: true });
  expect(datapath.wired.at(-1)).toMatchObject({ netnsPath: "/var/run/netns/a", routeTableId: 254 });
  expect(await check({ address: "10.0.0.9" })).toMatchObject({
    ok: false,
    reason: "network-setup-failed",
    problems: [`the agent holds ${String(address)} for this attachment, not 10.0.0.9`],
  });
  expect(await check({ hostInterface: "eni0d7763386da" })).toMatchObject({
    ok: false,
    reason: "network-setup-failed",
    problems: [`the result names the host link eni0d7763386da; this pod's is ${String(hostInterface)}`],
  });
  datapath.differences = ["eth0 is down", "rule 512 is missing"];
  expect(await check()).toMatchObject({
    ok: false,
    reason: "network-setup-failed",
    message: "eth0 is down; rule 512 is missing",
    problems: ["eth0 is down", "rule 512 is missing"],
  });
  const unknown = await say(line("check", "zz", { ...pod, address }));
  expect(unknown).toMatchObject({ problems: ["the agent holds no address for this attachment"] });
});

test("CHECK while the agent starts is no word about the pod: it is to be tried again", async () => {
  const first = await node();
  const { address } = await first.ask(add("a"));
  const { made, datapath } = first;
  await made.agents[0]!.stop();
  const gate = gateOf(datapath, "linkNames");
  const started = made.start();
  await until(() => gate.waiting() === 1);
  const pod = { namespace: "default", podName: "a" };
  const wired = await first.ask(line("check", "a", { ...pod, netns: "/var/run/netns/a", address }));
  expect(wired).toMatchObject({ ok: false, reason: "starting" });
  expect(wired).not.toHaveProperty("problems");
  expect(await first.ask(line("check", "a", { ...pod, address }))).toMatchObject({ ok: false, reason: "starting" });
  gate.open();
  await started;
  expect(await first.ask(line("check", "a", { ...pod, address }))).toMatchObject({ ok: true });
});

test("GC unwires all that is not listed in its network; a single failure does not end it", async () => {
  const { datapath, ask: say, made } = await node();
  for (const id of ["a", "b", "c"]) await say(add(id));
  await say(add("other", { networkName: "other" }));
  datapath.unwireRest = ["the rule"];
  const gc = { v: 1, op: "gc", networkName: "aws-cni", valid: [{ containerId: "b", ifName: "eth0" }] };
  const collected = await say(`${JSON.stringify(gc)}\n`);
  expect(collected).toMatchObject({
    ok: true,
    releasedCount: 2,
    problems: ["aws-cni/a/eth0: the rule", "aws-cni/c/eth0: the rule"],
  });
  expect([...datapath.links.values()].map((link) => link.owner)).toEqual(["aws-cni/b/eth0", "other/other/eth0"]);
  for (const gone of ['"a"', '"c"']) expect(checkpoint(made)).not.toContain(gone);
});

test("a request with a namespace is not half done by an agent without a datapath", async () => {
  const made = await world();
  await made.start();
  const [answer] = await ask(made.path("s.sock"), add("a"));
  expect(answer).toMatchObject({ ok: false, reason: "network-setup-failed" });
  expect(String(answer?.["next"])).toContain("SLASH28_DATAPATH=on");
  expect(checkpoint(made)).not.toContain('"a"');
});

test("names that no link can have and MTUs that no ENI has are refused by their field", async () => {
  const { ask: say, datapath } = await node();
  for (const [field, value] of [
    ["vethPrefix", "toolong"],
    ["vethPrefix", "eth"],
    ["vethPrefix", "a/b"],
    ["mtu", 60_000],
    ["mtu", 12],
    ["netns", "relative"],
    ["enforcingMode", "loose"],
  ] as const) {
    const answer = await say(add("a", { [field]: value }));
    expect(answer).toMatchObject({ ok: false, reason: "invalid-request" });
    expect(String(answer["message"])).toStartWith(`${field}: `);
  }
  expect(datapath.wired).toEqual([]);
});

const POD_ENI = "vpc.amazonaws.com/pod-eni";

/** A pod with a branch ENI, as the controller annotates it. */
function branchPod(name: string, vlan: object): object {
  const branch = { eniId: "eni-1", ifAddress: "02:0a:00:00:00:07", privateIp: "10.0.2.7", subnetCidr: "10.0.2.0/24" };
  const annotations = { [POD_ENI]: JSON.stringify([{ ...branch, ...vlan }]) };
  return { namespace: "default", name, uid: "u", annotations, limits: [POD_ENI] };
}

test("pods with a branch ENI: the controller's vlanId and the reference's vlanID, in the mode that the plugin asks for [ipamd 3.3.2]", async () => {
  const {
    made,
    datapath,
    ask: say,
  } = await nodeWithTrunk([branchPod("b", { vlanId: 5 }), branchPod("c", { vlanID: 6, privateIp: "10.0.2.8" })]);
  const suffix = podSuffix("default", "b");
  expect(await say(add("b"))).toMatchObject({
    ok: true,
    address: "10.0.2.7",
    deviceNumber: -1,
    routeTableId: 0,
    vlanId: 5,
    gateway: "10.0.2.1",
    hostInterface: `vlan${suffix}`,
  });
  expect(datapath.wired.at(-1)?.branch).toMatchObject({ vlanId: 5, mac: "02:0a:00:00:00:07", mode: "strict" });
  expect(datapath.eniLinks.has(datapath.wired.at(-1)?.branch?.trunkMac ?? "")).toBe(true);
  expect(await say(add("c", { enforcingMode: "standard" }))).toMatchObject({ ok: true, vlanId: 6 });
  expect(datapath.wired.at(-1)?.branch?.mode).toBe("standard");
  expect(checkpoint(made)).not.toContain('"b"');
  // DEL by what the agent wired; by what the caller remembers; never a VLAN that another sandbox has by now.
  expect(await say(del("b"))).toMatchObject({ ok: true, address: "10.0.2.7" });
  expect(datapath.removed.at(-1)).toMatchObject({ vlanId: 5, hostInterface: `vlan${suffix}` });
  expect(datapath.removed.at(-1)).not.toHaveProperty("mayBeTaken");
  expect(await say(del("x", { address: "10.0.2.9", vlanId: 6 }))).toMatchObject({ ok: true });
  expect(datapath.removed.at(-1)).toMatchObject({ vlanId: 0, address: parseIpv4("10.0.2.9") });
  expect(await say(del("x", { address: "10.0.2.9", vlanId: 9 }))).toMatchObject({ ok: true, address: "10.0.2.9" });
  expect(datapath.removed.at(-1)).toMatchObject({ vlanId: 9, mayBeTaken: true });
  // Only the annotation tells of this sandbox.
  expect(await say(line("del", "b-earlier", { namespace: "default", podName: "b" }))).toMatchObject({ ok: true });
  expect(datapath.removed.at(-1)).toMatchObject({ vlanId: 5, mayBeTaken: true });
});

test("CHECK of a pod that cannot be read is no word about its network: it is to be tried again", async () => {
  const { datapath, ask: say } = await nodeWithTrunk([branchPod("b", { vlanId: 5 })]);
  const check = (name: string) =>
    say(line("check", name, { namespace: "default", podName: name, netns: `/var/run/netns/${name}`, mtu: 9001 }));
  expect(await say(add("b"))).toMatchObject({ ok: true });
  expect(await check("b")).toEqual({ v: 1, ok: true });
  const unread = await check("unknown");
  expect(unread).toMatchObject({
    ok: false,
    reason: "branch-eni-not-ready",
    message: "pod default/unknown is not known",
  });
  expect(unread).not.toHaveProperty("problems");
  expect(datapath.calls.filter((call) => call.startsWith("checkPod"))).toHaveLength(1);
});

async function nodeWithTrunk(pods: readonly object[]): Promise<Node> {
  const made = await world({ instanceType: "m5.large" });
  await made.attachTrunk();
  made.facts = { node: { name: "node-1", maxPods: 110 }, pods };
  const datapath = new ScriptedDatapath();
  for (const mac of await made.macs()) datapath.eniLinks.set(mac, `eth${datapath.eniLinks.size}`);
  made.network = { datapath, firewall: new FakeFirewall() };
  await made.start({ ENABLE_POD_ENI: "true" });
  return {
    made,
    datapath,
    firewall: new FakeFirewall(),
    ask: async (text) => (await ask(made.path("s.sock"), text))[0] ?? {},
  };
}
