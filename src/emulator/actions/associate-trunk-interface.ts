// @ec2: partial AssociateTrunkInterface "tags and GRE encapsulation limits are not modelled"

import type { ActionDefinition } from "../model/action.ts";
import type { TrunkAssociation } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { trunkAssociationView } from "../model/views.ts";
import { ownEniOf } from "./lookup.ts";
import { checkId, clientToken, Params, prepared } from "./params.ts";

/** Of IEEE 802.1Q: 0 and 4095 are kept. */
const VLAN_MAX = 4094;

export const associateTrunkInterface: ActionDefinition = {
  name: "AssociateTrunkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const branchId = checkId("eni", params.required("BranchInterfaceId"));
    const trunkId = checkId("eni", params.required("TrunkInterfaceId"));
    const vlanId = params.integer("VlanId");
    const greKey = params.integer("GreKey");
    const token = clientToken(params);
    if ((vlanId === undefined) === (greKey === undefined)) {
      refuse("InvalidParameterCombination", "Exactly one of vlanId and greKey must be specified.");
    }
    if (vlanId !== undefined && (vlanId < 1 || vlanId > VLAN_MAX)) {
      refuse("InvalidParameterValue", `Value (${vlanId}) for parameter vlanId is invalid.`);
    }
    return prepared(
      params,
      (world) => {
        const branch = ownEniOf(world, branchId);
        const trunk = ownEniOf(world, trunkId);
        if (trunk.interfaceType !== "trunk") {
          refuse("InvalidParameterValue", `The network interface '${trunkId}' is not a trunk interface.`);
        }
        const associations = [...world.trunkAssociations.values()];
        if (branch.now.attachment !== undefined || associations.some((each) => each.branch === branch)) {
          refuse("InvalidNetworkInterface.InUse", `Interface: [${branchId}] in use.`);
        }
        if (branch === trunk || branch.interfaceType === "trunk") {
          refuse("InvalidParameterValue", `The network interface '${branchId}' cannot be a branch interface.`);
        }
        const onTrunk = associations.filter((each) => each.trunk === trunk);
        if (vlanId !== undefined && onTrunk.some((each) => each.vlanId === vlanId)) {
          refuse("InvalidParameterValue", `The VLAN ID '${vlanId}' is already in use on trunk '${trunkId}'.`);
        }
        const association: TrunkAssociation = {
          id: world.ids.next("trunk-assoc"),
          serial: world.nextSerial(),
          branch,
          trunk,
          vlanId,
          greKey,
        };
        world.trunkAssociations.set(association.id, association);
        world.changeEni(branch, { status: world.knobs.trunkBranchStatus });
        return { interfaceAssociation: trunkAssociationView(association), clientToken: token };
      },
      { clientToken: token },
    );
  },
};
