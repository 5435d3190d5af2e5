// The plan as a document (docs/schemas/plan.v1.json), and what is known of a VPC before it is planned.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import type { ClusterSubnet } from "../cluster/index.ts";
import type { ApiTime } from "./quotas.ts";

export type Verdict = "fits" | "unsure" | "does-not-fit";

const ORDER: readonly Verdict[] = ["fits", "unsure", "does-not-fit"];

export function worstOf(verdicts: readonly Verdict[]): Verdict {
  return ORDER[Math.max(0, ...verdicts.map((one) => ORDER.indexOf(one)))] ?? "fits";
}

/** Pods that a node can give addresses to, with aws-node and kube-proxy; and that number under EKS's cap. */
export interface MaxPods {
  readonly possible: number;
  readonly recommended: number;
  readonly formula: string;
}

export interface GroupPlan {
  readonly name: string;
  readonly instanceType: string;
  readonly nodeCount: number;
  /** As in the file, or its default. */
  readonly maxPods: number;
  readonly secondary: MaxPods;
  /** null: the type cannot have prefixes. */
  readonly prefix: MaxPods | null;
  /** Of the mode that the settings ask for, where the type can have it. */
  readonly recommendedMaxPods: number;
  /** What its nodes hold in the steady fleet, by how many of their pods have an address; the emptiest first. */
  readonly holds: readonly NodeHolding[];
  /** Nodes as full as its fullest that still join the steady fleet; null: where their ENIs would lie is not known. */
  readonly moreNodes: MoreNodes | null;
}

export interface NodeHolding {
  readonly pods: number;
  readonly nodeCount: number;
  /** The primary one, further ones of the agent and the trunk. */
  readonly enis: number;
  readonly prefixes: number;
  /** Of pods and warm ones, those in prefixes too; an ENI's primary one is none of them. */
  readonly addresses: number;
  readonly formula: string;
}

export interface MoreNodes {
  readonly fewest: number;
  readonly mean: number;
  readonly most: number;
  readonly formula: string;
}

export interface SubnetPlan {
  readonly id: string;
  readonly cidr: string;
  readonly zone: string;
  readonly verdict: Verdict;
  /** Empty when it fits. */
  readonly reason: string;
  /** What nodes hold already in a VPC that was read; the other figures are what comes on top. */
  readonly held: { readonly prefixes: number; readonly addresses: number };
  readonly prefixes: {
    readonly needed: number;
    /** Of these, those that pods lie in; the rest is warm stock that the settings ask for. */
    readonly forPods: number;
    readonly fewest: number;
    readonly mean: number;
    readonly most: number;
  };
  /** Single addresses that come: of nodes, of others, of leaked ENIs. */
  readonly singles: number;
  /** `needed`: these and the /28s that no reservation holds, 16 each; `available`: outside of reservations. */
  readonly addresses: { readonly needed: number; readonly available: number };
  readonly formulas: readonly string[];
}

export interface ZonePlan {
  readonly zone: string;
  readonly prefixes: { readonly needed: number; readonly fewest: number; readonly mean: number; readonly most: number };
  readonly addresses: { readonly needed: number; readonly available: number };
}

export interface Figure {
  readonly value: number;
  readonly limit: number;
  readonly formula: string;
}

export interface Problem {
  readonly verdict: Verdict;
  readonly text: string;
}

export interface ScenarioPlan {
  readonly name: string;
  readonly verdict: Verdict;
  /** What keeps it from `fits`, with numbers. */
  readonly problems: readonly Problem[];
  readonly nodeCount: number;
  readonly podCount: number;
  readonly subnets: readonly SubnetPlan[];
  readonly zones: readonly ZonePlan[];
  readonly nau: Figure;
  readonly enis: Figure;
  /** Nodes whose calls `apiTimes` counts: those that join, all at once. */
  readonly joiningCount: number;
  readonly apiTimes: readonly ApiTime[];
}

export type Period = "day" | "week" | "month" | "year";

export interface GrowthPlan {
  readonly percent: number;
  readonly period: Period;
  readonly from: string;
  readonly until: string;
  /** How many times today's fleet, at the end. */
  readonly factor: number;
  /** The first day on which it is no longer certain that it fits, and on which it certainly does not; null: not until then. */
  readonly firstUnsure: string | null;
  readonly firstDoesNotFit: string | null;
  /** Why it is no longer certain on that day. */
  readonly reason: string;
  readonly steps: readonly { readonly date: string; readonly factor: number; readonly nodeCount: number }[];
  readonly formula: string;
}

/** What to set and to reserve so that the fleet of every scenario is served. `slash28 plan --emit` writes it out. */
export interface Advice {
  /** Of the same scenarios with these settings and reservations. */
  readonly verdict: Verdict;
  /** cni.env as it should be, by name. The chart's defaults stand below it. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** null: not set. */
  readonly changes: readonly SettingChange[];
  readonly reservations: readonly ReservationAdvice[];
}

export interface SettingChange {
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly why: string;
}

/** A subnet CIDR reservation of type prefix that is not there yet. */
export interface ReservationAdvice {
  readonly subnet: string;
  readonly cidr: string;
  /** /28s in it that can be prefixes now. */
  readonly prefixCount: number;
  readonly formula: string;
}

/** From secondary addresses to prefixes: a new group beside each old one, whose nodes are drained a share at a time. */
export interface MigrationPlan {
  readonly verdict: Verdict;
  /** Of each group's nodes that are replaced at a time. */
  readonly percent: number;
  readonly batchCount: number;
  readonly changes: readonly SettingChange[];
  readonly reservations: readonly ReservationAdvice[];
  readonly groups: readonly { readonly name: string; readonly maxPods: number; readonly newMaxPods: number }[];
  /** After the switch of settings, the batch that asks most, and the end. */
  readonly scenarios: readonly ScenarioPlan[];
  readonly steps: readonly MigrationStep[];
}

export interface MigrationStep {
  readonly title: string;
  readonly why: string;
  /** For a POSIX shell. */
  readonly commands: readonly string[];
  readonly checks: readonly { readonly command: string; readonly expect: string }[];
  /** How to take the step back. */
  readonly rollback: readonly string[];
}

export interface Plan {
  readonly schema: "slash28/plan/v1";
  readonly verdict: Verdict;
  readonly policy: string;
  readonly groups: readonly GroupPlan[];
  readonly scenarios: readonly ScenarioPlan[];
  /** null: not asked for. */
  readonly growth: GrowthPlan | null;
  readonly advice: Advice;
  /** null: not asked for. */
  readonly migration: MigrationPlan | null;
  readonly assumptions: readonly string[];
}

// ---------------------------------------------------------------- a VPC that was read

/** What a plan reads of a VPC. The emulator's description of a world, as it comes from describe answers, is one. */
export interface ReadVpc {
  readonly region: string;
  readonly subnets: readonly {
    readonly id: string;
    readonly vpcId?: string | undefined;
    readonly az: string;
    readonly cidr: Cidr;
    readonly reservations?: ClusterSubnet["reservations"] | undefined;
    readonly tags?: readonly ReadTag[] | undefined;
  }[];
  readonly instances: readonly ReadInstance[];
  readonly enis?: readonly ReadEni[] | undefined;
}

export interface ReadInstance {
  readonly id?: string | undefined;
  readonly type: string;
  readonly subnetId: string;
  readonly state?: string | undefined;
  readonly tags?: readonly ReadTag[] | undefined;
}

export interface ReadEni {
  readonly subnetId: string;
  readonly isRequesterManaged: boolean;
  readonly primaryAddress: Ipv4;
  readonly addresses: readonly Ipv4[];
  /** First address of each /28. */
  readonly prefixes: readonly Ipv4[];
  readonly tags: readonly ReadTag[];
  readonly attachment?: { readonly instanceId: string | undefined } | undefined;
}

interface ReadTag {
  readonly key: string;
  readonly value: string;
}

/** What lies where in a subnet. */
export interface Occupancy {
  readonly addresses: readonly Ipv4[];
  /** First address of each assigned /28. */
  readonly prefixes: readonly Ipv4[];
  /** Of `prefixes`, those of the nodes that are planned. */
  readonly ownPrefixes: readonly Ipv4[];
}

/** What a node's ENIs hold in one subnet: first addresses of /28s, and single addresses with the primary ones. */
export interface Held {
  readonly prefixes: readonly Ipv4[];
  readonly addresses: readonly Ipv4[];
}

/** A node that is there, of the group of this name, with what its ENIs hold by subnet. */
export interface StandingNode {
  readonly name: string;
  readonly instanceId: string;
  readonly group: string;
  readonly subnetId: string;
  readonly held: ReadonlyMap<string, Held>;
}

export interface KnownVpc {
  /** Of everything but the nodes that are planned: addresses and /28s for NAU, and ENIs that no AWS service keeps. */
  readonly others: { readonly unitCount: number; readonly eniCount: number };
  readonly occupancy: ReadonlyMap<string, Occupancy>;
  /** Empty: the nodes are those that the groups count, all new. */
  readonly standing: readonly StandingNode[];
}
