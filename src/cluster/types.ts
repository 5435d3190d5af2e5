// What a cluster file says, checked and with its defaults filled in. The file format is the contract of docs/cluster-file.md.

import type { Cidr } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { Knobs, MsRange } from "../catalog/emulator-knobs.ts";
import type { InstanceTypeLimits } from "../catalog/instance-types.ts";
import type { Lifetime } from "./lifetimes.ts";
import type { SchedulingStrategy } from "./node-load.ts";
import type { ScaleCurve } from "./scale-curve.ts";

export interface Cluster {
  readonly fileName: string;
  readonly region: string;
  readonly vpc: ClusterVpc;
  readonly subnets: readonly ClusterSubnet[];
  readonly nodeGroups: readonly NodeGroup[];
  /** Nodes that come and go during the run, in the order of the file. */
  readonly nodeEvents: readonly NodeEvent[];
  readonly cni: ClusterCni;
  readonly workloads: readonly Workload[];
  readonly schedulingStrategy: SchedulingStrategy;
  readonly knobs: Knobs;
  readonly kubelet: KubeletSettings;
  readonly agentTimes: AgentTimes;
  /** What goes wrong during the run, and when: operations of the emulator's control endpoint. */
  readonly faults: readonly TimedFault[];
  readonly run: RunSettings;
}

/** `operation` is checked by the emulator, whose table of operations it follows (docs/emulator.md). */
export interface TimedFault {
  /** From the first pod on; 0: before the agents start. */
  readonly atMs: Ms;
  readonly operation: Readonly<Record<string, unknown>>;
  readonly line: number;
  readonly column: number;
}

export type ClusterVpc =
  | { readonly kind: "cidrs"; readonly cidrs: readonly Cidr[] }
  /** A folder of AWS CLI JSON, as written in the file: relative to the file's folder. */
  | { readonly kind: "dump"; readonly path: string; readonly line: number; readonly column: number };

export interface ClusterSubnet {
  readonly id: string;
  readonly az: string;
  readonly cidr: Cidr;
  /** Addresses and /28s that other tenants hold. */
  readonly otherAddresses: number;
  readonly otherPrefixes: number;
  /** ENIs that instances now gone have left behind, and how many secondary addresses each holds. */
  readonly leakedEnis: { readonly count: number; readonly addresses: number };
  readonly reservations: readonly { readonly cidr: Cidr; readonly type: "prefix" | "explicit" }[];
  readonly tags: ReadonlyMap<string, string>;
}

export interface NodeGroup {
  readonly name: string;
  readonly instanceType: string;
  readonly limits: InstanceTypeLimits;
  readonly count: number;
  readonly maxPods: number;
  /** Ids; the nodes are spread over them in turn. Empty when the subnets come from a dump and none is named. */
  readonly subnets: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
  /** ENIs that something else than the agent has attached to each node. */
  readonly otherEnis: readonly { readonly tags: ReadonlyMap<string, string> }[];
  /** What the agent finds as its checkpoint when it starts; undefined: nothing. */
  readonly checkpoint: string | undefined;
  /** Of nodes that join during the run: from the accepted launch to the start of the agent. */
  readonly joinDelay: MsRange;
  readonly autoscaling: Autoscaling | undefined;
}

/** A group that follows its pods, as the cluster autoscaler has it: `count` nodes to begin with. */
export interface Autoscaling {
  readonly min: number;
  readonly max: number;
  /** A node leaves when for so long less than `idlePercent` of it was used and its pods would fit elsewhere. */
  readonly idleMs: Ms;
  readonly idlePercent: number;
}

interface NodeEventBase {
  readonly atMs: Ms;
  /** Again and again; undefined: once. */
  readonly everyMs: Ms | undefined;
  /** `nodeEvents` of the file. */
  readonly line: number;
  readonly column: number;
}

/** Some nodes of a group, evenly over a time. */
interface GroupEvent extends NodeEventBase {
  readonly group: string;
  readonly amount: Share;
  readonly overMs: Ms;
}

export type NodeEvent =
  | (GroupEvent & { readonly op: "join" })
  /** Cordoned, its pods evicted, terminated after `graceMs`. */
  | (GroupEvent & { readonly op: "drain"; readonly graceMs: Ms })
  /** Drained at the notice, terminated `noticeMs` later; the group launches as many again at the notice. */
  | (GroupEvent & { readonly op: "spot"; readonly noticeMs: Ms })
  /** Each is drained when a new one serves; `maxSurge` at a time. `upgrade` is a `replace` of all. */
  | (GroupEvent & { readonly op: "replace" | "upgrade"; readonly maxSurge: Share; readonly graceMs: Ms })
  /** All nodes of a zone are gone at once; nothing is launched there for `forMs`. Their pods come again after `evictAfterMs`. */
  | (NodeEventBase & {
      readonly op: "zone-loss";
      readonly zone: string;
      readonly forMs: Ms | undefined;
      readonly evictAfterMs: Ms;
    });

export interface ClusterCni {
  /** Which policies exist is the agent's to say. */
  readonly policy: string;
  readonly env: ReadonlyMap<string, string>;
  readonly eniConfigs: readonly ClusterEniConfig[];
  /** Whether the VPC resource controller attaches trunk ENIs to nodes that ask for one. */
  readonly resourceController: boolean;
}

export interface ClusterEniConfig {
  readonly name: string;
  readonly subnet: string;
  readonly securityGroups: readonly string[];
}

export type Workload =
  | PodsWorkload
  | { readonly kind: "manifest" | "trace"; readonly path: string; readonly line: number; readonly column: number };

/** Pods that the file describes itself. At most one of `everyMs`, `isKept` or `parallelism` says what follows the first ones. */
export interface PodsWorkload {
  readonly kind: "pods";
  readonly name: string;
  readonly namespace: string;
  /** With `scale`: the most it ever wants. */
  readonly podCount: number;
  readonly atMs: Ms;
  /** The pods come evenly over this time; 0: at once. */
  readonly overMs: Ms;
  /** undefined: once. */
  readonly everyMs: Ms | undefined;
  /** undefined: until the run ends. */
  readonly lifetime: Lifetime | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** A pod that ends is replaced. */
  readonly isKept: boolean;
  /** How many of `podCount` run at once, as a Job has it; undefined: all. */
  readonly parallelism: number | undefined;
  /** Replaces `podCount` and `atMs`, and keeps the number up. */
  readonly scale: ScaleCurve | undefined;
  readonly rollingUpdate: RollingUpdate | undefined;
  readonly spread: readonly SpreadConstraint[];
}

/** A Deployment's rollout: every pod is replaced. */
export interface RollingUpdate {
  readonly atMs: Ms;
  /** Again and again; undefined: once. */
  readonly everyMs: Ms | undefined;
  readonly maxSurge: Share;
  readonly maxUnavailable: Share;
}

/** A number of pods or nodes, or percent of them. */
export type Share =
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "percent"; readonly percent: number };

/** One of a pod's topologySpreadConstraints. */
export interface SpreadConstraint {
  readonly maxSkew: number;
  /** A label of nodes: `topology.kubernetes.io/zone`, `kubernetes.io/hostname` or another. */
  readonly topologyKey: string;
  readonly whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway";
  /** Labels of the pods that count, in the pod's namespace; undefined: those of its own workload. */
  readonly matchLabels: ReadonlyMap<string, string> | undefined;
}

/** What a real agent takes of a real machine; in the simulator this long, in `up` what it does take. */
export interface AgentTimes {
  /** From the start of the process to its first question to EC2. */
  readonly startMs: Ms;
  /** Over a reply: its own work and the write of the checkpoint, which all ADDs and DELs that come meanwhile share. */
  readonly replyMs: Ms;
}

export interface KubeletSettings {
  /** From a pod's binding to its first ADD: the runtime makes the sandbox. */
  readonly runtimeMs: Ms;
  /** A failed ADD is tried again after `retryMs` to `retryMs * (1 + jitter)`. */
  readonly retryMs: Ms;
  readonly jitter: number;
  /** How long the runtime waits for one ADD. */
  readonly sandboxTimeoutMs: Ms;
}

export interface RunSettings {
  readonly durationMs: Ms;
  readonly seed: number;
  /** Virtual seconds per real one. */
  readonly speed: number;
  /** What moment 0 of the workloads is: every agent has served or failed once, or all agents start. */
  readonly start: "serving" | "cold";
}
