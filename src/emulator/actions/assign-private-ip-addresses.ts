// @ec2: full AssignPrivateIpAddresses

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import { supportsPrefixes } from "../../catalog/instance-types.ts";
import type { ActionDefinition } from "../model/action.ts";
import { allocate, NO_WISH } from "../model/allocation.ts";
import type { EniRecord } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import type { World } from "../model/world.ts";
import { refuseNoNitro } from "./attach-network-interface.ts";
import { ownEniOf } from "./lookup.ts";
import { checkId, Params, parseAddress, parsePrefix, prepared } from "./params.ts";

export const assignPrivateIpAddresses: ActionDefinition = {
  name: "AssignPrivateIpAddresses",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const eniId = checkId("eni", params.required("NetworkInterfaceId"));
    const addresses = params.list("PrivateIpAddress").map(parseAddress);
    const addressCount = params.count("SecondaryPrivateIpAddressCount", { mayBeZero: false });
    const prefixes = params.list("Ipv4Prefix").map(parsePrefix);
    const prefixCount = params.count("Ipv4PrefixCount", { mayBeZero: false });
    const mayMove = params.boolean("AllowReassignment") ?? false;
    const selectors = [
      addresses.length > 0,
      addressCount !== undefined,
      prefixes.length > 0,
      prefixCount !== undefined,
    ];
    if (selectors.filter((isGiven) => isGiven).length !== 1) {
      refuse(
        "InvalidParameterCombination",
        "Exactly one of privateIpAddresses, secondaryPrivateIpAddressCount, ipv4Prefixes and ipv4PrefixCount must be specified.",
      );
    }
    return prepared(params, (world) => {
      const eni = ownEniOf(world, eniId);
      const known = new Set([eni.primaryAddress, ...eni.now.addresses]);
      const fresh = mayMove ? [...new Set(addresses)].filter((address) => !known.has(address)) : addresses;
      const moved = takenOf(world, eni, fresh);
      if (moved.length > 0 && (!mayMove || moved.some((each) => !each.mayMove))) {
        const texts = moved.filter((each) => !mayMove || !each.mayMove).map((each) => formatIpv4(each.address));
        refuse("InvalidParameterValue", `[${texts.join(", ")}] assigned, but move is not allowed.`);
      }
      const movedAddresses = new Set(moved.map((each) => each.address));
      const wish = {
        ...NO_WISH,
        addresses: fresh.filter((address) => !movedAddresses.has(address)),
        addressCount: addressCount ?? 0,
        prefixes,
        prefixCount: prefixCount ?? 0,
      };
      checkSlots(world, eni, fresh.length + wish.addressCount + prefixes.length + wish.prefixCount);
      const hasPrefixes = prefixes.length + wish.prefixCount > 0;
      const instance = world.instances.get(eni.now.attachment?.instanceId ?? "");
      if (hasPrefixes && instance !== undefined && !supportsPrefixes(instance.limits)) refuseNoNitro(instance.type);

      const taken = allocate(world, { subnet: eni.subnet, eniIndex: eni.index, by: "assign", wish });
      for (const { address, holder } of moved) {
        eni.subnet.book.moveAddress(address, eni.index);
        world.changeEni(holder, { addresses: holder.now.addresses.filter((other) => other !== address) });
      }
      const newAddresses = [...taken.addresses, ...movedAddresses];
      const { now } = eni;
      world.changeEni(eni, {
        addresses: newAddresses.length === 0 ? now.addresses : [...now.addresses, ...newAddresses],
        prefixes: taken.prefixes.length === 0 ? now.prefixes : [...now.prefixes, ...taken.prefixes],
      });
      return {
        networkInterfaceId: eniId,
        assignedPrivateIpAddressesSet: newAddresses.map((address) => ({ privateIpAddress: formatIpv4(address) })),
        assignedIpv4PrefixSet: taken.prefixes.map((prefix) => ({ ipv4Prefix: `${formatIpv4(prefix)}/28` })),
        return: true,
      };
    });
  },
};

/** Those of the addresses that an ENI holds; only another own ENI's secondary address may move. */
function takenOf(
  world: World,
  eni: EniRecord,
  addresses: readonly Ipv4[],
): { readonly address: Ipv4; readonly holder: EniRecord; readonly mayMove: boolean }[] {
  return addresses.flatMap((address) => {
    const holder = eni.subnet.book.contains(address) ? world.holderOf(eni.subnet, address) : undefined;
    if (holder === undefined) return [];
    const mayMove = holder !== eni && !holder.isRequesterManaged && holder.now.addresses.includes(address);
    return [{ address, holder, mayMove }];
  });
}

/** An unattached ENI has no type, and so no limit but that of the knob. */
function checkSlots(world: World, eni: EniRecord, newCount: number): void {
  const instance = world.instances.get(eni.now.attachment?.instanceId ?? "");
  const limit = instance?.limits.ipv4PerEni ?? (world.knobs.unattachedSlotLimit || Number.POSITIVE_INFINITY);
  if (1 + eni.now.addresses.length + eni.now.prefixes.length + newCount > limit) {
    refuse("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
  }
}
