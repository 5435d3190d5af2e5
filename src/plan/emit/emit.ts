// `plan --emit`: from a cluster file to files that bring it about. Pure: figures in, texts out; who writes them is the command's
// affair.

import { Prng } from "../../base/prng.ts";
import { maxPodsCap, uncappedMaxPods } from "../../catalog/pod-capacity.ts";
import { type Cluster, type NodeGroup, planPods } from "../../cluster/index.ts";
import { CHART_DEFAULTS, parseSettings, type Settings } from "../../ipam/settings.ts";
import { otherSettings, withChanges } from "../advice.ts";
import { buildFleet, type PodSources, START_WALL_MS } from "../fleet.ts";
import { type PlanOptions, planCluster } from "../plan.ts";
import type { Plan, SettingChange, Verdict } from "../types.ts";
import { addonFiles, helmFiles } from "./chart.ts";
import { densityFiles } from "./controls.ts";
import { boundDensity, type Density, fullestNode } from "./density.ts";
import { eksctlFiles } from "./eksctl.ts";
import { addonEnv, emittedEnv } from "./env.ts";
import { iamFiles } from "./iam.ts";
import { karpenterFiles } from "./karpenter.ts";
import { uniqueNames } from "./names.ts";
import { bootstrapFiles, bottlerocketFiles, nodeadmFiles } from "./node-boot.ts";
import { terraformFiles } from "./terraform.ts";
import {
  EMIT_FORMATS,
  type EmitFormat,
  type EmittedFile,
  type Figures,
  type NamespacePods,
  type OsFamily,
  type SubnetFigures,
} from "./types.ts";

export interface EmitOptions extends PlanOptions {
  /** The add-on installs the agent; false: the chart. */
  readonly hasAddon: boolean;
  readonly clusterName: string;
  readonly os: OsFamily;
  /** Advised settings in place of the file's. */
  readonly isAdvised: boolean;
}

export interface Emission {
  /** Of every format but the chart's or the add-on's: all of them are for one cluster. */
  readonly files: readonly EmittedFile[];
  /** The plan with max-pods and reservations as they are emitted. */
  readonly plan: Plan;
  /** That plan's, lowered to `unsure` where a new reservation meets addresses that are there already. */
  readonly verdict: Verdict;
  /** What a reader of the files should know, one sentence each. */
  readonly notes: readonly string[];
}

const FILES: Readonly<Record<EmitFormat, (figures: Figures) => EmittedFile[]>> = {
  terraform: terraformFiles,
  addon: addonFiles,
  helm: helmFiles,
  eksctl: eksctlFiles,
  nodeadm: nodeadmFiles,
  bootstrap: bootstrapFiles,
  bottlerocket: bottlerocketFiles,
  karpenter: karpenterFiles,
  iam: iamFiles,
  density: densityFiles,
};

/** `asked`: of the cluster as it is written. */
export function emitPlan(given: Cluster, asked: Plan, options: EmitOptions): Emission {
  const changes = options.isAdvised ? advisedChanges(given, asked, options) : [];
  const cluster = { ...given, cni: { ...given.cni, env: withChanges(given.cni.env, changes) } };
  const plan = changes.length === 0 ? asked : planCluster(cluster, options);
  const density = boundDensity(cluster, plan, options);
  const figures = figuresOf(density, options);
  const notes = changes.map(
    ({ name, from, to, why }) => `${name} is ${to ?? "not set"} instead of ${from ?? "not set"}: ${why}.`,
  );
  if (!density.isBounded)
    notes.push(
      "Not all nodes can have max-pods pods at once, however few these are: the subnets give too few addresses. Max-pods is the least that still places the planned pods.",
    );
  if (figures.policy === "slash28")
    notes.push(
      "Policy slash28 runs in slash28's agent (docs/agent.md): the add-on and the chart install amazon-vpc-cni, whose environment the agent reads in its place.",
    );
  const refused = addonEnv(figures.env).refused;
  if (figures.hasAddon && refused.length > 0)
    notes.push(
      `The add-on's schema does not take ${refused.join(", ")}: only the chart's values (--emit helm) hold them.`,
    );
  const shared = options.known === undefined ? sharedWith(cluster, figures) : [];
  if (shared.length > 0)
    notes.push(
      `${shared.join(", ")} exist and hold addresses of others: what lies in a new reservation already spoils its /28s. Look with slash28 map before you reserve.`,
    );
  const emitted = planCluster(density.cluster, options);
  const verdict = emitted.verdict === "fits" && shared.length > 0 ? "unsure" : emitted.verdict;
  const formats = EMIT_FORMATS.filter((format) => format !== (options.hasAddon ? "helm" : "addon"));
  return { files: formats.flatMap((format) => FILES[format](figures)), plan: emitted, verdict, notes };
}

/** The plan's; where it has none, since others take more addresses, the first of those that it weighed. */
function advisedChanges(cluster: Cluster, { advice }: Plan, options: PlanOptions): readonly SettingChange[] {
  if (advice.changes.length > 0) return advice.changes;
  return otherSettings(cluster, { fullest: fullestNode(cluster, options) })[0] ?? [];
}

/** Subnets that are there, with tenants, and get their first reservation. */
function sharedWith(cluster: Cluster, figures: Figures): string[] {
  const isNew = ({ subnet }: SubnetFigures): boolean =>
    subnet.reservations.length > 0 &&
    cluster.subnets.some((one) => one.id === subnet.id && one.reservations.length === 0);
  return figures.subnets
    .filter((one) => one.isExisting && isNew(one))
    .filter(({ subnet }) => subnet.otherAddresses + subnet.otherPrefixes + subnet.leakedEnis.count > 0)
    .map(({ subnet }) => subnet.id);
}

function figuresOf(density: Density, options: EmitOptions): Figures {
  const { cluster } = density;
  const { settings } = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cluster.cni.env) });
  const env = emittedEnv(
    cluster.cni.env,
    settings,
    cluster.nodeGroups.map((group) => group.limits),
  );
  const groupNames = uniqueNames(cluster.nodeGroups.map((group) => group.name));
  const subnetNames = uniqueNames(cluster.subnets.map((subnet) => subnet.id));
  return {
    fileName: cluster.fileName.replace(/^.*\//, ""),
    clusterName: options.clusterName,
    region: cluster.region,
    os: options.os,
    hasAddon: options.hasAddon,
    policy: cluster.cni.policy,
    isKnown: options.known !== undefined,
    groups: cluster.nodeGroups.map((group, index) => ({
      group,
      limits: group.limits,
      name: groupNames[index] ?? group.name,
      address: addressOf(groupNames[index] ?? ""),
      maxPods: group.maxPods,
      why: density.why.get(group.name) ?? "",
      managedMaxPods: managedMaxPods(group, settings),
    })),
    subnets: cluster.subnets.map((subnet, index) => {
      const isExisting = /^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(subnet.id);
      const address = addressOf(subnetNames[index] ?? "");
      return { subnet, isExisting, address, idText: isExisting ? subnet.id : `\${ID_OF_${address.toUpperCase()}}` };
    }),
    env,
    addonEnv: addonEnv(env).env,
    eniConfigs: settings.customNetworking ? cluster.cni.eniConfigs : [],
    namespaces: namespacePeaks(cluster, options),
  };
}

/** The recommended number of type and mode; EKS knows of custom networking, and of nothing else that takes ENIs. */
function managedMaxPods({ limits }: NodeGroup, { prefixDelegation, customNetworking }: Settings): number {
  return Math.min(
    maxPodsCap(limits),
    uncappedMaxPods(limits, { prefixDelegation, customNetworking, maxEni: undefined }),
  );
}

/** A name in Terraform and in a shell: no hyphens, no digit first. */
function addressOf(name: string): string {
  return name.replaceAll("-", "_").replace(/^(?=\d)/, "_");
}

function namespacePeaks(cluster: Cluster, sources: PodSources): NamespacePods[] {
  const prng = new Prng(cluster.run.seed);
  const pods = planPods({
    workloads: cluster.workloads,
    manifests: sources.manifests,
    traces: sources.traces,
    nodes: buildFleet({ ...cluster, workloads: [] }, { sources: NO_PODS, standing: [] }).nodes,
    prng: prng.split("pods"),
    startWallMs: START_WALL_MS,
    durationMs: cluster.run.durationMs,
  });
  const changes = new Map<string, { readonly atMs: number; readonly by: 1 | -1 }[]>();
  for (const { namespace, atMs, lifetimeMs } of pods) {
    const own = changes.get(namespace) ?? [];
    own.push({ atMs, by: 1 });
    if (lifetimeMs !== undefined) own.push({ atMs: atMs + lifetimeMs, by: -1 });
    changes.set(namespace, own);
  }
  return [...changes]
    .map(([namespace, own]) => ({ namespace, podCount: peak(own) }))
    .sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
}

const NO_PODS: PodSources = { manifests: [], traces: [] };

/** Of equal moments those that come count before those that go. */
function peak(changes: readonly { readonly atMs: number; readonly by: 1 | -1 }[]): number {
  let count = 0;
  let most = 0;
  for (const { by } of [...changes].sort((a, b) => a.atMs - b.atMs || b.by - a.by)) {
    count += by;
    most = Math.max(most, count);
  }
  return most;
}
