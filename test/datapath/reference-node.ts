// A node as amazon-vpc-cni-k8s v1.23.1 leaves it: links, addresses, routes, rules, chains and checkpoint made here by the text of
// datapath.md, with nothing of ours in them.

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { formatCidr, formatIpv4 } from "../../src/base/ipv4.ts";
import { podSuffix } from "../../src/datapath/names.ts";
import { connmarkTable, referenceCommands } from "../../src/datapath/testing/reference-rules.ts";
import type { Vpc } from "../../src/emulator/model/index.ts";
import { EchoPlace } from "../../src/up/echo.ts";
import { type Fabric, ip, runInside } from "../../src/up/fabric.ts";
import type { FabricEni } from "../../src/up/fabric-commands.ts";
import { attachedEnis } from "../../src/up/fabric-picture.ts";
import type { LabNode, LabPod } from "./lab.ts";
import { act } from "./two-nodes.ts";

/** A secondary ENI with the reference's tags, and a /28 on each ENI. */
export function giveEnis(vpc: Vpc, instanceId: string): void {
  const primary = attachedEnis(vpc.world, instanceId)[0]!;
  const subnetId = vpc.world.enis.get(primary.eniId)!.subnet.id;
  const created = act(vpc, "CreateNetworkInterface", {
    SubnetId: subnetId,
    Description: `aws-K8S-${instanceId}`,
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": "node.k8s.amazonaws.com/instance_id",
    "TagSpecification.1.Tag.1.Value": instanceId,
  });
  const eniId = (created["networkInterface"] as { networkInterfaceId: string }).networkInterfaceId;
  act(vpc, "AttachNetworkInterface", { NetworkInterfaceId: eniId, InstanceId: instanceId, DeviceIndex: "1" });
  for (const id of [primary.eniId, eniId])
    act(vpc, "AssignPrivateIpAddresses", { NetworkInterfaceId: id, Ipv4PrefixCount: "1" });
}

/** Wires the node and `podsPerEni` pods on each of its two ENIs; returns the pods, as their ADD would have answered. */
export async function wireAsReference(options: {
  readonly node: LabNode;
  readonly vpc: Vpc;
  readonly fabric: Fabric;
  readonly podsPerEni: number;
}): Promise<LabPod[]> {
  const { node, vpc, podsPerEni } = options;
  const [primary, secondary] = attachedEnis(vpc.world, node.instanceId).sort((a, b) => a.deviceIndex - b.deviceIndex);
  if (primary === undefined || secondary === undefined) throw new Error("giveEnis comes first");
  await wireNode(node, primary, secondary);
  const pods: LabPod[] = [];
  for (const eni of [primary, secondary]) {
    for (let index = 0; index < podsPerEni; index++) {
      const address = formatIpv4(eni.prefixes[0]! + 2 + index);
      pods.push(await wirePod(node, `ref-${eni.deviceIndex}-${index}`, address, eni.deviceIndex));
    }
  }
  writeCheckpoint(node, pods);
  for (const pod of pods) node.pods.set(pod.sandbox.containerId, pod);
  return pods;
}

async function wireNode(node: LabNode, primary: FabricEni, secondary: FabricEni): Promise<void> {
  const { subnet, primaryAddress } = secondary;
  const gateway = formatIpv4(subnet.base + 1);
  const address = formatIpv4(primaryAddress);
  await node.ip([
    "link set dev eth0 mtu 9001",
    "link set dev eth1 mtu 9001",
    "link set dev eth1 up",
    `addr add ${address}/${subnet.prefixLength} brd + dev eth1`,
    `route replace ${gateway}/32 dev eth1 scope link table 2`,
    `route replace default via ${gateway} dev eth1 table 2`,
    `route del ${formatCidr(subnet)} dev eth1 scope link src ${address} table main`,
    `rule add pref 32765 from ${address}/32 table 2`,
    "rule add pref 1024 fwmark 0x80/0x80 lookup main",
  ]);
  const commands = referenceCommands({
    address: formatIpv4(primary.primaryAddress),
    vpcCidrs: ["10.0.0.0/16"],
    excludedCidrs: [],
  });
  await runInside(
    node.netns,
    ["sh"],
    `set -e
sysctl -qw net.ipv4.conf.eth0.rp_filter=2
${commands.map((command) => `iptables ${command}`).join("\n")}
nft -f - <<'END'
${connmarkTable(["10.0.0.0/16"])}END
`,
  );
}

async function wirePod(node: LabNode, podName: string, address: string, deviceNumber: number): Promise<LabPod> {
  const sandbox = node.newSandbox(podName);
  const suffix = podSuffix(sandbox.namespace, podName);
  const hostInterface = `eni${suffix}`;
  const mac = `2a:00:00:00:${suffix.slice(0, 2)}:${suffix.slice(2, 4)}`;
  await node.ip([
    `link add name ${hostInterface} mtu 9001 txqueuelen 0 address ${mac} type veth peer name eth0 mtu 9001 txqueuelen 0 netns ${basename(sandbox.netns)}`,
    `link set ${hostInterface} up`,
    `route replace ${address}/32 dev ${hostInterface} scope link`,
    `rule add pref 512 to ${address}/32 table main`,
    ...(deviceNumber === 0 ? [] : [`rule add pref 1536 from ${address}/32 table ${deviceNumber + 1}`]),
  ]);
  await ip(sandbox.netns, [
    "link set eth0 up",
    "route replace 169.254.1.1/32 dev eth0 scope link",
    "route add default via 169.254.1.1 dev eth0",
    `addr add ${address}/32 dev eth0`,
    `neigh add 169.254.1.1 lladdr ${mac} dev eth0 nud permanent`,
  ]);
  const result = {
    cniVersion: "0.4.0",
    interfaces: [
      { name: hostInterface },
      { name: "eth0", mac: String(deviceNumber === 0 ? 254 : deviceNumber + 1), sandbox: sandbox.netns },
      { name: `dummy${suffix}`, mac: "0", sandbox: String(deviceNumber) },
    ],
    ips: [{ version: "4", interface: 1, address: `${address}/32` }],
    dns: {},
  };
  return { sandbox, address, result, hostInterface, deviceNumber, echo: await EchoPlace.open(sandbox.netns) };
}

function writeCheckpoint(node: LabNode, pods: readonly LabPod[]): void {
  const allocations = pods.map(({ sandbox, address }) => ({
    networkName: "aws-cni",
    containerID: sandbox.containerId,
    ifName: "eth0",
    ipv4: address,
    allocationTimestamp: 1_767_225_600_000_000_000,
    metadata: { k8sPodNamespace: sandbox.namespace, k8sPodName: sandbox.podName, interfacesCount: 1 },
  }));
  writeFileSync(node.checkpointPath, JSON.stringify({ version: "vpc-cni-ipam/1", allocations }));
}
