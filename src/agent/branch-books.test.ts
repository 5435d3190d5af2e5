// Branch pods over a restart of the agent, on a kernel of plain maps that outlives it: what the host and the annotations tell is known
// again, so that GC and DEL take all of a pod away, and a verification puts back what it lost.

import { afterEach, describe, expect, test } from "bun:test";
import { ask, closeWorlds, line, until, type World, world } from "../../test/e2e/agent-world.ts";
import { parseIpv4 } from "../base/ipv4.ts";
import { FakeKernel } from "../datapath/testing/fake-kernel.ts";
import { hostState } from "../datapath/testing/state.ts";
import type { FoundBranch } from "../datapath/types.ts";
import type { Route } from "../netlink/types.ts";
import { FakeFirewall } from "./testing/fake-firewall.ts";
import { KernelDatapath } from "./testing/kernel-datapath.ts";

afterEach(closeWorlds);

const POD_ENI = "vpc.amazonaws.com/pod-eni";
const MODES = ["strict", "standard"] as const;
type Mode = (typeof MODES)[number];
/** Long enough that the alias is cut. */
const LONG = "l".repeat(250);
const VLANS = new Map([
  ["a", 5],
  ["b", 6],
  [LONG, 7],
]);

function annotated(name: string, change: object = {}): object {
  const vlanId = VLANS.get(name) ?? 0;
  const own = { ifAddress: `02:0a:00:00:00:0${vlanId}`, privateIp: `10.0.2.${vlanId}`, vlanId };
  const annotation = JSON.stringify([{ eniId: "eni-1", ...own, subnetCidr: "10.0.2.0/24", ...change }]);
  return { namespace: "default", name, uid: "u", annotations: { [POD_ENI]: annotation }, limits: [POD_ENI] };
}

class BranchNode {
  readonly made: World;
  readonly kernel: FakeKernel;
  datapath!: KernelDatapath;

  constructor(made: World, kernel: FakeKernel) {
    this.made = made;
    this.kernel = kernel;
  }

  /** A new process of the agent; `pods`: what the API server tells by now. */
  async start(pods: readonly object[]): Promise<void> {
    await this.made.agents.at(-1)?.stop();
    this.datapath = new KernelDatapath(this.kernel);
    this.made.network = { datapath: this.datapath, firewall: new FakeFirewall() };
    this.made.facts = { node: { name: "node-1", maxPods: 110 }, pods };
    await this.made.start({ ENABLE_POD_ENI: "true", SLASH28_VERIFY_PERIOD: "1" });
  }

  async ask(op: string, sandbox: string, more: object = {}): Promise<Record<string, unknown>> {
    const [answer] = await ask(this.made.path("s.sock"), line(op, sandbox, { namespace: "default", ...more }));
    return answer ?? {};
  }

  async add(podName: string, enforcingMode: Mode, sandbox = `of-${podName.slice(0, 3)}`): Promise<void> {
    const netns = `/run/netns/${sandbox}`;
    this.kernel.addNamespace(netns);
    const vlanId = VLANS.get(podName) ?? 0;
    expect(await this.ask("add", sandbox, { podName, netns, enforcingMode })).toMatchObject({ ok: true, vlanId });
  }

  async collect(...valid: string[]): Promise<Record<string, unknown>> {
    const request = {
      v: 1,
      op: "gc",
      networkName: "aws-cni",
      valid: valid.map((id) => ({ containerId: id, ifName: "eth0" })),
    };
    return (await ask(this.made.path("s.sock"), `${JSON.stringify(request)}\n`))[0] ?? {};
  }

  async verified(): Promise<void> {
    const looks = this.datapath.hosts.length;
    await until(() => this.datapath.hosts.length > looks + 1);
  }

  state(): string[] {
    return hostState(this.kernel, [105, 106, 107]);
  }

  /** Of one VLAN and its pod's address; a pod's own link goes with its namespace, and its table's route with that. */
  traces(vlanId: number): string[] {
    const own = new RegExp(`vlan\\.eth\\.${vlanId}\\b|10\\.0\\.2\\.${vlanId}\\b|lookup 10${vlanId}\\b`);
    return this.state().filter(
      (text) => own.test(text) && !/^route table 10\d 10\.0\.2\.\d\/32 dev vlan[0-9a-f]{11}/.test(text),
    );
  }

  routes(isGone: (route: Route) => boolean): void {
    const { host } = this.kernel;
    const before = host.routeList.length;
    host.routeList = host.routeList.filter((route) => !isGone(route));
    expect(host.routeList.length).toBeLessThan(before);
  }

  /** Whatever of the pod's two links can go away by itself. */
  lose(what: "gateway" | "address", vlanId: number): void {
    const address = parseIpv4(`10.0.2.${vlanId}`);
    const table = 100 + vlanId;
    this.routes(({ destination, table: own }) =>
      what === "address" ? destination.base === address : own === table && destination.base !== address,
    );
  }
}

/** With the pods `a` and `b` wired by a process that has ended. */
async function restarted(mode: Mode, pods?: readonly object[]): Promise<BranchNode> {
  const node = await fresh();
  for (const name of ["a", "b"]) await node.add(name, mode);
  await node.start(pods ?? [annotated("a"), annotated("b")]);
  return node;
}

async function fresh(): Promise<BranchNode> {
  const made = await world({ instanceType: "m5.large" });
  await made.attachTrunk();
  const kernel = new FakeKernel();
  for (const [i, mac] of (await made.macs()).entries()) {
    const { index } = kernel.host.addDevice({ name: `eth${i}`, mac });
    kernel.host.apply([{ change: "setLink", link: index, isUp: true }]);
  }
  const node = new BranchNode(made, kernel);
  await node.start([...VLANS.keys()].map((name) => annotated(name)));
  return node;
}

describe.each(MODES)("after a restart, %s", (mode) => {
  test("GC takes away the pod that is not listed, and only it", async () => {
    const node = await restarted(mode);
    const kept = node.traces(6);
    expect(await node.collect("of-b")).toEqual({ v: 1, ok: true, releasedCount: 1, problems: [] });
    expect(node.traces(5)).toEqual([]);
    expect(node.traces(6)).toEqual(kept);
    expect(await node.collect("of-b")).toMatchObject({ ok: true, releasedCount: 0 });
    await node.verified();
    expect(node.traces(5)).toEqual([]);
  });

  test("a DEL without a result knows the pod's address, though its object is gone", async () => {
    const node = await restarted(mode, []);
    expect(await node.ask("del", "of-a", { podName: "a" })).toMatchObject({ ok: true, address: "10.0.2.5", left: [] });
    expect(node.traces(5)).toEqual([]);
    expect(node.traces(6)).not.toEqual([]);
  });

  test.each(["gateway", "address"] as const)(
    "the %s is put back from the books when it is lost later",
    async (what) => {
      const node = await restarted(mode, []);
      const state = node.state();
      node.lose(what, 5);
      expect(node.state()).not.toEqual(state);
      await node.verified();
      expect(node.state()).toEqual(state);
      expect(node.made.messages()).not.toContain("nothing tells its");
    },
  );

  test.each(["gateway", "address"] as const)(
    "the %s that was lost before comes back from the annotation",
    async (what) => {
      const node = await fresh();
      await node.add("a", mode);
      const state = node.state();
      node.lose(what, 5);
      await node.start([annotated("a")]);
      expect(node.state()).toEqual(state);
      expect(node.made.messages()).not.toContain("nothing tells its");
    },
  );

  test("an annotation of another branch ENI tells nothing; GC removes the pod all the same", async () => {
    const node = await fresh();
    await node.add("a", mode);
    node.lose("gateway", 5);
    await node.start([annotated("a", { ifAddress: "02:0a:00:00:00:99", subnetCidr: "10.0.3.0/24" })]);
    expect(node.made.messages()).toContain("nothing tells its gateway");
    expect(node.traces(5).join()).not.toContain("10.0.3.1");
    expect(await node.collect()).toMatchObject({ releasedCount: 1, problems: [] });
    expect(node.traces(5)).toEqual([]);
  });

  test("the VLAN link that went meanwhile is made again by the annotation", async () => {
    const node = await fresh();
    await node.add("a", mode);
    const state = node.state();
    node.kernel.host.apply([{ change: "deleteLink", link: "vlan.eth.5" }]);
    expect(node.state()).not.toEqual(state);
    await node.start([annotated("a")]);
    expect(node.state()).toEqual(state);
  });

  test("a pod whose alias is cut is collected like any other", async () => {
    const node = await fresh();
    await node.add(LONG, mode);
    expect(node.kernel.host.linkList.some((link) => link.alias.length === 255)).toBe(true);
    await node.start([]);
    expect(node.traces(7)).not.toEqual([]);
    expect(await node.collect()).toMatchObject({ releasedCount: 1, problems: [] });
    expect(node.traces(7)).toEqual([]);
  });

  test("a repeated ADD that fails leaves the running pod its network", async () => {
    const node = await restarted(mode);
    const state = node.state();
    const wirePod = node.datapath.wirePod.bind(node.datapath);
    node.datapath.wirePod = async (pod) => {
      await wirePod(pod);
      return { kind: "failed", problem: "kernel-refused", message: "no", next: "", leftovers: [] };
    };
    const more = { podName: "a", netns: "/run/netns/of-a", enforcingMode: mode };
    expect(await node.ask("add", "of-a", more)).toMatchObject({ ok: false, problem: "kernel-refused" });
    expect(node.state()).toEqual(state);
  });
});

test.each(MODES)(
  "%s: a late DEL of a sandbox leaves the pod's next one alone, which has the same branch ENI",
  async (mode) => {
    const node = await fresh();
    await node.add("a", mode, "first");
    await node.add("a", mode, "second");
    const state = node.state();
    expect(await node.ask("del", "first", { podName: "a" })).toMatchObject({ ok: true });
    expect(node.state()).toEqual(state);
    expect(await node.ask("del", "second", { podName: "a" })).toMatchObject({ ok: true });
    expect(node.traces(5)).toEqual([]);
  },
);

/** Until `then` is called, the next process asks this of the host. */
function asking(branchPods: () => Promise<readonly FoundBranch[]>): () => void {
  const own = KernelDatapath.prototype.branchPods;
  KernelDatapath.prototype.branchPods = branchPods;
  return () => {
    KernelDatapath.prototype.branchPods = own;
  };
}

test("a kernel that cannot be asked at the start is asked again by each verification", async () => {
  const node = await restarted("strict");
  const then = asking(() => Promise.reject(new Error("netlink: ENOBUFS")));
  await node.start([]).finally(then);
  expect(node.made.messages()).toContain("are not known: netlink: ENOBUFS");
  expect(await node.collect("of-b")).toMatchObject({ releasedCount: 0 });
  await node.verified();
  expect(await node.collect("of-b")).toMatchObject({ releasedCount: 1 });
  expect(node.traces(5)).toEqual([]);
});

test("no DEL is answered before the host was asked", async () => {
  const node = await restarted("strict");
  let answer = {};
  const then = asking(async () => {
    then();
    await Bun.sleep(100);
    answer = await node.ask("del", "of-a", { podName: "a" });
    return node.datapath.branchPods();
  });
  await node.start([]).finally(then);
  expect(answer).toMatchObject({ ok: false, reason: "starting" });
  expect(await node.ask("del", "of-a", { podName: "a" })).toMatchObject({ ok: true, address: "10.0.2.5" });
});
