// What CreateNetworkInterface and an interface of RunInstances have in common: which addresses and prefixes they ask for.

import { type AddressWish, NO_WISH } from "../model/allocation.ts";
import { refuse } from "../model/refusal.ts";
import { type Params, parseAddress, parsePrefix } from "./params.ts";

/** `PrivateIpAddress`, `PrivateIpAddresses.N`, `SecondaryPrivateIpAddressCount`, `Ipv4PrefixCount`, `Ipv4Prefix.N.Ipv4Prefix`. */
export function readWish(params: Params): AddressWish {
  let primary = params.address("PrivateIpAddress");
  const addresses: number[] = [];
  for (const item of params.structures("PrivateIpAddresses")) {
    const address = parseAddress(item.required("PrivateIpAddress"));
    if (item.boolean("Primary") !== true) {
      addresses.push(address);
      continue;
    }
    if (primary !== undefined && primary !== address) {
      refuse("InvalidParameterCombination", "Only one primary private IP address can be specified.");
    }
    primary = address;
  }
  const addressCount = params.count("SecondaryPrivateIpAddressCount", { mayBeZero: true });
  const prefixCount = params.count("Ipv4PrefixCount", { mayBeZero: true });
  const prefixes = params.structures("Ipv4Prefix").map((item) => parsePrefix(item.required("Ipv4Prefix")));
  const selectors = [addresses.length > 0, addressCount !== undefined, prefixCount !== undefined, prefixes.length > 0];
  if (selectors.filter((isGiven) => isGiven).length > 1) {
    refuse(
      "InvalidParameterCombination",
      "Only one of privateIpAddresses, secondaryPrivateIpAddressCount, ipv4Prefixes and ipv4PrefixCount can be specified.",
    );
  }
  return {
    ...NO_WISH,
    primary: primary ?? "automatic",
    addresses,
    addressCount: addressCount ?? 0,
    prefixes,
    prefixCount: prefixCount ?? 0,
  };
}

/** How many slots the wish takes, the primary address included. */
export function slotsOf(wish: AddressWish): number {
  return 1 + wish.addresses.length + wish.addressCount + wish.prefixes.length + wish.prefixCount;
}
