// A copy of the engine's state as plain data: for introspection, metrics and checkers.

import type { Ms } from "../base/units.ts";
import type { Node } from "./node.ts";
import * as decide from "./policies/vpc-cni/decide.ts";
import { ALLOCATED, type PoolCidr, UNTOUCHED } from "./pool/pool.ts";
import type { Reason } from "./reasons.ts";
import type { AddressView, EngineView } from "./types.ts";

export function viewOf(node: Node | undefined, refusals: ReadonlyMap<Reason, number>, nowMs: Ms): EngineView {
  if (node === undefined) {
    return {
      isReady: false,
      isStopping: false,
      mode: "prefix",
      maxEniCount: 0,
      unmanagedEniCount: 0,
      addressesPerEniMax: 0,
      trunkEniId: undefined,
      enis: [],
      runningTotal: 0,
      runningAssigned: 0,
      runningPrefixCount: 0,
      counters: new Map(),
      inProgress: [],
      refusals: new Map(refusals),
      quirks: new Map(),
    };
  }
  return {
    isReady: node.isReady,
    isStopping: node.isStopping,
    mode: node.usesPrefixes ? "prefix" : "secondary",
    maxEniCount: node.eniCountMax,
    unmanagedEniCount: node.unmanagedEniIds.size,
    addressesPerEniMax: decide.addressesPerEni(node.targets()),
    trunkEniId: node.trunkEniId,
    enis: [...node.pool.presentEnis()].map((eni) => ({
      eniId: eni.eniId,
      subnetId: eni.subnetId,
      deviceNumber: eni.deviceNumber,
      routeTableId: eni.routeTableId,
      isPrimary: eni.isPrimary,
      isTrunk: eni.isTrunk,
      isEfa: eni.isEfa,
      isExcluded: eni.isExcluded,
      primaryAddress: eni.primaryAddress,
      cidrs: [...eni.present()].map((cidr) => ({
        base: cidr.base,
        isPrefix: cidr.isPrefix,
        isQuarantined: cidr.isQuarantined || eni.isQuarantined,
        addresses: addressesOf(node, cidr, nowMs),
      })),
    })),
    runningTotal: node.pool.runningTotal,
    runningAssigned: node.pool.runningAllocated,
    runningPrefixCount: node.pool.runningPrefixCount,
    counters: new Map([...node.counters].map(([metric, byLabel]) => [metric, new Map(byLabel)])),
    inProgress: [...node.inProgress],
    refusals: new Map(refusals),
    quirks: new Map(node.quirks),
  };
}

function addressesOf(node: Node, cidr: PoolCidr, nowMs: Ms): AddressView[] {
  const views: AddressView[] = [];
  for (let offset = 0; offset < cidr.size; offset++) {
    const state = cidr.states[offset];
    if (state === UNTOUCHED) continue;
    const isAllocated = state === ALLOCATED;
    const isCooling = cidr.isCooling(offset, nowMs, node.settings.cooldownMs);
    views.push({
      address: cidr.base + offset,
      state: isAllocated ? "allocated" : isCooling ? "cooling" : "free",
      attachment: cidr.attachmentAt(offset),
      allocatedWallMs: cidr.allocatedWallMsAt(offset),
      allocatedNsRest: cidr.allocatedNsRestAt(offset),
      releasedWallMs: isAllocated ? undefined : cidr.releasedMsAt(offset) + node.wallOffsetMs,
    });
  }
  return views;
}
