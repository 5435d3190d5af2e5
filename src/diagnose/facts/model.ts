// The fact model: everything that linter, doctor and map may know about a cluster, each fact with the place it was read.
// Readers fill parts of it, rules see nothing else. Plain data: no methods, no IO. Times are epoch milliseconds, UTC.

import type { Cidr, Ipv4 } from "../../base/ipv4.ts";
import type { SignalId } from "./signals.ts";

/** Where a fact was read. */
export interface Source {
  /** Path as given; a member of an archive as `bundle.tar.gz!var_log/messages`; live: `ec2:DescribeSubnets`, `kubernetes:nodes`. */
  readonly file: string;
  /** From 1. */
  readonly line?: number | undefined;
  /** From 1. */
  readonly column?: number | undefined;
  /** Field of an API object, `Subnets[3].AvailableIpAddressCount`. */
  readonly field?: string | undefined;
}

/** Offsets in the text of `file`, UTF-16 code units; end exclusive. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

export interface Located<T> {
  readonly value: T;
  readonly at: Source;
  /** Of the value alone, where an edit could replace it. */
  readonly span?: Span | undefined;
}

/** What was seen, quoted (one line, at most 400 characters), or stated from API fields (`AvailableIpAddressCount 212`). */
export interface Evidence {
  readonly source: Source;
  readonly text: string;
}

/** How often and when; the samples are bounded: the first three and the last two. */
export interface Occurrences {
  readonly count: number;
  /** undefined when no line carried a time. */
  readonly firstMs?: number | undefined;
  readonly lastMs?: number | undefined;
  readonly samples: readonly Evidence[];
}

/**
 * A node, canonically: its Kubernetes name if any fact links it to one, else its instance id, else the name of the bundle or
 * folder its files came from. Readers may use any of the three; `resolveNodes` makes them one.
 */
export type NodeKey = string;

// ---- Settings ----

export interface EnvEntry {
  readonly name: string;
  /** As the agent would get it. */
  readonly value: string;
  /** false: written as a bare number or boolean where a string is needed. */
  readonly isString: boolean;
  readonly at: Source;
  /** Of the value, quotes included. */
  readonly valueSpan?: Span | undefined;
  /** Of the whole entry, as one would delete it: list item or `key: value`, with its line break or comma. */
  readonly entrySpan?: Span | undefined;
}

export type SettingsOrigin =
  | "daemonset"
  | "helm-values"
  | "addon"
  | "terraform"
  | "eksctl"
  | "facts"
  /** The environment of the running container, as a support bundle or a pod spec holds it. */
  | "running"
  | "introspection"
  /** The agent's own start-up lines. */
  | "log"
  /** The ConfigMap amazon-vpc-cni: read by Windows controllers, never by the Linux agent. */
  | "configmap";

export interface SettingsSource {
  readonly origin: SettingsOrigin;
  readonly layer: "declared" | "running";
  /** Of the running layer. */
  readonly node?: NodeKey | undefined;
  /** What it is called there: `DaemonSet kube-system/aws-node`, `aws_eks_addon.cni`. */
  readonly name: string;
  readonly at: Source;
  /** true: this is the whole environment; false: the chart's defaults lie beneath. */
  readonly isComplete: boolean;
  readonly env: readonly EnvEntry[];
  /** Environment of the init container, and other keys of the chart or add-on (`enableNetworkPolicy`, `nodeAgent.enabled`). */
  readonly initEnv: readonly EnvEntry[];
  readonly otherKeys: readonly EnvEntry[];
  /** Variables that are set here to what the text does not tell (a Terraform variable, `valueFrom`): neither known nor unset. */
  readonly untold?: readonly string[] | undefined;
}

export interface VersionFact {
  readonly component: "cni" | "network-policy-agent" | "cni-plugin" | "kubernetes" | "containerd";
  /** `v1.18.3`, as written; parseVersion() gives numbers. */
  readonly version: string;
  readonly node?: NodeKey | undefined;
  readonly at: Source;
}

// ---- Nodes ----

export type OsFamily = "al2" | "al2023" | "bottlerocket" | "windows" | "ubuntu" | "other";

export interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
  readonly at: Source;
}

/** How nodes are declared and booted: max-pods and everything that bears on it. */
export interface NodeBootstrap {
  readonly origin:
    | "nodeadm"
    | "bootstrap.sh"
    | "bottlerocket"
    | "karpenter-nodepool"
    | "karpenter-nodeclass"
    | "eksctl"
    | "terraform"
    | "managed-node-group"
    | "kubelet-config"
    | "facts";
  /** Name of the node group, node pool or launch template; empty when there is none. */
  readonly name: string;
  readonly at: Source;
  readonly osFamily?: Located<OsFamily> | undefined;
  readonly maxPods?: Located<number> | undefined;
  readonly maxPodsExpression?: Located<string> | undefined;
  /** Karpenter's podsPerCore: an upper bound beside maxPods. */
  readonly podsPerCore?: Located<number> | undefined;
  /** bootstrap.sh --use-max-pods. */
  readonly useMaxPods?: Located<boolean> | undefined;
  /** The arguments of bootstrap.sh, where there are such. */
  readonly bootstrapArguments?: Located<string> | undefined;
  readonly instanceTypes: readonly Located<string>[];
  /** Karpenter's requirements on node labels. */
  readonly requirements: readonly Requirement[];
  readonly subnetIds: readonly Located<string>[];
  /** Karpenter's subnet selectors by tag: a subnet that has all tags of one of them; the value `*` is any. */
  readonly subnetTags?: readonly ReadonlyMap<string, string>[] | undefined;
  readonly nodeCountMax?: Located<number> | undefined;
  readonly nodeCountDesired?: Located<number> | undefined;
  readonly amiId?: Located<string> | undefined;
  readonly metadataOptions?: MetadataOptions | undefined;
  /** Karpenter NodePool: the NodeClass it names; NodeClass: empty. */
  readonly nodeClass?: string | undefined;
  readonly node?: NodeKey | undefined;
}

export interface MetadataOptions {
  readonly httpEndpoint?: string | undefined;
  readonly httpTokens?: string | undefined;
  readonly hopLimit?: number | undefined;
  readonly at: Source;
}

export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

export interface NodeFact {
  readonly key: NodeKey;
  readonly name?: string | undefined;
  readonly instanceId?: string | undefined;
  readonly instanceType?: Located<string> | undefined;
  readonly zone?: string | undefined;
  readonly subnetId?: string | undefined;
  /** Node.status.capacity.pods. */
  readonly maxPods?: Located<number> | undefined;
  /** kubelet's own configuration on the node. */
  readonly kubeletMaxPods?: Located<number> | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly taints: readonly Taint[];
  readonly isUnschedulable?: boolean | undefined;
  readonly isReady?: boolean | undefined;
  /** Message of the Ready condition when not ready. */
  readonly readyMessage?: string | undefined;
  readonly createdMs?: number | undefined;
  readonly osImage?: string | undefined;
  /** vpc.amazonaws.com/pod-eni in capacity; 0 when it is absent from a node object. */
  readonly branchEniCapacity?: number | undefined;
  /** Addresses for pods that the node is known to hold, where only a person said so. */
  readonly addressCount?: Located<number> | undefined;
  /** How many such nodes there are, where one entry stands for many. Default 1. */
  readonly count?: number | undefined;
  readonly at: Source;
}

export interface ContainerFact {
  readonly name: string;
  readonly image: string;
  readonly isReady: boolean;
  readonly restartCount: number;
  readonly waitingReason?: string | undefined;
  readonly lastExitCode?: number | undefined;
  readonly lastReason?: string | undefined;
}

export interface PodFact {
  readonly namespace: string;
  readonly name: string;
  readonly node?: NodeKey | undefined;
  readonly address?: string | undefined;
  readonly phase: string;
  readonly isHostNetwork: boolean;
  readonly isReady: boolean;
  /** Reason of a waiting container, ContainerCreating and the like; for a pending pod that no node took: Unschedulable. */
  readonly waitingReason?: string | undefined;
  /** Asks for vpc.amazonaws.com/pod-eni. */
  readonly wantsBranchEni: boolean;
  readonly annotations: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly ownerKind?: string | undefined;
  readonly ownerName?: string | undefined;
  readonly createdMs?: number | undefined;
  readonly containers: readonly ContainerFact[];
  readonly at: Source;
}

export interface EventFact {
  readonly reason: string;
  readonly message: string;
  readonly objectKind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly node?: NodeKey | undefined;
  /** kubelet, default-scheduler, vpc-resource-controller, aws-node. */
  readonly component?: string | undefined;
  readonly count: number;
  readonly firstMs?: number | undefined;
  readonly lastMs?: number | undefined;
  /** From the first to the last, where kubectl prints ages (`x12 over 7m`) and no times. */
  readonly overMs?: number | undefined;
  /** Found by a log reader, which has told of its sightings and EC2 errors itself. */
  readonly isOfLog?: boolean | undefined;
  readonly at: Source;
}

// ---- What logs say ----

/** A signal seen: one entry per signal, node and captured values. */
export interface Sighting {
  readonly signal: SignalId;
  readonly node?: NodeKey | undefined;
  /** namespace/name where the line names a pod. */
  readonly pod?: string | undefined;
  /** What the line carried: numbers and ids, by the names of the signal's row. */
  readonly captures: Readonly<Record<string, string>>;
  readonly occurrences: Occurrences;
}

/** An EC2 or STS call refused, as a log or event tells it: one entry per node, api, code, subnet and kind of message. */
export interface Ec2ErrorFact {
  /** `AssignPrivateIpAddresses`; undefined when the line does not say. */
  readonly api?: string | undefined;
  /** `InsufficientCidrBlocks`; `Timeout` and `Connection` where no answer came. */
  readonly code: string;
  readonly message: string;
  readonly node?: NodeKey | undefined;
  readonly subnetId?: string | undefined;
  readonly eniId?: string | undefined;
  readonly occurrences: Occurrences;
}

/** The pool as the agent's own lines give it. In prefix mode the numbers are of prefixes' addresses alone. */
export interface PoolSample {
  readonly ms?: number | undefined;
  readonly total: number;
  readonly assigned: number;
  /** undefined: the line of that version does not say. */
  readonly cooling?: number | undefined;
  readonly prefixCount?: number | undefined;
  readonly at: Source;
}

/** A run of refused ADDs on one node: no more than two minutes apart, and no pod got an address in between. */
export interface Starvation {
  readonly firstMs?: number | undefined;
  readonly lastMs?: number | undefined;
  readonly refusalCount: number;
  readonly at: Source;
  readonly text: string;
  /** The pool line nearest before the first and the last refusal. */
  readonly poolFirst?: PoolSample | undefined;
  readonly poolLast?: PoolSample | undefined;
  /** Lines within the run (from 30 s before its first refusal). */
  readonly growthStartCount: number;
  /** An ENI, prefix or address was added to the pool. */
  readonly growthDoneCount: number;
  readonly eniLimitCount: number;
  readonly backoffCount: number;
  readonly cordonedCount: number;
  readonly terminatingCount: number;
  readonly ec2ErrorCount: number;
  /** Most addresses in cooldown that any pool line in the run gave. */
  readonly coolingMax?: number | undefined;
  /**
   * address: pods got addresses again; restart: the agent restarted; end: the log ends, or two minutes pass without an ADD, while
   * starving.
   */
  readonly endedBy: "address" | "restart" | "end";
  readonly recoveredMs?: number | undefined;
}

export interface AgentStart {
  readonly ms?: number | undefined;
  readonly version?: string | undefined;
  /** The last line before the next start, or before the log ends. */
  readonly lastText: string;
  readonly lastMs?: number | undefined;
  /** Node init finished (`IP pool manager - …` or later lines were seen). */
  readonly isServing: boolean;
  readonly at: Source;
}

/** What one node's agent log tells over time. A pasted excerpt is such a digest too. */
export interface LogDigest {
  readonly node?: NodeKey | undefined;
  readonly files: readonly string[];
  /** json, text with milliseconds, text with seconds; undefined when no line was the agent's. */
  readonly era?: "json" | "text-ms" | "text-s" | undefined;
  readonly lineCount: number;
  readonly firstMs?: number | undefined;
  readonly lastMs?: number | undefined;
  /** debug lines are there: absence of a pool line means something. */
  readonly hasDebug: boolean;
  /** Cut from a longer text (a pasted excerpt): absence means nothing. */
  readonly isExcerpt: boolean;
  /** First, lowest free, and last samples; at most 200, evenly thinned. */
  readonly pool: readonly PoolSample[];
  readonly starvations: readonly Starvation[];
  readonly starts: readonly AgentStart[];
  readonly refusalCount: number;
  readonly successCount: number;
  /** From the masks of `no free IP available in the prefix`, pool lines and ENI lines. */
  readonly mode?: "prefix" | "secondary" | undefined;
}

// ---- EC2 ----

export type Tags = ReadonlyMap<string, string>;

export interface SubnetFact {
  readonly id: string;
  readonly cidr?: Cidr | undefined;
  readonly availableIpAddressCount?: number | undefined;
  /** Where only a person said so. */
  readonly freePrefixCount?: number | undefined;
  readonly zone?: string | undefined;
  readonly vpcId?: string | undefined;
  /** The cluster whose description by EKS names this subnet. */
  readonly eksCluster?: string | undefined;
  readonly tags: Tags;
  /** false: declared (Terraform), not described by EC2. */
  readonly isLive: boolean;
  readonly at: Source;
}

export interface EniFact {
  readonly id: string;
  readonly subnetId?: string | undefined;
  readonly vpcId?: string | undefined;
  /** available, in-use, ... */
  readonly status: string;
  readonly description: string;
  /** interface, trunk, branch, efa, nat_gateway, vpc_endpoint, lambda, ... */
  readonly interfaceType: string;
  readonly requesterId?: string | undefined;
  readonly instanceId?: string | undefined;
  readonly attachmentStatus?: string | undefined;
  readonly deviceIndex?: number | undefined;
  readonly networkCardIndex?: number | undefined;
  readonly primaryAddress?: Ipv4 | undefined;
  /** All single addresses, the primary one included. */
  readonly addresses: readonly Ipv4[];
  /** First address of each delegated /28. */
  readonly prefixes: readonly Ipv4[];
  readonly securityGroupIds: readonly string[];
  readonly tags: Tags;
  readonly at: Source;
}

export interface ReservationFact {
  readonly id: string;
  readonly subnetId: string;
  readonly cidr: Cidr;
  readonly type: "prefix" | "explicit";
  readonly isLive: boolean;
  readonly at: Source;
}

export interface InstanceFact {
  readonly id: string;
  readonly instanceType: string;
  readonly state: string;
  readonly zone?: string | undefined;
  readonly subnetId?: string | undefined;
  readonly vpcId?: string | undefined;
  readonly privateDnsName?: string | undefined;
  readonly launchedMs?: number | undefined;
  readonly attachments: readonly { readonly eniId: string; readonly status: string; readonly deviceIndex: number }[];
  readonly securityGroupIds: readonly string[];
  readonly metadataOptions?: MetadataOptions | undefined;
  readonly tags: Tags;
  readonly at: Source;
}

/** Limits as EC2 itself gives them; the catalogue is the fallback. */
export interface InstanceTypeFact {
  readonly instanceType: string;
  readonly eniCountMax: number;
  readonly ipv4PerEni: number;
  readonly hypervisor?: string | undefined;
  readonly isBareMetal: boolean;
  readonly vcpuCount?: number | undefined;
  readonly at: Source;
}

export interface SecurityGroupFact {
  readonly id: string;
  readonly vpcId?: string | undefined;
  readonly at: Source;
}

// ---- Kubernetes objects of the CNI ----

export interface EniConfigFact {
  readonly name: string;
  /** undefined where only the name is known. */
  readonly subnetId?: Located<string> | undefined;
  readonly securityGroupIds: readonly string[];
  readonly at: Source;
}

export interface SecurityGroupPolicyFact {
  readonly namespace: string;
  readonly name: string;
  readonly groupIds: readonly string[];
  readonly at: Source;
}

export interface CniNodeFact {
  readonly name: string;
  readonly features: readonly { readonly name: string; readonly value?: string | undefined }[];
  readonly at: Source;
}

export interface WebhookFact {
  readonly configuration: string;
  readonly name: string;
  readonly operations: readonly string[];
  readonly resources: readonly string[];
  readonly isMutating: boolean;
  readonly at: Source;
}

export interface ClusterRoleFact {
  readonly name: string;
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
  readonly at: Source;
}

export interface ServiceAccountFact {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: ReadonlyMap<string, string>;
  readonly at: Source;
}

export interface DaemonSetFact {
  readonly namespace: string;
  readonly name: string;
  readonly desiredCount?: number | undefined;
  readonly readyCount?: number | undefined;
  readonly createdMs?: number | undefined;
  readonly containers: readonly { readonly name: string; readonly image: Located<string>; readonly isInit: boolean }[];
  readonly livenessTimeoutS?: Located<number> | undefined;
  readonly cpuRequest?: string | undefined;
  readonly at: Source;
}

// ---- IAM ----

export interface IamStatement {
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[];
  readonly notActions: readonly string[];
  readonly resources: readonly string[];
  readonly conditionKeys: readonly string[];
  readonly at: Source;
}

export interface IamPolicyFact {
  /** Name or ARN where known, else empty. */
  readonly name: string;
  /** Whom it is for, where that can be told. */
  readonly subject: "node" | "service-account" | "cluster" | "unknown";
  readonly statements: readonly IamStatement[];
  readonly managedPolicies: readonly Located<string>[];
  /** Of a trust policy. */
  readonly trustedProviders: readonly string[];
  readonly trustedSubjects: readonly string[];
  readonly at: Source;
}

// ---- Pages of the agent ----

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly at: Source;
}

export interface MetricsPage {
  readonly node?: NodeKey | undefined;
  readonly samples: readonly MetricSample[];
  readonly at: Source;
}

export interface PoolCidr {
  readonly cidr: Cidr;
  readonly addresses: readonly {
    readonly address: Ipv4;
    readonly isAssigned: boolean;
    /** namespace/name. */
    readonly pod?: string | undefined;
    /** Released, and when; for cooldown. */
    readonly releasedMs?: number | undefined;
  }[];
}

export interface IntrospectionPage {
  readonly node?: NodeKey | undefined;
  /** The page was there but empty: the agent did not answer. */
  readonly isEmpty: boolean;
  readonly totalCount?: number | undefined;
  readonly assignedCount?: number | undefined;
  readonly enis: readonly {
    readonly id: string;
    readonly isPrimary: boolean;
    readonly isTrunk: boolean;
    readonly isEfa: boolean;
    readonly deviceNumber: number;
    readonly cidrs: readonly PoolCidr[];
  }[];
  readonly at: Source;
}

export interface CheckpointFact {
  readonly node?: NodeKey | undefined;
  readonly version: string;
  /** Why it cannot be used; undefined when it can. */
  readonly problem?: string | undefined;
  readonly allocations: readonly {
    readonly containerId: string;
    readonly address: string;
    readonly pod?: string | undefined;
    readonly allocatedMs?: number | undefined;
  }[];
  readonly at: Source;
}

// ---- What the runtime reads on a node ----

/** One plugin of a conflist, by the keys that the plugin `aws-cni` knows. An empty text is as good as none. */
export interface ConflistPlugin {
  /** The executable's name. */
  readonly type?: Located<string> | undefined;
  readonly vethPrefix?: Located<string> | undefined;
  /** A number where it is written as one: the reference reads a text. */
  readonly mtu?: Located<string | number> | undefined;
  readonly enforcingMode?: Located<string> | undefined;
  readonly logFile?: Located<string> | undefined;
  /** Of slash28's plugin alone, as `hostNetns` is. */
  readonly socketPath?: Located<string> | undefined;
  readonly hostNetns?: Located<string> | undefined;
  readonly at: Source;
}

/** A network configuration of /etc/cni/net.d; a single one (`*.conf`) is a list of one. */
export interface ConflistFact {
  /** The network's name; empty: it has none. */
  readonly name: string;
  readonly node?: NodeKey | undefined;
  readonly cniVersion?: Located<string> | undefined;
  /** Empty: `cniVersion` alone. */
  readonly cniVersions: readonly string[];
  /** `slash28 1.2.3` when `slash28 install` wrote it. */
  readonly installedBy?: string | undefined;
  readonly isCheckDisabled: boolean;
  /** In the order in which they are called. */
  readonly plugins: readonly ConflistPlugin[];
  readonly at: Source;
}

// ---- What only a person knows ----

export interface FleetFact {
  readonly nodeCount?: Located<number> | undefined;
  readonly podCount?: Located<number> | undefined;
}

export interface ReadFile {
  readonly file: string;
  /** What it was taken for: `ipamd log`, `EC2 subnets`. */
  readonly kind: string;
}

export interface UnreadFile {
  readonly file: string;
  readonly line?: number | undefined;
  readonly reason: string;
  /** What to do about it, where something can be done. */
  readonly next?: string | undefined;
}

/** All facts of a case. Every list may be empty; order is the order of reading. */
export interface Facts {
  readonly settings: readonly SettingsSource[];
  readonly versions: readonly VersionFact[];
  readonly bootstraps: readonly NodeBootstrap[];
  readonly nodes: readonly NodeFact[];
  readonly pods: readonly PodFact[];
  readonly events: readonly EventFact[];
  readonly sightings: readonly Sighting[];
  readonly ec2Errors: readonly Ec2ErrorFact[];
  readonly logs: readonly LogDigest[];
  readonly subnets: readonly SubnetFact[];
  readonly enis: readonly EniFact[];
  readonly reservations: readonly ReservationFact[];
  readonly instances: readonly InstanceFact[];
  readonly instanceTypes: readonly InstanceTypeFact[];
  readonly securityGroups: readonly SecurityGroupFact[];
  readonly eniConfigs: readonly EniConfigFact[];
  readonly securityGroupPolicies: readonly SecurityGroupPolicyFact[];
  readonly cniNodes: readonly CniNodeFact[];
  readonly webhooks: readonly WebhookFact[];
  readonly clusterRoles: readonly ClusterRoleFact[];
  readonly serviceAccounts: readonly ServiceAccountFact[];
  readonly daemonSets: readonly DaemonSetFact[];
  readonly iamPolicies: readonly IamPolicyFact[];
  readonly metrics: readonly MetricsPage[];
  readonly introspection: readonly IntrospectionPage[];
  readonly checkpoints: readonly CheckpointFact[];
  readonly conflists: readonly ConflistFact[];
  readonly fleet: FleetFact;
  readonly region?: string | undefined;
  readonly provisioner?: Located<string> | undefined;
  readonly clusterName?: string | undefined;
  /** Free text of a person: shown in the report, never proof. */
  readonly notes: readonly string[];
  /** What EC2 describes wholly: `enis` of these subnets are all there are, so that absence means a free address. */
  readonly wholeSubnets: readonly string[];
  readonly read: readonly ReadFile[];
  readonly unread: readonly UnreadFile[];
}

export type FactSection = keyof Facts;

/** What one reader found in one file. */
export type FactsPart = Partial<Facts>;
