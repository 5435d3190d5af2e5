// A trace alone is no cluster: this gives it one. Either a cluster file whose workloads it replaces, or nodes enough for it.

import { readFileSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import { parseTrace, type TracePod } from "../cluster/index.ts";
import { clusterFromText, LoadError, type LoadedCluster, loadCluster } from "../up/index.ts";

/** How long the run goes on after the trace's last event: what is held then goes back. */
const AFTER_MS = 300_000;
/** Pods that a node of the default cluster is counted for: about half of its max-pods of 110. */
const PODS_PER_NODE = 50;
const NODE_COUNT_MAX = 5_000;

/** A cluster file is YAML or JSON with `kind: Cluster`; a trace is CSV or what kubectl prints. */
export function isTrace(path: string): boolean {
  if (/\.csv$/i.test(path)) return true;
  if (/\.ya?ml$/i.test(path)) return false;
  try {
    const head = readFileSync(path, "utf8");
    return /^[\uFEFF\s]*\{/.test(head)
      ? !/"kind"\s*:\s*"Cluster"/.test(head)
      : /^\uFEFF?(?:#.*\n)*[A-Za-z]+,/.test(head);
  } catch {
    return false;
  }
}

/** `clusterFile`: whose nodes, subnets and settings; undefined: m5.large nodes in wide subnets, the chart's defaults with prefixes. */
export function clusterForTrace(tracePath: string, clusterFile: string | undefined): LoadedCluster {
  const pods = readTrace(tracePath);
  const { cluster, folder } = clusterFile === undefined ? defaultCluster(pods) : loadCluster(clusterFile);
  // Paths of a cluster file start from its folder.
  const path = isAbsolute(tracePath) ? tracePath : relative(folder, tracePath);
  const durationMs = Math.max(60_000, lastMomentMs(pods) + AFTER_MS);
  return {
    folder,
    cluster: {
      ...cluster,
      workloads: [{ kind: "trace", path, line: 1, column: 1 }],
      run: { ...cluster.run, durationMs },
    },
  };
}

/** What is wrong with its lines is told when the pods are loaded; here they only count. */
function readTrace(path: string): readonly TracePod[] {
  try {
    return parseTrace(new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path)), path).pods;
  } catch (error) {
    const what = error instanceof TypeError ? "is not UTF-8 text" : "cannot be read";
    throw new LoadError(`${path}: the trace ${what}`, { next: "Check the path.", isUnreadable: true });
  }
}

function lastMomentMs(pods: readonly TracePod[]): number {
  return pods.reduce((last, pod) => Math.max(last, pod.atMs + (pod.lifetimeMs ?? 0)), 0);
}

function defaultCluster(pods: readonly TracePod[]): LoadedCluster {
  const named = new Set(pods.flatMap((pod) => pod.nodeName ?? []));
  const count = Math.min(NODE_COUNT_MAX, Math.max(1, named.size, Math.ceil(mostAtOnce(pods) / PODS_PER_NODE)));
  process.stderr.write(
    `the trace runs on ${count} m5.large in wide subnets with the chart's defaults and prefixes; --cluster gives others\n`,
  );
  const text = `apiVersion: slash28/v1
kind: Cluster
vpc: { cidrs: [10.0.0.0/16] }
subnets:
  - { id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/17 }
  - { id: subnet-b, az: us-west-2b, cidr: 10.0.128.0/17 }
nodeGroups: [{ name: general, instanceType: m5.large, count: ${count} }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }
`;
  return { cluster: clusterFromText(text, "the default cluster"), folder: "." };
}

function mostAtOnce(pods: readonly TracePod[]): number {
  const changes = pods.flatMap(({ atMs, lifetimeMs }) => [
    { atMs, by: 1 },
    ...(lifetimeMs === undefined ? [] : [{ atMs: atMs + lifetimeMs, by: -1 }]),
  ]);
  changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  let most = 0;
  for (const { by } of changes) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
