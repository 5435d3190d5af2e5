// A node at work that is watched at every moment, and a loop that has each fault there can be happen to it.

import { expect } from "bun:test";
import { formatIpv4 } from "../../src/base/ipv4.ts";
import { reconcileHost } from "../../src/datapath/host.ts";
import { hostInterfaceOf } from "../../src/datapath/identity.ts";
import { wirePod } from "../../src/datapath/pods.ts";
import { ruleText } from "../../src/datapath/rules.ts";
import type { FakeKernel } from "../../src/datapath/testing/fake-kernel.ts";
import { Death, type Fault, type FaultKind, FaultyKernel } from "../../src/datapath/testing/faulty-kernel.ts";
import { hostState } from "../../src/datapath/testing/state.ts";
import type { HostWiring, PodWiring } from "../../src/datapath/types.ts";
import { fakeLab, type KernelLab } from "./kernel-lab.ts";
import { address, cidr, SECONDARY, WiringNode } from "./wiring-node.ts";

export const KINDS: readonly FaultKind[] = ["refused", "lost before", "lost after", "death before", "death after"];
const TABLES = [2, 3, 105, 106];

const STRANGERS = [
  { priority: 512, table: 254, to: cidr("192.168.7.7/32") },
  { priority: 1536, table: 77, from: cidr("192.168.7.7/32") },
  { priority: 700, table: 77, mark: { value: 1, mask: 1 } },
];
/** In a range of the node's own, but no pod's wiring made it. */
const STRANGE_ROUTE = address("10.0.101.14");

/** A node at work: ENIs, another pod, and things that are none of ours. */
export class Scene {
  readonly plain: FakeKernel;
  readonly faulty: FaultyKernel;
  readonly node: WiringNode;
  readonly other: PodWiring;
  readonly pod: PodWiring;
  /** What was missing at some moment. */
  readonly gaps: string[] = [];
  #kept: readonly PodWiring[] = [];

  constructor(given: Partial<PodWiring>) {
    const lab = fakeLab();
    this.plain = lab.kernel as FakeKernel;
    this.faulty = new FaultyKernel(this.plain);
    const wrapped: KernelLab = { ...lab, kernel: this.faulty };
    this.node = new WiringNode(wrapped);
    for (const rule of STRANGERS) this.node.change({ change: "addRule", rule });
    lab.plantStaticRoute({ words: "", destination: STRANGE_ROUTE, linkName: "eth0" });
    this.other = this.node.pod("other-0", "10.0.101.9");
    this.pod = this.node.pod("web-0", "10.0.101.5", given);
    expect(reconcileHost(this.faulty, this.wiring()).problems).toEqual([]);
    expect(wirePod(this.faulty, this.other).kind).toBe("wired");
    this.keep(this.other);
    this.plain.afterChange = () => this.#look();
  }

  /** From now on nothing of the pod's may be missing, at any moment. */
  keep(pod: PodWiring): void {
    this.release(pod);
    this.#kept = [...this.#kept, pod];
  }

  release(pod: PodWiring): void {
    this.#kept = this.#kept.filter((kept) => kept.podName !== pod.podName);
  }

  wiring(...pods: PodWiring[]): HostWiring {
    return this.node.hostWiring(...pods);
  }

  state(): string[] {
    return hostState(this.plain, TABLES);
  }

  #look(): void {
    const { host } = this.plain;
    const said = new Set(host.rules().map(ruleText));
    const wanted = [...STRANGERS.map(ruleText), ...this.#kept.flatMap(rulesWanted)];
    for (const text of wanted) if (!said.has(text)) this.gaps.push(`no rule ${text}`);
    if (![...said].some((text) => text.endsWith("from all lookup local"))) this.gaps.push("no local table");
    const leads = (table: number, base: number, linkName: string) => {
      const index = host.link(linkName)?.index;
      const isThere = host.routes(table).some((route) => route.destination.base === base && route.linkIndex === index);
      if (!isThere) this.gaps.push(`no route to ${formatIpv4(base)} through ${linkName} in ${table}`);
    };
    for (const pod of this.#kept) {
      const { branch } = pod;
      leads(branch?.mode === "strict" ? 100 + branch.vlanId : 254, pod.address, hostInterfaceOf(pod));
      if (branch !== undefined) leads(100 + branch.vlanId, 0, `vlan.eth.${branch.vlanId}`);
    }
    leads(254, STRANGE_ROUTE, "eth0");
    leads(SECONDARY.routeTableId, 0, "eth1");
    if (!host.addressList.some((own) => own.address === SECONDARY.primaryAddress && own.prefixLength === 19))
      this.gaps.push("no address of the ENI");
  }
}

/** Written out by hand, not asked of the code (datapath.md 7 and 9). */
function rulesWanted(pod: PodWiring): string[] {
  const { address: own, routeTableId, branch } = pod;
  const ip = formatIpv4(own);
  const to = `512: from all to ${ip} lookup main`;
  if (branch === undefined) return routeTableId === 254 ? [to] : [to, `1536: from ${ip} lookup ${routeTableId}`];
  const table = 100 + branch.vlanId;
  if (branch.mode === "standard") return [to, `1536: from ${ip} lookup ${table}`];
  const link = hostInterfaceOf(pod);
  return [`vlan.eth.${branch.vlanId}`, link].map((name) => `10: from all iif ${name} lookup ${table}`);
}

/** Runs `work` with each fault there can be; `judge` looks at what came of it. */
export function everyFault(
  make: () => Scene,
  work: (scene: Scene) => unknown,
  judge: (scene: Scene, came: unknown, fault: Fault) => void,
  kinds = KINDS,
): number {
  const dry = make();
  dry.faulty.arm(undefined);
  work(dry);
  const { callCount, unitCount } = dry.faulty;
  expect(callCount).toBeGreaterThan(0);
  let count = 0;
  for (const kind of kinds) {
    for (let at = 0; at < (kind === "refused" ? unitCount : callCount); at++) {
      const scene = make();
      const fault: Fault = { kind, at };
      scene.faulty.arm(fault);
      let came: unknown;
      try {
        came = work(scene);
      } catch (error) {
        if (!(error instanceof Death)) throw error;
        came = error;
      }
      expect(scene.faulty.hasFailed).toBe(true);
      scene.faulty.arm(undefined);
      judge(scene, came, fault);
      expect({ fault, gaps: scene.gaps }).toEqual({ fault, gaps: [] });
      expect({ fault, open: scene.plain.openCount }).toEqual({
        fault,
        open: came instanceof Death ? scene.plain.openCount : 0,
      });
      count++;
    }
  }
  return count;
}
