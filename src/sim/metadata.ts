// Instance metadata as the engine's body reads it, straight from the emulated VPC's records: what the paths below
// /latest/meta-data would say at this moment, lag included. A test holds it against those paths.

import type { Ms } from "../base/units.ts";
import { primaryEniOf } from "../emulator/model/build.ts";
import type { Vpc } from "../emulator/model/index.ts";
import type { InstanceRecord } from "../emulator/model/records.ts";
import type { ImdsEni, Outcome } from "../ipam/types.ts";

const TRIES = 3;

/** Attached ENIs by device number; those of which only half is visible are left out, as the driver does. */
export function metadataEnis(vpc: Vpc, instanceId: string, nowMs: Ms): ImdsEni[] {
  vpc.world.settle(nowMs);
  const enis: ImdsEni[] = [];
  for (const [eni, entries] of vpc.world.instances.get(instanceId)?.imds ?? []) {
    const seen = entries.findLast((entry) => entry.fromMs <= nowMs);
    if (seen?.version === undefined || seen.fieldsFromMs > nowMs) continue;
    const { version } = seen;
    enis.push({
      eniId: eni.id,
      mac: eni.mac,
      deviceNumber: version.attachment?.deviceIndex ?? 0,
      networkCard: version.attachment?.networkCardIndex ?? 0,
      subnetId: eni.subnet.id,
      subnetCidr: eni.subnet.cidr,
      primaryAddress: eni.primaryAddress,
      addresses: eni.primaryAddress === 0 ? [] : version.addresses,
      prefixes: version.prefixes,
    });
  }
  return enis.sort((a, b) => a.deviceNumber - b.deviceNumber);
}

/** One `observe` of the engine: three tries where metadata fails at times. */
export function observe(vpc: Vpc, instanceId: string, what: "enis" | "securityGroups", nowMs: Ms): Outcome {
  if (vpc.world.knobs.imdsErrorShare > 0 && !hasAnswered(vpc, instanceId, nowMs)) {
    return { kind: "failed", message: "instance metadata answered with HTTP 503" };
  }
  if (what === "enis") return { kind: "enis", enis: metadataEnis(vpc, instanceId, nowMs) };
  const instance = vpc.world.instances.get(instanceId);
  return { kind: "securityGroups", securityGroupIds: instance === undefined ? [] : securityGroupIds(instance, nowMs) };
}

function hasAnswered(vpc: Vpc, instanceId: string, nowMs: Ms): boolean {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (vpc.imds(instanceId, "/latest/meta-data/mac", nowMs).status === 200) return true;
  }
  return false;
}

function securityGroupIds(instance: InstanceRecord, nowMs: Ms): string[] {
  const primary = primaryEniOf(instance);
  const entries = primary === undefined ? [] : (instance.imds.get(primary) ?? []);
  const seen = entries.findLast((entry) => entry.fromMs <= nowMs)?.version;
  return (seen?.groups ?? []).map((group) => group.id);
}
