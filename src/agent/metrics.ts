// The metrics' values: what the agent counts itself, and what the engine's view says at each scrape. Every series comes from the
// one table in src/metrics.

import { Counter, Gauge, Histogram, Registry, Summary } from "prom-client";
import { formatIpv4 } from "../base/ipv4.ts";
import { SECOND_MS } from "../base/units.ts";
import type { Ec2Outcome, EngineView } from "../ipam/types.ts";
import {
  METRIC_NAMES,
  METRICS,
  type MetricDefinition,
  type MetricLabel,
  type MetricName,
} from "../metrics/definitions.ts";
import type { HostObserver } from "./engine-host.ts";

type Labels<Name extends MetricName> = { readonly [Label in MetricLabel<Name>]: string };

export interface BuildInfo {
  readonly version: string;
  readonly policy: string;
  readonly runtime: string;
}

/** How late the event loop was since the last reading. */
export type LoopDelayReader = () => readonly { readonly quantile: string; readonly seconds: number }[];

export class AgentMetrics implements HostObserver {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, Counter | Gauge | Histogram | Summary>();
  readonly #view: () => EngineView;
  readonly #loopDelay: LoopDelayReader | undefined;

  constructor(view: () => EngineView, build: BuildInfo, loopDelay?: LoopDelayReader) {
    this.#view = view;
    this.#loopDelay = loopDelay;
    for (const name of METRIC_NAMES) this.#metrics.set(name, create(name, METRICS[name], this.#registry));
    this.set("awscni_build_info", { version: build.version, goversion: build.runtime }, 1);
    this.set("slash28_build_info", { version: build.version, policy: build.policy }, 1);
  }

  inc<Name extends MetricName>(name: Name, labels: Labels<Name>, by = 1): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Counter) metric.inc({ ...labels }, by);
  }

  set<Name extends MetricName>(name: Name, labels: Labels<Name>, value: number): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Gauge) metric.set({ ...labels }, value);
  }

  observe<Name extends MetricName>(name: Name, labels: Labels<Name>, value: number): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Histogram || metric instanceof Summary) metric.observe({ ...labels }, value);
  }

  // -------------------------------------------------------------- what the host tells

  ec2Call({
    api,
    outcome,
    realMs,
  }: {
    readonly api: string;
    readonly outcome: Ec2Outcome;
    readonly realMs: number;
  }): void {
    const isDone = outcome.kind === "done";
    const code = isDone ? "200" : outcome.awsCode;
    this.inc("awscni_ec2api_req_count", { fn: api });
    this.observe("awscni_aws_api_latency_ms", { api, error: String(!isDone), status: code }, realMs);
    this.inc("slash28_ec2_calls_total", { action: api, outcome: isDone ? "done" : outcome.errorClass });
    if (isDone) return;
    this.inc("awscni_ec2api_error_count", { fn: api });
    this.inc("awscni_aws_api_error_count", { api, error: code });
  }

  save(): void {
    this.inc("slash28_checkpoint_saves_total", {});
  }

  checkpointWrite(outcome: "written" | "failed"): void {
    this.inc("slash28_checkpoint_writes_total", { outcome });
  }

  addWaits(): void {
    this.#adjust("slash28_adds_waiting", 1);
  }

  addWaited(outcome: "allocated" | "refused", realMs: number): void {
    this.#adjust("slash28_adds_waiting", -1);
    this.observe("slash28_add_wait_seconds", { outcome }, realMs / SECOND_MS);
  }

  #adjust(name: MetricName, by: number): void {
    const metric = this.#metrics.get(name);
    if (metric instanceof Gauge) metric.inc(by);
  }

  // -------------------------------------------------------------- the scrape

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text exposition. */
  async text(): Promise<string> {
    this.#readView(this.#view());
    for (const { quantile, seconds } of this.#loopDelay?.() ?? []) {
      this.set("slash28_event_loop_delay_seconds", { quantile }, seconds);
    }
    return this.#registry.metrics();
  }

  #readView(view: EngineView): void {
    const eniCountMax = view.maxEniCount - view.unmanagedEniCount;
    this.set("awscni_eni_max", {}, eniCountMax);
    this.set("awscni_ip_max", {}, eniCountMax * view.addressesPerEniMax);
    this.set("awscni_eni_allocated", {}, view.enis.length);
    this.set("awscni_total_ip_addresses", {}, view.runningTotal);
    this.set("awscni_assigned_ip_addresses", {}, view.runningAssigned);
    this.set("awscni_total_ipv4_prefixes", {}, view.runningPrefixCount);
    this.#readPool(view);
    for (const [name, byLabel] of view.counters) this.#readCounter(name, byLabel);
    this.#reset("awscni_ipamd_action_inprogress");
    for (const fn of view.inProgress) this.set("awscni_ipamd_action_inprogress", { fn }, 1);
    this.#readCounter("slash28_quirks_total", view.quirks);
    // Refusals of branch ENIs never reach the engine: they are counted beside.
    for (const [reason, count] of view.refusals) {
      const known = this.#refusalsSeen.get(reason) ?? 0;
      this.inc("slash28_add_refusals_total", { reason }, count - known);
      this.#refusalsSeen.set(reason, count);
    }
  }

  readonly #refusalsSeen = new Map<string, number>();

  #readPool(view: EngineView): void {
    this.#reset("awscni_assigned_ip_per_cidr");
    this.#reset("awscni_assigned_ip_per_eni");
    const states = { allocated: 0, cooling: 0, free: 0 };
    let freePrefixCount = 0;
    for (const eni of view.enis) {
      let ofEni = 0;
      for (const cidr of eni.cidrs) {
        let ofCidr = 0;
        for (const { state } of cidr.addresses) {
          states[state]++;
          if (state === "allocated") ofCidr++;
        }
        ofEni += ofCidr;
        if (cidr.isPrefix && ofCidr === 0) freePrefixCount++;
        if (ofCidr > 0) this.set("awscni_assigned_ip_per_cidr", { cidr: cidrText(cidr) }, ofCidr);
      }
      this.set("awscni_assigned_ip_per_eni", { eni: eni.eniId }, ofEni);
    }
    for (const state of ["allocated", "cooling", "free"] as const)
      this.set("slash28_addresses", { state }, states[state]);
    this.set("slash28_free_prefixes", {}, freePrefixCount);
  }

  #reset(name: MetricName): void {
    this.#metrics.get(name)?.reset();
  }

  /** Totals that the engine keeps: prom-client's counter is set anew from them. */
  #readCounter(name: string, byLabel: ReadonlyMap<string, number>): void {
    const definition: MetricDefinition | undefined = METRICS[name as MetricName];
    const metric = this.#metrics.get(name as MetricName);
    if (definition === undefined || !(metric instanceof Counter || metric instanceof Gauge)) return;
    const label = definition.labels[0];
    metric.reset();
    for (const [value, count] of byLabel) {
      if (label === undefined) metric.inc(count);
      else metric.inc({ [label]: value }, count);
    }
  }
}

function create(name: string, definition: MetricDefinition, registry: Registry): Counter | Gauge | Histogram | Summary {
  const options = { name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
  switch (definition.type) {
    case "counter":
      return new Counter(options);
    case "gauge":
      return new Gauge(options);
    case "histogram":
      return new Histogram({ ...options, buckets: [...(definition.buckets ?? [])] });
    case "summary":
      return new Summary({ ...options, percentiles: [] });
  }
}

function cidrText(cidr: { readonly base: number; readonly isPrefix: boolean }): string {
  return `${formatIpv4(cidr.base)}/${cidr.isPrefix ? 28 : 32}`;
}
