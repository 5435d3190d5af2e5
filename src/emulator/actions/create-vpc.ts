// @ec2: partial CreateVpc "IPv6 and IPAM pools are refused as unknown parameters; route tables and network ACLs do not exist"

import { parseCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import { addDefaultGroup } from "../model/build.ts";
import type { VpcRecord } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { vpcView } from "../model/views.ts";
import { Params, prepared, tagSpecifications } from "./params.ts";

export const createVpc: ActionDefinition = {
  name: "CreateVpc",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const cidrText = params.required("CidrBlock");
    const cidr =
      parseCidr(cidrText) ??
      refuse(
        "InvalidParameterValue",
        `Value (${cidrText}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
      );
    params.oneOf("InstanceTenancy", ["default", "dedicated", "host"]);
    const tags = tagSpecifications(params, "vpc");
    return prepared(params, (world) => {
      if (cidr.prefixLength < 16 || cidr.prefixLength > 28) {
        refuse("InvalidVpc.Range", `The CIDR '${cidrText}' is invalid.`);
      }
      if (world.knobs.quotas !== "off" && world.vpcs.size >= world.knobs.quotaVpcs) {
        refuse("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
      }
      const vpc: VpcRecord = {
        serial: world.nextSerial(),
        id: world.ids.next("vpc"),
        cidrs: [{ associationId: world.ids.next("vpc-cidr-assoc"), cidr, state: "associated" }],
        isDefault: false,
        dhcpOptionsId: world.ids.next("dopt"),
        state: "available",
        tags,
      };
      world.vpcs.set(vpc.id, vpc);
      addDefaultGroup(world, vpc);
      return { vpc: { ...vpcView(world, vpc), state: world.knobs.asyncStates ? "pending" : "available" } };
    });
  },
};
