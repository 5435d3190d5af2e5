// The node's own network while the agent lives: ENIs as the pool gets and gives them, rules and addresses compared with the books
// at the start and each minute after, and pods whose links are gone. It repairs what is ours and says what it cannot repair.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import { SECOND_MS } from "../base/units.ts";
import type { EniWiring, HostPod, HostReport, HostWiring } from "../datapath/types.ts";
import type { Allocation, Attachment, EngineView, EniId, ImdsEni } from "../ipam/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Attachments } from "./attachments.ts";
import { type EngineHost, messageOf } from "./engine-host.ts";
import type { EniLinks } from "./eni-links.ts";
import type { HostNetwork } from "./host-network.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NetworkSettings } from "./network-settings.ts";
import { type PodNames, SUFFIX_LENGTH } from "./pod-names.ts";
import type { PodNetwork } from "./pod-network.ts";

export interface NodeNetworkOptions {
  readonly datapath: Datapath;
  readonly clock: Clock;
  readonly settings: NetworkSettings;
  readonly verifyPeriodMs: Ms;
}

/** What exists only once the engine does. */
export interface NodeNetworkBooks {
  readonly host: EngineHost;
  readonly view: () => EngineView;
  readonly addressOf: (attachment: Attachment) => Ipv4 | undefined;
  readonly attachments: Attachments;
  readonly metrics: AgentMetrics;
  readonly pods: PodNetwork;
  /** SNAT, marks and sysctls, and the rules that go with them. */
  readonly hostNetwork: Pick<HostNetwork, "rules" | "problem" | "start" | "verify" | "stop">;
}

type Checks = Pick<HostReport, "repairs" | "problems">;
/** Addresses without a pod whose rules and routes are being removed. */
interface Clearing {
  readonly addresses: ReadonlySet<Ipv4>;
  readonly ended: Promise<unknown>;
}
type StaleBooks = Pick<NodeNetworkBooks, "attachments"> & { readonly names: PodNames };

/** The agent runs where the node's network is not. The message says what was looked for, and `next` what to do. */
export class WrongNamespaceError extends Error {
  override readonly name = "WrongNamespaceError";
  readonly next =
    "Run the agent in the node's network (hostNetwork: true), or name the node's namespace in SLASH28_HOST_NETNS. To give addresses without wiring pods, set SLASH28_DATAPATH=off.";
}

/** A new ENI's link comes up to some seconds after the attachment. Real milliseconds. */
const LINK_WAIT_MS = 15 * SECOND_MS;
const LINK_LOOK_MS = 500;
/** A pod younger than this may still be on its way to its link. Real milliseconds. */
const POD_AGE_MS = 60 * SECOND_MS;

export class NodeNetwork implements EniLinks {
  readonly #options: NodeNetworkOptions;
  readonly #enis = new Map<EniId, ImdsEni>();
  #books: NodeNetworkBooks | undefined;
  #problems: readonly string[] = [];
  /** Allocations whose links were missing at the last look. */
  #missing = new Set<Attachment>();
  #clearing: Clearing | undefined;
  #isHostStarted = false;
  #cancelNext: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  /** Resolves at the end of `start`: pods may be wired. */
  readonly ready: Promise<void>;
  #open: () => void = () => {};

  constructor(options: NodeNetworkOptions) {
    this.#options = options;
    this.ready = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Rejects with `WrongNamespaceError` when this is not the node's network. Changes nothing. */
  async claim(primaryMac: string): Promise<void> {
    const name = await this.#options.datapath.linkNameOf(primaryMac);
    if (name !== undefined) return;
    throw new WrongNamespaceError(`No link here has the MAC of the instance's primary ENI, ${primaryMac}`);
  }

  // -------------------------------------------------------------- ENIs

  seen(enis: readonly ImdsEni[]): void {
    for (const eni of enis) this.#enis.set(eni.eniId, eni);
  }

  macOf(eniId: EniId | undefined): string | undefined {
    return eniId === undefined ? undefined : this.#enis.get(eniId)?.mac;
  }

  async setUp(eni: ImdsEni, place: { readonly routeTableId: number; readonly isTrunk: boolean }): Promise<void> {
    const { clock, datapath } = this.#options;
    this.#enis.set(eni.eniId, eni);
    const untilMs = clock.nowMs() + LINK_WAIT_MS * clock.rate;
    while ((await datapath.linkIndexOf(eni.mac)) === undefined && clock.nowMs() < untilMs && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        clock.at(clock.nowMs() + LINK_LOOK_MS * clock.rate, resolve);
      });
    }
    await datapath.setUpEni(this.#eniWiring(eni, { ...place, isPrimary: false }));
  }

  async tearDown({ eniId, primaryAddress }: { readonly eniId: EniId; readonly primaryAddress: Ipv4 }): Promise<void> {
    this.#enis.delete(eniId);
    await this.#options.datapath.tearDownEni({ primaryAddress });
  }

  #eniWiring(
    eni: ImdsEni,
    place: { readonly routeTableId: number; readonly isTrunk: boolean; readonly isPrimary: boolean },
  ): EniWiring {
    const { mac, primaryAddress, subnetCidr } = eni;
    return { mac, primaryAddress, subnet: subnetCidr, mtu: this.#options.settings.eniMtu, ...place };
  }

  // -------------------------------------------------------------- the whole node

  /** Why the node's network is not as it has to be; undefined when it is. */
  get problem(): string | undefined {
    return this.#problems.length === 0 ? undefined : this.#problems.join("; ");
  }

  /** Drops what is stale, brings everything in order for the first time and verifies it from then on. Never rejects. */
  async start(books: NodeNetworkBooks, stale: readonly Allocation[]): Promise<void> {
    this.#books = books;
    await this.#dropStale(books, stale);
    await this.verify();
    this.#scheduleNext();
    this.#open();
  }

  #scheduleNext(): void {
    if (this.#isStopped) return;
    const { clock, verifyPeriodMs } = this.#options;
    this.#cancelNext = clock.at(clock.nowMs() + verifyPeriodMs * clock.rate, () => {
      this.#running = this.verify().then(() => this.#scheduleNext());
    });
  }

  /** Compares and repairs now. Never rejects. */
  async verify(): Promise<void> {
    if (this.#books === undefined) return;
    const { host, metrics } = this.#books;
    const [links, others] = await Promise.all([this.#verifyLinks(this.#books), this.#verifyHost(this.#books)]);
    for (const repair of links.repairs) host.say("networkRepaired", repair);
    // Once each: a problem that stays would fill the log.
    for (const problem of links.problems) {
      if (!this.#problems.includes(problem)) host.say("networkProblem", problem);
    }
    const problems = [...links.problems, ...others.problems];
    if (problems.length === 0 && this.#problems.length > 0) host.say("networkIsRight");
    metrics.inc("slash28_network_repairs_total", {}, links.repairs.length + others.repairs.length);
    metrics.set("slash28_network_problems", {}, problems.length);
    this.#problems = problems;
  }

  /** It logs for itself. What could not be started is started again. */
  async #verifyHost({ hostNetwork }: NodeNetworkBooks): Promise<Checks> {
    try {
      if (this.#isHostStarted) return { repairs: await hostNetwork.verify(), problems: listOf(hostNetwork.problem) };
      await hostNetwork.start();
      this.#isHostStarted = true;
      return { repairs: [], problems: [] };
    } catch (error) {
      return { repairs: [], problems: [messageOf(error)] };
    }
  }

  async #verifyLinks(books: NodeNetworkBooks): Promise<Checks> {
    const { datapath } = this.#options;
    try {
      const unknown = await books.pods.recallBranches();
      const names = await datapath.linkNames();
      const report = await datapath.reconcileHost({ ...this.#wiring(books, names), vacant: [] });
      const cleared = await this.#clear(books, report.withoutPod ?? []);
      await this.#dropMissing(books, new Set(report.podsWithoutLink));
      return {
        repairs: [...report.repairs, ...cleared.repairs],
        problems: [...new Set([...unknown, ...report.problems, ...cleared.problems])],
      };
    } catch (error) {
      return { repairs: [], problems: [messageOf(error)] };
    }
  }

  /**
   * Removes what speaks of addresses without a pod. One that wires itself may have got such an address since the look began, so the books are
   * asked again; and who gets one from then on hears of it when it is clear.
   */
  async #clear(books: NodeNetworkBooks, withoutPod: readonly Ipv4[]): Promise<Checks> {
    if (withoutPod.length === 0) return { repairs: [], problems: [] };
    const { datapath } = this.#options;
    const names = await datapath.linkNames();
    const wiring = this.#wiring(books, names);
    const held = new Set(wiring.pods.map((pod) => pod.address));
    const vacant = withoutPod.filter((address) => !held.has(address));
    if (vacant.length === 0) return { repairs: [], problems: [] };
    const ended = datapath.reconcileHost({ ...wiring, vacant });
    this.#clearing = { addresses: new Set(vacant), ended };
    try {
      return await ended;
    } finally {
      this.#clearing = undefined;
    }
  }

  /** Resolves, or rejects, when a pod that wires itself may begin; undefined: at once. */
  clearingOf(address: Ipv4): Promise<unknown> | undefined {
    const clearing = this.#clearing?.addresses.has(address) === true ? this.#clearing.ended : undefined;
    const adds = this.#books?.pods.endOfAdds(address);
    return clearing === undefined || adds === undefined ? (clearing ?? adds) : Promise.all([clearing, adds]);
  }

  #wiring({ hostNetwork, view, pods }: NodeNetworkBooks, linkNames: readonly string[]): HostWiring {
    const { settings } = this.#options;
    const bySuffix = new Map(linkNames.map((name) => [name.slice(-SUFFIX_LENGTH), name]));
    const enis: EniWiring[] = [];
    const hostPods: HostPod[] = [];
    const ownRanges: Cidr[] = [];
    for (const { eniId, routeTableId, isTrunk, isPrimary, cidrs } of view().enis) {
      const eni = this.#enis.get(eniId);
      if (eni !== undefined) enis.push(this.#eniWiring(eni, { routeTableId, isTrunk, isPrimary }));
      for (const { base, isPrefix, addresses } of cidrs) {
        ownRanges.push({ base, prefixLength: isPrefix ? 28 : 32 });
        for (const { address, attachment } of addresses) {
          if (attachment === 0 || pods.isLeaving(attachment)) continue;
          const suffix = pods.names.suffixOf(attachment);
          const hostInterface = bySuffix.get(suffix) ?? settings.vethPrefix + suffix;
          hostPods.push({ address, routeTableId, hostInterface });
        }
      }
    }
    return {
      rules: hostNetwork.rules,
      enis,
      pods: hostPods,
      ownRanges,
      vethPrefix: settings.vethPrefix,
      branches: pods.livingBranches(),
    };
  }

  // -------------------------------------------------------------- pods whose links are gone

  /** Two looks in a row: between two lies at least one period, in which any pod that is being wired has its link. */
  async #dropMissing(books: NodeNetworkBooks, addresses: ReadonlySet<Ipv4>): Promise<void> {
    const { clock } = this.#options;
    const { attachments, view, pods } = books;
    const missing = new Set<Attachment>();
    const due: Pick<Allocation, "attachment" | "address">[] = [];
    for (const eni of view().enis) {
      for (const cidr of eni.cidrs) {
        for (const { address, attachment, allocatedWallMs } of cidr.addresses) {
          if (attachment === 0 || !addresses.has(address)) continue;
          const text = attachments.textOf(attachment);
          const isYoung = clock.wallMs() - allocatedWallMs < POD_AGE_MS * clock.rate;
          if (!hasPodName(text) || isYoung || pods.isBusy(text)) continue;
          if (this.#missing.has(attachment)) due.push({ attachment, address });
          missing.add(attachment);
        }
      }
    }
    this.#missing = missing;
    for (const { attachment, address } of due) {
      // Each takes its time: another may have been asked for again, or be gone.
      const isHeld = this.#missing.has(attachment) && books.addressOf(attachment) === address;
      if (isHeld && !pods.isBusy(attachments.textOf(attachment))) await this.#drop(books, attachment, address);
    }
  }

  /** An ADD was asked for it: its link may be there before the next look. */
  asked(attachment: Attachment): void {
    this.#missing.delete(attachment);
  }

  /** Of the checkpoint: every allocation of a named pod without its link (ipamd.md 6.2.2). Changes nothing. */
  async staleOf(checkpoint: readonly Allocation[], { attachments, names }: StaleBooks): Promise<readonly Allocation[]> {
    const links = new Set((await this.#options.datapath.linkNames()).map((name) => name.slice(-SUFFIX_LENGTH)));
    return checkpoint.filter(({ attachment }) => {
      return hasPodName(attachments.textOf(attachment)) && !links.has(names.suffixOf(attachment));
    });
  }

  /** Before anything new is served. Their addresses cool, as after any DEL; the reference hands them out again at once. */
  async #dropStale(books: NodeNetworkBooks, stale: readonly Allocation[]): Promise<void> {
    for (const { attachment, address } of stale) {
      const isBusy = books.pods.isBusy(books.attachments.textOf(attachment));
      if (!isBusy && books.addressOf(attachment) === address) await this.#drop(books, attachment, address);
    }
  }

  async #drop({ attachments, host, metrics, pods }: NodeNetworkBooks, attachment: Attachment, address: Ipv4) {
    host.say("staleAllocation", attachment, address, "", "its pod's link is gone");
    metrics.inc("slash28_stale_allocations_total", {});
    const { problems } = await pods.drop(attachments.textOf(attachment));
    for (const line of problems) host.say("networkProblem", line);
  }

  /** Ends the verification; what is in place stays. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelNext?.();
    await this.#running;
    await this.#books?.hostNetwork.stop();
  }
}

function listOf(problem: string | undefined): readonly string[] {
  return problem === undefined ? [] : [problem];
}

function hasPodName({ namespace, podName }: { readonly namespace?: string; readonly podName?: string }): boolean {
  return namespace !== undefined && namespace !== "" && podName !== undefined && podName !== "";
}
