// What the kernel answers, as records. Attributes that we have no use for are skipped; what is too short throws `KernelError`.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import { errnoName } from "./errno.ts";
import type { ChangeResult } from "./kernel.ts";
import * as n from "./numbers.ts";
import type { Link, LinkAddress, Neighbour, Route, Rule } from "./types.ts";
import { Fields, HEADER_LENGTH, type Message } from "./wire.ts";

const LINK_HEADER_LENGTH = 16;
const ADDRESS_HEADER_LENGTH = 8;
/** struct rtmsg, struct fib_rule_hdr and struct ndmsg alike. */
const OTHER_HEADER_LENGTH = 12;

/** Of NLMSG_ERROR, which is the acknowledgement too, and of NLMSG_DONE. */
export function decodeResult(message: Message): ChangeResult {
  const fields = new Fields(message.body);
  const errno = 0 - fields.i32();
  if ((message.flags & n.NLM_F.ackAttributes) === 0) return { errno, message: "" };
  const isError = message.type === n.NLMSG.error;
  // Behind an error number stands the request's header, and unless capped the whole request.
  const repeatedLength = !isError
    ? 0
    : (message.flags & n.NLM_F.capped) !== 0
      ? HEADER_LENGTH
      : (fields.u32(4) + 3) & ~3;
  const text =
    fields
      .attributes(4 + repeatedLength)
      .get(n.ERROR_TEXT)
      ?.text() ?? "";
  return { errno, message: text };
}

/** `EINVAL: Invalid prefix for given prefix length`. */
export function describeResult(result: ChangeResult): string {
  return result.message === "" ? errnoName(result.errno) : `${errnoName(result.errno)}: ${result.message}`;
}

/** A link has some fifty, and most are its counters' and queues'. */
const LINK_ATTRIBUTES: ReadonlySet<number> = new Set([
  n.IFLA.address,
  n.IFLA.name,
  n.IFLA.mtu,
  n.IFLA.link,
  n.IFLA.txQueueLength,
  n.IFLA.linkInfo,
  n.IFLA.alias,
]);

export function decodeLink(body: Uint8Array): Link {
  const fields = new Fields(body);
  const attributes = fields.attributes(LINK_HEADER_LENGTH, LINK_ATTRIBUTES);
  const info = attributes.get(n.IFLA.linkInfo)?.attributes();
  const kind = info?.get(n.IFLA_INFO.kind)?.text() ?? "";
  const vlanId = kind === "vlan" ? info?.get(n.IFLA_INFO.data)?.attributes().get(n.IFLA_VLAN_ID)?.u16() : undefined;
  return {
    index: fields.i32(4),
    name: attributes.get(n.IFLA.name)?.text() ?? "",
    mac: attributes.get(n.IFLA.address)?.mac() ?? "",
    mtu: attributes.get(n.IFLA.mtu)?.u32() ?? 0,
    isUp: (fields.u32(8) & n.IFF_UP) !== 0,
    kind,
    parentIndex: attributes.get(n.IFLA.link)?.i32() ?? 0,
    vlanId: vlanId ?? 0,
    alias: attributes.get(n.IFLA.alias)?.text() ?? "",
    txQueueLength: attributes.get(n.IFLA.txQueueLength)?.u32() ?? 0,
  };
}

/** Undefined for another family. */
export function decodeAddress(body: Uint8Array): LinkAddress | undefined {
  const fields = new Fields(body);
  const attributes = fields.attributes(ADDRESS_HEADER_LENGTH);
  // IFA_ADDRESS is the other end's on a point-to-point link.
  const address = attributes.get(n.IFA.local) ?? attributes.get(n.IFA.address);
  if (fields.u8(0) !== n.AF_INET || address === undefined) return undefined;
  return {
    linkIndex: fields.i32(4),
    address: address.ipv4(),
    prefixLength: fields.u8(1),
    scope: fields.u8(3),
  };
}

/** Undefined for what `Route` cannot say: another family, a cache entry, several next hops, a TOS, an IPv6 gateway. */
export function decodeRoute(body: Uint8Array): Route | undefined {
  const fields = new Fields(body);
  const attributes = fields.attributes(OTHER_HEADER_LENGTH);
  const [family, destinationLength, sourceLength, tos] = [fields.u8(0), fields.u8(1), fields.u8(2), fields.u8(3)];
  if (family !== n.AF_INET || sourceLength !== 0 || tos !== 0) return undefined;
  if ((fields.u32(8) & n.RTM_F_CLONED) !== 0) return undefined;
  if (attributes.has(n.RTA.multipath) || attributes.has(n.RTA.via)) return undefined;
  const gateway = attributes.get(n.RTA.gateway)?.ipv4();
  const preferredSource = attributes.get(n.RTA.preferredSource)?.ipv4();
  return {
    table: attributes.get(n.RTA.table)?.u32() ?? fields.u8(4),
    destination: cidr(attributes.get(n.RTA.destination), destinationLength),
    linkIndex: attributes.get(n.RTA.outInterface)?.i32() ?? 0,
    ...(gateway === undefined ? {} : { gateway }),
    ...(preferredSource === undefined ? {} : { preferredSource }),
    scope: fields.u8(6),
    protocol: fields.u8(5),
    type: fields.u8(7),
    metric: attributes.get(n.RTA.priority)?.u32() ?? 0,
  };
}

function cidr(base: Fields | undefined, prefixLength: number): Cidr {
  return { base: base?.ipv4() ?? 0, prefixLength };
}

const PLAIN_RULE_ATTRIBUTES: ReadonlySet<number> = new Set(Object.values(n.FRA));
/** How the kernel says that nothing is suppressed. */
const SUPPRESS_NOTHING = 0xffff_ffff;

/** Undefined for another family. Written for speed: a node has two rules a pod, and each ADD reads them all. */
export function decodeRule(body: Uint8Array): Rule | undefined {
  const fields = new Fields(body);
  if (fields.u8(0) !== n.AF_INET) return undefined;
  const attributes = fields.attributes(OTHER_HEADER_LENGTH);
  const toLength = fields.u8(1);
  const fromLength = fields.u8(2);
  const mark = attributes.get(n.FRA.mark)?.u32();
  const mask = attributes.get(n.FRA.markMask)?.u32();
  const inInterface = attributes.get(n.FRA.inInterface)?.text();
  let isPlain = fields.u8(3) === 0 && fields.u8(7) === n.FR_ACT_TO_TBL && (fields.u32(8) & n.FIB_RULE_INVERT) === 0;
  for (const [type, value] of attributes) {
    const isSuppressor = type === n.FRA.suppressGroup || type === n.FRA.suppressPrefixLength;
    if (!PLAIN_RULE_ATTRIBUTES.has(type) || (isSuppressor && value.u32() !== SUPPRESS_NOTHING)) isPlain = false;
  }
  const rule: { -readonly [Key in keyof Rule]: Rule[Key] } = {
    priority: attributes.get(n.FRA.priority)?.u32() ?? 0,
    table: attributes.get(n.FRA.table)?.u32() ?? fields.u8(4),
    isPlain,
  };
  if (fromLength > 0) rule.from = cidr(attributes.get(n.FRA.source), fromLength);
  if (toLength > 0) rule.to = cidr(attributes.get(n.FRA.destination), toLength);
  if (mark !== undefined || mask !== undefined) rule.mark = { value: mark ?? 0, mask: mask ?? 0xffff_ffff };
  if (inInterface !== undefined) rule.inInterface = inInterface;
  return rule;
}

/** The rule is from or to exactly this address. For lists of two rules a pod, of which two are wanted. */
export function isRuleOf(body: Uint8Array, address: Ipv4): boolean {
  const fields = new Fields(body);
  const is = (type: number): boolean => {
    const at = fields.find(type, OTHER_HEADER_LENGTH);
    return at >= 0 && fields.ipv4(at) === address;
  };
  return (fields.u8(1) === 32 && is(n.FRA.destination)) || (fields.u8(2) === 32 && is(n.FRA.source));
}

/** Undefined for another family and while the neighbour's MAC is not known. */
export function decodeNeighbour(body: Uint8Array): Neighbour | undefined {
  const fields = new Fields(body);
  const attributes = fields.attributes(OTHER_HEADER_LENGTH);
  const address = attributes.get(n.NDA.destination);
  const mac = attributes.get(n.NDA.linkAddress)?.mac();
  if (fields.u8(0) !== n.AF_INET || address === undefined || mac === undefined) return undefined;
  return {
    linkIndex: fields.i32(4),
    address: address.ipv4(),
    mac,
    isPermanent: (fields.u16(8) & n.NUD_PERMANENT) !== 0,
  };
}
