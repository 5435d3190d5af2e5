// How many more nodes of a group its subnets can take beside the steady fleet.

import type { NodeGroup } from "../cluster/index.ts";
import { nodeLabels } from "./fleet.ts";
import { addToOwn, addToPods, type Needs, nodeNeeds, podSubnetOf } from "./needs.ts";
import { type Ground, livesOnSingles } from "./scenario.ts";
import { hasDiscovery, type Judgement, judgeSubnet } from "./subnet-plan.ts";
import type { MoreNodes } from "./types.ts";

/** More than any VPC has addresses. */
const COUNT_MAX = 2 ** 20;

/** null: custom networking or subnet discovery puts their ENIs where the file does not say. */
export function moreNodes(
  ground: Ground,
  group: NodeGroup,
  given: { readonly nodeCount: number; readonly fullest: number; readonly needs: ReadonlyMap<string, Needs> },
): MoreNodes | null {
  const places = placesOf(ground, group);
  if (places === undefined) return null;
  const podCount = given.fullest;
  const one = nodeNeeds(group, ground.demandOf(group, podCount));
  const touched = turnsBySubnet(places, given.nodeCount).map((turns) => ({
    ...turns,
    blocks: ground.blocks.get(turns.id)!,
    needs: given.needs.get(turns.id)!,
  }));
  const hasSingles = livesOnSingles(ground);
  const most = (isEnough: (judged: Judgement, needs: Needs) => boolean): number => {
    let least = COUNT_MAX;
    for (const { blocks, needs, asOwn, asPods } of touched) {
      const holds = (count: number): boolean => {
        const grown = { ...needs };
        addToOwn(grown, one, countOf(asOwn, count, places.length));
        addToPods(grown, one, countOf(asPods, count, places.length));
        return isEnough(judgeSubnet(blocks, grown, hasSingles), grown);
      };
      if (!holds(least)) least = largest(holds);
    }
    return least;
  };
  const figures = {
    fewest: most((judged) => judged.verdict === "fits"),
    mean: most(
      ({ addressesNeeded, available, supply }, { prefixCount }) =>
        addressesNeeded <= available && prefixCount <= supply.mean,
    ),
    most: most((judged) => judged.verdict !== "does-not-fit"),
  };
  const { pods } = one;
  const formula =
    `each takes ${one.own.singleCount + one.own.otherCount + pods.singleCount} addresses and ${pods.prefixCount} /28s ` +
    `with ${podCount} pods, in ${places.map((place) => place.pods).join(", ")} in turn: until one of these has no room`;
  return { ...figures, mean: Math.min(figures.most, Math.max(figures.fewest, figures.mean)), formula };
}

interface KnownPlace {
  readonly own: string;
  readonly pods: string;
}

function placesOf(ground: Ground, group: NodeGroup): KnownPlace[] | undefined {
  const { cluster, settings, blocks } = ground;
  const places: KnownPlace[] = [];
  for (const subnetId of group.subnets) {
    const subnet = blocks.get(subnetId)?.subnet;
    if (subnet === undefined || hasDiscovery(subnet, cluster, settings)) return undefined;
    const { region } = cluster;
    const labels = () => nodeLabels({ region, zone: subnet.az, name: group.name, group });
    const pods = settings.customNetworking ? podSubnetOf({ subnetId, labels: labels() }, cluster, settings) : subnetId;
    if (pods === undefined || !blocks.has(pods)) return undefined;
    places.push({ own: subnetId, pods });
  }
  return places.length === 0 ? undefined : places;
}

interface Turns {
  readonly id: string;
  readonly asOwn: number[];
  readonly asPods: number[];
}

/** Which of each round of new nodes, the first being number 0, come to a subnet; the group's own were `from` nodes. */
function turnsBySubnet(places: readonly KnownPlace[], from: number): Turns[] {
  const found = new Map<string, Turns>();
  const turnsOf = (id: string): Turns => {
    const turns = found.get(id) ?? { id, asOwn: [], asPods: [] };
    found.set(id, turns);
    return turns;
  };
  places.forEach((place, index) => {
    const turn = (index - (from % places.length) + places.length) % places.length;
    turnsOf(place.own).asOwn.push(turn);
    turnsOf(place.pods).asPods.push(turn);
  });
  return [...found.values()];
}

/** How many of `count` new nodes have one of these turns. */
function countOf(turns: readonly number[], count: number, roundLength: number): number {
  const rest = count % roundLength;
  return turns.length * Math.floor(count / roundLength) + turns.filter((turn) => turn < rest).length;
}

/** The largest count that holds, where every smaller one does; 0 when not even one more does. */
export function largest(holds: (count: number) => boolean): number {
  if (!holds(1)) return 0;
  let low = 1;
  let high = 2;
  while (high < COUNT_MAX && holds(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}
