// Addresses of other tenants: load balancers, functions, endpoints, other clusters' nodes. They are requester-managed ENIs that
// nobody here may touch, and they go where the placement policies put them.

import type { Ipv4 } from "../../base/ipv4.ts";
import { type EniRecord, type EniVersion, NO_TAGS, type SubnetRecord } from "./records.ts";
import type { World } from "./world.ts";

/** Up to this many foreign addresses, each is an ENI of its own; above, an ENI carries up to `ADDRESSES_PER_BIG_ENI`. */
const SEPARATE_ENIS_MAX = 2000;
const ADDRESSES_PER_BIG_ENI = 50;
/** m5.xlarge and its like: 15 slots, one of them the primary address. */
const PREFIXES_PER_ENI = 14;

interface Tenant {
  readonly interfaceType: string;
  readonly description: string;
  readonly requesterId: string;
  readonly owner: string;
}

const TENANTS: readonly Tenant[] = [
  { interfaceType: "interface", description: "ELB app/other/", requesterId: "amazon-elb", owner: "amazon-elb" },
  {
    interfaceType: "network_load_balancer",
    description: "ELB net/other/",
    requesterId: "amazon-elb",
    owner: "amazon-aws",
  },
  { interfaceType: "lambda", description: "AWS Lambda VPC ENI-other-", requesterId: "lambda", owner: "amazon-aws" },
  {
    interfaceType: "vpc_endpoint",
    description: "VPC Endpoint Interface vpce-",
    requesterId: "vpce",
    owner: "amazon-aws",
  },
];

/** Places up to `count` foreign addresses by policy; returns how many found room. */
export function addForeignAddresses(world: World, subnet: SubnetRecord, count: number): number {
  const perEni = count > SEPARATE_ENIS_MAX ? ADDRESSES_PER_BIG_ENI : 1;
  let placed = 0;
  while (placed < count) {
    const index = world.nextIndex();
    const addresses: Ipv4[] = [];
    world.noteCount(subnet);
    while (addresses.length < perEni && placed < count) {
      const address = subnet.book.pickAddress(world.knobs, world.placementPrng);
      if (address === undefined) break;
      subnet.book.takeAddress(address, index);
      addresses.push(address);
      placed++;
    }
    const [primary, ...rest] = addresses;
    if (primary === undefined) {
      world.dropIndex(index);
      break;
    }
    addForeignEni(world, { subnet, index, primary, addresses: rest, prefixes: [] });
  }
  return placed;
}

/** Puts one foreign ENI on this very address, which must be free. */
export function addForeignAddressAt(world: World, subnet: SubnetRecord, address: Ipv4): void {
  const index = world.nextIndex();
  world.noteCount(subnet);
  subnet.book.takeAddress(address, index);
  addForeignEni(world, { subnet, index, primary: address, addresses: [], prefixes: [] });
}

/**
 * Places up to `count` foreign /28s by policy. Their ENIs need a primary address each; returns how many prefixes found room and
 * how many single addresses that took.
 */
export function addForeignPrefixes(
  world: World,
  subnet: SubnetRecord,
  count: number,
): { readonly prefixCount: number; readonly addressCount: number } {
  let prefixCount = 0;
  let addressCount = 0;
  while (prefixCount < count) {
    const index = world.nextIndex();
    const prefixes: Ipv4[] = [];
    while (prefixes.length < PREFIXES_PER_ENI && prefixCount + prefixes.length < count) {
      const prefix = subnet.book.pickPrefix(world.knobs, world.placementPrng);
      if (prefix === undefined) break;
      subnet.book.takePrefix(prefix, index);
      prefixes.push(prefix);
    }
    const primary = prefixes.length === 0 ? undefined : subnet.book.pickAddress(world.knobs, world.placementPrng);
    if (primary === undefined) {
      for (const prefix of prefixes) subnet.book.releasePrefix(prefix, { toQuarantine: false });
      world.dropIndex(index);
      break;
    }
    subnet.book.takeAddress(primary, index);
    addForeignEni(world, { subnet, index, primary, addresses: [], prefixes });
    prefixCount += prefixes.length;
    addressCount++;
  }
  return { prefixCount, addressCount };
}

/** Gives back up to `count` foreign addresses, newest ENIs first, whole ENIs at a time; returns how many were freed. */
export function releaseForeign(world: World, subnet: SubnetRecord, count: number): number {
  const foreign = [...subnet.enis].filter((eni) => eni.isForeign && eni.now.prefixes.length === 0).reverse();
  let released = 0;
  for (const eni of foreign) {
    const held = 1 + eni.now.addresses.length;
    if (released + held > count) {
      const drop = eni.now.addresses.slice(-(count - released));
      if (count - released > 0 && drop.length > 0 && held > 1) {
        const gone = new Set(drop);
        world.noteCount(subnet);
        for (const address of drop) world.releaseAddress(subnet, address);
        world.changeEni(eni, { addresses: eni.now.addresses.filter((address) => !gone.has(address)) });
        released += drop.length;
      }
      break;
    }
    world.removeEni(eni);
    released += held;
  }
  return released;
}

function addForeignEni(
  world: World,
  fields: {
    readonly subnet: SubnetRecord;
    readonly index: number;
    readonly primary: Ipv4;
    readonly addresses: readonly Ipv4[];
    readonly prefixes: readonly Ipv4[];
  },
): EniRecord {
  const tenant = TENANTS[world.foreignPrng.below(TENANTS.length)] as Tenant;
  const id = world.ids.next("eni");
  const group = [...world.groups.values()].find((g) => g.vpc === fields.subnet.vpc && g.name === "default");
  const version: EniVersion = {
    status: "in-use",
    description: tenant.description + id.slice(-8),
    isSourceDestCheck: tenant.interfaceType === "interface",
    groups: group === undefined ? [] : [group],
    addresses: fields.addresses,
    prefixes: fields.prefixes,
    tags: NO_TAGS,
    attachment: {
      id: world.ids.next("ela-attach"),
      instanceId: undefined,
      instanceOwnerId: tenant.owner,
      deviceIndex: 1,
      networkCardIndex: 0,
      status: "attached",
      attachWallMs: world.nowWallMs,
      isDeleteOnTermination: false,
    },
  };
  const eni = world.addEni({
    id,
    index: fields.index,
    subnet: fields.subnet,
    interfaceType: tenant.interfaceType,
    primaryAddress: fields.primary,
    version,
    requesterId: tenant.requesterId,
    isRequesterManaged: true,
    isForeign: true,
  });
  if (version.attachment !== undefined) world.eniByAttachment.set(version.attachment.id, eni);
  return eni;
}
