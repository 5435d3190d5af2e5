// Which subnets EC2 describes wholly. A filtered describe-network-interfaces looks like a whole one; but the subnet's own count of
// free addresses tells: only when the ENIs that are here account for every used address is absence a free address.

import { DEFAULT_RULES, subnetMap } from "../../subnet/index.ts";
import type { EniFact, Facts, ReservationFact, SubnetFact, UnreadFile } from "../facts/model.ts";

export interface Wholeness {
  readonly whole: readonly string[];
  readonly unread: readonly UnreadFile[];
}

/** Subnets that `facts` already calls whole stay so. */
export function wholeSubnets(facts: Facts): Wholeness {
  const enis = bySubnet(facts.enis);
  const reservations = bySubnet(facts.reservations);
  const whole = new Set(facts.wholeSubnets);
  const partly: string[] = [];
  const liveSubnets = facts.subnets.filter((subnet) => subnet.isLive);
  for (const subnet of liveSubnets) {
    if (whole.has(subnet.id)) continue;
    const held = enis.get(subnet.id) ?? [];
    if (isWhole(subnet, held, reservations.get(subnet.id) ?? [])) whole.add(subnet.id);
    else if (held.length > 0) partly.push(subnet.id);
  }
  const [first] = partly;
  if (first === undefined) return { whole: [...whole], unread: [] };
  const file = enis.get(first)?.[0]?.at.file ?? "";
  const reason = `its network interfaces do not account for the used addresses of ${listed(partly)}: the list is filtered, or of another moment than describe-subnets, so that free /28s cannot be told for sure`;
  const next = `aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${partly.slice(0, 20).join(",")} and aws ec2 describe-subnets, one right after the other`;
  return { whole: [...whole], unread: [{ file, reason, next }] };
}

function isWhole(subnet: SubnetFact, enis: readonly EniFact[], reservations: readonly ReservationFact[]): boolean {
  const { cidr, availableIpAddressCount } = subnet;
  if (cidr === undefined || availableIpAddressCount === undefined) return false;
  const holdings = {
    cidr,
    addresses: enis.flatMap((eni) => eni.addresses),
    prefixes: enis.flatMap((eni) => eni.prefixes),
    reservations,
  };
  // Whether AWS counts the space of explicit reservations as used is not documented: either count is proof enough.
  return [true, false].some(
    (explicitReservationsLowerCount) =>
      subnetMap(holdings, { ...DEFAULT_RULES, explicitReservationsLowerCount }).availableIpAddressCount ===
      availableIpAddressCount,
  );
}

function bySubnet<T extends { readonly subnetId?: string | undefined }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    if (item.subnetId === undefined) continue;
    const group = groups.get(item.subnetId);
    if (group === undefined) groups.set(item.subnetId, [item]);
    else group.push(item);
  }
  return groups;
}

function listed(ids: readonly string[]): string {
  return ids.length <= 3 ? ids.join(", ") : `${ids.slice(0, 3).join(", ")} and ${ids.length - 3} more subnets`;
}
