// Links that outlive their pods, looked for when they should be gone and deleted when nothing else is to be done: through the whole
// service, on the kernel of maps, with a clock that the test moves.

import { expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import { datapathService } from "./service.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import type { PodWiring, WireOutcome } from "./types.ts";

class Node {
  readonly kernel = new FakeKernel();
  nowMs = 0;
  readonly service = datapathService(this.kernel, () => this.nowMs);

  wire(podName: string, containerId = `sandbox-of-${podName}`): { pod: PodWiring; hostInterface: string } {
    const pod: PodWiring = {
      ...{ networkName: "aws-cni", containerId, ifName: "eth0", namespace: "default", podName },
      ...{ netnsPath: `/run/netns/${podName}-${containerId}`, address: parseIpv4("10.0.101.5")!, routeTableId: 2 },
      ...{ mtu: 9001, vethPrefix: "eni" },
    };
    if (this.kernel.networkAt(pod.netnsPath) === undefined) this.kernel.addNamespace(pod.netnsPath);
    const outcome = this.service.operations.wirePod(pod) as Extract<WireOutcome, { kind: "wired" }>;
    expect(outcome.kind).toBe("wired");
    return { pod, hostInterface: outcome.hostInterface };
  }

  /** DEL. */
  unwire({ pod, hostInterface }: { pod: PodWiring; hostInterface: string }): void {
    this.service.operations.unwirePod({ attachment: pod, address: pod.address, hostInterface, vlanId: 0 });
  }

  /** Moves the clock from one wake to the next, as the thread does. */
  pass(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    for (let atMs = this.service.wakeAt(); atMs !== undefined && atMs <= endMs; atMs = this.service.wakeAt()) {
      this.nowMs = Math.max(this.nowMs, atMs);
      this.service.wake();
    }
    this.nowMs = endMs;
  }

  has(link: { hostInterface: string }): boolean {
    return this.kernel.host.link(link.hostInterface) !== undefined;
  }
}

test("a link that goes with its namespace is never deleted by us", () => {
  const node = new Node();
  const web = node.wire("web-0");
  node.unwire(web);
  node.kernel.removeNamespace(web.pod.netnsPath);
  let changeCount = 0;
  node.kernel.afterChange = () => {
    changeCount++;
  };
  node.pass(120_000);
  expect([changeCount, node.service.wakeAt()]).toEqual([0, undefined]);
});

test("one that stays is deleted after 5 s", () => {
  const node = new Node();
  const web = node.wire("web-0");
  node.unwire(web);
  expect(node.service.wakeAt()).toBe(5_000);
  node.pass(4_999);
  expect(node.has(web)).toBe(true);
  node.pass(1);
  expect([node.has(web), node.service.wakeAt()]).toEqual([false, undefined]);
});

test("several go one at a time, and only while nothing else is asked; on a node that is never idle after a minute", () => {
  const node = new Node();
  const late = [node.wire("a"), node.wire("b"), node.wire("c")];
  for (const each of late) node.unwire(each);
  node.nowMs = 5_000;
  node.wire("busy");
  expect(node.service.wake()).toEqual([]);
  expect(late.map((each) => node.has(each))).toEqual([true, true, true]);
  expect(node.service.wakeAt()).toBe(5_200);
  node.nowMs = 5_200;
  node.service.wake();
  expect(late.map((each) => node.has(each))).toEqual([false, true, true]);
  while (node.nowMs < 64_900) {
    node.nowMs += 100;
    node.service.operations.checkPod(late[0]!.pod);
    node.service.wake();
  }
  expect(late.map((each) => node.has(each))).toEqual([false, true, true]);
  node.nowMs = 65_000;
  node.service.wake();
  expect(late.map((each) => node.has(each))).toEqual([false, false, true]);
});

test("a link that has become another sandbox's stays, and so does one that the same attachment was wired to again", () => {
  const node = new Node();
  const [old, again] = [node.wire("web-0"), node.wire("db-0")];
  node.unwire(old);
  node.unwire(again);
  node.nowMs = 1_000;
  const next = node.wire("web-0", "c2");
  expect(next.hostInterface).toBe(old.hostInterface);
  node.wire("db-0");
  node.pass(300_000);
  expect([node.has(next), node.has(again)]).toEqual([true, true]);
});

test("a deletion that the kernel refuses is tried again a minute later, three times in all, and reported", () => {
  const node = new Node();
  const web = node.wire("web-0");
  const { apply } = node.kernel.host;
  node.unwire(web);
  const refusals: number[] = [];
  node.kernel.host.apply = (changes) => {
    if (changes[0]?.change !== "deleteLink") return apply.call(node.kernel.host, changes);
    refusals.push(node.nowMs);
    return [{ errno: 16, message: "" }];
  };
  for (node.nowMs = 5_000; node.nowMs <= 600_000; node.nowMs += 5_000) {
    const left = node.service.wake();
    if (refusals.at(-1) === node.nowMs) expect(left[0]).toContain(web.hostInterface);
  }
  expect(refusals).toEqual([5_000, 65_000, 125_000]);
  expect(node.service.wakeAt()).toBeUndefined();
});

test("a sysctl is written only when it differs", () => {
  const node = new Node();
  const { setSysctl } = node.service.operations;
  node.kernel.sysctls.set("net/ipv4/ip_forward", "0");
  let writeCount = 0;
  const write = node.kernel.setSysctl.bind(node.kernel);
  node.kernel.setSysctl = (key, value) => {
    writeCount++;
    return write(key, value);
  };
  expect(setSysctl("net/ipv4/ip_forward", "0")).toBe("0");
  expect(writeCount).toBe(0);
  expect(setSysctl("net/ipv4/ip_forward", "1")).toBe("1");
  expect(writeCount).toBe(1);
  expect(setSysctl("net/absent", "1")).toBeUndefined();
});

test("links are found by MAC", () => {
  const node = new Node();
  const eni = node.kernel.host.addDevice({ name: "eth1", mac: "02:00:00:00:00:02" });
  const { linkIndexOf, linkNameOf, linkNames } = node.service.operations;
  expect([linkIndexOf("02:00:00:00:00:02"), linkNameOf("02:00:00:00:00:02")]).toEqual([eni.index, "eth1"]);
  expect([linkIndexOf("02:00:00:00:00:03"), linkNameOf("02:00:00:00:00:03")]).toEqual([undefined, undefined]);
  expect(linkNames()).toEqual(["lo", "eth1"]);
});
