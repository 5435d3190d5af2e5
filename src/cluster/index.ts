// The cluster file, Kubernetes manifests, pods, their scheduling and their retries: pure, for every command that needs them.

export * from "../text/check-error.ts";
export { formatDurationMs, parseDurationMs } from "../text/duration.ts";
export * from "./capacity.ts";
export { type CronSchedule, cronTimes, parseCron } from "./cron.ts";
export { isTrue } from "./env.ts";
export { type KubectlPods, kubectlPods, looksLikeKubectlPods } from "./kubectl-pods.ts";
export { type Kubelet, type KubeletStep, type PodPhase, PodSandbox } from "./kubelet.ts";
export type { Lifetime } from "./lifetime.ts";
export * from "./manifests.ts";
export { podUid, randomSuffix, sandboxId } from "./names.ts";
export { defaultMaxPods, type ParsedCluster, parseCluster } from "./parse-cluster.ts";
export { parseFaults } from "./parse-standing.ts";
export * from "./plan-pods.ts";
export * from "./planned-pod.ts";
export { type PodLife, type TracedPods, tracePodsOf } from "./pod-life.ts";
export { type Placement, type PodRequest, type SchedulableNode, Scheduler } from "./scheduler.ts";
export { onKnownNodes, type ParsedTrace, parseTrace, TRACE_COLUMNS, type TracePod } from "./trace.ts";
export * from "./types.ts";
