// @ec2: full DeleteNetworkInterface

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { ownEniOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

export const deleteNetworkInterface: ActionDefinition = {
  name: "DeleteNetworkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const eniId = checkId("eni", params.required("NetworkInterfaceId"));
    return prepared(params, (world) => {
      const eni = ownEniOf(world, eniId);
      const isAssociated = [...world.trunkAssociations.values()].some((each) => each.branch === eni);
      if (eni.now.attachment !== undefined || isAssociated) {
        refuse(world.knobs.deleteInUseCode, `Network interface '${eniId}' is currently in use.`);
      }
      world.removeEni(eni);
      return { return: true };
    });
  },
};
