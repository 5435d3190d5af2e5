// The engine's intentions as calls to the emulated VPC, and its replies as the engine's answers: what the SDK driver does in
// the agent (src/drivers/ec2-sdk.ts), without a wire between.

import { formatIpv4, type Ipv4, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import type { ActReply, ActRequest, ReplyTree, ReplyValue } from "../emulator/model/index.ts";
import { AddressItem } from "../emulator/model/index.ts";
import { classifyEc2Error } from "../ipam/ec2-errors.ts";
import {
  type Ec2Answer,
  type Ec2Eni,
  type Ec2Intention,
  type Ec2Outcome,
  type Ec2Reservation,
  type EniInterfaceType,
  ec2ApiName,
  type Tag,
} from "../ipam/types.ts";

const PAGE_SIZE = "1000";
const INTERFACE_TYPES: readonly string[] = ["interface", "trunk", "efa", "efa-only", "branch"];

/** `token`: of the page before, for those that come in pages. */
export function ec2Request(intention: Ec2Intention, token: string | undefined): ActRequest {
  const params = new Map<string, string>();
  fill(params, intention);
  if (token !== undefined) params.set("NextToken", token);
  return { action: ec2ApiName(intention.action), params };
}

function fill(params: Map<string, string>, intention: Ec2Intention): void {
  switch (intention.action) {
    case "AssignPrivateIpAddresses":
      params.set("NetworkInterfaceId", intention.eniId);
      list(params, "Ipv4Prefix", (intention.prefixes ?? []).map(prefixText));
      list(params, "PrivateIpAddress", (intention.addresses ?? []).map(formatIpv4));
      counts(params, intention);
      return;
    case "UnassignPrivateIpAddresses":
      params.set("NetworkInterfaceId", intention.eniId);
      list(params, "Ipv4Prefix", intention.prefixes.map(prefixText));
      list(params, "PrivateIpAddress", intention.addresses.map(formatIpv4));
      return;
    case "CreateNetworkInterface":
      params.set("SubnetId", intention.subnetId);
      params.set("Description", intention.description);
      list(params, "SecurityGroupId", intention.securityGroupIds);
      if (intention.primaryAddress !== undefined) params.set("PrivateIpAddress", formatIpv4(intention.primaryAddress));
      intention.prefixes?.forEach((base, index) => {
        params.set(`Ipv4Prefix.${index + 1}.Ipv4Prefix`, prefixText(base));
      });
      counts(params, intention);
      params.set("TagSpecification.1.ResourceType", "network-interface");
      tags(params, "TagSpecification.1.Tag", intention.tags);
      params.set("ClientToken", intention.clientToken);
      return;
    case "AttachNetworkInterface":
      params.set("NetworkInterfaceId", intention.eniId);
      params.set("InstanceId", intention.instanceId);
      params.set("DeviceIndex", String(intention.deviceIndex));
      params.set("NetworkCardIndex", "0");
      return;
    case "SetDeleteOnTermination":
      params.set("NetworkInterfaceId", intention.eniId);
      params.set("Attachment.AttachmentId", intention.attachmentId);
      params.set("Attachment.DeleteOnTermination", "true");
      return;
    case "SetSecurityGroups":
      params.set("NetworkInterfaceId", intention.eniId);
      list(params, "SecurityGroupId", intention.securityGroupIds);
      return;
    case "DetachNetworkInterface":
      params.set("AttachmentId", intention.attachmentId);
      return;
    case "DeleteNetworkInterface":
      params.set("NetworkInterfaceId", intention.eniId);
      return;
    case "DescribeNetworkInterfaces":
      list(params, "NetworkInterfaceId", intention.eniIds);
      return;
    case "DescribeLeakedNetworkInterfaces":
      filter(params, 1, "tag-key", "node.k8s.amazonaws.com/instance_id");
      filter(params, 2, "status", "available");
      filter(params, 3, "vpc-id", intention.vpcId);
      if (intention.clusterName !== "") filter(params, 4, "tag:cluster.k8s.amazonaws.com/name", intention.clusterName);
      params.set("MaxResults", PAGE_SIZE);
      return;
    case "DescribeSubnetNetworkInterfaces":
      filter(params, 1, "subnet-id", intention.subnetId);
      params.set("MaxResults", PAGE_SIZE);
      return;
    case "GetSubnetCidrReservations":
      params.set("SubnetId", intention.subnetId);
      params.set("MaxResults", PAGE_SIZE);
      return;
    case "DescribeInstances":
      params.set("InstanceId.1", intention.instanceId);
      return;
    case "DescribeSubnets":
      filter(params, 1, "vpc-id", intention.vpcId);
      filter(params, 2, "availability-zone", intention.availabilityZone);
      return;
    case "CreateTags":
      params.set("ResourceId.1", intention.resourceId);
      tags(params, "Tag", intention.tags);
      return;
  }
}

function counts(
  params: Map<string, string>,
  wish: { readonly prefixCount: number; readonly addressCount: number },
): void {
  if (wish.prefixCount > 0) params.set("Ipv4PrefixCount", String(wish.prefixCount));
  if (wish.addressCount > 0) params.set("SecondaryPrivateIpAddressCount", String(wish.addressCount));
}

function list(params: Map<string, string>, name: string, values: readonly string[]): void {
  values.forEach((value, index) => {
    params.set(`${name}.${index + 1}`, value);
  });
}

function filter(params: Map<string, string>, number: number, name: string, value: string): void {
  params.set(`Filter.${number}.Name`, name);
  params.set(`Filter.${number}.Value.1`, value);
}

function tags(params: Map<string, string>, name: string, values: readonly Tag[]): void {
  values.forEach(({ key, value }, index) => {
    params.set(`${name}.${index + 1}.Key`, key);
    params.set(`${name}.${index + 1}.Value`, value);
  });
}

/** The page that follows, for a reply that has one. */
export function nextTokenOf(reply: ActReply): string | undefined {
  const token = reply.kind === "ok" ? textOf(reply.tree["nextToken"]) : "";
  return token === "" ? undefined : token;
}

/** `pages`: all replies to one intention, the last one included; all but the last one are good. */
export function ec2Outcome(intention: Ec2Intention, pages: readonly ActReply[]): Ec2Outcome {
  const trees: ReplyTree[] = [];
  for (const page of pages) {
    if (page.kind === "ok") trees.push(page.tree);
    else {
      const { code: awsCode, message, httpStatus } = page;
      const errorClass = classifyEc2Error({ awsCode, message, httpStatus });
      return { kind: "refused", errorClass, awsCode, message };
    }
  }
  return { kind: "done", answer: answerOf(intention, trees) };
}

function answerOf(intention: Ec2Intention, pages: readonly ReplyTree[]): Ec2Answer {
  const items = (name: string) => pages.flatMap((page) => listOf(page[name]));
  switch (intention.action) {
    case "AssignPrivateIpAddresses":
      return {
        prefixes: items("assignedIpv4PrefixSet").map(prefixOf),
        addresses: items("assignedPrivateIpAddressesSet").map(addressOf),
      };
    case "CreateNetworkInterface":
      return { enis: pages.map((page) => eniOf(treeOf(page["networkInterface"]))) };
    case "AttachNetworkInterface":
      return { attachmentId: textOf(pages[0]?.["attachmentId"]) };
    case "DescribeNetworkInterfaces":
    case "DescribeLeakedNetworkInterfaces":
    case "DescribeSubnetNetworkInterfaces":
      return { enis: items("networkInterfaceSet").map((item) => eniOf(treeOf(item))) };
    case "DescribeInstances": {
      const enis = items("reservationSet")
        .flatMap((launch) => listOf(treeOf(launch)["instancesSet"]))
        .flatMap((instance) => listOf(treeOf(instance)["networkInterfaceSet"]));
      const attachments = enis.map((eni) => treeOf(treeOf(eni)["attachment"]));
      return {
        deviceIndexes: attachments
          .filter((attachment) => (attachment["networkCardIndex"] ?? 0) === 0)
          .map((attachment) => Number(attachment["deviceIndex"])),
      };
    }
    case "DescribeSubnets":
      return {
        subnets: items("subnetSet").map((item) => {
          const subnet = treeOf(item);
          return {
            subnetId: textOf(subnet["subnetId"]),
            cidr: parseCidr(textOf(subnet["cidrBlock"])),
            availableIpAddressCount: Number(subnet["availableIpAddressCount"]),
            tags: tagsOf(subnet["tagSet"]),
          };
        }),
      };
    case "GetSubnetCidrReservations":
      return { reservations: items("subnetIpv4CidrReservationSet").flatMap(reservationOf) };
    default:
      return {};
  }
}

function reservationOf(item: ReplyValue): Ec2Reservation[] {
  const tree = treeOf(item);
  const cidr = parseCidr(textOf(tree["cidr"]));
  return cidr === undefined ? [] : [{ cidr, type: tree["reservationType"] === "prefix" ? "prefix" : "explicit" }];
}

function eniOf(eni: ReplyTree): Ec2Eni {
  const attachment = eni["attachment"] === undefined ? undefined : treeOf(eni["attachment"]);
  const type = textOf(eni["interfaceType"]);
  const addresses: Ipv4[] = [];
  for (const item of listOf(eni["privateIpAddressesSet"])) {
    if (item instanceof AddressItem && !item.primary) addresses.push(item.address);
  }
  const primary = textOf(eni["privateIpAddress"]);
  return {
    eniId: textOf(eni["networkInterfaceId"]),
    subnetId: textOf(eni["subnetId"]),
    interfaceType: INTERFACE_TYPES.includes(type) ? (type as EniInterfaceType) : "other",
    status: textOf(eni["status"]),
    description: textOf(eni["description"]),
    attachmentId: attachment === undefined ? undefined : textOf(attachment["attachmentId"]),
    instanceId: attachment?.["instanceId"] === undefined ? undefined : textOf(attachment["instanceId"]),
    deviceNumber: attachment === undefined ? undefined : Number(attachment["deviceIndex"]),
    networkCard: attachment === undefined ? undefined : Number(attachment["networkCardIndex"] ?? 0),
    deleteOnTermination: attachment?.["deleteOnTermination"] === true,
    primaryAddress: parseIpv4(primary) ?? 0,
    addresses,
    prefixes: listOf(eni["ipv4PrefixSet"]).map(prefixOf),
    tags: tagsOf(eni["tagSet"]),
  };
}

function listOf(value: ReplyValue): readonly ReplyValue[] {
  return Array.isArray(value) ? value : [];
}

function treeOf(value: ReplyValue): ReplyTree {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof AddressItem)
    ? (value as ReplyTree)
    : {};
}

function textOf(value: ReplyValue): string {
  return typeof value === "string" ? value : "";
}

function tagsOf(value: ReplyValue): Tag[] {
  return listOf(value).map((item) => {
    const tag = treeOf(item);
    return { key: textOf(tag["key"]), value: textOf(tag["value"]) };
  });
}

function prefixText(base: Ipv4): string {
  return `${formatIpv4(base)}/28`;
}

function prefixOf(value: ReplyValue): Ipv4 {
  return parseCidr(textOf(treeOf(value)["ipv4Prefix"]))?.base ?? 0;
}

function addressOf(value: ReplyValue): Ipv4 {
  return parseIpv4(textOf(treeOf(value)["privateIpAddress"])) ?? 0;
}
