// @ec2: partial DescribeSubnets "filters on IPv6, Outposts and private DNS options are refused as invalid"

import { formatCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { SubnetRecord } from "../model/records.ts";
import { subnetView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { zoneIdOf } from "../model/zones.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { subnetOf } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

interface Shown {
  readonly subnet: SubnetRecord;
  readonly world: World;
  readonly availableIpAddressCount: number;
}

const cidr = ({ subnet }: Shown): string => formatCidr(subnet.cidr);
const isFalse = (): string => "false";

const FILTERS: FilterTable<Shown> = new Map<string, (item: Shown) => FilterValue>([
  ["availability-zone", ({ subnet }) => subnet.availabilityZone],
  ["availabilityZone", ({ subnet }) => subnet.availabilityZone],
  ["availability-zone-id", ({ subnet, world }) => zoneIdOf(world, subnet.availabilityZone)],
  ["availabilityZoneId", ({ subnet, world }) => zoneIdOf(world, subnet.availabilityZone)],
  ["available-ip-address-count", (shown) => String(shown.availableIpAddressCount)],
  ["cidr-block", cidr],
  ["cidr", cidr],
  ["cidrBlock", cidr],
  ["default-for-az", isFalse],
  ["defaultForAz", isFalse],
  ["map-public-ip-on-launch", isFalse],
  ["owner-id", ({ world }) => world.accountId],
  ["state", () => "available"],
  ["subnet-arn", ({ subnet, world }) => `arn:aws:ec2:${world.region}:${world.accountId}:subnet/${subnet.id}`],
  ["subnet-id", ({ subnet }) => subnet.id],
  ["vpc-id", ({ subnet }) => subnet.vpc.id],
]);

export const describeSubnets: ActionDefinition = {
  name: "DescribeSubnets",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = params.list("SubnetId").map((id) => checkId("subnet", id));
    const page = readPage(params, all, { min: 5, max: 1000, idsName: "subnetSet", idCount: ids.length });
    const matches = readFilters(params, FILTERS, ({ subnet }) => subnet.tags);
    return prepared(params, (world) => {
      const atMs = world.drawReadMoment();
      const candidates =
        ids.length > 0 ? new Set(ids.map((id) => subnetOf(world, id))) : new Set(world.subnets.values());
      const shown = [...candidates]
        .filter((subnet) => matches({ subnet, world, availableIpAddressCount: world.countAt(subnet, atMs) }))
        .sort((a, b) => a.serial - b.serial);
      const found = pageOf(world, shown, (subnet) => subnet.serial, page);
      return {
        subnetSet: found.items.map((subnet) => subnetView(world, subnet, atMs)),
        nextToken: found.nextToken,
      };
    });
  },
};
