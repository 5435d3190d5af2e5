import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import { wirePod } from "../datapath/pods.ts";
import { FakeKernel } from "../datapath/testing/fake-kernel.ts";
import { hostState } from "../datapath/testing/state.ts";
import { WEB } from "../datapath/testing/web-pod.ts";
import type { BranchWiring, PodWiring } from "../datapath/types.ts";
import { KernelError } from "../netlink/kernel.ts";
import { cleanUp } from "./clean-up.ts";

const address = (text: string) => parseIpv4(text) ?? 0;
const BRANCH: BranchWiring = {
  vlanId: 5,
  mac: "02:00:00:00:00:05",
  gateway: address("10.0.96.1"),
  trunkMac: "02:00:00:00:00:01",
  mode: "strict",
};
const REMOVAL = { attachment: WEB, address: WEB.address, hostInterface: "eni0d7763386da", vlanId: 0 };

function node(): FakeKernel {
  const kernel = new FakeKernel();
  kernel.host.addDevice({ name: "eth1", mac: BRANCH.trunkMac });
  return kernel;
}

function wire(kernel: FakeKernel, pod: PodWiring): void {
  kernel.addNamespace(pod.netnsPath);
  expect(wirePod(kernel, pod)).toMatchObject({ kind: "wired" });
}

/** All but the links, which go with the pod's namespace, and what the kernel has by itself. */
const traces = (kernel: FakeKernel) =>
  hostState(kernel, [102, 105]).filter(
    (line) => !/^(?:link (?:eni|vlan0|lo|eth)|rule (?:0|3276[67]):|rule .* lookup local$)/.test(line),
  );

describe("a DEL without an agent", () => {
  test("removes what ADD made, before the namespace goes or after it, once or twice", () => {
    for (const isGone of [false, true]) {
      const kernel = node();
      wire(kernel, WEB);
      if (isGone) kernel.removeNamespace(WEB.netnsPath);
      expect(cleanUp(kernel, REMOVAL)).toEqual([]);
      expect(traces(kernel)).toEqual([]);
      expect(cleanUp(kernel, REMOVAL)).toEqual([]);
    }
  });

  test("removes a branch pod's VLAN link and rules, in both modes", () => {
    for (const mode of ["strict", "standard"] as const) {
      const kernel = node();
      wire(kernel, { ...WEB, branch: { ...BRANCH, mode } });
      const hostInterface = mode === "strict" ? "vlan0d7763386da" : "eni0d7763386da";
      expect(cleanUp(kernel, { ...REMOVAL, hostInterface, vlanId: 5 })).toEqual([]);
      // The route in the VLAN's table goes with the pod's link.
      kernel.removeNamespace(WEB.netnsPath);
      expect(traces(kernel)).toEqual([]);
    }
  });

  test("leaves an address alone that has become another pod's", () => {
    const kernel = node();
    wire(kernel, { ...WEB, podName: "web-1", containerId: "c2", netnsPath: "/run/netns/web-1" });
    const before = hostState(kernel);
    expect(cleanUp(kernel, REMOVAL)).toEqual([
      "10.0.101.5 is routed to another link than eni0d7763386da: another pod has it by now",
    ]);
    expect(cleanUp(kernel, { ...REMOVAL, hostInterface: "" })).toHaveLength(1);
    expect(hostState(kernel)).toEqual(before);
  });

  test("leaves a VLAN alone that serves another address, in both modes", () => {
    for (const mode of ["strict", "standard"] as const) {
      const kernel = node();
      const other = {
        podName: "web-1",
        containerId: "c2",
        netnsPath: "/run/netns/web-1",
        address: address("10.0.101.6"),
      };
      wire(kernel, { ...WEB, ...other, branch: { ...BRANCH, mode } });
      const before = hostState(kernel, [105]);
      expect(cleanUp(kernel, { ...REMOVAL, vlanId: 5 })).toEqual([
        "VLAN 5 serves 10.0.101.6: another pod has it by now",
      ]);
      expect(hostState(kernel, [105])).toEqual(before);
    }
  });

  test("leaves alone what a later sandbox of the same pod has, and removes the rest", () => {
    for (const branch of [undefined, BRANCH, { ...BRANCH, mode: "standard" } as const]) {
      const kernel = node();
      wire(kernel, { ...WEB, containerId: "c2", branch });
      const before = hostState(kernel, [102, 105]);
      const hostInterface = branch?.mode === "strict" ? "vlan0d7763386da" : "eni0d7763386da";
      const removal = { ...REMOVAL, hostInterface, vlanId: branch?.vlanId ?? 0 };
      expect(cleanUp(kernel, removal)).toEqual([
        `10.0.101.5 is with another sandbox by now, whose link is ${hostInterface}`,
      ]);
      expect(hostState(kernel, [102, 105])).toEqual(before);
      const rule = { priority: 512, table: 254, to: { base: address("10.0.101.9"), prefixLength: 32 } };
      kernel.host.apply([{ change: "addRule", rule }]);
      expect(cleanUp(kernel, { ...removal, address: rule.to.base, vlanId: 0 })).toEqual([]);
      expect(hostState(kernel, [102, 105])).toEqual(before);
    }
  });

  test("leaves a later sandbox its VLAN link, also when its routes and rules are lost", () => {
    for (const mode of ["strict", "standard"] as const) {
      const kernel = node();
      wire(kernel, { ...WEB, containerId: "c2", branch: { ...BRANCH, mode } });
      const { host } = kernel;
      host.routeList = host.routeList.filter((route) => route.destination.base !== WEB.address);
      host.ruleList = host.ruleList.filter((rule) => rule.from?.base !== WEB.address);
      const before = hostState(kernel, [105]);
      const hostInterface = mode === "strict" ? "vlan0d7763386da" : "eni0d7763386da";
      for (const known of [hostInterface, ""]) {
        expect(cleanUp(kernel, { ...REMOVAL, hostInterface: known, vlanId: 5 })).toEqual([
          "VLAN 5 is with another sandbox by now, as its link's alias says",
        ]);
        expect(hostState(kernel, [105])).toEqual(before);
      }
    }
  });

  test("says what the kernel says when it cannot be asked", () => {
    const kernel = node();
    const broken = { ...kernel, host: { ...kernel.host, link: () => undefined, routes: broke } };
    expect(cleanUp(broken as unknown as FakeKernel, REMOVAL)).toEqual(["netlink: EPERM"]);
  });
});

function broke(): never {
  throw new KernelError("netlink: EPERM", 1);
}
