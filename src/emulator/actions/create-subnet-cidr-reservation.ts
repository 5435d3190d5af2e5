// @ec2: partial CreateSubnetCidrReservation "IPv6 ranges are refused"

import { isCanonicalCidr, parseCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import { addReservation, reservationProblem } from "../model/build.ts";
import { refuse } from "../model/refusal.ts";
import { reservationView } from "../model/views.ts";
import { subnetOf } from "./lookup.ts";
import { checkId, Params, prepared, tagSpecifications } from "./params.ts";

export const createSubnetCidrReservation: ActionDefinition = {
  name: "CreateSubnetCidrReservation",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const subnetId = checkId("subnet", params.required("SubnetId"));
    const cidrText = params.required("Cidr");
    const cidr =
      (isCanonicalCidr(cidrText) ? parseCidr(cidrText) : undefined) ??
      refuse(
        "InvalidParameterValue",
        `Value (${cidrText}) for parameter cidr is invalid. This is not a valid CIDR block.`,
      );
    params.required("ReservationType");
    const type = params.oneOf("ReservationType", ["prefix", "explicit"]) ?? "explicit";
    const description = params.text("Description") ?? "";
    const tags = tagSpecifications(params, "subnet-cidr-reservation");
    return prepared(params, (world) => {
      const subnet = subnetOf(world, subnetId);
      const problem = reservationProblem(subnet, cidr, type);
      if (problem !== undefined) refuse("InvalidParameterValue", problem);
      const id = world.ids.next("scr");
      addReservation(world, subnet, { id, cidr, type, description, tags });
      const record = world.reservations.get(id);
      return { subnetCidrReservation: record === undefined ? undefined : reservationView(world, record) };
    });
  },
};
