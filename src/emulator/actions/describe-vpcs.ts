// @ec2: partial DescribeVpcs "filters on IPv6 and DHCP options are refused as invalid"

import { formatCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { VpcRecord } from "../model/records.ts";
import { vpcView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { vpcOf } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

interface Shown {
  readonly vpc: VpcRecord;
  readonly world: World;
}

const FILTERS: FilterTable<Shown> = new Map<string, (item: Shown) => FilterValue>([
  ["cidr", ({ vpc }) => (vpc.cidrs[0] === undefined ? undefined : formatCidr(vpc.cidrs[0].cidr))],
  ["cidr-block-association.cidr-block", ({ vpc }) => vpc.cidrs.map((block) => formatCidr(block.cidr))],
  ["cidr-block-association.association-id", ({ vpc }) => vpc.cidrs.map((block) => block.associationId)],
  ["cidr-block-association.state", ({ vpc }) => vpc.cidrs.map((block) => block.state)],
  ["dhcp-options-id", ({ vpc }) => vpc.dhcpOptionsId],
  ["is-default", ({ vpc }) => String(vpc.isDefault)],
  ["isDefault", ({ vpc }) => String(vpc.isDefault)],
  ["owner-id", ({ world }) => world.accountId],
  ["state", ({ vpc }) => vpc.state],
  ["vpc-id", ({ vpc }) => vpc.id],
]);

export const describeVpcs: ActionDefinition = {
  name: "DescribeVpcs",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = params.list("VpcId").map((id) => checkId("vpc", id));
    const page = readPage(params, all, { min: 5, max: 1000, idsName: "vpcSet", idCount: ids.length });
    const matches = readFilters(params, FILTERS, ({ vpc }) => vpc.tags);
    return prepared(params, (world) => {
      const candidates = ids.length > 0 ? new Set(ids.map((id) => vpcOf(world, id))) : new Set(world.vpcs.values());
      const shown = [...candidates].filter((vpc) => matches({ vpc, world })).sort((a, b) => a.serial - b.serial);
      const found = pageOf(world, shown, (vpc) => vpc.serial, page);
      return { vpcSet: found.items.map((vpc) => vpcView(world, vpc)), nextToken: found.nextToken };
    });
  },
};
