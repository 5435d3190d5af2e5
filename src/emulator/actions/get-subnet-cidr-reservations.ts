// @ec2: full GetSubnetCidrReservations

import type { ActionDefinition } from "../model/action.ts";
import type { ReservationRecord } from "../model/records.ts";
import { reservationView } from "../model/views.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { subnetOf } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

/** A page without MaxResults: a client met it beyond 255 reservations (terraform-provider-aws #45304). */
const DEFAULT_PAGE = 255;

const FILTERS: FilterTable<ReservationRecord> = new Map<string, (item: ReservationRecord) => FilterValue>([
  ["reservationType", (reservation) => reservation.type],
  ["subnet-id", (reservation) => reservation.subnet.id],
]);

export const getSubnetCidrReservations: ActionDefinition = {
  name: "GetSubnetCidrReservations",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const subnetId = checkId("subnet", params.required("SubnetId"));
    const page = readPage(params, all, { min: 5, max: 1000 });
    const matches = readFilters(params, FILTERS, (reservation) => reservation.tags);
    return prepared(params, (world) => {
      const found = pageOf(
        world,
        subnetOf(world, subnetId).reservations.filter(matches),
        (reservation) => reservation.serial,
        page.maxResults === undefined && page.after === undefined ? { ...page, maxResults: DEFAULT_PAGE } : page,
      );
      return {
        subnetIpv4CidrReservationSet: found.items.map((reservation) => reservationView(world, reservation)),
        subnetIpv6CidrReservationSet: [],
        nextToken: found.nextToken,
      };
    });
  },
};
