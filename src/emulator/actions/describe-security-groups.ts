// @ec2: partial DescribeSecurityGroups "every group shows the rules of a default group; filters on rules match nothing"

import type { ActionDefinition } from "../model/action.ts";
import type { SecurityGroupRecord } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { groupView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { groupOf } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

interface Shown {
  readonly group: SecurityGroupRecord;
  readonly world: World;
}

const RULE_FIELDS = [
  "cidr",
  "from-port",
  "group-id",
  "group-name",
  "ipv6-cidr",
  "prefix-list-id",
  "protocol",
  "to-port",
  "user-id",
];

const FILTERS: FilterTable<Shown> = new Map<string, (item: Shown) => FilterValue>([
  ["group-id", ({ group }) => group.id],
  ["group-name", ({ group }) => group.name],
  ["description", ({ group }) => group.description],
  ["vpc-id", ({ group }) => group.vpc.id],
  ["owner-id", ({ world }) => world.accountId],
  ...RULE_FIELDS.flatMap((field): [string, () => undefined][] => [
    [`ip-permission.${field}`, () => undefined],
    [`egress.ip-permission.${field}`, () => undefined],
  ]),
]);

export const describeSecurityGroups: ActionDefinition = {
  name: "DescribeSecurityGroups",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = params.list("GroupId").map((id) => checkId("sg", id));
    const names = params.list("GroupName");
    const idCount = ids.length + names.length;
    const page = readPage(params, all, { min: 5, max: 1000, idsName: "groupIds", idCount });
    const matches = readFilters(params, FILTERS, ({ group }) => group.tags);
    return prepared(params, (world) => {
      const chosen = new Set(ids.map((id) => groupOf(world, id)));
      for (const name of names) {
        const named = [...world.groups.values()].filter((group) => group.name === name);
        if (named.length === 0) refuse("InvalidGroup.NotFound", `The security group '${name}' does not exist`);
        for (const group of named) chosen.add(group);
      }
      const candidates = idCount > 0 ? chosen : new Set(world.groups.values());
      const shown = [...candidates].filter((group) => matches({ group, world })).sort((a, b) => a.serial - b.serial);
      const found = pageOf(world, shown, (group) => group.serial, page);
      return { securityGroupInfo: found.items.map((group) => groupView(world, group)), nextToken: found.nextToken };
    });
  },
};
