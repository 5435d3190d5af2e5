// @ec2: partial CreateSubnet "IPv6 and Outposts are refused as unknown parameters"

import { cidrsOverlap, cidrWithin, formatCidr, parseCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import { AddressBook } from "../model/address-book.ts";
import type { SubnetRecord } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { subnetView } from "../model/views.ts";
import { zoneIdOf, zoneNames } from "../model/zones.ts";
import { vpcOf } from "./lookup.ts";
import { checkId, Params, prepared, tagSpecifications } from "./params.ts";

export const createSubnet: ActionDefinition = {
  name: "CreateSubnet",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const vpcId = checkId("vpc", params.required("VpcId"));
    const cidrText = params.required("CidrBlock");
    const cidr =
      parseCidr(cidrText) ??
      refuse(
        "InvalidParameterValue",
        `Value (${cidrText}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
      );
    const zoneName = params.text("AvailabilityZone");
    const zoneId = params.text("AvailabilityZoneId");
    const tags = tagSpecifications(params, "subnet");
    return prepared(params, (world) => {
      const vpc = vpcOf(world, vpcId);
      const zones = zoneNames(world);
      const isWanted = (name: string): boolean =>
        (zoneName === undefined || name === zoneName) && (zoneId === undefined || zoneIdOf(world, name) === zoneId);
      // Without a zone EC2 picks one; here the first by name, so that runs repeat.
      const zone = zones.find(isWanted);
      if (zone === undefined) {
        return refuse(
          "InvalidParameterValue",
          `Value (${zoneName ?? zoneId}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones.join(", ")}.`,
        );
      }
      const isInside = vpc.cidrs.some((block) => block.state === "associated" && cidrWithin(cidr, block.cidr));
      if (cidr.prefixLength < 16 || cidr.prefixLength > 28 || !isInside) {
        refuse("InvalidSubnet.Range", `The CIDR '${cidrText}' is invalid.`);
      }
      const siblings = [...world.subnets.values()].filter((subnet) => subnet.vpc === vpc);
      if (siblings.some((subnet) => cidrsOverlap(subnet.cidr, cidr))) {
        refuse("InvalidSubnet.Conflict", `The CIDR '${formatCidr(cidr)}' conflicts with another subnet`);
      }
      if (world.knobs.quotas !== "off" && siblings.length >= world.knobs.quotaSubnetsPerVpc) {
        refuse("SubnetLimitExceeded", "The maximum number of subnets has been reached.");
      }
      const subnet: SubnetRecord = {
        serial: world.nextSerial(),
        id: world.ids.next("subnet"),
        vpc,
        availabilityZone: zone,
        cidr,
        book: new AddressBook(cidr, world.knobs),
        reservations: [],
        enis: new Set(),
        tags,
        pastCounts: [],
      };
      world.subnets.set(subnet.id, subnet);
      return { subnet: subnetView(world, subnet, world.nowMs) };
    });
  },
};
