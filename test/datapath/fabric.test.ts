// The VPC made of namespaces, with nodes wired by hand: what is wired as datapath.md says gets through, what is not is lost.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { formatIpv4 } from "../../src/base/ipv4.ts";
import { NamespaceSet } from "../../src/drivers/network-namespaces.ts";
import type { Vpc } from "../../src/emulator/model/index.ts";
import { EchoPlace } from "../../src/up/echo.ts";
import { Fabric, INTERNET_ADDRESS, ip, ipJson, PEER_ADDRESS } from "../../src/up/fabric.ts";
import { canBuildNetworks } from "./root.ts";
import { act, NODE_1, NODE_2, SUBNET_1, twoNodes } from "./two-nodes.ts";

/** Veth, routes and rules of one pod, by datapath.md 6 and 7, with a name of our own. */
async function wireByHand(
  fabric: Fabric,
  pod: { readonly name: string; readonly node: string; readonly address: string; readonly table?: number },
): Promise<string> {
  const { name, address } = pod;
  const path = fabric.createPodNamespace(name);
  const node = fabric.nodeNamespace(pod.node);
  await ip(node, [
    `link add eni${name} mtu 9001 address 02:00:00:00:00:01 type veth peer name eth0 mtu 9001 netns ${basename(path)}`,
    `link set eni${name} up`,
    `route replace ${address}/32 dev eni${name} scope link`,
    `rule add pref 512 to ${address}/32 table main`,
    ...(pod.table === undefined ? [] : [`rule add pref 1536 from ${address}/32 table ${pod.table}`]),
  ]);
  await ip(path, [
    "link set eth0 up",
    "route replace 169.254.1.1/32 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    `addr add ${address}/32 dev eth0`,
    "neigh add 169.254.1.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
  ]);
  return path;
}

describe.if(canBuildNetworks("the VPC of namespaces"))("the VPC of namespaces", () => {
  let vpc: Vpc;
  let fabric: Fabric;
  const problems: string[] = [];
  const places: EchoPlace[] = [];
  let s1: EchoPlace;
  let p1: EchoPlace;
  let p2: EchoPlace;
  let node1: EchoPlace;
  let internet: EchoPlace;
  let peer: EchoPlace;
  let secondEni = "";
  let attachmentId = "";
  const address = { s1: "", p1: "", p2: "", node1: "", eni1: "" };

  const open = async (path: string, at?: string): Promise<EchoPlace> => {
    const place = await EchoPlace.open(path, at === undefined ? {} : { address: at });
    places.push(place);
    return place;
  };
  const prefixOf = (eniId: string, offset: number): string =>
    formatIpv4((vpc.world.enis.get(eniId)?.now.prefixes[0] ?? 0) + offset);

  beforeAll(async () => {
    vpc = twoNodes();
    fabric = await Fabric.create({ instanceIds: [NODE_1, NODE_2], onProblem: (text) => problems.push(text) });
    await fabric.follow(vpc.world, () => performance.now());
    const primaries = [NODE_1, NODE_2].map((id) => [...(vpc.world.instances.get(id)?.enis ?? [])][0]!);
    // Changes after the start are followed: an ENI comes, /28s come.
    const created = act(vpc, "CreateNetworkInterface", { SubnetId: SUBNET_1 });
    secondEni = (created["networkInterface"] as { networkInterfaceId: string }).networkInterfaceId;
    const attached = act(vpc, "AttachNetworkInterface", {
      NetworkInterfaceId: secondEni,
      InstanceId: NODE_1,
      DeviceIndex: "1",
    });
    attachmentId = String(attached["attachmentId"]);
    for (const eniId of [...primaries.map((eni) => eni.id), secondEni])
      act(vpc, "AssignPrivateIpAddresses", { NetworkInterfaceId: eniId, Ipv4PrefixCount: "1" });
    address.node1 = formatIpv4(primaries[0]!.primaryAddress);
    address.eni1 = formatIpv4(vpc.world.enis.get(secondEni)!.primaryAddress);
    address.p1 = prefixOf(primaries[0]!.id, 3);
    address.p2 = prefixOf(primaries[1]!.id, 3);
    address.s1 = prefixOf(secondEni, 3);
    await Bun.sleep(200);
    await ip(fabric.nodeNamespace(NODE_1), [
      "link set eth1 mtu 9001",
      "link set eth1 up",
      `addr add ${address.eni1}/22 broadcast + dev eth1`,
      "route replace 10.0.0.1/32 dev eth1 scope link table 2",
      "route replace default via 10.0.0.1 dev eth1 table 2",
      `route del 10.0.0.0/22 dev eth1 scope link src ${address.eni1} table main`,
      `rule add pref 32765 from ${address.eni1}/32 table 2`,
    ]);
    p1 = await open(await wireByHand(fabric, { name: "p1", node: NODE_1, address: address.p1 }));
    s1 = await open(await wireByHand(fabric, { name: "s1", node: NODE_1, address: address.s1, table: 2 }));
    p2 = await open(await wireByHand(fabric, { name: "p2", node: NODE_2, address: address.p2 }));
    node1 = await open(fabric.nodeNamespace(NODE_1), address.node1);
    internet = await open(fabric.outsideNamespace, INTERNET_ADDRESS);
    peer = await open(fabric.outsideNamespace, PEER_ADDRESS);
  });

  afterAll(async () => {
    for (const place of places) place.close();
    await fabric.close();
    expect(problems).toEqual([]);
    expect(readdirSync("/run/netns").filter((name) => name.startsWith(`s28-${process.pid}-`))).toEqual([]);
  });

  test("a node's primary ENI looks as an operating system leaves it", async () => {
    const node = fabric.nodeNamespace(NODE_1);
    const [link] = (await ipJson(node, ["link", "show", "eth0"])) as { address: string; mtu: number }[];
    expect(link?.address).toBe([...(vpc.world.instances.get(NODE_1)?.enis ?? [])][0]!.mac);
    expect(link?.mtu).toBe(9001);
    const routes = (await ipJson(node, ["route", "show", "dev", "eth0"])) as { dst: string; gateway?: string }[];
    expect(routes.map((route) => `${route.dst} ${route.gateway ?? "-"}`)).toEqual([
      "default 10.0.0.1",
      "10.0.0.0/22 -",
    ]);
  });

  test("pods reach each other on a node, across nodes and over a secondary ENI, with their own addresses", async () => {
    expect((await p1.ping(address.s1))?.seenFrom).toBe(address.p1);
    expect((await p1.ping(address.p2))?.seenFrom).toBe(address.p1);
    const before = await fabric.traffic();
    expect((await s1.ping(address.p2))?.seenFrom).toBe(address.s1);
    const after = await fabric.traffic();
    expect(after.get(secondEni)!.sentCount).toBeGreaterThan(before.get(secondEni)!.sentCount);
    expect((await p2.ping(address.s1, { packetLength: 9001 }))?.seenFrom).toBe(address.p2);
  });

  test("the internet answers instances, not pods; a joined network answers both", async () => {
    expect((await node1.ping(INTERNET_ADDRESS))?.seenFrom).toBe(address.node1);
    expect(await p1.ping(INTERNET_ADDRESS, { timeoutMs: 200 })).toBeUndefined();
    expect([...internet.askedFrom]).toEqual([address.node1]);
    expect((await p1.ping(PEER_ADDRESS))?.seenFrom).toBe(address.p1);
    expect((await s1.ping(PEER_ADDRESS))?.seenFrom).toBe(address.s1);
    expect((await peer.ping(address.s1))?.seenFrom).toBe(PEER_ADDRESS);
  });

  test("what leaves by the wrong ENI is lost", async () => {
    const node = fabric.nodeNamespace(NODE_1);
    await ip(node, [`rule del pref 1536 from ${address.s1}/32 table 2`]);
    expect(await s1.ping(address.p2, { timeoutMs: 200 })).toBeUndefined();
    await ip(node, [`rule add pref 1536 from ${address.s1}/32 table 2`]);
    expect((await s1.ping(address.p2))?.seenFrom).toBe(address.s1);
  });

  test("a frame longer than a link takes is lost", async () => {
    await ip(fabric.nodeNamespace(NODE_1), ["link set eth1 mtu 1500"]);
    expect(await p2.ping(address.s1, { packetLength: 9001, timeoutMs: 200 })).toBeUndefined();
    expect((await p2.ping(address.s1))?.seenFrom).toBe(address.p2);
    await ip(fabric.nodeNamespace(NODE_1), ["link set eth1 mtu 9001"]);
  });

  test("what EC2 takes away is gone", async () => {
    const prefix = `${prefixOf(secondEni, 0)}/28`;
    act(vpc, "UnassignPrivateIpAddresses", { NetworkInterfaceId: secondEni, "Ipv4Prefix.1": prefix });
    await Bun.sleep(200);
    expect(await p2.ping(address.s1, { timeoutMs: 200 })).toBeUndefined();
    act(vpc, "DetachNetworkInterface", { AttachmentId: attachmentId, Force: "true" });
    await Bun.sleep(300);
    const links = (await ipJson(fabric.nodeNamespace(NODE_1), ["link", "show"])) as { ifname: string }[];
    expect(links.map((link) => link.ifname)).not.toContain("eth1");
    expect((await p1.ping(address.p2))?.seenFrom).toBe(address.p1);
  });

  test("a namespace of a dead process is removed by the next run, one of a living process is not", async () => {
    const script = `
      import { NamespaceSet } from ${JSON.stringify(`${import.meta.dir}/../../src/drivers/network-namespaces.ts`)};
      console.log(new NamespaceSet().create("left"));`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const path = (await new Response(child.stdout).text()).trim();
    await child.exited;
    expect(existsSync(path)).toBe(true);
    const other = await Fabric.create({ instanceIds: [], onProblem: () => {} }).catch((error: unknown) =>
      String(error),
    );
    // This process has a fabric already: the names are taken, and nothing of it is harmed.
    expect(other).toContain("EEXIST");
    expect(existsSync(path)).toBe(false);
    expect((await p1.ping(address.p2))?.seenFrom).toBe(address.p1);
  });
});

describe.if(canBuildNetworks("the VPC's end"))("the end of a VPC of namespaces", () => {
  const left = () => readdirSync("/run/netns").filter((name) => name.startsWith(`s28-${process.pid}-`));

  test("one that cannot be made leaves nothing of itself", async () => {
    const others = new NamespaceSet();
    others.create("outside");
    await expect(Fabric.create({ instanceIds: [], onProblem: () => {} })).rejects.toThrow("EEXIST");
    expect(left()).toEqual([`s28-${process.pid}-outside`]);
    others.removeAll();
    expect(left()).toEqual([]);
  });

  test("names that an earlier process with this one's number left are no living process's", async () => {
    writeFileSync(`/run/netns/s28-${process.pid}-vpc`, "");
    const fabric = await Fabric.create({ instanceIds: [], onProblem: () => {} });
    await fabric.close();
    expect(left()).toEqual([]);
  });

  test("a namespace that cannot be removed keeps no other one", () => {
    const set = new NamespaceSet();
    const [first, second] = [set.create("a"), set.create("b")];
    Bun.spawnSync(["umount", "--lazy", first]);
    rmSync(first);
    mkdirSync(first);
    expect(() => set.removeAll()).toThrow(first);
    expect(existsSync(second)).toBe(false);
    rmdirSync(first);
    set.removeAll();
    expect(left()).toEqual([]);
  });

  test("a change under way is finished before the namespaces go", async () => {
    const problems: string[] = [];
    const vpc = twoNodes();
    const fabric = await Fabric.create({ instanceIds: [NODE_1, NODE_2], onProblem: (text) => problems.push(text) });
    const following = fabric.follow(vpc.world, () => performance.now());
    await Bun.sleep(1);
    await fabric.close();
    await following;
    expect({ problems, left: left() }).toEqual({ problems: [], left: [] });
  });
});
