// The invariants I1, I2, I6 and I8 (docs/ARCHITECTURE.md) at the end of a run, recounted from the pods' addresses and the VPC's
// records. A checker never asks the engine for a total that it could count.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { Fleet } from "../fleet.ts";
import type { SimNode, SimPod } from "../fleet-state.ts";

/** Every broken invariant, its id first; empty when all hold. */
export function checkFleet(fleet: Fleet): string[] {
  const running = fleet
    .livePods()
    .filter((pod) => pod.outcome === "running" && pod.address !== undefined && pod.node?.phase !== "lost");
  const broken = [...checkHolders(running), ...fleet.vpc.check()];
  for (const node of fleet.nodes) {
    // What is gone has no books any more; the addresses of what is lost are EC2's again.
    if (node.phase === "gone" || node.phase === "lost") continue;
    const own = running.filter((pod) => pod.node === node);
    broken.push(...checkAssigned(fleet, node, own), ...checkBooks(fleet, node, own), ...checkLimits(fleet, node));
  }
  return broken;
}

function checkHolders(running: readonly SimPod[]): string[] {
  const holders = new Map<Ipv4, SimPod>();
  const broken: string[] = [];
  for (const pod of running) {
    const other = holders.get(pod.address!);
    if (other !== undefined) {
      broken.push(`I1: ${formatIpv4(pod.address!)} is held by pod ${other.slot} and pod ${pod.slot}`);
    }
    holders.set(pod.address!, pod);
  }
  return broken;
}

function enisOf(fleet: Fleet, node: SimNode) {
  return [...(fleet.vpc.world.instances.get(node.node.instanceId)?.enis ?? [])];
}

function checkAssigned(fleet: Fleet, node: SimNode, own: readonly SimPod[]): string[] {
  const prefixes = new Set(enisOf(fleet, node).flatMap((eni) => eni.now.prefixes));
  const singles = new Set(enisOf(fleet, node).flatMap((eni) => eni.now.addresses));
  return own
    .map((pod) => pod.address!)
    .filter((address) => !prefixes.has(address - (address % 16)) && !singles.has(address))
    .map((address) => `I2: ${formatIpv4(address)} of ${node.node.name} lies in nothing that is assigned to it`);
}

function checkBooks(fleet: Fleet, node: SimNode, own: readonly SimPod[]): string[] {
  const wanted = new Map(own.map((pod) => [pod.sandboxId, pod.address]));
  const broken: string[] = [];
  let count = 0;
  for (const cidr of node.engine.view(fleet.nowMs).enis.flatMap((eni) => eni.cidrs)) {
    for (const { state, attachment, address } of cidr.addresses) {
      if (state !== "allocated") continue;
      count++;
      if (wanted.get(attachment) !== address) {
        broken.push(`I6: the books of ${node.node.name} give ${formatIpv4(address)} to a pod that does not have it`);
      }
    }
  }
  if (count !== own.length) {
    broken.push(`I6: the books of ${node.node.name} count ${count} allocated addresses, ${own.length} pods have one`);
  }
  return broken;
}

function checkLimits(fleet: Fleet, node: SimNode): string[] {
  const { eniCountMax, ipv4PerEni } = node.node.limits;
  const enis = enisOf(fleet, node);
  const broken: string[] = [];
  if (enis.length > eniCountMax) broken.push(`I8: ${node.node.name} has ${enis.length} ENIs of ${eniCountMax}`);
  for (const { id, now } of enis) {
    const slotCount = 1 + now.addresses.length + now.prefixes.length;
    if (slotCount > ipv4PerEni) broken.push(`I8: ${id} has ${slotCount} addresses and prefixes of ${ipv4PerEni}`);
  }
  return broken;
}
