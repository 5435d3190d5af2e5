// What `plan --emit` writes: formats, files, and the figures from which each format makes its files.

import type { InstanceTypeLimits } from "../../catalog/instance-types.ts";
import type { ClusterSubnet, NodeGroup } from "../../cluster/index.ts";

export const EMIT_FORMATS = [
  "terraform",
  "addon",
  "helm",
  "eksctl",
  "nodeadm",
  "bootstrap",
  "bottlerocket",
  "karpenter",
  "iam",
  "density",
] as const;

export type EmitFormat = (typeof EMIT_FORMATS)[number];

/** What `all` stands for: the chart and the add-on write the same DaemonSet, so the chart is asked for by name. */
export const ALL_FORMATS: readonly EmitFormat[] = EMIT_FORMATS.filter((format) => format !== "helm");

export const OS_FAMILIES = ["al2023", "al2", "bottlerocket"] as const;
export type OsFamily = (typeof OS_FAMILIES)[number];

/** On subnets that Terraform makes: by this tag Karpenter finds them, since names need not be unique. */
export const SUBNET_TAG = "slash28/subnet";

export interface EmittedFile {
  /** Below the folder that is written, with `/`. */
  readonly path: string;
  readonly format: EmitFormat;
  /** One sentence. */
  readonly about: string;
  /** How it is applied: a shell command, run in the folder that is written. */
  readonly apply: string;
  readonly text: string;
}

/** One node group with what the plan makes of it. */
export interface GroupFigures {
  readonly group: NodeGroup;
  readonly limits: InstanceTypeLimits;
  /** Unique; lower case letters, digits and `-`. */
  readonly name: string;
  /** Unique; a name in Terraform. */
  readonly address: string;
  /** What the emitted files set: at most what the type carries, what EKS recommends, and what full nodes find in the subnets. */
  readonly maxPods: number;
  /** Why this number, one sentence. */
  readonly why: string;
  /** What EKS works out for a managed node group without an AMI id, over whatever user data says. */
  readonly managedMaxPods: number;
}

export interface SubnetFigures {
  readonly subnet: ClusterSubnet;
  /** The id is one of EC2's: the subnet is there already. */
  readonly isExisting: boolean;
  readonly address: string;
  /** What stands for the id where it is not known before the subnet is there: `${ID_OF_SUBNET_A}`; else the id. */
  readonly idText: string;
}

/** Pods of one namespace at the moment with the most of them. */
export interface NamespacePods {
  readonly namespace: string;
  readonly podCount: number;
}

export interface Figures {
  /** The cluster file, as a reader of the files would name it. */
  readonly fileName: string;
  readonly clusterName: string;
  readonly region: string;
  readonly os: OsFamily;
  /** false: the chart installs the agent, and neither Terraform nor eksctl may. */
  readonly hasAddon: boolean;
  readonly policy: string;
  /** What lies in the subnets was read, so the ranges are free. */
  readonly isKnown: boolean;
  readonly groups: readonly GroupFigures[];
  readonly subnets: readonly SubnetFigures[];
  /** What the agent is given; the add-on's schema takes strings alone. */
  readonly env: Readonly<Record<string, string>>;
  readonly addonEnv: Readonly<Record<string, string>>;
  readonly eniConfigs: readonly {
    readonly name: string;
    readonly subnet: string;
    readonly securityGroups: readonly string[];
  }[];
  readonly namespaces: readonly NamespacePods[];
}
