// @ec2: full DisassociateVpcCidrBlock

import { cidrWithin, formatCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { vpcCidrView } from "../model/views.ts";
import { checkId, Params, prepared } from "./params.ts";

const DISASSOCIATION_MS = { min: 500, max: 1500 };

export const disassociateVpcCidrBlock: ActionDefinition = {
  name: "DisassociateVpcCidrBlock",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const associationId = checkId("vpc-cidr-assoc", params.required("AssociationId"));
    return prepared(params, (world) => {
      for (const vpc of world.vpcs.values()) {
        const place = vpc.cidrs.findIndex((block) => block.associationId === associationId);
        const block = vpc.cidrs[place];
        if (block === undefined) continue;
        if (place === 0) {
          refuse(
            "OperationNotPermitted",
            `The vpc CIDR block with association ID ${associationId} may not be disassociated.`,
          );
        }
        const subnets = [...world.subnets.values()];
        if (subnets.some((subnet) => subnet.vpc === vpc && cidrWithin(subnet.cidr, block.cidr))) {
          refuse(
            "InvalidCidrBlock.InUse",
            `The vpc ${vpc.id} currently has a subnet within CIDR block ${formatCidr(block.cidr)}`,
          );
        }
        block.state = "disassociating";
        const reply = { vpcId: vpc.id, cidrBlockAssociation: vpcCidrView(block) };
        const delay = world.knobs.latency === "none" ? { min: 0, max: 0 } : DISASSOCIATION_MS;
        world.schedule(delay, { kind: "cidrDisassociated", vpc, associationId });
        return reply;
      }
      return refuse(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        `The vpc CIDR block association ID '${associationId}' does not exist`,
      );
    });
  },
};
