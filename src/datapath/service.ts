// Everything that is asked of the node's network, one thing after the other: what runs in the datapath's thread, without the thread.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { Kernel } from "../netlink/kernel.ts";
import type { Mac } from "../netlink/types.ts";
import { checkPod } from "./check.ts";
import { setUpEni, tearDownEni } from "./enis.ts";
import { foundBranches } from "./found-branches.ts";
import { reconcileHost } from "./host.ts";
import { LateLinks } from "./late-links.ts";
import { eniLink } from "./links.ts";
import { wirePod } from "./pods.ts";
import type { EniWiring, FoundBranch, HostReport, HostWiring, PodRemoval, PodWiring, WireOutcome } from "./types.ts";
import { unwirePod } from "./unwire.ts";

/** By name, as the port `Datapath` has them; arguments and results cross a thread's border. */
export interface Operations {
  wirePod(pod: PodWiring): WireOutcome;
  unwirePod(removal: PodRemoval): readonly string[];
  checkPod(pod: PodWiring): readonly string[];
  setUpEni(eni: EniWiring): void;
  tearDownEni(eni: { readonly primaryAddress: Ipv4 }): void;
  reconcileHost(host: HostWiring): HostReport;
  linkIndexOf(mac: Mac): number | undefined;
  linkNameOf(mac: Mac): string | undefined;
  linkNames(): readonly string[];
  branchPods(): readonly FoundBranch[];
  setSysctl(key: string, value: string): string | undefined;
}

export type Operation = keyof Operations;

export interface DatapathService {
  readonly operations: Operations;
  /** When `wake` should be called next; undefined: not before an operation. */
  wakeAt(): Ms | undefined;
  /** Deletes late links, one at a time. Returns what could not be deleted, one line each. */
  wake(): readonly string[];
}

export function datapathService(kernel: Kernel, nowMs: () => Ms): DatapathService {
  const lateLinks = new LateLinks(kernel);
  const linkOf = (mac: Mac) => eniLink(kernel.host.links(), mac);
  const busy = <Result>(result: Result): Result => {
    lateLinks.noteBusy(nowMs());
    return result;
  };
  return {
    operations: {
      wirePod(pod) {
        lateLinks.keep(pod);
        return busy(wirePod(kernel, pod));
      },
      unwirePod(removal) {
        lateLinks.expectGone(removal, nowMs());
        return busy(unwirePod(kernel, removal));
      },
      checkPod: (pod) => busy(checkPod(kernel, pod)),
      setUpEni: (eni) => busy(setUpEni(kernel, eni)),
      tearDownEni: (eni) => busy(tearDownEni(kernel, eni.primaryAddress)),
      reconcileHost: (host) => busy(reconcileHost(kernel, host)),
      linkIndexOf: (mac) => linkOf(mac)?.index,
      linkNameOf: (mac) => linkOf(mac)?.name,
      branchPods: () => busy(foundBranches(kernel)),
      linkNames: () => kernel.host.links().map((link) => link.name),
      setSysctl(key, value) {
        const found = kernel.sysctl(key);
        if (found === undefined || found === value) return found;
        kernel.setSysctl(key, value);
        return kernel.sysctl(key);
      },
    },
    wakeAt: () => lateLinks.wakeAt(),
    wake: () => lateLinks.wake(nowMs()),
  };
}
