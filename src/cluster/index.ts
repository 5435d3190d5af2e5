// The cluster file, Kubernetes manifests, pods, their scheduling and their retries: pure, for every command that needs them.

export * from "../text/check-error.ts";
export { formatDurationMs, parseDurationMs } from "../text/duration.ts";
export * from "./capacity.ts";
export { amountOf } from "./controlled-source.ts";
export { type CronSchedule, cronTimes, parseCron } from "./cron.ts";
export { isTrue } from "./env.ts";
export { type KubectlPods, kubectlPods, looksLikeKubectlPods } from "./kubectl-pods.ts";
export { type Kubelet, type KubeletStep, type PodPhase, PodSandbox } from "./kubelet.ts";
export * from "./lifetimes.ts";
export { JOB_POD_LIFETIME_MS, matchesSelector } from "./manifest-source.ts";
export * from "./manifests.ts";
export { podUid, randomSuffix, sandboxId } from "./names.ts";
export { SCHEDULING_STRATEGIES, type SchedulableNode, type SchedulingStrategy } from "./node-load.ts";
export { defaultMaxPods, type ParsedCluster, parseCluster } from "./parse-cluster.ts";
export { JOIN_DELAY } from "./parse-node-events.ts";
export { parseFaults } from "./parse-standing.ts";
export { type PlannedPod, plannedPod, planPods } from "./plan-pods.ts";
export { livesWithin, type PodLife, type TracedPods, tracePodsOf } from "./pod-life.ts";
export type { PodSpec } from "./pod-spec.ts";
export { type PlanInput, PodStream } from "./pod-stream.ts";
export { NO_NODE, type Placement, type PodRequest, Scheduler } from "./scheduler.ts";
export { onKnownNodes, type ParsedTrace, parseTrace, TRACE_COLUMNS, type TracePod } from "./trace.ts";
export * from "./types.ts";
