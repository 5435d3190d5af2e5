// One life of a node's addresses, from an empty account to a terminated instance, as data: each step is an EC2 operation with
// its input, so that the SDK and the AWS CLI (--cli-input-json) send the same calls and their views can be compared.

/** Replies of the earlier steps by name. */
export type Replies = ReadonlyMap<string, unknown>;

export interface Step {
  readonly name: string;
  /** As in `new DescribeSubnetsCommand`. */
  readonly operation: string;
  input(replies: Replies): Record<string, unknown>;
}

/** The value at `path` in the reply of `step`; throws when there is none, as a sequence cannot go on without. */
export function pick(replies: Replies, step: string, ...path: (string | number)[]): string {
  let value: unknown = replies.get(step);
  for (const key of path) value = (value as Record<string | number, unknown> | undefined)?.[key];
  if (typeof value !== "string")
    throw new Error(`no ${step}.${path.join(".")} in ${JSON.stringify(replies.get(step))}`);
  return value;
}

const subnetId = (replies: Replies): string => pick(replies, "subnet", "Subnet", "SubnetId");
const eniId = (replies: Replies): string => pick(replies, "eni", "NetworkInterface", "NetworkInterfaceId");
const instanceId = (replies: Replies): string => pick(replies, "instance", "Instances", 0, "InstanceId");
const attachmentId = (replies: Replies): string => pick(replies, "attachment", "AttachmentId");
const describeEni = (name: string): Step => ({
  name,
  operation: "DescribeNetworkInterfaces",
  input: (replies) => ({ NetworkInterfaceIds: [eniId(replies)] }),
});
const describeSubnet = (name: string): Step => ({
  name,
  operation: "DescribeSubnets",
  input: (replies) => ({ SubnetIds: [subnetId(replies)] }),
});

export const SEQUENCE: readonly Step[] = [
  { name: "vpc", operation: "CreateVpc", input: () => ({ CidrBlock: "10.7.0.0/16" }) },
  {
    name: "subnet",
    operation: "CreateSubnet",
    input: (replies) => ({
      VpcId: pick(replies, "vpc", "Vpc", "VpcId"),
      CidrBlock: "10.7.1.0/24",
      AvailabilityZone: "us-west-2a",
      TagSpecifications: [{ ResourceType: "subnet", Tags: [{ Key: "name", Value: 'a <b> & "c"' }] }],
    }),
  },
  {
    name: "reservation",
    operation: "CreateSubnetCidrReservation",
    input: (replies) => ({
      SubnetId: subnetId(replies),
      Cidr: "10.7.1.128/26",
      ReservationType: "prefix",
      Description: "for pods",
    }),
  },
  {
    name: "reservations",
    operation: "GetSubnetCidrReservations",
    input: (replies) => ({ SubnetId: subnetId(replies) }),
  },
  {
    name: "instance",
    operation: "RunInstances",
    input: (replies) => ({
      ImageId: "ami-0123456789abcdef0",
      InstanceType: "m5.large",
      MinCount: 1,
      MaxCount: 1,
      SubnetId: subnetId(replies),
      ClientToken: "run-1",
    }),
  },
  {
    name: "eni",
    operation: "CreateNetworkInterface",
    input: (replies) => ({
      SubnetId: subnetId(replies),
      Description: "aws-K8S-i-1",
      Ipv4PrefixCount: 2,
      TagSpecifications: [
        { ResourceType: "network-interface", Tags: [{ Key: "node.k8s.amazonaws.com/instance_id", Value: "i-1" }] },
      ],
      ClientToken: "create-1",
    }),
  },
  describeSubnet("subnetWithTwoPrefixes"),
  {
    name: "attachment",
    operation: "AttachNetworkInterface",
    input: (replies) => ({
      NetworkInterfaceId: eniId(replies),
      InstanceId: instanceId(replies),
      DeviceIndex: 1,
      NetworkCardIndex: 0,
    }),
  },
  {
    name: "modified",
    operation: "ModifyNetworkInterfaceAttribute",
    input: (replies) => ({
      NetworkInterfaceId: eniId(replies),
      Attachment: { AttachmentId: attachmentId(replies), DeleteOnTermination: true },
    }),
  },
  {
    name: "assigned",
    operation: "AssignPrivateIpAddresses",
    input: (replies) => ({ NetworkInterfaceId: eniId(replies), Ipv4PrefixCount: 1 }),
  },
  describeEni("eniWithThreePrefixes"),
  {
    name: "unassigned",
    operation: "UnassignPrivateIpAddresses",
    input: (replies) => ({
      NetworkInterfaceId: eniId(replies),
      Ipv4Prefixes: [pick(replies, "assigned", "AssignedIpv4Prefixes", 0, "Ipv4Prefix")],
    }),
  },
  {
    name: "instances",
    operation: "DescribeInstances",
    input: (replies) => ({ InstanceIds: [instanceId(replies)] }),
  },
  {
    name: "detached",
    operation: "DetachNetworkInterface",
    input: (replies) => ({ AttachmentId: attachmentId(replies) }),
  },
  describeEni("eniAfterDetach"),
  {
    name: "deleted",
    operation: "DeleteNetworkInterface",
    input: (replies) => ({ NetworkInterfaceId: eniId(replies) }),
  },
  describeSubnet("subnetAfterDelete"),
  {
    name: "terminated",
    operation: "TerminateInstances",
    input: (replies) => ({ InstanceIds: [instanceId(replies)] }),
  },
  {
    name: "allEnis",
    operation: "DescribeNetworkInterfaces",
    input: (replies) => ({ Filters: [{ Name: "subnet-id", Values: [subnetId(replies)] }] }),
  },
];

/** A reply as both clients can show it: no SDK metadata, times as ISO text. */
export function comparable(reply: unknown): unknown {
  return JSON.parse(JSON.stringify(reply), (key, value: unknown) => {
    if (key === "$metadata") return undefined;
    if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return new Date(value).toISOString();
    return value;
  });
}
