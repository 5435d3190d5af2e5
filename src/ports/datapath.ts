// The node's network as the agent uses it: one owner of links, routes and rules, which does one thing after the other and never
// holds up the agent's event loop.

import type { WireRefusal } from "../datapath/refusals.ts";
import type {
  EniWiring,
  FoundBranch,
  HostReport,
  HostWiring,
  PodRemoval,
  PodWiring,
  WireOutcome,
} from "../datapath/types.ts";

export interface Datapath {
  /** Why nothing that is asked is answered at present; undefined: it is. Seconds pass before it is said. */
  readonly silence: string | undefined;
  /**
   * What an ADD can be refused for before it has an address: by its words, and by one look at the namespace's file. Answered at once;
   * undefined: only `wirePod` can tell.
   */
  refusalOf(pod: Pick<PodWiring, "ifName" | "vethPrefix" | "mtu" | "netnsPath">): WireRefusal | undefined;
  /** All or nothing. Wired already: nothing is touched. Never rejects. */
  wirePod(pod: PodWiring): Promise<WireOutcome>;
  /** Removes rules, routes and, when nothing else ends it soon, the link. What is gone already is no problem. Resolves with what is left, one line each. */
  unwirePod(pod: PodRemoval): Promise<readonly string[]>;
  /** What is not as `wirePod` made it, one line each; repairs nothing. */
  checkPod(pod: PodWiring): Promise<readonly string[]>;
  /** Rejects with an `Error` that says what failed. The primary ENI gets its MTU alone. */
  setUpEni(eni: EniWiring): Promise<void>;
  /** Rejects with an `Error` that says what failed. */
  tearDownEni(eni: { readonly primaryAddress: number }): Promise<void>;
  /** Compares, repairs, and reports. Traffic of what was right does not notice. */
  reconcileHost(host: HostWiring): Promise<HostReport>;
  /** The index of the link with this MAC; undefined when there is none. */
  linkIndexOf(mac: string): Promise<number | undefined>;
  /** The name of the link with this MAC; undefined when there is none. */
  linkNameOf(mac: string): Promise<string | undefined>;
  /** Names of all links of the node's namespace. */
  linkNames(): Promise<readonly string[]>;
  /** Branch pods of ours of which the host's links tell, whoever wired them. */
  branchPods(): Promise<readonly FoundBranch[]>;
  /**
   * `/proc/sys/<key>` of the node's namespace, written unless it has the value already. Resolves with the value that it has
   * afterwards, which is another one where it cannot be written; undefined when there is no such key.
   */
  setSysctl(key: string, value: string): Promise<string | undefined>;
  close(): void;
}
