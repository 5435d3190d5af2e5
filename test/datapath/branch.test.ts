// Pods with a branch ENI, strict mode, on a node with a trunk ENI. Where the kernel has VLAN devices the pod is wired as row 14 of
// the checklist says; where it has none, the ADD is refused and taken back, and other pods live on.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { INTERNET_ADDRESS, runInside } from "../../src/up/fabric.ts";
import { CALL_TIMEOUT_MS, Lab, type LabNode } from "./lab.ts";
import { rulesOf, tracesOf, tracesWanted } from "./node-state.ts";
import { canBuildNetworks } from "./root.ts";
import { freshPing } from "./traffic.ts";
import { act, NODE_1, SUBNET_1 } from "./two-nodes.ts";

const BRANCH_ADDRESS = "10.0.3.200";
const VLAN_ID = 5;

describe.if(canBuildNetworks("pods with a branch ENI"))("pods with a branch ENI, strict mode", () => {
  let lab: Lab;
  let node: LabNode;
  let hasVlan: boolean;

  beforeAll(async () => {
    lab = await Lab.create({
      instanceType: "m5.large",
      prepare(vpc) {
        const created = act(vpc, "CreateNetworkInterface", { SubnetId: SUBNET_1, InterfaceType: "trunk" });
        const { networkInterfaceId } = created["networkInterface"] as { networkInterfaceId: string };
        const at = { InstanceId: NODE_1, DeviceIndex: "1" };
        act(vpc, "AttachNetworkInterface", { NetworkInterfaceId: networkInterfaceId, ...at });
      },
    });
    node = lab.nodes[0]!;
    hasVlan = await runInside(node.netns, ["sh", "-ec", "ip link add link lo name v9 type vlan id 9; ip link del v9"])
      .then(() => true)
      .catch(() => false);
    if (!hasVlan) {
      process.stderr.write(
        "slash28: checklist 14 and packet walks 12 and 13: only that the ADD is refused and taken back is tested: this kernel has no VLAN device (8021q)\n",
      );
    }
    const branch = { eniId: "eni-0b", ifAddress: "02:00:00:00:00:99", privateIp: BRANCH_ADDRESS, vlanId: VLAN_ID };
    const annotation = JSON.stringify([{ ...branch, subnetCidr: "10.0.0.0/22" }]);
    node.writeFacts([
      { namespace: "default", name: "plain", uid: "uid-plain", annotations: {}, limits: [] },
      {
        ...{ namespace: "default", name: "secured", uid: "uid-secured" },
        annotations: { "vpc.amazonaws.com/pod-eni": annotation },
        limits: ["vpc.amazonaws.com/pod-eni"],
      },
    ]);
    node.env = { ENABLE_POD_ENI: "true", POD_SECURITY_GROUP_ENFORCING_MODE: "strict" };
    await node.start();
  }, 120_000);

  afterAll(async () => {
    await lab.close();
    expect(lab.problems).toEqual([]);
  });

  test("the local table is looked up after the branch pods' rules; the trunk has no rule of its own", async () => {
    expect(await node.lines("ip", "rule", "show", "table", "local")).toEqual(["20:\tfrom all lookup local"]);
    expect(await node.lines("ip", "rule", "show", "pref", "32765")).toEqual([]);
  });

  test("an ordinary pod reaches its node, the other one and the internet", async () => {
    const pod = await node.addPod("plain");
    expect((await pod.echo.ping(node.primaryAddress))?.seenFrom).toBe(pod.address);
    expect((await pod.echo.ping(lab.nodes[1]!.primaryAddress))?.seenFrom).toBe(pod.address);
    expect((await freshPing(pod.sandbox.netns, INTERNET_ADDRESS))?.seenFrom).toBe(node.primaryAddress);
  });

  test("14: a branch pod has its own table and two rules, or nothing at all", async () => {
    const sandbox = node.newSandbox("secured");
    const answer = await node.plugin.add(sandbox, CALL_TIMEOUT_MS);
    const tableOf = () => node.lines("ip", "route", "show", "table", String(100 + VLAN_ID)).catch(() => []);
    if (hasVlan) {
      expect(answer.status).toBe(0);
      const { interfaces } = answer.output as { interfaces: { name: string; mac?: string }[] };
      const host = interfaces[0]!.name;
      expect(interfaces.at(-1)?.mac).toBe(String(VLAN_ID));
      expect((await tableOf()).sort()).toEqual([
        `10.0.0.1 dev vlan.eth.${VLAN_ID} scope link`,
        `${BRANCH_ADDRESS} dev ${host} scope link`,
        `default via 10.0.0.1 dev vlan.eth.${VLAN_ID}`,
      ]);
      const rules = await node.lines("ip", "rule", "show", "pref", "10");
      expect(rules.map((line) => line.replace(/\s+/g, " ")).sort()).toEqual([
        `10: from all iif ${host} lookup ${100 + VLAN_ID}`,
        `10: from all iif vlan.eth.${VLAN_ID} lookup ${100 + VLAN_ID}`,
      ]);
    } else {
      expect(answer).toMatchObject({ status: 1, output: { code: 113 } });
      expect((answer.output as { msg: string }).msg).toStartWith("add command: failed to setup network");
      expect(await runInside(sandbox.netns, ["ip", "-o", "link"])).not.toContain("eth0");
    }
    expect(await rulesOf(node, BRANCH_ADDRESS)).toEqual([]);
    expect((await node.plugin.del(sandbox, answer.output, CALL_TIMEOUT_MS)).status).toBe(0);
    node.removeSandbox(sandbox);
    expect(await node.lines("ip", "rule", "show", "pref", "10")).toEqual([]);
    expect(await tableOf()).toEqual([]);
    expect((await node.lines("ip", "-o", "link")).join("\n")).not.toContain("vlan.eth");
    expect(await tracesOf(node)).toEqual(tracesWanted(node));
  });
});
