// The records that the emulated VPC is made of. What can change in an ENI sits in one immutable `EniVersion`, replaced as a
// whole: older versions stay valid for reads that lag behind.

import type { Cidr, Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { InstanceTypeLimits } from "../../catalog/instance-types.ts";
import type { AddressBook } from "./address-book.ts";
import type { AttachmentStatus, EniStatus, InstanceState, ReservationType } from "./types.ts";

/** In the order in which they were set. */
export type Tags = ReadonlyMap<string, string>;

export const NO_TAGS: Tags = new Map();

export interface VpcCidr {
  readonly associationId: string;
  readonly cidr: Cidr;
  state: "associating" | "associated" | "disassociating" | "disassociated";
}

export interface VpcRecord {
  readonly serial: number;
  readonly id: string;
  /** The primary block first. */
  readonly cidrs: VpcCidr[];
  readonly isDefault: boolean;
  readonly dhcpOptionsId: string;
  state: "pending" | "available";
  tags: Tags;
}

export interface SubnetRecord {
  readonly serial: number;
  readonly id: string;
  readonly vpc: VpcRecord;
  readonly availabilityZone: string;
  readonly cidr: Cidr;
  readonly book: AddressBook;
  readonly reservations: ReservationRecord[];
  readonly enis: Set<EniRecord>;
  tags: Tags;
  /** Older values of availableIpAddressCount, for reads that lag; empty unless those are on. */
  readonly pastCounts: { readonly untilMs: Ms; readonly count: number }[];
}

export interface ReservationRecord {
  readonly serial: number;
  readonly id: string;
  readonly subnet: SubnetRecord;
  readonly cidr: Cidr;
  readonly type: ReservationType;
  readonly description: string;
  tags: Tags;
}

export interface SecurityGroupRecord {
  readonly serial: number;
  readonly id: string;
  readonly vpc: VpcRecord;
  readonly name: string;
  readonly description: string;
  tags: Tags;
}

export interface Attachment {
  readonly id: string;
  /** undefined: attached to something that belongs to AWS. */
  readonly instanceId: string | undefined;
  readonly instanceOwnerId: string;
  readonly deviceIndex: number;
  readonly networkCardIndex: number;
  readonly status: AttachmentStatus;
  readonly attachWallMs: Ms;
  readonly isDeleteOnTermination: boolean;
}

export interface EniVersion {
  readonly status: EniStatus;
  readonly description: string;
  readonly isSourceDestCheck: boolean;
  readonly groups: readonly SecurityGroupRecord[];
  /** Secondary addresses in the order of their assignment. */
  readonly addresses: readonly Ipv4[];
  readonly prefixes: readonly Ipv4[];
  readonly tags: Tags;
  readonly attachment: Attachment | undefined;
}

export interface EniRecord {
  /** Place in the world's table of ENIs; reused after deletion. */
  readonly index: number;
  /** Order of creation; never reused. */
  readonly serial: number;
  readonly id: string;
  readonly subnet: SubnetRecord;
  readonly interfaceType: string;
  readonly mac: string;
  readonly ownerId: string;
  readonly requesterId: string | undefined;
  readonly isRequesterManaged: boolean;
  /** 0: none (efa-only). */
  readonly primaryAddress: Ipv4;
  /** Made by `otherAddresses`, `otherPrefixes`, or a control operation. */
  readonly isForeign: boolean;
  readonly createdMs: Ms;
  now: EniVersion;
  /** Older versions for reads that lag, oldest first; undefined unless those are on. */
  past: { readonly untilMs: Ms; readonly version: EniVersion }[] | undefined;
}

/** What instance metadata has learnt about one ENI: it shows the last entry whose moment has come. */
export interface ImdsEntry {
  readonly fromMs: Ms;
  /** The fields of a new MAC may come later than the MAC. */
  readonly fieldsFromMs: Ms;
  /** undefined: gone. */
  readonly version: EniVersion | undefined;
  /** The list of MACs still names a gone one until then. */
  readonly staleUntilMs: Ms;
}

export interface InstanceRecord {
  readonly id: string;
  readonly serial: number;
  readonly type: string;
  readonly limits: InstanceTypeLimits;
  readonly vpc: VpcRecord;
  readonly subnet: SubnetRecord;
  readonly availabilityZone: string;
  readonly imageId: string;
  readonly launchReservationId: string;
  readonly launchIndex: number;
  readonly launchWallMs: Ms;
  state: InstanceState;
  terminatedMs: Ms | undefined;
  tags: Tags;
  /** Attached ENIs, also while attaching or detaching. */
  readonly enis: Set<EniRecord>;
  readonly imds: Map<EniRecord, ImdsEntry[]>;
  /** Goes up with every change of `imds`. */
  imdsVersion: number;
}

export interface TrunkAssociation {
  readonly id: string;
  readonly serial: number;
  readonly branch: EniRecord;
  readonly trunk: EniRecord;
  readonly vlanId: number | undefined;
  readonly greKey: number | undefined;
}
