// The records as EC2 shows them: reply trees with wire names (field lists of ec2-vpc.md 2.3 to 2.20). Each takes the version to
// show, since a read may lag behind.

import { formatCidr, formatIpv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import { type InstanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import { AddressItem } from "./address-item.ts";
import { primaryEniOf } from "./build.ts";
import type {
  Attachment,
  EniRecord,
  EniVersion,
  InstanceRecord,
  ReservationRecord,
  SecurityGroupRecord,
  SubnetRecord,
  Tags,
  TrunkAssociation,
  VpcCidr,
  VpcRecord,
} from "./records.ts";
import { wireTime } from "./time-text.ts";
import type { InstanceState, ReplyTree } from "./types.ts";
import type { World } from "./world.ts";
import { dnsDomainOf, privateDnsName, zoneIdOf } from "./zones.ts";

export function tagSet(tags: Tags): ReplyTree[] {
  const items: ReplyTree[] = [];
  for (const [key, value] of tags) items.push({ key, value });
  return items;
}

export function groupSet(groups: readonly SecurityGroupRecord[]): ReplyTree[] {
  return groups.map((group) => ({ groupId: group.id, groupName: group.name }));
}

export function addressSet(world: World, eni: EniRecord, version: EniVersion): AddressItem[] {
  const domain = dnsDomainOf(world.region);
  const items = eni.primaryAddress === 0 ? [] : [new AddressItem(eni.primaryAddress, domain, true)];
  for (const address of version.addresses) items.push(new AddressItem(address, domain, false));
  return items;
}

export function prefixSet(version: EniVersion): ReplyTree[] {
  return version.prefixes.map((prefix) => ({ ipv4Prefix: `${formatIpv4(prefix)}/28` }));
}

function attachmentView(attachment: Attachment): ReplyTree {
  return {
    attachmentId: attachment.id,
    instanceId: attachment.instanceId,
    instanceOwnerId: attachment.instanceOwnerId,
    deviceIndex: attachment.deviceIndex,
    networkCardIndex: attachment.networkCardIndex,
    status: attachment.status,
    attachTime: wireTime(attachment.attachWallMs),
    deleteOnTermination: attachment.isDeleteOnTermination,
  };
}

/** An ENI as DescribeNetworkInterfaces and CreateNetworkInterface show it. */
export function eniView(world: World, eni: EniRecord, version: EniVersion): ReplyTree {
  const { attachment } = version;
  const hasAddress = eni.primaryAddress !== 0;
  return {
    networkInterfaceId: eni.id,
    subnetId: eni.subnet.id,
    vpcId: eni.subnet.vpc.id,
    availabilityZone: eni.subnet.availabilityZone,
    availabilityZoneId: zoneIdOf(world, eni.subnet.availabilityZone),
    description: version.description,
    ownerId: eni.ownerId,
    requesterId: eni.requesterId,
    requesterManaged: eni.isRequesterManaged,
    status: version.status,
    macAddress: eni.mac,
    privateIpAddress: hasAddress ? formatIpv4(eni.primaryAddress) : undefined,
    privateDnsName: hasAddress ? privateDnsName(eni.primaryAddress, world.region) : undefined,
    sourceDestCheck: version.isSourceDestCheck,
    interfaceType: eni.interfaceType,
    groupSet: groupSet(version.groups),
    attachment: attachment === undefined ? undefined : attachmentView(attachment),
    privateIpAddressesSet: addressSet(world, eni, version),
    ipv4PrefixSet: prefixSet(version),
    ipv6AddressesSet: [],
    ipv6PrefixSet: [],
    tagSet: tagSet(version.tags),
    denyAllIgwTraffic: false,
    operator: { managed: false },
  };
}

/** The reduced ENI inside an instance: no instance in its attachment, no tags. */
function instanceEniView(world: World, eni: EniRecord, version: EniVersion, attachment: Attachment): ReplyTree {
  const { instanceId: _, instanceOwnerId: __, ...rest } = attachmentView(attachment);
  const full = eniView(world, eni, version);
  return {
    networkInterfaceId: full["networkInterfaceId"],
    subnetId: full["subnetId"],
    vpcId: full["vpcId"],
    description: full["description"],
    ownerId: full["ownerId"],
    status: full["status"],
    macAddress: full["macAddress"],
    privateIpAddress: full["privateIpAddress"],
    privateDnsName: full["privateDnsName"],
    sourceDestCheck: full["sourceDestCheck"],
    interfaceType: full["interfaceType"],
    groupSet: full["groupSet"],
    attachment: rest,
    privateIpAddressesSet: full["privateIpAddressesSet"],
    ipv4PrefixSet: full["ipv4PrefixSet"],
    ipv6AddressesSet: [],
    ipv6PrefixSet: [],
    operator: { managed: false },
  };
}

/** Codes of instance states (EC2 API reference, InstanceState, read 2026-08). */
const STATE_CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export function stateView(state: InstanceState): ReplyTree {
  return { code: STATE_CODES[state], name: state };
}

/** The ENIs of an instance at a moment, in order of network card and device index. */
export function attachedAt(
  world: World,
  instance: InstanceRecord,
  atMs: Ms,
): { readonly eni: EniRecord; readonly version: EniVersion; readonly attachment: Attachment }[] {
  const found: { eni: EniRecord; version: EniVersion; attachment: Attachment }[] = [];
  for (const eni of instance.enis) {
    const version = world.versionAt(eni, atMs);
    const attachment = version?.attachment;
    if (version === undefined || attachment?.instanceId !== instance.id) continue;
    found.push({ eni, version, attachment });
  }
  return found.sort(
    (a, b) =>
      a.attachment.networkCardIndex - b.attachment.networkCardIndex ||
      a.attachment.deviceIndex - b.attachment.deviceIndex,
  );
}

export function instanceView(world: World, instance: InstanceRecord, atMs: Ms): ReplyTree {
  const enis = attachedAt(world, instance, atMs);
  const primary = primaryEniOf(instance);
  const isGone = instance.state === "terminated" || primary === undefined;
  const address = primary?.primaryAddress ?? 0;
  return {
    instanceId: instance.id,
    imageId: instance.imageId,
    instanceState: stateView(instance.state),
    privateDnsName: isGone ? "" : privateDnsName(address, world.region),
    dnsName: "",
    amiLaunchIndex: instance.launchIndex,
    instanceType: instance.type,
    launchTime: wireTime(instance.launchWallMs),
    placement: {
      availabilityZone: instance.availabilityZone,
      availabilityZoneId: zoneIdOf(world, instance.availabilityZone),
      tenancy: "default",
    },
    monitoring: { state: "disabled" },
    subnetId: isGone ? undefined : instance.subnet.id,
    vpcId: isGone ? undefined : instance.vpc.id,
    privateIpAddress: isGone ? undefined : formatIpv4(address),
    sourceDestCheck: isGone ? undefined : primary.now.isSourceDestCheck,
    architecture: "x86_64",
    rootDeviceType: "ebs",
    virtualizationType: "hvm",
    hypervisor: instance.limits.hypervisor === "xen" ? "xen" : "nitro",
    groupSet: isGone ? [] : groupSet(primary.now.groups),
    tagSet: tagSet(instance.tags),
    metadataOptions: {
      state: "applied",
      httpTokens: "required",
      httpPutResponseHopLimit: 2,
      httpEndpoint: "enabled",
      httpProtocolIpv6: "disabled",
      instanceMetadataTags: "disabled",
    },
    networkInterfaceSet: enis.map(({ eni, version, attachment }) => instanceEniView(world, eni, version, attachment)),
  };
}

export function subnetView(world: World, subnet: SubnetRecord, atMs: Ms): ReplyTree {
  return {
    subnetId: subnet.id,
    subnetArn: `arn:aws:ec2:${world.region}:${world.accountId}:subnet/${subnet.id}`,
    state: "available",
    ownerId: world.accountId,
    vpcId: subnet.vpc.id,
    cidrBlock: formatCidr(subnet.cidr),
    ipv6CidrBlockAssociationSet: [],
    availableIpAddressCount: world.countAt(subnet, atMs),
    availabilityZone: subnet.availabilityZone,
    availabilityZoneId: zoneIdOf(world, subnet.availabilityZone),
    defaultForAz: false,
    mapPublicIpOnLaunch: false,
    mapCustomerOwnedIpOnLaunch: false,
    assignIpv6AddressOnCreation: false,
    enableDns64: false,
    ipv6Native: false,
    privateDnsNameOptionsOnLaunch: {
      hostnameType: "ip-name",
      enableResourceNameDnsARecord: false,
      enableResourceNameDnsAAAARecord: false,
    },
    tagSet: tagSet(subnet.tags),
  };
}

export function vpcCidrView(block: VpcCidr): ReplyTree {
  return {
    associationId: block.associationId,
    cidrBlock: formatCidr(block.cidr),
    cidrBlockState: { state: block.state },
  };
}

export function vpcView(world: World, vpc: VpcRecord): ReplyTree {
  const primary = vpc.cidrs[0];
  return {
    vpcId: vpc.id,
    ownerId: world.accountId,
    cidrBlock: primary === undefined ? undefined : formatCidr(primary.cidr),
    cidrBlockAssociationSet: vpc.cidrs.map(vpcCidrView),
    ipv6CidrBlockAssociationSet: [],
    dhcpOptionsId: vpc.dhcpOptionsId,
    instanceTenancy: "default",
    isDefault: vpc.isDefault,
    state: vpc.state,
    tagSet: tagSet(vpc.tags),
  };
}

export function reservationView(world: World, reservation: ReservationRecord): ReplyTree {
  return {
    subnetCidrReservationId: reservation.id,
    subnetId: reservation.subnet.id,
    cidr: formatCidr(reservation.cidr),
    reservationType: reservation.type,
    ownerId: world.accountId,
    description: reservation.description,
    tagSet: tagSet(reservation.tags),
  };
}

export function groupView(world: World, group: SecurityGroupRecord): ReplyTree {
  const everything = { ipProtocol: "-1", groups: [], ipv6Ranges: [], prefixListIds: [] };
  return {
    groupId: group.id,
    groupName: group.name,
    groupDescription: group.description,
    ownerId: world.accountId,
    vpcId: group.vpc.id,
    securityGroupArn: `arn:aws:ec2:${world.region}:${world.accountId}:security-group/${group.id}`,
    ipPermissions: [{ ...everything, groups: [{ groupId: group.id, userId: world.accountId }], ipRanges: [] }],
    ipPermissionsEgress: [{ ...everything, ipRanges: [{ cidrIp: "0.0.0.0/0" }] }],
    tagSet: tagSet(group.tags),
  };
}

export function trunkAssociationView(association: TrunkAssociation): ReplyTree {
  return {
    associationId: association.id,
    branchInterfaceId: association.branch.id,
    trunkInterfaceId: association.trunk.id,
    interfaceProtocol: association.vlanId === undefined ? "GRE" : "VLAN",
    vlanId: association.vlanId,
    greKey: association.greKey,
    tagSet: [],
  };
}

/** The table knows the default network card; the others are taken to hold as many ENIs. */
export function instanceTypeView(limits: InstanceTypeLimits): ReplyTree {
  const cards: ReplyTree[] = [];
  for (let i = 0; i < limits.networkCardCount; i++) {
    cards.push({ networkCardIndex: i, maximumNetworkInterfaces: limits.eniCountMax });
  }
  return {
    instanceType: limits.instanceType,
    currentGeneration: supportsPrefixes(limits),
    bareMetal: limits.isBareMetal,
    hypervisor: limits.isBareMetal || limits.hypervisor === "unknown" ? undefined : limits.hypervisor,
    vCpuInfo: limits.vcpuCount === undefined ? undefined : { defaultVCpus: limits.vcpuCount },
    networkInfo: {
      maximumNetworkInterfaces: limits.eniCountMax * limits.networkCardCount,
      maximumNetworkCards: limits.networkCardCount,
      defaultNetworkCardIndex: 0,
      networkCards: cards,
      ipv4AddressesPerInterface: limits.ipv4PerEni,
      ipv6AddressesPerInterface: limits.ipv4PerEni,
      ipv6Supported: true,
    },
  };
}
