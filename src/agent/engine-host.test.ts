// The body alone, on an engine that does what a test says: what is held, shared, dropped and answered.

import { expect, test } from "bun:test";
import type { Allocation, Effect, Engine, Input, ReplyResult } from "../ipam/types.ts";
import type { CheckpointStore } from "../ports/checkpoint-store.ts";
import type { Clock } from "../ports/clock.ts";
import { Attachments } from "./attachments.ts";
import { BootFailure, EngineHost } from "./engine-host.ts";

interface Write {
  readonly text: string;
  done(): void;
  fail(message: string): void;
}

interface Rig {
  readonly host: EngineHost;
  readonly attachments: Attachments;
  readonly writes: Write[];
  readonly inputs: Input[];
  readonly allocations: Allocation[];
  wakeAtMs: number | undefined;
  readonly time: { nowMs: number };
  /** What the observer heard of waiting ADDs. */
  readonly waits: string[];
  readonly alarms: { readonly atMs: number; readonly callback: () => void }[];
}

function rig(step: (input: Input, rig: Rig) => Effect[]): Rig {
  const writes: Write[] = [];
  const inputs: Input[] = [];
  const allocations: Allocation[] = [];
  const alarms: Rig["alarms"] = [];
  const waits: string[] = [];
  const time = { nowMs: 0 };
  const attachments = new Attachments();
  const engine: Engine = {
    step(input) {
      inputs.push(input);
      return step(input, made);
    },
    wakeAt: () => made.wakeAtMs,
    allocations: () => [...allocations],
    eachAllocation(visit) {
      for (const one of allocations) visit(one.attachment, one.address, one.allocatedWallMs, one.allocatedNsRest);
    },
    isOnDiskOnly: () => false,
    addressOf: (attachment) => allocations.find((one) => one.attachment === attachment)?.address,
    view: () => {
      throw new Error("no test looks");
    },
  };
  const checkpoint: CheckpointStore = {
    read: async () => undefined,
    write: (content) =>
      new Promise((resolve, reject) => {
        const text = Buffer.from(content).toString();
        writes.push({ text, done: resolve, fail: (message) => reject(new Error(message)) });
      }),
    keepCopy: async () => "",
  };
  const clock: Clock = {
    rate: 1,
    nowMs: () => time.nowMs,
    wallMs: () => 1_000,
    at(atMs, callback) {
      const alarm = { atMs, callback };
      alarms.push(alarm);
      return () => void alarms.splice(alarms.indexOf(alarm), 1);
    },
  };
  const fail = () => Promise.reject(new Error("metadata is away"));
  const host = new EngineHost({
    engine,
    attachments,
    clock,
    ec2: { call: async () => ({ kind: "done", answer: {} }), instanceTypeLimits: fail },
    imds: { instance: fail, enis: fail, securityGroupIds: async () => ["sg-1"], vpcCidrs: fail },
    kube: undefined,
    checkpoint,
    log: { level: "debug", write: () => {}, flush: async () => {} },
    ec2TimeoutMs: 10,
    observer: {
      ec2Call: () => {},
      save: () => {},
      checkpointWrite: () => {},
      addWaits: () => waits.push("waits"),
      addWaited: (outcome, realMs) => waits.push(`${outcome} after ${realMs}`),
    },
  });
  const made: Rig = { host, attachments, writes, inputs, allocations, wakeAtMs: undefined, time, waits, alarms };
  return made;
}

const TIMESTAMP_MS = 1_767_225_600_123;

/** Allocates 10.0.0.n for attachment n: a save, and a reply that depends on it. */
function allocator(input: Input, made: Rig): Effect[] {
  if (input.kind === "saveFailed") {
    made.allocations.length = 0;
    return [refusal(1, "checkpoint-unwritable")];
  }
  if (input.kind !== "allocate") return [];
  const { requestId, attachment } = input;
  const address = 0x0a000000 + attachment;
  made.allocations.push({ attachment, address, allocatedWallMs: TIMESTAMP_MS, allocatedNsRest: 456_789 });
  const result: ReplyResult = {
    kind: "allocated",
    attachment,
    address,
    deviceNumber: 0,
    routeTableId: 254,
    isRepeat: false,
  };
  return [
    { kind: "save", saveId: requestId },
    { kind: "reply", requestId, after: requestId, result },
  ];
}

function refusal(requestId: number, reason: "checkpoint-unwritable" | "cooling"): Effect {
  return { kind: "reply", requestId, after: 0, result: { kind: "refused", reason, message: "m", retryAfterMs: 5 } };
}

function key(containerId: string) {
  return { networkName: "aws-cni", containerId, ifName: "eth0" };
}

async function settled<T>(promise: Promise<T>): Promise<T | "waiting"> {
  await turns();
  return Promise.race([promise, Promise.resolve("waiting" as const)]);
}

/** Of the event loop: a write begins after the one in which it was asked. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
}

function add(made: Rig, containerId: string): Promise<ReplyResult> {
  return made.host.allocate(made.attachments.intern(key(containerId), { podName: "p" }), 30_000).result;
}

test("a reply waits until its save is written, never less [design 1, I5]", async () => {
  const made = rig(allocator);
  const reply = add(made, "a");
  expect(await settled(reply)).toBe("waiting");
  expect(made.writes).toHaveLength(1);
  made.writes[0]?.done();
  expect(await reply).toMatchObject({ kind: "allocated" });
  expect(made.inputs.at(-1)).toMatchObject({ kind: "saved", saveId: 1 });
});

test("ADDs that arrive during a write share the next one, and all their allocations are in it", async () => {
  const made = rig(allocator);
  const replies = [add(made, "a")];
  await turns();
  replies.push(...["b", "c", "d"].map((id) => add(made, id)));
  await turns();
  expect(made.writes).toHaveLength(1);
  made.writes[0]?.done();
  expect(await settled(replies[0]!)).toMatchObject({ kind: "allocated" });
  expect(await settled(replies[1]!)).toBe("waiting");
  expect(made.writes).toHaveLength(2);
  for (const id of ["a", "b", "c", "d"]) expect(made.writes[1]?.text).toContain(`"containerID":"${id}"`);
  made.writes[1]?.done();
  for (const reply of replies) expect(await settled(reply)).toMatchObject({ kind: "allocated" });
  expect(made.writes).toHaveLength(2);
});

test("ADDs of one turn of the event loop share a write, which begins after it", async () => {
  const made = rig(allocator);
  const replies = ["a", "b"].map((id) => add(made, id));
  expect(made.writes).toHaveLength(0);
  await turns();
  expect(made.writes).toHaveLength(1);
  made.writes[0]?.done();
  for (const reply of replies) expect(await settled(reply)).toMatchObject({ kind: "allocated" });
});

test("the end waits for a save of its own turn, though nobody waits for an answer", async () => {
  const made = rig((input) => (input.kind === "wake" ? [{ kind: "save", saveId: 1 }] : []));
  made.host.feed({ kind: "wake" });
  const drained = made.host.drain(1_000, () => true);
  const ring = async () => {
    await turns();
    for (const { callback } of made.alarms.splice(0)) callback();
  };
  await ring();
  expect(await settled(drained)).toBe("waiting");
  expect(made.writes).toHaveLength(1);
  made.writes[0]?.done();
  await ring();
  expect(await drained).toBe(true);
});

test("what the engine decided is known before it is saved, to those who can take it back", async () => {
  const made = rig(allocator);
  const request = made.host.allocate(made.attachments.intern(key("a")), 30_000);
  expect(await request.decided).toMatchObject({ kind: "allocated" });
  expect(await settled(request.result)).toBe("waiting");
  made.writes[0]?.fail("no space left");
  expect(await request.result).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
  const refused = rig(() => [refusal(1, "cooling")]);
  expect(await refused.host.allocate(1, 30_000).decided).toMatchObject({ kind: "refused", reason: "cooling" });
});

test("nineteen digits of a timestamp reach the file [ipamd 6.2]", async () => {
  const made = rig(allocator);
  void add(made, "a");
  await turns();
  expect(made.writes[0]?.text).toContain('"allocationTimestamp":1767225600123456789,"metadata":{"k8sPodName":"p"}');
});

test("a failed write drops the replies that waited for it; each request is still answered once", async () => {
  const made = rig(allocator);
  const undone = add(made, "a");
  await turns();
  const other = add(made, "b");
  made.writes[0]?.fail("no space left");
  expect(await settled(undone)).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
  expect(made.inputs.at(-1)).toMatchObject({ kind: "saveFailed", saveId: 1, message: "no space left" });
  // The second one's save was not part of that write.
  expect(await settled(other)).toBe("waiting");
  expect(made.writes).toHaveLength(2);
});

test("an engine that breaks in the turn of a save writes nothing more, and answers nothing", async () => {
  const made = rig((input, self) => {
    if (input.kind === "wake") throw new Error("I1: two holders");
    return allocator(input, self);
  });
  const reply = add(made, "a");
  made.host.feed({ kind: "wake" });
  await expect(made.host.failed).rejects.toThrow("I1");
  expect(await settled(reply)).toBe("waiting");
  expect(made.writes).toHaveLength(0);
});

test("an allocation that names nobody is a bug, and no failure of the disk [I5]", async () => {
  const made = rig(allocator);
  const reply = made.host.allocate(99, 30_000).result;
  await expect(made.host.failed).rejects.toThrow("I5");
  expect(await settled(reply)).toBe("waiting");
  expect(made.inputs.map((input) => input.kind)).toEqual(["allocate"]);
  expect(made.writes).toHaveLength(0);
});

test("a held reply that the engine does not answer anew is refused by the body", async () => {
  const made = rig((input, self) => (input.kind === "saveFailed" ? [] : allocator(input, self)));
  const reply = add(made, "a");
  await turns();
  made.writes[0]?.fail("read-only");
  expect(await settled(reply)).toMatchObject({
    kind: "refused",
    reason: "checkpoint-unwritable",
    message: "read-only",
  });
});

test("strings of what holds nothing are forgotten, of what holds an address kept", async () => {
  const made = rig((input, self) => {
    if (input.kind === "allocate" && input.attachment === 2) return [refusal(input.requestId, "cooling")];
    return allocator(input, self);
  });
  made.host.feed({ kind: "wake" });
  const first = add(made, "a");
  await turns();
  made.writes[0]?.done();
  await first;
  await add(made, "b");
  made.host.sweep();
  expect([...made.attachments.entries()].map(([, text]) => text.containerId)).toEqual(["a"]);
});

test("an observation that fails comes back as a failed outcome, a call that succeeds as its answer", async () => {
  const made = rig((input) => {
    if (input.kind !== "wake") return [];
    return [
      { kind: "observe", id: 1, what: "enis" },
      { kind: "observe", id: 2, what: "securityGroups" },
      { kind: "ec2", id: 3, intention: { action: "DescribeInstances", instanceId: "i-1" } },
      { kind: "announce", id: 4, feature: "CustomNetworking", value: "a" },
    ];
  });
  made.host.feed({ kind: "wake" });
  await turns();
  const outcomes = new Map(
    made.inputs.flatMap((input) => (input.kind === "completed" ? [[input.id, input.outcome]] : [])),
  );
  expect(outcomes.get(1)).toEqual({ kind: "failed", message: "metadata is away" });
  expect(outcomes.get(2)).toEqual({ kind: "securityGroups", securityGroupIds: ["sg-1"] });
  expect(outcomes.get(3)).toMatchObject({ kind: "ec2", result: { kind: "done" } });
  expect(outcomes.get(4)).toMatchObject({ kind: "failed" });
});

test("one alarm is set for the moment the engine names, and moved with it", async () => {
  const made = rig(() => []);
  made.wakeAtMs = 500;
  made.host.feed({ kind: "wake" });
  made.host.feed({ kind: "wake" });
  expect(made.alarms.map((alarm) => alarm.atMs)).toEqual([500]);
  made.wakeAtMs = 300;
  made.host.feed({ kind: "wake" });
  expect(made.alarms.map((alarm) => alarm.atMs)).toEqual([300]);
  made.wakeAtMs = undefined;
  made.alarms[0]?.callback();
  expect(made.inputs.at(-1)).toMatchObject({ kind: "wake" });
});

test("an engine that gives up, or breaks, ends the agent and answers nothing more", async () => {
  const givingUp = rig(() => [{ kind: "exit", reason: "unauthorized", message: "no" }]);
  givingUp.host.feed({ kind: "wake" });
  await expect(givingUp.host.failed).rejects.toBeInstanceOf(BootFailure);
  const broken = rig(() => {
    throw new Error("I1: two holders");
  });
  broken.host.feed({ kind: "wake" });
  await expect(broken.host.ready).rejects.toThrow("I1");
});

test("an ADD may be answered in a later step: it is counted as waiting until then, and DELs are answered meanwhile", async () => {
  const waiting: number[] = [];
  const made = rig((input, rigOf) => {
    if (input.kind === "allocate" && input.attachment === 1) waiting.push(input.requestId);
    else if (input.kind === "allocate") return allocator(input, rigOf);
    else if (input.kind === "release") {
      const result: ReplyResult = { kind: "unknownAttachment", attachment: input.attachment };
      return [{ kind: "reply", requestId: input.requestId, after: 0, result }];
    } else if (input.kind === "wake") return waiting.splice(0).map((requestId) => refusal(requestId, "cooling"));
    return [];
  });
  const late = made.host.allocate(made.attachments.intern(key("late")), 30_000);
  const prompt = made.host.allocate(made.attachments.intern(key("prompt")), 30_000);
  const del = made.host.release(made.attachments.intern(key("other")));
  await turns();
  made.writes[0]?.done();
  expect(await settled(late.result)).toBe("waiting");
  expect(await prompt.result).toMatchObject({ kind: "allocated" });
  expect(await del.result).toMatchObject({ kind: "unknownAttachment" });
  expect(made.waits).toEqual(["waits"]);
  made.time.nowMs = 1_500;
  made.host.feed({ kind: "wake" });
  expect(await late.result).toMatchObject({ kind: "refused", reason: "cooling" });
  expect(made.waits).toEqual(["waits", "refused after 1500"]);
});

test("an ADD whose wait ends with an address is told as that, once, even when its save fails", async () => {
  let requestId = 0;
  const made = rig((input, rigOf) => {
    if (input.kind === "allocate") requestId = input.requestId;
    if (input.kind === "wake")
      return allocator({ ...input, kind: "allocate", requestId, attachment: 1, deadlineMs: 9 }, rigOf);
    return input.kind === "saveFailed" ? [refusal(requestId, "checkpoint-unwritable")] : [];
  });
  const { result } = made.host.allocate(made.attachments.intern(key("a")), 30_000);
  made.time.nowMs = 200;
  made.host.feed({ kind: "wake" });
  await turns();
  made.writes[0]?.fail("no space");
  expect(await result).toMatchObject({ kind: "refused", reason: "checkpoint-unwritable" });
  expect(made.waits).toEqual(["waits", "allocated after 200"]);
});
