// The engine's vocabulary: what goes in, what comes out. Plain data, flat, integers for addresses and attachments.
//
// A body (agent, simulator, page) starts the effects in the order given and does not wait for one before it starts the next,
// with one exception: a `reply` whose `after` is not 0 is held until the save of that id, or a later one, is written.
// Effects that carry an `id` come back as `completed` with that id, in any order.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";
import type { MessageArgument, MessageId } from "./messages.ts";
import type { Reason } from "./reasons.ts";
import type { LogLevel, Settings } from "./settings.ts";

/** An attachment (network name, container id, interface name), interned by the body. Never 0. */
export type Attachment = number;
export type EniId = string;
export type SubnetId = string;

// ---------------------------------------------------------------- facts

/** What one node is. Read by the body before `started`; the mutable part comes again with `nodeChanged`. */
export interface NodeFacts extends NodeState {
  readonly nodeName: string;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly limits: EngineLimits;
  readonly region: string;
  readonly availabilityZone: string;
  readonly vpcId: string;
  readonly primaryEniId: EniId;
  readonly primarySubnetId: SubnetId;
  /**
   * The body sends `metadataChanged` at the moment from which metadata shows something else, and metadata never fails: looks in
   * between would show nothing new and are left out. Only a body that simulates metadata can promise that.
   */
  readonly isMetadataTold?: boolean;
}

/** The part of the facts that changes while the node lives (Kubernetes Node, ENIConfig). */
export interface NodeState {
  /** Node.status.capacity.pods, host-network pods included. */
  readonly maxPods: number;
  /** The node carries the taint node.kubernetes.io/unschedulable:NoSchedule. */
  readonly isUnschedulable: boolean;
  /** The ENIConfig that custom networking resolves to; undefined when there is none of that name. */
  readonly eniConfig: EniConfig | undefined;
  /** Nodes of the cluster, this one included: they share the account's API budget. Left out: not known. */
  readonly clusterNodeCount?: number | undefined;
}

export interface EniConfig {
  readonly name: string;
  readonly subnetId: SubnetId;
  /** Empty: the security groups of the primary ENI. */
  readonly securityGroupIds: readonly string[];
}

export interface EngineLimits {
  readonly eniCountMax: number;
  readonly ipv4PerEni: number;
  readonly supportsPrefixes: boolean;
  readonly isTrunkingCompatible: boolean;
}

/** One ENI as instance metadata shows it. */
export interface ImdsEni {
  readonly eniId: EniId;
  readonly mac: string;
  readonly deviceNumber: number;
  readonly networkCard: number;
  readonly subnetId: SubnetId;
  readonly subnetCidr: Cidr;
  /** 0 when the ENI shows no address (efa-only). */
  readonly primaryAddress: Ipv4;
  /** Secondary addresses: the primary one is left out. */
  readonly addresses: readonly Ipv4[];
  /** First address of each /28. */
  readonly prefixes: readonly Ipv4[];
}

export type EniInterfaceType = "interface" | "trunk" | "efa" | "efa-only" | "branch" | "other";

/** One ENI as EC2 describes it. */
export interface Ec2Eni {
  readonly eniId: EniId;
  readonly subnetId: SubnetId;
  readonly interfaceType: EniInterfaceType;
  readonly status: string;
  readonly description: string;
  readonly attachmentId: string | undefined;
  readonly instanceId: string | undefined;
  readonly deviceNumber: number | undefined;
  readonly networkCard: number | undefined;
  readonly deleteOnTermination: boolean;
  readonly primaryAddress: Ipv4;
  readonly addresses: readonly Ipv4[];
  readonly prefixes: readonly Ipv4[];
  readonly tags: readonly Tag[];
}

export interface Ec2Subnet {
  readonly subnetId: SubnetId;
  /** Left out: not known. */
  readonly cidr?: Cidr | undefined;
  readonly availableIpAddressCount: number;
  readonly tags: readonly Tag[];
}

/** A CIDR reservation of a subnet. */
export interface Ec2Reservation {
  readonly cidr: Cidr;
  readonly type: "prefix" | "explicit";
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** One allocation as the checkpoint holds it. Wall time in whole milliseconds plus the rest in nanoseconds: no precision lost. */
export interface Allocation {
  readonly attachment: Attachment;
  readonly address: Ipv4;
  readonly allocatedWallMs: number;
  /** 0 to 999,999. */
  readonly allocatedNsRest: number;
}

// ---------------------------------------------------------------- EC2 intentions and outcomes

/**
 * One EC2 call. Counts are units of the kind: /28s in `prefixCount`, addresses in `addressCount`; at most one is above 0, none
 * where `prefixes` or `addresses` name what is wanted (/28s by their first address).
 */
export type Ec2Intention =
  | {
      readonly action: "AssignPrivateIpAddresses";
      readonly eniId: EniId;
      readonly prefixCount: number;
      readonly addressCount: number;
      readonly prefixes?: readonly Ipv4[];
      readonly addresses?: readonly Ipv4[];
    }
  | {
      readonly action: "UnassignPrivateIpAddresses";
      readonly eniId: EniId;
      readonly prefixes: readonly Ipv4[];
      readonly addresses: readonly Ipv4[];
    }
  | {
      readonly action: "CreateNetworkInterface";
      readonly subnetId: SubnetId;
      readonly securityGroupIds: readonly string[];
      readonly description: string;
      readonly prefixCount: number;
      readonly addressCount: number;
      readonly prefixes?: readonly Ipv4[];
      /** Left out: EC2 chooses. */
      readonly primaryAddress?: Ipv4;
      readonly tags: readonly Tag[];
      /** instance id + bootId + counter: a repeated call after a lost reply creates nothing twice. */
      readonly clientToken: string;
    }
  | {
      readonly action: "AttachNetworkInterface";
      readonly eniId: EniId;
      readonly instanceId: string;
      readonly deviceIndex: number;
    }
  | { readonly action: "SetDeleteOnTermination"; readonly eniId: EniId; readonly attachmentId: string }
  | { readonly action: "SetSecurityGroups"; readonly eniId: EniId; readonly securityGroupIds: readonly string[] }
  | { readonly action: "DetachNetworkInterface"; readonly attachmentId: string }
  | { readonly action: "DeleteNetworkInterface"; readonly eniId: EniId }
  | { readonly action: "DescribeNetworkInterfaces"; readonly eniIds: readonly EniId[] }
  | { readonly action: "DescribeLeakedNetworkInterfaces"; readonly vpcId: string; readonly clusterName: string }
  /** Every ENI of the subnet, whoever holds it; all pages. */
  | { readonly action: "DescribeSubnetNetworkInterfaces"; readonly subnetId: SubnetId }
  | { readonly action: "GetSubnetCidrReservations"; readonly subnetId: SubnetId }
  | { readonly action: "DescribeInstances"; readonly instanceId: string }
  | { readonly action: "DescribeSubnets"; readonly vpcId: string; readonly availabilityZone: string }
  | { readonly action: "CreateTags"; readonly resourceId: string; readonly tags: readonly Tag[] };

export type Ec2IntentionAction = Ec2Intention["action"];

/** The EC2 API name of an intention: two intentions share ModifyNetworkInterfaceAttribute, three DescribeNetworkInterfaces. */
export function ec2ApiName(action: Ec2IntentionAction): string {
  switch (action) {
    case "SetDeleteOnTermination":
    case "SetSecurityGroups":
      return "ModifyNetworkInterfaceAttribute";
    case "DescribeLeakedNetworkInterfaces":
    case "DescribeSubnetNetworkInterfaces":
      return "DescribeNetworkInterfaces";
    default:
      return action;
  }
}

/** What a call that succeeded brought; only the fields of its action are set, the others are empty. */
export interface Ec2Answer {
  /** AssignPrivateIpAddresses: only what this call assigned. */
  readonly prefixes?: readonly Ipv4[];
  readonly addresses?: readonly Ipv4[];
  /** CreateNetworkInterface: one. Describe...: all pages. */
  readonly enis?: readonly Ec2Eni[];
  /** AttachNetworkInterface. */
  readonly attachmentId?: string;
  /** DescribeInstances: device indexes in use on network card 0. */
  readonly deviceIndexes?: readonly number[];
  /** DescribeSubnets. */
  readonly subnets?: readonly Ec2Subnet[];
  /** GetSubnetCidrReservations. */
  readonly reservations?: readonly Ec2Reservation[];
}

/** How an EC2 error is to be treated. `lost`: no answer came, the call may have taken effect. */
export type Ec2ErrorClass =
  | "throttled"
  | "retryable"
  | "notFound"
  | "denied"
  | "exhausted"
  | "limit"
  | "invalid"
  | "lost";

export type Ec2Outcome =
  | { readonly kind: "done"; readonly answer: Ec2Answer }
  | {
      readonly kind: "refused";
      readonly errorClass: Ec2ErrorClass;
      readonly awsCode: string;
      readonly message: string;
    };

// ---------------------------------------------------------------- inputs

/** Everything that can happen to the engine. `nowMs` is monotonic and never goes back. */
export type Input =
  | {
      readonly kind: "started";
      readonly nowMs: Ms;
      /** Wall time = nowMs + wallOffsetMs. */
      readonly wallOffsetMs: Ms;
      readonly facts: NodeFacts;
      readonly enis: readonly ImdsEni[];
      /** undefined: no checkpoint file, a fresh node. */
      readonly checkpoint: readonly Allocation[] | undefined;
      /** Different at each start; part of client tokens. */
      readonly bootId: string;
    }
  | {
      readonly kind: "allocate";
      readonly nowMs: Ms;
      readonly requestId: number;
      readonly attachment: Attachment;
      readonly deadlineMs: Ms;
    }
  | { readonly kind: "release"; readonly nowMs: Ms; readonly requestId: number; readonly attachment: Attachment }
  /** The caller of this request hung up before its reply. */
  | { readonly kind: "abandoned"; readonly nowMs: Ms; readonly requestId: number }
  /** CNI GC: every attachment that is still valid; all others are released. */
  | {
      readonly kind: "validAttachments";
      readonly nowMs: Ms;
      readonly requestId: number;
      readonly attachments: readonly Attachment[];
    }
  | { readonly kind: "wake"; readonly nowMs: Ms }
  | { readonly kind: "completed"; readonly nowMs: Ms; readonly id: number; readonly outcome: Outcome }
  /** Every save up to this id is on disk. */
  | { readonly kind: "saved"; readonly nowMs: Ms; readonly saveId: number }
  /** The write that held the saves up to this id failed; the body has dropped the replies that waited for them. */
  | { readonly kind: "saveFailed"; readonly nowMs: Ms; readonly saveId: number; readonly message: string }
  /** Pods bound to this node that need an address of their own, those that have one included. */
  | { readonly kind: "podsBound"; readonly nowMs: Ms; readonly count: number }
  | { readonly kind: "nodeChanged"; readonly nowMs: Ms; readonly state: NodeState }
  /** See `NodeFacts.isMetadataTold`. */
  | { readonly kind: "metadataChanged"; readonly nowMs: Ms }
  | { readonly kind: "clockStepped"; readonly nowMs: Ms; readonly wallOffsetMs: Ms }
  | { readonly kind: "stopping"; readonly nowMs: Ms };

/** What came of an effect with an id. */
export type Outcome =
  | { readonly kind: "ec2"; readonly result: Ec2Outcome }
  | { readonly kind: "enis"; readonly enis: readonly ImdsEni[] }
  | { readonly kind: "securityGroups"; readonly securityGroupIds: readonly string[] }
  /** setUpEni, tearDownEni, announce: it worked. */
  | { readonly kind: "ok" }
  /** observe, setUpEni, tearDownEni, announce: it did not. */
  | { readonly kind: "failed"; readonly message: string };

// ---------------------------------------------------------------- effects

export type Effect =
  | { readonly kind: "reply"; readonly requestId: number; readonly after: number; readonly result: ReplyResult }
  | { readonly kind: "ec2"; readonly id: number; readonly intention: Ec2Intention }
  /** Read from instance metadata: the attached ENIs, or the security groups of the primary ENI. */
  | { readonly kind: "observe"; readonly id: number; readonly what: "enis" | "securityGroups" }
  /** Program the host for this ENI: link, address, routes, rule. Nothing to do where a body has no datapath. */
  | { readonly kind: "setUpEni"; readonly id: number; readonly eni: ImdsEni; readonly routeTableId: number }
  | { readonly kind: "tearDownEni"; readonly id: number; readonly eniId: EniId; readonly primaryAddress: Ipv4 }
  /** Write the checkpoint: the body asks `engine.allocations()` when it writes, so one write may serve several saves. */
  | { readonly kind: "save"; readonly saveId: number }
  /** Announce a feature on the CNINode object. */
  | {
      readonly kind: "announce";
      readonly id: number;
      readonly feature: "SecurityGroupsForPods" | "CustomNetworking";
      readonly value: string;
    }
  /** A Kubernetes event on the agent's own pod. */
  | {
      readonly kind: "event";
      readonly reason: "MissingIAMPermissions";
      readonly action: string;
      readonly message: string;
    }
  | { readonly kind: "log"; readonly message: MessageId; readonly args: readonly MessageArgument[] }
  /** The first pool is there: the body may answer health checks, ADD and DEL. */
  | { readonly kind: "ready" }
  /** Boot failed as the reference's does: the process ends with status 1 and is restarted. */
  | { readonly kind: "exit"; readonly reason: Reason; readonly message: string };

export type ReplyResult =
  | {
      readonly kind: "allocated";
      readonly attachment: Attachment;
      readonly address: Ipv4;
      readonly deviceNumber: number;
      readonly routeTableId: number;
      /** This attachment had the address already: ADD is idempotent. */
      readonly isRepeat: boolean;
    }
  | {
      readonly kind: "released";
      readonly attachment: Attachment;
      readonly address: Ipv4;
      readonly deviceNumber: number;
      readonly routeTableId: number;
    }
  /** DEL of an attachment that holds nothing; also the answer for what was never there. */
  | { readonly kind: "unknownAttachment"; readonly attachment: Attachment }
  | {
      readonly kind: "refused";
      readonly reason: Reason;
      readonly message: string;
      readonly retryAfterMs: Ms | undefined;
    }
  | { readonly kind: "collected"; readonly releasedCount: number };

// ---------------------------------------------------------------- the engine

export const POLICY_IDS = ["vpc-cni", "slash28"] as const;
export type PolicyId = (typeof POLICY_IDS)[number];

export interface EngineOptions {
  readonly settings: Settings;
  readonly policy: PolicyId;
  readonly seed: number;
  /** Log effects at this level and above; undefined: none, and their arguments are never built. */
  readonly logLevel: LogLevel | undefined;
  /**
   * The body has written a change by the time that it takes the step's effects, and no write fails: no save is asked for, and
   * no reply waits for one. For simulated bodies. Default: false.
   */
  readonly savesAtOnce?: boolean;
}

export interface Engine {
  /** The effects of one input, in the order to start them. The array is valid until the next call. */
  step(input: Input): readonly Effect[];
  /** The next moment at which `wake` would have an effect; undefined: none until something else happens. */
  wakeAt(): Ms | undefined;
  /** Every allocation, for the checkpoint. */
  allocations(): Allocation[];
  /** The same without an object each, for the body that writes the checkpoint at each ADD and DEL. */
  eachAllocation(
    visit: (attachment: Attachment, address: Ipv4, allocatedWallMs: number, allocatedNsRest: number) => void,
  ): void;
  /** The address that an attachment holds; undefined when it holds none. O(1). */
  addressOf(attachment: Attachment): Ipv4 | undefined;
  /**
   * The disk still gives the attachment an address that it holds no more: a DEL of it has to be saved before it is answered, so its number must
   * be kept.
   */
  isOnDiskOnly(attachment: Attachment): boolean;
  /** A copy for introspection, metrics and checkers. */
  view(nowMs: Ms): EngineView;
}

export type AddressState = "allocated" | "cooling" | "free";

export interface EngineView {
  readonly isReady: boolean;
  readonly isStopping: boolean;
  readonly mode: "prefix" | "secondary";
  readonly maxEniCount: number;
  readonly unmanagedEniCount: number;
  readonly addressesPerEniMax: number;
  readonly trunkEniId: EniId | undefined;
  readonly enis: readonly EniView[];
  /** The reference's running counters (ipamd.md 2.5): they drift as its own do. */
  readonly runningTotal: number;
  readonly runningAssigned: number;
  readonly runningPrefixCount: number;
  /** Counters by metric name and label value, e.g. `awscni_ipamd_error_count` -> `reconcileFailedGetENIs` -> 2. */
  readonly counters: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Operations in flight: increaseDatastorePool, decreaseDatastorePool, nodeIPPoolReconcile, nodeInit. */
  readonly inProgress: readonly string[];
  /** Refused ADDs by reason. */
  readonly refusals: ReadonlyMap<Reason, number>;
  /** Times a documented quirk broke an invariant, by quirk id. */
  readonly quirks: ReadonlyMap<string, number>;
}

export interface EniView {
  readonly eniId: EniId;
  readonly subnetId: SubnetId;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly isPrimary: boolean;
  readonly isTrunk: boolean;
  readonly isEfa: boolean;
  readonly isExcluded: boolean;
  readonly primaryAddress: Ipv4;
  readonly cidrs: readonly CidrView[];
}

export interface CidrView {
  readonly base: Ipv4;
  readonly isPrefix: boolean;
  /** In doubt, or on its way back to EC2: its pods keep their addresses, no other pod gets one. */
  readonly isQuarantined: boolean;
  /** Only addresses that are or were allocated. */
  readonly addresses: readonly AddressView[];
}

export interface AddressView {
  readonly address: Ipv4;
  readonly state: AddressState;
  /** 0 unless allocated. */
  readonly attachment: Attachment;
  readonly allocatedWallMs: number;
  readonly allocatedNsRest: number;
  /** Wall time of the release; undefined while allocated. */
  readonly releasedWallMs: number | undefined;
}
