// @ec2: full DeleteSubnet

import type { ActionDefinition } from "../model/action.ts";
import { removeReservation } from "../model/build.ts";
import { refuse } from "../model/refusal.ts";
import { subnetOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

export const deleteSubnet: ActionDefinition = {
  name: "DeleteSubnet",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const subnetId = checkId("subnet", params.required("SubnetId"));
    return prepared(params, (world) => {
      const subnet = subnetOf(world, subnetId);
      if (subnet.enis.size > 0) {
        refuse("DependencyViolation", `The subnet '${subnetId}' has dependencies and cannot be deleted.`);
      }
      for (const reservation of [...subnet.reservations]) removeReservation(world, reservation.id);
      world.subnets.delete(subnetId);
      return { return: true };
    });
  },
};
