// SNAT, marks and their repair on a real kernel, with both back ends of iptables: the rules as iptables lists them, and packets from a
// pod to networks outside. Started by src/drivers/iptables.test.ts inside namespaces of its own; root there and nowhere else.

import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { withdrawFirewallRules } from "../../src/agent/firewall-rules.ts";
import { HostNetwork } from "../../src/agent/host-network.ts";
import { parseNetworkSettings } from "../../src/agent/network-settings.ts";
import { type Cidr, parseCidr, parseIpv4 } from "../../src/base/ipv4.ts";
import {
  CONNMARK_LISTED,
  connmarkTable,
  LISTED_EXCLUSION,
  LISTED_NODE,
  LISTED_VPC,
  MANGLE_LISTED,
  referenceCommands,
  SNAT_LISTED,
} from "../../src/datapath/testing/reference-rules.ts";
import { iptables } from "../../src/drivers/iptables.ts";
import { ManualClock } from "../contract/manual-clock.ts";
import { run } from "./run.ts";
import { GAINED_PEER, INTERNET_PEER, NODE_ADDRESS, POD_ADDRESS, SnatNetwork, VPC_PEER } from "./snat-network.ts";
import { receive, send } from "./udp-peers.ts";

/** What other programs have in the same tables. */
const FOREIGN = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-POSTROUTING - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -p udp -d 172.20.0.10/32 -m udp --dport 53 -j DNAT --to-destination 10.0.200.1:53
-A KUBE-POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE --random-fully
COMMIT
*mangle
-A PREROUTING -s 10.9.0.0/16 -m comment --comment "AWS, not ours" -j MARK --set-xmark 0x1/0x1
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*filter
-A FORWARD -s 10.9.9.9/32 -j DROP
COMMIT
`;

const TABLE_LISTED = connmarkTable([LISTED_EXCLUSION, ...LISTED_VPC.toReversed()]);

const REFERENCE_COMMANDS = referenceCommands({
  address: LISTED_NODE,
  vpcCidrs: LISTED_VPC,
  excludedCidrs: [LISTED_EXCLUSION],
});
const REFERENCE_CONNMARK = [
  "-t nat -N AWS-CONNMARK-CHAIN-0",
  '-t nat -A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0',
  '-t nat -A PREROUTING -m comment --comment "AWS, CONNMARK" -j CONNMARK --restore-mark --mask 0x80',
  ...["192.168.0.0/24", "100.64.0.0/16", "10.0.0.0/16"].map(
    (cidr) => `-t nat -A AWS-CONNMARK-CHAIN-0 -d ${cidr} -m comment --comment "AWS CONNMARK CHAIN" -j RETURN`,
  ),
  '-t nat -A AWS-CONNMARK-CHAIN-0 -m comment --comment "AWS, CONNMARK" -j CONNMARK --set-xmark 0x80/0x80',
];

beforeAll(() => {
  run("mount", "-t", "tmpfs", "none", "/run");
});

for (const program of ["iptables-nft", "iptables-legacy"] as const) {
  describe(program, () => {
    const isLegacy = program === "iptables-legacy";
    let network: SnatNetwork;
    beforeEach(() => {
      network = new SnatNetwork(program);
    });
    afterEach(() => network.remove());

    const inNode = (command: string, input = "") => network.in(network.node, command.split(" "), input);
    const rules = (table: string) =>
      inNode(`${program}-save -t ${table}`)
        .split("\n")
        .filter((line) => /^-A/.test(line));
    /** All tables as others see them, without counts and times; of nft what iptables cannot show. */
    const everything = () => {
      const tables = ["nat", "mangle", "filter"].map((table) => inNode(`${program}-save -t ${table}`)).join("");
      const native = inNode("nft list tables")
        .split("\n")
        .filter((line) => line === "table ip aws-cni");
      return [...tables.split("\n").filter((line) => !/^#/.test(line)), ...native];
    };
    const isOurs = (line: string) => / "AWS(?: |, (?!not))|AWS-\w+-CHAIN|aws-cni/.test(line);
    const made = (env: Record<string, string> = {}) => nodeNetwork(network, { env, program });

    test("the rules are listed as the reference's are, and others' stay where they were", async () => {
      inNode(`${program}-restore`, FOREIGN);
      const before = everything();
      const node = made({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "192.168.0.0/24" });
      node.vpc.cidrs = ["10.0.0.0/16", "100.64.0.0/16"];
      await node.network.start();
      expect(everything().filter((line) => !isOurs(line))).toEqual(before);
      expect(rules("mangle").filter(isOurs).join("\n")).toBe(MANGLE_LISTED);
      const nat = isLegacy ? `${SNAT_LISTED}\n${CONNMARK_LISTED}` : SNAT_LISTED;
      expect(rules("nat").filter(isOurs).sort()).toEqual(nat.split("\n").sort());
      expect(
        rules("nat")
          .filter((rule) => /^-A AWS-SNAT/.test(rule))
          .join("\n"),
      ).toBe(SNAT_LISTED.slice(SNAT_LISTED.indexOf("\n") + 1));
      if (!isLegacy) expect(inNode("nft list table ip aws-cni")).toBe(TABLE_LISTED);
      await withdrawFirewallRules(iptables({ netnsPath: network.node, program }));
      expect(everything()).toEqual(before);
    });

    test("what is right is not touched by another start; what is flushed comes back", async () => {
      const node = made();
      await node.network.start();
      const before = everything();
      const again = made();
      await again.network.start();
      expect(again.updates()).toBe(0);
      inNode(`${program} -w -t nat -F AWS-SNAT-CHAIN-0`);
      inNode(`${program} -w -t mangle -F PREROUTING`);
      inNode(`${program} -w -t nat -F POSTROUTING`);
      inNode(isLegacy ? `${program} -w -t nat -F PREROUTING` : "nft delete table ip aws-cni");
      expect(everything()).not.toEqual(before);
      await again.network.verify();
      expect(again.network.problem).toBeUndefined();
      expect(everything().filter(isOurs)).toEqual(before.filter(isOurs));
    });

    test("what the reference made is taken over without a change, and it finds its own rules again", async () => {
      for (const rule of REFERENCE_COMMANDS) inNode("sh -s", `${program} -w ${rule}\n`);
      if (isLegacy) for (const rule of REFERENCE_CONNMARK) inNode("sh -s", `${program} -w ${rule}\n`);
      else inNode("nft -f -", TABLE_LISTED);
      const before = everything();
      const node = made({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "192.168.0.0/24" });
      node.vpc.cidrs = ["10.0.0.0/16", "100.64.0.0/16"];
      await node.network.start();
      expect(node.updates()).toBe(0);
      inNode(`${program} -w -t nat -F AWS-SNAT-CHAIN-0`);
      inNode(`${program} -w -t mangle -F PREROUTING`);
      await node.network.verify();
      expect(everything()).toEqual(before);
      for (const rule of [...REFERENCE_COMMANDS, ...(isLegacy ? REFERENCE_CONNMARK : [])]) {
        const check = rule.replace(/ -A /, " -C ").replace(/ -I (\S+) 1 /, " -C $1 ");
        if (check !== rule) inNode("sh -s", `${program} -w ${check}\n`);
      }
    });

    test("external SNAT changes the rules of the reference's table and nothing else [datapath 18 row 12]", async () => {
      await made().network.start();
      const internal = everything();
      await made({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }).network.start();
      const external = everything();
      const gone = internal.filter((line) => !external.includes(line));
      expect(external.filter((line) => !internal.includes(line))).toEqual([]);
      const [jump = "", , , returned = "", snat = ""] = SNAT_LISTED.split("\n");
      const marks = CONNMARK_LISTED.split("\n").filter((line) => !/192\.168|100\.64/.test(line));
      const legacy = [":AWS-CONNMARK-CHAIN-0 - [0:0]", ...marks];
      expect(gone.sort()).toEqual([jump, returned, snat, ...(isLegacy ? legacy : ["table ip aws-cni"])].sort());
      await made().network.start();
      expect(new Set(everything())).toEqual(new Set(internal));
    });

    if (!isLegacy)
      test("a table nat that only nft can read is left alone, and said", async () => {
        const set = "set s { type ipv4_addr; }; ";
        const chain =
          "chain POSTROUTING { type nat hook postrouting priority srcnat; ip daddr @s ip ttl 3 masquerade; }; ";
        inNode("nft -f -", `table ip nat { ${set}${chain}}\n`);
        const before = inNode("nft list table ip nat");
        await expect(made().network.start()).rejects.toThrow("iptables cannot read the table nat: nft made it");
        expect(inNode("nft list table ip nat")).toBe(before);
      });

    test("marks of the other back end go once ours are there", async () => {
      const other = nodeNetwork(network, { env: {}, program, isOtherBackend: true });
      await other.network.start();
      const left = isLegacy ? "table ip aws-cni" : ":AWS-CONNMARK-CHAIN-0 - [0:0]";
      expect(everything()).toContain(left);
      await made().network.start();
      expect(everything()).not.toContain(left);
    });

    test("while the VPC gains and loses CIDRs, no packet leaves with a wrong address or by a wrong ENI [datapath 18 row 13]", async () => {
      const node = made();
      await node.network.start();
      const peers = { addresses: [VPC_PEER, INTERNET_PEER], port: 9 };
      network.count("o1", `ip daddr ${INTERNET_PEER}`);
      const receiver = await receive({ netnsPath: network.outside, ...peers });
      const sender = await send({ netnsPath: network.pod, ...peers });
      for (let round = 0; round < 20; round++) {
        node.vpc.cidrs = round % 2 === 0 ? ["10.0.0.0/16", "100.64.0.0/16"] : ["10.0.0.0/16"];
        await node.pass();
      }
      await sender.stop();
      const counts = await receiver.counts();
      await receiver.stop();
      expect(node.updates()).toBe((isLegacy ? 1 : 2) * 21);
      expect(Object.keys(counts).sort()).toEqual([
        `lasting to ${VPC_PEER} from ${POD_ADDRESS}`,
        `lasting to ${INTERNET_PEER} from ${NODE_ADDRESS}`,
        `new to ${VPC_PEER} from ${POD_ADDRESS}`,
        `new to ${INTERNET_PEER} from ${NODE_ADDRESS}`,
      ]);
      expect(counts[`new to ${INTERNET_PEER} from ${NODE_ADDRESS}`]).toBeGreaterThan(500);
      expect(network.counted("o1")).toBe(0);
    }, 30_000);

    test("the same eyes see what is lost when rules are deleted and added again", async () => {
      await made().network.start();
      const peers = { addresses: [INTERNET_PEER], port: 9 };
      const receiver = await receive({ netnsPath: network.outside, ...peers });
      const sender = await send({ netnsPath: network.pod, ...peers });
      const rule = "AWS-SNAT-CHAIN-0 -p udp -j SNAT --to-source 10.0.0.10";
      inNode(`${program} -w -t nat -F AWS-SNAT-CHAIN-0`);
      for (let round = 0; round < 5; round++) {
        inNode(`${program} -w -t nat -A ${rule}`);
        inNode(`${program} -w -t nat -D ${rule}`);
      }
      await sender.stop();
      expect(Object.keys(await receiver.counts())).toContain(`new to ${INTERNET_PEER} from ${POD_ADDRESS}`);
      await receiver.stop();
    }, 30_000);

    test("a gained CIDR keeps the pod's address from then on, an excluded one always [datapath 11 rows 2, 4, 5, 6]", async () => {
      let port = 1000;
      const sources = async () => {
        // Another port each time: connections that the kernel knows keep their addresses.
        const peers = { addresses: [GAINED_PEER, INTERNET_PEER], port: port++ };
        const receiver = await receive({ netnsPath: network.outside, ...peers });
        const sender = await send({ netnsPath: network.pod, ...peers });
        while (Object.keys(await receiver.counts()).length < 4) await Bun.sleep(5);
        await sender.stop();
        const seen = Object.keys(await receiver.counts()).filter((key) => key.startsWith("new"));
        await receiver.stop();
        return seen.map((key) => key.slice("new to ".length)).sort();
      };
      const ofPod = (peer: string) => `${peer} from ${POD_ADDRESS}`;
      const ofNode = (peer: string) => `${peer} from ${NODE_ADDRESS}`;
      const node = made();
      await node.network.start();
      expect(await sources()).toEqual([ofNode(GAINED_PEER), ofNode(INTERNET_PEER)]);
      node.vpc.cidrs = ["10.0.0.0/16", "100.64.0.0/16"];
      await node.pass();
      expect(await sources()).toEqual([ofPod(GAINED_PEER), ofNode(INTERNET_PEER)]);
      await made({ AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "203.0.113.0/24" }).network.start();
      expect(await sources()).toEqual([ofNode(GAINED_PEER), ofPod(INTERNET_PEER)]);
      await made({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" }).network.start();
      expect(await sources()).toEqual([ofPod(GAINED_PEER), ofPod(INTERNET_PEER)]);
    }, 30_000);

    test("answers through a node port leave by the primary ENI; without its support, by the pod's [datapath 11 row 7]", async () => {
      const nodePort = `-p udp -d ${NODE_ADDRESS}/32 --dport 30080 -j DNAT --to-destination ${POD_ADDRESS}:9`;
      inNode(`${program} -t nat -A PREROUTING ${nodePort}`);
      for (const link of ["o0", "o1"] as const) network.count(link, `ip saddr ${NODE_ADDRESS} udp sport 30080`);
      const receiver = await receive({ netnsPath: network.pod, addresses: [POD_ADDRESS], port: 9 });
      const answers = async () => {
        const before = { o0: network.counted("o0"), o1: network.counted("o1") };
        const sender = await send({ netnsPath: network.outside, addresses: [NODE_ADDRESS], port: 30_080 });
        const came = () => (["o0", "o1"] as const).filter((link) => network.counted(link) > before[link]);
        while (came().length === 0) await Bun.sleep(5);
        await sender.stop();
        return came();
      };
      const external = { AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" };
      await made(external).network.start();
      expect(await answers()).toEqual(["o0"]);
      await made({ ...external, AWS_VPC_CNI_NODE_PORT_SUPPORT: "false" }).network.start();
      expect(await answers()).toContain("o1");
      await receiver.stop();
    }, 30_000);
  });
}

function nodeNetwork(
  on: SnatNetwork,
  options: {
    readonly env: Record<string, string>;
    readonly program: "iptables-nft" | "iptables-legacy";
    readonly isOtherBackend?: boolean;
  },
) {
  const clock = new ManualClock({ isSkipping: false });
  const real = iptables({ netnsPath: on.node, program: options.program });
  const other = async () => {
    const version = await real.version();
    return { ...version, isLegacy: !version.isLegacy };
  };
  const firewall = options.isOtherBackend === true ? { ...real, version: other } : real;
  let updates = 0;
  const settings = parseNetworkSettings(options.env, { hasPodEnis: false, warnings: [] });
  const vpc = { cidrs: ["10.0.0.0/16"] };
  const made = {
    vpc,
    network: new HostNetwork({
      settings,
      primaryMac: "02:00:00:00:00:01",
      primaryAddress: parseIpv4(NODE_ADDRESS) ?? 0,
      clock,
      imds: { vpcCidrs: async () => vpc.cidrs.map((text) => parseCidr(text) as Cidr) },
      datapath: { linkNameOf: async () => "eth0", setSysctl: async (_, value) => value },
      firewall,
      log: { level: "debug", write: () => {}, flush: async () => {} },
      metrics: {
        inc: (name) => {
          if (name === "slash28_firewall_updates_total") updates++;
        },
        set: () => {},
      },
    }),
    updates: () => updates,
    /** Half a minute later, everything done that was due. */
    async pass() {
      clock.advanceTo(clock.nowMs() + 30_000);
      await made.network.verify();
    },
  };
  return made;
}
