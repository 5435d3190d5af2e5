// What `ip` prints of a node and of its pods after wiring, word for word (datapath.md 6 to 8): the one reader that is not ours. Only
// on a real kernel.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { checkPod } from "../../src/datapath/check.ts";
import { reconcileHost } from "../../src/datapath/host.ts";
import { wirePod } from "../../src/datapath/pods.ts";
import { unwirePod } from "../../src/datapath/unwire.ts";
import type { KernelLab } from "./kernel-lab.ts";
import { ipIn } from "./netns.ts";
import { removalOf, WiringNode } from "./wiring-node.ts";

export function ipOutput(open: () => KernelLab): void {
  let node: WiringNode;

  beforeEach(() => {
    node = new WiringNode(open());
  });

  afterEach(() => node.lab.close());

  const ip = (path: string, words: string): string[] =>
    ipIn(path, ...words.split(" "))
      .trim()
      .split("\n")
      .map((line) => line.replace(/\s+/g, " ").trim())
      .filter((line) => line !== "");

  test("rules, routes, addresses and neighbours of a node with two pods, and after their DEL [datapath 18#1-6]", () => {
    const { kernel, hostPath } = node.lab;
    reconcileHost(kernel, node.hostWiring());
    const dns = node.pod("dns-0", "10.0.97.30", { routeTableId: 254 });
    const web = node.pod("web-0", "10.0.101.5");
    const rulesBefore = ip(hostPath, "rule");
    const routesBefore = ip(hostPath, "route");
    for (const pod of [dns, web]) expect(wirePod(kernel, pod).kind).toBe("wired");
    expect(ip(hostPath, "rule")).toEqual([
      "0: from all lookup local",
      "512: from all to 10.0.97.30 lookup main",
      "512: from all to 10.0.101.5 lookup main",
      "1024: from all fwmark 0x80/0x80 lookup main",
      "1536: from 10.0.101.5 lookup 2",
      "32765: from 10.0.100.20 lookup 2",
      "32766: from all lookup main",
      "32767: from all lookup default",
    ]);
    expect(ip(hostPath, "route")).toEqual([
      "10.0.96.0/19 dev eth0 proto kernel scope link src 10.0.96.10",
      "10.0.97.30 dev eni004edf698fc scope link",
      "10.0.101.5 dev eni0d7763386da scope link",
    ]);
    expect(ip(hostPath, "route show table 2")).toEqual([
      "default via 10.0.96.1 dev eth1",
      "10.0.96.1 dev eth1 scope link",
    ]);
    expect(ip(web.netnsPath, "route")).toEqual(["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"]);
    expect(ip(web.netnsPath, "-4 -o address show dev eth0").map((line) => line.replace(/\\.*/, "").trim())).toEqual([
      expect.stringMatching(/^\d+: eth0 inet 10\.0\.101\.5\/32 scope global eth0$/),
    ]);
    const mac = kernel.host.link("eni0d7763386da")?.mac;
    expect(ip(web.netnsPath, "neigh show nud permanent dev eth0")).toEqual([`169.254.1.1 lladdr ${mac} PERMANENT`]);
    const [, link] = ip(hostPath, "link show dev eni0d7763386da");
    expect(ip(hostPath, "link show dev eni0d7763386da").join(" ")).toContain("mtu 9001 qdisc noqueue state UP");
    expect(link).toContain(`link/ether ${mac}`);
    expect(ip(hostPath, "link show dev eni0d7763386da").at(-1)).toBe(
      "alias slash28 aws-cni/of-web-0/eth0 default/web-0",
    );
    expect(ip(web.netnsPath, "link show dev eth0").join(" ")).toContain("mtu 9001 qdisc noqueue state UP");
    for (const [path, name] of [
      [hostPath, "eni0d7763386da"],
      [web.netnsPath, "eth0"],
    ] as const) {
      expect(ip(path, `-d link show dev ${name}`).join(" ")).toContain("numtxqueues 1 numrxqueues 1 ");
    }
    expect(checkPod(kernel, web)).toEqual([]);
    for (const pod of [dns, web]) expect(unwirePod(kernel, removalOf(pod))).toEqual([]);
    expect(ip(hostPath, "rule")).toEqual(rulesBefore);
    expect(ip(hostPath, "route")).toEqual(routesBefore);
  });
}
