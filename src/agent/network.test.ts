// The node's own network on a scripted datapath: what is refused, dropped, repaired and reported, and when.

import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import {
  addRequest,
  ask,
  client,
  closeWorlds,
  failureOf,
  line,
  TIMEOUT_MS,
  until,
  type World,
  world,
} from "../../test/e2e/agent-world.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../base/ipv4.ts";
import { podSuffix } from "../datapath/names.ts";
import { hostRoute } from "../datapath/plan.ts";
import { toPodRule } from "../datapath/rules.ts";
import { FakeKernel } from "../datapath/testing/fake-kernel.ts";
import { MAIN_TABLE } from "../netlink/types.ts";
import { type EnforceNpRequest, npBackend } from "../rpc/services.ts";
import { FakeFirewall } from "./testing/fake-firewall.ts";
import { ScriptedDatapath } from "./testing/scripted-datapath.ts";

const stops: (() => void)[] = [];
afterEach(async () => {
  await closeWorlds();
  for (const stop of stops.splice(0)) stop();
});

interface Node {
  readonly made: World;
  readonly datapath: ScriptedDatapath;
  readonly firewall: FakeFirewall;
  /** A second agent on the same files, after the first has ended. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  ask(text: string): Promise<Record<string, unknown>>;
}

async function node(options: Parameters<typeof world>[0] = {}): Promise<Node> {
  const made = await world(options);
  const datapath = new ScriptedDatapath();
  const firewall = new FakeFirewall();
  for (const mac of await made.macs()) datapath.eniLinks.set(mac, `eth${datapath.eniLinks.size}`);
  made.network = { datapath, firewall };
  return {
    made,
    datapath,
    firewall,
    async start(env) {
      await made.start(env);
    },
    ask: async (text) => (await ask(made.path("s.sock"), text))[0] ?? {},
  };
}

function add(containerId: string): string {
  const pod = { namespace: "default", podName: containerId, netns: `/var/run/netns/${containerId}` };
  return line("add", containerId, pod);
}

function del(containerId: string): string {
  return line("del", containerId, { namespace: "default", podName: containerId });
}

const STATUS = `${JSON.stringify({ v: 1, op: "status" })}\n`;
const FAST = { SLASH28_VERIFY_PERIOD: "1" };

test("a machine that is not the node is refused before anything is touched", async () => {
  const { made, datapath, start } = await node();
  datapath.eniLinks.clear();
  datapath.eniLinks.set("02:00:00:00:00:01", "eth0");
  const error: unknown = await start().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "WrongNamespaceError" });
  expect((error as { next: string }).next).toContain("SLASH28_HOST_NETNS");
  expect(datapath.calls).toEqual([]);
  expect(datapath.isClosed).toBe(true);
  expect(made.vpc.enis().flatMap((eni) => eni.prefixes)).toEqual([]);
  expect(existsSync(made.path("s.sock"))).toBe(false);
});

test("allocations whose pod's link is gone are dropped at the start and cool; those without a pod's name stay [ipamd 6.2.2]", async () => {
  const { made, datapath, start, ask: say } = await node();
  await start();
  const { address } = await say(add("gone"));
  const kept = await say(add("kept"));
  const cni = client(made);
  const nameless = await cni.add(addRequest("nameless", { K8S_POD_NAME: "", K8S_POD_NAMESPACE: "" }), TIMEOUT_MS);
  await made.agents[0]!.stop();
  datapath.links.delete(`eni${podSuffix("default", "gone")}`);
  // A link of another prefix, as an older configuration left it, is a link all the same.
  const link = datapath.links.get(`eni${podSuffix("default", "kept")}`)!;
  datapath.links.clear();
  datapath.links.set(`old${podSuffix("default", "kept")}`, link);
  datapath.hosts.length = 0;
  await start();
  expect(made.messages()).toContain(
    `stale IP allocation for ID(aws-cni/gone/eth0): IPv4(${String(address)}), IPv6() due to its pod's link is gone`,
  );
  expect(datapath.routed.has(parseIpv4(String(address)) ?? 0)).toBe(false);
  const names = readFileSync(made.path("ipam.json"), "utf8");
  expect(names).not.toContain('"gone"');
  expect(names).toContain('"kept"');
  expect(names).toContain('"nameless"');
  const [first] = datapath.hosts;
  expect(first?.pods.map((pod) => formatIpv4(pod.address)).sort()).toEqual(
    [String(kept["address"]), nameless.reply.IPAllocationMetadata[0]!.IPv4Addr].sort(),
  );
  expect(first?.pods.map((pod) => pod.hostInterface)).toContain(`old${podSuffix("default", "kept")}`);
  // I4: the next pod does not get what has just been given back.
  const { address: next } = await say(add("next"));
  expect(next).not.toBe(address);
});

test("the node is brought in order once before anything is served, with what the settings and the pool say", async () => {
  const { made, datapath, start, ask: say } = await node();
  await start({ AWS_EXTERNAL_SERVICE_CIDRS: "198.51.100.0/24", AWS_VPC_ENI_MTU: "1500" });
  expect(datapath.hosts).toHaveLength(1);
  const [mac] = await made.macs();
  expect(datapath.hosts[0]).toMatchObject({
    rules: { mark: 0x80, externalServiceCidrs: [{ base: parseIpv4("198.51.100.0") }], isLocalRuleMoved: false },
    enis: [{ mac, routeTableId: 254, mtu: 1500, isPrimary: true, isTrunk: false }],
    pods: [],
    vethPrefix: "eni",
  });
  expect(datapath.hosts[0]?.ownRanges.map((range) => range.prefixLength)).toContain(28);
  expect(datapath.calls.indexOf("linkNames")).toBeLessThan(datapath.calls.indexOf("reconcileHost"));
  expect(await say(STATUS)).toEqual({ v: 1, ok: true });
});

test("a pod that asks before the node is in order is wired after", async () => {
  const { datapath, start, ask: say } = await node();
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let isReconciling = false;
  datapath.gate = async (call) => {
    if (call !== "reconcileHost") return;
    isReconciling = true;
    await opened;
  };
  const started = start({ SLASH28_POLICY: "slash28" });
  await until(() => isReconciling);
  const added = say(add("early"));
  await Bun.sleep(30);
  expect(datapath.wired).toEqual([]);
  open();
  await started;
  expect(await added).toMatchObject({ ok: true });
});

test("a DEL that a starting agent refuses is logged once an attachment, and again when it is answered", async () => {
  const { made, datapath, start, ask: say } = await node();
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  datapath.gate = () => opened;
  const started = start();
  await until(() => existsSync(made.path("s.sock")));
  for (let count = 0; count < 5; count++)
    expect(await say(del("early"))).toMatchObject({ ok: false, reason: "starting" });
  expect(await say(del("other"))).toMatchObject({ ok: false, reason: "starting" });
  const timesOf = (text: string) => made.messages().split(text).length - 1;
  expect(timesOf("Send DelNetworkReply")).toBe(2);
  expect(timesOf("Received DelNetwork for Sandbox early")).toBe(1);
  open();
  await started;
  expect(await say(del("early"))).toMatchObject({ ok: true });
  expect(timesOf("Received DelNetwork for Sandbox early")).toBe(2);
  expect(timesOf("Send DelNetworkReply")).toBe(3);
});

test("verification repairs, counts, and says each problem once; STATUS is degraded as long as it lasts", async () => {
  const { made, datapath, firewall, start, ask: say } = await node();
  await start(FAST);
  datapath.hostReport = { repairs: ["rule 1024 was missing"], problems: ["link eth1 cannot be set up: EPERM"] };
  await until(() => datapath.hosts.length >= 3);
  const log = made.messages();
  expect(log).toContain("Network verification put right: rule 1024 was missing");
  expect(log.split("cannot put right: link eth1 cannot be set up: EPERM")).toHaveLength(2);
  expect(await say(STATUS)).toMatchObject({
    ok: false,
    reason: "network-setup-failed",
    message: "link eth1 cannot be set up: EPERM",
    degraded: true,
  });
  const address = made.agents[0]!.metricsAddress;
  if (address?.kind !== "tcp") throw new Error("metrics are served over TCP here");
  const text = await (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
  expect(text).toContain("\nslash28_network_problems 1\n");
  expect(text).toMatch(/\nslash28_network_repairs_total [1-9]/);
  datapath.hostReport = {};
  firewall.table = undefined;
  const runs = firewall.nftRuns;
  await until(() => made.messages().includes("the last problems are gone"));
  expect(await say(STATUS)).toEqual({ v: 1, ok: true });
  expect(firewall.nftRuns).toBeGreaterThan(runs);
});

test("SNAT that cannot be set up at the start: the agent serves, says so, and tries again", async () => {
  const { firewall, start, ask: say } = await node();
  for (let i = 0; i < 3; i++) firewall.refusals.push(new Error("iptables-restore: no such table"));
  await start(FAST);
  expect(await say(STATUS)).toMatchObject({ ok: false, degraded: true });
  expect(await say(add("a"))).toMatchObject({ ok: true });
  for (let i = 0; i < 400 && (await say(STATUS))["ok"] !== true; i++) await Bun.sleep(10);
  expect(await say(STATUS)).toEqual({ v: 1, ok: true });
});

test("a pod without its link at two looks is released, once it is a minute old", async () => {
  const { made, datapath, start, ask: say } = await node();
  await start(FAST);
  await say(add("old"));
  await say(add("young"));
  const young = "young";
  datapath.links.clear();
  // The checkpoint's time is the allocation's age: a restart with one that is older.
  await made.agents[0]!.stop();
  const saved = JSON.parse(
    readFileSync(made.path("ipam.json"), "utf8").replace(/("allocationTimestamp":)(\d+)/g, '$1"$2"'),
  ) as {
    allocations: { containerID: string; allocationTimestamp: string }[];
  };
  for (const entry of saved.allocations) {
    if (entry.containerID === "old")
      entry.allocationTimestamp = String(BigInt(entry.allocationTimestamp) - 61_000_000_000n);
  }
  writeFileSync(made.path("ipam.json"), JSON.stringify(saved).replace(/("allocationTimestamp":)"(\d+)"/g, "$1$2"));
  // At the start both have their links; then both lose them.
  for (const pod of ["old", young]) datapath.links.set(`eni${podSuffix("default", pod)}`, { owner: "", address: 0 });
  await start(FAST);
  datapath.links.clear();
  const looks = datapath.hosts.length;
  await until(() => made.messages().includes("stale IP allocation for ID(aws-cni/old/eth0)"));
  expect(datapath.hosts.length - looks).toBeGreaterThanOrEqual(2);
  await until(() => !readFileSync(made.path("ipam.json"), "utf8").includes('"old"'));
  expect(readFileSync(made.path("ipam.json"), "utf8")).toContain('"young"');
});

test("rules of a pod that is just being removed are not asked back", async () => {
  const { datapath, start, ask: say } = await node();
  await start(FAST);
  const { address } = await say(add("a"));
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let isUnwiring = false;
  datapath.gate = async (call) => {
    if (call !== "unwirePod") return;
    isUnwiring = true;
    await opened;
  };
  const deleted = say(del("a"));
  await until(() => isUnwiring);
  const looks = datapath.hosts.length;
  await Bun.sleep(1_200);
  open();
  await deleted;
  await until(() => datapath.hosts.length > looks);
  for (const host of datapath.hosts.slice(looks)) {
    expect(host.pods.map((pod) => formatIpv4(pod.address))).not.toContain(String(address));
  }
});

test("a new ENI is set up on its link, which may come late", async () => {
  const { made, datapath, start, ask: say } = await node({ instanceType: "t3.small" });
  // t3.small: three prefixes an ENI. The fourth needs a second one.
  await start({ SLASH28_POLICY: "slash28", WARM_PREFIX_TARGET: "4" });
  await until(() => made.vpc.enis().length === 2);
  await Bun.sleep(300);
  expect(datapath.setUpEnis).toEqual([]);
  for (const mac of await made.macs()) {
    if (!datapath.eniLinks.has(mac)) datapath.eniLinks.set(mac, "eth1");
  }
  await until(() => datapath.setUpEnis.length === 1);
  expect(datapath.setUpEnis[0]).toMatchObject({ routeTableId: 2, isPrimary: false, isTrunk: false, mtu: 9001 });
  expect(datapath.eniLinks.get(datapath.setUpEnis[0]!.mac)).toBe("eth1");
  expect(await say(STATUS)).toEqual({ v: 1, ok: true });
}, 20_000);

test("the trunk's link index is in the reference's reply", async () => {
  const { made, datapath } = await node({ instanceType: "m5.large" });
  await made.attachTrunk();
  for (const mac of await made.macs()) if (!datapath.eniLinks.has(mac)) datapath.eniLinks.set(mac, "eth1");
  const branch = { ifAddress: "02:0a:00:00:00:07", privateIp: "10.0.2.7", vlanId: 5, subnetCidr: "10.0.2.0/24" };
  const annotations = { "vpc.amazonaws.com/pod-eni": JSON.stringify([branch]) };
  const limits = ["vpc.amazonaws.com/pod-eni"];
  made.facts = {
    node: { name: "node-1", maxPods: 110 },
    pods: [{ namespace: "default", name: "web-0", uid: "u", annotations, limits }],
  };
  await made.start({ ENABLE_POD_ENI: "true" });
  const { reply } = await client(made).add(addRequest("a"), TIMEOUT_MS);
  expect(reply).toMatchObject({
    Success: true,
    PodVlanId: 5,
    PodENIMAC: "02:0a:00:00:00:07",
    PodENISubnetGW: "10.0.2.1",
    IPAllocationMetadata: [{ IPv4Addr: "10.0.2.7", DeviceNumber: -1, RouteTableId: 0 }],
  });
  expect([...datapath.eniLinks.values()][reply.ParentIfIndex - 2]).toBe("eth1");
  expect(datapath.setUpEnis[0]).toMatchObject({ isTrunk: true });
  datapath.linkIndexOf = () => new Promise(() => {});
  const late = await client(made).add(addRequest("b"), 500);
  expect(late).toMatchObject({ reply: { Success: false }, reason: "branch-eni-not-ready" });
});

test("branch pods that were wired here are looked after, but not while they are being removed", async () => {
  const { made, datapath, ask: say } = await node({ instanceType: "m5.large" });
  await made.attachTrunk();
  for (const mac of await made.macs()) if (!datapath.eniLinks.has(mac)) datapath.eniLinks.set(mac, "eth1");
  const branch = { ifAddress: "02:0a:00:00:00:07", privateIp: "10.0.2.7", vlanId: 5, subnetCidr: "10.0.2.0/24" };
  const annotations = { "vpc.amazonaws.com/pod-eni": JSON.stringify([branch]) };
  const limits = ["vpc.amazonaws.com/pod-eni"];
  made.facts = {
    node: { name: "node-1", maxPods: 110 },
    pods: [{ namespace: "default", name: "a", uid: "u", annotations, limits }],
  };
  await made.start({ ENABLE_POD_ENI: "true", ...FAST });
  expect(await say(add("a"))).toMatchObject({ ok: true, vlanId: 5 });
  const next = async () => {
    const looks = datapath.hosts.length;
    await until(() => datapath.hosts.length > looks);
    return datapath.hosts.at(-1)?.branches;
  };
  const known = { attachment: { containerId: "a" }, address: parseIpv4("10.0.2.7"), branch: { vlanId: 5 } };
  expect(await next()).toMatchObject([{ ...known, hostInterface: `vlan${podSuffix("default", "a")}` }]);
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  datapath.gate = (call) => (call === "unwirePod" ? opened : Promise.resolve());
  const deleted = say(del("a"));
  await Bun.sleep(1_200);
  open();
  expect(await next()).toEqual([]);
  expect(await deleted).toMatchObject({ ok: true, address: "10.0.2.7" });
  expect(await next()).toEqual([]);
}, 15_000);

/** A network policy agent that answers as told. */
async function policyServer(path: string, answer: (request: EnforceNpRequest) => boolean | undefined) {
  const requests: { readonly method: string; readonly request: EnforceNpRequest }[] = [];
  const server = new Server();
  const handle =
    (method: string) => (call: ServerUnaryCall<EnforceNpRequest, object>, reply: sendUnaryData<object>) => {
      requests.push({ method, request: call.request });
      const isDone = answer(call.request);
      if (isDone !== undefined) reply(null, { Success: isDone });
    };
  server.addService(npBackend, { EnforceNpToPod: handle("enforce"), DeletePodNp: handle("forget") });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  stops.push(() => server.forceShutdown());
  return { requests, stop: () => server.forceShutdown() };
}

test("with a policy mode a pod starts only when its policies are in force; its end waits for nobody", async () => {
  const { made, datapath, start, ask: say } = await node();
  const socket = made.path("npa.sock");
  let answer: boolean | undefined = true;
  const policies = await policyServer(socket, () => answer);
  await start({ NETWORK_POLICY_ENFORCING_MODE: "strict", SLASH28_NPA_SOCKET: socket });
  expect(await say(add("a"))).toMatchObject({ ok: true });
  expect(policies.requests).toMatchObject([
    {
      method: "enforce",
      request: { K8S_POD_NAME: "a", K8S_POD_NAMESPACE: "default", NETWORK_POLICY_MODE: "strict", InterfaceCount: 1 },
    },
  ]);
  answer = false;
  const refused = await say(add("b"));
  expect(refused).toMatchObject({ ok: false, reason: "network-setup-failed", problem: "network-policy" });
  expect(datapath.links.size).toBe(1);
  expect(readFileSync(made.path("ipam.json"), "utf8")).not.toContain('"b"');
  answer = undefined;
  const hangs = performance.now();
  expect(await say(add("c"))).toMatchObject({ ok: false, problem: "network-policy" });
  expect(performance.now() - hangs).toBeGreaterThan(1_900);
  expect(performance.now() - hangs).toBeLessThan(3_500);
  answer = true;
  expect(await say(del("a"))).toMatchObject({ ok: true, left: [] });
  expect(policies.requests.at(-1)).toMatchObject({ method: "forget", request: { K8S_POD_NAME: "a" } });
  expect(await say(add("d"))).toMatchObject({ ok: true });
  policies.stop();
  const gone = performance.now();
  expect(await say(del("d"))).toMatchObject({ ok: true, left: [] });
  expect(performance.now() - gone).toBeLessThan(1_000);
  expect(made.messages()).toContain("The network policy of pod default/d could not be set or removed");
  // Its wiring is the reference's plugin's, and so is its policy.
  const { reply } = await client(made).add(addRequest("rpc"), TIMEOUT_MS);
  expect(reply).toMatchObject({ Success: true, NetworkPolicyMode: "strict" });
}, 15_000);

test("a DEL takes no policy from a pod that has another sandbox by now, and none for a sandbox that is gone already", async () => {
  const { made, start, ask: say } = await node();
  const socket = made.path("npa.sock");
  const policies = await policyServer(socket, () => true);
  await start({ NETWORK_POLICY_ENFORCING_MODE: "strict", SLASH28_NPA_SOCKET: socket });
  const pod = { namespace: "default", podName: "web-0" };
  const ask = (op: string, sandbox: string) => say(line(op, sandbox, { ...pod, netns: `/var/run/netns/${sandbox}` }));
  const methods = () => policies.requests.splice(0).map(({ method }) => method);
  await ask("add", "first");
  await ask("del", "first");
  expect(methods()).toEqual(["enforce", "forget"]);
  await ask("add", "second");
  await ask("del", "first");
  expect(methods()).toEqual(["enforce"]);
  await ask("add", "third");
  await ask("del", "second");
  expect(methods()).toEqual(["enforce"]);
  await ask("del", "third");
  expect(methods()).toEqual(["forget"]);
});

test("GC of a branch pod that an earlier process wired tells the policy agent which pod is gone", async () => {
  const { made, datapath, start, ask: say } = await node();
  const socket = made.path("npa.sock");
  const policies = await policyServer(socket, () => true);
  const attachment = { networkName: "aws-cni", containerId: "a", ifName: "eth0" };
  const known = { namespace: "default", podName: "web-0", hostInterface: `eni${podSuffix("default", "web-0")}` };
  const unknown = { address: undefined, gateway: undefined, mac: undefined, trunkMac: undefined };
  datapath.found = [{ attachment, ...known, mode: "standard", vlanId: 5, ...unknown }];
  await start({ NETWORK_POLICY_ENFORCING_MODE: "strict", SLASH28_NPA_SOCKET: socket });
  const collected = await say(`${JSON.stringify({ v: 1, op: "gc", networkName: "aws-cni", valid: [] })}\n`);
  expect(collected).toMatchObject({ ok: true, releasedCount: 1 });
  expect(datapath.removed.at(-1)).toMatchObject({ attachment, address: 0, vlanId: 5, mayBeTaken: true });
  const request = { K8S_POD_NAME: "web-0", K8S_POD_NAMESPACE: "default" };
  expect(policies.requests).toMatchObject([{ method: "forget", request }]);
});

test("an agent that is told to end while a look at the node's network hangs ends all the same", async () => {
  const { made, datapath, start } = await node();
  await start(FAST);
  let isHanging = false;
  datapath.gate = (call) => {
    isHanging ||= call === "reconcileHost";
    return isHanging ? new Promise(() => {}) : Promise.resolve();
  };
  await until(() => isHanging);
  const late = Bun.sleep(4_000).then(() => "still there");
  expect(await Promise.race([made.agents[0]!.stop(), late])).toBe(true);
  expect(datapath.isClosed).toBe(true);
}, 15_000);

test("an agent where nothing ends any more, ADD, look and checkpoint, is gone ten seconds after it was told to", async () => {
  const { made, datapath, start, ask: say } = await node();
  await start(FAST);
  await say(add("a"));
  let isHanging = false;
  datapath.gate = (call) => {
    isHanging ||= call === "reconcileHost";
    return isHanging ? new Promise(() => {}) : Promise.resolve();
  };
  await until(() => isHanging);
  const cut = say(add("b")).catch(() => "hung up");
  made.store.write = () => new Promise(() => {});
  const waiting = failureOf(client(made).add(addRequest("rpc"), 20_000));
  await Bun.sleep(100);
  const startedMs = performance.now();
  expect(await made.agents[0]!.stop()).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(10_100);
  await Promise.all([cut, waiting]);
}, 20_000);

test("a policy agent that comes up within two seconds is waited for", async () => {
  const { made, start, ask: say } = await node();
  const socket = made.path("npa.sock");
  await start({ NETWORK_POLICY_ENFORCING_MODE: "standard", SLASH28_NPA_SOCKET: socket });
  const added = say(add("a"));
  await Bun.sleep(300);
  await policyServer(socket, () => true);
  expect(await added).toMatchObject({ ok: true });
});

test("the reference's plugin wires for itself: its pods are in the books, and nothing is wired for them", async () => {
  const { made, datapath, start } = await node();
  await start(FAST);
  const cni = client(made);
  const { reply } = await cni.add(addRequest("a"), TIMEOUT_MS);
  const looks = datapath.hosts.length;
  await until(() => datapath.hosts.length > looks);
  expect(datapath.hosts.at(-1)?.pods).toMatchObject([
    { hostInterface: `eni${podSuffix("default", "web-0")}`, routeTableId: 254 },
  ]);
  expect(formatIpv4(datapath.hosts.at(-1)!.pods[0]!.address)).toBe(reply.IPAllocationMetadata[0]!.IPv4Addr);
  expect(datapath.wired).toEqual([]);
  expect(
    await failureOf(cni.del({ ...addRequest("zz"), Reason: "PodDeleted", K8S_POD_UID: "" }, TIMEOUT_MS)),
  ).toContain("unknown pod");
});

describe("a pod that wires itself while a look at the host's network is under way", () => {
  /** The node on a kernel, as it is once the agent serves, and what the reference's plugin does for the pod that asks. */
  async function looking(env: Readonly<Record<string, string>> = {}) {
    const made = await node();
    const { datapath } = made;
    const kernel = new FakeKernel();
    for (const [mac, name] of datapath.eniLinks) kernel.host.addDevice({ name, mac });
    datapath.kernel = kernel;
    await made.start({ ...FAST, ...env });
    const rulesOf = (address: Ipv4) => kernel.host.ruleList.filter((rule) => rule.to?.base === address);
    const name = `eni${podSuffix("default", "web-0")}`;
    return {
      ...made,
      kernel,
      rulesOf,
      cni: client(made.made),
      wire(text: string): Ipv4 {
        const address = parseIpv4(text) ?? 0;
        datapath.links.set(name, { owner: "", address });
        const link = kernel.host.addDevice({ name, mac: "0a:00:00:00:00:02", kind: "veth" });
        const wasThere = rulesOf(address).length > 0;
        kernel.host.apply([
          { change: "setLink", link: link.index, isUp: true },
          { change: "replaceRoute", route: hostRoute(address, link.index, MAIN_TABLE) },
          ...(wasThere ? [] : [{ change: "addRule", rule: toPodRule(address) } as const]),
        ]);
        return address;
      },
      /** Leftovers of all the addresses that the next pod may get. */
      plant(): void {
        for (const { base, prefixLength } of datapath.hosts.at(-1)?.ownRanges ?? []) {
          for (let i = 0; prefixLength === 28 && i < 16; i++)
            kernel.host.insertRule({ ...toPodRule(base + i), isPlain: true });
        }
      },
    };
  }

  /** Holds up the `nth` of these calls from now on; `open` lets it, and all after it, go. */
  function hold(datapath: ScriptedDatapath, held: string, nth: number) {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const state = { isHeld: false, open: () => open() };
    let count = 0;
    datapath.gate = async (call) => {
      if (call !== held || ++count !== nth) return;
      state.isHeld = true;
      await opened;
    };
    return state;
  }

  test.each([
    ["after the list of pods was taken", "reconcileHost", 1, false],
    ["after leftovers of its address were found, before they go", "linkNames", 2, true],
  ] as const)("%s: it keeps its rule and its route", async (_, call, nth, isPlanted) => {
    const { datapath, kernel, cni, rulesOf, wire, plant } = await looking();
    // A look begins here, or it would be in its middle.
    await until(() => datapath.calls.at(-1) === "reconcileHost");
    if (isPlanted) plant();
    const gate = hold(datapath, call, nth);
    await until(() => gate.isHeld);
    const { reply } = await cni.add(addRequest("a"), TIMEOUT_MS);
    const address = wire(reply.IPAllocationMetadata[0]?.IPv4Addr ?? "");
    let fewest = rulesOf(address).length;
    kernel.afterChange = () => {
      fewest = Math.min(fewest, rulesOf(address).length);
    };
    gate.open();
    const looks = datapath.hosts.length;
    await until(() => datapath.hosts.length > looks + 2);
    expect(fewest).toBe(1);
    expect(kernel.host.routeList.filter((route) => route.destination.base === address)).toHaveLength(1);
    // Of the others nothing is left.
    expect(kernel.host.ruleList.filter((rule) => rule.priority === 512)).toHaveLength(1);
  });

  test("and leftovers of its address are just being removed: it hears of its address when they are gone", async () => {
    const { datapath, kernel, cni, rulesOf, wire, plant } = await looking();
    await until(() => datapath.calls.at(-1) === "reconcileHost");
    plant();
    const gate = hold(datapath, "reconcileHost", 2);
    await until(() => gate.isHeld);
    let isAnswered = false;
    const added = cni.add(addRequest("a"), TIMEOUT_MS).finally(() => {
      isAnswered = true;
    });
    await Bun.sleep(200);
    expect(isAnswered).toBe(false);
    expect(kernel.host.ruleList.filter((rule) => rule.priority === 512)).toHaveLength(16);
    gate.open();
    const { reply } = await added;
    const address = wire(reply.IPAllocationMetadata[0]?.IPv4Addr ?? "");
    const looks = datapath.hosts.length;
    await until(() => datapath.hosts.length > looks + 1);
    expect(rulesOf(address)).toHaveLength(1);
    expect(kernel.host.ruleList.filter((rule) => rule.priority === 512)).toHaveLength(1);
  });

  test("and the kernel does not end that: the ADD is refused by its deadline, and the address goes back", async () => {
    const { made, datapath, cni, plant } = await looking();
    await until(() => datapath.calls.at(-1) === "reconcileHost");
    plant();
    const gate = hold(datapath, "reconcileHost", 2);
    await until(() => gate.isHeld);
    const answer = await cni.add(addRequest("a"), 800);
    expect(answer).toMatchObject({ reply: { Success: false }, reason: "network-setup-failed" });
    expect(answer.message).toContain("old rules of");
    await until(() => !readFileSync(made.path("ipam.json"), "utf8").includes('"a"'));
    gate.open();
  });
});

test("an attachment that is asked for again while others without a link are dropped is left alone", async () => {
  const { made, datapath, start, ask: say } = await node();
  await start(FAST);
  const names = ["a", "b", "c"];
  for (const name of names) await say(add(name));
  await made.agents[0]!.stop();
  const aged = readFileSync(made.path("ipam.json"), "utf8").replace(
    /("allocationTimestamp":)(\d+)/g,
    (_, key: string, ns: string) => key + String(BigInt(ns) - 61_000_000_000n),
  );
  writeFileSync(made.path("ipam.json"), aged);
  await start(FAST);
  datapath.links.clear();
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let unwired = 0;
  datapath.gate = async (call) => {
    if (call === "unwirePod" && ++unwired === 1) await opened;
  };
  await until(() => unwired === 1);
  const dropped = /aws-cni\/(.)\/eth0\): IPv4/.exec(made.messages().split("stale IP allocation")[1] ?? "")?.[1] ?? "";
  const again = names.find((name) => name !== dropped) ?? "";
  // The address of the first is given back slowly: meanwhile the other's ADD is answered.
  const { store } = made;
  const write = store.write.bind(store);
  store.write = (bytes) => Bun.sleep(100).then(() => write(bytes));
  const repeated = say(add(again));
  await Bun.sleep(50);
  open();
  expect(await repeated).toMatchObject({ ok: true });
  const looks = datapath.hosts.length;
  await until(() => datapath.hosts.length > looks + 2);
  const saved = readFileSync(made.path("ipam.json"), "utf8");
  expect(names.filter((name) => saved.includes(`"containerID":"${name}"`))).toEqual([again]);
}, 15_000);
