// EC2 through the AWS SDK v3: one call per intention, no retry inside, every call with a deadline, errors classified once.

import {
  AssignPrivateIpAddressesCommand,
  AttachNetworkInterfaceCommand,
  CreateNetworkInterfaceCommand,
  CreateTagsCommand,
  DeleteNetworkInterfaceCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypesCommand,
  DescribeNetworkInterfacesCommand,
  type DescribeNetworkInterfacesCommandOutput,
  DescribeSubnetsCommand,
  type DescribeSubnetsCommandOutput,
  DetachNetworkInterfaceCommand,
  EC2Client,
  type Filter,
  GetSubnetCidrReservationsCommand,
  type GetSubnetCidrReservationsCommandOutput,
  ModifyNetworkInterfaceAttributeCommand,
  type NetworkInterface,
  UnassignPrivateIpAddressesCommand,
} from "@aws-sdk/client-ec2";
import { formatIpv4, type Ipv4, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import { classifyEc2Error } from "../ipam/ec2-errors.ts";
import type {
  Ec2Answer,
  Ec2Eni,
  Ec2Intention,
  Ec2Outcome,
  Ec2Reservation,
  EniInterfaceType,
  Tag,
} from "../ipam/types.ts";
import type { Ec2 } from "../ports/ec2.ts";

export interface Ec2SdkOptions {
  /** A function is asked with the first call, and again when it failed. */
  readonly region: string | (() => Promise<string>);
  /** undefined: the SDK's own resolution (AWS_ENDPOINT_URL_EC2, AWS_ENDPOINT_URL, the public endpoint). */
  readonly endpoint: string | undefined;
  /** Version of this agent, for the user agent. */
  readonly version: string;
}

const PAGE_SIZE = 1000;
const INSTANCE_TYPE_TIMEOUT_MS = 30_000;

/** The SDK does not look at the signal while it loads credentials, so the deadline is kept here as well. */
function byDeadline<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, late]);
}

export function ec2Sdk(options: Ec2SdkOptions): Ec2 {
  const client = new EC2Client({
    region: askedOnce(options.region),
    maxAttempts: 1,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    customUserAgent: `slash28/${options.version}`,
  });
  return {
    async call(intention, { timeoutMs }): Promise<Ec2Outcome> {
      try {
        return { kind: "done", answer: await perform(withDeadline(client, timeoutMs), intention) };
      } catch (error) {
        return outcomeOf(error, timeoutMs);
      }
    },
    async instanceTypeLimits(instanceType) {
      const signal = AbortSignal.timeout(INSTANCE_TYPE_TIMEOUT_MS);
      const command = new DescribeInstanceTypesCommand({ InstanceTypes: [instanceType as never] });
      const answer = await byDeadline(client.send(command, { abortSignal: signal }), signal);
      const found = answer.InstanceTypes?.[0];
      const eniCountMax = found?.NetworkInfo?.MaximumNetworkInterfaces;
      const ipv4PerEni = found?.NetworkInfo?.Ipv4AddressesPerInterface;
      if (eniCountMax === undefined || ipv4PerEni === undefined) {
        throw new Error(`DescribeInstanceTypes gave no network limits for ${instanceType}`);
      }
      return { eniCountMax, ipv4PerEni, supportsPrefixes: found?.Hypervisor === "nitro" || found?.BareMetal === true };
    },
  };
}

/** The SDK asks with every call. */
function askedOnce(region: Ec2SdkOptions["region"]): Ec2SdkOptions["region"] {
  if (typeof region === "string") return region;
  let known: string | undefined;
  return async () => {
    known ??= await region();
    return known;
  };
}

type Sender = Pick<EC2Client, "send">;

/** Each request has the whole time: an intention may take many pages. */
function withDeadline(client: EC2Client, timeoutMs: Ms): Sender {
  const send = (command: Parameters<EC2Client["send"]>[0]) => {
    const signal = AbortSignal.timeout(timeoutMs);
    return byDeadline(client.send(command, { abortSignal: signal }), signal);
  };
  return { send: send as EC2Client["send"] };
}

async function perform(client: Sender, intention: Ec2Intention): Promise<Ec2Answer> {
  switch (intention.action) {
    case "AssignPrivateIpAddresses": {
      const { eniId, prefixCount, addressCount, prefixes, addresses } = intention;
      const answer = await client.send(
        new AssignPrivateIpAddressesCommand({
          NetworkInterfaceId: eniId,
          ...(prefixes === undefined ? {} : { Ipv4Prefixes: prefixes.map(prefixText) }),
          ...(addresses === undefined ? {} : { PrivateIpAddresses: addresses.map(formatIpv4) }),
          ...(prefixCount > 0 ? { Ipv4PrefixCount: prefixCount } : {}),
          ...(addressCount > 0 ? { SecondaryPrivateIpAddressCount: addressCount } : {}),
        }),
      );
      return {
        prefixes: (answer.AssignedIpv4Prefixes ?? []).map((item) => prefixBase(item.Ipv4Prefix)),
        addresses: (answer.AssignedPrivateIpAddresses ?? []).map((item) => address(item.PrivateIpAddress)),
      };
    }
    case "UnassignPrivateIpAddresses":
      await client.send(
        new UnassignPrivateIpAddressesCommand({
          NetworkInterfaceId: intention.eniId,
          ...(intention.prefixes.length > 0 ? { Ipv4Prefixes: intention.prefixes.map(prefixText) } : {}),
          ...(intention.addresses.length > 0 ? { PrivateIpAddresses: intention.addresses.map(formatIpv4) } : {}),
        }),
      );
      return {};
    case "CreateNetworkInterface": {
      const { prefixCount, addressCount, prefixes, primaryAddress } = intention;
      const answer = await client.send(
        new CreateNetworkInterfaceCommand({
          SubnetId: intention.subnetId,
          Description: intention.description,
          ...(intention.securityGroupIds.length > 0 ? { Groups: [...intention.securityGroupIds] } : {}),
          ...(primaryAddress === undefined ? {} : { PrivateIpAddress: formatIpv4(primaryAddress) }),
          ...(prefixes === undefined
            ? {}
            : { Ipv4Prefixes: prefixes.map((base) => ({ Ipv4Prefix: prefixText(base) })) }),
          ...(prefixCount > 0 ? { Ipv4PrefixCount: prefixCount } : {}),
          ...(addressCount > 0 ? { SecondaryPrivateIpAddressCount: addressCount } : {}),
          TagSpecifications: [{ ResourceType: "network-interface", Tags: sdkTags(intention.tags) }],
          ClientToken: intention.clientToken,
        }),
      );
      return { enis: answer.NetworkInterface === undefined ? [] : [eniOf(answer.NetworkInterface)] };
    }
    case "AttachNetworkInterface": {
      const { eniId, instanceId, deviceIndex } = intention;
      const answer = await client.send(
        new AttachNetworkInterfaceCommand({
          NetworkInterfaceId: eniId,
          InstanceId: instanceId,
          DeviceIndex: deviceIndex,
          NetworkCardIndex: 0,
        }),
      );
      return { attachmentId: answer.AttachmentId ?? "" };
    }
    case "SetDeleteOnTermination":
      await client.send(
        new ModifyNetworkInterfaceAttributeCommand({
          NetworkInterfaceId: intention.eniId,
          Attachment: { AttachmentId: intention.attachmentId, DeleteOnTermination: true },
        }),
      );
      return {};
    case "SetSecurityGroups":
      await client.send(
        new ModifyNetworkInterfaceAttributeCommand({
          NetworkInterfaceId: intention.eniId,
          Groups: [...intention.securityGroupIds],
        }),
      );
      return {};
    case "DetachNetworkInterface":
      await client.send(new DetachNetworkInterfaceCommand({ AttachmentId: intention.attachmentId }));
      return {};
    case "DeleteNetworkInterface":
      await client.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId: intention.eniId }));
      return {};
    case "DescribeNetworkInterfaces": {
      const answer = await client.send(
        new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [...intention.eniIds] }),
      );
      return { enis: (answer.NetworkInterfaces ?? []).map(eniOf) };
    }
    case "DescribeLeakedNetworkInterfaces": {
      const filters: Filter[] = [
        { Name: "tag-key", Values: ["node.k8s.amazonaws.com/instance_id"] },
        { Name: "status", Values: ["available"] },
        { Name: "vpc-id", Values: [intention.vpcId] },
      ];
      if (intention.clusterName !== "") {
        filters.push({ Name: "tag:cluster.k8s.amazonaws.com/name", Values: [intention.clusterName] });
      }
      return { enis: await describeByFilters(client, filters) };
    }
    case "DescribeSubnetNetworkInterfaces": {
      const filters: Filter[] = [{ Name: "subnet-id", Values: [intention.subnetId] }];
      return { enis: await describeByFilters(client, filters) };
    }
    case "GetSubnetCidrReservations": {
      const reservations: Ec2Reservation[] = [];
      for (let token: string | undefined; ; ) {
        const page: GetSubnetCidrReservationsCommandOutput = await client.send(
          new GetSubnetCidrReservationsCommand({
            SubnetId: intention.subnetId,
            MaxResults: PAGE_SIZE,
            ...(token === undefined ? {} : { NextToken: token }),
          }),
        );
        for (const { Cidr: text, ReservationType: type } of page.SubnetIpv4CidrReservations ?? []) {
          const cidr = parseCidr(text ?? "");
          if (cidr !== undefined) reservations.push({ cidr, type: type === "prefix" ? "prefix" : "explicit" });
        }
        token = page.NextToken;
        if (token === undefined || token === "") return { reservations };
      }
    }
    case "DescribeInstances": {
      const answer = await client.send(new DescribeInstancesCommand({ InstanceIds: [intention.instanceId] }));
      const attachments = (answer.Reservations ?? [])
        .flatMap((reservation) => reservation.Instances ?? [])
        .flatMap((instance) => instance.NetworkInterfaces ?? [])
        .map((eni) => eni.Attachment)
        .filter((attachment) => (attachment?.NetworkCardIndex ?? 0) === 0);
      return { deviceIndexes: attachments.flatMap((attachment) => attachment?.DeviceIndex ?? []) };
    }
    case "DescribeSubnets": {
      const subnets = [];
      for (let token: string | undefined; ; ) {
        const page: DescribeSubnetsCommandOutput = await client.send(
          new DescribeSubnetsCommand({
            Filters: [
              { Name: "vpc-id", Values: [intention.vpcId] },
              { Name: "availability-zone", Values: [intention.availabilityZone] },
            ],
            ...(token === undefined ? {} : { NextToken: token }),
          }),
        );
        for (const subnet of page.Subnets ?? []) {
          subnets.push({
            subnetId: subnet.SubnetId ?? "",
            cidr: parseCidr(subnet.CidrBlock ?? ""),
            availableIpAddressCount: subnet.AvailableIpAddressCount ?? 0,
            tags: tagsOf(subnet.Tags),
          });
        }
        token = page.NextToken;
        if (token === undefined || token === "") return { subnets };
      }
    }
    case "CreateTags":
      await client.send(new CreateTagsCommand({ Resources: [intention.resourceId], Tags: sdkTags(intention.tags) }));
      return {};
  }
}

async function describeByFilters(client: Sender, filters: Filter[]): Promise<Ec2Eni[]> {
  const enis: Ec2Eni[] = [];
  for (let token: string | undefined; ; ) {
    const page: DescribeNetworkInterfacesCommandOutput = await client.send(
      new DescribeNetworkInterfacesCommand({
        Filters: filters,
        MaxResults: PAGE_SIZE,
        ...(token === undefined ? {} : { NextToken: token }),
      }),
    );
    enis.push(...(page.NetworkInterfaces ?? []).map(eniOf));
    token = page.NextToken;
    if (token === undefined || token === "") return enis;
  }
}

const INTERFACE_TYPES: readonly string[] = ["interface", "trunk", "efa", "efa-only", "branch"];

function eniOf(eni: NetworkInterface): Ec2Eni {
  const addresses = eni.PrivateIpAddresses ?? [];
  const type = eni.InterfaceType ?? "interface";
  return {
    eniId: eni.NetworkInterfaceId ?? "",
    subnetId: eni.SubnetId ?? "",
    interfaceType: INTERFACE_TYPES.includes(type) ? (type as EniInterfaceType) : "other",
    status: eni.Status ?? "",
    description: eni.Description ?? "",
    attachmentId: eni.Attachment?.AttachmentId,
    instanceId: eni.Attachment?.InstanceId,
    deviceNumber: eni.Attachment?.DeviceIndex,
    networkCard: eni.Attachment === undefined ? undefined : (eni.Attachment.NetworkCardIndex ?? 0),
    deleteOnTermination: eni.Attachment?.DeleteOnTermination ?? false,
    primaryAddress: address(eni.PrivateIpAddress),
    addresses: addresses.filter((item) => item.Primary !== true).map((item) => address(item.PrivateIpAddress)),
    prefixes: (eni.Ipv4Prefixes ?? []).map((item) => prefixBase(item.Ipv4Prefix)),
    tags: tagsOf(eni.TagSet),
  };
}

function tagsOf(tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined): Tag[] {
  return (tags ?? []).map((tag) => ({ key: tag.Key ?? "", value: tag.Value ?? "" }));
}

function sdkTags(tags: readonly Tag[]): { Key: string; Value: string }[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}

function address(text: string | undefined): Ipv4 {
  return text === undefined ? 0 : (parseIpv4(text) ?? 0);
}

function prefixText(base: Ipv4): string {
  return `${formatIpv4(base)}/28`;
}

function prefixBase(text: string | undefined): Ipv4 {
  return text === undefined ? 0 : (parseCidr(text)?.base ?? 0);
}

/** An answer of EC2 is a refusal with its code; everything else is no answer: the call may have taken effect. */
function outcomeOf(error: unknown, timeoutMs: Ms): Ec2Outcome {
  if (!(error instanceof Error)) return lost(String(error));
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (error.name === "AbortError" || error.name === "TimeoutError") return lost(`no answer within ${timeoutMs} ms`);
  const isAnswer = status !== undefined && "$fault" in error;
  if (isAnswer) {
    const awsCode = error.name;
    return {
      kind: "refused",
      errorClass: classifyEc2Error({ awsCode, message: error.message, httpStatus: status }),
      awsCode,
      message: error.message,
    };
  }
  if (error.name === "CredentialsProviderError") {
    return { kind: "refused", errorClass: "denied", awsCode: error.name, message: error.message };
  }
  return lost(error.message);
}

function lost(message: string): Ec2Outcome {
  return { kind: "refused", errorClass: "lost", awsCode: "NoAnswer", message };
}
