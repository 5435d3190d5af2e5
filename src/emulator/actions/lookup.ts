// Resources by id, or EC2's NotFound for the type. A message about one ENI quotes exactly one id: clients cut it out.

import type {
  EniRecord,
  InstanceRecord,
  SecurityGroupRecord,
  SubnetRecord,
  Tags,
  VpcRecord,
} from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import type { World } from "../model/world.ts";

/** For a call that changes something: with `mutationsSeeStaleIds`, a fresh ENI may not be known yet. */
export function eniOf(world: World, id: string): EniRecord {
  const eni = world.enis.get(id);
  if (eni === undefined) return noEni(id);
  if (world.knobs.mutationsSeeStaleIds && eni.createdMs > world.drawReadMoment()) return noEni(id);
  return eni;
}

export function noEni(id: string): never {
  refuse("InvalidNetworkInterfaceID.NotFound", `The networkInterface ID '${id}' does not exist`);
}

/** As `eniOf`, and it belongs to the caller. */
export function ownEniOf(world: World, id: string): EniRecord {
  const eni = eniOf(world, id);
  if (eni.isRequesterManaged) {
    refuse("OperationNotPermitted", `You do not have permission to access the specified resource '${id}'.`);
  }
  return eni;
}

export function subnetOf(world: World, id: string): SubnetRecord {
  return world.subnets.get(id) ?? refuse("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
}

export function vpcOf(world: World, id: string): VpcRecord {
  return world.vpcs.get(id) ?? refuse("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
}

export function instanceOf(world: World, id: string): InstanceRecord {
  return world.instances.get(id) ?? refuse("InvalidInstanceID.NotFound", `The instance ID '${id}' does not exist`);
}

/** All of the ids, or a NotFound naming the missing ones. */
export function instancesOf(world: World, ids: readonly string[]): InstanceRecord[] {
  const missing = ids.filter((id) => !world.instances.has(id));
  if (missing.length > 1) {
    refuse("InvalidInstanceID.NotFound", `The instance IDs '${missing.join(", ")}' do not exist`);
  }
  return ids.map((id) => instanceOf(world, id));
}

export function groupOf(world: World, id: string): SecurityGroupRecord {
  return world.groups.get(id) ?? refuse("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
}

/** The groups for an ENI of this VPC. */
export function groupsFor(world: World, vpc: VpcRecord, ids: readonly string[]): SecurityGroupRecord[] {
  const groups = [...new Set(ids)].map((id) => groupOf(world, id));
  if (groups.some((group) => group.vpc !== vpc)) {
    refuse("InvalidParameterValue", "You have specified two resources that belong to different networks.");
  }
  const limit = world.knobs.quotaSecurityGroupsPerInterface;
  if (world.knobs.quotas !== "off" && groups.length > limit) {
    const code = world.knobs.securityGroupLimitCode;
    refuse(
      code,
      code === "InvalidParameterValue"
        ? `You have exceeded limit ${limit} on the number of interface security group memberships`
        : "The maximum number of security groups per interface has been reached.",
    );
  }
  return groups;
}

/** A resource that can carry tags. */
export interface Tagged {
  readonly id: string;
  readonly serial: number;
  readonly type: string;
  readonly tags: Tags;
  set(tags: Tags): void;
}

/** Every taggable resource, in order of creation within its type. */
export function* taggedResources(world: World): Generator<Tagged> {
  for (const vpc of world.vpcs.values()) yield plain("vpc", vpc);
  for (const group of world.groups.values()) yield plain("security-group", group);
  for (const subnet of world.subnets.values()) yield plain("subnet", subnet);
  for (const reservation of world.reservations.values()) yield plain("subnet-cidr-reservation", reservation);
  for (const instance of world.instances.values()) yield plain("instance", instance);
  for (const eni of world.enis.values()) yield eniTags(world, eni);
}

export function taggedOf(world: World, id: string): Tagged {
  const record =
    ofMap("vpc", world.vpcs, id) ??
    ofMap("security-group", world.groups, id) ??
    ofMap("subnet", world.subnets, id) ??
    ofMap("subnet-cidr-reservation", world.reservations, id) ??
    ofMap("instance", world.instances, id);
  if (record !== undefined) return record;
  if (id.startsWith("eni-")) return eniTags(world, eniOf(world, id));
  if (id.startsWith("vpc-")) vpcOf(world, id);
  if (id.startsWith("sg-")) groupOf(world, id);
  if (id.startsWith("subnet-")) subnetOf(world, id);
  if (id.startsWith("i-")) instanceOf(world, id);
  if (id.startsWith("scr-")) {
    refuse("InvalidSubnetCidrReservationID.NotFound", `The subnet-cidr-reservation ID '${id}' does not exist`);
  }
  return refuse("InvalidID", `The ID '${id}' is not valid`);
}

function ofMap(
  type: string,
  map: ReadonlyMap<string, { readonly id: string; readonly serial: number; tags: Tags }>,
  id: string,
): Tagged | undefined {
  const record = map.get(id);
  return record === undefined ? undefined : plain(type, record);
}

function plain(type: string, record: { readonly id: string; readonly serial: number; tags: Tags }): Tagged {
  return {
    id: record.id,
    serial: record.serial,
    type,
    tags: record.tags,
    set: (tags) => {
      record.tags = tags;
    },
  };
}

function eniTags(world: World, eni: EniRecord): Tagged {
  return {
    id: eni.id,
    serial: eni.serial,
    type: "network-interface",
    tags: eni.now.tags,
    set: (tags) => world.changeEni(eni, { tags }),
  };
}
