// @ec2: partial DescribeInstanceTypes "memory, storage, processor and price details are not known; cards beyond the first are taken to be alike"

import {
  type InstanceTypeLimits,
  instanceTypeLimits,
  instanceTypes,
  supportsPrefixes,
} from "../../catalog/instance-types.ts";
import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { instanceTypeView } from "../model/views.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { pageOf, readPage } from "./pages.ts";
import { Params, prepared } from "./params.ts";

const TYPES_MAX = 100;

const FILTERS: FilterTable<InstanceTypeLimits> = new Map<string, (item: InstanceTypeLimits) => FilterValue>([
  ["instance-type", (type) => type.instanceType],
  ["hypervisor", (type) => (type.isBareMetal ? undefined : type.hypervisor)],
  ["bare-metal", (type) => String(type.isBareMetal)],
  ["current-generation", (type) => String(supportsPrefixes(type))],
  ["network-info.maximum-network-interfaces", (type) => String(type.eniCountMax * type.networkCardCount)],
  ["network-info.ipv4-addresses-per-interface", (type) => String(type.ipv4PerEni)],
  ["network-info.maximum-network-cards", (type) => String(type.networkCardCount)],
  ["vcpu-info.default-vcpus", (type) => (type.vcpuCount === undefined ? undefined : String(type.vcpuCount))],
]);

export const describeInstanceTypes: ActionDefinition = {
  name: "DescribeInstanceTypes",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const names = params.list("InstanceType");
    if (names.length > TYPES_MAX) refuse("InvalidParameterValue", `More than ${TYPES_MAX} instance types were given.`);
    const page = readPage(params, all, { min: 5, max: 100, idsName: "instanceTypes", idCount: names.length });
    const matches = readFilters(params, FILTERS);
    return prepared(params, (world) => {
      const unknown = names.filter((name) => instanceTypeLimits(name) === undefined);
      if (unknown.length > 0) {
        refuse("InvalidInstanceType", `The following supplied instance types do not exist: [${unknown.join(", ")}]`);
      }
      const wanted = new Set(names);
      const rows = instanceTypes()
        .map((type, serial) => ({ type, serial }))
        .filter(({ type }) => (wanted.size === 0 || wanted.has(type.instanceType)) && matches(type));
      const found = pageOf(world, rows, (row) => row.serial, page);
      return { instanceTypeSet: found.items.map((row) => instanceTypeView(row.type)), nextToken: found.nextToken };
    });
  },
};
