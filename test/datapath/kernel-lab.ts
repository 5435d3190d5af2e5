// A node without anything on it, for the suite that runs alike on the kernel of plain maps and on this machine's.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeKernel } from "../../src/datapath/testing/fake-kernel.ts";
import { linuxKernel } from "../../src/drivers/kernel-linux.ts";
import type { Kernel } from "../../src/netlink/kernel.ts";
import type { Rule } from "../../src/netlink/types.ts";
import { ipIn, makeNamespace } from "./netns.ts";
import { run } from "./run.ts";

export interface KernelLab {
  readonly kernel: Kernel;
  readonly hasVlan: boolean;
  /** The node's own namespace as a path. */
  readonly hostPath: string;
  /** Of a namespace that is not there yet. */
  pathOf(name: string): string;
  /** As a runtime makes a sandbox's; returns its path. */
  addNamespace(name: string): string;
  /** As a runtime ends a sandbox; returns when its links are gone. */
  removeNamespace(name: string): void;
  /** A rule that `RuleSpec` may not be able to say: as `ip rule add` takes it, and as it is read. */
  plantRule(words: string, rule: Rule): void;
  /** A route that is none of ours: `ip route add`'s words, and as it is read. */
  plantStaticRoute(options: { readonly words: string; readonly destination: number; readonly linkName: string }): void;
  close(): void;
}

export function fakeLab({ hasVlan } = { hasVlan: true }): KernelLab {
  const kernel = new FakeKernel();
  kernel.hasVlan = hasVlan;
  kernel.addHostPath("/fake/host");
  const pathOf = (name: string) => `/fake/${name}`;
  return {
    kernel,
    hasVlan,
    hostPath: "/fake/host",
    pathOf,
    addNamespace(name) {
      kernel.addNamespace(pathOf(name));
      return pathOf(name);
    },
    removeNamespace: (name) => kernel.removeNamespace(pathOf(name)),
    plantRule: (_, rule) => kernel.host.insertRule(rule),
    plantStaticRoute({ destination, linkName }) {
      const linkIndex = kernel.host.link(linkName)?.index ?? 0;
      const to = { base: destination, prefixLength: 32 };
      kernel.host.routeList.push({
        ...{ table: 254, destination: to, linkIndex, gateway: undefined, scope: 253 },
        ...{ preferredSource: undefined, protocol: 4, type: 1, metric: 0 },
      });
    },
    close() {},
  };
}

/** Only inside namespaces of the test's own: the calling thread moves into the new node's network for good. */
export function linuxLab(): KernelLab {
  const folder = mkdtempSync(join(tmpdir(), "slash28-lab-"));
  const pathOf = (name: string) => join(folder, name);
  const paths = new Set<string>();
  const addNamespace = (name: string) => {
    const path = makeNamespace(pathOf(name));
    paths.add(path);
    return path;
  };
  const hostPath = addNamespace("host");
  const kernel = linuxKernel({ hostNamespacePath: hostPath });
  const ip = (words: string) => ipIn(hostPath, ...words.split(" "));
  return {
    kernel,
    hasVlan: hasVlanDevices(),
    hostPath,
    pathOf,
    addNamespace,
    removeNamespace(name) {
      const countBefore = kernel.host.links().length;
      run("umount", "--lazy", pathOf(name));
      paths.delete(pathOf(name));
      rmSync(pathOf(name));
      // The kernel takes a namespace down on a thread of its own.
      for (let i = 0; i < 300 && kernel.host.links().length === countBefore; i++) Bun.sleepSync(10);
    },
    plantRule: (words) => ip(`rule add ${words}`),
    plantStaticRoute: ({ words }) => ip(`route add ${words}`),
    close() {
      kernel.close();
      for (const path of paths) run("umount", "--lazy", path);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Tried in a namespace that goes at once. */
function hasVlanDevices(): boolean {
  const words = "ip link add v0 type veth peer name v1 && ip link add link v0 name v2 type vlan id 2";
  return Bun.spawnSync(["unshare", "--net", "sh", "-c", words]).exitCode === 0;
}
