// A node with a primary and a secondary ENI for the wiring suite, and the pods that it may have. The ENIs are veths whose other ends
// lie in a namespace that stands for the VPC.

import { type Cidr, parseCidr, parseIpv4 } from "../../src/base/ipv4.ts";
import { hostInterfaceOf } from "../../src/datapath/identity.ts";
import { ruleText } from "../../src/datapath/rules.ts";
import { hostState, stateOf } from "../../src/datapath/testing/state.ts";
import type { EniWiring, HostWiring, PodRemoval, PodWiring } from "../../src/datapath/types.ts";
import type { Change } from "../../src/netlink/types.ts";
import type { KernelLab } from "./kernel-lab.ts";

export const address = (text: string): number => parseIpv4(text)!;
export const cidr = (text: string): Cidr => parseCidr(text)!;

const SUBNET = cidr("10.0.96.0/19");
export const PRIMARY: EniWiring = {
  ...{ mac: "02:00:00:00:00:01", primaryAddress: address("10.0.96.10"), subnet: SUBNET },
  ...{ routeTableId: 254, mtu: 1500, isPrimary: true, isTrunk: false },
};
export const SECONDARY: EniWiring = {
  ...{ mac: "02:00:00:00:00:02", primaryAddress: address("10.0.100.20"), subnet: SUBNET },
  ...{ routeTableId: 2, mtu: 9001, isPrimary: false, isTrunk: false },
};

export class WiringNode {
  readonly lab: KernelLab;

  constructor(lab: KernelLab) {
    this.lab = lab;
    const vpc = lab.kernel.openNamespace(lab.addNamespace("vpc"));
    for (const [name, eni] of [
      ["eth0", PRIMARY],
      ["eth1", SECONDARY],
    ] as const) {
      const peer = { name, namespaceFd: vpc.fd };
      this.change({ change: "addVeth", name, mac: eni.mac, mtu: 1500, peer });
      vpc.netlink.apply([{ change: "setLink", link: name, isUp: true }]);
    }
    vpc.close();
    const { index: linkIndex } = lab.kernel.host.link("eth0")!;
    this.change(
      { change: "setLink", link: linkIndex, isUp: true },
      { change: "addAddress", linkIndex, address: PRIMARY.primaryAddress, prefixLength: 19, hasBroadcast: true },
    );
  }

  /** A pod with a namespace of its own. */
  pod(podName: string, ip: string, more: Partial<PodWiring> = {}): PodWiring {
    return this.podWithoutNamespace(podName, ip, { netnsPath: this.lab.addNamespace(podName), ...more });
  }

  podWithoutNamespace(podName: string, ip: string, more: Partial<PodWiring> = {}): PodWiring {
    return {
      ...{ networkName: "aws-cni", containerId: `of-${podName}`, ifName: "eth0", namespace: "default", podName },
      ...{ netnsPath: this.lab.pathOf(podName), address: address(ip), routeTableId: 2, mtu: 9001, vethPrefix: "eni" },
      ...more,
    };
  }

  /** Throws when one is refused. */
  change(...changes: Change[]): void {
    for (const [i, { errno, message }] of this.lab.kernel.host.apply(changes).entries())
      if (errno !== 0) throw new Error(`${JSON.stringify(changes[i])}: errno ${errno} ${message}`);
  }

  /** The same inside a pod. */
  changeIn(pod: PodWiring, ...changes: Change[]): void {
    const namespace = this.lab.kernel.openNamespace(pod.netnsPath);
    for (const [i, { errno, message }] of namespace.netlink.apply(changes).entries())
      if (errno !== 0) throw new Error(`${JSON.stringify(changes[i])}: errno ${errno} ${message}`);
    namespace.close();
  }

  state(...tables: number[]): string[] {
    return hostState(this.lab.kernel, [2, ...tables]);
  }

  stateIn(pod: PodWiring): string[] {
    const namespace = this.lab.kernel.openNamespace(pod.netnsPath);
    try {
      return stateOf(namespace.netlink);
    } finally {
      namespace.close();
    }
  }

  rules(): string[] {
    return this.lab.kernel.host.rules().map(ruleText);
  }

  hostWiring(...pods: PodWiring[]): HostWiring {
    return {
      rules: { mark: 0x80, externalServiceCidrs: [], isLocalRuleMoved: false },
      enis: [PRIMARY, SECONDARY],
      pods: pods.map((pod) => ({ ...pod, hostInterface: hostInterfaceOf(pod) })),
      ownRanges: [cidr("10.0.101.0/28"), cidr("10.0.97.16/28")],
      vethPrefix: "eni",
    };
  }
}

export function removalOf(pod: PodWiring): PodRemoval {
  const { address, branch } = pod;
  return { attachment: pod, address, hostInterface: hostInterfaceOf(pod), vlanId: branch?.vlanId ?? 0 };
}
