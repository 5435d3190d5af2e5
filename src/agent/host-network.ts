// The node's own network, whatever pods it has: SNAT and connection marks, followed as the VPC's CIDRs change, looked after and put
// right (datapath.md 8.1, 8.3, 10). What is right already is not touched, so a restart of the agent goes unnoticed.

import { formatCidr, type Ipv4 } from "../base/ipv4.ts";
import { SECOND_MS } from "../base/units.ts";
import { isPlainName, type SnatWiring } from "../datapath/snat.ts";
import type { NodeRules } from "../datapath/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Firewall } from "../ports/firewall.ts";
import type { Imds } from "../ports/imds.ts";
import type { Log } from "../ports/log.ts";
import { messageOf } from "./engine-host.ts";
import { bringFirewallTo, firewallTarget } from "./firewall-rules.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NetworkSettings } from "./network-settings.ts";

export interface HostNetworkParts {
  readonly settings: NetworkSettings;
  /** Of the primary ENI. */
  readonly primaryMac: string;
  /** Of the primary ENI: what leaves the VPC goes out with it. */
  readonly primaryAddress: Ipv4;
  readonly clock: Clock;
  readonly imds: Pick<Imds, "vpcCidrs">;
  readonly datapath: Pick<Datapath, "linkNameOf" | "setSysctl">;
  readonly firewall: Firewall;
  readonly log: Log;
  readonly metrics: Pick<AgentMetrics, "inc" | "set">;
}

type Cause = "start" | "vpc-cidrs" | "repair";

const VPC_CIDRS_PERIOD_MS = 30 * SECOND_MS;
const CALLER = "agent/host-network.ts";

export class HostNetwork {
  readonly #parts: HostNetworkParts;
  /** undefined until `start` has found out how. */
  #wiring: SnatWiring | undefined;
  #problem: string | undefined;
  /** One pass after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #cancelTimer = () => {};
  #isStopped = false;
  readonly #said = new Map<string, string>();

  constructor(parts: HostNetworkParts) {
    this.#parts = parts;
    for (const result of ["success", "error"]) parts.metrics.inc("awscni_connmark_reconcile_total", { result }, 0);
  }

  /** The rules of routing that belong to these settings. */
  get rules(): NodeRules {
    const { hasNodePortSupport, hasExternalSnat, mark, externalServiceCidrs, isLocalRuleMoved } = this.#parts.settings;
    return { mark: hasNodePortSupport || !hasExternalSnat ? mark : undefined, externalServiceCidrs, isLocalRuleMoved };
  }

  /** Why the node's own rules are not as they should be; undefined when they are. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Rejects with what failed; its `next`, if any, says what to do. From then on the VPC's CIDRs are followed. */
  async start(): Promise<void> {
    const { settings, firewall, imds, metrics } = this.#parts;
    const primaryInterface = await this.#primaryInterface();
    const version = await firewall.version();
    const connmarkBackend = version.isLegacy ? "iptables" : "nftables";
    metrics.set("awscni_connmark_backend", { backend: connmarkBackend }, 1);
    this.#wiring = {
      vpcCidrs: settings.hasExternalSnat ? [] : await imds.vpcCidrs(),
      excludedCidrs: settings.excludedSnatCidrs,
      hasExternalSnat: settings.hasExternalSnat,
      hasNodePortSupport: settings.hasNodePortSupport,
      primaryInterface,
      primaryAddress: this.#parts.primaryAddress,
      vethPrefix: settings.vethPrefix,
      mark: settings.mark,
      sourcePorts: sourcePortsOf(settings, version.hasRandomFully),
      connmarkBackend,
    };
    if (!settings.hasExternalSnat && this.#wiring.vpcCidrs.length === 0) {
      throw new Error("Metadata shows no CIDR of the VPC: with none exempt, SNAT would hide the pods from the VPC.");
    }
    this.#log("info", `${version.text}; connections are marked by ${connmarkBackend}`);
    await this.#inTurn(() => this.#pass("start"));
    if (this.#problem !== undefined) throw new Error(this.#problem);
    if (!settings.hasExternalSnat) this.#schedule();
  }

  /** Looks at everything and puts right what is not; resolves with what it changed, one line each. Never rejects. */
  verify(): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      if (this.#wiring === undefined || this.#isStopped) return [];
      const name = await this.#primaryInterface().catch(() => undefined);
      if (name !== undefined) this.#wiring = { ...this.#wiring, primaryInterface: name };
      return this.#pass("repair");
    });
  }

  /** Follows nothing any more; resolves when what is under way has ended. The rules stay. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    await this.#last;
  }

  #inTurn<T>(job: () => Promise<T>): Promise<T> {
    const done = this.#last.then(job);
    this.#last = done.catch(() => {});
    return done;
  }

  #schedule(): void {
    const { clock } = this.#parts;
    if (this.#isStopped) return;
    this.#cancelTimer = clock.at(clock.nowMs() + VPC_CIDRS_PERIOD_MS, () => {
      void this.#inTurn(() => this.#followVpcCidrs()).finally(() => this.#schedule());
    });
  }

  async #followVpcCidrs(): Promise<void> {
    const wiring = this.#wiring;
    if (wiring === undefined || this.#isStopped) return;
    let cidrs = wiring.vpcCidrs;
    try {
      const seen = await this.#parts.imds.vpcCidrs();
      if (seen.length > 0) cidrs = seen;
      this.#sayOnce(
        "vpc-cidrs",
        seen.length > 0 ? "" : "Metadata shows no CIDR of the VPC; the last ones stay in force",
      );
    } catch (error) {
      this.#sayOnce("vpc-cidrs", `The VPC's CIDRs cannot be read; the last ones stay in force: ${messageOf(error)}`);
    }
    const isChanged = sortedText(cidrs.map(formatCidr)) !== sortedText(wiring.vpcCidrs.map(formatCidr));
    this.#wiring = { ...wiring, vpcCidrs: cidrs };
    // What failed the last time is tried again, whether or not there is news.
    if (isChanged || this.#problem !== undefined) await this.#pass("vpc-cidrs");
  }

  async #pass(cause: Cause): Promise<readonly string[]> {
    const { firewall, metrics } = this.#parts;
    if (this.#wiring === undefined) return [];
    const target = firewallTarget(this.#wiring);
    try {
      await this.#setSysctls(this.#wiring.primaryInterface);
      const changed = await bringFirewallTo(firewall, target, (outcome) =>
        metrics.inc("slash28_firewall_updates_total", { cause, outcome }),
      );
      this.#problem = undefined;
      metrics.inc("awscni_connmark_reconcile_total", { result: "success" });
      for (const line of changed) this.#log(cause === "repair" ? "warn" : "info", `${cause}: ${line}`);
      this.#sayOnce("firewall", "");
      return changed;
    } catch (error) {
      this.#problem = `The node's own network cannot be put right: ${messageOf(error)}${nextOf(error)}`;
      metrics.inc("awscni_connmark_reconcile_total", { result: "error" });
      this.#sayOnce("firewall", this.#problem, "error");
      return [];
    }
  }

  /** Whoever wrote them: replies that enter by the primary ENI may belong to another, by the routing tables. */
  async #setSysctls(primaryInterface: string): Promise<void> {
    const { datapath, settings } = this.#parts;
    const filter = `net/ipv4/conf/${primaryInterface}/rp_filter`;
    await datapath.setSysctl("net/ipv4/tcp_early_demux", settings.hasTcpEarlyDemux ? "1" : "0");
    const value = await datapath.setSysctl(filter, "2");
    const isRight = value === "2";
    this.#sayOnce(
      "rp_filter",
      isRight
        ? ""
        : `/proc/sys/${filter} is ${value ?? "missing"} and cannot be set: replies that come in by ${primaryInterface} may be dropped. Set it to 2 on the node, or let the agent write to /proc/sys.`,
    );
  }

  async #primaryInterface(): Promise<string> {
    const name = await this.#parts.datapath.linkNameOf(this.#parts.primaryMac);
    if (name !== undefined && isPlainName(name)) return name;
    if (name !== undefined) throw new Error(`The primary ENI's link is named "${name}", which cannot stand in a rule.`);
    throw new Error(`No link has the MAC ${this.#parts.primaryMac} of the primary ENI.`);
  }

  /** A state that lasts is said when it begins; empty: it is over. */
  #sayOnce(subject: string, message: string, level: "warn" | "error" = "warn"): void {
    const known = this.#said.get(subject) ?? "";
    this.#said.set(subject, message);
    if (message !== known && message !== "") this.#log(level, message);
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#parts.log.write({ level, caller: CALLER, message });
  }
}

function sourcePortsOf({ randomization }: NetworkSettings, hasRandomFully: boolean): SnatWiring["sourcePorts"] {
  if (randomization === "none") return "kernel";
  return randomization === "prng" && hasRandomFully ? "random-fully" : "random";
}

function nextOf(error: unknown): string {
  return error instanceof Error && "next" in error && typeof error.next === "string" ? ` ${error.next}` : "";
}

function sortedText(texts: readonly string[]): string {
  return [...texts].sort((a, b) => (a < b ? -1 : 1)).join();
}
