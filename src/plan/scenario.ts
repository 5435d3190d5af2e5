// One state of the fleet against its subnets, quotas and settings.

import type { Cluster, NodeGroup } from "../cluster/index.ts";
import type { Settings } from "../ipam/settings.ts";
import type { Fleet } from "./fleet.ts";
import { targetsOf } from "./groups.ts";
import { type PlannedNode, sumNeeds } from "./needs.ts";
import { type NodeDemand, nodeDemand } from "./node-demand.ts";
import { apiTimes, NAU_PER_VPC } from "./quotas.ts";
import { hasDiscovery, otherAddressCount, subnetPlan, zonePlans } from "./subnet-plan.ts";
import type { SubnetBlocks } from "./subnet-supply.ts";
import { type Problem, type ScenarioPlan, worstOf } from "./types.ts";

/** What every scenario of a plan is judged by. */
export interface Ground {
  readonly cluster: Cluster;
  readonly settings: Settings;
  /** Why the agent does not start with these settings. */
  readonly refusals: readonly string[];
  readonly blocks: ReadonlyMap<string, SubnetBlocks>;
  /** Found in a VPC that was read. */
  readonly others: { readonly unitCount: number; readonly eniCount: number };
  /** Of a group's node with so many pods; remembered. */
  readonly demandOf: (group: NodeGroup, podCount: number) => NodeDemand;
}

export function demandsOf(cluster: Cluster, settings: Settings): Ground["demandOf"] {
  const remembered = new Map<NodeGroup, Map<number, NodeDemand>>();
  return (group, podCount) => {
    const byPods = remembered.get(group) ?? new Map<number, NodeDemand>();
    remembered.set(group, byPods);
    const { policy, resourceController: hasTrunk } = cluster.cni;
    const { warmFloor } = settings;
    const demand =
      byPods.get(podCount) ?? nodeDemand(targetsOf(group, settings), podCount, { policy, hasTrunk, warmFloor });
    byPods.set(podCount, demand);
    return demand;
  };
}

const SHORTAGES = [
  [false, "find every slot of their node taken"],
  [true, "wait for ever: the settings want no address beyond those that are there"],
] as const;

export function planScenario(ground: Ground, name: string, fleet: Fleet): ScenarioPlan {
  const { cluster, settings } = ground;
  const planned = fleet.nodes.map(
    (node): PlannedNode => ({ node, demand: ground.demandOf(node.group, node.podCount) }),
  );
  const problems: Problem[] = [];
  for (const text of ground.refusals) problems.push({ verdict: "does-not-fit", text });
  for (const [why, count] of fleet.unplaced) problems.push({ verdict: "does-not-fit", text: `${count} pods: ${why}` });
  for (const [isStarved, why] of SHORTAGES) {
    const short = planned.filter(({ demand }) => demand.shortCount > 0 && demand.isStarved === isStarved);
    if (short.length === 0) continue;
    const pods = short.reduce((sum, one) => sum + one.demand.shortCount, 0);
    const text = `${pods} pods on ${short.length} nodes (${short[0]?.node.name} first) ${why}`;
    problems.push({ verdict: "does-not-fit", text });
  }
  const { needs, homeless } = sumNeeds(cluster, settings, planned, fleet.olderGroups);
  if (homeless.length > 0) {
    const text = `custom networking: no ENIConfig is known for ${homeless.length} nodes (${homeless[0]} first)`;
    problems.push({ verdict: "unsure", text });
  }
  const hasSingles = livesOnSingles(ground);
  const subnets = cluster.subnets.map((subnet) =>
    subnetPlan(ground.blocks.get(subnet.id)!, needs.get(subnet.id)!, {
      isSpread: hasDiscovery(subnet, cluster, settings),
      hasSingles,
    }),
  );
  for (const one of subnets) if (one.verdict !== "fits") problems.push({ verdict: one.verdict, text: one.reason });
  const { nau, enis } = vpcTotals(ground, planned);
  for (const [what, used] of [
    ["NAU", nau],
    ["ENIs of the region", enis],
  ] as const) {
    if (used.value > used.limit) {
      problems.push({ verdict: "unsure", text: `${used.value} ${what}, more than the quota of ${used.limit}` });
    }
  }
  const joining = fleet.joining.map((node) => ground.demandOf(node.group, node.podCount));
  const { knobs, cni } = cluster;
  const { customNetworking } = settings;
  return {
    name,
    verdict: worstOf(problems.map((one) => one.verdict)),
    problems,
    nodeCount: fleet.nodes.length,
    podCount: fleet.podCount,
    subnets,
    zones: zonePlans(subnets),
    nau,
    enis,
    joiningCount: joining.length,
    apiTimes: apiTimes(joining, { knobs, customNetworking, policy: cni.policy }),
  };
}

/** Policy `slash28`: pods get single addresses where a subnet has no /28 left. */
export function livesOnSingles({ cluster, settings }: Pick<Ground, "cluster" | "settings">): boolean {
  return cluster.cni.policy === "slash28" && !settings.policyOff.includes("fallback");
}

/** NAU: 1 for each address, each /28 and each ENI beyond an instance's first (VPC user guide, read 2026-08). */
function vpcTotals(ground: Ground, planned: readonly PlannedNode[]): Pick<ScenarioPlan, "nau" | "enis"> {
  const { cluster } = ground;
  let eniCount = 0;
  let unitCount = 0;
  for (const { node, demand } of planned) {
    eniCount += demand.eniCount + node.group.otherEnis.length;
    unitCount += demand.prefixCount + demand.singleCount;
  }
  let others = ground.others.unitCount;
  let leaked = 0;
  let otherAddresses = ground.others.eniCount;
  for (const subnet of cluster.subnets) {
    otherAddresses += otherAddressCount(subnet);
    leaked += subnet.leakedEnis.count;
    others +=
      otherAddressCount(subnet) + subnet.otherPrefixes + subnet.leakedEnis.count * (1 + subnet.leakedEnis.addresses);
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
      limit: cluster.knobs.quotaNetworkInterfaces,
      formula: `${eniCount} of nodes + ${leaked} leaked + ${otherAddresses} of others, one an address = ${allEnis}`,
    },
  };
}
