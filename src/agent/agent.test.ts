// The whole agent in this process: the engine, both sockets and the pages, against the emulated VPC over HTTP.

import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import {
  AddKeeper,
  addRequest,
  ask,
  client,
  closeWorlds,
  delRequest,
  failureOf,
  line,
  TIMEOUT_MS,
  until,
  world,
} from "../../test/e2e/agent-world.ts";
import { TEST_INSTANCE_ID } from "../../test/e2e/test-vpc.ts";

afterEach(closeWorlds);

test("ADD and DEL over gRPC: any client version, idempotent ADD, unknown pod as an error text [ipamd 9.1, 3.3.1]", async () => {
  const made = await world();
  await made.start({ NETWORK_POLICY_ENFORCING_MODE: "standard", AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.9.0.0/16" });
  const cni = client(made);
  expect(await cni.isServing(TIMEOUT_MS)).toBe(true);
  expect(await cni.isServing(TIMEOUT_MS, "grpc.health.v1.aws-node")).toBe(true);
  expect(await failureOf(cni.isServing(TIMEOUT_MS, "other"))).toContain("unknown service");
  const first = await cni.add(addRequest("a"), TIMEOUT_MS);
  expect(first.reply).toMatchObject({
    Success: true,
    VPCv4CIDRs: ["10.0.0.0/16", "10.9.0.0/16"],
    UseExternalSNAT: false,
    NetworkPolicyMode: "standard",
  });
  const held = first.reply.IPAllocationMetadata[0]?.IPv4Addr;
  expect(held).toMatch(/^10\.0\.\d+\.\d+$/);
  const again = await cni.add(addRequest("a"), TIMEOUT_MS);
  expect(again.reply.IPAllocationMetadata[0]?.IPv4Addr).toBe(held!);
  const del = await cni.del(delRequest("a"), TIMEOUT_MS);
  expect(del).toMatchObject({ Success: true, IPAllocationMetadata: [{ IPv4Addr: held, RouteTableId: 254 }] });
  expect(await failureOf(cni.del(delRequest("a"), TIMEOUT_MS))).toContain("datastore: unknown pod");
  expect(await cni.networkPolicyConfigs(TIMEOUT_MS)).toMatchObject({
    NetworkPolicyMode: "standard",
    MultiNICEnabled: false,
    InstanceID: TEST_INSTANCE_ID,
    Region: "us-west-2",
  });
});

test("a refusal over gRPC is Success=false without an error, with the typed reason beside it [ipamd 9.1, 3.3.3]", async () => {
  const made = await world();
  await made.start();
  const cni = client(made);
  for (const missing of [{ ContainerID: "" }, { IfName: "" }, { NetworkName: "" }]) {
    const noKey = await cni.add(addRequest("a", missing), TIMEOUT_MS);
    expect(noKey).toMatchObject({ reply: { Success: false, IPAllocationMetadata: [] }, reason: "invalid-request" });
  }
  const ids = Array.from({ length: 17 }, (_, i) => `pod-${i}`);
  const answers = await Promise.all(ids.map((id) => cni.add(addRequest(id), TIMEOUT_MS)));
  const refused = answers.filter((answer) => !answer.reply.Success);
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatchObject({
    reason: "pool-growing",
    message: "AssignPodIPAddress: no available IP/Prefix addresses",
  });
  const addresses = new Set(
    answers.flatMap((answer) => answer.reply.IPAllocationMetadata.map((item) => item.IPv4Addr)),
  );
  expect(addresses.size).toBe(16);
});

test("without the VPC's CIDRs the call fails, and the address stays until DEL [ipamd 3.3.5]", async () => {
  const made = await world();
  await made.start();
  const cni = client(made);
  made.hasVpcCidrs = false;
  expect(await failureOf(cni.add(addRequest("a"), TIMEOUT_MS))).toContain("2 UNKNOWN");
  const del = await cni.del(delRequest("a"), TIMEOUT_MS);
  expect(del.IPAllocationMetadata[0]?.IPv4Addr).toMatch(/^10\.0\./);
});

test("the JSON socket: add, check, del, gc of one network, status; every answer in order", async () => {
  const made = await world();
  await made.start();
  const socket = made.path("s.sock");
  const key = { networkName: "aws-cni", containerId: "a", ifName: "eth0" };
  const text = [
    line("add", "a", { namespace: "default", podName: "web-0" }),
    line("add", "b"),
    line("add", "c", { networkName: "other" }),
    line("check", "a"),
    line("check", "a", { address: "10.0.0.1" }),
    line("check", "zz"),
    line("del", "b"),
    line("del", "b"),
    `${JSON.stringify({ v: 1, op: "gc", networkName: "aws-cni", valid: [] })}\n`,
    line("check", "c", { networkName: "other" }),
    line("check", key.containerId),
    `${JSON.stringify({ v: 1, op: "status" })}\n`,
  ];
  const [a, b, c, checked, wrong, unknown, released, gone, collected, kept, swept, status] = await ask(
    socket,
    text.join(""),
    text.length,
  );
  expect(a).toMatchObject({ v: 1, ok: true, deviceNumber: 0, routeTableId: 254, isRepeat: false });
  expect(new Set([a, b, c].map((answer) => answer?.["address"])).size).toBe(3);
  expect(checked).toEqual({ v: 1, ok: true, address: a?.["address"] });
  expect(wrong).toMatchObject({ ok: false, reason: "invalid-request" });
  expect(unknown).toMatchObject({ ok: false, reason: "invalid-request", message: "this attachment holds no address" });
  expect(released).toMatchObject({ ok: true, address: b?.["address"] });
  expect(gone).toEqual({ v: 1, ok: true, address: null, left: [] });
  expect(collected).toMatchObject({ ok: true, releasedCount: 1 });
  expect(kept).toMatchObject({ ok: true, address: c?.["address"] });
  expect(swept).toMatchObject({ ok: false });
  expect(status).toMatchObject({ v: 1, ok: true });
});

test("lines that are no request are answered with what is wrong; endless ones end the connection", async () => {
  const made = await world();
  await made.start();
  const socket = made.path("s.sock");
  const bad = [
    "{\n",
    "[]\n",
    '{"v":2,"op":"status"}\n',
    '{"v":1,"op":"fly"}\n',
    line("add", ""),
    '{"v":1,"op":"add"}\n',
  ];
  for (const text of bad) {
    const [answer] = await ask(socket, text);
    expect(answer).toMatchObject({ v: 1, ok: false, reason: "invalid-request" });
    expect(String(answer?.["message"])).not.toBe("");
    expect(String(answer?.["next"])).not.toBe("");
  }
  const longest = line("add", "a").trim();
  const [at] = await ask(socket, `${longest}${" ".repeat(1_048_576 - longest.length)}\n`);
  expect(at).toMatchObject({ ok: true });
  for (const end of ["", "\n"]) {
    const [long] = await ask(socket, "x".repeat(1_048_577) + end);
    expect(long).toMatchObject({ ok: false, message: "a line has more than 1048576 bytes" });
  }
  expect((await ask(socket, `${JSON.stringify({ v: 1, op: "status" })}\n`))[0]).toMatchObject({ ok: true });
});

test("a restart keeps addresses and the nanoseconds of their times [ipamd 6.2]", async () => {
  const made = await world();
  const agent = await made.start();
  const cni = client(made);
  const held = new Map<string, string | undefined>();
  for (const id of ["a", "b", "c"]) {
    held.set(id, (await cni.add(addRequest(id), TIMEOUT_MS)).reply.IPAllocationMetadata[0]?.IPv4Addr);
  }
  await cni.del(delRequest("b"), TIMEOUT_MS);
  cni.close();
  expect(await agent.stop()).toBe(true);
  expect(existsSync(made.path("g.sock"))).toBe(false);
  // As the reference could have written it: a time whose last digits no JavaScript number holds.
  const text = readFileSync(made.path("ipam.json"), "utf8").replace(
    /("containerID":"a".*?Timestamp":)\d+/,
    "$11767225600123456789",
  );
  writeFileSync(made.path("ipam.json"), text);
  await made.start();
  const after = client(made);
  for (const id of ["a", "c"]) {
    const again = await after.add(addRequest(id), TIMEOUT_MS);
    expect(again.reply.IPAllocationMetadata[0]?.IPv4Addr).toBe(held.get(id)!);
  }
  await after.add(addRequest("d"), TIMEOUT_MS);
  expect(readFileSync(made.path("ipam.json"), "utf8")).toContain('"allocationTimestamp":1767225600123456789');
});

test("an allocation under the reference's legacy key is released by its container [ipamd 2.4]", async () => {
  const made = await world();
  const agent = await made.start();
  const cni = client(made);
  const held = (await cni.add(addRequest("old"), TIMEOUT_MS)).reply.IPAllocationMetadata[0]?.IPv4Addr;
  cni.close();
  await agent.stop();
  const text = readFileSync(made.path("ipam.json"), "utf8")
    .replace('"networkName":"aws-cni"', '"networkName":"_migrated-from-cri"')
    .replace('"ifName":"eth0"', '"ifName":"unknown"');
  writeFileSync(made.path("ipam.json"), text);
  await made.start();
  const del = await client(made).del(delRequest("old"), TIMEOUT_MS);
  expect(del.IPAllocationMetadata[0]?.IPv4Addr).toBe(held!);
});

test("a checkpoint that cannot be understood is kept, named, and nothing is served [ipamd 6.2.1, 10.1#30]", async () => {
  for (const text of [
    "{",
    '{"version":"vpc-cni-ipam/2","allocations":[]}',
    `{"version":"vpc-cni-ipam/1","allocations":[${["a", "b"].map((id) => `{"networkName":"n","containerID":"${id}","ifName":"e","ipv4":"10.0.0.7","allocationTimestamp":1}`).join()}]}`,
  ]) {
    const made = await world();
    writeFileSync(made.path("ipam.json"), text);
    await expect(made.start()).rejects.toThrow(/ipam\.json.*unreadable-1/);
    expect(readFileSync(made.path("ipam.json"), "utf8")).toBe(text);
    expect(readFileSync(made.path("ipam.json.unreadable-1"), "utf8")).toBe(text);
    expect(existsSync(made.path("g.sock"))).toBe(false);
    await expect(made.start()).rejects.toThrow("unreadable-1");
    expect(readdirSync(made.folder).filter((name) => name.includes("unreadable"))).toHaveLength(1);
  }
});

test("a full disk: ADDs are refused with the reason, held addresses stay, and it goes on when there is room", async () => {
  const made = await world();
  const real = made.store;
  let isFull = false;
  made.store = {
    ...real,
    write: (content) => (isFull ? Promise.reject(new Error("ENOSPC: no space left")) : real.write(content)),
  };
  await made.start();
  const cni = client(made);
  const held = (await cni.add(addRequest("a"), TIMEOUT_MS)).reply.IPAllocationMetadata[0]?.IPv4Addr;
  isFull = true;
  const refused = await cni.add(addRequest("b"), TIMEOUT_MS);
  expect(refused).toMatchObject({ reply: { Success: false }, reason: "checkpoint-unwritable" });
  expect(refused.message).toContain("ENOSPC");
  expect(await failureOf(cni.del(delRequest("a"), TIMEOUT_MS))).toContain("ENOSPC");
  isFull = false;
  expect((await cni.add(addRequest("a"), TIMEOUT_MS)).reply.IPAllocationMetadata[0]?.IPv4Addr).toBe(held!);
  expect((await cni.add(addRequest("b"), TIMEOUT_MS)).reply.Success).toBe(true);
  const saved = JSON.parse(readFileSync(made.path("ipam.json"), "utf8")) as { allocations: unknown[] };
  expect(saved.allocations).toHaveLength(2);
});

test("a disk that does not come back: the ADD is refused by its deadline all the same, and its DEL frees the address [design I7]", async () => {
  const made = await world();
  const real = made.store;
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  made.store = { ...real, write: (content) => opened.then(() => real.write(content)) };
  await made.start();
  const cni = client(made);
  const refused = await cni.add(addRequest("a"), 500);
  expect(refused).toMatchObject({ reply: { Success: false }, reason: "checkpoint-unwritable" });
  const [answer] = await ask(made.path("s.sock"), line("add", "b", { timeoutMs: 500 }));
  expect(answer).toMatchObject({ ok: false, reason: "checkpoint-unwritable" });
  open();
  const freed = await cni.del(delRequest("a"), TIMEOUT_MS);
  expect(freed.Success).toBe(true);
  expect(refused.message).toContain(`${freed.IPAllocationMetadata[0]?.IPv4Addr} stays with this sandbox until its DEL`);
  expect((await ask(made.path("s.sock"), line("del", "b")))[0]).toMatchObject({ ok: true });
  const saved = JSON.parse(readFileSync(made.path("ipam.json"), "utf8")) as { allocations: unknown[] };
  expect(saved.allocations).toEqual([]);
});

test("a second agent leaves the first one's sockets alone and says so", async () => {
  const made = await world();
  await made.start();
  const error = await made.start().then(
    () => undefined,
    (reason: unknown) => reason as Error & { readonly next: string },
  );
  expect(error?.message).toContain("Another agent listens on");
  expect(error?.next).toContain("SLASH28_GRPC_SOCKET");
  expect((await client(made).add(addRequest("a"), TIMEOUT_MS)).reply.Success).toBe(true);
});

test("a port in use and a plain file in a socket's place are errors that name the variable", async () => {
  const made = await world();
  const busy = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
  await expect(made.start({ SLASH28_METRICS_ADDRESS: `127.0.0.1:${busy.port}` })).rejects.toMatchObject({
    message: expect.stringContaining(String(busy.port)),
    next: expect.stringContaining("SLASH28_METRICS_ADDRESS"),
  });
  busy.stop(true);
  writeFileSync(made.path("s.sock"), "mine");
  await expect(made.start()).rejects.toMatchObject({ next: expect.stringContaining("SLASH28_SOCKET") });
  expect(readFileSync(made.path("s.sock"), "utf8")).toBe("mine");
});

test("metadata away at start: the path that failed, and what to check; nothing is left listening", async () => {
  const made = await world();
  const away = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${made.emulator.port}/imds/i-none` };
  await expect(made.start(away)).rejects.toMatchObject({
    message: expect.stringContaining("metadata"),
    next: expect.stringContaining("metadata service"),
  });
  expect(existsSync(made.path("g.sock"))).toBe(false);
  expect(made.messages()).toContain("Initialization failure: ");
});

test("introspection shows pool and pods as the reference does; unknown paths list the commands [ipamd 9.2]", async () => {
  const made = await world();
  await made.start();
  const held = (await client(made).add(addRequest("a"), TIMEOUT_MS)).reply.IPAllocationMetadata[0]!.IPv4Addr;
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`http://agent${path}`, { unix: made.path("i.sock"), ...init });
  const enis = (await (await get("/v1/enis")).json()) as Record<string, { ENIs: Record<string, never> }>;
  expect(enis["0"]).toMatchObject({ TotalIPs: 16, AssignedIPs: 1 });
  const [eni] = Object.values(enis["0"]!.ENIs) as unknown as { AvailableIPv4Cidrs: Record<string, object> }[];
  expect(eni).toMatchObject({ IsPrimary: true, DeviceNumber: 0, RouteTableID: 254, IPv6Cidrs: {} });
  const [cidr] = Object.values(eni!.AvailableIPv4Cidrs);
  expect(cidr).toMatchObject({
    Cidr: { Mask: "////8A==" },
    IsPrefix: true,
    AddressFamily: "",
    IPAddresses: {
      [held]: {
        Address: held,
        IPAMKey: { networkName: "aws-cni", containerID: "", ifName: "" },
        IPAMMetadata: { k8sPodNamespace: "default", k8sPodName: "web-0", interfacesCount: 1 },
        AssignedTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/),
        UnassignedTime: "0001-01-01T00:00:00Z",
      },
    },
  });
  expect(await (await get("/v1/eni-configs")).json()).toBe("default");
  expect(await (await get("/v1/ipamd-env-settings")).json()).toMatchObject({ ENABLE_SUBNET_DISCOVERY: true });
  expect(await (await get("/v1/networkutils-env-settings")).json()).toMatchObject({ AWS_VPC_ENI_MTU: 9001 });
  const commands = (await (await get("/nothing")).json()) as { AvailableCommands: string[] };
  expect(commands.AvailableCommands).toContain("/v1/enis");
  expect((await get("/v1/enis", { method: "POST" })).status).toBe(405);
});

test("metrics carry the reference's names, and refusals by reason [ipamd 9.3]", async () => {
  const made = await world();
  const agent = await made.start();
  const cni = client(made);
  for (let i = 0; i < 18; i++) await cni.add(addRequest(`p${i}`), TIMEOUT_MS);
  await cni.del(delRequest("p0"), TIMEOUT_MS);
  const address = agent.metricsAddress;
  if (address?.kind !== "tcp") throw new Error("metrics are served over TCP here");
  const scrape = async () => (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
  await scrape();
  const text = await scrape();
  const value = (series: string) =>
    Number(
      text
        .split("\n")
        .find((row) => row.startsWith(`${series} `))
        ?.slice(series.length + 1),
    );
  expect(value("awscni_total_ip_addresses")).toBe(16);
  expect(value("awscni_assigned_ip_addresses")).toBe(15);
  expect(value("awscni_add_ip_req_count")).toBe(18);
  expect(value('awscni_del_ip_req_count{reason="PodDeleted"}')).toBe(1);
  expect(value("awscni_no_available_ip_addresses")).toBe(2);
  expect(value('slash28_add_refusals_total{reason="pool-growing"}')).toBe(2);
  expect(value('slash28_addresses{state="cooling"}')).toBe(1);
  expect(value("slash28_free_prefixes")).toBe(0);
  expect(value('awscni_ec2api_req_count{fn="AssignPrivateIpAddresses"}')).toBe(1);
  expect(value('slash28_ec2_calls_total{action="AssignPrivateIpAddresses",outcome="done"}')).toBe(1);
  expect(value('slash28_build_info{version="9.9.9",policy="vpc-cni"}')).toBe(1);
  expect((await fetch(`http://127.0.0.1:${address.port}/`)).status).toBe(404);
});

const POD_ENI = "vpc.amazonaws.com/pod-eni";

function podWith(annotation: object[] | undefined, limits: string[]): unknown {
  const annotations = annotation === undefined ? {} : { [POD_ENI]: JSON.stringify(annotation) };
  const pod = { namespace: "default", name: "web-0", uid: "uid-1", annotations, limits };
  return { node: { name: "node-1", maxPods: 110 }, pods: [pod] };
}

test("security groups for pods: pods without the limit are served, with it they wait for trunk and branch [ipamd 3.3.2]", async () => {
  const made = await world();
  made.facts = podWith(undefined, []);
  await made.start({ ENABLE_POD_ENI: "true" });
  const cni = client(made);
  expect((await cni.add(addRequest("plain"), TIMEOUT_MS)).reply.Success).toBe(true);
  // If the pod cannot be read, every pod's ADD fails, with security groups or without.
  const unknown = await cni.add(addRequest("x", { K8S_POD_NAME: "nobody" }), TIMEOUT_MS);
  expect(unknown).toMatchObject({ reply: { Success: false }, reason: "branch-eni-not-ready" });
  const branch = {
    eniId: "eni-1",
    ifAddress: "02:0A:00:00:00:01",
    privateIp: "10.0.1.7",
    vlanID: 3,
    subnetCidr: "10.0.1.0/24",
  };
  made.facts = podWith([branch], [POD_ENI]);
  writeFileSync(made.path("facts.json"), JSON.stringify(made.facts));
  const waiting = await cni.add(addRequest("y"), TIMEOUT_MS);
  expect(waiting).toMatchObject({ reply: { Success: false }, reason: "branch-eni-not-ready" });
  expect(waiting.message).toContain("no trunk ENI");
  // DEL of what the pool does not know: the branch is named; another UID is refused; a pod that is gone is done.
  expect(await cni.del(delRequest("y"), TIMEOUT_MS)).toMatchObject({
    Success: true,
    PodVlanId: 3,
    IPAllocationMetadata: [{ IPv4Addr: "10.0.1.7" }],
  });
  expect(await failureOf(cni.del(delRequest("y", { K8S_POD_UID: "uid-2" }), TIMEOUT_MS))).toContain("pod UID mismatch");
  expect((await cni.del(delRequest("y", { K8S_POD_NAME: "nobody" }), TIMEOUT_MS)).Success).toBe(true);
});

test("stop answers what is under way, then nothing listens any more [ipamd 6.7]", async () => {
  const made = await world();
  const real = made.store;
  made.store = {
    ...real,
    async write(content) {
      await Bun.sleep(60);
      await real.write(content);
    },
  };
  const agent = await made.start();
  const cni = client(made);
  const pending = cni.add(addRequest("a"), TIMEOUT_MS);
  await Bun.sleep(20);
  const stopped = agent.stop();
  expect((await pending).reply.Success).toBe(true);
  expect(await stopped).toBe(true);
  expect(readFileSync(made.path("ipam.json"), "utf8")).toContain('"containerID":"a"');
  expect(made.messages()).toContain("Received shutdown signal, setting 'terminating' to true");
  await expect(ask(made.path("s.sock"), line("add", "b"))).rejects.toThrow();
});

test("a waiting ADD: no longer than the agent's deadline nor than its caller allows; metrics show it; stopping answers it [design I7]", async () => {
  const made = await world();
  made.keeper = new AddKeeper();
  const agent = await made.start({ SLASH28_ADD_DEADLINE: "20" });
  const cni = client(made);
  const patient = cni.add(addRequest("patient"), 60_000);
  const hasty = cni.add(addRequest("hasty"), 5_000);
  const lines = ask(made.path("s.sock"), line("add", "json", { timeoutMs: 3_000 }));
  await until(() => made.keeper!.count("allocate") === 3);
  const [first, second, third] = made.keeper.patience().sort((a, b) => b - a) as [number, number, number];
  expect(Math.round(first)).toBe(20_000);
  expect(second).toBeGreaterThan(4_000);
  expect(second).toBeLessThan(4_950);
  expect(Math.round(third)).toBe(2_900);
  const address = agent.metricsAddress;
  if (address?.kind !== "tcp") throw new Error("metrics are served over TCP here");
  const text = await (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
  expect(text).toContain("\nslash28_adds_waiting 3\n");
  expect(await agent.stop()).toBe(true);
  for (const answer of await Promise.all([patient, hasty])) expect(answer.reason).toBe("stopping");
  expect(await lines).toMatchObject([{ ok: false, reason: "stopping" }]);
});

test("a caller that hangs up gives its waiting ADD back, on either socket", async () => {
  const made = await world();
  made.keeper = new AddKeeper();
  const agent = await made.start();
  const cni = client(made);
  const hangsUp = failureOf(cni.add(addRequest("rpc"), 300));
  const socket = connect(made.path("s.sock"), () => socket.write(line("add", "json")));
  await until(() => made.keeper!.count("allocate") === 2);
  socket.destroy();
  expect(await hangsUp).toContain("DEADLINE_EXCEEDED");
  await until(() => made.keeper!.count("abandoned") === 2);
  expect(await agent.stop()).toBe(true);
});

test("the engine hears at once how many pods are bound and how many nodes there are, and again with each change", async () => {
  const made = await world();
  made.keeper = new AddKeeper();
  const pods = (count: number) => Array.from({ length: count }, (_, i) => ({ namespace: "default", name: `p${i}` }));
  const node = { name: "node-1", maxPods: 110 };
  made.facts = { node, cluster: { nodeCount: 7 }, pods: pods(3) };
  await made.start();
  const told = () =>
    made.keeper!.inputs.flatMap((input) => {
      if (input.kind === "started") return [`${input.facts.clusterNodeCount} nodes`];
      if (input.kind === "nodeChanged") return [`${input.state.clusterNodeCount} nodes`];
      return input.kind === "podsBound" ? [`${input.count} pods`] : [];
    });
  expect(made.keeper.inputs.slice(0, 2).map((input) => input.kind)).toEqual(["started", "podsBound"]);
  writeFileSync(made.path("facts.json"), JSON.stringify({ node, cluster: { nodeCount: 7 }, pods: pods(56) }));
  await until(() => told().length === 3);
  writeFileSync(made.path("facts.json"), JSON.stringify({ node, cluster: { nodeCount: 8 }, pods: pods(56) }));
  await until(() => told().length === 4);
  expect(told()).toEqual(["7 nodes", "3 pods", "56 pods", "8 nodes"]);
});

/** An agent under policy slash28 whose stock of 16 is taken, and whose next calls for more take `slowMs`. */
async function fullNode(slowMs: number, env: Readonly<Record<string, string>> = {}) {
  const made = await world();
  const agent = await made.start({ SLASH28_POLICY: "slash28", ...env });
  const cni = client(made);
  const first = await Promise.all(Array.from({ length: 16 }, (_, i) => cni.add(addRequest(`first-${i}`), TIMEOUT_MS)));
  expect(first.filter(({ reply }) => !reply.Success)).toEqual([]);
  // Whatever stock follows is on its way slowly.
  const slow = { op: "delay", ms: slowMs, times: 99 } as const;
  expect(made.vpc.vpc.control(slow, performance.now())).toMatchObject({ ok: true });
  const held = async () => {
    const answer = await fetch("http://agent/v1/enis", { unix: made.path("i.sock") });
    const card = ((await answer.json()) as Record<string, { TotalIPs: number; AssignedIPs: number }>)["0"];
    return { total: card?.TotalIPs ?? 0, assigned: card?.AssignedIPs ?? 0 };
  };
  // What came before the slowness is taken, too: then the next ADD waits.
  for (let i = 0; (await held()).total > (await held()).assigned; i++)
    await cni.add(addRequest(`more-${i}`), TIMEOUT_MS);
  return { made, agent, cni };
}

test("slash28: an ADD waits for the prefix on its way, is counted meanwhile, and gets its address", async () => {
  const { agent, cni } = await fullNode(300);
  const address = agent.metricsAddress;
  if (address?.kind !== "tcp") throw new Error("metrics are served over TCP here");
  const metrics = async () => (await fetch(`http://127.0.0.1:${address.port}/metrics`)).text();
  const served = async () =>
    Number(/add_wait_seconds_count\{outcome="allocated"\} (\d+)/.exec(await metrics())?.[1] ?? 0);
  const servedBefore = await served();
  const waiting = [cni.add(addRequest("a"), TIMEOUT_MS), cni.add(addRequest("b"), TIMEOUT_MS)];
  const startMs = performance.now();
  while (!(await metrics()).includes("\nslash28_adds_waiting 2\n")) {
    if (performance.now() - startMs > 5_000) throw new Error("nobody waits");
  }
  for (const answer of await Promise.all(waiting)) expect(answer.reply.Success).toBe(true);
  expect(await metrics()).toContain("\nslash28_adds_waiting 0\n");
  expect((await served()) - servedBefore).toBe(2);
});

test("slash28: a wait ends at the deadline with its reason, by a DEL of the same sandbox, or when the agent stops", async () => {
  const { made, agent, cni } = await fullNode(8_000, { SLASH28_ADD_DEADLINE: "1" });
  const startMs = performance.now();
  const late = await cni.add(addRequest("late"), TIMEOUT_MS);
  const waitedMs = performance.now() - startMs;
  expect(late).toMatchObject({ reply: { Success: false }, reason: "pool-growing" });
  expect(waitedMs).toBeGreaterThan(900);
  expect(waitedMs).toBeLessThan(3_000);
  const deleted = ask(made.path("s.sock"), line("add", "deleted"));
  await Bun.sleep(100);
  expect(await ask(made.path("s.sock"), line("del", "deleted"))).toEqual([{ v: 1, ok: true, address: null, left: [] }]);
  expect(await deleted).toMatchObject([{ ok: false, reason: "invalid-request" }]);
  const stopped = cni.add(addRequest("stopped"), TIMEOUT_MS);
  await Bun.sleep(100);
  const stopMs = performance.now();
  expect(await agent.stop()).toBe(true);
  expect(await stopped).toMatchObject({ reply: { Success: false }, reason: "stopping" });
  expect(performance.now() - stopMs).toBeLessThan(900);
});
