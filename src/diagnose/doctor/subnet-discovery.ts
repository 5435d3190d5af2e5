// Which subnets the agent may create ENIs in, by tags, zone and VPC, as it does since v1.18.0 (ipamd.md 6, failures.md 4.1).

import type { Facts } from "../facts/model.ts";
import { effectiveSettings } from "../facts/settings.ts";
import type { SubnetView } from "./subnet-view.ts";

export const ROLE_TAG = "kubernetes.io/role/cni";
export const CLUSTER_TAG_PREFIX = "cni.networking.k8s.aws/cluster/";

/**
 * used: discovery takes it. untagged: no role tag. excluded: role tag is 0. other-cluster: tagged for another cluster.
 * elsewhere: another zone or VPC. unknown: zone or VPC are not known.
 */
export type Discovery = "used" | "untagged" | "excluded" | "other-cluster" | "elsewhere" | "unknown";

/** How discovery on a node of `own` sees another subnet. */
export function discoveryOf(
  view: SubnetView,
  own: SubnetView,
  facts: Pick<Facts, "settings" | "clusterName">,
): Discovery {
  if (view.zone === undefined || own.zone === undefined) return "unknown";
  if (view.zone !== own.zone || (view.vpcId !== undefined && own.vpcId !== undefined && view.vpcId !== own.vpcId))
    return "elsewhere";
  const role = view.tags.get(ROLE_TAG);
  if (role === undefined) return "untagged";
  if (role === "0") return "excluded";
  const cluster = effectiveSettings(facts).setting("CLUSTER_NAME").value ?? facts.clusterName;
  const clusters = [...view.tags.keys()].filter((key) => key.startsWith(CLUSTER_TAG_PREFIX));
  if (clusters.length === 0) return "used";
  if (cluster === undefined) return "unknown";
  return clusters.includes(`${CLUSTER_TAG_PREFIX}${cluster}`) ? "used" : "other-cluster";
}
