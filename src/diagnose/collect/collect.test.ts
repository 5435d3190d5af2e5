// From what people hand over to facts: bundles of all layouts, rotated logs, folders of several nodes, EC2 dumps beside them.

import { afterAll, describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import type { Facts } from "../facts/model.ts";
import { type CollectProgress, collect } from "./index.ts";
import { firstTimeIn } from "./log-sets.ts";
import { agentLine, agentLog, caseFolder, type TarEntry, tarOf } from "./testing/case-folder.ts";

const folder = caseFolder();
afterAll(() => folder.remove());

const ID = "i-0aaaaaaaaaaaaaaaa";
const NAME = `eks_${ID}_2026-01-02_0304-UTC_0.7.8`;

/** Three copies, told apart by the version that each starts with, and by their time alone. */
const oldest = `${agentLine(0, "Starting L-IPAMD v1.18.1  ...")}${agentLog(1, 40)}`;
const middle = `${agentLine(100, "Starting L-IPAMD v1.18.2  ...")}${agentLog(101, 40)}`;
const newest = `${agentLine(200, "Starting L-IPAMD v1.18.3  ...")}${agentLog(201, 40)}`;

function bundle(): TarEntry[] {
  return [
    { name: "./system/instance-id.txt", content: `${ID}\n` },
    { name: "./system/availability-zone.txt", content: "us-west-2b\n" },
    { name: "./system/ps.txt", content: "ipamd is mentioned here\n" },
    { name: "./var_log/aws-routed-eni/ipamd.log", content: newest },
    { name: "./var_log/aws-routed-eni/ipamd-2026-01-01T00-40-00.000.log.gz", content: gzipSync(oldest) },
    { name: "./var_log/aws-routed-eni/ipamd-2026-01-01T02-20-00.000.log.gz", content: gzipSync(middle) },
    { name: "./var_log/cloud-init-output.log", content: "ENI and nothing else\n" },
    { name: "./var_log/secure", content: "sshd ENI InvalidParameterValue\n" },
    { name: "./ipamd/enis.json", content: "" },
    { name: "./ipamd/pods.json", content: '{"AvailableCommands":["/v1/enis"]}' },
    { name: "./ipamd/metrics.json", content: "# TYPE awscni_eni_max gauge\nawscni_eni_max 3\n" },
    { name: "./ipamd/ipam.json", content: '{"version":"vpc-cni-ipam/1","allocations":[]}' },
    { name: "./networking/iptables-save.txt", content: "*nat\n-A AWS-SNAT-CHAIN-0\n" },
    { name: "./storage/mounts.txt", content: "nothing\n" },
  ];
}

const versionsOf = (facts: Facts): string[] =>
  facts.logs.flatMap((log) => log.starts.map(({ version }) => version ?? "?"));

async function packedBundle(name: string, entries = bundle()): Promise<string> {
  return folder.put(name, gzipSync(await tarOf(entries)));
}

describe("recognition", () => {
  test("a log that quotes settings and answers is a log", async () => {
    const text = `${agentLine(0, "Using WARM_IP_TARGET 20")}${agentLine(1, 'env {"ENABLE_PREFIX_DELEGATION": "true"} name: WARM_ENI_TARGET')}`;
    const facts = await collect({ paths: [await folder.put("quoting/ipamd.log", text)] });
    expect(facts.read.map((one) => one.kind)).toEqual(["log excerpt"]);
  });

  const EVENTS = `Events:
  Type     Reason                  Age               From               Message
  ----     ------                  ----              ----               -------
  Normal   Scheduled               90s               default-scheduler  Successfully assigned shop/web-1 to ip-10-0-1-23
  Warning  FailedCreatePodSandBox  5s (x4 over 60s)  kubelet            Failed to create pod sandbox: plugin type="aws-cni" failed (add): add cmd: failed to assign an IP address to container
`;

  test.each([
    ["alone", "alone.txt", EVENTS, ["kubectl output"]],
    ["below some words", "words.txt", `my pod hangs, WARM_IP_TARGET=5:\n${EVENTS}`, ["kubectl output", "log excerpt"]],
    [
      "before lines of a log",
      "lines.txt",
      `${EVENTS}${agentLine(0, "Reconciling ENI/IP pool info")}`,
      ["kubectl output", "log excerpt"],
    ],
    ["between fences", "fences.txt", `WARM_IP_TARGET=5\n\`\`\`\n${EVENTS}\`\`\`\n`, ["kubectl output", "log excerpt"]],
  ])("the events of a description, pasted %s, count as kubectl counted them", async (_, name, text, kinds) => {
    const facts = await collect({ paths: [await folder.put(`events/${name}`, text)] });
    expect(facts.read.map((one) => one.kind).sort()).toEqual([...kinds].sort());
    const refusals = facts.sightings.filter((one) => one.signal === "add-refused");
    expect(refusals.map((one) => [one.pod, one.node, one.occurrences.count])).toEqual([
      ["shop/web-1", "ip-10-0-1-23", 4],
    ]);
    if (text.includes("WARM_IP_TARGET"))
      expect(facts.settings.flatMap((one) => one.env.map((entry) => entry.name))).toEqual(["WARM_IP_TARGET"]);
  });
});

describe("support bundles", () => {
  test("the conflist of a bundle is its node's", async () => {
    const content = '{"cniVersion":"0.4.0","name":"aws-cni","plugins":[{"type":"aws-cni","mtu":"9001"}]}';
    const entries = [...bundle(), { name: "./cni/10-aws.conflist", content }];
    const facts = await collect({ paths: [await packedBundle(`conflist/${NAME}.tar.gz`, entries)] });
    expect(facts.conflists).toMatchObject([{ name: "aws-cni", node: ID, plugins: [{ mtu: { value: "9001" } }] }]);
    expect(facts.unread).toEqual([]);
  });

  test("one bundle: its node, its logs in the order of their times, its pages; no word about what is not needed", async () => {
    const path = await packedBundle(`one/${NAME}.tar.gz`);
    const facts = await collect({ paths: [path] });
    expect(facts.unread).toEqual([]);
    expect(facts.nodes.map(({ key, instanceId, zone }) => [key, instanceId, zone])).toEqual([[ID, ID, "us-west-2b"]]);
    expect(facts.region).toBe("us-west-2");
    expect(facts.logs).toHaveLength(1);
    expect(facts.logs[0]?.node).toBe(ID);
    expect(versionsOf(facts)).toEqual(["v1.18.1", "v1.18.2", "v1.18.3"]);
    expect(facts.logs[0]?.isExcerpt).toBe(false);
    expect(facts.introspection.map(({ node, isEmpty }) => [node, isEmpty])).toEqual([[ID, true]]);
    expect(facts.metrics.map(({ node }) => node)).toEqual([ID]);
    expect(facts.checkpoints.map(({ node, problem }) => [node, problem])).toEqual([[ID, undefined]]);
    expect(facts.read.at(-1)).toEqual({ file: "bundles", kind: "6 files of bundles not needed" });
  });

  test("the same unpacked, whatever the folder is called", async () => {
    for (const entry of bundle())
      if ("content" in entry) folder.put(`unpacked/case-7/${entry.name.slice(2)}`, entry.content);
    const facts = await collect({ paths: [`${folder.path}/unpacked`] });
    expect(facts.unread).toEqual([]);
    expect(facts.nodes.map(({ key }) => key)).toEqual([ID]);
    expect(facts.logs.map(({ node }) => node)).toEqual([ID]);
    expect(versionsOf(facts)).toEqual(["v1.18.1", "v1.18.2", "v1.18.3"]);
    expect(facts.checkpoints.map(({ node }) => node)).toEqual([ID]);
  });

  test("a bundle's node is told by its name, whatever hosts its files are named after", async () => {
    const name = "var_log/aws-routed-eni/ip-10-9-9-9.log";
    const facts = await collect({ paths: [await packedBundle(`named/${NAME}.tar.gz`, [{ name, content: newest }])] });
    expect(facts.logs.map((log) => log.node)).toEqual([ID]);
  });

  test("a bundle from before v1.6.1: rooted at var/log/aws-routed-eni, the pages called .out", async () => {
    const root = "var/log/aws-routed-eni";
    const path = await packedBundle("old/node-seven.tar.gz", [
      { name: `${root}/ipamd.log.2026-01-01-00`, content: oldest },
      { name: `${root}/ipamd.log.2026-01-01-03`, content: newest },
      { name: `${root}/eni.out`, content: '{"TotalIPs":5,"AssignedIPs":1,"ENIIPPools":{}}' },
      { name: `${root}/metrics.out`, content: "awscni_total_ip_addresses 5\n" },
      { name: `${root}/ifconfig.out`, content: "eth0: flags\n" },
    ]);
    const facts = await collect({ paths: [path] });
    expect(versionsOf(facts)).toEqual(["v1.18.1", "v1.18.3"]);
    expect(facts.logs[0]?.node).toBe("node-seven");
    expect(facts.introspection.map(({ node, totalCount }) => [node, totalCount])).toEqual([["node-seven", 5]]);
    expect(facts.metrics[0]?.samples).toHaveLength(1);
    expect(facts.unread).toEqual([]);
  });

  test("a set of bundles, also in one archive: each node by itself, progress to the end", async () => {
    const ids = ["i-0bbbbbbbbbbbbbbb1", "i-0bbbbbbbbbbbbbbb2", "i-0bbbbbbbbbbbbbbb3"];
    const inner: TarEntry[] = [];
    for (const id of ids) {
      const entries = bundle().map((entry) =>
        entry.name.endsWith("instance-id.txt") ? { name: entry.name, content: id } : entry,
      );
      const packed = gzipSync(await tarOf(entries));
      folder.put(`set/eks_${id}_2026-01-02_0304-UTC_0.7.8.tar.gz`, packed);
      inner.push({ name: `eks_${id}_2026-01-02_0304-UTC_0.7.8.tar.gz`, content: packed });
    }
    const seen: CollectProgress[] = [];
    const facts = await collect({ paths: [`${folder.path}/set`], onProgress: (progress) => seen.push(progress) });
    expect(facts.logs.map(({ node }) => node)).toEqual(ids);
    expect(facts.nodes.map(({ key }) => key)).toEqual(ids);
    expect([...new Set(seen.map(({ done, total }) => `${done}/${total}`))]).toEqual(["0/3", "1/3", "2/3", "3/3"]);
    const bytes = seen.map((one) => one.doneBytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(seen.at(-1)?.doneBytes).toBe(seen.at(-1)?.totalBytes);
    const together = await collect({ paths: [folder.put("all.tar", await tarOf(inner))] });
    expect(together.logs.map(({ node, starts }) => [node, starts.length])).toEqual(ids.map((id) => [id, 3]));
  });

  test("an archive of folders: each unpacked bundle, and each folder with an agent's log, is a node", async () => {
    const entries: TarEntry[] = [
      { name: "case/east/ipamd.log", content: newest },
      { name: "case/west/aws-routed-eni/ipamd.log", content: newest },
    ];
    for (const name of ["north", "south"]) {
      entries.push(
        { name: `case/${name}/ipamd/metrics.json`, content: "awscni_eni_max 3\n" },
        { name: `case/${name}/var_log/aws-routed-eni/ipamd.log`, content: newest },
      );
    }
    const facts = await collect({ paths: [await packedBundle("folders.tgz", entries)] });
    expect(facts.logs.map((log) => log.node)).toEqual(["east", "west", "north", "south"]);
    expect(facts.metrics.map(({ node }) => node)).toEqual(["north", "south"]);
  });

  test("logs larger than may be held are found again in the archive, in the same order", async () => {
    const path = await packedBundle(`large/${NAME}.tar.gz`);
    const facts = await collect({ paths: [path], bounds: { heldBytesMax: 2000 } });
    expect(versionsOf(facts)).toEqual(["v1.18.1", "v1.18.2", "v1.18.3"]);
    expect(facts.unread).toEqual([]);
  });
});

describe("folders", () => {
  test("a folder for each node, as `slash28 up` keeps them, beside cluster and EC2 dumps", async () => {
    folder.put("kept/nodes/node-a/ipamd.log", newest);
    folder.put("kept/nodes/node-b/ipamd.log", newest);
    folder.put("kept/ec2/describe-subnets.json", JSON.stringify({ Subnets: [{ SubnetId: "subnet-0a" }] }));
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-a" }, status: { capacity: { pods: "29" } } };
    folder.put("kept/nodes.json", JSON.stringify({ apiVersion: "v1", kind: "List", items: [node] }));
    const facts = await collect({ paths: [`${folder.path}/kept`] });
    expect(facts.logs.map((log) => log.node)).toEqual(["node-a", "node-b"]);
    expect(facts.subnets).toHaveLength(1);
    expect(facts.nodes.map(({ key, maxPods }) => [key, maxPods?.value])).toEqual([["node-a", 29]]);
  });

  test("folders that hold an agent's log name the node; a folder called logs does not", async () => {
    folder.put("two/left/ipamd.log", newest);
    folder.put("two/right/aws-routed-eni/ipamd.log", newest);
    const two = await collect({ paths: [`${folder.path}/two`] });
    expect(two.logs.map((log) => log.node)).toEqual(["left", "right"]);
    const path = folder.put("one-log/logs/ipamd.log", newest);
    expect((await collect({ paths: [dirname(path)] })).logs[0]?.node).toBeUndefined();
  });

  test("rotated copies side by side are one log, other logs are not mixed in", async () => {
    folder.put("rotated/ipamd.log", newest);
    folder.put("rotated/ipamd-2026-01-01T00-40-00.000.log.gz", gzipSync(oldest));
    folder.put("rotated/ipamd.log.1", middle);
    folder.put("rotated/ip-10-0-1-2.us-west-2.compute.internal.log", newest);
    const facts = await collect({ paths: [`${folder.path}/rotated`] });
    const starts = facts.logs.map((log) => [log.node, log.starts.map(({ version }) => version)]);
    expect(starts).toEqual([
      ["ip-10-0-1-2.us-west-2.compute.internal", ["v1.18.3"]],
      [undefined, ["v1.18.1", "v1.18.2", "v1.18.3"]],
    ]);
  });

  test("the same paths give the same facts, whatever finishes first", async () => {
    const paths = [`${folder.path}/set`, `${folder.path}/kept`];
    const [first, second] = [await collect({ paths }), await collect({ paths })];
    expect(JSON.stringify(first)).toBe(JSON.stringify(second));
  });
});

describe("what EC2 describes wholly", () => {
  const SUBNET = { SubnetId: "subnet-0a", CidrBlock: "10.0.0.0/24", AvailableIpAddressCount: 233 };
  const eni = (id: string, addresses: readonly string[], prefixes: readonly string[] = []) => ({
    NetworkInterfaceId: id,
    SubnetId: "subnet-0a",
    PrivateIpAddress: addresses[0],
    PrivateIpAddresses: addresses.map((PrivateIpAddress) => ({ PrivateIpAddress })),
    Ipv4Prefixes: prefixes.map((Ipv4Prefix) => ({ Ipv4Prefix })),
  });
  const all = [eni("eni-0a", ["10.0.0.10"], ["10.0.0.64/28"]), eni("eni-0b", ["10.0.0.11"])];
  const put = (name: string, enis: readonly object[], subnet: object = SUBNET): string => {
    folder.put(`${name}/subnets.json`, JSON.stringify({ Subnets: [subnet] }));
    return dirname(folder.put(`${name}/enis.json`, JSON.stringify({ NetworkInterfaces: enis })));
  };

  test("ENIs that account for every used address are all there are", async () => {
    expect((await collect({ paths: [put("whole", all)] })).wholeSubnets).toEqual(["subnet-0a"]);
  });

  test("a filtered list is not whole, and it is said how to get a whole one", async () => {
    const facts = await collect({ paths: [put("filtered", all.slice(1))] });
    expect(facts.wholeSubnets).toEqual([]);
    expect(facts.unread).toHaveLength(1);
    expect(facts.unread[0]?.next).toContain("--filters Name=subnet-id,Values=subnet-0a");
  });

  test("without the subnet's own count nothing is proved", async () => {
    const facts = await collect({
      paths: [put("countless", all, { SubnetId: "subnet-0a", CidrBlock: "10.0.0.0/24" })],
    });
    expect(facts.wholeSubnets).toEqual([]);
  });

  test("an empty subnet is whole by its count alone", async () => {
    const facts = await collect({ paths: [put("empty", [], { ...SUBNET, AvailableIpAddressCount: 251 })] });
    expect(facts.wholeSubnets).toEqual(["subnet-0a"]);
    expect(facts.unread).toEqual([]);
  });

  test("a dump given twice counts once; one that says otherwise is told", async () => {
    const path = put("twice", all);
    folder.put("twice/again.json", JSON.stringify({ NetworkInterfaces: all }));
    const facts = await collect({ paths: [path] });
    expect(facts.enis.map(({ id }) => id)).toEqual(["eni-0a", "eni-0b"]);
    expect(facts.wholeSubnets).toEqual(["subnet-0a"]);
    expect(facts.unread).toEqual([]);
    folder.put("twice/later.json", JSON.stringify({ NetworkInterfaces: [eni("eni-0b", ["10.0.0.12"])] }));
    const changed = await collect({ paths: [path] });
    expect(changed.unread.map(({ reason }) => reason).join()).toContain("describes eni-0b otherwise");
  });
});

test("a pod that two files tell of is one pod, an ENIConfig's bare name adds nothing to its description", async () => {
  const pod = (status: object, spec: object = {}): string =>
    JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "default", name: "web-0" }, spec, status });
  folder.put("pods/a.json", pod({ phase: "Running" }));
  folder.put("pods/b.json", pod({ phase: "Pending", podIP: "10.0.0.5" }, { hostNetwork: true, nodeName: "node-a" }));
  folder.put("pods/ipamd/eni-configs.json", '"us-west-2a"\n');
  const spec = { subnet: "subnet-0a", securityGroups: [] };
  const config = {
    apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
    kind: "ENIConfig",
    metadata: { name: "us-west-2a" },
    spec,
  };
  folder.put("pods/z.json", JSON.stringify(config));
  const facts = await collect({ paths: [`${folder.path}/pods`] });
  const seen = facts.pods.map(({ phase, address, node, isHostNetwork }) => [phase, address, node, isHostNetwork]);
  expect(seen).toEqual([["Running", "10.0.0.5", "node-a", true]]);
  expect(facts.eniConfigs.map(({ name, subnetId }) => [name, subnetId?.value])).toEqual([["us-west-2a", "subnet-0a"]]);
});

test("the time of a log is that of its first dated line, in UTC where no zone stands", () => {
  const at = Date.UTC(2026, 0, 2, 3, 4, 5);
  expect(firstTimeIn('cut off"}\n{"level":"info","ts":"2026-01-02T03:04:05.000Z","msg":"x"}')).toBe(at);
  expect(firstTimeIn("2026-01-02T03:04:05Z [INFO] x")).toBe(at);
  expect(firstTimeIn('time="2026-01-02T05:04:05+02:00" level=info')).toBe(at);
  expect(firstTimeIn("2026-01-02 03:04:05,000 x")).toBe(at);
  expect(firstTimeIn("no time at all")).toBeUndefined();
});
