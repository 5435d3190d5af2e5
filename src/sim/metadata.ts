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

/**
 * What each node last saw, as long as it stays true: agents look every 30 s at what hardly ever changes. The same answer is
 * the same object.
 */
export class MetadataViews {
  readonly #vpc: Vpc;
  readonly #seen = new Map<string, SeenMetadata>();

  constructor(vpc: Vpc) {
    this.#vpc = vpc;
  }

  /** One `observe` of the engine: three tries where metadata fails at times. */
  observe(instanceId: string, what: "enis" | "securityGroups", nowMs: Ms): Outcome {
    const { world } = this.#vpc;
    world.settle(nowMs);
    if (world.knobs.imdsErrorShare > 0 && !hasAnswered(this.#vpc, instanceId, nowMs)) {
      return { kind: "failed", message: "instance metadata answered with HTTP 503" };
    }
    const instance = world.instances.get(instanceId);
    if (instance === undefined) return what === "enis" ? NO_ENIS : NO_GROUPS;
    let seen = this.#seen.get(instanceId);
    if (seen === undefined || seen.version !== instance.imdsVersion || nowMs >= seen.untilMs) {
      seen = {
        version: instance.imdsVersion,
        untilMs: nextShownMs(instance, nowMs),
        enis: { kind: "enis", enis: metadataEnis(this.#vpc, instanceId, nowMs) },
        securityGroups: { kind: "securityGroups", securityGroupIds: securityGroupIds(instance, nowMs) },
      };
      this.#seen.set(instanceId, seen);
    }
    return seen[what];
  }
}

const NO_ENIS: Outcome = { kind: "enis", enis: [] };
const NO_GROUPS: Outcome = { kind: "securityGroups", securityGroupIds: [] };

interface SeenMetadata {
  readonly version: number;
  readonly untilMs: Ms;
  readonly enis: Outcome;
  readonly securityGroups: Outcome;
}

/** When metadata will next show something that it has already learnt; infinite: nothing is under way. */
function nextShownMs(instance: InstanceRecord, nowMs: Ms): Ms {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const entries of instance.imds.values()) {
    for (const { fromMs, fieldsFromMs } of entries) {
      if (fromMs > nowMs) nextMs = Math.min(nextMs, fromMs);
      if (fieldsFromMs > nowMs) nextMs = Math.min(nextMs, fieldsFromMs);
    }
  }
  return nextMs;
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
