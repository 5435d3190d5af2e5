// Items of EC2's describe answers as facts, in the field names of the AWS CLI (EC2 API reference, 2016-11-15). An item that
// lacks what would identify it gives the reason instead; a field that is absent stays absent.

import { parseRfc3339 } from "../../../base/calendar.ts";
import { type Cidr, type Ipv4, parseCidr, parseIpv4 } from "../../../base/ipv4.ts";
import type {
  EniFact,
  InstanceFact,
  InstanceTypeFact,
  MetadataOptions,
  ReservationFact,
  SecurityGroupFact,
  Source,
  SubnetFact,
  Tags,
} from "../../facts/model.ts";
import { type JsonObject, numberField, objectField, objectsField, textField } from "../json-fields.ts";

/** The fact, or why there is none. */
export type Item<T> = T | string;

const NO_TAGS: Tags = new Map();

export function subnetOf(item: JsonObject, at: Source): Item<SubnetFact> {
  const id = textField(item, "SubnetId");
  if (id === undefined) return "has no SubnetId";
  const cidr = cidrOf(item, "CidrBlock");
  if (typeof cidr === "string") return cidr;
  if (cidr !== undefined && (cidr.prefixLength < 16 || cidr.prefixLength > 28))
    return `${id} has a CidrBlock of /${cidr.prefixLength}; EC2 has subnets of /16 to /28`;
  return {
    id,
    cidr,
    availableIpAddressCount: numberField(item, "AvailableIpAddressCount"),
    zone: textField(item, "AvailabilityZone"),
    vpcId: textField(item, "VpcId"),
    tags: tagsOf(item, "Tags"),
    isLive: true,
    at,
  };
}

export function eniOf(item: JsonObject, at: Source): Item<EniFact> {
  const id = textField(item, "NetworkInterfaceId");
  if (id === undefined) return "has no NetworkInterfaceId";
  const addresses: Ipv4[] = [];
  for (const one of objectsField(item, "PrivateIpAddresses")) {
    const address = parseIpv4(textField(one, "PrivateIpAddress") ?? "");
    if (address === undefined) return `${id} has a PrivateIpAddresses entry that is no IPv4 address`;
    addresses.push(address);
  }
  const prefixes: Ipv4[] = [];
  for (const one of objectsField(item, "Ipv4Prefixes")) {
    const prefix = parseCidr(textField(one, "Ipv4Prefix") ?? "");
    if (prefix === undefined) return `${id} has an Ipv4Prefixes entry that is no CIDR`;
    prefixes.push(prefix.base);
  }
  const primaryAddress = parseIpv4(textField(item, "PrivateIpAddress") ?? "");
  if (addresses.length === 0 && primaryAddress !== undefined) addresses.push(primaryAddress);
  const attachment = objectField(item, "Attachment");
  return {
    id,
    subnetId: textField(item, "SubnetId"),
    vpcId: textField(item, "VpcId"),
    status: textField(item, "Status") ?? "",
    description: textField(item, "Description") ?? "",
    interfaceType: textField(item, "InterfaceType") ?? "interface",
    requesterId: textField(item, "RequesterId"),
    instanceId: attachment && textField(attachment, "InstanceId"),
    attachmentStatus: attachment && textField(attachment, "Status"),
    deviceIndex: attachment && numberField(attachment, "DeviceIndex"),
    networkCardIndex: attachment && numberField(attachment, "NetworkCardIndex"),
    primaryAddress,
    addresses,
    prefixes,
    securityGroupIds: groupIds(item, "Groups"),
    tags: tagsOf(item, "TagSet"),
    at,
  };
}

export function reservationOf(item: JsonObject, at: Source): Item<ReservationFact> | undefined {
  const id = textField(item, "SubnetCidrReservationId");
  const subnetId = textField(item, "SubnetId");
  if (id === undefined || subnetId === undefined) return "has no SubnetCidrReservationId or SubnetId";
  // The same list may hold reservations of IPv6 space, which no /28 comes from.
  if (textField(item, "Cidr")?.includes(":") === true) return undefined;
  const cidr = cidrOf(item, "Cidr");
  if (cidr === undefined || typeof cidr === "string") return cidr ?? `${id} has no Cidr`;
  const type = textField(item, "ReservationType");
  if (type !== "prefix" && type !== "explicit") return `${id} has ReservationType ${String(type)}`;
  return { id, subnetId, cidr, type, isLive: true, at };
}

export function instanceOf(item: JsonObject, at: Source): Item<InstanceFact> {
  const id = textField(item, "InstanceId");
  if (id === undefined) return "has no InstanceId";
  const placement = objectField(item, "Placement");
  const state = objectField(item, "State");
  const launched = textField(item, "LaunchTime");
  const attachments: { eniId: string; status: string; deviceIndex: number }[] = [];
  for (const eni of objectsField(item, "NetworkInterfaces")) {
    const eniId = textField(eni, "NetworkInterfaceId");
    const attachment = objectField(eni, "Attachment");
    const deviceIndex = attachment && numberField(attachment, "DeviceIndex");
    if (eniId === undefined || attachment === undefined || deviceIndex === undefined) continue;
    attachments.push({ eniId, status: textField(attachment, "Status") ?? "", deviceIndex });
  }
  return {
    id,
    instanceType: textField(item, "InstanceType") ?? "",
    state: (state && textField(state, "Name")) ?? "",
    zone: placement && textField(placement, "AvailabilityZone"),
    subnetId: textField(item, "SubnetId"),
    vpcId: textField(item, "VpcId"),
    privateDnsName: textField(item, "PrivateDnsName"),
    launchedMs: launched === undefined ? undefined : parseRfc3339(launched),
    attachments,
    securityGroupIds: groupIds(item, "SecurityGroups"),
    metadataOptions: metadataOptionsOf(item, at),
    tags: tagsOf(item, "Tags"),
    at,
  };
}

export function instanceTypeOf(item: JsonObject, at: Source): Item<InstanceTypeFact> {
  const instanceType = textField(item, "InstanceType");
  if (instanceType === undefined) return "has no InstanceType";
  const network = objectField(item, "NetworkInfo");
  const eniCountMax = network && numberField(network, "MaximumNetworkInterfaces");
  const ipv4PerEni = network && numberField(network, "Ipv4AddressesPerInterface");
  if (eniCountMax === undefined || ipv4PerEni === undefined)
    return `${instanceType} has no NetworkInfo.MaximumNetworkInterfaces or .Ipv4AddressesPerInterface`;
  const vcpus = objectField(item, "VCpuInfo");
  return {
    instanceType,
    eniCountMax,
    ipv4PerEni,
    hypervisor: textField(item, "Hypervisor"),
    isBareMetal: item["BareMetal"] === true,
    vcpuCount: vcpus && numberField(vcpus, "DefaultVCpus"),
    at,
  };
}

export function securityGroupOf(item: JsonObject, at: Source): Item<SecurityGroupFact> {
  const id = textField(item, "GroupId");
  return id === undefined ? "has no GroupId" : { id, vpcId: textField(item, "VpcId"), at };
}

function metadataOptionsOf(item: JsonObject, at: Source): MetadataOptions | undefined {
  const options = objectField(item, "MetadataOptions");
  if (options === undefined) return undefined;
  return {
    httpEndpoint: textField(options, "HttpEndpoint"),
    httpTokens: textField(options, "HttpTokens"),
    hopLimit: numberField(options, "HttpPutResponseHopLimit"),
    at: { ...at, field: `${at.field ?? ""}.MetadataOptions` },
  };
}

function groupIds(item: JsonObject, name: string): readonly string[] {
  return objectsField(item, name).flatMap((group) => textField(group, "GroupId") ?? []);
}

function tagsOf(item: JsonObject, name: string): Tags {
  const tags = objectsField(item, name);
  if (tags.length === 0) return NO_TAGS;
  return new Map(
    tags.flatMap((tag) =>
      typeof tag["Key"] === "string" ? [[tag["Key"], typeof tag["Value"] === "string" ? tag["Value"] : ""]] : [],
    ),
  );
}

/** The CIDR, undefined without the field (IPv6-only subnets have none), or what is wrong with it. */
function cidrOf(item: JsonObject, name: string): Cidr | string | undefined {
  const text = textField(item, name);
  if (text === undefined) return undefined;
  return parseCidr(text) ?? `${name} ${text} is no IPv4 CIDR`;
}
