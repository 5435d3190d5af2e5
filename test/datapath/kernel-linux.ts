// The netlink driver on a real kernel, held against iproute2: what we make, `ip` shows; what `ip` makes, we read. Started by
// src/drivers/kernel-linux.test.ts inside namespaces of its own; the process is root there and nowhere else.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatIpv4, parseCidr, parseIpv4 } from "../../src/base/ipv4.ts";
import { type LinuxKernel, linuxKernel } from "../../src/drivers/kernel-linux.ts";
import { type Libc, openLibc } from "../../src/drivers/libc.ts";
import { EEXIST, EINVAL, ENODEV, ENOENT, EOPNOTSUPP, EPERM, ESRCH } from "../../src/netlink/errno.ts";
import { KernelError, type Netlink } from "../../src/netlink/kernel.ts";
import type { Change, RouteSpec } from "../../src/netlink/types.ts";
import { makeNamespace, talk } from "./netns.ts";
import { run } from "./run.ts";

const address = (text: string) => parseIpv4(text)!;
const cidr = (text: string) => parseCidr(text)!;
const folder = mkdtempSync(join(tmpdir(), "slash28-kernel-"));
const podPath = join(folder, "pod");
let kernel: LinuxKernel;

/** What `ip -j` shows, in the node's namespace or in the pod's. */
function shown(where: "node" | "pod", ...args: string[]): Record<string, unknown>[] {
  const command = ["ip", "-j", "-d", ...args];
  const text = where === "node" ? run(...command) : run("nsenter", `--net=${podPath}`, ...command);
  return JSON.parse(text === "" ? "[]" : text) as Record<string, unknown>[];
}

function ip(where: "node" | "pod", args: string): void {
  const command = ["ip", ...args.split(" ")];
  run(...(where === "node" ? command : ["nsenter", `--net=${podPath}`, ...command]));
}

function applied(netlink: Netlink, changes: readonly Change[]): void {
  const results = netlink.apply(changes);
  expect(results.map((result, i) => ({ ...changes[i], ...result }))).toEqual(
    changes.map((change) => ({ ...change, errno: 0, message: "" })),
  );
}

/** Ended children's pipes are closed some time later by Bun, so one count more or less says nothing: thirty repetitions do. */
function expectNoDescriptorLeft(action: () => void): void {
  const openFileCount = () => readdirSync("/proc/self/fd").length;
  const before = openFileCount();
  for (let i = 0; i < 30; i++) action();
  expect(openFileCount() - before).toBeLessThan(15);
}

const presentNamespace = () => readlinkSync("/proc/thread-self/ns/net");
const route = (spec: Partial<RouteSpec>): RouteSpec => ({
  ...{ table: 254, destination: cidr("0.0.0.0/0"), linkIndex: 1, scope: "link" },
  ...spec,
});

beforeAll(() => {
  // unshare has made this process's mounts private already.
  makeNamespace(podPath);
  kernel = linuxKernel({});
});

afterAll(() => {
  kernel.close();
  run("umount", "--lazy", podPath);
  rmSync(folder, { recursive: true, force: true });
});

describe("a pod's wiring, made by us, as ip shows it", () => {
  const hostName = "eni0d7763386da";
  const hostMac = "2a:09:74:cd:c4:63";

  test("the veth, its peer born in the pod's namespace, no queue on either end", () => {
    const pod = kernel.openNamespace(podPath);
    const peer = { name: "eth0", namespaceFd: pod.fd };
    applied(kernel.host, [
      { change: "addVeth", name: hostName, mac: hostMac, mtu: 9001, peer },
      { change: "setLink", link: hostName, alias: "slash28 aws-cni/0a1b/eth0 default/web-0" },
    ]);
    const [host] = shown("node", "link", "show", hostName);
    expect(host).toMatchObject({
      ...{ ifname: hostName, address: hostMac, mtu: 9001, flags: ["BROADCAST", "MULTICAST"] },
      ...{ ifalias: "slash28 aws-cni/0a1b/eth0 default/web-0", linkinfo: { info_kind: "veth" } },
    });
    expect(host).not.toHaveProperty("txqlen", 1000);
    const [eth0] = shown("pod", "link", "show", "eth0");
    expect(eth0).toMatchObject({ ifname: "eth0", mtu: 9001, linkinfo: { info_kind: "veth" } });
    expect(eth0).not.toHaveProperty("txqlen", 1000);

    const ours = kernel.host.link(hostName)!;
    const theirs = pod.netlink.link("eth0")!;
    expect(ours).toEqual({
      ...{ index: host!["ifindex"] as number, name: hostName, mac: hostMac, mtu: 9001, isUp: false },
      ...{ kind: "veth", parentIndex: theirs.index, vlanId: 0, txQueueLength: 0 },
      alias: "slash28 aws-cni/0a1b/eth0 default/web-0",
    });
    expect(theirs.mac).toBe(eth0!["address"] as string);
    pod.close();
  });

  test("inside the pod", () => {
    const pod = kernel.openNamespace(podPath);
    const { index } = pod.netlink.link("eth0")!;
    const gateway = address("169.254.1.1");
    applied(pod.netlink, [
      { change: "setLink", link: "lo", isUp: true },
      { change: "setLink", link: index, isUp: true },
      { change: "replaceRoute", route: route({ destination: cidr("169.254.1.1/32"), linkIndex: index }) },
      { change: "addRoute", route: route({ gateway, linkIndex: index, scope: "universe" }) },
      { change: "addAddress", linkIndex: index, address: address("10.0.101.5"), prefixLength: 32, hasBroadcast: false },
      { change: "setNeighbour", linkIndex: index, address: gateway, mac: hostMac },
    ]);
    applied(kernel.host, [{ change: "setLink", link: hostName, isUp: true }]);
    // The kernel notices the carrier a moment later.
    for (let i = 0; i < 300 && shown("pod", "link", "show", "eth0")[0]!["operstate"] !== "UP"; i++) Bun.sleepSync(10);
    const plain = { dev: "eth0", protocol: "boot", type: "unicast", flags: [] };
    expect(shown("pod", "route")).toEqual([
      { ...plain, dst: "default", gateway: "169.254.1.1", scope: "global" },
      { ...plain, dst: "169.254.1.1", scope: "link" },
    ]);
    expect(shown("pod", "neigh")).toMatchObject([{ dst: "169.254.1.1", lladdr: hostMac, state: ["PERMANENT"] }]);
    const [eth0] = shown("pod", "-4", "addr", "show", "eth0");
    expect(eth0).toMatchObject({ addr_info: [{ local: "10.0.101.5", prefixlen: 32, scope: "global" }] });
    expect(eth0!["flags"]).toContain("LOWER_UP");
    expect(eth0!["operstate"]).toBe("UP");
    pod.close();
  });

  test("on the node: the host route, every kind of rule, a table above 255", () => {
    const { index } = kernel.host.link(hostName)!;
    applied(kernel.host, [
      { change: "replaceRoute", route: route({ destination: cidr("10.0.101.5/32"), linkIndex: index }) },
      { change: "replaceRoute", route: route({ table: 10101, linkIndex: index }) },
      { change: "addRule", rule: { priority: 512, table: 254, to: cidr("10.0.101.5/32") } },
      { change: "addRule", rule: { priority: 1024, table: 254, mark: { value: 0x80, mask: 0x80 } } },
      { change: "addRule", rule: { priority: 1536, table: 10101, from: cidr("10.0.101.5/32") } },
      { change: "addRule", rule: { priority: 10, table: 105, inInterface: hostName } },
      { change: "addRule", rule: { priority: 20, table: 255 } },
      { change: "deleteRule", rule: { priority: 0, table: 255 } },
    ]);
    expect(run("ip", "rule")).toBe(
      [
        `10:\tfrom all iif ${hostName} lookup 105`,
        "20:\tfrom all lookup local",
        "512:\tfrom all to 10.0.101.5 lookup main",
        "1024:\tfrom all fwmark 0x80/0x80 lookup main",
        "1536:\tfrom 10.0.101.5 lookup 10101",
        "32766:\tfrom all lookup main",
        "32767:\tfrom all lookup default\n",
      ].join("\n"),
    );
    expect(run("ip", "route").trim()).toBe(`10.0.101.5 dev ${hostName} scope link`);
    expect(run("ip", "route", "show", "table", "10101").trim()).toBe(`default dev ${hostName} scope link`);
    applied(kernel.host, [
      { change: "addRule", rule: { priority: 0, table: 255 } },
      { change: "deleteRule", rule: { priority: 20, table: 255 } },
    ]);
    expect(run("ip", "rule")).toStartWith("0:\tfrom all lookup local\n10:");
  });

  test("packets go through it", async () => {
    applied(kernel.host, [
      { change: "setLink", link: "lo", isUp: true },
      { change: "addAddress", linkIndex: 1, address: address("10.0.96.10"), prefixLength: 32, hasBroadcast: false },
    ]);
    const seen = await talk({ from: "/proc/self/ns/net", to: podPath, address: "10.0.101.5", port: 9000 });
    expect(seen).toBe("10.0.96.10");
  });

  test("what exists, what is gone and what cannot be has its errno, and the kernel's words", () => {
    const { index } = kernel.host.link(hostName)!;
    const results = kernel.host.apply([
      { change: "addVeth", name: hostName, mac: hostMac, mtu: 1500, peer: { name: "x", namespaceFd: 0 } },
      { change: "addRoute", route: route({ destination: cidr("10.0.101.5/32"), linkIndex: index }) },
      { change: "addRule", rule: { priority: 512, table: 254, to: cidr("10.0.101.5/32") } },
      { change: "deleteRule", rule: { priority: 512, table: 254, to: cidr("10.0.101.6/32") } },
      { change: "deleteRoute", route: { ...route({ destination: cidr("10.9.9.9/32"), linkIndex: 0 }), scope: "any" } },
      { change: "deleteLink", link: "nosuch0" },
      { change: "setLink", link: 4711, isUp: true },
      {
        change: "addRoute",
        route: route({ destination: { base: address("10.1.0.1"), prefixLength: 24 }, linkIndex: index }),
      },
    ]);
    expect(results.map((result) => result.errno)).toEqual([
      ...[results[0]!.errno, EEXIST, EEXIST, ENOENT, ESRCH, ENODEV, ENODEV, EINVAL],
    ]);
    expect([EEXIST, EINVAL]).toContain(results[0]!.errno);
    expect(results[7]!.message).toBe("Invalid prefix for given prefix length");
    expect(kernel.host.link("nosuch0")).toBeUndefined();
  });

  test("a vlan link where the kernel has the device, and its plain refusal where not", () => {
    const parentIndex = kernel.host.link(hostName)!.index;
    const [result] = kernel.host.apply([
      { change: "addVlan", name: "vlan.eth.5", parentIndex, vlanId: 5, mac: "02:00:00:00:00:2a" },
    ]);
    const link = kernel.host.link("vlan.eth.5");
    if (result!.errno === EOPNOTSUPP) expect([result!.message, link]).toEqual(["Unknown device type", undefined]);
    else expect(link).toMatchObject({ kind: "vlan", vlanId: 5, parentIndex, mac: "02:00:00:00:00:2a", mtu: 9001 });
  });

  test("taken away again: rules of any table, routes of any link, link by name", () => {
    applied(kernel.host, [
      { change: "deleteRule", rule: { priority: 1536, table: 0, from: cidr("10.0.101.5/32") } },
      { change: "deleteRule", rule: { priority: 512, table: 254, to: cidr("10.0.101.5/32") } },
      {
        change: "deleteRoute",
        route: { ...route({ destination: cidr("10.0.101.5/32"), linkIndex: 0 }), scope: "any" },
      },
      { change: "deleteLink", link: hostName },
    ]);
    expect(kernel.host.link(hostName)).toBeUndefined();
    expect(kernel.host.rules().map((rule) => rule.priority)).toEqual([0, 10, 1024, 32766, 32767]);
    expect(kernel.host.routes(10101)).toEqual([]);
    expect(shown("pod", "link").map((link) => link["ifname"])).toEqual(["lo"]);
  });
});

describe("what ip makes, as we read it", () => {
  beforeAll(() => {
    ip(
      "node",
      "link add v1 mtu 1400 txqueuelen 77 address 02:00:00:00:00:01 type veth peer name v2 address 02:00:00:00:00:02",
    );
    ip("node", "link set v1 up alias uplink");
    ip("node", "link set v2 up");
  });
  afterAll(() => ip("node", "link del v1"));

  test("links", () => {
    const links = kernel.host.links();
    const v1 = links.find((link) => link.name === "v1");
    const v2 = links.find((link) => link.name === "v2");
    expect(v1).toMatchObject({
      ...{ mac: "02:00:00:00:00:01", mtu: 1400, isUp: true, kind: "veth", alias: "uplink", txQueueLength: 77 },
      ...{ parentIndex: v2!.index, vlanId: 0 },
    });
    const theirs = shown("node", "link").map((link) => [link["ifindex"], link["ifname"], link["address"], link["mtu"]]);
    expect(links.map((link): unknown[] => [link.index, link.name, link.mac, link.mtu])).toEqual(theirs);
    for (const link of links) expect(kernel.host.link(link.name)).toEqual(link);
  });

  test("addresses: with a broadcast, of a point-to-point link, of one link alone; none of a link that is gone", () => {
    ip("node", "addr add 10.0.100.20/19 brd + dev v1");
    ip("node", "addr add 10.7.0.1 peer 10.7.0.2/32 dev v1");
    ip("node", "addr add fd00::1/64 dev v1");
    const { index } = kernel.host.link("v1")!;
    const texts = kernel.host.addresses(index).map((each) => `${formatIpv4(each.address)}/${each.prefixLength}`);
    expect(texts).toEqual(["10.0.100.20/19", "10.7.0.1/32"]);
    expect(kernel.host.addresses().some((each) => each.linkIndex === 1)).toBe(true);
    expect(kernel.host.addresses(4711)).toEqual([]);
    // And ours, as ip shows it.
    applied(kernel.host, [
      { change: "deleteAddress", linkIndex: index, address: address("10.0.100.20"), prefixLength: 19 },
      { change: "addAddress", linkIndex: index, address: address("10.0.100.21"), prefixLength: 19, hasBroadcast: true },
    ]);
    const info = shown("node", "-4", "addr", "show", "v1")[0]!["addr_info"] as Record<string, unknown>[];
    expect(info.map(({ local, prefixlen, broadcast }) => [local, prefixlen, broadcast])).toEqual([
      ["10.7.0.1", 32, undefined],
      ["10.0.100.21", 19, "10.0.127.255"],
    ]);
  });

  test("routes of one table; what Route cannot say is left out", () => {
    const { index } = kernel.host.link("v1")!;
    ip("node", "route add 10.20.0.0/16 via 10.0.96.1 dev v1 src 10.0.100.21 metric 512 proto dhcp table 2");
    ip("node", "route add 10.0.96.1 dev v1 scope link table 2");
    ip("node", "route add blackhole 10.30.0.0/16 table 2");
    ip("node", "route add 10.40.0.0/16 tos 0x10 dev v1 table 2");
    ip("node", "route add 10.50.0.0/16 table 2 nexthop via 10.0.96.1 dev v1 nexthop via 10.0.96.2 dev v1");
    ip("node", "route add 10.60.0.0/16 via inet6 fe80::1 dev v1 table 2");
    ip("node", "route add default dev v1 table 300");
    expect(kernel.host.routes(2)).toEqual([
      {
        ...route({ table: 2, destination: cidr("10.0.96.1/32"), linkIndex: index }),
        scope: 253,
        protocol: 3,
        type: 1,
        metric: 0,
      },
      {
        ...{ table: 2, destination: cidr("10.20.0.0/16"), linkIndex: index, gateway: address("10.0.96.1") },
        ...{ preferredSource: address("10.0.100.21"), scope: 0, protocol: 16, type: 1, metric: 512 },
      },
      {
        ...{ table: 2, destination: cidr("10.30.0.0/16"), linkIndex: 0 },
        ...{ scope: 0, protocol: 3, type: 6, metric: 0 },
      },
    ]);
    expect(kernel.host.routes(300).map((each) => each.linkIndex)).toEqual([index]);
    expect(kernel.host.routes(301)).toEqual([]);
    // The connected route, which is the kernel's own, can be taken away by us: link, scope and source as it has them.
    const connected = {
      table: 254,
      destination: cidr("10.0.96.0/19"),
      linkIndex: index,
      preferredSource: address("10.0.100.21"),
    };
    applied(kernel.host, [{ change: "deleteRoute", route: { ...connected, scope: "link" } }]);
    expect(kernel.host.routes(254).map((each) => each.destination)).toEqual([cidr("10.7.0.2/32")]);
  });

  test("rules in the order of evaluation, and which of them are plain", () => {
    const theirs = ["from 10.1.0.0/16 to 10.2.0.0/16 iif v1 fwmark 0x1/0xff lookup 4000000000"];
    theirs.push("not from 10.1.0.0/16 lookup 7", "from 10.1.0.0/16 ipproto tcp lookup 7", "oif v1 lookup 7");
    theirs.push("lookup 7 suppress_prefixlength 0", "from 10.1.0.0/16 blackhole", "from 10.1.0.0/16 tos 0x10 lookup 7");
    theirs.push("lookup 7 protocol kernel");
    for (const [i, rule] of theirs.entries()) ip("node", `rule add pref ${200 + i} ${rule}`);
    const rules = kernel.host.rules().filter((rule) => rule.priority >= 200 && rule.priority < 300);
    expect(rules.map((rule) => [rule.priority, rule.isPlain])).toEqual([
      ...[
        [200, true] as [number, boolean],
        ...[201, 202, 203, 204, 205, 206].map((at): [number, boolean] => [at, false]),
      ],
      [207, true],
    ]);
    expect(rules[0]).toEqual({
      ...{ priority: 200, table: 4_000_000_000, from: cidr("10.1.0.0/16"), to: cidr("10.2.0.0/16") },
      ...{ mark: { value: 1, mask: 255 }, inInterface: "v1", isPlain: true },
    });
    for (const [i] of theirs.entries()) ip("node", `rule del pref ${200 + i}`);
  });

  test("rules of an address: from it or to it, not of the network that begins with it", () => {
    const theirs = [
      "from 10.1.0.4 lookup 7",
      "to 10.1.0.4 lookup 7",
      "from 10.1.0.4/31 lookup 7",
      "to 10.1.0.4/30 lookup 7",
    ];
    theirs.push(
      "from 10.1.0.4 to 10.2.0.0/16 lookup 7",
      "from 10.2.0.0/16 to 10.1.0.4 lookup 7",
      "from 10.1.0.5 lookup 7",
    );
    theirs.push("from 10.1.0.4/31 to 10.1.0.4 lookup 7", "lookup 7");
    for (const [i, rule] of theirs.entries()) ip("node", `rule add pref ${200 + i} ${rule}`);
    const of = address("10.1.0.4");
    expect(kernel.host.rules(of).map((rule) => rule.priority)).toEqual([200, 201, 204, 205, 207]);
    expect(kernel.host.rules(of)).toEqual(
      kernel.host
        .rules()
        .filter(({ from, to }) => [from, to].some((one) => one?.prefixLength === 32 && one.base === of)),
    );
    for (const [i] of theirs.entries()) ip("node", `rule del pref ${200 + i}`);
  });

  test("neighbours of one link, those without a MAC left out", () => {
    const { index } = kernel.host.link("v1")!;
    ip("node", "neigh add 10.0.96.1 lladdr 02:00:00:00:00:aa dev v1 nud permanent");
    ip("node", "neigh add 10.0.96.2 lladdr 02:00:00:00:00:ab dev v1 nud reachable");
    ip("node", "neigh add 10.0.96.3 lladdr 02:00:00:00:00:ac dev v2 nud permanent");
    const found = kernel.host.neighbours(index).toSorted((a, b) => a.address - b.address);
    expect(found).toEqual([
      { linkIndex: index, address: address("10.0.96.1"), mac: "02:00:00:00:00:aa", isPermanent: true },
      { linkIndex: index, address: address("10.0.96.2"), mac: "02:00:00:00:00:ab", isPermanent: false },
    ]);
    // An entry that stands is taken over.
    applied(kernel.host, [
      { change: "setNeighbour", linkIndex: index, address: address("10.0.96.2"), mac: "02:00:00:00:00:ad" },
    ]);
    expect(
      kernel.host
        .neighbours(index)
        .filter((each) => each.isPermanent)
        .map((each) => each.mac)
        .sort(),
    ).toEqual(["02:00:00:00:00:aa", "02:00:00:00:00:ad"]);
  });

  test("lists longer than one datagram, and more changes than fit in one", () => {
    const { index } = kernel.host.link("v1")!;
    const blocks = Array.from({ length: 1_500 }, (_, i) => ({ base: address("100.64.0.0") + i, prefixLength: 32 }));
    applied(
      kernel.host,
      blocks.map((destination) => ({ change: "addRoute", route: route({ table: 9, destination, linkIndex: index }) })),
    );
    expect(kernel.host.routes(9).map((each) => each.destination)).toEqual(blocks);
  });
});

describe("namespaces", () => {
  const faults: [string, () => string, number, string][] = [
    ["missing", () => join(folder, "absent"), ENOENT, "there is no such file"],
    ["of another kind (pid)", () => "/proc/self/ns/pid", EINVAL, "it is not one"],
    ["of another kind (mnt)", () => "/proc/self/ns/mnt", EINVAL, "it is not one"],
  ];
  const make = (name: string, maker: (path: string) => void) => () => {
    maker(join(folder, name));
    return join(folder, name);
  };
  faults.push(["a plain file", make("plain", (path) => writeFileSync(path, "")), EINVAL, "it is not one"]);
  faults.push(["a folder", make("folder", (path) => mkdirSync(path)), EINVAL, "it is not one"]);
  faults.push([
    "a FIFO, which would block its opener",
    make("fifo", (path) => run("mkfifo", path)),
    EINVAL,
    "it is not one",
  ]);

  test.each(faults)(
    "a path that is %s: a KernelError, no descriptor left, the thread where it was",
    (_what, path, errno, words) => {
      const [where, at] = [presentNamespace(), path()];
      expectNoDescriptorLeft(() => {
        try {
          kernel.openNamespace(at);
          throw new Error("it opened");
        } catch (error) {
          expect(error).toBeInstanceOf(KernelError);
          expect((error as KernelError).errno).toBe(errno);
          expect((error as KernelError).message).toContain(`Network namespace ${at} cannot be`);
          expect((error as KernelError).message).toContain(words);
        }
      });
      expect(presentNamespace()).toBe(where);
      expect(kernel.fatal).toBeUndefined();
    },
  );

  test("a user's without the right to it: said so", () => {
    const path = join(folder, "foreign");
    writeFileSync(path, "");
    const owner = Bun.spawn(["unshare", "--user", "--net", "sleep", "60"]);
    try {
      // From inside that user namespace, the one outside is foreign.
      const probe = `
        import { linuxKernel } from ${JSON.stringify(join(import.meta.dir, "../../src/drivers/kernel-linux.ts"))};
        try { linuxKernel({}).openNamespace("/proc/${process.pid}/ns/net"); } catch (e) { console.log(e.errno, e.message); }`;
      const result = Bun.spawnSync(["unshare", "--user", "--net", process.execPath, "-e", probe], { stdout: "pipe" });
      expect(result.stdout.toString()).toMatch(new RegExp(`^(?:${EPERM} .*SYS_ADMIN|13 .*EACCES)`));
    } finally {
      owner.kill();
    }
  });

  test("the node's own is told apart", () => {
    const [own, pod] = [kernel.openNamespace("/proc/thread-self/ns/net"), kernel.openNamespace(podPath)];
    expect([own.isHost, pod.isHost]).toEqual([true, false]);
    own.close();
    pod.close();
  });

  test("one that vanishes after it was opened lives as long as its descriptor; its path is none any more", () => {
    const path = join(folder, "vanishing");
    makeNamespace(path);
    const namespace = kernel.openNamespace(path);
    run("umount", "--lazy", path);
    expect(() => kernel.openNamespace(path)).toThrow("it is not one; the sandbox may be gone");
    applied(kernel.host, [
      {
        ...{ change: "addVeth", name: "eniv", mac: "02:00:00:00:00:0e", mtu: 1500 },
        peer: { name: "eth0", namespaceFd: namespace.fd },
      },
    ]);
    expect(
      namespace.netlink
        .links()
        .map((link) => link.name)
        .sort(),
    ).toEqual(["eth0", "lo"]);
    namespace.close();
    // With the last descriptor the kernel takes the namespace down, and the veth with it.
    for (let i = 0; i < 200 && kernel.host.link("eniv") !== undefined; i++) Bun.sleepSync(10);
    expect(kernel.host.link("eniv")).toBeUndefined();
  });

  test("a descriptor that is none of a namespace, or closed: the kernel refuses, nothing is made", () => {
    const veth = (namespaceFd: number): Change => ({
      ...{ change: "addVeth", name: "enix", mac: "02:00:00:00:00:0f", mtu: 1500, peer: { name: "eth0", namespaceFd } },
    });
    const results = kernel.host.apply([veth(0), veth(9_999)]);
    for (const result of results) expect(result.errno).not.toBe(0);
    expect(kernel.host.link("enix")).toBeUndefined();
  });

  test("no descriptor is left, used or not, closed twice or reset; the thread stays in the node's namespace", () => {
    kernel.host.links();
    const where = presentNamespace();
    let i = 0;
    expectNoDescriptorLeft(() => {
      const pod = kernel.openNamespace(podPath);
      if (i++ % 2 === 0) pod.netlink.links();
      pod.close();
      pod.close();
      expect(() => pod.netlink.links()).toThrow("the socket was closed");
      const other = linuxKernel({});
      other.host.rules();
      other.close();
    });
    expect(presentNamespace()).toBe(where);
  });
});

describe("system calls that fail", () => {
  const libc = openLibc();
  const failing = (overrides: Partial<Libc>) => linuxKernel({ libc: { ...libc, ...overrides } });

  test("the way back to the node's namespace: the kernel serves no more", () => {
    const own = kernel.openNamespace("/proc/thread-self/ns/net");
    let callCount = 0;
    let isFailing = false;
    const stranded = failing({
      setns: (fd, kind) => {
        isFailing = ++callCount === 2;
        return isFailing ? -1 : libc.setns(fd, kind);
      },
      errno: () => (isFailing ? EPERM : libc.errno()),
    });
    try {
      expect(() => stranded.openNamespace(podPath)).toThrow("could not return from network namespace");
      expect(stranded.fatal?.errno).toBe(EPERM);
      for (const use of [
        () => stranded.host.links(),
        () => stranded.openNamespace(podPath),
        () => stranded.sysctl("net/ipv4/ip_forward"),
        () => stranded.setSysctl("net/ipv4/ip_forward", "1"),
      ])
        expect(use).toThrow("must end");
    } finally {
      libc.setns(own.fd, 0);
      own.close();
      stranded.close();
    }
  });

  test("a kernel that does not answer: an error in bounded time, and the next question is answered", () => {
    let isSwallowing = false;
    const silent = failing({
      send: (fd, bytes) => (isSwallowing ? bytes.length : libc.send(fd, bytes)),
      setsockopt(fd, level, option, value) {
        // SO_RCVTIMEO: 10 ms in the place of seconds.
        const isTimeout = level === 1 && option === 20;
        const short = new Uint8Array(new BigInt64Array([0n, 10_000n]).buffer);
        return libc.setsockopt(fd, level, option, isTimeout ? short : value);
      },
    });
    expectNoDescriptorLeft(() => {
      isSwallowing = true;
      expect(() => silent.host.links()).toThrow("no answer from the kernel");
      isSwallowing = false;
      expect(silent.host.links().length).toBeGreaterThan(0);
    });
    silent.close();
  });

  test("no socket to be had, or none connected: no descriptor left", () => {
    for (const overrides of [{ socket: () => -1 }, { connect: () => -1 }])
      expectNoDescriptorLeft(() => {
        const broken = failing({ ...overrides, errno: () => 24 });
        expect(() => broken.host.links()).toThrow("EMFILE");
        expect(() => broken.openNamespace(podPath)).toThrow("EMFILE");
        broken.close();
      });
  });
});

describe("a node in another namespace than the process", () => {
  test("the thread moves there for good: links, sysctls and isHost are that namespace's", () => {
    const libc = openLibc();
    const before = presentNamespace();
    const own = kernel.openNamespace("/proc/thread-self/ns/net");
    kernel.setSysctl("net/ipv4/ip_forward", "1");
    const node = linuxKernel({ hostNamespacePath: podPath });
    try {
      expect(presentNamespace()).not.toBe(before);
      expect(node.sysctl("net/ipv4/ip_forward")).toBe("0");
      expect(node.host.links().map((link) => link.name)).toEqual(["lo"]);
      const same = node.openNamespace(podPath);
      expect(same.isHost).toBe(true);
      same.close();
    } finally {
      expect(libc.setns(own.fd, 0)).toBe(0);
      own.close();
      node.close();
    }
    expect(kernel.sysctl("net/ipv4/ip_forward")).toBe("1");
  });

  test("a path that is none: refused, no descriptor left", () => {
    expectNoDescriptorLeft(() => {
      expect(() => linuxKernel({ hostNamespacePath: join(folder, "plain") })).toThrow("it is not one");
      expect(() => linuxKernel({ hostNamespacePath: join(folder, "absent") })).toThrow("there is no such file");
    });
  });
});

describe("sysctls", () => {
  test("are read and written in the node's namespace, whatever namespaces were opened before", () => {
    kernel.openNamespace(podPath).close();
    expect(kernel.setSysctl("net/ipv4/conf/lo/rp_filter", "2")).toBe(true);
    expect(kernel.sysctl("net/ipv4/conf/lo/rp_filter")).toBe("2");
    expect(run("cat", "/proc/sys/net/ipv4/conf/lo/rp_filter").trim()).toBe("2");
    expect(run("nsenter", `--net=${podPath}`, "cat", "/proc/sys/net/ipv4/conf/lo/rp_filter").trim()).not.toBe("2");
  });

  test("absent ones, values that the kernel refuses, keys that lead elsewhere", () => {
    expectNoDescriptorLeft(() => {
      expect(kernel.sysctl("net/ipv4/conf/nosuch/rp_filter")).toBeUndefined();
      expect(kernel.setSysctl("net/ipv4/conf/nosuch/rp_filter", "1")).toBe(false);
      expect(kernel.setSysctl("net/ipv4/ip_forward", "yes")).toBe(false);
      expect(kernel.sysctl("../../etc/hostname")).toBeUndefined();
      expect(kernel.setSysctl("net/../../version", "x")).toBe(false);
    });
  });
});
