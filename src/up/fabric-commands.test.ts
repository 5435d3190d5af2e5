import { describe, expect, test } from "bun:test";
import { parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { datapathProblems } from "./fabric.ts";
import { type FabricEni, type FabricPicture, fabricChanges, NOTHING } from "./fabric-commands.ts";

const cidr = (text: string) => parseCidr(text)!;
const subnet = cidr("10.0.0.0/24");
const primary: FabricEni = {
  eniId: "eni-1",
  mac: "02:00:00:00:00:0a",
  deviceIndex: 0,
  primaryAddress: parseIpv4("10.0.0.10")!,
  subnet,
  addresses: [],
  prefixes: [],
};
const secondary: FabricEni = {
  ...primary,
  eniId: "eni-2",
  mac: "02:00:00:00:00:0b",
  deviceIndex: 1,
  primaryAddress: parseIpv4("10.0.0.11")!,
};
const picture = (...enis: FabricEni[]): FabricPicture => ({
  vpcCidrs: [cidr("10.0.0.0/16")],
  subnets: [subnet],
  nodes: [{ namespace: "n1", enis }],
});
const linkOf = (eniId: string): string => eniId.replace("eni-", "e");

describe("the VPC as lines for ip", () => {
  test("a secondary ENI comes bare, the primary one as an operating system sets it up", () => {
    const { vpc, nodes } = fabricChanges(NOTHING, picture(primary, secondary), linkOf);
    expect(vpc).toContain("addr add 10.0.0.1/32 dev lo");
    expect(vpc).toContain("route replace blackhole 10.0.0.0/16 metric 9999");
    expect(vpc).toContain("link add e1 mtu 9001 type veth peer name eth0 address 02:00:00:00:00:0a mtu 9001 netns n1");
    expect(vpc).toContain("link add e2 mtu 9001 type veth peer name eth1 address 02:00:00:00:00:0b mtu 1500 netns n1");
    expect(nodes.get("n1")).toEqual([
      "link set eth0 up",
      "addr add 10.0.0.10/24 broadcast + dev eth0",
      "route add default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.10 metric 512",
    ]);
  });

  test("nothing changed: no lines", () => {
    const { vpc, nodes } = fabricChanges(picture(primary, secondary), picture(primary, secondary), linkOf);
    expect(vpc).toEqual([]);
    expect(nodes.size).toBe(0);
  });

  test("/28s and addresses that come and go are routes that come and go", () => {
    const prefix = parseIpv4("10.0.0.32")!;
    const address = parseIpv4("10.0.0.200")!;
    const before = picture({ ...primary, prefixes: [prefix] });
    const after = picture({ ...primary, addresses: [address] });
    expect(fabricChanges(before, after, linkOf).vpc).toEqual([
      "route del 10.0.0.32/28 via 10.0.0.10 dev e1 onlink",
      "route replace 10.0.0.200 via 10.0.0.10 dev e1 onlink",
    ]);
  });

  test("what moves from one ENI to another is taken away before it is given, whichever of them comes first", () => {
    const prefix = parseIpv4("10.0.0.32")!;
    const [has, takes] = [secondary, primary];
    for (const [before, after] of [
      [picture({ ...has, prefixes: [prefix] }, takes), picture(has, { ...takes, prefixes: [prefix] })],
      [picture(takes, { ...has, prefixes: [prefix] }), picture({ ...takes, prefixes: [prefix] }, has)],
    ] as const) {
      expect(fabricChanges(before, after, linkOf).vpc).toEqual([
        "route del 10.0.0.32/28 via 10.0.0.11 dev e2 onlink",
        "route replace 10.0.0.32/28 via 10.0.0.10 dev e1 onlink",
      ]);
    }
  });

  test("a detached ENI loses its link; the same ENI on another device index is a new one", () => {
    expect(fabricChanges(picture(primary, secondary), picture(primary), linkOf).vpc).toEqual([
      "route del 10.0.0.11/32 table 100",
      "link del e2",
    ]);
    const moved = { ...secondary, deviceIndex: 2 };
    const { vpc } = fabricChanges(picture(secondary), picture(moved), linkOf);
    expect(vpc.indexOf("link del e2")).toBeLessThan(vpc.findIndex((line) => line.startsWith("link add e2")));
  });
});

test("what a machine lacks is said: the system, the right, each tool with its package", () => {
  const good = { platform: "linux", isRoot: true, has: () => true };
  expect(datapathProblems(good)).toEqual([]);
  expect(datapathProblems({ ...good, platform: "darwin" })).toEqual(["network namespaces need Linux"]);
  expect(datapathProblems({ ...good, isRoot: false, has: (tool) => tool !== "ip" })).toEqual([
    "root is needed to make network namespaces",
    "ip is not installed (package iproute2)",
  ]);
});
