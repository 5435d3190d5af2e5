// @ec2: partial DescribeAvailabilityZones "the region's zones a, b, c and those of the subnets; no local or wavelength zones"

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { zoneIdOf, zoneNames } from "../model/zones.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { Params, prepared } from "./params.ts";

interface Zone {
  readonly zoneName: string;
  readonly zoneId: string;
  readonly region: string;
}

const FILTERS: FilterTable<Zone> = new Map<string, (item: Zone) => FilterValue>([
  ["group-name", (zone) => `${zone.region}-zg-1`],
  ["opt-in-status", () => "opt-in-not-required"],
  ["parent-zone-id", () => undefined],
  ["parent-zone-name", () => undefined],
  ["region-name", (zone) => zone.region],
  ["state", () => "available"],
  ["zone-id", (zone) => zone.zoneId],
  ["zone-name", (zone) => zone.zoneName],
  ["zone-type", () => "availability-zone"],
]);

export const describeAvailabilityZones: ActionDefinition = {
  name: "DescribeAvailabilityZones",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const names = params.list("ZoneName");
    const ids = params.list("ZoneId");
    params.boolean("AllAvailabilityZones");
    const matches = readFilters(params, FILTERS);
    return prepared(params, (world) => {
      const zones = zoneNames(world).map((zoneName) => ({
        zoneName,
        zoneId: zoneIdOf(world, zoneName),
        region: world.region,
      }));
      const unknown =
        names.find((name) => !zones.some((zone) => zone.zoneName === name)) ??
        ids.find((id) => !zones.some((zone) => zone.zoneId === id));
      if (unknown !== undefined) refuse("InvalidParameterValue", `Invalid availability zone: [${unknown}]`);
      const isNamed = (zone: Zone): boolean =>
        names.length + ids.length === 0 || names.includes(zone.zoneName) || ids.includes(zone.zoneId);
      return {
        availabilityZoneInfo: zones
          .filter((zone) => isNamed(zone) && matches(zone))
          .map((zone) => ({
            zoneName: zone.zoneName,
            zoneId: zone.zoneId,
            zoneState: "available",
            regionName: zone.region,
            groupName: `${zone.region}-zg-1`,
            networkBorderGroup: zone.region,
            zoneType: "availability-zone",
            optInStatus: "opt-in-not-required",
            messageSet: [],
          })),
      };
    });
  },
};
