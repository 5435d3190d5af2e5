// @ec2: full DisassociateTrunkInterface

import type { ActionDefinition } from "../model/action.ts";
import { noAssociation } from "./describe-trunk-interface-associations.ts";
import { checkId, clientToken, Params, prepared } from "./params.ts";

export const disassociateTrunkInterface: ActionDefinition = {
  name: "DisassociateTrunkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const id = checkId("trunk-assoc", params.required("AssociationId"));
    const token = clientToken(params);
    return prepared(
      params,
      (world) => {
        const association = world.trunkAssociations.get(id) ?? noAssociation(id);
        world.trunkAssociations.delete(id);
        world.changeEni(association.branch, { status: "available" });
        return { return: true, clientToken: token };
      },
      { clientToken: token },
    );
  },
};
