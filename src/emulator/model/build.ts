// A world from its description. What contradicts itself is collected, each problem with its place, and thrown as one
// `WorldError`: the description comes from a person's file.

import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  cidrWithin,
  formatCidr,
  formatIpv4,
  type Ipv4,
} from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import type { Knobs } from "../../catalog/emulator-knobs.ts";
import { instanceTypeLimits, supportsPrefixes } from "../../catalog/instance-types.ts";
import { AddressBook } from "./address-book.ts";
import { type AddressWish, allocate, NO_WISH } from "./allocation.ts";
import { addForeignAddresses, addForeignPrefixes } from "./foreign.ts";
import type { Attachment, EniRecord, InstanceRecord, SubnetRecord, Tags, VpcRecord } from "./records.ts";
import { Refusal } from "./refusal.ts";
import type {
  EniDescription,
  InstanceDescription,
  SubnetDescription,
  TagDescription,
  VpcDescription,
  WorldDescription,
  WorldProblem,
} from "./types.ts";
import { World } from "./world.ts";

const DEFAULT_ACCOUNT_ID = "123456789012";
const DEFAULT_IMAGE_ID = "ami-00000000000000001";

/** The description contradicts itself. The message lists every problem with its place. */
export class WorldError extends Error {
  override readonly name = "WorldError";
  readonly problems: readonly WorldProblem[];

  constructor(problems: readonly WorldProblem[]) {
    super(problems.map((problem) => `${problem.where}: ${problem.what}`).join("\n"));
    this.problems = problems;
  }
}

/** Throws `WorldError`. */
export function buildWorld(options: {
  readonly world: WorldDescription;
  readonly knobs: Knobs;
  readonly prng: Prng;
}): World {
  const { world: description, knobs, prng } = options;
  const builder = new Builder(
    new World({
      region: description.region,
      accountId: description.accountId ?? DEFAULT_ACCOUNT_ID,
      startWallMs: description.startWallMs,
      knobs,
      prng,
    }),
    description,
  );
  return builder.build();
}

export function tagsOf(tags: readonly TagDescription[] | undefined): Tags {
  return new Map((tags ?? []).map((tag) => [tag.key, tag.value]));
}

class Builder {
  readonly #world: World;
  readonly #description: WorldDescription;
  readonly #problems: WorldProblem[] = [];

  constructor(world: World, description: WorldDescription) {
    this.#world = world;
    this.#description = description;
  }

  build(): World {
    const description = this.#description;
    for (const vpc of description.vpcs) this.#addVpc(vpc);
    this.#addGroups();
    for (const subnet of description.subnets) this.#addSubnet(subnet);
    this.#stopOnProblems();
    const instances = description.instances.map((instance) => this.#addInstance(instance));
    // Named addresses before drawn ones, so that none is taken by chance.
    for (const eni of description.enis ?? []) this.#addEni(eni);
    this.#stopOnProblems();
    description.instances.forEach((instance, i) => {
      if (instance.primaryAddress !== undefined) this.#addPrimaryEni(instance, instances[i]);
    });
    for (const subnet of description.subnets) this.#addForeign(subnet);
    description.instances.forEach((instance, i) => {
      this.#addPrimaryEni(instance, instances[i]);
    });
    this.#stopOnProblems();
    this.#world.startingEniCount = this.#world.ownEniCount;
    return this.#world;
  }

  #problem(where: string, what: string): undefined {
    this.#problems.push({ where, what });
  }

  #stopOnProblems(): void {
    if (this.#problems.length > 0) throw new WorldError(this.#problems);
  }

  #addVpc(vpc: VpcDescription): void {
    const world = this.#world;
    const id = vpc.id ?? world.ids.next("vpc");
    if (world.vpcs.has(id)) this.#problem(id, "this VPC is described twice");
    if (vpc.cidrs.length === 0) this.#problem(id, "a VPC needs at least one CIDR");
    for (const cidr of vpc.cidrs) {
      if (cidr.prefixLength < 16 || cidr.prefixLength > 28) {
        this.#problem(id, `the block ${formatCidr(cidr)} must be between /16 and /28`);
      }
      if (vpc.cidrs.some((other) => other !== cidr && cidrsOverlap(other, cidr))) {
        this.#problem(id, `the block ${formatCidr(cidr)} overlaps another one of this VPC`);
      }
    }
    const record: VpcRecord = {
      serial: world.nextSerial(),
      id,
      cidrs: vpc.cidrs.map((cidr, i) => ({
        associationId: vpc.associationIds?.[i] ?? world.ids.next("vpc-cidr-assoc"),
        cidr,
        state: "associated",
      })),
      isDefault: vpc.isDefault ?? false,
      dhcpOptionsId: vpc.dhcpOptionsId ?? world.ids.next("dopt"),
      state: "available",
      tags: tagsOf(vpc.tags),
    };
    world.vpcs.set(id, record);
  }

  #addGroups(): void {
    const world = this.#world;
    for (const group of this.#description.securityGroups ?? []) {
      const vpc = group.vpcId === undefined ? world.vpcs.values().next().value : world.vpcs.get(group.vpcId);
      const id = group.id ?? world.ids.next("sg");
      if (vpc === undefined) {
        this.#problem(id, `its VPC ${group.vpcId ?? ""} is not described`);
        continue;
      }
      const { name, description = name } = group;
      world.groups.set(id, { serial: world.nextSerial(), id, vpc, name, description, tags: tagsOf(group.tags) });
    }
    for (const vpc of world.vpcs.values()) addDefaultGroup(world, vpc);
  }

  #addSubnet(subnet: SubnetDescription): undefined {
    const world = this.#world;
    const { id, cidr } = subnet;
    const text = formatCidr(cidr);
    const holdsIt = (vpc: VpcRecord): boolean => vpc.cidrs.some((block) => cidrWithin(cidr, block.cidr));
    const vpc = subnet.vpcId === undefined ? [...world.vpcs.values()].find(holdsIt) : world.vpcs.get(subnet.vpcId);
    if (vpc === undefined) {
      return this.#problem(
        id,
        subnet.vpcId === undefined ? `${text} lies in no VPC block` : `its VPC ${subnet.vpcId} is not described`,
      );
    }
    if (world.subnets.has(id)) return this.#problem(id, "this subnet is described twice");
    if (cidr.prefixLength < 16 || cidr.prefixLength > 28) {
      return this.#problem(id, `a subnet must be between /16 and /28, not ${text}`);
    }
    if (!holdsIt(vpc)) this.#problem(id, `${text} does not lie in a block of ${vpc.id}`);
    for (const other of world.subnets.values()) {
      if (other.vpc === vpc && cidrsOverlap(other.cidr, cidr)) {
        this.#problem(id, `${text} overlaps ${formatCidr(other.cidr)} of ${other.id}`);
      }
    }
    const record: SubnetRecord = {
      serial: world.nextSerial(),
      id,
      vpc,
      availabilityZone: subnet.az,
      cidr,
      book: new AddressBook(cidr, world.knobs),
      reservations: [],
      enis: new Set(),
      tags: tagsOf(subnet.tags),
      pastCounts: [],
    };
    world.subnets.set(id, record);
    if (subnet.azId !== undefined) world.zoneIds.set(subnet.az, subnet.azId);
    for (const reservation of subnet.reservations ?? []) {
      const { cidr: range, type } = reservation;
      const what = reservationProblem(record, range, type);
      if (what !== undefined) {
        this.#problem(id, `reservation ${formatCidr(range)}: ${what}`);
        continue;
      }
      addReservation(world, record, {
        id: reservation.id ?? world.ids.next("scr"),
        cidr: range,
        type,
        description: reservation.description ?? "",
        tags: tagsOf(reservation.tags),
      });
    }
  }

  #addForeign(subnet: SubnetDescription): void {
    const record = this.#world.subnets.get(subnet.id);
    if (record === undefined) return;
    const wantedPrefixes = subnet.otherPrefixes ?? 0;
    const placed = addForeignPrefixes(this.#world, record, wantedPrefixes);
    if (placed.prefixCount < wantedPrefixes) {
      this.#problem(subnet.id, `otherPrefixes: ${wantedPrefixes} wanted, only ${placed.prefixCount} /28s are free`);
    }
    const wanted = Math.max(0, (subnet.otherAddresses ?? 0) - placed.addressCount);
    const addressCount = addForeignAddresses(this.#world, record, wanted);
    if (addressCount < wanted) {
      this.#problem(subnet.id, `otherAddresses: ${wanted} wanted, only ${addressCount} addresses are free`);
    }
  }

  #addInstance(instance: InstanceDescription): InstanceRecord | undefined {
    const world = this.#world;
    const id = instance.id ?? world.ids.next("i");
    const limits = instanceTypeLimits(instance.type);
    const subnet = world.subnets.get(instance.subnetId);
    if (limits === undefined) this.#problem(id, `unknown instance type ${instance.type}`);
    if (subnet === undefined) this.#problem(id, `its subnet ${instance.subnetId} is not described`);
    if (world.instances.has(id)) this.#problem(id, "this instance is described twice");
    if (limits === undefined || subnet === undefined) return undefined;
    const name = instance.name === undefined ? [] : [{ key: "Name", value: instance.name }];
    const record: InstanceRecord = {
      id,
      serial: world.nextSerial(),
      type: instance.type,
      limits,
      vpc: subnet.vpc,
      subnet,
      availabilityZone: subnet.availabilityZone,
      imageId: instance.imageId ?? DEFAULT_IMAGE_ID,
      launchReservationId: instance.launchReservationId ?? world.ids.next("r"),
      launchIndex: instance.launchIndex ?? 0,
      launchWallMs: instance.launchWallMs ?? world.startWallMs,
      state: instance.state ?? "running",
      terminatedMs: undefined,
      tags: tagsOf([...name, ...(instance.tags ?? [])]),
      enis: new Set(),
      imds: new Map(),
      imdsVersion: 0,
    };
    world.instances.set(id, record);
    // A dump may have been taken in the middle of a change: it is carried through.
    const { runDelay, terminateDelay } = world.knobs;
    if (record.state === "pending") {
      world.due.add(world.drawDelay(runDelay, world.statesPrng), { kind: "running", instance: record });
    } else if (record.state === "shutting-down") {
      world.due.add(world.drawDelay(terminateDelay, world.statesPrng), { kind: "terminated", instance: record });
    }
    return record;
  }

  /** Unless it came with `enis`. */
  #addPrimaryEni(instance: InstanceDescription, record: InstanceRecord | undefined): undefined {
    if (record === undefined || record.state === "terminated" || primaryEniOf(record) !== undefined) return;
    const world = this.#world;
    const { prefixes = 0 } = instance;
    const hasPrefixes = typeof prefixes === "number" ? prefixes > 0 : prefixes.length > 0;
    if (hasPrefixes && !supportsPrefixes(record.limits)) {
      return this.#problem(record.id, `${record.type} does not support prefixes (it is not a Nitro type)`);
    }
    const wish: AddressWish = {
      ...NO_WISH,
      primary: instance.primaryAddress ?? "automatic",
      prefixes: typeof prefixes === "number" ? [] : prefixes,
      prefixCount: typeof prefixes === "number" ? prefixes : 0,
    };
    const index = world.nextIndex();
    try {
      const taken = allocate(world, { subnet: record.subnet, eniIndex: index, by: "run", wish });
      const ids = instance.securityGroupIds ?? [];
      const named = ids.flatMap((groupId) => world.groups.get(groupId) ?? []);
      if (named.length < ids.length) this.#problem(record.id, "a security group of it is not described");
      const attachment: Attachment = {
        id: world.ids.next("eni-attach"),
        instanceId: record.id,
        instanceOwnerId: world.accountId,
        deviceIndex: 0,
        networkCardIndex: 0,
        status: "attached",
        attachWallMs: record.launchWallMs,
        isDeleteOnTermination: true,
      };
      const eni = world.addEni({
        id: world.ids.next("eni"),
        index,
        subnet: record.subnet,
        interfaceType: "interface",
        primaryAddress: taken.primary,
        version: {
          status: "in-use",
          description: "",
          isSourceDestCheck: true,
          groups: named.length > 0 ? named : defaultGroupsOf(world, record.vpc),
          addresses: [],
          prefixes: taken.prefixes,
          tags: new Map(),
          attachment,
        },
      });
      world.eniByAttachment.set(attachment.id, eni);
      record.enis.add(eni);
      showAtOnce(record, eni);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      world.dropIndex(index);
      this.#problem(record.id, `its primary ENI finds no place in ${record.subnet.id}: ${error.message}`);
    }
  }

  #addEni(eni: EniDescription): undefined {
    const world = this.#world;
    const subnet = world.subnets.get(eni.subnetId);
    if (subnet === undefined) return this.#problem(eni.id, `its subnet ${eni.subnetId} is not described`);
    if (world.enis.has(eni.id)) return this.#problem(eni.id, "this ENI is described twice");
    const index = world.nextIndex();
    const place = (address: Ipv4, isPrefix: boolean): boolean => {
      const text = `${formatIpv4(address)}${isPrefix ? "/28" : ""}`;
      if (!cidrContains(subnet.cidr, address)) {
        this.#problem(eni.id, `${text} lies outside ${formatCidr(subnet.cidr)} of ${subnet.id}`);
        return false;
      }
      if (isPrefix ? !subnet.book.canTakePrefix(address) : subnet.book.stateOf(address) !== "free") {
        const holder = world.holderOf(subnet, address);
        const why = isPrefix ? "is misaligned, at a reserved edge, or overlaps addresses in use" : "is already in use";
        this.#problem(eni.id, `${text} ${why}${holder === undefined ? "" : ` (${holder.id})`}`);
        return false;
      }
      if (isPrefix) subnet.book.takePrefix(address, index);
      else subnet.book.takeAddress(address, index);
      return true;
    };
    const isPlaced = [eni.primaryAddress, ...eni.addresses]
      .filter((address) => address !== 0)
      .map((address) => place(address, false));
    const arePrefixesPlaced = eni.prefixes.map((prefix) => place(prefix, true));
    if ([...isPlaced, ...arePrefixesPlaced].includes(false)) return;
    const { attachment } = eni;
    const instance = world.instances.get(attachment?.instanceId ?? "");
    if (attachment?.instanceId !== undefined && instance === undefined) {
      this.#problem(eni.id, `attached to ${attachment.instanceId}, which is not described`);
    }
    const groups = eni.securityGroupIds.flatMap((id) => world.groups.get(id) ?? []);
    if (groups.length < eni.securityGroupIds.length) {
      const missing = eni.securityGroupIds.filter((id) => !world.groups.has(id));
      this.#problem(eni.id, `its security groups ${missing.join(", ")} are not described`);
    }
    const record = world.addEni({
      id: eni.id,
      index,
      subnet,
      interfaceType: eni.interfaceType,
      primaryAddress: eni.primaryAddress,
      mac: eni.mac,
      ownerId: eni.ownerId,
      requesterId: eni.requesterId,
      isRequesterManaged: eni.isRequesterManaged,
      isForeign: eni.isRequesterManaged && instance === undefined,
      version: {
        status: eni.status,
        description: eni.description,
        isSourceDestCheck: eni.isSourceDestCheck,
        groups,
        addresses: eni.addresses,
        prefixes: eni.prefixes,
        tags: tagsOf(eni.tags),
        attachment:
          attachment === undefined
            ? undefined
            : {
                ...attachment,
                instanceOwnerId: attachment.instanceOwnerId ?? world.accountId,
                attachWallMs: attachment.attachWallMs ?? world.startWallMs,
              },
      },
    });
    if (attachment !== undefined) world.eniByAttachment.set(attachment.id, record);
    if (eni.status === "pending") world.due.add(0, { kind: "eniAvailable", eni: record });
    if (instance === undefined) return;
    instance.enis.add(record);
    showAtOnce(instance, record);
    if (attachment?.status === "attaching") {
      world.schedule(world.knobs.attachDelay, { kind: "attached", eni: record, attachmentId: attachment.id });
    } else if (attachment?.status === "detaching") {
      world.schedule(world.knobs.detachDelay, { kind: "detached", eni: record, attachmentId: attachment.id });
    }
  }
}

/** What was there at the start is in metadata already. */
function showAtOnce(instance: InstanceRecord, eni: EniRecord): void {
  const version = eni.now.attachment?.status === "detaching" ? undefined : eni.now;
  instance.imds.set(eni, [{ fromMs: 0, fieldsFromMs: 0, version, staleUntilMs: 0 }]);
}

export function primaryEniOf(instance: InstanceRecord): EniRecord | undefined {
  for (const eni of instance.enis) {
    const attachment = eni.now.attachment;
    if (attachment?.deviceIndex === 0 && attachment.networkCardIndex === 0) return eni;
  }
  return undefined;
}

/** Every VPC has a group named `default` (VPC guide, read 2026-08). No effect when it is there. */
export function addDefaultGroup(world: World, vpc: VpcRecord): void {
  if (defaultGroupsOf(world, vpc).length > 0) return;
  const id = world.ids.next("sg");
  const serial = world.nextSerial();
  const description = "default VPC security group";
  world.groups.set(id, { serial, id, vpc, name: "default", description, tags: new Map() });
}

/** The VPC's default group, alone in a list. */
export function defaultGroupsOf(world: World, vpc: VpcRecord): SubnetGroups {
  for (const group of world.groups.values()) if (group.vpc === vpc && group.name === "default") return [group];
  return [];
}

type SubnetGroups = EniRecord["now"]["groups"];

/** Why the range cannot be reserved; undefined when it can. */
export function reservationProblem(subnet: SubnetRecord, cidr: Cidr, type: "prefix" | "explicit"): string | undefined {
  if (!cidrWithin(cidr, subnet.cidr)) {
    return `Reservation CIDR should be within subnet CIDR block (${formatCidr(subnet.cidr)})`;
  }
  if (type === "prefix" && cidr.prefixLength > 28) return "a prefix reservation is a /28 or larger";
  if (subnet.reservations.some((other) => cidrsOverlap(other.cidr, cidr))) {
    return `Reservation CIDR ${formatCidr(cidr)} has overlap with existing reserved CIDR block`;
  }
  return undefined;
}

export function addReservation(
  world: World,
  subnet: SubnetRecord,
  fields: {
    readonly id: string;
    readonly cidr: Cidr;
    readonly type: "prefix" | "explicit";
    readonly description: string;
    readonly tags: Tags;
  },
): void {
  const record = { ...fields, subnet, serial: world.nextSerial() };
  world.noteCount(subnet);
  subnet.reservations.push(record);
  world.reservations.set(record.id, record);
  subnet.book.reserve(fields.cidr, fields.type);
}

export function removeReservation(world: World, id: string): void {
  const record = world.reservations.get(id);
  if (record === undefined) return;
  world.noteCount(record.subnet);
  world.reservations.delete(id);
  record.subnet.reservations.splice(record.subnet.reservations.indexOf(record), 1);
  record.subnet.book.unreserve(record.cidr, record.type);
}
