// An agent that is ended and started again, in order or by SIGKILL, while traffic flows: nothing is lost, nothing that is right is
// taken away.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { INTERNET_ADDRESS } from "../../src/up/fabric.ts";
import { Lab, type LabNode, type LabPod } from "./lab.ts";
import { deletedDuring, stateOf } from "./node-state.ts";
import { canBuildNetworks } from "./root.ts";
import { freshPing, newConnections, type Stream, whileStreaming } from "./traffic.ts";

const PODS_PER_NODE = 18;
const NODE_PORT = 30_080;

describe.if(canBuildNetworks("traffic over restarts of the agent"))("traffic over restarts of the agent", () => {
  let lab: Lab;
  let node1: LabNode;
  let streams: Stream[];

  beforeAll(async () => {
    lab = await Lab.create();
    node1 = lab.nodes[0]!;
    await Promise.all(lab.nodes.map((node) => node.start()));
    await Promise.all(
      lab.nodes.flatMap((node) => Array.from({ length: PODS_PER_NODE }, (_, index) => node.addPod(`web-${index}`))),
    );
    const [p1, s1, s2] = [pod(node1, 0), pod(node1, 1), pod(lab.nodes[1]!, 1)];
    await node1.lines(
      ...["iptables", "-t", "nat", "-I", "PREROUTING", "-p", "udp", "-m", "addrtype", "--dst-type", "LOCAL"],
      ...["--dport", String(NODE_PORT), "-j", "DNAT", "--to-destination", `${s1.address}:2828`],
    );
    const { outsideNamespace } = lab.fabric;
    streams = [
      { name: "S to S of the other node", ping: () => s1.echo.ping(s2.address), seenFrom: s1.address },
      { name: "the other node's S to P", ping: () => s2.echo.ping(p1.address), seenFrom: s2.address },
      { name: "P to S on one node", ping: () => p1.echo.ping(s1.address), seenFrom: p1.address },
      { name: "node to S", ping: () => node1.echo.ping(s1.address), seenFrom: node1.primaryAddress },
      { name: "S to the internet", ping: () => s1.echo.ping(INTERNET_ADDRESS), seenFrom: node1.primaryAddress },
      newConnections("S", node1, s1),
      newConnections("P", node1, p1),
      {
        name: "new connections to a NodePort of S",
        ping: () => freshPing(outsideNamespace, node1.primaryAddress, { port: NODE_PORT }),
        seenFrom: INTERNET_ADDRESS,
      },
    ];
  }, 120_000);

  afterAll(async () => {
    await lab.close();
    expect(lab.problems).toEqual([]);
  });

  function pod(node: LabNode, deviceNumber: number): LabPod {
    return [...node.pods.values()].find((one) => one.deviceNumber === deviceNumber)!;
  }

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    test(`${signal} and start, three times: no packet is lost, no link, address, route or rule is deleted`, async () => {
      const before = await stateOf(node1);
      let deleted: string[] = [];
      const result = await whileStreaming(streams, async () => {
        deleted = await deletedDuring(node1, async () => {
          for (let round = 0; round < 3; round++) {
            await node1.stop(signal);
            await Bun.sleep(100);
            await node1.start();
            await Bun.sleep(300);
          }
        });
      });
      expect(result.failures).toEqual([]);
      expect(result.sentCount).toBeGreaterThan(streams.length * 50);
      expect(deleted).toEqual([]);
      expect(await stateOf(node1)).toEqual(before);
    }, 60_000);
  }

  test("the watch over what is deleted notices a route, an address, a link and a rule", async () => {
    const deleted = await deletedDuring(node1, () =>
      node1.ip([
        "link add seen type veth peer name seen-too",
        "link set seen up",
        "addr add 192.0.2.129/25 dev seen",
        "rule add pref 700 to 192.0.2.129 lookup main",
        "rule del pref 700",
        "addr del 192.0.2.129/25 dev seen",
        "link del seen",
      ]),
    );
    const text = deleted.join("\n");
    for (const seen of [
      /^Deleted 700:.*to 192\.0\.2\.129/m,
      /^Deleted .*inet 192\.0\.2\.129\/25/m,
      /^Deleted .*: seen/m,
    ])
      expect(text).toMatch(seen);
    expect(text).toMatch(/^Deleted .*192\.0\.2\.12[89].* dev seen/m);
  });

  test("a stream notices what the streams are there for: a rule that is away for a moment", async () => {
    const result = await whileStreaming(streams, async () => {
      await Bun.sleep(50);
      await node1.ip(["rule del pref 1024"]);
      await Bun.sleep(50);
      await node1.ip(["rule add pref 1024 fwmark 0x80/0x80 lookup main"]);
      await Bun.sleep(50);
    });
    expect(result.failures.join("\n")).toContain("new connections of S to the internet: lost");
    expect(result.failures.join("\n")).toContain("new connections to a NodePort of S: lost");
  });
});
