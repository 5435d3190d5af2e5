// The log messages of engine and agent: the texts of the reference where it has one (ipamd.md 9.6), so that tools read both.
// An effect carries the id and the arguments; the body formats, and only when the line is written.
//
// Placeholders, filled in the order of the arguments:
//   {n} number            {s} text              {b} true or false
//   {d} milliseconds, printed as Go prints a duration (2m0s)
//   {time} wall milliseconds, printed as Go prints a UTC time
//   {ip} address integer  {prefix} integer, printed with /28   {cidr32} integer, printed with /32
//   {sandbox} attachment: network/container/interface          {metadata} attachment: its pod
//   {ips} {prefixes} {cidr32s} {list} arrays of the same, printed as Go prints a slice: [a b]

import { civilDate } from "../base/calendar.ts";
import { formatIpv4 } from "../base/ipv4.ts";
import type { LogLevel } from "./settings.ts";

export interface MessageDefinition<Text extends string = string> {
  readonly level: LogLevel;
  /** The `caller` field of the JSON line. */
  readonly caller: string;
  readonly text: Text;
}

const ENGINE = "ipam/engine.ts";
const POOL = "pool/pool.ts";
const BOOT = "operations/boot.ts";
const INVENTORY = "operations/inventory.ts";
const SET_UP = "operations/set-up-eni.ts";
const GROW = "operations/grow.ts";
const NEW_ENI = "operations/new-eni.ts";
const CIDRS = "operations/cidrs.ts";
const FREE_ENI = "operations/free-eni.ts";
const RECONCILE = "operations/reconcile.ts";
const BACKGROUND = "operations/background.ts";
const ANNOUNCE = "operations/announce.ts";
const POLICY = "vpc-cni/loop.ts";
const CONTROLLER = "slash28/controller.ts";
const SETTINGS = "ipam/settings.ts";
const CHECKPOINT = "ipam/checkpoint.ts";
const AGENT = "agent/agent.ts";
const RPC = "agent/rpc.ts";
const NETWORK = "agent/network.ts";
const POD_NETWORK = "agent/pod-network.ts";

function debug<const T extends string>(caller: string, text: T): MessageDefinition<T> {
  return { level: "debug", caller, text };
}
function info<const T extends string>(caller: string, text: T): MessageDefinition<T> {
  return { level: "info", caller, text };
}
function warn<const T extends string>(caller: string, text: T): MessageDefinition<T> {
  return { level: "warn", caller, text };
}
function error<const T extends string>(caller: string, text: T): MessageDefinition<T> {
  return { level: "error", caller, text };
}

export const MESSAGES = {
  // Start (ipamd.md 1.2, 1.3, 6.1, 9.6)
  starting: info(AGENT, "Starting L-IPAMD {s}  ..."),
  nodeInitStart: debug(BOOT, "Start node init"),
  nodeInitDone: debug(BOOT, "node init completed successfully"),
  initializationFailure: error(AGENT, "Initialization failure: {s}"),
  prefixDelegationEnabled: info(BOOT, "Prefix Delegation enabled {b}"),
  prefixDelegationUnsupported: warn(
    BOOT,
    "Prefix delegation is not supported on non-nitro instance {s} hence falling back to default (secondary IP) mode",
  ),
  instanceLimitsUnknown: error(AGENT, "Failed to get ENI limits from file:vpc_ip_limits or EC2 for {s}"),
  maxAddressesPerEni: debug(BOOT, "Max ip per ENI {n} and max prefixes per ENI {n}"),
  usingWarmIpTarget: debug(SETTINGS, "Using WARM_IP_TARGET {n}"),
  usingMinimumIpTarget: debug(SETTINGS, "Using MINIMUM_IP_TARGET {n}"),
  usingWarmPrefixTarget: debug(SETTINGS, "Using WARM_PREFIX_TARGET {n}"),
  usingWarmEniTarget: debug(SETTINGS, "Using WARM_ENI_TARGET {n}"),
  usingMaxEni: debug(SETTINGS, "Using MAX_ENI {n}"),
  customNetworkingEnabled: info(SETTINGS, "Custom networking enabled {b}"),
  subnetDiscoveryEnabled: info(SETTINGS, "Subnet discovery enabled {b}"),
  configurationInvalid: error(SETTINGS, "ipamd: failed to validate configuration"),
  settingWarning: warn(SETTINGS, "{s}"),
  settingError: error(SETTINGS, "{s}"),
  maxPodsDefaulted: warn(AGENT, "Using default maxPods as {n} because reading from file failed: {s}"),
  describeAllEnisSuccess: debug(INVENTORY, "DescribeAllENIs success: ENIs: {n}, tagged: {n}"),
  describeAllEnisFailed: error(INVENTORY, "DescribeAllENIs: failed to read the attached ENIs: {s}"),
  eniWithoutAddress: error(INVENTORY, "DescribeAllENIs: No IPv4 and IPv6 addresses found"),
  markingUnmanaged: debug(INVENTORY, "Marking ENI {s} as being unmanaged"),
  skippingUnmanaged: debug(INVENTORY, "Skipping ENI {s}: since it is unmanaged"),
  discoveredEni: debug(BOOT, "Discovered ENI {s}, trying to set it up"),
  eniSetUp: info(BOOT, "ENI {s} set up."),
  foundEniAddresses: info(SET_UP, "Found ENIs having {n} secondary IPs and {n} Prefixes"),
  setUpEniFailed: warn(BOOT, "Error trying to set up ENI {s}: {s}"),
  setUpEniGaveUp: warn(
    BOOT,
    "Reached max retry: Unable to discover attached IPs for ENI from metadata service (attempted {n}/{n}): {s}",
  ),
  /** First argument: primary or secondary. */
  markingExcluded: info(SET_UP, "Marking {s} ENI {s} as excluded from pod IP allocation (in excluded subnet {s})"),
  exclusionCheckFailed: warn(SET_UP, "Could not tell whether subnet {s} of ENI {s} is excluded: {s}"),
  subnetNotListed: warn(SET_UP, "Subnet {s} is not among the subnets of this VPC and zone: not excluded"),
  primaryEniLacksDeleteOnTermination: warn(INVENTORY, "Primary ENI {s} is not deleted when the instance terminates"),
  tagEniFailed: error(SET_UP, "Failed to tag ENI {s}: {s}"),
  preScalingFailed: error(BOOT, "error while trying to increase datastore pool: {s}"),
  customNetworkingNoEni: error(BOOT, "Failed to attach any ENIs for custom networking"),
  poolManagerStart: info(
    POLICY,
    "IP pool manager - max pods: {n}, warm IP target: {n}, warm prefix target: {n}, warm ENI target: {n}, minimum IP target: {n}",
  ),

  // Checkpoint (ipamd.md 6.2)
  recoveryBegin: info(CHECKPOINT, "Begin ipam state recovery from backing store"),
  recoveryDone: debug(CHECKPOINT, "Completed ipam state recovery"),
  backingStoreMissing: debug(CHECKPOINT, "backing store doesn't exists, assuming bootstrap on a new node"),
  recovered: debug(CHECKPOINT, "Recovered {sandbox} => {s}/{ip}"),
  staleAllocation: warn(CHECKPOINT, "stale IP allocation for ID({sandbox}): IPv4({ip}), IPv6({s}) due to {s}"),
  unknownCheckpointAddress: info(
    CHECKPOINT,
    "datastore: Sandbox {sandbox} uses unknown IP Address {ip} - presuming stale/dead",
  ),
  recoveryFailed: error(CHECKPOINT, "failed ipam state recovery from backing store: {s}"),
  checkpointSetAside: error(CHECKPOINT, "The checkpoint cannot be used ({s}); it is kept as {s}"),

  // Pods and the node's network (datapath.md)
  podWiringFailed: error(POD_NETWORK, "Failed SetupPodNetwork for container {s}: {s}"),
  podPolicyFailed: error(POD_NETWORK, "The network policy of pod {s}/{s} could not be set or removed: {s}"),
  podRestLeft: warn(POD_NETWORK, "DEL of container {s} could not remove {s}"),
  networkRepaired: info(NETWORK, "Network verification put right: {s}"),
  networkProblem: error(NETWORK, "Network verification found what it cannot put right: {s}"),
  networkIsRight: info(NETWORK, "Network verification: the last problems are gone"),

  // The loop (ipamd.md 4)
  ipStats: debug(POLICY, "IP stats for Network Card {n} - total IPs: {n}, assigned IPs: {n}, cooldown IPs: {n}"),
  poolTooLow: debug(
    POLICY,
    "IP pool is too low for Network Card {n}: available ({n}) < ENI target ({n}) * addrsPerENI ({n})",
  ),
  prefixTargetShort: debug(POLICY, "Prefix target is {n}, short of {n} prefixes, free {n} prefixes"),
  toAllocate: debug(POLICY, "ToAllocate: {n}, Network Card {n}"),
  increaseStart: debug(POLICY, "Starting to increase pool size for network card {n}"),
  recentlyExhausted: debug(POLICY, "Recently we had InsufficientCidr error hence will wait for {d} before retrying"),
  terminatingNoGrowth: debug(POLICY, "AWS CNI is terminating, will not try to attach any new IPs or ENIs right now"),
  unschedulableNoGrowth: debug(
    POLICY,
    "AWS CNI is on a non schedulable node, will not try to attach any new IPs or ENIs right now",
  ),
  prefixPoolStats: debug(
    POLICY,
    "Prefix pool stats for network card {n}: Total IPs/Prefixes = {n}/{n}, AssignedIPs/CooldownIPs: {n}/{n}, c.maxIPsPerENI = {n}",
  ),
  addressPoolStats: debug(
    POLICY,
    "IP pool stats for network card {n}: Total IPs/Prefixes = {n}/{n}, AssignedIPs/CooldownIPs: {n}/{n}, c.maxIPsPerENI = {n}",
  ),
  prefixPoolHigh: debug(
    POLICY,
    "Prefix pool is high so might be able to deallocate - free prefixes: {n}, warm prefix target: {n} from NetworkCard {n}",
  ),
  decreaseSkipped: debug(POLICY, "Skipping decrease Datastore pool because time since last {d} <= {d}"),
  decreaseStart: debug(POLICY, "Starting to decrease pool size for network card {n}"),
  decreaseDone: debug(POLICY, "Successfully decreased IP pool"),

  // Growth on an ENI that is there (ipamd.md 4.5, 5.2)
  foundEniWithRoom: debug(
    GROW,
    "Found ENI {s} that has less than the maximum number of IP/Prefixes addresses allocated: cur={n}, max={n}",
  ),
  tryingToAllocate: info(GROW, "Trying to allocate {n} IP addresses on ENI {s}"),
  allocatedPrefixes: info(GROW, "Allocated {n} private IP prefixes"),
  allocatedAddresses: info(GROW, "Allocated {n} private IP addresses"),
  assignFailed: error(GROW, "Failed to allocate a private IP/Prefix addresses on ENI {s}: {s}"),
  assignAllPrefixesFailed: warn(GROW, "failed to allocate all available IPv4 Prefixes on ENI {s}, err: {s}"),
  assignAllAddressesFailed: warn(GROW, "failed to allocate all available IP addresses on ENI {s}, err: {s}"),
  assignOnePrefixFailed: error(GROW, "failed to allocate one IPv4 prefix on ENI {s}, err: {s}"),
  assignOneAddressFailed: error(GROW, "failed to allocate one IP addresses on ENI {s}, err {s}"),
  subnetFull: error(
    GROW,
    "Unable to attach IPs/Prefixes for the ENI, subnet doesn't seem to have enough IPs/Prefixes. Consider using new subnet or carve a reserved range using create-subnet-cidr-reservation",
  ),
  eniFullVerifying: debug(
    GROW,
    "AssignPrivateIpAddresses returned PrivateIpAddressLimitExceeded. This can happen if the data store is out of sync.Returning without an error here since we will verify the actual state by calling EC2 to see what addresses have already assigned to this ENI.",
  ),
  describeEniFailed: error(GROW, "Failed to describe ENI {s}: {s}"),

  // A new ENI (ipamd.md 1.5, 4.5, 5.3, 8.4)
  hasRoomForEni: debug(
    NEW_ENI,
    "hasRoomForEni: networkCard={n}, currentENIs={n}, currentUsableENIs={n}, maxENI={n}, unmanagedENI={n}, trunkEni={n}, excludedENI={n}, hasRoom={b}",
  ),
  maxEniReached: debug(NEW_ENI, "Skipping ENI allocation as the max ENI limit is already reached"),
  tryingNewEni: info(NEW_ENI, "Trying to allocate {n} IP addresses on new ENI"),
  creatingEni: info(NEW_ENI, "Creating ENI with security groups: {list} in subnet: {s}"),
  createdEni: info(NEW_ENI, "Created a new ENI: {s}"),
  attachedEni: info(NEW_ENI, "Successfully created and attached a new ENI {s} to instance on network card {n}"),
  createEniFailed: error(NEW_ENI, "Failed to CreateNetworkInterface {s} for subnet {s}"),
  attachEniFailed: error(NEW_ENI, "Failed to attach ENI {s}: {s}"),
  deleteOnTerminationFailed: error(NEW_ENI, "Failed to set delete-on-termination of ENI {s}: {s}"),
  noValidSubnets: error(
    NEW_ENI,
    "no valid subnets available for ENI creation - all subnets are either not tagged or tagged with kubernetes.io/role/cni=0",
  ),
  primarySubnetExcluded: error(
    NEW_ENI,
    "primary subnet is tagged with kubernetes.io/role/cni=0 - no valid subnets available for ENI creation",
  ),
  primarySubnetExcludedNoDiscovery: error(
    NEW_ENI,
    "primary subnet is tagged with kubernetes.io/role/cni=0 and subnet discovery is disabled - no valid subnets available for ENI creation",
  ),
  primarySubnetCheckFailed: error(
    NEW_ENI,
    "Failed to check if primary subnet is excluded: {s}. Quit ENI creation attempt.",
  ),
  describeSubnetsFailed: warn(NEW_ENI, "Failed to list the subnets of this VPC and zone: {s}"),
  eniConfigMissing: error(NEW_ENI, "eniconfig: eniconfig is not available"),
  eniConfigWithoutGroups: warn(
    NEW_ENI,
    "ENIConfig {s} names no security groups: new ENIs keep those of the primary ENI",
  ),
  eniNotInMetadataYet: debug(NEW_ENI, "Not able to find the right ENI yet (attempt {n}/{n})"),
  metadataWaitGaveUp: error(
    NEW_ENI,
    "waitForENIAndIPsAttached: giving up trying to retrieve ENIs from metadata service",
  ),
  allocateEniFailed: error(NEW_ENI, "Failed to increase pool size due to not able to allocate ENI {s}"),
  discoverEniFailed: error(
    NEW_ENI,
    "Failed to increase pool size for Network card {n}: Unable to discover attached ENI from metadata service {s}",
  ),
  newEniSetUpFailed: error(NEW_ENI, "Failed to set up the new ENI {s}: {s}"),
  allocateEniSwallowed: debug(POLICY, "Error trying to allocate ENI: {s}"),

  // The datastore (ipamd.md 2, 4.6)
  addingPrefix: info(CIDRS, "Adding {prefix} to DS for {s}"),
  addingAddress: info(CIDRS, "Adding {cidr32} to DS for {s}"),
  addedPrefix: info(POOL, "Added ENI({s})'s IP/Prefix {prefix} to datastore"),
  addedAddress: info(POOL, "Added ENI({s})'s IP/Prefix {cidr32} to datastore"),
  alreadyInStore: info(CIDRS, "IP already in DS"),
  deletedPrefix: info(POOL, "Deleted ENI({s})'s IP/Prefix {prefix} from datastore"),
  deletedAddress: info(POOL, "Deleted ENI({s})'s IP/Prefix {cidr32} from datastore"),

  // Giving back (ipamd.md 4.6, 4.7, 8.6)
  nothingFreeable: error(CIDRS, "Error finding unassigned IPs for ENI {s}"),
  unassigningPrefixes: info(CIDRS, "Trying to unassign the following Prefixes {prefixes} from ENI {s}"),
  unassigningAddresses: info(CIDRS, "Trying to unassign the following IPs {ips} from ENI {s}"),
  unassignPrefixesFailed: warn(CIDRS, "Failed to free Prefixes {prefixes} from ENI {s}: {s}"),
  unassignAddressesFailed: warn(CIDRS, "Failed to free IPs {ips} from ENI {s}: {s}"),
  eniKeptPrimary: debug(POOL, "ENI {s} cannot be deleted because it is primary"),
  eniKeptYoung: debug(POOL, "ENI {s} cannot be deleted because it is too young"),
  eniKeptCooling: debug(POOL, "ENI {s} cannot be deleted because has IPs in cooling"),
  eniKeptPods: debug(POOL, "ENI {s} cannot be deleted because it has pods assigned"),
  eniKeptWarmIp: debug(POOL, "ENI {s} cannot be deleted because it is required for WARM_IP_TARGET: {n}"),
  eniKeptMinimumIp: debug(POOL, "ENI {s} cannot be deleted because it is required for MINIMUM_IP_TARGET: {n}"),
  eniKeptWarmPrefix: debug(POOL, "ENI {s} cannot be deleted because it is required for WARM_PREFIX_TARGET: {n}"),
  eniKeptTrunk: debug(POOL, "ENI {s} cannot be deleted because it is a trunk ENI"),
  eniKeptEfa: debug(POOL, "ENI {s} cannot be deleted because it is an EFA ENI"),
  deletableEniFound: debug(POOL, "getDeletableENI: found a deletable ENI {s}"),
  removedUnusedEni: info(
    POOL,
    "RemoveUnusedENIFromStore {s}: IP/Prefix address pool stats: free {n} addresses, total: {n}, assigned: {n}, total prefixes: {n}",
  ),
  freeingEni: info(FREE_ENI, "Trying to free ENI: {s}"),
  detachedEni: info(FREE_ENI, "Successfully detached ENI: {s}"),
  freedEni: info(FREE_ENI, "Successfully freed ENI: {s}"),
  freeEniFailed: error(FREE_ENI, "Failed to free ENI {s}, err: {s}"),
  tearDownEniFailed: error(FREE_ENI, "Failed to remove the host rules of ENI {s}: {s}"),

  // Reconcile (ipamd.md 7)
  reconcileStart: debug(POLICY, "Reconciling ENI/IP pool info because time since last {d} > {d}"),
  reconcileDone: debug(POLICY, "Successfully Reconciled ENI/IP pool"),
  reconcileFailed: error(RECONCILE, "IP pool reconcile: Failed to get attached ENI info: {s}"),
  prefixesMismatch: warn(
    RECONCILE,
    "Instance metadata does not match data store! ipPool: {prefixes}, metadata: {prefixes}",
  ),
  addressesMismatch: warn(RECONCILE, "Instance metadata does not match data store! ipPool: {cidr32s}, metadata: {ips}"),
  newEniNotOurs: debug(RECONCILE, "A new ENI added but not by ipamd, updating tags by calling EC2"),
  reconcileAddEni: debug(RECONCILE, "Reconcile and add a new ENI {s}"),
  reconcileAddEniFailed: error(RECONCILE, "Reconcile could not set up ENI {s}: {s}"),
  reconcileDeleteEni: info(RECONCILE, "Reconcile and delete detached ENI {s}"),
  reconcileSkippedPrefix: debug(
    RECONCILE,
    "Reconcile skipping IP {prefix} on ENI {s} because it was recently unassigned from the ENI.",
  ),
  reconcileSkippedAddress: debug(
    RECONCILE,
    "Reconcile skipping IP {ip} on ENI {s} because it was recently unassigned from the ENI.",
  ),
  reconcilePrefixGone: warn(RECONCILE, "Reconcile skipping {prefix} on ENI {s}: EC2 does not list it"),
  reconcileAddressGone: warn(RECONCILE, "Reconcile skipping {ip} on ENI {s}: EC2 does not list it"),
  forceRemovingEni: warn(POOL, "Force removing eni {s} with {n} assigned pods"),

  // ADD and DEL (ipamd.md 3, 9.6)
  receivedAdd: info(RPC, "Received AddNetwork for NS {s}, Sandbox {s}, ifname {s}"),
  /** As the reference prints its request: pod name, namespace, container, interface, network, network namespace. */
  addRequest: debug(
    RPC,
    'AddNetworkRequest: K8S_POD_NAME:"{s}" K8S_POD_NAMESPACE:"{s}" ContainerID:"{s}" IfName:"{s}" NetworkName:"{s}" Netns:"{s}"',
  ),
  sentAddReply: info(RPC, "Send AddNetworkReply: Success: {b} IPAddr: {s}, resp: {s}, err: {s}"),
  addRefused: error(RPC, "Returning failure response for AddNetwork: {s}"),
  receivedDel: info(RPC, "Received DelNetwork for Sandbox {s}"),
  delRequest: debug(
    RPC,
    'DelNetworkRequest: K8S_POD_NAME:"{s}" K8S_POD_NAMESPACE:"{s}" Reason:"{s}" ContainerID:"{s}"',
  ),
  sentDelReply: info(RPC, "Send DelNetworkReply: IPAddress: {s}, err: {s}"),
  assignStats: debug(POOL, "AssignPodIPv4Address: IP address pool stats: total {n}, assigned {n}"),
  duplicateAssign: info(POOL, "AssignPodIPv4Address: duplicate pod assign for sandbox {sandbox}"),
  noAddressInPrefix: debug(POOL, "Unable to get IP address from CIDR: no free IP available in the prefix - {prefix}"),
  noAddressInCidr: debug(POOL, "Unable to get IP address from CIDR: no free IP available in the prefix - {cidr32}"),
  assigned: info(POOL, "assignPodIPAddressUnsafe: Assign IP {ip} to sandbox {sandbox} with metadata {metadata}"),
  eniWithoutFreeAddress: debug(POOL, "AssignPodIPv4Address: ENI {s} does not have available addresses"),
  noAddressAvailable: error(POOL, "DataStore has no available IP/Prefix addresses"),
  released: info(POOL, "UnassignPodIPAddress: sandbox {sandbox}'s ipAddr {ip}, DeviceNumber {n}"),
  releaseUnknown: warn(POOL, "UnassignPodIPAddress: Failed to find sandbox {sandbox}"),
  coolingStarted: debug(POOL, "IP {ip} entering cooldown period of {d} (available after {time})"),
  coolingEndedPrefix: debug(
    POOL,
    "IP {ip} released from cooldown after {d}, available for reassignment in CIDR {prefix}",
  ),
  coolingEndedAddress: debug(
    POOL,
    "IP {ip} released from cooldown after {d}, available for reassignment in CIDR {cidr32}",
  ),

  // Other jobs (ipamd.md 6.5, 6.6, 6.7, 7.4)
  leakedCleanupWait: info(BACKGROUND, "Will attempt to clean up AWS CNI leaked ENIs after waiting {d}."),
  leakedEniDeleteFailed: warn(BACKGROUND, "Failed to delete leaked ENI {s}: {s}"),
  leakedListFailed: warn(BACKGROUND, "Failed to list leaked ENIs: {s}"),
  /** First argument: new or removed. */
  foundSecurityGroup: info(BACKGROUND, "Found {s} SG {s}, added to ipamd cache"),
  updateSecurityGroups: debug(BACKGROUND, "Update ENI {s} with security groups {list}"),
  updateSecurityGroupsFailed: warn(BACKGROUND, "Failed to update the security groups of ENI {s}: {s}"),
  refreshSecurityGroupsFailed: warn(BACKGROUND, "Failed to read the security groups of the primary ENI: {s}"),
  noSlotForTrunk: error(ANNOUNCE, "No slot available for a trunk ENI to be attached."),
  announceFailed: error(ANNOUNCE, "Failed to put feature {s} on the CNINode: {s}"),
  shutdown: info(AGENT, "Received shutdown signal, setting 'terminating' to true"),

  // Ours: what the reference does not say
  addWaits: info(ENGINE, "ADD for sandbox {sandbox} waits for an address until {time}"),
  demand: debug(
    CONTROLLER,
    "Pool: total {n}, assigned {n}, cooling {n}, waiting ADDs {n}, pods expected {n}, warm {n}, wanted {n}, on the way {n}",
  ),
  spaceGone: warn(
    CONTROLLER,
    "Subnet {s} has no room for another {s}: none is asked for until {time}, or until room is seen",
  ),
  spaceSeen: info(CONTROLLER, "Subnet {s} has room for another {s} again"),
  subnetSeen: info(CONTROLLER, "Subnet {s}: {n} free /28s, {n} free addresses in /28s that are broken already"),
  subnetUnseen: warn(CONTROLLER, "Subnet {s} could not be looked at: {s}"),
  backOff: warn(CONTROLLER, "EC2 throttles {s}: the next call follows at {time}"),
  singlesInstead: info(CONTROLLER, "No /28 to be had in subnet {s}: asking for {n} single addresses instead"),
  growthBlocked: warn(CONTROLLER, "Growth rests until {time}: {s}"),
  attachLimitLearned: warn(CONTROLLER, "EC2 attaches no more than {n} ENIs to this instance"),
  quarantined: warn(CONTROLLER, "{s} is not shown by EC2: its pods keep their addresses, no other pod gets one"),
  trustedAgain: info(CONTROLLER, "{s} is shown by EC2 again"),
  refused: warn(ENGINE, "Refused ADD for sandbox {sandbox}: {s}"),
  abandoned: info(ENGINE, "The caller of the ADD for sandbox {sandbox} hung up; its address {ip} is released"),
  saveFailed: error(ENGINE, "The checkpoint could not be written, {n} allocations are undone: {s}"),
  collected: info(ENGINE, "GC released {n} attachments that the runtime no longer knows"),
  quirk: debug(ENGINE, "Reference quirk {s} broke {s}"),
  clockStepped: warn(ENGINE, "The wall clock moved by {d} against the monotonic clock"),
  ec2Refused: warn(ENGINE, "EC2 refused {s}: {s} ({s})"),
} as const satisfies Record<string, MessageDefinition>;

export type MessageId = keyof typeof MESSAGES;
export type MessageArgument = string | number | boolean | readonly string[] | readonly number[];

type ArgumentOf<Placeholder extends string> = Placeholder extends "s"
  ? string
  : Placeholder extends "b"
    ? boolean
    : Placeholder extends "list"
      ? readonly string[]
      : Placeholder extends "ips" | "prefixes" | "cidr32s"
        ? readonly number[]
        : number;

type ArgumentsIn<Text extends string> = Text extends `${string}{${infer Placeholder}}${infer Rest}`
  ? readonly [ArgumentOf<Placeholder>, ...ArgumentsIn<Rest>]
  : readonly [];

/** The arguments of one message, in order, for callers that want the compiler to count. */
export type MessageArguments<Id extends MessageId> = ArgumentsIn<(typeof MESSAGES)[Id]["text"]>;

/** What the body knows about an interned attachment. */
export interface AttachmentText {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly namespace?: string;
  readonly podName?: string;
  readonly interfacesCount?: number;
}

interface Template {
  /** One more than there are placeholders. */
  readonly literals: readonly string[];
  readonly placeholders: readonly string[];
}

const templates = new Map<MessageId, Template>();

function templateOf(id: MessageId): Template {
  const known = templates.get(id);
  if (known !== undefined) return known;
  const pieces = MESSAGES[id].text.split(/\{([a-z0-9]+)\}/);
  const template = {
    literals: pieces.filter((_, index) => index % 2 === 0),
    placeholders: pieces.filter((_, index) => index % 2 === 1),
  };
  templates.set(id, template);
  return template;
}

/** How many arguments the message takes. */
export function argumentCount(id: MessageId): number {
  return templateOf(id).placeholders.length;
}

/** The line's `msg`. A missing or ill-typed argument prints as `%!(MISSING)` or as it is: logging never throws. */
export function formatMessage(
  id: MessageId,
  args: readonly MessageArgument[],
  resolve: (attachment: number) => AttachmentText,
): string {
  const { literals, placeholders } = templateOf(id);
  let text = literals[0] ?? "";
  for (let i = 0; i < placeholders.length; i++) {
    text += formatArgument(placeholders[i] ?? "", args[i], resolve) + (literals[i + 1] ?? "");
  }
  return text;
}

function formatArgument(
  placeholder: string,
  argument: MessageArgument | undefined,
  resolve: (attachment: number) => AttachmentText,
): string {
  if (argument === undefined) return "%!(MISSING)";
  if (typeof argument === "object") return formatList(placeholder, argument);
  if (typeof argument !== "number") return String(argument);
  switch (placeholder) {
    case "ip":
      return formatIpv4(argument);
    case "prefix":
      return `${formatIpv4(argument)}/28`;
    case "cidr32":
      return `${formatIpv4(argument)}/32`;
    case "d":
      return formatGoDuration(argument);
    case "time":
      return formatGoTime(argument);
    case "sandbox": {
      const known = resolve(argument);
      return `${known.networkName}/${known.containerId}/${known.ifName}`;
    }
    case "metadata": {
      const known = resolve(argument);
      return `{K8SPodNamespace:${known.namespace ?? ""} K8SPodName:${known.podName ?? ""} InterfacesCount:${known.interfacesCount ?? 1}}`;
    }
    default:
      return String(argument);
  }
}

function formatList(placeholder: string, items: readonly string[] | readonly number[]): string {
  const texts: string[] = [];
  for (const item of items) {
    if (typeof item === "string") texts.push(item);
    else if (placeholder === "prefixes") texts.push(`${formatIpv4(item)}/28`);
    else if (placeholder === "cidr32s") texts.push(`${formatIpv4(item)}/32`);
    else if (placeholder === "ips") texts.push(formatIpv4(item));
    else texts.push(String(item));
  }
  return `[${texts.join(" ")}]`;
}

/** Milliseconds as Go prints a time.Duration: `2m0s`, `1h0m0.5s`, `250ms`, `1.5µs`, `0s`. Rounded to whole nanoseconds. */
export function formatGoDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 0) return `-${formatGoDuration(-ms)}`;
  const ns = Math.round(ms * 1e6);
  if (ns < 1_000) return `${ns}ns`;
  if (ns < 1_000_000) return `${decimal(ns, 1_000)}µs`;
  if (ns < 1_000_000_000) return `${decimal(ns, 1_000_000)}ms`;
  const minutes = Math.floor(ns / 60e9);
  const seconds = `${decimal(ns - minutes * 60e9, 1_000_000_000)}s`;
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

/** `value / unit` without trailing zeros; `unit` a power of ten. */
function decimal(value: number, unit: number): string {
  const whole = Math.floor(value / unit);
  const rest = value - whole * unit;
  if (rest === 0) return String(whole);
  const digits = String(unit).length - 1;
  return `${whole}.${String(rest).padStart(digits, "0").replace(/0+$/, "")}`;
}

/** Wall milliseconds as Go prints a UTC time.Time: `2026-01-01 00:00:30.123 +0000 UTC`. */
export function formatGoTime(wallMs: number): string {
  const ms = Math.floor(wallMs);
  const { year, month, day } = civilDate(Math.floor(ms / 86_400_000));
  const inDay = ms - Math.floor(ms / 86_400_000) * 86_400_000;
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(Math.floor(inDay / 3_600_000))}:${two(Math.floor(inDay / 60_000) % 60)}:${decimalSeconds(inDay % 60_000)}`;
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)} ${clock} +0000 UTC`;
}

function decimalSeconds(ms: number): string {
  const text = decimal(ms, 1_000);
  return ms < 10_000 ? `0${text}` : text;
}

/** Errors of the datastore, as the reference words them (ipamd.md 2.6, 6.2). */
export const STORE_ERRORS = {
  duplicateEni: "data store: duplicate ENI",
  duplicateAddress: "datastore: IP already in data store",
  unknownAddress: "datastore: unknown IP",
  addressInUse: "datastore: IP is used and can not be deleted",
  eniInUse: "datastore: ENI is used and can not be deleted",
  unknownEni: "datastore: unknown ENI",
  unknownPod: "datastore: unknown pod",
  noAddressAvailable: "AssignPodIPAddress: no available IP/Prefix addresses",
  addAddressUnknownEni: "add ENI's IP to datastore: unknown ENI",
} as const;

/** The note of the one Kubernetes event (ipamd.md 5.5); `api` such as ec2:CreateNetworkInterface. */
export function missingPermissionsNote(api: string): string {
  return `Unauthorized operation: failed to call ${api} due to missing permissions. Please refer https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/iam-policy.md to attach relevant policy to IAM role`;
}
