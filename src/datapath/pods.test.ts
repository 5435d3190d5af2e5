import { expect, test } from "bun:test";
import { checkPod } from "./check.ts";
import { wirePod } from "./pods.ts";
import { FakeKernel, type FakeNetwork } from "./testing/fake-kernel.ts";
import { hostState, stateOf } from "./testing/state.ts";
import { WEB } from "./testing/web-pod.ts";
import { removeLink, unwirePod } from "./unwire.ts";

test("a pod of a secondary ENI has the links, routes, rules and neighbour of the reference", () => {
  const kernel = new FakeKernel();
  kernel.addNamespace(WEB.netnsPath);
  expect(wirePod(kernel, WEB)).toMatchObject({ kind: "wired", hostInterface: "eni0d7763386da", isRepeat: false });
  expect(hostState(kernel)).toEqual([
    'link eni0d7763386da veth up mtu 9001 qlen 0 alias "slash28 aws-cni/c1/eth0 default/web-0"',
    'link lo device down mtu 65536 alias ""',
    "route table main 10.0.101.5/32 dev eni0d7763386da scope 253 proto 3 type 1 metric 0",
    "rule 0: from all lookup local",
    "rule 512: from all to 10.0.101.5 lookup main",
    "rule 1536: from 10.0.101.5 lookup 2",
    "rule 32766: from all lookup main",
    "rule 32767: from all lookup 253",
  ]);
  expect(stateOf(kernel.networkAt(WEB.netnsPath) ?? kernel.host)).toEqual([
    'link eth0 veth up mtu 9001 qlen 0 alias ""',
    'link lo device down mtu 65536 alias ""',
    "address 10.0.101.5/32 dev eth0 scope 0",
    "route table main 0.0.0.0/0 via 169.254.1.1 dev eth0 scope 0 proto 3 type 1 metric 0",
    "route table main 169.254.1.1/32 dev eth0 scope 253 proto 3 type 1 metric 0",
    `neighbour 169.254.1.1 lladdr ${kernel.host.link("eni0d7763386da")?.mac} dev eth0`,
    "rule 0: from all lookup local",
    "rule 32766: from all lookup main",
    "rule 32767: from all lookup 253",
  ]);
  expect(kernel.sysctl("net/ipv6/conf/eni0d7763386da/accept_ra")).toBe("0");
  kernel.host.addDevice({ name: "eth1", mac: "02:00:00:00:00:02" });
  expect(checkPod(kernel, WEB)).toEqual(["table 2 of the ENI has no default route"]);
  expect(kernel.openCount).toBe(0);
});

test("both ends are asked about after the last change: the kernel has followed up their carrier before ADD is answered", () => {
  const kernel = new FakeKernel();
  const said: string[] = [];
  const listen = (network: FakeNetwork, place: string): void => {
    const link = network.link.bind(network);
    const apply = network.apply.bind(network);
    network.link = (name) => {
      said.push(`${place} ${name}`);
      return link(name);
    };
    network.apply = (changes) => {
      if (changes.length > 0) said.push(`${place} changed`);
      return apply(changes);
    };
  };
  listen(kernel.addNamespace(WEB.netnsPath), "pod");
  listen(kernel.host, "host");
  wirePod(kernel, WEB);
  expect(said.slice(-3)).toEqual(["host changed", "pod eth0", "host eni0d7763386da"]);
});

test("DEL twice leaves nothing but the link, which goes with the namespace", () => {
  const kernel = new FakeKernel();
  const before = hostState(kernel);
  kernel.addNamespace(WEB.netnsPath);
  wirePod(kernel, WEB);
  const removal = { attachment: WEB, address: WEB.address, hostInterface: "eni0d7763386da", vlanId: 0 };
  expect(unwirePod(kernel, removal)).toEqual([]);
  expect(unwirePod(kernel, removal)).toEqual([]);
  expect(removeLink(kernel, { ...removal, attachment: { ...WEB, containerId: "c2" } })).toEqual([]);
  expect(kernel.host.link("eni0d7763386da")).toBeDefined();
  expect(removeLink(kernel, removal)).toEqual([]);
  expect(hostState(kernel)).toEqual(before);
});
