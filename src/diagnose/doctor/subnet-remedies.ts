// What helps a subnet that has no free /28 or no address, as commands with the ids of the case.

import type { Facts } from "../facts/model.ts";
import { effectiveSettings } from "../facts/settings.ts";
import { isSettingKnown } from "./node-capacity.ts";
import { emptiestRange, type Spoiler, type SubnetView, spoilers } from "./subnet-view.ts";

/** Ways to whole free /28s, safest first. */
export function blockRemedies(
  view: SubnetView | undefined,
  facts: Pick<Facts, "enis" | "nodes" | "settings">,
): string[] {
  const id = view?.id ?? "SUBNET";
  const zone = view?.zone ?? "ZONE";
  const settings = effectiveSettings(facts);
  // With custom networking the ENIConfig names the subnet, and tags are not looked at.
  const isByEniConfig = isSettingKnown(settings, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG") && settings.customNetworking;
  const steps = [
    isByEniConfig
      ? `Give the pods a larger subnet in ${zone}: kubectl patch eniconfig ENICONFIG --type merge -p '{"spec":{"subnet":"NEW_SUBNET"}}'   # then replace the nodes that use it`
      : `Give new nodes and ENIs a subnet of their own in ${zone}, and tag it: aws ec2 create-tags --resources NEW_SUBNET --tags Key=kubernetes.io/role/cni,Value=1   # v1.18.0 and later; the node needs a free ENI slot`,
  ];
  const won = view === undefined ? [] : spoilers(view, facts).filter((one) => one.wonCount > 0);
  for (const one of won.slice(0, 2))
    steps.push(
      `${withRemark(releaseOf(one, facts))} wins ${one.wonCount === 1 ? "one whole /28" : `${one.wonCount} whole /28s`}`,
    );
  const range = view === undefined ? undefined : emptiestRange(view);
  steps.push(
    `aws ec2 create-subnet-cidr-reservation --subnet-id ${id} --reservation-type prefix --cidr ${range?.cidr ?? "RANGE"}   # keeps single addresses out from now on${range === undefined ? "; choose the emptiest aligned range" : `; ${range.usedCount} addresses there stay until moved off`}`,
  );
  return steps;
}

function withRemark(step: string): string {
  return step.includes("   # ") ? `${step};` : `${step}   #`;
}

function releaseOf(spoiler: Spoiler, facts: Pick<Facts, "nodes">): string {
  const { kind, name } = spoiler.holder;
  if (kind === "leaked") return `aws ec2 delete-network-interface --network-interface-id ${spoiler.eniId}`;
  if (kind.startsWith("node-")) {
    const instanceId = name.replace("node ", "");
    const node = facts.nodes.find((one) => one.instanceId === instanceId)?.name ?? name;
    return `kubectl drain ${node} --ignore-daemonsets --delete-emptydir-data   # then terminate its instance`;
  }
  return `Move ${name} (${spoiler.eniId}) to another subnet`;
}

const SPOILERS_NAMED = 3;

/** Who spoils the blocks, in words: `load balancer in 6, node i-0abc in 4`, the first three; empty: nobody is known to. */
export function spoilerText(view: SubnetView, facts: Pick<Facts, "enis" | "nodes">): string {
  const byName = new Map<string, number>();
  for (const one of spoilers(view, facts)) {
    const name = one.holder.name.startsWith("ENI ") ? "other ENIs" : one.holder.name;
    byName.set(name, (byName.get(name) ?? 0) + one.blockCount);
  }
  const all = [...byName].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} in ${count}`);
  const more = all.length - SPOILERS_NAMED;
  return `${all.slice(0, SPOILERS_NAMED).join(", ")}${more > 0 ? `, and ${more} more` : ""}`;
}
