// The one table of the agent's metrics. Names, types and labels of the first group are those of amazon-vpc-cni-k8s v1.23.1
// (ipamd.md 9.3), so that existing dashboards keep working; the second group is ours. Labels come from closed sets, except
// `cidr` and `eni` of the reference. docs/generated/metrics.md is written from this table.

export type MetricType = "gauge" | "counter" | "summary" | "histogram";

export interface MetricDefinition {
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly help: string;
  /** `reference`: of amazon-vpc-cni-k8s; `ours`: only this agent has it. */
  readonly origin: "reference" | "ours";
  /** Histograms: upper bounds in the metric's unit. */
  readonly buckets?: readonly number[];
}

function of(type: MetricType, labels: readonly string[], help: string): MetricDefinition {
  return { type, labels, help, origin: "reference" };
}

function ours(type: MetricType, labels: readonly string[], help: string): MetricDefinition {
  return { type, labels, help, origin: "ours" };
}

/** Doubling from 1 s to 512 s: a start takes seconds, or minutes when ENIs have to be tried again. */
const START_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export const METRICS = {
  awscni_eni_max: of("gauge", [], "ENIs that can be attached, unmanaged ones taken off"),
  awscni_ip_max: of("gauge", [], "Pod addresses that those ENIs can hold"),
  awscni_eni_allocated: of("gauge", [], "ENIs in the pool"),
  awscni_total_ip_addresses: of("gauge", [], "Addresses in the pool (the reference's running counter)"),
  awscni_assigned_ip_addresses: of("gauge", [], "Addresses that pods hold (the reference's running counter)"),
  awscni_total_ipv4_prefixes: of("gauge", [], "/28 prefixes in the pool (the reference's running counter)"),
  awscni_assigned_ip_per_cidr: of("gauge", ["cidr"], "Addresses that pods hold, by prefix or single address"),
  awscni_assigned_ip_per_eni: of("gauge", ["eni"], "Addresses that pods hold, by ENI"),
  awscni_no_available_ip_addresses: of("counter", [], "ADDs that found no address"),
  awscni_add_ip_req_count: of("counter", [], "ADDs received"),
  awscni_del_ip_req_count: of("counter", ["reason"], "DELs received, by the plugin's reason"),
  awscni_force_removed_enis: of("counter", [], "ENIs that a reconcile removed while pods used them"),
  awscni_force_removed_ips: of("counter", [], "Addresses that a reconcile removed while pods used them"),
  awscni_reconcile_count: of("counter", ["fn"], "What reconciles did, by step"),
  awscni_ipamd_action_inprogress: of("gauge", ["fn"], "Operations in flight: 1 while one runs"),
  awscni_ipamd_error_count: of("counter", ["fn"], "Errors of pool operations, by step"),
  awscni_pod_eni_error_count: of("counter", ["fn"], "Errors of security groups for pods, by step"),
  awscni_ec2api_req_count: of("counter", ["fn"], "EC2 calls, by API name"),
  awscni_ec2api_error_count: of("counter", ["fn"], "EC2 calls that failed, by API name"),
  awscni_aws_api_latency_ms: of("summary", ["api", "error", "status"], "Milliseconds of EC2 calls, sum and count"),
  awscni_aws_api_error_count: of("counter", ["api", "error"], "EC2 errors, by API name and error code"),
  awscni_aws_utils_error_count: of("counter", ["fn", "error"], "Errors of EC2 and metadata helpers"),
  awscni_ipamd_startup_duration_seconds: {
    ...of("histogram", ["success", "with_api_server", "failure_reason"], "Seconds from process start to serving"),
    buckets: START_BUCKETS,
  },
  awscni_ipamd_node_initialization_duration_seconds: {
    ...of("histogram", ["success"], "Seconds of node initialization"),
    buckets: START_BUCKETS,
  },
  awscni_connmark_backend: of("gauge", ["backend"], "1 for what marks outbound connections: nftables or iptables"),
  awscni_connmark_reconcile_total: of("counter", ["result"], "Times those marks were looked after: success, error"),
  awscni_build_info: of("gauge", ["version", "goversion"], "1, with the version of this build"),

  slash28_add_refusals_total: ours("counter", ["reason"], "Refused ADDs, by typed reason"),
  slash28_addresses: ours("gauge", ["state"], "Addresses that were handed out at least once: allocated, cooling, free"),
  slash28_free_prefixes: ours("gauge", [], "/28 prefixes of the pool without an allocated address"),
  slash28_ec2_calls_total: ours(
    "counter",
    ["action", "outcome"],
    "EC2 calls, by API name and our class of the outcome",
  ),
  slash28_add_duration_seconds: {
    ...ours("histogram", [], "Seconds from an ADD's arrival to its reply, checkpoint included"),
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10, 30],
  },
  slash28_adds_waiting: ours("gauge", [], "ADDs that wait for an address at this moment (policy slash28)"),
  slash28_add_wait_seconds: {
    ...ours("histogram", ["outcome"], "Seconds that an ADD waited for an address, those answered at once left out"),
    buckets: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30],
  },
  slash28_pod_wiring_duration_seconds: {
    ...ours(
      "histogram",
      ["outcome"],
      "Seconds that the datapath took to wire a pod, its queue included: wired, failed",
    ),
    buckets: [0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  },
  slash28_pod_wiring_failures_total: ours(
    "counter",
    ["problem"],
    "ADDs rolled back for the network's sake, by problem",
  ),
  slash28_network_repairs_total: ours("counter", [], "What network verifications found wrong and put right"),
  slash28_network_problems: ours("gauge", [], "What the last network verification could not put right"),
  slash28_event_loop_delay_seconds: ours(
    "gauge",
    ["quantile"],
    "Seconds that the event loop was late since the last scrape; only with SLASH28_LOOP_PROBE",
  ),
  slash28_stale_allocations_total: ours("counter", [], "Addresses released because their pod's link was gone"),
  slash28_checkpoint_writes_total: ours("counter", ["outcome"], "Writes of the checkpoint: written, failed"),
  slash28_checkpoint_saves_total: ours("counter", [], "Changes that asked for a write; several may share one"),
  slash28_quirks_total: ours("counter", ["quirk"], "Times a documented quirk of the reference broke an invariant"),
  slash28_firewall_updates_total: ours(
    "counter",
    ["cause", "outcome"],
    "Transactions that changed the node's own iptables and nftables rules, by cause (start, vpc-cidrs, repair) and outcome (applied, failed)",
  ),
  slash28_build_info: ours("gauge", ["version", "policy"], "1, with the version and the policy of this build"),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/** Label names of one metric, for callers that want the compiler to check them. */
export type MetricLabel<Name extends MetricName> = (typeof METRICS)[Name]["labels"][number];

export const METRIC_NAMES: readonly MetricName[] = Object.keys(METRICS) as MetricName[];
