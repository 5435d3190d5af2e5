import { expect, test } from "bun:test";
import { asciiBytes } from "./bytes.ts";
import { ERAS, START_MS } from "./testing/read-log.ts";
import { createTimelineReader, TIMELINE_LINES_MAX } from "./timeline.ts";

const ID = "ab".repeat(32);

function linesOf(subject: string, lines: readonly string[]) {
  const reader = createTimelineReader({ subject });
  reader.begin("ipamd.log");
  reader.push(asciiBytes(lines.join("\n")));
  return reader.end();
}

const LOG = [
  ERAS.json(`Received AddNetwork for NS /var/run/netns/cni-1, Sandbox ${ID}, ifname eth0`, 0),
  ERAS.json(`AddNetworkRequest: K8S_POD_NAME:"web-1" K8S_POD_NAMESPACE:"shop" ContainerID:"${ID}"`, 1),
  ERAS.json('AddNetworkRequest: K8S_POD_NAME:"web-12" K8S_POD_NAMESPACE:"shop"', 2),
  ERAS.json(`assignPodIPAddressUnsafe: Assign IP 10.0.0.17 to sandbox aws-cni/${ID}/eth0`, 3),
  ERAS.json("Added ENI(eni-0abc)'s IP/Prefix 10.0.0.16/28 to datastore", 4),
  ERAS.json("IP 10.0.0.32 entering cooldown period of 30s", 5),
];

test("a pod's lines are those that name it or its container, the line before its name included", () => {
  const { lines } = linesOf("web-1", LOG);
  expect(lines.map((one) => one.source.line)).toEqual([1, 2, 4]);
  expect(lines[0]).toMatchObject({ ms: START_MS, kind: "log", source: { file: "ipamd.log", line: 1 } });
  expect(linesOf("shop/web-1", LOG).lines).toHaveLength(3);
  expect(linesOf("bank/web-1", LOG).lines).toHaveLength(0);
});

test("a prefix's lines name it or an address within", () => {
  expect(linesOf("10.0.0.16/28", LOG).lines.map((one) => one.source.line)).toEqual([4, 5]);
  expect(linesOf("10.0.0.32", LOG).lines.map((one) => one.source.line)).toEqual([6]);
  expect(linesOf("10.0.0.0/15", LOG).lines.map((one) => one.source.line)).toEqual([4, 5, 6]);
});

test("the text eras are read too", () => {
  const { lines } = linesOf("web-1", [ERAS["text-ms"]("Add for pod web-1", 7)]);
  expect(lines.map((one) => one.ms)).toEqual([START_MS + 7_000]);
});

test("of too many lines the latest stay, and the others are counted", () => {
  const many = Array.from({ length: TIMELINE_LINES_MAX * 2 + 10 }, (_, n) => ERAS.json("pod web-1", n));
  const { lines, droppedCount } = linesOf("web-1", many);
  expect(lines).toHaveLength(TIMELINE_LINES_MAX);
  expect(droppedCount).toBe(TIMELINE_LINES_MAX + 10);
  expect(lines.at(-1)?.source.line).toBe(many.length);
});

test("no subject, no lines", () => {
  expect(linesOf("", LOG).lines).toEqual([]);
});
