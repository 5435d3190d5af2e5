// The world as the AWS CLI prints it: the reply trees of the describe calls under the names of the CLI's output.

import { AddressItem } from "./address-item.ts";
import { cliTime } from "./time-text.ts";
import type { Dump, ReplyTree, ReplyValue } from "./types.ts";
import { eniView, groupView, instanceView, reservationView, subnetView, vpcView } from "./views.ts";
import type { World } from "./world.ts";

/** Wire names whose CLI name is not just the same with a capital (service model ec2/2016-11-15). */
const CLI_NAMES: ReadonlyMap<string, string> = new Map([
  ["groupSet", "Groups"],
  ["privateIpAddressesSet", "PrivateIpAddresses"],
  ["ipv4PrefixSet", "Ipv4Prefixes"],
  ["ipv6AddressesSet", "Ipv6Addresses"],
  ["ipv6PrefixSet", "Ipv6Prefixes"],
  ["tagSet", "Tags"],
  ["networkInterfaceSet", "NetworkInterfaces"],
  ["instanceState", "State"],
  ["groupDescription", "Description"],
  ["dnsName", "PublicDnsName"],
  ["ipRanges", "IpRanges"],
  ["groups", "UserIdGroupPairs"],
]);

/** One document per describe command, and one per subnet of `get-subnet-cidr-reservations`. */
export function dumpWorld(world: World): Dump {
  const now = world.nowMs;
  const launches = new Map<string, object[]>();
  for (const instance of world.instances.values()) {
    const inLaunch = launches.get(instance.launchReservationId) ?? [];
    launches.set(instance.launchReservationId, inLaunch);
    inLaunch.push(toCli(instanceView(world, instance, now)));
  }
  return {
    "describe-vpcs": { Vpcs: [...world.vpcs.values()].map((vpc) => toCli(vpcView(world, vpc))) },
    "describe-subnets": {
      Subnets: [...world.subnets.values()].map((subnet) => toCli(subnetView(world, subnet, now))),
    },
    "describe-security-groups": {
      SecurityGroups: [...world.groups.values()].map((group) => toCli(groupView(world, group))),
    },
    "describe-network-interfaces": {
      NetworkInterfaces: [...world.enis.values()].map((eni) => {
        const { Tags: TagSet, ...rest } = toCli(eniView(world, eni, eni.now)) as { Tags: unknown };
        return { ...rest, TagSet };
      }),
    },
    "describe-instances": {
      Reservations: [...launches].map(([ReservationId, Instances]) => ({
        ReservationId,
        OwnerId: world.accountId,
        Groups: [],
        Instances,
      })),
    },
    "get-subnet-cidr-reservations": [...world.subnets.values()].map((subnet) => ({
      SubnetIpv4CidrReservations: subnet.reservations.map((reservation) => toCli(reservationView(world, reservation))),
      SubnetIpv6CidrReservations: [],
    })),
  };
}

function toCli(tree: ReplyTree): object {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(tree)) {
    if (value !== undefined) out[cliName(name)] = valueToCli(name, value);
  }
  return out;
}

function valueToCli(name: string, value: ReplyValue): unknown {
  if (value instanceof AddressItem) return toCli(value.tree);
  if (Array.isArray(value)) return value.map((item: ReplyValue) => valueToCli(name, item));
  if (typeof value === "object") return toCli(value as ReplyTree);
  return name.endsWith("Time") ? cliTime(String(value)) : value;
}

function cliName(wireName: string): string {
  return CLI_NAMES.get(wireName) ?? wireName.charAt(0).toUpperCase() + wireName.slice(1);
}
