// The engine on a small honest EC2: traces of ipamd.md 11.5, boot sequences, replies and saves.

import { describe, expect, test } from "bun:test";
import { TestNode } from "./testing/test-node.ts";

const PREFIX_MODE = { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" };
const M5_XLARGE = { enis: 4, ipv4PerEni: 15 };

/** Adds pods 1..count and tries again every 500 ms until all run; the seconds since the start of the loop at which the last one did. */
function lastServedSeconds(node: TestNode, count: number): number {
  const startMs = node.nowMs;
  const waiting = new Set(Array.from({ length: count }, (_, i) => i + 1));
  while (waiting.size > 0 && node.nowMs - startMs < 120_000) {
    for (const pod of waiting) if (node.add(pod).kind === "allocated") waiting.delete(pod);
    if (waiting.size > 0) node.run(500);
  }
  return (node.nowMs - startMs) / 1000;
}

describe("boot", () => {
  test("[ipamd 8.6a, 6.1] a fresh node in prefix mode makes five calls and has one prefix", () => {
    const node = new TestNode({ env: PREFIX_MODE, instance: M5_XLARGE }).start();
    expect(node.isReady).toBe(true);
    expect(node.callNames()).toEqual([
      "DescribeNetworkInterfaces",
      "CreateTags",
      "DescribeSubnets",
      "ModifyNetworkInterfaceAttribute",
      "AssignPrivateIpAddresses",
    ]);
    expect(node.enis.get("eni-1")!.prefixes.length).toBe(1);
  });
});

describe("traces", () => {
  test("[ipamd 11#65] WP=1, 100 pods: one prefix a pass, seven assigns, the last pod after about 27.5 s", () => {
    const node = new TestNode({ env: PREFIX_MODE, instance: M5_XLARGE }).start();
    expect(lastServedSeconds(node, 100)).toBe(27.5);
    node.run(60_000);
    expect(node.assigns()).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  test("[ipamd 11#66] WP=2: two prefixes a pass, four assigns, the last pod after about 12.5 s", () => {
    const node = new TestNode({ env: { ...PREFIX_MODE, WARM_PREFIX_TARGET: "2" }, instance: M5_XLARGE }).start();
    expect(lastServedSeconds(node, 100)).toBe(12.5);
    expect(node.assigns()).toEqual([2, 2, 2, 2]);
  });
});
