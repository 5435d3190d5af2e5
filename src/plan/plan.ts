// What a cluster file needs from its subnets, and whether they have it. Three answers: `fits` holds wherever EC2 puts single
// addresses; `does-not-fit` holds wherever it puts them, too; between these lies `unsure`. Never a likelihood dressed as a yes.

import { supportsPrefixes } from "../catalog/instance-types.ts";
import { maxPodsCap, podAddressCapacity, uncappedMaxPods } from "../catalog/pod-capacity.ts";
import { type Cluster, HOST_NETWORK_POD_COUNT } from "../cluster/index.ts";
import type { Targets } from "../ipam/policies/vpc-cni/decide.ts";
import { CHART_DEFAULTS, parseSettings, type Settings } from "../ipam/settings.ts";
import { buildFleet, type Fleet, type FleetNode, type PodSources, type Scenario } from "./fleet.ts";
import { type NodeDemand, nodeDemand } from "./node-demand.ts";
import { type ApiTime, apiTimes, ENIS_PER_REGION, NAU_PER_VPC } from "./quotas.ts";
import { type SubnetPlan, subnetPlans } from "./subnet-plan.ts";

export type Verdict = "fits" | "unsure" | "does-not-fit";

export interface GroupPlan {
  readonly name: string;
  readonly instanceType: string;
  readonly maxPods: number;
  /** Pods that a node can give addresses to, with aws-node and kube-proxy; and that number under EKS's cap. */
  readonly possibleMaxPods: number;
  readonly recommendedMaxPods: number;
  readonly formula: string;
}

export interface ScenarioPlan {
  readonly name: string;
  readonly verdict: Verdict;
  /** What keeps it from `fits`, with numbers. */
  readonly problems: readonly { readonly verdict: Verdict; readonly text: string }[];
  readonly nodeCount: number;
  readonly podCount: number;
  readonly subnets: readonly SubnetPlan[];
  readonly nau: { readonly value: number; readonly limit: number; readonly formula: string };
  readonly enis: { readonly value: number; readonly limit: number; readonly formula: string };
  readonly apiTimes: readonly ApiTime[];
}

export interface Plan {
  readonly schema: "slash28/plan/v1";
  readonly verdict: Verdict;
  readonly groups: readonly GroupPlan[];
  readonly scenarios: readonly ScenarioPlan[];
  readonly assumptions: readonly string[];
}

export interface PlanOptions extends PodSources {
  readonly surgePercent: number;
  /** Plan the loss of each zone too. */
  readonly hasZoneLoss: boolean;
}

export const ASSUMPTIONS: readonly string[] = [
  "Pods are those of the moment with the most of them, placed by requests, max-pods and nodeSelector; no affinity, no taints.",
  "Pods of a node fill one /28 before the next. Churn scatters them, and then nodes hold more.",
  "A pod with a security group of its own is counted as one with an address of its node's.",
  "Every node is new: nothing is left of another mode or of settings before.",
  "Where EC2 puts single addresses outside reservations is not documented: fewest and most cover every place.",
  "Nodes of a group take its subnets in turn. NAU counts no load balancers, endpoints or peers; quotas are AWS's defaults.",
];

export function planCluster(cluster: Cluster, options: PlanOptions): Plan {
  const parsed = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cluster.cni.env) });
  const { settings } = parsed;
  const steady: Scenario = { name: "steady", surgePercent: 0, lostZone: undefined };
  const scenarios = [steady];
  if (options.surgePercent > 0)
    scenarios.push({ ...steady, name: `upgrade, ${options.surgePercent} % surge`, surgePercent: options.surgePercent });
  if (options.hasZoneLoss) {
    const zones = [...new Set(cluster.subnets.map((subnet) => subnet.az))].sort((a, b) => (a < b ? -1 : 1));
    for (const zone of zones) scenarios.push({ ...steady, name: `${zone} lost`, lostZone: zone });
  }
  const refusals = parsed.refusals.map((one) => `the agent does not start: ${one.variable}: ${one.message}`);
  const planned = scenarios.map((scenario) =>
    planScenario({ cluster, settings, refusals, name: scenario.name, fleet: buildFleet(cluster, scenario, options) }),
  );
  const groups = cluster.nodeGroups.map((group) => groupPlan(group, settings));
  const verdict = worst(planned.map((one) => one.verdict));
  return { schema: "slash28/plan/v1", verdict, groups, scenarios: planned, assumptions: ASSUMPTIONS };
}

function groupPlan(group: Cluster["nodeGroups"][number], settings: Settings): GroupPlan {
  const mode = {
    prefixDelegation: settings.prefixDelegation,
    customNetworking: settings.customNetworking,
    maxEni: settings.maxEni,
    trunk: settings.podEni,
    reservedEniCount: group.otherEnis.length,
  };
  const { eniCount, slotsPerEni, addressesPerSlot } = podAddressCapacity(group.limits, mode);
  const possibleMaxPods = uncappedMaxPods(group.limits, mode);
  const cap = maxPodsCap(group.limits);
  const formula =
    `${eniCount} ENIs for pods x (${group.limits.ipv4PerEni} - 1) slots` +
    `${addressesPerSlot === 1 ? "" : " x 16"} + ${HOST_NETWORK_POD_COUNT} = ${possibleMaxPods}` +
    `; at most ${cap} are recommended`;
  return {
    name: group.name,
    instanceType: group.instanceType,
    maxPods: group.maxPods,
    possibleMaxPods,
    recommendedMaxPods: Math.min(cap, eniCount * slotsPerEni * addressesPerSlot + HOST_NETWORK_POD_COUNT),
    formula,
  };
}

function targetsOf(node: FleetNode, settings: Settings): Targets {
  const { limits, maxPods, otherEnis } = node.group;
  return {
    usesPrefixes: settings.prefixDelegation && supportsPrefixes(limits),
    warmIpTarget: settings.warmIpTarget,
    minimumIpTarget: settings.minimumIpTarget,
    warmPrefixTarget: settings.warmPrefixTarget,
    warmEniTarget: settings.warmEniTarget,
    eniCountMax: Math.min(settings.maxEni ?? limits.eniCountMax, limits.eniCountMax),
    slotsPerEni: limits.ipv4PerEni - 1,
    maxPods,
    cooldownMs: settings.cooldownMs,
    customNetworking: settings.customNetworking,
    wantsTrunk: settings.podEni && limits.isTrunkingCompatible,
    unmanagedEniCount: otherEnis.length,
  };
}

export interface PlannedNode {
  readonly node: FleetNode;
  readonly demand: NodeDemand;
  readonly usesPrefixes: boolean;
}

function planScenario(given: {
  cluster: Cluster;
  settings: Settings;
  refusals: readonly string[];
  name: string;
  fleet: Fleet;
}): ScenarioPlan {
  const { cluster, settings, fleet } = given;
  const remembered = new Map<string, NodeDemand>();
  const planned = fleet.nodes.map((node): PlannedNode => {
    const targets = targetsOf(node, settings);
    const key = `${node.group.name}\u0000${node.podCount}`;
    const demand =
      remembered.get(key) ?? nodeDemand(targets, node.podCount, { hasTrunk: cluster.cni.resourceController });
    remembered.set(key, demand);
    return { node, demand, usesPrefixes: targets.usesPrefixes };
  });
  const problems: { verdict: Verdict; text: string }[] = [];
  for (const text of given.refusals) problems.push({ verdict: "does-not-fit", text });
  for (const [why, count] of fleet.unplaced) problems.push({ verdict: "does-not-fit", text: `${count} pods: ${why}` });
  const short = planned.filter((one) => one.demand.shortCount > 0);
  if (short.length > 0) {
    const pods = short.reduce((sum, one) => sum + one.demand.shortCount, 0);
    const text = `${pods} pods on ${short.length} nodes (${short[0]?.node.name} first) find every slot of their node taken`;
    problems.push({ verdict: "does-not-fit", text });
  }
  const { subnets, homeless } = subnetPlans(cluster, settings, planned);
  if (homeless.length > 0) {
    const text = `custom networking: no ENIConfig is known for ${homeless.length} nodes (${homeless[0]} first)`;
    problems.push({ verdict: "unsure", text });
  }
  for (const one of subnets) if (one.verdict !== "fits") problems.push({ verdict: one.verdict, text: one.reason });
  const demands = planned.map((one) => one.demand);
  const { nau, enis } = vpcTotals(cluster, planned);
  for (const [what, used] of [
    ["NAU", nau],
    ["ENIs of the region", enis],
  ] as const) {
    if (used.value > used.limit) {
      const text = `${used.value} ${what}, more than the default quota of ${used.limit}`;
      problems.push({ verdict: "unsure", text });
    }
  }
  return {
    name: given.name,
    verdict: worst(problems.map((one) => one.verdict)),
    problems,
    nodeCount: fleet.nodes.length,
    podCount: fleet.podCount,
    subnets,
    nau,
    enis,
    apiTimes: apiTimes(demands),
  };
}

/** NAU: 1 for each address, each /28 and each ENI beyond an instance's first (VPC user guide, read 2026-08). */
function vpcTotals(cluster: Cluster, planned: readonly PlannedNode[]): Pick<ScenarioPlan, "nau" | "enis"> {
  let eniCount = 0;
  let unitCount = 0;
  for (const { node, demand } of planned) {
    eniCount += demand.eniCount + node.group.otherEnis.length;
    unitCount += demand.unitCount;
  }
  let others = 0;
  let leaked = 0;
  let otherAddresses = 0;
  for (const subnet of cluster.subnets) {
    otherAddresses += subnet.otherAddresses;
    leaked += subnet.leakedEnis.count;
    others +=
      subnet.otherAddresses + subnet.otherPrefixes + subnet.leakedEnis.count * (1 + subnet.leakedEnis.addresses);
  }
  const further = eniCount - planned.length;
  const nau = eniCount + unitCount + further + others;
  const allEnis = eniCount + leaked + otherAddresses;
  return {
    nau: {
      value: nau,
      limit: NAU_PER_VPC,
      formula: `${eniCount} primary addresses + ${unitCount} /28s or secondary addresses + ${further} further ENIs + ${others} of others = ${nau}`,
    },
    enis: {
      value: allEnis,
      limit: ENIS_PER_REGION,
      formula: `${eniCount} of nodes + ${leaked} leaked + ${otherAddresses} of others, one an address = ${allEnis}`,
    },
  };
}

const ORDER: readonly Verdict[] = ["fits", "unsure", "does-not-fit"];

function worst(verdicts: readonly Verdict[]): Verdict {
  return ORDER[Math.max(0, ...verdicts.map((one) => ORDER.indexOf(one)))] ?? "fits";
}
