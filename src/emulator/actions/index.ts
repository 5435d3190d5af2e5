// Every action of the emulated EC2 by name. `new Vpc({ ..., actions: ACTIONS })` is the whole emulated VPC.

import type { ActionDefinition, ActionTable } from "../model/action.ts";
import { assignPrivateIpAddresses } from "./assign-private-ip-addresses.ts";
import { associateTrunkInterface } from "./associate-trunk-interface.ts";
import { associateVpcCidrBlock } from "./associate-vpc-cidr-block.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { createSubnet } from "./create-subnet.ts";
import { createSubnetCidrReservation } from "./create-subnet-cidr-reservation.ts";
import { createTags } from "./create-tags.ts";
import { createVpc } from "./create-vpc.ts";
import { deleteNetworkInterface } from "./delete-network-interface.ts";
import { deleteSubnet } from "./delete-subnet.ts";
import { deleteSubnetCidrReservation } from "./delete-subnet-cidr-reservation.ts";
import { deleteTags } from "./delete-tags.ts";
import { describeAvailabilityZones } from "./describe-availability-zones.ts";
import { describeInstanceTypes } from "./describe-instance-types.ts";
import { describeInstances } from "./describe-instances.ts";
import { describeNetworkInterfaces } from "./describe-network-interfaces.ts";
import { describeSecurityGroups } from "./describe-security-groups.ts";
import { describeSubnets } from "./describe-subnets.ts";
import { describeTags } from "./describe-tags.ts";
import { describeTrunkInterfaceAssociations } from "./describe-trunk-interface-associations.ts";
import { describeVpcs } from "./describe-vpcs.ts";
import { detachNetworkInterface } from "./detach-network-interface.ts";
import { disassociateTrunkInterface } from "./disassociate-trunk-interface.ts";
import { disassociateVpcCidrBlock } from "./disassociate-vpc-cidr-block.ts";
import { getSubnetCidrReservations } from "./get-subnet-cidr-reservations.ts";
import { modifyNetworkInterfaceAttribute } from "./modify-network-interface-attribute.ts";
import { runInstances } from "./run-instances.ts";
import { terminateInstances } from "./terminate-instances.ts";
import { unassignPrivateIpAddresses } from "./unassign-private-ip-addresses.ts";

const DEFINITIONS: readonly ActionDefinition[] = [
  assignPrivateIpAddresses,
  associateTrunkInterface,
  associateVpcCidrBlock,
  attachNetworkInterface,
  createNetworkInterface,
  createSubnet,
  createSubnetCidrReservation,
  createTags,
  createVpc,
  deleteNetworkInterface,
  deleteSubnet,
  deleteSubnetCidrReservation,
  deleteTags,
  describeAvailabilityZones,
  describeInstanceTypes,
  describeInstances,
  describeNetworkInterfaces,
  describeSecurityGroups,
  describeSubnets,
  describeTags,
  describeTrunkInterfaceAssociations,
  describeVpcs,
  detachNetworkInterface,
  disassociateTrunkInterface,
  disassociateVpcCidrBlock,
  getSubnetCidrReservations,
  modifyNetworkInterfaceAttribute,
  runInstances,
  terminateInstances,
  unassignPrivateIpAddresses,
];

export const ACTIONS: ActionTable = new Map(DEFINITIONS.map((definition) => [definition.name, definition]));
