// Instance metadata below /latest: what one instance reads, behind the control plane by the lag. Bodies, statuses and absences
// as in ec2-vpc.md 5.2. Tokens, methods and headers are the server's.

import { formatCidr, formatIpv4 } from "../../base/ipv4.ts";
import { primaryEniOf } from "./build.ts";
import type { EniRecord, EniVersion, InstanceRecord } from "./records.ts";
import { wireTime } from "./time-text.ts";
import type { World } from "./world.ts";
import { privateDnsName, zoneIdOf } from "./zones.ts";

const ROLE = "slash28-node";
const CREDENTIALS_LIFETIME_MS = 6 * 3_600_000;

/** A leaf's text, or a directory: children by name, each worked out when it is asked for. */
type Node = string | Directory;
type Directory = ReadonlyMap<string, () => Node | undefined>;

/** The body of a path; undefined: 404. Repeated slashes count as one, a trailing one makes no difference. */
export function readMetadata(world: World, instance: InstanceRecord, path: string): string | undefined {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (segments.shift() !== "latest") return undefined;
  let node: Node | undefined = rootOf(world, instance);
  for (const segment of segments) {
    if (node === undefined || typeof node === "string") return undefined;
    node = node.get(segment)?.();
  }
  if (node === undefined || typeof node === "string") return node;
  const lines: string[] = [];
  for (const [name, child] of node) {
    const value = child();
    if (value !== undefined) lines.push(typeof value === "string" ? name : `${name}/`);
  }
  return lines.join("\n");
}

function rootOf(world: World, instance: InstanceRecord): Directory {
  return directory({
    dynamic: () => directory({ "instance-identity": () => directory({ document: () => document(world, instance) }) }),
    "meta-data": () => metaData(world, instance),
  });
}

function metaData(world: World, instance: InstanceRecord): Directory {
  const primary = primaryEniOf(instance);
  const address = primary === undefined ? undefined : formatIpv4(primary.primaryAddress);
  const hostname = primary === undefined ? undefined : privateDnsName(primary.primaryAddress, world.region);
  return directory({
    "ami-id": () => instance.imageId,
    hostname: () => hostname,
    iam: () =>
      directory({
        "security-credentials": () => directory({ [ROLE]: () => credentials(world) }),
      }),
    "instance-id": () => instance.id,
    "instance-type": () => instance.type,
    "local-hostname": () => hostname,
    "local-ipv4": () => address,
    mac: () => primary?.mac,
    network: () => directory({ interfaces: () => directory({ macs: () => macs(world, instance) }) }),
    placement: () =>
      directory({
        "availability-zone": () => instance.availabilityZone,
        "availability-zone-id": () => zoneIdOf(world, instance.availabilityZone),
        region: () => world.region,
      }),
    "reservation-id": () => instance.launchReservationId,
    "security-groups": () => primary?.now.groups.map((group) => group.name).join("\n"),
  });
}

function macs(world: World, instance: InstanceRecord): Directory {
  const children: [string, () => Node | undefined][] = [];
  for (const [eni, entries] of instance.imds) {
    const seen = entries.findLast((entry) => entry.fromMs <= world.nowMs);
    if (seen === undefined) continue;
    const { version } = seen;
    const areFieldsThere = seen.fieldsFromMs <= world.nowMs;
    // A directory without fields: listed, and 404 below.
    if (version !== undefined)
      children.push([eni.mac, () => macDirectory(world, instance, eni, version, areFieldsThere)]);
    else if (world.nowMs < seen.staleUntilMs) children.push([eni.mac, () => new Map()]);
  }
  return new Map(children);
}

function macDirectory(
  world: World,
  instance: InstanceRecord,
  eni: EniRecord,
  version: EniVersion,
  areFieldsThere: boolean,
): Directory {
  const vpcCidrs = eni.subnet.vpc.cidrs.filter((block) => block.state === "associated");
  const addresses = eni.primaryAddress === 0 ? [] : [eni.primaryAddress, ...version.addresses];
  const early = { "interface-id": () => eni.id, mac: () => eni.mac, "owner-id": () => eni.ownerId };
  if (!areFieldsThere) return directory(early);
  const { attachment } = version;
  return directory({
    "device-number": () => String(attachment?.deviceIndex ?? 0),
    ...early,
    "ipv4-prefix": () => lines(version.prefixes.map((prefix) => `${formatIpv4(prefix)}/28`)),
    "local-hostname": () => (addresses[0] === undefined ? undefined : privateDnsName(addresses[0], world.region)),
    "local-ipv4s": () => lines(addresses.map(formatIpv4)),
    // Single-card instances have no such field.
    "network-card": () =>
      instance.limits.networkCardCount > 1 ? String(attachment?.networkCardIndex ?? 0) : undefined,
    "security-group-ids": () => lines(version.groups.map((group) => group.id)),
    "security-groups": () => lines(version.groups.map((group) => group.name)),
    "subnet-id": () => eni.subnet.id,
    "subnet-ipv4-cidr-block": () => formatCidr(eni.subnet.cidr),
    "vpc-id": () => eni.subnet.vpc.id,
    "vpc-ipv4-cidr-block": () => lines(vpcCidrs.slice(0, 1).map((block) => formatCidr(block.cidr))),
    "vpc-ipv4-cidr-blocks": () => lines(vpcCidrs.map((block) => formatCidr(block.cidr))),
  });
}

/** One per line; nothing at all is 404. */
function lines(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join("\n");
}

function directory(children: Readonly<Record<string, () => Node | undefined>>): Directory {
  return new Map(Object.entries(children));
}

function credentials(world: World): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: wireTime(world.nowWallMs),
    Type: "AWS-HMAC",
    AccessKeyId: "EMULATEDACCESSKEY",
    SecretAccessKey: "emulated-secret",
    Token: "emulated-token",
    Expiration: wireTime(world.nowWallMs + CREDENTIALS_LIFETIME_MS),
  });
}

function document(world: World, instance: InstanceRecord): string {
  const primary = primaryEniOf(instance);
  return JSON.stringify({
    accountId: world.accountId,
    architecture: "x86_64",
    availabilityZone: instance.availabilityZone,
    imageId: instance.imageId,
    instanceId: instance.id,
    instanceType: instance.type,
    pendingTime: wireTime(instance.launchWallMs),
    privateIp: primary === undefined ? null : formatIpv4(primary.primaryAddress),
    region: world.region,
    version: "2017-09-30",
  });
}
