// What goes into the emulated VPC and what comes out: the description of a world, a request and its answer, metadata reads,
// control operations, statistics. Plain data; addresses are integers, times are milliseconds.
//
// Moments: a call takes effect when `act` is called, in the order of the calls; its answer is due at `replyAtMs`. What changes
// later (an attachment that completes, metadata that catches up) is worked out when someone looks.

import type { Cidr, Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { AddressItem } from "./address-item.ts";

// ---------------------------------------------------------------- the world at moment 0

/** Ids that are left out are drawn from the seed. */
export interface WorldDescription {
  readonly region: string;
  /** 12 digits; 123456789012 when left out. */
  readonly accountId?: string | undefined;
  /** Unix milliseconds at nowMs = 0. */
  readonly startWallMs: Ms;
  readonly vpcs: readonly VpcDescription[];
  readonly subnets: readonly SubnetDescription[];
  /** Each VPC gets a group named `default` unless one is listed. */
  readonly securityGroups?: readonly SecurityGroupDescription[] | undefined;
  readonly instances: readonly InstanceDescription[];
  /** ENIs in full detail, as a dump of a real VPC gives them: foreign ones, and those of `instances` by `attachment`. */
  readonly enis?: readonly EniDescription[] | undefined;
}

export interface TagDescription {
  readonly key: string;
  readonly value: string;
}

export interface VpcDescription {
  readonly id?: string | undefined;
  /** The first one is the primary block. */
  readonly cidrs: readonly Cidr[];
  /** One for each block. */
  readonly associationIds?: readonly string[] | undefined;
  readonly dhcpOptionsId?: string | undefined;
  readonly isDefault?: boolean | undefined;
  readonly tags?: readonly TagDescription[] | undefined;
}

export interface SubnetDescription {
  readonly id: string;
  /** The VPC whose block holds the CIDR when left out. */
  readonly vpcId?: string | undefined;
  readonly az: string;
  /** Zone id such as usw2-az1; made from the zone's letter when left out. */
  readonly azId?: string | undefined;
  readonly cidr: Cidr;
  /** Addresses of other tenants (load balancers, functions, endpoints), placed by the policy for single addresses. */
  readonly otherAddresses?: number | undefined;
  /** /28s of other tenants, placed by the policy for prefixes before `otherAddresses` are. */
  readonly otherPrefixes?: number | undefined;
  readonly reservations?: readonly ReservationDescription[] | undefined;
  readonly tags?: readonly TagDescription[] | undefined;
}

export type ReservationType = "prefix" | "explicit";

export interface ReservationDescription {
  readonly id?: string | undefined;
  readonly cidr: Cidr;
  readonly type: ReservationType;
  readonly description?: string | undefined;
  readonly tags?: readonly TagDescription[] | undefined;
}

export interface SecurityGroupDescription {
  readonly id?: string | undefined;
  readonly vpcId?: string | undefined;
  readonly name: string;
  readonly description?: string | undefined;
  readonly tags?: readonly TagDescription[] | undefined;
}

export type InstanceState = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export interface InstanceDescription {
  readonly id?: string | undefined;
  readonly type: string;
  /** The subnet of the primary ENI. */
  readonly subnetId: string;
  /** Becomes the tag `Name`. */
  readonly name?: string | undefined;
  readonly tags?: readonly TagDescription[] | undefined;
  readonly securityGroupIds?: readonly string[] | undefined;
  /** Placed by the policy when left out. */
  readonly primaryAddress?: Ipv4 | undefined;
  /** /28s that the primary ENI is born with: how many, placed by the policy, or which. */
  readonly prefixes?: number | readonly Ipv4[] | undefined;
  readonly state?: InstanceState | undefined;
  readonly launchWallMs?: Ms | undefined;
  readonly imageId?: string | undefined;
  /** The id of the reservation (of instances) that it was launched in. */
  readonly launchReservationId?: string | undefined;
  readonly launchIndex?: number | undefined;
}

export type EniStatus = "pending" | "available" | "associated" | "attaching" | "in-use" | "detaching";
export type AttachmentStatus = "attaching" | "attached" | "detaching" | "detached";

export interface EniDescription {
  readonly id: string;
  readonly subnetId: string;
  /** As EC2 prints it: interface, trunk, branch, efa, efa-only, lambda, natGateway, network_load_balancer ... */
  readonly interfaceType: string;
  readonly status: EniStatus;
  readonly description: string;
  readonly mac?: string | undefined;
  readonly ownerId?: string | undefined;
  readonly requesterId?: string | undefined;
  readonly isRequesterManaged: boolean;
  readonly isSourceDestCheck: boolean;
  readonly securityGroupIds: readonly string[];
  readonly primaryAddress: Ipv4;
  /** Without the primary one. */
  readonly addresses: readonly Ipv4[];
  /** First address of each /28. */
  readonly prefixes: readonly Ipv4[];
  readonly tags: readonly TagDescription[];
  readonly attachment?: AttachmentDescription | undefined;
}

export interface AttachmentDescription {
  readonly id: string;
  /** undefined: attached to something that belongs to AWS (a load balancer, a function). */
  readonly instanceId: string | undefined;
  readonly instanceOwnerId?: string | undefined;
  readonly deviceIndex: number;
  readonly networkCardIndex: number;
  readonly status: AttachmentStatus;
  readonly attachWallMs?: Ms | undefined;
  readonly isDeleteOnTermination: boolean;
}

/** One thing that is wrong with a world: what it is and where it stands. */
export interface WorldProblem {
  /** The resource or the document and field: `subnet-a`, `network-interfaces.json: NetworkInterfaces[3].SubnetId`. */
  readonly where: string;
  readonly what: string;
}

// ---------------------------------------------------------------- a call and its answer

/** One EC2 call, decoded. `params` are the flattened Query parameters without Action and Version. */
export interface ActRequest {
  readonly action: string;
  readonly params: ReadonlyMap<string, string>;
}

/** A value of a reply: text, number, boolean, a structure, or a list whose members become `<item>`. */
export type ReplyValue = string | number | boolean | undefined | ReplyTree | AddressItem | readonly ReplyValue[];

/** Element names as on the wire. A field that is undefined is left out; an empty list stays as an empty element. */
export interface ReplyTree {
  readonly [element: string]: ReplyValue;
}

export type ActReply =
  | { readonly kind: "ok"; readonly tree: ReplyTree }
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly httpStatus: number };

export interface ActResult {
  readonly action: string;
  readonly requestId: string;
  /** Send the answer at this moment; never before the `nowMs` of the call. */
  readonly replyAtMs: Ms;
  readonly reply: ActReply;
  /** The call took effect, its answer gets lost: close the connection at `replyAtMs` without a byte. */
  readonly isReplyDropped: boolean;
}

/** The answer to a metadata path. Tokens, methods and headers are the server's. */
export interface ImdsAnswer {
  readonly status: 200 | 404 | 503;
  /** Lines are separated by LF, without one at the end. Empty when the status is not 200. */
  readonly body: string;
  readonly replyAtMs: Ms;
}

// ---------------------------------------------------------------- control and statistics

export type ControlOperation =
  /** Puts one foreign address into each of `share` (0 to 1; 1 when left out) of the free /28s. */
  | { readonly op: "fragment"; readonly subnetId: string; readonly share?: number }
  /** Takes free addresses for other tenants until `leave` (0 when left out) remain. */
  | { readonly op: "exhaust"; readonly subnetId: string; readonly leave?: number }
  /** Gives back up to `count` addresses of other tenants, by default all. */
  | { readonly op: "release"; readonly subnetId: string; readonly count?: number }
  /** Every call of the action, or of all actions, is throttled for so long. */
  | { readonly op: "throttle"; readonly action?: string; readonly forMs: Ms }
  /** The next `times` (1) calls after `after` (0) others answer this code and change nothing. */
  | {
      readonly op: "fail";
      readonly action?: string;
      readonly code: string;
      readonly message?: string;
      readonly httpStatus?: number;
      readonly times?: number;
      readonly after?: number;
    }
  /** The next `times` calls take effect, but their answer is lost. */
  | { readonly op: "dropReply"; readonly action?: string; readonly times?: number; readonly after?: number }
  /** The next `times` answers come `ms` later. */
  | {
      readonly op: "delay";
      readonly action?: string;
      readonly ms: Ms;
      readonly times?: number;
      readonly after?: number;
    }
  | { readonly op: "clearFaults" }
  | { readonly op: "reserve"; readonly subnetId: string; readonly cidr: string; readonly type: ReservationType }
  | { readonly op: "unreserve"; readonly reservationId: string }
  | { readonly op: "setKnob"; readonly name: string; readonly value: unknown }
  | { readonly op: "stats" };

export type ControlResult =
  | { readonly ok: true; readonly result: ControlOutcome }
  | { readonly ok: false; readonly error: string };

/** `changed`: how many addresses, reservations, faults or knobs the operation touched. */
export type ControlOutcome = { readonly changed: number; readonly id?: string } | VpcStats;

export interface SubnetStats {
  readonly id: string;
  readonly vpcId: string;
  readonly cidr: string;
  readonly availabilityZone: string;
  readonly availableIpAddressCount: number;
  /** /28s that an automatic prefix request could get now. */
  readonly freePrefixCount: number;
  readonly assignedPrefixCount: number;
  readonly eniCount: number;
}

export interface Ec2CallCount {
  readonly action: string;
  /** null: success. */
  readonly code: string | null;
  readonly count: number;
}

export interface VpcStats {
  readonly subnets: readonly SubnetStats[];
  readonly ec2: readonly Ec2CallCount[];
  /** When a call last changed anything; undefined: never. */
  readonly lastChangeMs: Ms | undefined;
}

/** JSON documents as the AWS CLI prints them, by command. */
export interface Dump {
  readonly "describe-vpcs": { readonly Vpcs: readonly object[] };
  readonly "describe-subnets": { readonly Subnets: readonly object[] };
  readonly "describe-security-groups": { readonly SecurityGroups: readonly object[] };
  readonly "describe-network-interfaces": { readonly NetworkInterfaces: readonly object[] };
  readonly "describe-instances": { readonly Reservations: readonly object[] };
  /** One document per subnet, as the command takes one subnet. */
  readonly "get-subnet-cidr-reservations": readonly {
    readonly SubnetIpv4CidrReservations: readonly object[];
    readonly SubnetIpv6CidrReservations: readonly object[];
  }[];
}
