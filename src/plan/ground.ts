// The ground that a plan stands on: the cluster with its settings, and the blocks of its subnets.

import { type Cidr, parseCidr } from "../base/ipv4.ts";
import type { Cluster } from "../cluster/index.ts";
import { CHART_DEFAULTS, parseSettings } from "../ipam/settings.ts";
import { demandsOf, type Ground } from "./scenario.ts";
import { blocksOf } from "./subnet-supply.ts";
import type { KnownVpc, ReservationAdvice } from "./types.ts";

/** `areOthersOlder`: what the file counts of others may lie in the reservations, too. */
export function groundOf(
  cluster: Cluster,
  options: { readonly known?: KnownVpc | undefined; readonly areOthersOlder?: boolean | undefined },
): Ground {
  const { settings, refusals } = parseSettings({ ...CHART_DEFAULTS, ...Object.fromEntries(cluster.cni.env) });
  const hasFallback = cluster.knobs.reservationFallback;
  return {
    cluster,
    settings,
    refusals: refusals.map((one) => `the agent does not start: ${one.variable}: ${one.message}`),
    blocks: new Map(
      cluster.subnets.map((subnet) => {
        const occupancy = options.known?.occupancy.get(subnet.id);
        return [subnet.id, blocksOf(subnet, { occupancy, hasFallback, areOthersOlder: options.areOthersOlder })];
      }),
    ),
    others: options.known?.others ?? { unitCount: 0, eniCount: 0 },
    demandOf: demandsOf(cluster, settings),
  };
}

export function withReservedEnis(cluster: Cluster, count: number): Cluster {
  if (count === 0) return cluster;
  const reserved = Array.from({ length: count }, () => ({ tags: new Map<string, string>() }));
  const nodeGroups = cluster.nodeGroups.map((group) => ({ ...group, otherEnis: [...group.otherEnis, ...reserved] }));
  return { ...cluster, nodeGroups };
}

export function withReservations(cluster: Cluster, reservations: readonly ReservationAdvice[]): Cluster {
  const subnets = cluster.subnets.map((subnet) => {
    const own = reservations.filter((one) => one.subnet === subnet.id);
    const added = own.flatMap((one): { cidr: Cidr; type: "prefix" }[] => {
      const cidr = parseCidr(one.cidr);
      return cidr === undefined ? [] : [{ cidr, type: "prefix" }];
    });
    return added.length === 0 ? subnet : { ...subnet, reservations: [...subnet.reservations, ...added] };
  });
  return { ...cluster, subnets };
}
