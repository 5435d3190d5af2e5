// Taking addresses and prefixes of a subnet for an ENI: all of them or none, with EC2's answer for each way to fail
// (ec2-vpc.md 9.2). `by` is the kind of call, since the answers differ.

import { ADDRESSES_PER_PREFIX, cidrContains, formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { SubnetRecord } from "./records.ts";
import { refuse } from "./refusal.ts";
import type { World } from "./world.ts";

export interface AddressWish {
  /** `none` for an ENI that has its primary address already. */
  readonly primary: Ipv4 | "automatic" | "none";
  readonly addresses: readonly Ipv4[];
  readonly addressCount: number;
  readonly prefixes: readonly Ipv4[];
  readonly prefixCount: number;
}

export const NO_WISH: AddressWish = { primary: "none", addresses: [], addressCount: 0, prefixes: [], prefixCount: 0 };

export interface Allocated {
  /** 0 when none was wished for. */
  readonly primary: Ipv4;
  readonly addresses: Ipv4[];
  readonly prefixes: Ipv4[];
}

export type AllocatingCall = "create" | "assign" | "run";

/** Takes what is wished for, for the ENI of this index; refuses otherwise, with nothing taken. */
export function allocate(
  world: World,
  options: {
    readonly subnet: SubnetRecord;
    readonly eniIndex: number;
    readonly by: AllocatingCall;
    readonly wish: AddressWish;
  },
): Allocated {
  const { subnet, eniIndex, by, wish } = options;
  const { book } = subnet;
  const { knobs } = world;
  const explicit = wish.primary === "automatic" || wish.primary === "none" ? [] : [wish.primary];
  const addresses = [...explicit, ...wish.addresses];
  checkExplicitAddresses(subnet, addresses);
  checkExplicitPrefixes(subnet, wish.prefixes, addresses);

  const singleCount = (wish.primary === "automatic" ? 1 : 0) + wish.addressCount;
  if (singleCount > book.automaticAddressCount) refuseAddresses(by, subnet);
  if (wish.prefixCount > 0) {
    // A primary address comes from outside the reservations: it counts where prefixes may come from there, too.
    const hasPrimary = by !== "assign" && book.mayLeaveReservations(knobs);
    const needed = wish.prefixCount * ADDRESSES_PER_PREFIX + (hasPrimary ? 1 : 0);
    const isByCause = by === "assign" || knobs.createExhaustion === "by-cause";
    if (book.prefixAddressCount(knobs) < needed) refuseSpace();
    if (book.freePrefixCount(knobs) < wish.prefixCount) {
      if (isByCause) refuseBlocks(knobs.cidrBlocksMessage);
      refuseSpace();
    }
  }

  world.noteCount(subnet);
  const taken: { primary: Ipv4; addresses: Ipv4[]; prefixes: Ipv4[] } = { primary: 0, addresses: [], prefixes: [] };
  const undo = (): void => {
    if (taken.primary !== 0) book.releaseAddress(taken.primary, { toQuarantine: false });
    for (const address of taken.addresses) book.releaseAddress(address, { toQuarantine: false });
    for (const prefix of taken.prefixes) book.releasePrefix(prefix, { toQuarantine: false });
  };
  for (const address of addresses) {
    book.takeAddress(address, eniIndex);
    if (explicit.includes(address)) taken.primary = address;
    else taken.addresses.push(address);
  }
  for (const prefix of wish.prefixes) {
    book.takePrefix(prefix, eniIndex);
    taken.prefixes.push(prefix);
  }
  // Prefixes before singles: a primary address placed first could break the very block that the call was promised.
  for (let i = 0; i < wish.prefixCount; i++) {
    const prefix = book.pickPrefix(knobs, world.placementPrng);
    if (prefix === undefined) {
      undo();
      return by === "assign" ? refuseBlocks(knobs.cidrBlocksMessage) : refuseSpace();
    }
    book.takePrefix(prefix, eniIndex);
    taken.prefixes.push(prefix);
  }
  for (let i = 0; i < singleCount; i++) {
    const address = book.pickAddress(knobs, world.placementPrng);
    if (address === undefined) {
      undo();
      return refuseAddresses(by, subnet);
    }
    book.takeAddress(address, eniIndex);
    if (wish.primary === "automatic" && i === 0) taken.primary = address;
    else taken.addresses.push(address);
  }
  return taken;
}

/** Outside the subnet, kept by AWS, or held: each with EC2's words. */
function checkExplicitAddresses(subnet: SubnetRecord, addresses: readonly Ipv4[]): void {
  const seen = new Set<Ipv4>();
  for (const address of addresses) {
    if (!cidrContains(subnet.cidr, address)) {
      refuse("InvalidParameterValue", "Address does not fall within the subnet's address range");
    }
    const state = subnet.book.stateOf(address);
    if (state === "awsReserved") refuse("InvalidParameterValue", "Address is in subnet's reserved address range");
    if (state !== "free") refuse("InvalidIPAddress.InUse", "The specified address is already in use.");
    if (seen.has(address)) {
      refuse("InvalidParameterValue", `The address ${formatIpv4(address)} is specified more than once.`);
    }
    seen.add(address);
  }
}

function checkExplicitPrefixes(subnet: SubnetRecord, prefixes: readonly Ipv4[], addresses: readonly Ipv4[]): void {
  const seen = new Set<Ipv4>();
  for (const prefix of prefixes) {
    const text = `${formatIpv4(prefix)}/28`;
    if (!cidrContains(subnet.cidr, prefix)) {
      refuse("InvalidParameterValue", `The prefix ${text} does not fall within the subnet's address range`);
    }
    if (subnet.book.isEdgeBlock(prefix)) {
      refuse("InvalidParameterValue", `The prefix ${text} overlaps the subnet's reserved address range`);
    }
    const holdsWished = addresses.some((address) => address >= prefix && address < prefix + ADDRESSES_PER_PREFIX);
    if (!subnet.book.canTakePrefix(prefix) || holdsWished || seen.has(prefix)) {
      refuse("InvalidParameterValue", `The prefix ${text} overlaps addresses that are already in use.`);
    }
    seen.add(prefix);
  }
}

function refuseAddresses(by: AllocatingCall, subnet: SubnetRecord): never {
  refuse(
    "InsufficientFreeAddressesInSubnet",
    by === "run"
      ? `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`
      : "The specified subnet does not have enough free addresses to satisfy the request.",
  );
}

function refuseSpace(): never {
  refuse("InvalidParameterValue", "There aren't sufficient free Ipv4 addresses or prefixes");
}

function refuseBlocks(wording: "specified-subnet" | "eks-guide"): never {
  refuse(
    "InsufficientCidrBlocks",
    wording === "eks-guide"
      ? "There are not enough free cidr blocks in the specified subnet to satisfy the request."
      : "The specified subnet does not have enough free cidr blocks to satisfy the request.",
  );
}
