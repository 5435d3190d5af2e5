// @ec2: partial RunInstances "launch templates are refused; storage, keys, profiles and user data are accepted and ignored"

import type { Ipv4 } from "../../base/ipv4.ts";
import { type InstanceTypeLimits, instanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import type { ActionDefinition } from "../model/action.ts";
import { type AddressWish, type Allocated, allocate, NO_WISH } from "../model/allocation.ts";
import { attachEni } from "../model/attachments.ts";
import { defaultGroupsOf } from "../model/build.ts";
import type { EniRecord, InstanceRecord, SecurityGroupRecord, SubnetRecord, Tags } from "../model/records.ts";
import { Refusal, refuse } from "../model/refusal.ts";
import { instanceView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { refuseNoNitro } from "./attach-network-interface.ts";
import { checkEniQuota } from "./create-network-interface.ts";
import { readWish, slotsOf } from "./interface-spec.ts";
import { groupsFor, ownEniOf, subnetOf } from "./lookup.ts";
import { checkId, clientToken, Params, prepared, readTags, TAGS_MAX } from "./params.ts";

const IGNORED = [
  "BlockDeviceMapping",
  "CapacityReservationSpecification",
  "CpuOptions",
  "CreditSpecification",
  "DisableApiStop",
  "DisableApiTermination",
  "EbsOptimized",
  "EnclaveOptions",
  "IamInstanceProfile",
  "InstanceInitiatedShutdownBehavior",
  "KeyName",
  "MaintenanceOptions",
  "MetadataOptions",
  "Monitoring",
  "Placement",
  "PrivateDnsNameOptions",
  "UserData",
];

/** One interface of the launch: an ENI that exists, or a new one. */
interface InterfaceSpec {
  readonly deviceIndex: number;
  readonly networkCardIndex: number;
  readonly existingEniId: string | undefined;
  readonly subnetId: string | undefined;
  readonly groupIds: readonly string[];
  readonly description: string;
  readonly isDeleteOnTermination: boolean;
  readonly interfaceType: string;
  readonly wish: AddressWish;
}

export const runInstances: ActionDefinition = {
  name: "RunInstances",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const imageId = params.required("ImageId");
    const type = params.text("InstanceType") ?? "m1.small";
    params.required("MinCount");
    params.required("MaxCount");
    const minCount = params.count("MinCount", { mayBeZero: false }) ?? 1;
    const maxCount = params.count("MaxCount", { mayBeZero: false }) ?? 1;
    if (minCount > maxCount) {
      refuse("InvalidParameterValue", `Value (${minCount}) for parameter minCount is invalid. It is above maxCount.`);
    }
    const specs = readInterfaces(params);
    const { instanceTags, eniTags } = readLaunchTags(params);
    const token = clientToken(params);
    for (const name of IGNORED) params.ignore(name);
    return prepared(
      params,
      (world) => {
        const limits =
          instanceTypeLimits(type) ?? refuse("InvalidParameterValue", `Invalid value '${type}' for InstanceType.`);
        const plan = planOf(world, specs, limits);
        const hasFixed = plan.some((each) => each.existing !== undefined || hasNamedAddresses(each.spec.wish));
        if (hasFixed && maxCount > 1) {
          refuse("InvalidParameterCombination", "Network interfaces and addresses can be named for one instance only.");
        }
        checkEniQuota(world, plan.filter((each) => each.existing === undefined).length * minCount);
        const launches = takeAll(world, plan, { minCount, maxCount });
        const launchReservationId = world.ids.next("r");
        const instances = launches.map((taken, launchIndex) =>
          launch(world, { plan, taken, limits, imageId, launchReservationId, launchIndex, instanceTags, eniTags }),
        );
        const reply = {
          reservationId: launchReservationId,
          ownerId: world.accountId,
          groupSet: [],
          instancesSet: instances.map((instance) => instanceView(world, instance, world.nowMs)),
        };
        for (const instance of instances) world.schedule(world.knobs.runDelay, { kind: "running", instance });
        return reply;
      },
      { clientToken: token, resourceCount: maxCount },
    );
  },
};

function readInterfaces(params: Params): InterfaceSpec[] {
  const subnetId = params.text("SubnetId");
  const groupIds = params.list("SecurityGroupId");
  const wishesAtInstance = ["PrivateIpAddress", "SecondaryPrivateIpAddressCount", "Ipv4PrefixCount"];
  const interfaces = params.structures("NetworkInterface");
  if (interfaces.length === 0) {
    return [
      {
        deviceIndex: 0,
        networkCardIndex: 0,
        existingEniId: undefined,
        subnetId: checkId("subnet", subnetId ?? params.required("SubnetId")),
        groupIds: groupIds.map((id) => checkId("sg", id)),
        description: "",
        isDeleteOnTermination: true,
        interfaceType: "interface",
        wish: readWish(params),
      },
    ];
  }
  const clash =
    subnetId !== undefined
      ? "subnet ID"
      : groupIds.length > 0
        ? "security groups"
        : wishesAtInstance.some((name) => params.text(name) !== undefined)
          ? "private IP address"
          : undefined;
  if (clash !== undefined) {
    refuse(
      "InvalidParameterCombination",
      `Network interfaces and an instance-level ${clash} may not be specified on the same request`,
    );
  }
  return interfaces.map((item) => {
    item.required("DeviceIndex");
    item.boolean("AssociatePublicIpAddress");
    const existingEniId = item.text("NetworkInterfaceId");
    return {
      deviceIndex: item.integer("DeviceIndex") ?? 0,
      networkCardIndex: item.integer("NetworkCardIndex") ?? 0,
      existingEniId: existingEniId === undefined ? undefined : checkId("eni", existingEniId),
      subnetId: item.text("SubnetId"),
      groupIds: item.list("SecurityGroupId").map((id) => checkId("sg", id)),
      description: item.text("Description") ?? "",
      isDeleteOnTermination: item.boolean("DeleteOnTermination") ?? true,
      interfaceType: item.oneOf("InterfaceType", ["interface", "efa", "efa-only"]) ?? "interface",
      wish: readWish(item),
    };
  });
}

function readLaunchTags(params: Params): { readonly instanceTags: Tags; readonly eniTags: Tags } {
  const byType = new Map<string, Map<string, string>>();
  for (const specification of params.structures("TagSpecification")) {
    const type = specification.text("ResourceType") ?? "";
    if (!["instance", "network-interface", "volume"].includes(type)) {
      refuse("InvalidParameterValue", `'${type}' is not a valid taggable resource type for this operation.`);
    }
    const tags = byType.get(type) ?? new Map<string, string>();
    byType.set(type, tags);
    for (const [key, value] of readTags(specification)) tags.set(key, value ?? "");
    if (tags.size > TAGS_MAX) refuse("TagLimitExceeded", `The maximum number of Tags for a resource is ${TAGS_MAX}.`);
  }
  return {
    instanceTags: byType.get("instance") ?? new Map(),
    eniTags: byType.get("network-interface") ?? new Map(),
  };
}

interface PlannedInterface {
  readonly spec: InterfaceSpec;
  readonly existing: EniRecord | undefined;
  readonly subnet: SubnetRecord;
  readonly groups: readonly SecurityGroupRecord[];
}

/** Existence, state and type limits; the primary interface first. */
function planOf(world: World, specs: readonly InterfaceSpec[], limits: InstanceTypeLimits): PlannedInterface[] {
  const plan = specs.map((spec): PlannedInterface => {
    const existing = spec.existingEniId === undefined ? undefined : ownEniOf(world, spec.existingEniId);
    if (existing?.now.attachment !== undefined) {
      refuse("InvalidNetworkInterface.InUse", `Interface: [${existing.id}] in use.`);
    }
    const subnet =
      existing?.subnet ??
      (spec.subnetId === undefined
        ? refuse("MissingParameter", "The request must contain the parameter subnetId")
        : subnetOf(world, checkId("subnet", spec.subnetId)));
    const groups =
      spec.groupIds.length > 0 ? groupsFor(world, subnet.vpc, spec.groupIds) : defaultGroupsOf(world, subnet.vpc);
    const wished =
      existing === undefined ? slotsOf(spec.wish) : 1 + existing.now.addresses.length + existing.now.prefixes.length;
    if (wished > limits.ipv4PerEni) {
      refuse(
        "InvalidInterface.IpAddressLimitExceeded",
        `The number of private addresses (${wished}) exceeds the limit for ${limits.instanceType}.`,
      );
    }
    const hasPrefixes = spec.wish.prefixCount + spec.wish.prefixes.length + (existing?.now.prefixes.length ?? 0) > 0;
    if (hasPrefixes && !supportsPrefixes(limits)) refuseNoNitro(limits.instanceType);
    return { spec, existing, subnet, groups };
  });
  plan.sort((a, b) => a.spec.networkCardIndex - b.spec.networkCardIndex || a.spec.deviceIndex - b.spec.deviceIndex);
  const primary = plan[0]?.spec;
  if (primary?.deviceIndex !== 0 || primary.networkCardIndex !== 0) {
    refuse("InvalidParameterCombination", "A network interface with device index 0 is required.");
  }
  const places = new Set(plan.map(({ spec }) => `${spec.networkCardIndex}/${spec.deviceIndex}`));
  if (places.size < plan.length) {
    refuse("InvalidParameterValue", "Each network interface requires a unique device index.");
  }
  const zones = new Set(plan.map(({ subnet }) => subnet.availabilityZone));
  if (zones.size > 1 || plan.some(({ subnet }) => subnet.vpc !== plan[0]?.subnet.vpc)) {
    refuse("InvalidParameterCombination", "All network interfaces must be in one VPC and one availability zone.");
  }
  for (let card = 0; card < limits.networkCardCount; card++) {
    const count = plan.filter(({ spec }) => spec.networkCardIndex === card).length;
    if (count > limits.eniCountMax) refuseCount(count, limits);
  }
  if (plan.some(({ spec }) => spec.networkCardIndex < 0 || spec.networkCardIndex >= limits.networkCardCount)) {
    refuse("InvalidParameterValue", `A network card index is not valid for ${limits.instanceType}.`);
  }
  return plan;
}

function refuseCount(count: number, limits: InstanceTypeLimits): never {
  refuse("AttachmentLimitExceeded", `Interface count ${count} exceeds the limit for ${limits.instanceType}`);
}

function hasNamedAddresses(wish: AddressWish): boolean {
  return typeof wish.primary === "number" || wish.addresses.length + wish.prefixes.length > 0;
}

interface TakenInterface {
  readonly index: number;
  readonly subnet: SubnetRecord;
  readonly taken: Allocated;
}

/** Addresses for as many instances as there is room for, at least `minCount`; otherwise nothing stays taken. */
function takeAll(
  world: World,
  plan: readonly PlannedInterface[],
  counts: { readonly minCount: number; readonly maxCount: number },
): (readonly (TakenInterface | undefined)[])[] {
  const launches: (TakenInterface | undefined)[][] = [];
  while (launches.length < counts.maxCount) {
    const one: (TakenInterface | undefined)[] = [];
    try {
      for (const { spec, existing, subnet } of plan) {
        if (existing !== undefined) {
          one.push(undefined);
          continue;
        }
        const index = world.nextIndex();
        const wish = spec.interfaceType === "efa-only" ? NO_WISH : spec.wish;
        try {
          one.push({ index, subnet, taken: allocate(world, { subnet, eniIndex: index, by: "run", wish }) });
        } catch (error) {
          world.dropIndex(index);
          throw error;
        }
      }
      launches.push(one);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      giveBack(world, one);
      if (launches.length >= counts.minCount) break;
      for (const earlier of launches) giveBack(world, earlier);
      throw error;
    }
  }
  return launches;
}

function giveBack(world: World, interfaces: readonly (TakenInterface | undefined)[]): void {
  for (const each of interfaces) {
    if (each === undefined) continue;
    const { book } = each.subnet;
    const singles: Ipv4[] = each.taken.primary === 0 ? [] : [each.taken.primary];
    for (const address of [...singles, ...each.taken.addresses]) book.releaseAddress(address, { toQuarantine: false });
    for (const prefix of each.taken.prefixes) book.releasePrefix(prefix, { toQuarantine: false });
    world.dropIndex(each.index);
  }
}

function launch(
  world: World,
  options: {
    readonly plan: readonly PlannedInterface[];
    readonly taken: readonly (TakenInterface | undefined)[];
    readonly limits: InstanceTypeLimits;
    readonly imageId: string;
    readonly launchReservationId: string;
    readonly launchIndex: number;
    readonly instanceTags: Tags;
    readonly eniTags: Tags;
  },
): InstanceRecord {
  const { plan, taken, limits } = options;
  const first = plan[0] as PlannedInterface;
  const instance: InstanceRecord = {
    id: world.ids.next("i"),
    serial: world.nextSerial(),
    type: limits.instanceType,
    limits,
    vpc: first.subnet.vpc,
    subnet: first.subnet,
    availabilityZone: first.subnet.availabilityZone,
    imageId: options.imageId,
    launchReservationId: options.launchReservationId,
    launchIndex: options.launchIndex,
    launchWallMs: world.nowWallMs,
    state: "pending",
    terminatedMs: undefined,
    tags: options.instanceTags,
    enis: new Set(),
    imds: new Map(),
    imdsVersion: 0,
  };
  world.instances.set(instance.id, instance);
  plan.forEach(({ spec, existing, subnet, groups }, i) => {
    const got = taken[i];
    const eni =
      existing ??
      world.addEni({
        id: world.ids.next("eni"),
        index: got?.index ?? 0,
        subnet,
        interfaceType: spec.interfaceType,
        primaryAddress: got?.taken.primary ?? 0,
        requesterId: world.accountId,
        version: {
          status: "available",
          description: spec.description,
          isSourceDestCheck: true,
          groups,
          addresses: got?.taken.addresses ?? [],
          prefixes: got?.taken.prefixes ?? [],
          tags: options.eniTags,
          attachment: undefined,
        },
      });
    const { deviceIndex, networkCardIndex } = spec;
    attachEni(world, { eni, instance, deviceIndex, networkCardIndex });
    const { attachment } = eni.now;
    const isDeleteOnTermination = existing === undefined && spec.isDeleteOnTermination;
    if (attachment !== undefined) world.changeEni(eni, { attachment: { ...attachment, isDeleteOnTermination } });
  });
  return instance;
}
