// @ec2: full DeleteSubnetCidrReservation

import type { ActionDefinition } from "../model/action.ts";
import { removeReservation } from "../model/build.ts";
import { refuse } from "../model/refusal.ts";
import { reservationView } from "../model/views.ts";
import { checkId, Params, prepared } from "./params.ts";

export const deleteSubnetCidrReservation: ActionDefinition = {
  name: "DeleteSubnetCidrReservation",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const id = checkId("scr", params.required("SubnetCidrReservationId"));
    return prepared(params, (world) => {
      const record =
        world.reservations.get(id) ??
        refuse("InvalidSubnetCidrReservationID.NotFound", `The subnet-cidr-reservation ID '${id}' does not exist`);
      const view = reservationView(world, record);
      removeReservation(world, id);
      return { deletedSubnetCidrReservation: view };
    });
  },
};
