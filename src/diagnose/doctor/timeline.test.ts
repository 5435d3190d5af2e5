// One pod, one node, one prefix: everything that any source says of it, in order of time.

import { describe, expect, test } from "bun:test";
import { mergeFacts } from "../facts/merge.ts";
import type { Source } from "../facts/model.ts";
import { parseSubject, timeline } from "./timeline.ts";

const at: Source = { file: "f", line: 1 };
const facts = mergeFacts([
  {
    events: [
      {
        reason: "FailedCreatePodSandBox",
        message: "failed to assign an IP address to container",
        objectKind: "Pod",
        namespace: "shop",
        name: "web-1",
        node: "node-a",
        count: 4,
        firstMs: 2_000,
        lastMs: 9_000,
        at,
      },
      {
        reason: "Scheduled",
        message: "",
        objectKind: "Pod",
        namespace: "other",
        name: "web-1",
        count: 1,
        firstMs: 1,
        at,
      },
    ],
    checkpoints: [
      {
        version: "vpc-cni-ipam/1",
        at,
        node: "node-a",
        allocations: [{ containerId: "c", address: "10.0.0.20", pod: "shop/web-1", allocatedMs: 5_000 }],
      },
    ],
    enis: [
      {
        id: "eni-1",
        status: "in-use",
        description: "",
        interfaceType: "interface",
        instanceId: "i-1",
        addresses: [],
        prefixes: [0x0a000010],
        securityGroupIds: [],
        tags: new Map(),
        at,
      },
    ],
  },
]);
const line = { ms: 3_000, kind: "log" as const, source: at, text: "refused" };

describe("a timeline", () => {
  test("of a pod merges logs, events and checkpoint by time; another namespace's pod of that name is left out", () => {
    const entries = timeline(facts, parseSubject("shop/web-1"), [line]);
    expect(entries.map((entry) => [entry.ms, entry.kind])).toEqual([
      [2_000, "event"],
      [3_000, "log"],
      [5_000, "checkpoint"],
      [9_000, "event"],
    ]);
  });

  test("of a prefix names its holder and the allocations inside it, and nothing of its neighbours", () => {
    const texts = timeline(facts, parseSubject("10.0.0.16/28"), []).map((entry) => entry.text);
    expect(texts).toEqual([
      "checkpoint: 10.0.0.20 allocated to shop/web-1",
      "eni-1 (in-use on i-1) holds 10.0.0.16/28",
    ]);
    expect(timeline(facts, parseSubject("10.0.0.32/28"), [])).toEqual([]);
  });

  test("of a node holds its events and its allocations", () => {
    const kinds = timeline(facts, parseSubject("node-a"), []).map((entry) => entry.kind);
    expect(kinds).toEqual(["event", "checkpoint", "event"]);
  });
});
