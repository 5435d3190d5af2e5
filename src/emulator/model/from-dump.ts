// A world from JSON as the AWS CLI prints it: describe-vpcs, describe-subnets, describe-network-interfaces, describe-instances,
// describe-security-groups, get-subnet-cidr-reservations. Documents are recognised by content; several of one kind are joined.
// What is missing, cut short or contradictory comes back as data with its place.

import { parseRfc3339 } from "../../base/calendar.ts";
import { type Cidr, type Ipv4, isCanonicalCidr, parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import { JsonCursor } from "./json-cursor.ts";
import type {
  AttachmentDescription,
  EniDescription,
  InstanceDescription,
  ReservationDescription,
  SecurityGroupDescription,
  SubnetDescription,
  TagDescription,
  VpcDescription,
  WorldDescription,
  WorldProblem,
} from "./types.ts";

export interface DumpDocument {
  /** For messages: the file's name. */
  readonly name: string;
  /** The parsed JSON. */
  readonly value: unknown;
}

export type WorldFromDump =
  | { readonly kind: "world"; readonly world: WorldDescription }
  | { readonly kind: "problems"; readonly problems: readonly WorldProblem[] };

/** The key that a document of each command has, and whether a dump is incomplete without it. */
const DOCUMENTS = [
  { key: "Vpcs", command: "describe-vpcs", isRequired: true },
  { key: "Subnets", command: "describe-subnets", isRequired: true },
  { key: "NetworkInterfaces", command: "describe-network-interfaces", isRequired: true },
  { key: "Reservations", command: "describe-instances", isRequired: false },
  { key: "SecurityGroups", command: "describe-security-groups", isRequired: false },
  { key: "SubnetIpv4CidrReservations", command: "get-subnet-cidr-reservations", isRequired: false },
] as const;

type DocumentKey = (typeof DOCUMENTS)[number]["key"];

export function worldFromDump(documents: readonly DumpDocument[]): WorldFromDump {
  const reader = new DumpReader();
  const world = reader.read(documents);
  return reader.problems.length > 0 ? { kind: "problems", problems: reader.problems } : { kind: "world", world };
}

class DumpReader {
  readonly problems: WorldProblem[] = [];
  #latestWallMs = 0;
  readonly #groupIds = new Set<string>();

  read(documents: readonly DumpDocument[]): WorldDescription {
    const lists = this.#sort(documents);
    const list = (key: DocumentKey): JsonCursor[] => lists.get(key) ?? [];
    for (const { key, command, isRequired } of DOCUMENTS) {
      if (isRequired && documents.length > 0 && !lists.has(key)) {
        this.problems.push({ where: documents[0]?.name ?? "", what: `no document of ${command} among these` });
      }
    }
    if (documents.length === 0) this.problems.push({ where: "the dump", what: "holds no document" });
    const vpcs = list("Vpcs").map((vpc) => this.#vpc(vpc));
    const securityGroups = list("SecurityGroups").map((group) => this.#group(group));
    const reservations = new Map<string, ReservationDescription[]>();
    for (const item of list("SubnetIpv4CidrReservations")) this.#reservation(item, reservations);
    const subnets = list("Subnets").map((subnet) => this.#subnet(subnet, reservations));
    const subnetIds = new Set(subnets.map((subnet) => subnet.id));
    for (const id of reservations.keys()) {
      if (!subnetIds.has(id)) {
        this.problems.push({ where: id, what: "has a CIDR reservation, but describe-subnets does not list it" });
      }
    }
    const instances = list("Reservations").flatMap((launch) => this.#launch(launch));
    const instanceIds = new Set(instances.map((instance) => instance.id));
    const ownerId = list("Vpcs")[0]?.field("OwnerId").optionalText();
    const enis: EniDescription[] = [];
    for (const item of list("NetworkInterfaces")) {
      const eni = this.#eni(item, { securityGroups, ownerId });
      enis.push(eni);
      if (!subnetIds.has(eni.subnetId)) item.field("SubnetId").problem(`${eni.subnetId} is not in describe-subnets`);
      const instanceId = eni.attachment?.instanceId;
      if (instanceId !== undefined && !instanceIds.has(instanceId)) {
        item.field("Attachment").field("InstanceId").problem(`${instanceId} is not in describe-instances`);
      }
    }
    this.#checkPrimaries(list("Reservations"), enis);
    return {
      region: this.#region(list("Subnets")),
      accountId: ownerId,
      startWallMs: this.#latestWallMs,
      vpcs,
      subnets,
      securityGroups,
      instances,
      enis,
    };
  }

  #sort(documents: readonly DumpDocument[]): Map<DocumentKey, JsonCursor[]> {
    const lists = new Map<DocumentKey, JsonCursor[]>();
    for (const { name, value } of documents) {
      const root = new JsonCursor(value, `${name}: `, this.problems);
      const known = DOCUMENTS.find(({ key }) => root.field(key).isPresent);
      if (known === undefined) {
        const keys = DOCUMENTS.map(({ key }) => key).join(", ");
        this.problems.push({ where: name, what: `is none of the documents known here, which hold one of ${keys}` });
        continue;
      }
      if (root.field("NextToken").isPresent) {
        root.field("NextToken").problem(`is one page of several: run ${known.command} again without --max-items`);
      }
      const items = root.field(known.key).items();
      lists.set(known.key, [...(lists.get(known.key) ?? []), ...items]);
    }
    return lists;
  }

  #region(subnets: readonly JsonCursor[]): string {
    const zone = subnets[0]?.field("AvailabilityZone").optionalText() ?? "";
    const region = /^([a-z]+(?:-[a-z]+)+-\d)/.exec(zone)?.[1];
    if (region === undefined && zone !== "") {
      subnets[0]?.field("AvailabilityZone").problem(`must be a zone such as us-west-2a, not ${zone}`);
    }
    return region ?? "us-east-1";
  }

  #tags(list: JsonCursor): TagDescription[] {
    return list
      .items()
      .map((tag) => ({ key: tag.field("Key").text(), value: tag.field("Value").optionalText() ?? "" }));
  }

  #cidr(cursor: JsonCursor): Cidr {
    const cidr = cursor.parsed((text) => (isCanonicalCidr(text) ? parseCidr(text) : undefined), "an IPv4 block");
    return cidr ?? { base: 0, prefixLength: 28 };
  }

  #address(cursor: JsonCursor): Ipv4 {
    return cursor.parsed(parseIpv4, "an IPv4 address") ?? 0;
  }

  #time(cursor: JsonCursor): Ms | undefined {
    if (!cursor.isPresent) return undefined;
    const wallMs = cursor.parsed(parseRfc3339, "a time such as 2026-01-02T03:04:05+00:00");
    this.#latestWallMs = Math.max(this.#latestWallMs, wallMs ?? 0);
    return wallMs;
  }

  #vpc(vpc: JsonCursor): VpcDescription {
    const primary = vpc.field("CidrBlock");
    const blocks = vpc
      .field("CidrBlockAssociationSet")
      .items()
      .filter((block) => block.field("CidrBlockState").field("State").optionalText() === "associated");
    const isPrimary = (block: JsonCursor): boolean => block.field("CidrBlock").value === primary.value;
    const ordered = [...blocks.filter(isPrimary), ...blocks.filter((block) => !isPrimary(block))];
    const hasBlocks = ordered.length > 0;
    return {
      id: vpc.field("VpcId").text(),
      cidrs: hasBlocks ? ordered.map((block) => this.#cidr(block.field("CidrBlock"))) : [this.#cidr(primary)],
      associationIds: hasBlocks ? ordered.map((block) => block.field("AssociationId").text()) : undefined,
      dhcpOptionsId: vpc.field("DhcpOptionsId").optionalText(),
      isDefault: vpc.field("IsDefault").boolean(false),
      tags: this.#tags(vpc.field("Tags")),
    };
  }

  #group(group: JsonCursor): SecurityGroupDescription {
    const id = group.field("GroupId").text();
    this.#groupIds.add(id);
    return {
      id,
      vpcId: group.field("VpcId").text(),
      name: group.field("GroupName").text(),
      description: group.field("Description").optionalText() ?? "",
      tags: this.#tags(group.field("Tags")),
    };
  }

  #reservation(item: JsonCursor, bySubnet: Map<string, ReservationDescription[]>): void {
    const subnetId = item.field("SubnetId").text();
    const ofSubnet = bySubnet.get(subnetId) ?? [];
    bySubnet.set(subnetId, ofSubnet);
    ofSubnet.push({
      id: item.field("SubnetCidrReservationId").text(),
      cidr: this.#cidr(item.field("Cidr")),
      type: item.field("ReservationType").oneOf(["prefix", "explicit"], "explicit"),
      description: item.field("Description").optionalText() ?? "",
      tags: this.#tags(item.field("Tags")),
    });
  }

  #subnet(subnet: JsonCursor, reservations: ReadonlyMap<string, ReservationDescription[]>): SubnetDescription {
    const id = subnet.field("SubnetId").text();
    return {
      id,
      vpcId: subnet.field("VpcId").text(),
      az: subnet.field("AvailabilityZone").text(),
      azId: subnet.field("AvailabilityZoneId").optionalText(),
      cidr: this.#cidr(subnet.field("CidrBlock")),
      reservations: reservations.get(id) ?? [],
      tags: this.#tags(subnet.field("Tags")),
    };
  }

  /** Terminated instances have neither subnet nor ENIs: they are left out. */
  #launch(launch: JsonCursor): InstanceDescription[] {
    const launchReservationId = launch.field("ReservationId").text();
    return launch
      .field("Instances")
      .items()
      .filter((instance) => instance.field("State").field("Name").value !== "terminated")
      .map((instance) => ({
        id: instance.field("InstanceId").text(),
        type: instance.field("InstanceType").text(),
        subnetId: instance.field("SubnetId").text(),
        tags: this.#tags(instance.field("Tags")),
        imageId: instance.field("ImageId").optionalText(),
        launchReservationId,
        launchIndex: instance.field("AmiLaunchIndex").integer(0),
        launchWallMs: this.#time(instance.field("LaunchTime")),
        state: instance
          .field("State")
          .field("Name")
          .oneOf(["pending", "running", "shutting-down", "stopping", "stopped"], "running"),
      }));
  }

  #eni(
    eni: JsonCursor,
    known: { readonly securityGroups: SecurityGroupDescription[]; readonly ownerId: string | undefined },
  ): EniDescription {
    const addresses = eni.field("PrivateIpAddresses").items();
    const isPrimary = (item: JsonCursor): boolean => item.field("Primary").value === true;
    const primary = addresses.find(isPrimary)?.field("PrivateIpAddress") ?? eni.field("PrivateIpAddress");
    const interfaceType = eni.field("InterfaceType").optionalText() ?? "interface";
    const securityGroupIds = eni
      .field("Groups")
      .items()
      .map((group) => {
        const id = group.field("GroupId").text();
        if (!this.#groupIds.has(id)) {
          // A dump without describe-security-groups still names every group in use.
          this.#groupIds.add(id);
          const name = group.field("GroupName").optionalText() ?? id;
          known.securityGroups.push({ id, vpcId: eni.field("VpcId").text(), name });
        }
        return id;
      });
    const attachment = eni.field("Attachment");
    return {
      id: eni.field("NetworkInterfaceId").text(),
      subnetId: eni.field("SubnetId").text(),
      interfaceType,
      status: eni
        .field("Status")
        .oneOf(["pending", "available", "associated", "attaching", "in-use", "detaching"], "available"),
      description: eni.field("Description").optionalText() ?? "",
      mac: eni.field("MacAddress").optionalText(),
      ownerId: eni.field("OwnerId").optionalText(),
      requesterId: eni.field("RequesterId").optionalText(),
      isRequesterManaged: eni.field("RequesterManaged").boolean(false),
      isSourceDestCheck: eni.field("SourceDestCheck").boolean(true),
      securityGroupIds,
      primaryAddress: !primary.isPresent && interfaceType === "efa-only" ? 0 : this.#address(primary),
      addresses: addresses
        .filter((item) => !isPrimary(item))
        .map((item) => this.#address(item.field("PrivateIpAddress"))),
      prefixes: eni
        .field("Ipv4Prefixes")
        .items()
        .map((item) => this.#prefix(item.field("Ipv4Prefix"))),
      tags: this.#tags(eni.field("TagSet")),
      attachment: attachment.isPresent ? this.#attachment(attachment, known.ownerId) : undefined,
    };
  }

  #prefix(cursor: JsonCursor): Ipv4 {
    const cidr = this.#cidr(cursor);
    if (cidr.prefixLength !== 28) cursor.problem("must be a /28");
    return cidr.base;
  }

  #attachment(attachment: JsonCursor, ownerId: string | undefined): AttachmentDescription {
    const instanceOwnerId = attachment.field("InstanceOwnerId").optionalText();
    // An instance of another account is nothing that this world knows.
    const isOurs = instanceOwnerId === undefined || ownerId === undefined || instanceOwnerId === ownerId;
    return {
      id: attachment.field("AttachmentId").text(),
      instanceId: isOurs ? attachment.field("InstanceId").optionalText() : undefined,
      instanceOwnerId,
      deviceIndex: attachment.field("DeviceIndex").integer(0),
      networkCardIndex: attachment.field("NetworkCardIndex").integer(0),
      status: attachment.field("Status").oneOf(["attaching", "attached", "detaching", "detached"], "attached"),
      attachWallMs: this.#time(attachment.field("AttachTime")),
      isDeleteOnTermination: attachment.field("DeleteOnTermination").boolean(false),
    };
  }

  /** An instance whose primary ENI is missing: describe-network-interfaces was cut short or filtered. */
  #checkPrimaries(launches: readonly JsonCursor[], enis: readonly EniDescription[]): void {
    const withPrimary = new Set<string>();
    for (const { attachment } of enis) {
      if (attachment?.deviceIndex === 0 && attachment.networkCardIndex === 0 && attachment.instanceId !== undefined) {
        withPrimary.add(attachment.instanceId);
      }
    }
    for (const instance of launches.flatMap((launch) => launch.field("Instances").items())) {
      const id = instance.field("InstanceId").optionalText() ?? "";
      if (instance.field("State").field("Name").value === "terminated" || withPrimary.has(id)) continue;
      instance.field("InstanceId").problem(`the primary ENI of ${id} is not in describe-network-interfaces`);
    }
  }
}
