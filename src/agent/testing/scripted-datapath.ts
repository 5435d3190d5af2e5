// A datapath of plain maps that does one thing after the other, as the real one; a test can hold any call up and make it fail.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import { foundBranches } from "../../datapath/found-branches.ts";
import { reconcileHost } from "../../datapath/host.ts";
import { podSuffix } from "../../datapath/names.ts";
import type { WireRefusal } from "../../datapath/refusals.ts";
import type {
  EniWiring,
  FoundBranch,
  HostReport,
  HostWiring,
  PodRemoval,
  PodWiring,
  WireOutcome,
  WireProblem,
} from "../../datapath/types.ts";
import type { Kernel } from "../../netlink/kernel.ts";
import type { Datapath } from "../../ports/datapath.ts";

type Call = "wirePod" | "unwirePod" | "checkPod" | "setUpEni" | "tearDownEni" | "reconcileHost" | "linkNames";

export class ScriptedDatapath implements Datapath {
  /** Host links of pods, by name. The reference's have no owner. */
  readonly links = new Map<string, { readonly owner: string; readonly address: Ipv4 }>();
  /** Addresses that rules or routes of the host speak of. */
  readonly routed = new Set<Ipv4>();
  /** Links of ENIs: MAC to name. */
  readonly eniLinks = new Map<string, string>();
  readonly sysctls = new Map<string, string>();
  /** Everything that was done, in order. */
  readonly calls: string[] = [];
  readonly wired: PodWiring[] = [];
  readonly removed: PodRemoval[] = [];
  readonly setUpEnis: EniWiring[] = [];
  readonly hosts: HostWiring[] = [];
  isClosed = false;
  silence: string | undefined;

  /** Waited for before a call does anything. */
  gate: (call: Call) => Promise<void> = async () => {};
  /** Of every ADD, before it has an address. */
  refusal: WireRefusal | undefined;
  wireProblem: WireProblem | undefined;
  unwireRest: readonly string[] = [];
  differences: readonly string[] = [];
  eniProblem: string | undefined;
  hostReport: Partial<HostReport> = {};
  /** What `branchPods` finds without a kernel. */
  found: readonly FoundBranch[] = [];
  /** Where `reconcileHost` and `branchPods` look; undefined: nowhere. */
  kernel: Kernel | undefined;

  #last: Promise<unknown> = Promise.resolve();

  #inTurn<T>(call: Call, subject: string, work: () => T): Promise<T> {
    const done = this.#last.then(async () => {
      await this.gate(call);
      this.calls.push(`${call} ${subject}`.trim());
      return work();
    });
    this.#last = done.catch(() => {});
    return done;
  }

  refusalOf(): WireRefusal | undefined {
    return this.refusal;
  }

  wirePod(pod: PodWiring): Promise<WireOutcome> {
    return this.#inTurn("wirePod", formatIpv4(pod.address), (): WireOutcome => {
      this.wired.push(pod);
      if (this.wireProblem !== undefined) {
        const problem = this.wireProblem;
        return { kind: "failed", problem, message: `scripted ${problem}`, next: "do this", leftovers: [] };
      }
      const prefix = pod.branch?.mode === "strict" ? "vlan" : pod.vethPrefix;
      const hostInterface = prefix + podSuffix(pod.namespace, pod.podName);
      const known = this.links.get(hostInterface);
      const isRepeat = known?.owner === ownerOf(pod) && known.address === pod.address;
      this.links.set(hostInterface, { owner: ownerOf(pod), address: pod.address });
      this.routed.add(pod.address);
      return { kind: "wired", hostInterface, hostMac: "0a:00:00:00:00:01", isRepeat };
    });
  }

  unwirePod(pod: PodRemoval): Promise<readonly string[]> {
    return this.#inTurn("unwirePod", formatIpv4(pod.address), () => {
      this.removed.push(pod);
      this.routed.delete(pod.address);
      const isTheirs =
        pod.attachment !== undefined && this.links.get(pod.hostInterface)?.owner === ownerOf(pod.attachment);
      if (isTheirs) this.links.delete(pod.hostInterface);
      return this.unwireRest;
    });
  }

  checkPod(pod: PodWiring): Promise<readonly string[]> {
    return this.#inTurn("checkPod", formatIpv4(pod.address), () => {
      this.wired.push(pod);
      return this.differences;
    });
  }

  setUpEni(eni: EniWiring): Promise<void> {
    return this.#inTurn("setUpEni", eni.mac, () => {
      this.setUpEnis.push(eni);
      if (this.eniProblem !== undefined) throw new Error(this.eniProblem);
    });
  }

  tearDownEni({ primaryAddress }: { readonly primaryAddress: number }): Promise<void> {
    return this.#inTurn("tearDownEni", formatIpv4(primaryAddress), () => {});
  }

  reconcileHost(host: HostWiring): Promise<HostReport> {
    return this.#inTurn("reconcileHost", "", () => {
      this.hosts.push(host);
      if (this.kernel !== undefined) return reconcileHost(this.kernel, host);
      const withoutLink = host.pods.filter((pod) => !this.links.has(pod.hostInterface)).map((pod) => pod.address);
      return { repairs: [], problems: [], podsWithoutLink: withoutLink, ...this.hostReport };
    });
  }

  async linkIndexOf(mac: string): Promise<number | undefined> {
    const index = [...this.eniLinks.keys()].indexOf(mac);
    return index < 0 ? undefined : index + 2;
  }

  async linkNameOf(mac: string): Promise<string | undefined> {
    return this.eniLinks.get(mac);
  }

  linkNames(): Promise<readonly string[]> {
    return this.#inTurn("linkNames", "", () => ["lo", ...this.eniLinks.values(), ...this.links.keys()]);
  }

  async branchPods(): Promise<readonly FoundBranch[]> {
    return this.kernel === undefined ? this.found : foundBranches(this.kernel);
  }

  async setSysctl(key: string, value: string): Promise<string | undefined> {
    this.sysctls.set(key, value);
    return value;
  }

  close(): void {
    this.isClosed = true;
  }
}

function ownerOf(one: { readonly networkName: string; readonly containerId: string; readonly ifName: string }): string {
  return `${one.networkName}/${one.containerId}/${one.ifName}`;
}
