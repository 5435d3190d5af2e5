// The node's own network on a firewall of plain maps, in virtual time.

import { expect, test } from "bun:test";
import { ManualClock } from "../../test/contract/manual-clock.ts";
import { type Cidr, parseCidr } from "../base/ipv4.ts";
import type { SettingWarning } from "../ipam/settings.ts";
import type { LogRecord } from "../ports/log.ts";
import { withdrawFirewallRules } from "./firewall-rules.ts";
import { HostNetwork } from "./host-network.ts";
import { parseNetworkSettings } from "./network-settings.ts";
import { FakeFirewall } from "./testing/fake-firewall.ts";

function setUp(env: Record<string, string> = {}, firewall = new FakeFirewall()) {
  const clock = new ManualClock({ isSkipping: false });
  const records: LogRecord[] = [];
  const counts = new Map<string, number>();
  const sysctls = new Map([
    ["net/ipv4/conf/ens5/rp_filter", "1"],
    ["net/ipv4/tcp_early_demux", "1"],
  ]);
  const world = {
    cidrs: ["10.0.0.0/16"] as string[] | Error,
    linkName: "ens5" as string | undefined,
    isReadOnly: false,
  };
  const count = (name: string, labels: object, by = 1) => {
    const key = `${name} ${Object.values(labels).join()}`;
    counts.set(key, (counts.get(key) ?? 0) + by);
  };
  const warnings: SettingWarning[] = [];
  const network = new HostNetwork({
    settings: parseNetworkSettings(env, { hasPodEnis: env["ENABLE_POD_ENI"] === "true", warnings }),
    primaryMac: "02:00:00:00:00:01",
    primaryAddress: 0x0a00_0005,
    clock,
    imds: {
      async vpcCidrs() {
        if (world.cidrs instanceof Error) throw world.cidrs;
        return world.cidrs.map((text) => parseCidr(text) as Cidr);
      },
    },
    datapath: {
      linkNameOf: async () => world.linkName,
      async setSysctl(key, value) {
        if (!world.isReadOnly && sysctls.has(key)) sysctls.set(key, value);
        return sysctls.get(key);
      },
    },
    firewall,
    log: { level: "debug", write: (record) => void records.push(record), flush: async () => {} },
    metrics: { inc: count, set: count },
  });
  const saved = () => `${firewall.model.save("nat")}${firewall.model.save("mangle")}${firewall.table ?? ""}`;
  const pass = async (seconds: number) => {
    clock.advanceTo(clock.nowMs() + seconds * 1_000);
    await Bun.sleep(1);
  };
  const said = (level: string) => records.filter((record) => record.level === level).map((record) => record.message);
  return { clock, firewall, world, network, counts, sysctls, saved, pass, said };
}

test("the start sets rules, marks, sysctls; a second start touches nothing", async () => {
  const made = setUp();
  await made.network.start();
  expect(made.saved()).toContain("-A AWS-SNAT-CHAIN-0 -d 10.0.0.0/16 ");
  expect(made.saved()).toContain("--to-source 10.0.0.5 --random-fully");
  expect(made.saved()).toContain("-A PREROUTING -i ens5 ");
  expect(made.firewall.table).toContain("ip daddr 10.0.0.0/16 return");
  expect(made.sysctls.get("net/ipv4/conf/ens5/rp_filter")).toBe("2");
  expect(made.counts.get("awscni_connmark_backend nftables")).toBe(1);
  expect([made.firewall.restores, made.firewall.nftRuns]).toEqual([1, 1]);
  expect(await made.network.verify()).toEqual([]);
  expect([made.firewall.restores, made.firewall.nftRuns]).toEqual([1, 1]);
  expect(made.counts.get("awscni_connmark_reconcile_total success")).toBe(2);
  expect(made.counts.get("awscni_connmark_reconcile_total error")).toBe(0);
});

test("legacy iptables marks in its own chain and removes the table; older iptables gets --random", async () => {
  const made = setUp();
  await made.network.start();
  const legacy = setUp();
  legacy.firewall.table = made.firewall.table;
  legacy.firewall.versionText = "iptables v1.8.9 (legacy)";
  await legacy.network.start();
  expect(legacy.saved()).toContain('-A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections"');
  expect(legacy.firewall.table).toBeUndefined();
  const old = setUp();
  old.firewall.versionText = "iptables v1.6.1";
  await old.network.start();
  expect(old.saved()).toMatch(/--to-source 10\.0\.0\.5 --random$/m);
});

test("marks of the other back end stay until ours are there", async () => {
  const legacy = setUp();
  legacy.firewall.versionText = "iptables v1.8.9 (legacy)";
  await legacy.network.start();
  legacy.firewall.versionText = "iptables v1.8.9 (nf_tables)";
  const made = setUp({}, legacy.firewall);
  const { applyNft } = made.firewall;
  made.firewall.applyNft = () => Promise.reject(new Error("no nft"));
  await expect(made.network.start()).rejects.toThrow("no nft");
  made.firewall.applyNft = applyNft;
  expect(made.saved()).toContain("-j AWS-CONNMARK-CHAIN-0");
  await made.network.verify();
  expect(made.network.problem).toBeUndefined();
  expect(made.saved()).not.toContain("AWS-CONNMARK-CHAIN-0");
  expect(made.firewall.table).toContain("ct mark set");
});

test("rules follow the primary ENI's link when it is renamed, unless its name could break a rule", async () => {
  const made = setUp();
  await made.network.start();
  for (const name of [undefined, 'e"', "--x"]) {
    made.world.linkName = name;
    expect(await made.network.verify()).toEqual([]);
  }
  made.world.linkName = "eth7";
  await made.network.verify();
  expect(made.saved()).toContain("-A PREROUTING -i eth7 ");
  expect(made.saved()).not.toContain("-i ens5");
  const quoted = setUp();
  quoted.world.linkName = 'e"';
  await expect(quoted.network.start()).rejects.toThrow("cannot stand in a rule");
});

test("what somebody flushed is put right, counted and said", async () => {
  const made = setUp();
  await made.network.start();
  const before = made.saved();
  made.firewall.model.restore("*nat\n:AWS-SNAT-CHAIN-0 - [0:0]\nCOMMIT\n");
  made.firewall.model.tables.mangle.set("PREROUTING", []);
  made.firewall.table = undefined;
  made.sysctls.set("net/ipv4/conf/ens5/rp_filter", "1");
  const changed = await made.network.verify();
  expect(made.saved()).toBe(before);
  expect(changed.filter((line) => line.startsWith("iptables -t nat -A AWS-SNAT-CHAIN-0"))).toHaveLength(2);
  expect(changed).toContain("nft: table ip aws-cni written");
  expect(made.counts.get("slash28_firewall_updates_total repair,applied")).toBe(2);
  expect(made.sysctls.get("net/ipv4/conf/ens5/rp_filter")).toBe("2");
  expect(made.said("warn").join("\n")).toContain("repair: iptables -t nat -A AWS-SNAT-CHAIN-0");
});

test("a CIDR that the VPC gains is exempt within 30 s; an empty or failed reading changes nothing", async () => {
  const made = setUp();
  await made.network.start();
  made.world.cidrs = ["100.64.0.0/16", "10.0.0.0/16"];
  await made.pass(30);
  expect(made.saved()).toContain("-A AWS-SNAT-CHAIN-0 -d 100.64.0.0/16 ");
  expect(made.firewall.table).toContain("ip daddr 100.64.0.0/16 return");
  const before = made.saved();
  for (const cidrs of [
    [],
    new Error("metadata is away"),
    new Error("metadata is away"),
    ["10.0.0.0/16", "100.64.0.0/16"],
  ]) {
    made.world.cidrs = cidrs;
    await made.pass(30);
    expect(made.saved()).toBe(before);
    expect(made.network.problem).toBeUndefined();
  }
  expect(made.said("warn")).toEqual([
    "Metadata shows no CIDR of the VPC; the last ones stay in force",
    "The VPC's CIDRs cannot be read; the last ones stay in force: metadata is away",
  ]);
  await made.network.stop();
  made.world.cidrs = ["10.9.0.0/16"];
  await made.pass(300);
  expect(made.saved()).toBe(before);
});

test("a failed update is a problem, and is tried again without news", async () => {
  const made = setUp();
  await made.network.start();
  made.world.cidrs = ["10.0.0.0/16", "10.1.0.0/16"];
  made.firewall.refusals.push(...[1, 2, 3].map(() => new Error("the lock is held")));
  await made.pass(30);
  expect(made.network.problem).toContain("the lock is held");
  expect(made.said("error")).toHaveLength(1);
  expect(made.firewall.table).not.toContain("10.1.0.0/16");
  await made.pass(30);
  expect(made.network.problem).toBeUndefined();
  expect(made.firewall.table).toContain("10.1.0.0/16");
  expect(made.saved()).toContain("-A AWS-SNAT-CHAIN-0 -d 10.1.0.0/16");
  expect(made.counts.get("slash28_firewall_updates_total vpc-cidrs,failed")).toBe(3);
  expect(made.counts.get("awscni_connmark_reconcile_total error")).toBe(1);
});

test("what others change between look and change is met by another look", async () => {
  const made = setUp();
  await made.network.start();
  made.firewall.model.tables.mangle
    .get("PREROUTING")
    ?.push(made.firewall.model.tables.mangle.get("PREROUTING")?.[0] ?? "");
  let isFirst = true;
  made.firewall.meanwhile = () => {
    if (isFirst) made.firewall.model.tables.mangle.set("PREROUTING", []);
    isFirst = false;
  };
  await made.network.verify();
  expect(made.firewall.model.tables.mangle.get("PREROUTING")).toHaveLength(3);
  expect(made.network.problem).toBeUndefined();
});

test("rules that do not stay as they are set are a problem, not a loop", async () => {
  const made = setUp();
  await made.network.start();
  made.firewall.restore = async () => {};
  made.firewall.model.tables.nat.set("POSTROUTING", []);
  await made.network.verify();
  expect(made.network.problem).toContain("Set again and gone again: iptables -t nat -A POSTROUTING");
});

test("the start fails with what is wrong: no link, no CIDR, no iptables", async () => {
  const noLink = setUp();
  noLink.world.linkName = undefined;
  await expect(noLink.network.start()).rejects.toThrow("No link has the MAC 02:00:00:00:00:01");
  const noCidr = setUp();
  noCidr.world.cidrs = [];
  await expect(noCidr.network.start()).rejects.toThrow("no CIDR of the VPC");
  const noTool = setUp();
  noTool.firewall.refusals.push(...[1, 2, 3].map(() => Object.assign(new Error("no nft"), { next: "Install it." })));
  await expect(noTool.network.start()).rejects.toThrow("no nft Install it.");
});

test("a sysctl that cannot be written is said once, and is no failure", async () => {
  const made = setUp({ DISABLE_TCP_EARLY_DEMUX: "true" });
  made.world.isReadOnly = true;
  await made.network.start();
  await made.network.verify();
  expect(made.said("warn")).toHaveLength(1);
  expect(made.said("warn")[0]).toContain("/proc/sys/net/ipv4/conf/ens5/rp_filter is 1 and cannot be set");
  made.world.isReadOnly = false;
  await made.network.verify();
  expect(made.sysctls.get("net/ipv4/tcp_early_demux")).toBe("0");
});

test("routing rules follow the settings [datapath 8.3]", () => {
  const rules = (env: Record<string, string>) => setUp(env).network.rules;
  expect(rules({})).toEqual({ mark: 0x80, externalServiceCidrs: [], isLocalRuleMoved: false });
  expect(rules({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }).mark).toBe(0x80);
  expect(rules({ AWS_VPC_CNI_NODE_PORT_SUPPORT: "false" }).mark).toBe(0x80);
  const neither = { AWS_VPC_CNI_NODE_PORT_SUPPORT: "false", AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" };
  expect(rules(neither).mark).toBeUndefined();
  expect(rules({ ENABLE_POD_ENI: "true" }).isLocalRuleMoved).toBe(true);
  expect(rules({ AWS_EXTERNAL_SERVICE_CIDRS: "192.0.2.0/24" }).externalServiceCidrs).toHaveLength(1);
});

test("external SNAT needs no CIDR, and withdrawing leaves nothing", async () => {
  const made = setUp({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" });
  const before = made.saved();
  made.world.cidrs = new Error("not asked");
  await made.network.start();
  expect(made.saved()).not.toContain("SNAT --to-source");
  expect((await withdrawFirewallRules(made.firewall)).length).toBeGreaterThan(0);
  expect(made.saved()).toBe(before);
  expect(await withdrawFirewallRules(made.firewall)).toEqual([]);
});
