// The VPC of network namespaces as lines for `ip -batch`: what has to change between two pictures of the emulated VPC. Pure.
//
// The VPC's side behaves as AWS does: it answers ARP for the subnet's gateway and for every address that somebody holds, takes
// packets to an ENI for the addresses and /28s that the ENI holds, and drops what comes from an ENI with a source address that
// is not the ENI's. A wrong path or a missing source NAT is thus seen as loss.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import { formatCidr, formatIpv4 } from "../base/ipv4.ts";

export interface FabricEni {
  readonly eniId: string;
  readonly mac: string;
  readonly deviceIndex: number;
  readonly primaryAddress: Ipv4;
  readonly subnet: Cidr;
  /** Secondary addresses. */
  readonly addresses: readonly Ipv4[];
  readonly prefixes: readonly Ipv4[];
}

export interface FabricNode {
  /** Name of its namespace, as `ip` takes it. */
  readonly namespace: string;
  /** Attached ENIs alone. */
  readonly enis: readonly FabricEni[];
}

export interface FabricPicture {
  readonly vpcCidrs: readonly Cidr[];
  readonly subnets: readonly Cidr[];
  readonly nodes: readonly FabricNode[];
}

export const NOTHING: FabricPicture = { vpcCidrs: [], subnets: [], nodes: [] };

/** Lines by namespace: the VPC's own, and each node's. */
export interface FabricChanges {
  readonly vpc: readonly string[];
  readonly nodes: ReadonlyMap<string, readonly string[]>;
}

/** ENIs carry jumbo frames (EC2 guide, network MTU, read 2026-08); a secondary one waits with 1500 for whoever sets it up. */
const ENI_MTU = 9001;
const BARE_MTU = 1500;
/** Where answers from the internet are looked up: it knows instances by their ENIs' primary addresses alone. */
export const INTERNET_TABLE = 100;

/** `linkOf`: the VPC's end of an ENI, at most 15 characters, never used for another ENI again. */
export function fabricChanges(
  before: FabricPicture,
  after: FabricPicture,
  linkOf: (eniId: string) => string,
): FabricChanges {
  const vpc: string[] = [];
  const nodes = new Map<string, string[]>();
  compare(before.vpcCidrs, after.vpcCidrs, formatCidr, {
    added: (text) => vpc.push(`route replace blackhole ${text} metric 9999`),
    removed: (text) => vpc.push(`route del blackhole ${text} metric 9999`),
  });
  compare(before.subnets, after.subnets, (subnet) => formatIpv4(subnet.base + 1), {
    added: (text) => vpc.push(`addr add ${text}/32 dev lo`),
    removed: (text) => vpc.push(`addr del ${text}/32 dev lo`),
  });
  const enisBefore = enisOf(before);
  const enisAfter = enisOf(after);
  for (const [key, { eni }] of enisBefore) {
    if (enisAfter.has(key)) continue;
    vpc.push(`route del ${formatIpv4(eni.primaryAddress)}/32 table ${INTERNET_TABLE}`);
    vpc.push(`link del ${linkOf(eni.eniId)}`);
  }
  const given: string[] = [];
  for (const [key, { eni, namespace }] of enisAfter) {
    const link = linkOf(eni.eniId);
    const known = enisBefore.get(key)?.eni;
    if (known === undefined) {
      given.push(...attachLines(eni, link, namespace));
      if (eni.deviceIndex === 0) nodes.set(namespace, [...(nodes.get(namespace) ?? []), ...primaryLines(eni)]);
    }
    const via = `via ${formatIpv4(eni.primaryAddress)} dev ${link} onlink`;
    compare(known === undefined ? [] : held(known), held(eni), String, {
      added: (text) => given.push(`route replace ${text} ${via}`),
      removed: (text) => vpc.push(`route del ${text} ${via}`),
    });
  }
  // `replace` would put a route of another ENI's out of the way of its own `del`.
  return { vpc: [...vpc, ...given], nodes };
}

function attachLines(eni: FabricEni, link: string, namespace: string): string[] {
  const address = formatIpv4(eni.primaryAddress);
  const nodeMtu = eni.deviceIndex === 0 ? ENI_MTU : BARE_MTU;
  return [
    `link add ${link} mtu ${ENI_MTU} type veth peer name eth${eni.deviceIndex} address ${eni.mac} mtu ${nodeMtu} netns ${namespace}`,
    `link set ${link} alias ${eni.eniId}`,
    `link set ${link} up`,
    // A proxy's answers are otherwise held back for up to 0.8 s.
    `ntable change name arp_cache dev ${link} proxy_delay 0`,
    `route replace ${address}/32 dev ${link}`,
    `route replace ${address}/32 dev ${link} table ${INTERNET_TABLE}`,
  ];
}

/** What a node's operating system does with its primary ENI, by DHCP. */
function primaryLines(eni: FabricEni): string[] {
  const address = formatIpv4(eni.primaryAddress);
  const gateway = formatIpv4(eni.subnet.base + 1);
  return [
    "link set eth0 up",
    `addr add ${address}/${eni.subnet.prefixLength} broadcast + dev eth0`,
    `route add default via ${gateway} dev eth0 proto dhcp src ${address} metric 512`,
  ];
}

function held(eni: FabricEni): string[] {
  return [...eni.addresses.map(formatIpv4), ...eni.prefixes.map((base) => `${formatIpv4(base)}/28`)];
}

function enisOf(picture: FabricPicture): Map<string, { eni: FabricEni; namespace: string }> {
  const found = new Map<string, { eni: FabricEni; namespace: string }>();
  for (const { namespace, enis } of picture.nodes) {
    for (const eni of enis) found.set(`${namespace} ${eni.deviceIndex} ${eni.eniId}`, { eni, namespace });
  }
  return found;
}

function compare<T>(
  before: readonly T[],
  after: readonly T[],
  textOf: (item: T) => string,
  tell: { readonly added: (text: string) => void; readonly removed: (text: string) => void },
): void {
  const was = new Set(before.map(textOf));
  const is = new Set(after.map(textOf));
  for (const text of was) if (!is.has(text)) tell.removed(text);
  for (const text of is) if (!was.has(text)) tell.added(text);
}
