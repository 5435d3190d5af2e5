// The way from secondary addresses to prefixes: reservations first, then the settings, then a new group beside each old one, whose
// nodes are drained a share at a time. Every batch is judged with what lies in the subnets at that moment.

import { supportsPrefixes } from "../catalog/instance-types.ts";
import { type Cluster, type NodeGroup, recommendedMaxPods } from "../cluster/index.ts";
import { peaksOf, reservationsFor, withChanges } from "./advice.ts";
import type { Fleet, FleetNode } from "./fleet.ts";
import { groundOf, withReservations } from "./ground.ts";
import { podMode } from "./groups.ts";
import { migrationSteps } from "./migration-steps.ts";
import { type Ground, planScenario } from "./scenario.ts";
import {
  type KnownVpc,
  type MigrationPlan,
  type Problem,
  type ScenarioPlan,
  type SettingChange,
  worstOf,
} from "./types.ts";

/** Shares of each group that are tried, largest first: the largest that fits for certain, else the one that asks least. */
const PERCENTS: readonly number[] = [100, 50, 34, 25, 20, 10];

export interface MigrationGiven {
  readonly steady: Fleet;
  /** `surgePercent` above 0: the share, instead of one that is searched. */
  readonly options: { readonly known?: KnownVpc | undefined; readonly surgePercent: number };
}

/** Everything that all batches share. */
interface Move {
  /** As it will be: other settings, the new groups. */
  readonly cluster: Cluster;
  readonly changes: readonly SettingChange[];
  readonly known: KnownVpc | undefined;
  readonly old: readonly FleetNode[];
  /** The node that replaces each old one, in the same order. */
  readonly fresh: readonly FleetNode[];
  /** The number of each old node in its group, and how many the group has. */
  readonly turns: readonly { readonly index: number; readonly count: number }[];
  /** Of an old node, once its agent reads the new settings. */
  readonly switchedDemand: Ground["demandOf"];
  readonly problems: readonly Problem[];
}

/** The cluster as it will be when it has moved. */
export function migratedCluster(cluster: Cluster): {
  readonly cluster: Cluster;
  readonly changes: readonly SettingChange[];
} {
  const changes = settingChanges(cluster);
  const env = withChanges(cluster.cni.env, changes);
  const changed: Cluster = { ...cluster, cni: { ...cluster.cni, env } };
  const { settings } = groundOf(changed, {});
  const nodeGroups = cluster.nodeGroups.map((group) => ({
    ...group,
    maxPods: recommendedMaxPods(group.limits, podMode(group, settings, true)),
  }));
  return { cluster: { ...changed, nodeGroups }, changes };
}

export function planMigration(asked: Cluster, given: MigrationGiven): MigrationPlan {
  const move = moveOf(asked, given);
  const { surgePercent } = given.options;
  const percents = surgePercent > 0 ? [Math.min(100, surgePercent)] : PERCENTS;
  let best: { readonly percent: number; readonly found: Found } | undefined;
  for (const percent of percents) {
    const found = judge(move, percent);
    if (best === undefined || worstOf([best.found.verdict, found.verdict]) === best.found.verdict)
      best = { percent, found };
    if (best.found.verdict === "fits") break;
  }
  const { percent, found } = best!;
  const batchCount = found.batches.length;
  const groups = asked.nodeGroups.map((group, index) => ({
    name: group.name,
    maxPods: group.maxPods,
    newMaxPods: move.cluster.nodeGroups[index]!.maxPods,
  }));
  const steps = migrationSteps({
    asked,
    cluster: move.cluster,
    changes: move.changes,
    reservations: found.reservations,
    groups,
    batches: Array.from({ length: batchCount }, (_, batch) => ({
      old: move.old.filter((_, at) => batchOf(move.turns[at]!, percent) === batch),
      scenario: found.batches[batch]!,
    })),
    known: move.known,
    switched: found.switched,
    end: found.end,
  });
  const worstBatch = found.batches.reduce((worst, one) =>
    worstOf([worst.verdict, one.verdict]) === worst.verdict ? worst : one,
  );
  return {
    verdict: found.verdict,
    percent,
    batchCount,
    changes: move.changes,
    reservations: found.reservations,
    groups,
    scenarios: [found.switched, worstBatch, found.end],
    steps,
  };
}

function settingChanges(cluster: Cluster): SettingChange[] {
  const { env } = cluster.cni;
  const wanted: readonly (readonly [string, string | null, string])[] = [
    ["ENABLE_PREFIX_DELEGATION", "true", "nodes ask for /28s"],
    ["WARM_PREFIX_TARGET", "1", "one warm /28 a node"],
    ["WARM_IP_TARGET", null, "it would stand instead of WARM_PREFIX_TARGET"],
    ["MINIMUM_IP_TARGET", null, "it would stand instead of WARM_PREFIX_TARGET"],
  ];
  return wanted.flatMap(([name, to, why]) => {
    const from = env.get(name) ?? null;
    return from === to ? [] : [{ name, from, to, why }];
  });
}

function moveOf(asked: Cluster, given: MigrationGiven): Move {
  const { steady, options } = given;
  const { cluster, changes } = migratedCluster(asked);
  const newGroups = new Map(asked.nodeGroups.map((group, index) => [group, cluster.nodeGroups[index]!]));
  const problems: Problem[] = [];
  for (const group of asked.nodeGroups) {
    if (supportsPrefixes(group.limits)) continue;
    const text = `${group.name}: ${group.instanceType} cannot have prefixes; choose a Nitro type for it first`;
    problems.push({ verdict: "does-not-fit", text });
  }
  const seen = new Map<NodeGroup, number>();
  const turns = steady.nodes.map(({ group }) => {
    const index = seen.get(group) ?? 0;
    seen.set(group, index + 1);
    return { index, count: group.count };
  });
  const fresh = steady.nodes.map((node, at): FleetNode => {
    const group = newGroups.get(node.group)!;
    return { ...node, name: `${group.name}-new-${turns[at]!.index + 1}`, group, held: undefined };
  });
  return {
    cluster,
    changes,
    known: options.known,
    old: steady.nodes,
    fresh,
    turns,
    switchedDemand: switchedDemandOf(groundOf(asked, {}), groundOf(cluster, {})),
    problems,
  };
}

/**
 * Of an old node whose agent starts with the new settings: addresses without a pod are given back, those with one stay, and the
 * pool for new pods begins anew with the warm stock of an empty node (ipamd.md 6.4).
 */
function switchedDemandOf(before: Ground, after: Ground): Ground["demandOf"] {
  return (group, podCount) => {
    const old = before.demandOf(group, podCount);
    const warm = after.demandOf(group, 0);
    return { ...old, singleCount: old.servedCount, prefixCount: warm.prefixCount, podPrefixCount: 0 };
  };
}

/** The share that an old node belongs to, counted from 0. */
function batchOf(turn: { readonly index: number; readonly count: number }, percent: number): number {
  const size = Math.ceil((turn.count * percent) / 100);
  return Math.floor(turn.index / size);
}

interface Found {
  readonly verdict: ScenarioPlan["verdict"];
  readonly reservations: MigrationPlan["reservations"];
  readonly switched: ScenarioPlan;
  readonly batches: readonly ScenarioPlan[];
  readonly end: ScenarioPlan;
}

function judge(move: Move, percent: number): Found {
  const first = scenariosOf(move, percent, move.cluster);
  const peaks = peaksOf([first.switched, ...first.batches, first.end]);
  const now = groundOf(move.cluster, { known: move.known }).blocks;
  const atEnd = groundOf(move.cluster, { known: without(move.known, move.old) }).blocks;
  const reservations = [...peaks].flatMap(([id, peak]) => reservationsFor(atEnd.get(id)!, peak, now.get(id)!));
  const then = scenariosOf(move, percent, withReservations(move.cluster, reservations));
  const all = [then.switched, ...then.batches, then.end];
  const verdict = worstOf([...all, ...move.problems].map((one) => one.verdict));
  return { verdict, reservations, ...then };
}

/** The states of the fleet, in order; the old nodes of a batch leave when its new ones serve. */
function scenariosOf(
  move: Move,
  percent: number,
  cluster: Cluster,
): { readonly switched: ScenarioPlan; readonly batches: readonly ScenarioPlan[]; readonly end: ScenarioPlan } {
  const oldGroups = new Set(move.old.map((one) => one.group));
  const batch = move.turns.map((turn) => batchOf(turn, percent));
  const count = 1 + Math.max(0, ...batch);
  const plan = (name: string, hasOld: (at: number) => boolean, hasFresh: (at: number) => boolean, joins: number) => {
    const gone = move.old.filter((_, at) => !hasOld(at));
    const ground = groundOf(cluster, { known: without(move.known, gone), areOthersOlder: move.known === undefined });
    const { demandOf } = ground;
    const own: Ground = {
      ...ground,
      refusals: [...ground.refusals, ...move.problems.map((one) => one.text)],
      demandOf: (group, pods) => (oldGroups.has(group) ? move.switchedDemand(group, pods) : demandOf(group, pods)),
    };
    const fresh = move.fresh.filter((_, at) => hasFresh(at));
    const nodes = [...move.old.filter((_, at) => hasOld(at)), ...fresh];
    const joining = move.fresh.filter((_, at) => batch[at] === joins);
    const podCount = move.old.reduce((sum, one) => sum + one.podCount, 0);
    return planScenario(own, name, { nodes, joining, podCount, unplaced: new Map(), olderGroups: oldGroups });
  };
  return {
    switched: plan(
      "settings switched, no new node yet",
      () => true,
      () => false,
      -1,
    ),
    batches: Array.from({ length: count }, (_, number) =>
      plan(
        `batch ${number + 1} of ${count}: its new nodes beside the old ones`,
        (at) => batch[at]! >= number,
        (at) => batch[at]! <= number,
        number,
      ),
    ),
    end: plan(
      "moved: new nodes alone",
      () => false,
      () => true,
      -1,
    ),
  };
}

/** The VPC when these nodes have gone, with all that they held. */
function without(known: KnownVpc | undefined, gone: readonly FleetNode[]): KnownVpc | undefined {
  if (known === undefined || gone.length === 0) return known;
  const occupancy = new Map(
    [...known.occupancy].map(([id, before]) => {
      const held = gone.flatMap((node) => node.held?.get(id) ?? []);
      const addresses = new Set(held.flatMap((one) => one.addresses));
      const prefixes = new Set(held.flatMap((one) => one.prefixes));
      return [
        id,
        {
          addresses: before.addresses.filter((one) => !addresses.has(one)),
          prefixes: before.prefixes.filter((one) => !prefixes.has(one)),
          ownPrefixes: before.ownPrefixes.filter((one) => !prefixes.has(one)),
        },
      ];
    }),
  );
  return { ...known, occupancy };
}
