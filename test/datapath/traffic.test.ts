// Real agents, the real plugin, pods on primary and secondary ENIs of two nodes: every packet walk of datapath.md 11 that this
// kernel can play, and the checklist of its section 18, by their numbers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { podSuffix } from "../../src/datapath/names.ts";
import { INTERNET_ADDRESS, ipJson, PEER_ADDRESS, runInside } from "../../src/up/fabric.ts";
import { CALL_TIMEOUT_MS, Lab, type LabNode, type LabPod } from "./lab.ts";
import { markLines, rulesOf, stateOf, withoutFirewall } from "./node-state.ts";
import { canBuildNetworks } from "./root.ts";
import { freshPing, newConnections, pathOf, whileStreaming } from "./traffic.ts";
import { act, VPC_ID } from "./two-nodes.ts";

/** One more than a /28 holds: the last ones are on the secondary ENI. */
const PODS_PER_NODE = 18;
const NODE_PORT = 30_080;
const SNAT_COMMENT = '"AWS, SNAT"';

describe.if(canBuildNetworks("traffic of real pods"))("traffic of real pods", () => {
  let lab: Lab;
  let node1: LabNode;
  let node2: LabNode;
  /** On the primary ENI, and on the secondary one. */
  let p1: LabPod;
  let s1: LabPod;
  let p2: LabPod;
  let s2: LabPod;

  beforeAll(async () => {
    lab = await Lab.create();
    [node1, node2] = [lab.nodes[0]!, lab.nodes[1]!];
    await Promise.all(lab.nodes.map((node) => node.start()));
    await Promise.all(
      lab.nodes.flatMap((node) => Array.from({ length: PODS_PER_NODE }, (_, index) => node.addPod(`web-${index}`))),
    );
    [p1, p2] = [onDevice(node1, 0), onDevice(node2, 0)];
    [s1, s2] = [onDevice(node1, 1), onDevice(node2, 1)];
  }, 120_000);

  afterAll(async () => {
    await lab.close();
    expect(lab.problems).toEqual([]);
  });

  function onDevice(node: LabNode, deviceNumber: number): LabPod {
    const pod = [...node.pods.values()].find((one) => one.deviceNumber === deviceNumber);
    if (pod === undefined) throw new Error(`${node.name} has no pod on device ${deviceNumber}`);
    return pod;
  }

  const restartWith = async (node: LabNode, env: Record<string, string>): Promise<void> => {
    await node.stop("SIGTERM");
    node.env = env;
    await node.start();
  };

  describe("packet walks", () => {
    test("walk 1: between pods of one node, never off the node, sources kept", async () => {
      const path = await pathOf(lab, node1, async () => {
        expect((await s1.echo.ping(p1.address))?.seenFrom).toBe(s1.address);
        expect((await p1.echo.ping(s1.address))?.seenFrom).toBe(p1.address);
      });
      expect(path).toEqual({ sent: [], received: [] });
    });

    test("walk 2: a pod of a secondary ENI to the VPC, by its own ENI, source kept", async () => {
      const path = await pathOf(lab, node1, async () => {
        expect((await s1.echo.ping(p2.address))?.seenFrom).toBe(s1.address);
      });
      expect(path).toEqual({ sent: [1], received: [1] });
      expect((await s1.echo.ping(s2.address))?.seenFrom).toBe(s1.address);
    });

    test("walk 3: a pod of the primary ENI to the VPC, by eth0, source kept", async () => {
      const path = await pathOf(lab, node1, async () => {
        expect((await p1.echo.ping(p2.address))?.seenFrom).toBe(p1.address);
      });
      expect(path).toEqual({ sent: [0], received: [0] });
    });

    test("walk 4: to the internet, by eth0, with the node's address, from either ENI", async () => {
      for (const pod of [s1, p1]) {
        const path = await pathOf(lab, node1, async () => {
          const heard = await freshPing(pod.sandbox.netns, INTERNET_ADDRESS);
          expect(heard?.seenFrom).toBe(node1.primaryAddress);
        });
        expect(path).toEqual({ sent: [0], received: [0] });
      }
    });

    test("walk 7: a NodePort's client is answered by eth0, though the pod is on the secondary ENI", async () => {
      const rule = ["PREROUTING", "-p", "udp", "-m", "addrtype", "--dst-type", "LOCAL", "--dport", String(NODE_PORT)];
      const dnat = ["-j", "DNAT", "--to-destination", `${s1.address}:2828`];
      await node1.lines("iptables", "-t", "nat", "-I", ...rule, ...dnat);
      const ask = () =>
        freshPing(lab.fabric.outsideNamespace, node1.primaryAddress, { port: NODE_PORT, timeoutMs: 300 });
      const path = await pathOf(lab, node1, async () => {
        const heard = await ask();
        expect(heard).toMatchObject({ answeredFrom: node1.primaryAddress });
      });
      expect(path).toEqual({ sent: [0], received: [0] });
      // It is the mark that brings the answers back: without its rule they leave by the other ENI and are lost.
      await node1.ip(["rule del pref 1024"]);
      expect(await ask()).toBeUndefined();
      await node1.ip(["rule add pref 1024 fwmark 0x80/0x80 lookup main"]);
      expect(await ask()).toBeDefined();
      await node1.lines("iptables", "-t", "nat", "-D", ...rule, ...dnat);
    });

    test("walk 8: from the VPC to a pod's address, in and out by its own ENI", async () => {
      const path = await pathOf(lab, node1, async () => {
        expect((await p2.echo.ping(s1.address))?.seenFrom).toBe(p2.address);
        expect((await node2.echo.ping(s1.address))?.seenFrom).toBe(node2.primaryAddress);
      });
      expect(path).toEqual({ sent: [1], received: [1] });
    });

    test("walk 9: from a process of the node to its pods, with the node's address", async () => {
      for (const pod of [p1, s1]) expect((await node1.echo.ping(pod.address))?.seenFrom).toBe(node1.primaryAddress);
    });

    test("walk 10: from a pod to its node's own address, not translated", async () => {
      for (const pod of [p1, s1]) expect((await pod.echo.ping(node1.primaryAddress))?.seenFrom).toBe(pod.address);
    });

    test("frames of the full MTU, whole, between pods of both nodes and ENIs", async () => {
      for (const [from, to] of [
        [p1, s1],
        [s1, s2],
        [p2, s1],
        [s2, p1],
      ] as const) {
        const heard = await from.echo.ping(to.address, { packetLength: 9001 });
        expect(heard?.seenFrom).toBe(from.address);
      }
    });
  });

  describe("the checklist", () => {
    const both = (): readonly LabPod[] => [p1, s1];

    test("1: the pod has its address as a /32, alone", async () => {
      for (const pod of both()) {
        const lines = await inPod(pod, "ip", "-4", "-o", "addr", "show", "dev", "eth0");
        expect(lines).toHaveLength(1);
        expect(lines[0]).toContain(`inet ${pod.address}/32 scope global eth0`);
      }
    });

    test("2: two routes, one permanent neighbour with the host link's MAC", async () => {
      for (const pod of both()) {
        expect(await inPod(pod, "ip", "route")).toEqual([
          "default via 169.254.1.1 dev eth0",
          "169.254.1.1 dev eth0 scope link",
        ]);
        const [link] = (await ipJson(node1.netns, ["link", "show", pod.hostInterface])) as { address: string }[];
        expect(await inPod(pod, "ip", "-4", "neigh", "show", "nud", "permanent")).toEqual([
          `169.254.1.1 dev eth0 lladdr ${link!.address} PERMANENT`,
        ]);
      }
    });

    test("3: both ends up, with the pods' MTU, without a queue", async () => {
      for (const pod of both()) {
        const ends = [
          await ipJson(node1.netns, ["link", "show", pod.hostInterface]),
          await ipJson(pod.sandbox.netns, ["link", "show", "eth0"]),
        ] as { mtu: number; operstate: string; txqlen?: number }[][];
        for (const [end] of ends) {
          expect(end).toMatchObject({ mtu: 9001, operstate: "UP" });
          expect(end?.txqlen).toBeUndefined();
        }
      }
    });

    test("4: the host link's name is the prefix and the pod name's hash", () => {
      for (const pod of both()) expect(pod.hostInterface).toBe(`eni${podSuffix("default", pod.sandbox.podName)}`);
    });

    test("5: one host route", async () => {
      for (const pod of both()) {
        expect(await node1.lines("ip", "route", "show", `${pod.address}/32`)).toEqual([
          `${pod.address} dev ${pod.hostInterface} scope link`,
        ]);
      }
    });

    test("6: one rule to the pod, and one from it exactly when it is not on the primary ENI", async () => {
      expect(await rulesOf(node1, p1.address)).toEqual([`512:\tfrom all to ${p1.address} lookup main`]);
      expect(await rulesOf(node1, s1.address)).toEqual([
        `512:\tfrom all to ${s1.address} lookup main`,
        `1536:\tfrom ${s1.address} lookup 2`,
      ]);
    });

    test("7: the secondary ENI's table is two gateway lines, and main has no route of its subnet", async () => {
      expect(await node1.lines("ip", "route", "show", "table", "2")).toEqual([
        "default via 10.0.0.1 dev eth1",
        "10.0.0.1 dev eth1 scope link",
      ]);
      expect(await node1.lines("ip", "route", "show", "dev", "eth1")).toEqual([]);
    });

    test("8: without the mark by the pod's own ENI, with it by the primary one", async () => {
      const ask = (...mark: string[]) =>
        node1.lines("ip", "route", "get", "8.8.8.8", "from", s1.address, "iif", s1.hostInterface, ...mark);
      expect((await ask())[0]).toContain("via 10.0.0.1 dev eth1 table 2");
      expect((await ask("mark", "0x80"))[0]).toContain("via 10.0.0.1 dev eth0");
    });

    test("9: a second ADD gives the same address and leaves everything as it is", async () => {
      const before = await stateOf(node1);
      const again = await node1.plugin.add(s1.sandbox, CALL_TIMEOUT_MS);
      expect(again).toMatchObject({ status: 0, output: s1.result });
      expect(await stateOf(node1)).toEqual(before);
      expect((await s1.echo.ping(p2.address))?.seenFrom).toBe(s1.address);
    });

    test("10: DEL twice succeeds, and nothing speaks of the address any more", async () => {
      const pod = await node1.addPod("short");
      expect((await node1.plugin.check(pod.sandbox, pod.result, CALL_TIMEOUT_MS)).status).toBe(0);
      const first = await node1.plugin.del(pod.sandbox, pod.result, CALL_TIMEOUT_MS);
      const second = await node1.plugin.del(pod.sandbox, pod.result, CALL_TIMEOUT_MS);
      expect([first.status, second.status]).toEqual([0, 0]);
      node1.dropNamespace(pod);
      await gone(node1, pod);
    });

    test("11: DEL without an agent cleans up, and the restarted agent has the address free", async () => {
      const pod = await node1.addPod("orphan");
      await node1.stop("SIGKILL");
      const answer = await node1.plugin.del(pod.sandbox, pod.result, CALL_TIMEOUT_MS);
      expect(answer.status).toBe(0);
      expect(await rulesOf(node1, pod.address)).toEqual([]);
      node1.dropNamespace(pod);
      await gone(node1, pod);
      await node1.start();
      expect(await Bun.file(node1.checkpointPath).text()).not.toContain(`"${pod.address}"`);
    });

    test("12, walk 5: external SNAT changes only the rules that translate; pods keep their addresses", async () => {
      const before = await stateOf(node1);
      await restartWith(node1, { AWS_VPC_K8S_CNI_EXTERNALSNAT: "true" });
      const rules = await node1.lines("iptables-save");
      expect(rules.filter((line) => line.includes("AWS SNAT") || line.includes(SNAT_COMMENT))).toEqual([]);
      const path = await pathOf(lab, node1, async () => {
        expect((await freshPing(s1.sandbox.netns, PEER_ADDRESS))?.seenFrom).toBe(s1.address);
      });
      expect(path).toEqual({ sent: [1], received: [1] });
      // Nobody translates here, and the internet does not know pods.
      expect(await freshPing(s1.sandbox.netns, INTERNET_ADDRESS, { timeoutMs: 200 })).toBeUndefined();
      expect(withoutFirewall(await stateOf(node1))).toEqual(withoutFirewall(before));
      await restartWith(node1, {});
      expect(await stateOf(node1)).toEqual(before);
    }, 60_000);

    test("walk 6: an excluded CIDR is reached by the pod's own ENI, not translated", async () => {
      await restartWith(node1, { AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "203.0.113.0/24" });
      const path = await pathOf(lab, node1, async () => {
        expect((await freshPing(s1.sandbox.netns, PEER_ADDRESS))?.seenFrom).toBe(s1.address);
      });
      expect(path).toEqual({ sent: [1], received: [1] });
      expect((await freshPing(s1.sandbox.netns, INTERNET_ADDRESS))?.seenFrom).toBe(node1.primaryAddress);
    }, 60_000);

    test("walk 11: a CIDR of external services is reached by eth0, translated", async () => {
      await restartWith(node1, {
        AWS_EXTERNAL_SERVICE_CIDRS: "203.0.113.0/24",
        AWS_VPC_K8S_CNI_EXTERNALSNAT: "false",
      });
      expect(await node1.lines("ip", "rule", "show", "pref", "1535")).toEqual([
        "1535:\tfrom all to 203.0.113.0/24 lookup main",
      ]);
      const path = await pathOf(lab, node1, async () => {
        expect((await freshPing(s1.sandbox.netns, PEER_ADDRESS))?.seenFrom).toBe(node1.primaryAddress);
      });
      expect(path).toEqual({ sent: [0], received: [0] });
      await restartWith(node1, {});
      expect(await node1.lines("ip", "rule", "show", "pref", "1535")).toEqual([]);
    }, 60_000);

    test("13: a VPC CIDR added is exempt within 30 s, and at no instant is the SNAT rule absent", async () => {
      const hasSnat = (lines: readonly string[]) => lines.some((line) => line.includes(SNAT_COMMENT));
      const exempts = (lines: readonly string[], cidr: string) =>
        lines.filter((line) => line.includes(cidr) && line.includes("-j RETURN")).length;
      act(lab.vpc, "AssociateVpcCidrBlock", { VpcId: VPC_ID, CidrBlock: "10.9.0.0/16" });
      const startMs = performance.now();
      let absentCount = 0;
      let isExempt = false;
      const result = await whileStreaming([newConnections("S", node1, s1)], async () => {
        while (!isExempt && performance.now() - startMs < 32_000) {
          const lines = await node1.lines("iptables-save");
          if (!hasSnat(lines)) absentCount++;
          const marks = await markLines(node1);
          isExempt = exempts(lines, "10.9.0.0/16") > 0 && marks.some((line) => line.includes("10.9.0.0/16"));
          await Bun.sleep(50);
        }
        await Bun.sleep(200);
      });
      expect({ isExempt, absentCount }).toEqual({ isExempt: true, absentCount: 0 });
      expect(result.failures).toEqual([]);
      expect(result.sentCount).toBeGreaterThan(30);
    }, 60_000);
  });

  /** No rule, no route and, after a moment, no link of the pod. */
  async function gone(node: LabNode, pod: LabPod): Promise<void> {
    expect(await rulesOf(node, pod.address)).toEqual([]);
    const untilMs = performance.now() + 5_000;
    const left = async (): Promise<string[]> => {
      const lines = [...(await node.lines("ip", "route", "show", "table", "all")), ...(await node.lines("ip", "link"))];
      return lines.filter((line) => line.includes(`${pod.address} `) || line.includes(pod.hostInterface));
    };
    while ((await left()).length > 0 && performance.now() < untilMs) await Bun.sleep(50);
    expect(await left()).toEqual([]);
  }
});

async function inPod(pod: LabPod, ...command: string[]): Promise<string[]> {
  const text = await runInside(pod.sandbox.netns, command);
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
}
