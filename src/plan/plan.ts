// What a cluster file needs from its subnets, and whether they have it. Three answers: `fits` holds wherever EC2 puts single
// addresses; `does-not-fit` holds wherever it puts them, too; between these lies `unsure`. Never a likelihood dressed as a yes.

import { type Cluster, HOST_NETWORK_POD_COUNT } from "../cluster/index.ts";
import { otherSettings, peaksOf, reservationsFor, withChanges } from "./advice.ts";
import { buildFleet, type Fleet, type PodSources } from "./fleet.ts";
import { groundOf, withReservations, withReservedEnis } from "./ground.ts";
import { groupPlan, holdings } from "./groups.ts";
import { type Growth, grownFleet, grownScenario, planGrowth } from "./growth.ts";
import { planMigration } from "./migration.ts";
import { moreNodes } from "./more-nodes.ts";
import { sumNeeds } from "./needs.ts";
import { type Ground, planScenario } from "./scenario.ts";
import type { Advice, KnownVpc, Plan, ScenarioPlan, SettingChange } from "./types.ts";
import { worstOf } from "./types.ts";

export interface PlanOptions extends PodSources {
  readonly surgePercent: number;
  /** Plan the loss of each zone too. */
  readonly hasZoneLoss: boolean;
  /** Plan every node with as many pods as it may have, too: whatever comes, and however pods scatter, it cannot be more. */
  readonly areNodesFull?: boolean | undefined;
  readonly growth?: Growth | undefined;
  /** What lies where already; undefined: only what the cluster file counts. */
  readonly known?: KnownVpc | undefined;
  /** ENIs of each node that something else takes, beside those that the file names. */
  readonly reservedEniCount?: number | undefined;
  /** Plan the way from secondary addresses to prefixes. */
  readonly hasMigration?: boolean | undefined;
}

/** What holds whatever is planned; the rest hangs on what was known. */
const ASSUMPTIONS: readonly string[] = [
  "Pods are those of the moment with the most of them, placed by requests, max-pods, nodeSelector and topology spread; no affinity, no taints.",
  "Groups with autoscaling have as many nodes as these pods need, up to their most; other groups their count.",
  "Pods of a node fill one /28 before the next. Churn scatters them, and then nodes hold more.",
  "A pod with a security group of its own is counted as one with an address of its node's.",
  "Where EC2 puts single addresses outside reservations is not documented: fewest and most cover every place.",
  "Nodes of a group take its subnets in turn. Prefixes fall back to the rest of a subnet when its reservations are full (ec2.reservationFallback).",
  "NAU counts no load balancers, endpoints or peers. Quotas and request rates are AWS's defaults, or those of the file's ec2; reads are not counted.",
];

export function planCluster(asked: Cluster, options: PlanOptions): Plan {
  const cluster = withReservedEnis(asked, options.reservedEniCount ?? 0);
  const ground = groundOf(cluster, options);
  const fleets = fleetsOf(cluster, options);
  const steady = fleets[0]!.fleet;
  const scenarios = planAll(ground, { fleets, options });
  const { growth, surgePercent } = options;
  const { needs } = sumNeeds(
    cluster,
    ground.settings,
    steady.nodes.map((node) => ({ node, demand: ground.demandOf(node.group, node.podCount) })),
  );
  const migration = options.hasMigration === true ? planMigration(cluster, { steady, options }) : null;
  return {
    schema: "slash28/plan/v1",
    verdict: worstOf([...scenarios, ...(migration === null ? [] : [migration])].map((one) => one.verdict)),
    policy: cluster.cni.policy,
    groups: cluster.nodeGroups.map((group) => {
      const podCounts = steady.nodes.filter((one) => one.group === group).map((one) => one.podCount);
      return groupPlan(group, ground.settings, {
        holds: holdings(podCounts, (podCount) => ground.demandOf(group, podCount)),
        moreNodes: moreNodes(ground, group, { nodeCount: podCounts.length, fullest: Math.max(0, ...podCounts), needs }),
      });
    }),
    scenarios,
    growth: growth === undefined ? null : planGrowth(ground, { growth, steady, surgePercent }),
    advice: adviceFor(cluster, { fleets, options, scenarios }),
    migration,
    assumptions: [...ASSUMPTIONS, ...furtherAssumptions(options)],
  };
}

function furtherAssumptions(options: PlanOptions): string[] {
  const isRead = options.known !== undefined;
  const older = isRead
    ? "What lies in the VPC that was read stays where it is; nodes keep what they hold, and what they lack comes on top."
    : "Reservations are made before others' addresses come: what is spoilt already, a plan from a dump shows (--ec2).";
  if (options.hasMigration !== true) return [older];
  return [
    ...(isRead
      ? [older]
      : ["While moving, what the file counts may lie in the new reservations; --ec2 shows what does."]),
    "An old node's agent gives back its free addresses when it starts with the new settings, and takes its warm /28.",
    "New nodes are as many as old ones, with as many pods; the old ones of a batch leave when its new ones serve.",
  ];
}

interface Scenario {
  readonly name: string;
  readonly fleet: Fleet;
}

/** The steady one is the first. */
function fleetsOf(cluster: Cluster, options: PlanOptions): Scenario[] {
  const standing = options.known?.standing ?? [];
  const { surgePercent } = options;
  const steady = buildFleet(cluster, { sources: options, standing });
  const fleets = [{ name: "steady", fleet: steady }];
  if (surgePercent > 0) {
    const fleet = grownFleet(cluster, steady, { factor: 1, surgePercent });
    fleets.push({ name: `upgrade, ${surgePercent} % surge`, fleet });
  }
  if (options.areNodesFull === true) {
    const nodes = steady.nodes.map((node) => ({
      ...node,
      podCount: Math.max(0, node.group.maxPods - HOST_NETWORK_POD_COUNT),
    }));
    const podCount = nodes.reduce((sum, one) => sum + one.podCount, 0);
    fleets.push({ name: "every node full", fleet: { ...steady, nodes, joining: [], podCount } });
  }
  if (options.hasZoneLoss) {
    const zones = [...new Set(cluster.subnets.map((subnet) => subnet.az))].sort((a, b) => (a < b ? -1 : 1));
    for (const lostZone of zones)
      fleets.push({ name: `${lostZone} lost`, fleet: buildFleet(cluster, { sources: options, standing, lostZone }) });
  }
  return fleets;
}

function planAll(
  ground: Ground,
  given: { readonly fleets: readonly Scenario[]; readonly options: PlanOptions },
): ScenarioPlan[] {
  const { fleets, options } = given;
  const scenarios = fleets.map(({ name, fleet }) => planScenario(ground, name, fleet));
  const { growth, surgePercent } = options;
  if (growth === undefined) return scenarios;
  return [...scenarios, grownScenario(ground, { growth, steady: fleets[0]!.fleet, surgePercent }, growth.untilDay)];
}

/** The settings that need fewest, and reservations for the peak; with the answer that all scenarios then get. */
function adviceFor(
  cluster: Cluster,
  given: {
    readonly fleets: readonly Scenario[];
    readonly options: PlanOptions;
    readonly scenarios: readonly ScenarioPlan[];
  },
): Advice {
  const { fleets, options } = given;
  const steady = fleets[0]!.fleet;
  const fullest = Math.max(0, ...steady.nodes.map((one) => one.podCount));
  let best = { cluster, changes: [] as readonly SettingChange[], scenarios: given.scenarios };
  for (const changes of otherSettings(cluster, { fullest })) {
    const env = withChanges(cluster.cni.env, changes);
    const changed = { ...cluster, cni: { ...cluster.cni, env } };
    const scenarios = planAll(groundOf(changed, options), { fleets, options });
    if (isBetter(scenarios, best.scenarios)) best = { cluster: changed, changes, scenarios };
  }
  const peaks = peaksOf(best.scenarios);
  const { blocks } = groundOf(best.cluster, options);
  const ranges = [...peaks].flatMap(([id, peak]) => reservationsFor(blocks.get(id)!, peak));
  const reserved = withReservations(best.cluster, ranges);
  const scenarios = planAll(groundOf(reserved, options), { fleets, options });
  const without = worstOf(best.scenarios.map((one) => one.verdict));
  const within = worstOf(scenarios.map((one) => one.verdict));
  // Ranges that cannot hold the whole peak may do harm: prefixes may be held to them, and single addresses have less room.
  const isNoWorse = worstOf([without, within]) === without;
  return {
    verdict: isNoWorse ? within : without,
    env: [...best.cluster.cni.env].map(([name, value]) => ({ name, value })),
    changes: best.changes,
    reservations: isNoWorse ? ranges : [],
  };
}

/** A better answer first: settings that starve pods take few addresses. */
function isBetter(scenarios: readonly ScenarioPlan[], than: readonly ScenarioPlan[]): boolean {
  const verdict = worstOf(scenarios.map((one) => one.verdict));
  const other = worstOf(than.map((one) => one.verdict));
  return verdict === other ? takenBy(scenarios) < takenBy(than) : worstOf([verdict, other]) === other;
}

/** Addresses of all scenarios, /28s as 16. */
function takenBy(scenarios: readonly ScenarioPlan[]): number {
  let sum = 0;
  for (const { subnets } of scenarios) for (const one of subnets) sum += one.singles + 16 * one.prefixes.needed;
  return sum;
}
