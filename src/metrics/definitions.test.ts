import { expect, test } from "bun:test";
import { METRIC_NAMES, METRICS, type MetricDefinition } from "./definitions.ts";

const rows = METRIC_NAMES.map((name): [string, MetricDefinition] => [name, METRICS[name]]);

test("the reference's metrics keep their names, types and labels [ipamd 9.3]", () => {
  const reference = rows.filter(([, metric]) => metric.origin === "reference");
  expect(reference.map(([name, { type, labels }]) => `${name} ${type} (${labels.join(",")})`)).toEqual([
    "awscni_eni_max gauge ()",
    "awscni_ip_max gauge ()",
    "awscni_eni_allocated gauge ()",
    "awscni_total_ip_addresses gauge ()",
    "awscni_assigned_ip_addresses gauge ()",
    "awscni_total_ipv4_prefixes gauge ()",
    "awscni_assigned_ip_per_cidr gauge (cidr)",
    "awscni_assigned_ip_per_eni gauge (eni)",
    "awscni_no_available_ip_addresses counter ()",
    "awscni_add_ip_req_count counter ()",
    "awscni_del_ip_req_count counter (reason)",
    "awscni_force_removed_enis counter ()",
    "awscni_force_removed_ips counter ()",
    "awscni_reconcile_count counter (fn)",
    "awscni_ipamd_action_inprogress gauge (fn)",
    "awscni_ipamd_error_count counter (fn)",
    "awscni_pod_eni_error_count counter (fn)",
    "awscni_ec2api_req_count counter (fn)",
    "awscni_ec2api_error_count counter (fn)",
    "awscni_aws_api_latency_ms summary (api,error,status)",
    "awscni_aws_api_error_count counter (api,error)",
    "awscni_aws_utils_error_count counter (fn,error)",
    "awscni_ipamd_startup_duration_seconds histogram (success,with_api_server,failure_reason)",
    "awscni_ipamd_node_initialization_duration_seconds histogram (success)",
    "awscni_connmark_backend gauge (backend)",
    "awscni_connmark_reconcile_total counter (result)",
    "awscni_build_info gauge (version,goversion)",
  ]);
});

test("our metrics follow Prometheus: one prefix, counters end in _total, no pod names or addresses as labels", () => {
  for (const [name, metric] of rows) {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(metric.help).not.toBe("");
    expect(metric.type === "histogram").toBe(metric.buckets !== undefined);
    if (metric.origin !== "ours") continue;
    expect(name).toMatch(/^slash28_/);
    expect(name.endsWith("_total")).toBe(metric.type === "counter");
    for (const label of metric.labels) expect(["pod", "namespace", "address", "ip", "cidr"]).not.toContain(label);
  }
});
