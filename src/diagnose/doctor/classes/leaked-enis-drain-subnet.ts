// Detached ENIs of instances that are gone hold the subnet's addresses.

import { parseRfc3339 } from "../../../base/calendar.ts";
import type { EniFact, Facts } from "../../facts/model.ts";
import { effectiveSettings, quotes } from "../../facts/settings.ts";
import { CREATED_AT_TAG, isDetached, madeFor } from "../eni-holder.ts";
import { defineClass } from "../failure-class.ts";
import { sum } from "../starving.ts";
import { BLOCK_SIZE, SHORTAGE_NEEDS, shortageErrors, shortageOf } from "../subnet-shortage.ts";
import { describeEnis, subnetViews } from "../subnet-view.ts";

const FIVE_MINUTES_MS = 300_000;

export const failureClass = defineClass({
  id: "leaked-enis-drain-subnet",
  title: "Detached ENIs that nobody deletes hold the subnet",
  needs: [...SHORTAGE_NEEDS, "logs"],
  lookAlikes: [],
  causes: ["subnet-free-ips-exhausted", "subnet-fragmented-no-free-28", "eni-create-no-prefix-space"],
  docs: {
    what: "ENIs made by agents of instances that are gone (description aws-K8S-..., status available) keep their addresses.",
    why: "The instance ended between detach and delete, or between create and attach. The agents' hourly cleaner runs on live nodes alone, leaves ENIs alone that are younger than five minutes, and is off with DISABLE_LEAKED_ENI_CLEANUP=true, on IPv6 and without provisioning; with CLUSTER_NAME set it looks at that cluster's ENIs only.",
    next: "Delete them once their instance is gone for certain; let the cleaner run; upgrade.",
    prevention:
      "Alert on available ENIs with the tag node.k8s.amazonaws.com/instance_id; have another cleaner where the agent's is off.",
    sources: ["amazon-vpc-cni-k8s#69, #608, #1223"],
  },
  look(facts, notes) {
    const errors = shortageErrors(facts);
    const failing = shortageOf(facts, errors).views;
    const tight = subnetViews(facts).filter(
      (view) => (view.availableIpAddressCount ?? BLOCK_SIZE) < BLOCK_SIZE || failing.some((one) => one.id === view.id),
    );
    const nowMs = facts.logs.reduce((last, log) => Math.max(last, log.lastMs ?? 0), 0);
    const leaked = tight.flatMap((view) => view.enis.filter((eni) => isDetached(eni) && !isYoung(eni, nowMs)));
    const heldCount = sum(leaked.map(heldBy));
    // A few are in every VPC at any time; they are a cause where they hold more than the subnet has left, and a block at least.
    if (heldCount < BLOCK_SIZE || heldCount <= sum(tight.map((view) => view.availableIpAddressCount ?? 0)) / 4) return;
    const isGone = goneTest(facts);
    const gone = leaked.filter(isGone);
    const alive = leaked.length - gone.length;
    notes.sign(
      ...leaked.slice(0, 3).map((eni) => ({
        source: eni.at,
        text: `${eni.id} ${eni.status}, "${eni.description}", ${heldBy(eni)} addresses`,
      })),
    );
    notes.affects({ nodes: errors.map((one) => one.node), subnets: tight.map((view) => view.id) });
    notes.seen({ count: leaked.length });
    const view = tight[0];
    notes.proof(
      "the subnet is short",
      tight.flatMap((one) => [...one.evidence, ...quotes(errors, 1)]),
      describeEnis(view?.id),
    );
    const ids = [...new Set(leaked.flatMap((eni) => madeFor(eni) ?? []))];
    notes.proof(
      "the instances they were made for are gone",
      alive === 0
        ? gone
            .slice(0, 2)
            .map((eni) => ({ source: eni.at, text: `${eni.id} was made for ${madeFor(eni)}, which is not there` }))
        : undefined,
      {
        what: "the state of those instances",
        command: `aws ec2 describe-instances --filters Name=instance-id,Values=${ids.slice(0, 20).join(",")} --output json > instances.json`,
      },
    );
    const settings = effectiveSettings(facts);
    const cleaner = settings.isOn("DISABLE_LEAKED_ENI_CLEANUP") ? "; DISABLE_LEAKED_ENI_CLEANUP is true" : "";
    notes.summary(
      `${leaked.length} detached ENIs hold ${heldCount} addresses of ${tight.map((one) => `${one.id} (${one.availableIpAddressCount ?? "?"} free)`).join(", ")}${cleaner}.`,
    );
    notes.fix(
      ...leaked.slice(0, 3).map((eni) => `aws ec2 delete-network-interface --network-interface-id ${eni.id}`),
      `For all ${leaked.length}, after a look at the list: aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${view?.id} Name=status,Values=available Name=tag-key,Values=node.k8s.amazonaws.com/instance_id --query 'NetworkInterfaces[].NetworkInterfaceId' --output text | xargs -n1 aws ec2 delete-network-interface --network-interface-id`,
    );
    if (cleaner !== "")
      notes.fix(
        "kubectl -n kube-system set env daemonset aws-node DISABLE_LEAKED_ENI_CLEANUP-   # the agents then clean up each hour",
      );
  },
});

function heldBy(eni: EniFact): number {
  return eni.addresses.length + 16 * eni.prefixes.length;
}

/** Still within the five minutes that an attach may take; unknown times count as old. */
function isYoung(eni: EniFact, nowMs: number): boolean {
  const created = parseRfc3339(eni.tags.get(CREATED_AT_TAG) ?? "");
  return created !== undefined && nowMs > 0 && nowMs - created < FIVE_MINUTES_MS && nowMs >= created;
}

/**
 * Its instance is described as ended; or it is missing from a list of instances that holds every instance with an attached ENI:
 * a shorter list may have been filtered. An attached ENI shows an instance alive.
 */
function goneTest(facts: Pick<Facts, "instances" | "enis">): (eni: EniFact) => boolean {
  const alive = new Set(facts.enis.flatMap((eni) => eni.instanceId ?? []));
  const states = new Map(facts.instances.map((one) => [one.id, one.state]));
  const isWholeList = states.size > 0 && [...alive].every((id) => states.has(id));
  return (eni) => {
    const id = madeFor(eni);
    if (id === undefined || alive.has(id)) return false;
    const state = states.get(id);
    return state === undefined ? isWholeList : state === "terminated" || state === "shutting-down";
  };
}
