// What is asked of the kernel, as rtnetlink messages. One change is one message.

import { unreachable } from "../base/assert.ts";
import { cidrLast, cidrOf } from "../base/ipv4.ts";
import * as n from "./numbers.ts";
import type { Change, RouteSpec, RuleSpec } from "./types.ts";
import { MessageWriter } from "./wire.ts";

type ChangeOf<Kind extends Change["change"]> = Extract<Change, { change: Kind }>;

/** A list or a single record to be read. Kernels without strict checking answer with more than was asked for. */
export type Query =
  | { readonly query: "link"; readonly name: string }
  | { readonly query: "links" }
  /** `linkIndex` 0: of all links. */
  | { readonly query: "addresses"; readonly linkIndex: number }
  | { readonly query: "routes"; readonly table: number }
  | { readonly query: "rules" }
  | { readonly query: "neighbours"; readonly linkIndex: number };

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: (writer: MessageWriter) => void;
}

/** One datagram; the changes' sequence numbers go up from `sequence` and wrap at 32 bits. */
export function encodeChanges(changes: readonly Change[], sequence: number): Uint8Array {
  const writer = new MessageWriter();
  for (const [index, change] of changes.entries()) {
    const { type, flags, body } = changeRequest(change);
    const header = { type, flags: n.NLM_F.request | n.NLM_F.ack | flags, sequence: (sequence + index) >>> 0 };
    writer.message(header, () => body(writer));
  }
  return writer.datagram();
}

export function encodeQuery(query: Query, sequence: number): Uint8Array {
  const writer = new MessageWriter();
  const { type, flags, body } = queryRequest(query);
  writer.message({ type, flags: n.NLM_F.request | flags, sequence }, () => body(writer));
  return writer.datagram();
}

const ADD = n.NLM_F.create | n.NLM_F.exclusive;
const REPLACE = n.NLM_F.create | n.NLM_F.replace;

function changeRequest(change: Change): Request {
  switch (change.change) {
    case "addVeth":
      return { type: n.RTM.newLink, flags: ADD, body: (writer) => writeVeth(writer, change) };
    case "addVlan":
      return { type: n.RTM.newLink, flags: ADD, body: (writer) => writeVlan(writer, change) };
    case "setLink":
      return { type: n.RTM.setLink, flags: 0, body: (writer) => writeLinkSettings(writer, change) };
    case "deleteLink":
      return { type: n.RTM.deleteLink, flags: 0, body: (writer) => writeLinkId(writer, change.link, {}) };
    case "addAddress":
      return { type: n.RTM.newAddress, flags: ADD, body: (writer) => writeAddress(writer, change) };
    case "deleteAddress":
      return { type: n.RTM.deleteAddress, flags: 0, body: (writer) => writeAddress(writer, change) };
    case "addRoute":
      return { type: n.RTM.newRoute, flags: ADD, body: (writer) => writeNewRoute(writer, change.route) };
    case "replaceRoute":
      return { type: n.RTM.newRoute, flags: REPLACE, body: (writer) => writeNewRoute(writer, change.route) };
    case "deleteRoute":
      return { type: n.RTM.deleteRoute, flags: 0, body: (writer) => writeOldRoute(writer, change.route) };
    case "addRule": {
      const flags = change.isAddedTwice === true ? n.NLM_F.create : ADD;
      return { type: n.RTM.newRule, flags, body: (writer) => writeRule(writer, change.rule) };
    }
    case "deleteRule":
      return { type: n.RTM.deleteRule, flags: 0, body: (writer) => writeRule(writer, change.rule) };
    case "setNeighbour":
      return { type: n.RTM.newNeighbour, flags: REPLACE, body: (writer) => writeNeighbour(writer, change) };
    default:
      return unreachable(change);
  }
}

function queryRequest(query: Query): Request {
  const list = (type: number, body: (writer: MessageWriter) => void) => ({ type, flags: n.NLM_F.dump, body });
  switch (query.query) {
    case "link":
      return { type: n.RTM.getLink, flags: 0, body: (writer) => writeLinkQuery(writer, query.name) };
    case "links":
      return list(n.RTM.getLink, (writer) => writeLinkQuery(writer));
    case "addresses":
      return list(n.RTM.getAddress, (writer) => writeAddressHeader(writer, { ...query, prefixLength: 0 }));
    case "routes":
      return list(n.RTM.getRoute, (writer) => {
        writeFamilyHeader(writer);
        writer.attributeU32(n.RTA.table, query.table);
      });
    case "rules":
      return list(n.RTM.getRule, writeFamilyHeader);
    case "neighbours":
      return list(n.RTM.getNeighbour, (writer) => {
        writeFamilyHeader(writer);
        writer.attributeU32(n.NDA.linkIndex, query.linkIndex);
      });
    default:
      return unreachable(query);
  }
}

function writeLinkQuery(writer: MessageWriter, name?: string): void {
  writeLinkHeader(writer, {});
  if (name !== undefined) writer.attributeName(n.IFLA.name, name);
  writer.attributeU32(n.IFLA.extensionMask, n.SKIP_STATISTICS);
}

/** The header of routes, rules and neighbours with nothing but the family. */
function writeFamilyHeader(writer: MessageWriter): void {
  writer.u8(n.AF_INET);
  writer.zeros(11);
}

// struct ifinfomsg: family, pad, u16 type, i32 index, u32 flags, u32 change
function writeLinkHeader(writer: MessageWriter, link: { index?: number; isUp?: boolean | undefined }): void {
  writer.zeros(4);
  writer.u32(link.index ?? 0);
  writer.u32(link.isUp === true ? n.IFF_UP : 0);
  writer.u32(link.isUp === undefined ? 0 : n.IFF_UP);
}

function writeLinkId(writer: MessageWriter, link: number | string, state: { isUp?: boolean | undefined }): void {
  writeLinkHeader(writer, { index: typeof link === "number" ? link : 0, isUp: state.isUp });
  if (typeof link === "string") writer.attributeName(n.IFLA.name, link);
}

function writeVeth(writer: MessageWriter, veth: ChangeOf<"addVeth">): void {
  const { name, mac, mtu, peer } = veth;
  writeLinkHeader(writer, {});
  writer.attributeName(n.IFLA.name, name);
  writer.attributeMac(n.IFLA.address, mac);
  writeVethEnd(writer, mtu);
  writeLinkInfo(writer, "veth", () =>
    writer.attribute(n.VETH_INFO_PEER, () => {
      writeLinkHeader(writer, {});
      writer.attributeName(n.IFLA.name, peer.name);
      writeVethEnd(writer, mtu);
      writer.attributeU32(n.IFLA.namespaceFd, peer.namespaceFd);
    }),
  );
}

/** One queue each way: the kernel makes one for each processor otherwise, each with files of its own, and a veth without XDP uses none. */
function writeVethEnd(writer: MessageWriter, mtu: number): void {
  writer.attributeU32(n.IFLA.mtu, mtu);
  writer.attributeU32(n.IFLA.txQueueLength, 0);
  writer.attributeU32(n.IFLA.txQueueCount, 1);
  writer.attributeU32(n.IFLA.rxQueueCount, 1);
}

function writeVlan(writer: MessageWriter, vlan: ChangeOf<"addVlan">): void {
  writeLinkHeader(writer, {});
  writer.attributeName(n.IFLA.name, vlan.name);
  writer.attributeMac(n.IFLA.address, vlan.mac);
  writer.attributeU32(n.IFLA.link, vlan.parentIndex);
  writeLinkInfo(writer, "vlan", () => writer.attributeU16(n.IFLA_VLAN_ID, vlan.vlanId));
}

function writeLinkInfo(writer: MessageWriter, kind: string, data: () => void): void {
  writer.attribute(n.IFLA.linkInfo, () => {
    writer.attributeText(n.IFLA_INFO.kind, kind);
    writer.attribute(n.IFLA_INFO.data, data);
  });
}

function writeLinkSettings(writer: MessageWriter, change: ChangeOf<"setLink">): void {
  writeLinkId(writer, change.link, { isUp: change.isUp });
  if (change.mtu !== undefined) writer.attributeU32(n.IFLA.mtu, change.mtu);
  if (change.alias !== undefined) writer.attributeText(n.IFLA.alias, change.alias);
}

// struct ifaddrmsg: family, prefix length, flags, scope, u32 index
function writeAddressHeader(writer: MessageWriter, address: { linkIndex: number; prefixLength: number }): void {
  writer.u8(n.AF_INET);
  writer.u8(address.prefixLength);
  writer.zeros(2);
  writer.u32(address.linkIndex);
}

function writeAddress(writer: MessageWriter, change: ChangeOf<"addAddress" | "deleteAddress">): void {
  const { address, prefixLength } = change;
  writeAddressHeader(writer, change);
  writer.attributeIpv4(n.IFA.local, address);
  writer.attributeIpv4(n.IFA.address, address);
  // A /31 and a /32 have no broadcast address (RFC 3021).
  if (change.change === "addAddress" && change.hasBroadcast && prefixLength < 31)
    writer.attributeIpv4(n.IFA.broadcast, cidrLast(cidrOf(address, prefixLength)));
}

function writeNewRoute(writer: MessageWriter, route: RouteSpec): void {
  writeRoute(writer, route, { scope: n.RT_SCOPE[route.scope], protocol: n.RTPROT_BOOT });
}

function writeOldRoute(writer: MessageWriter, route: ChangeOf<"deleteRoute">["route"]): void {
  const scope = route.scope === "any" ? n.RT_SCOPE.nowhere : n.RT_SCOPE[route.scope];
  // Protocol 0: whoever made the route, the connected one of the kernel too.
  writeRoute(writer, route, { scope, protocol: 0 });
}

// struct rtmsg: family, destination length, source length, tos, table, protocol, scope, type, u32 flags
function writeRoute(
  writer: MessageWriter,
  route: Omit<RouteSpec, "scope">,
  header: { scope: number; protocol: number },
): void {
  writer.u8(n.AF_INET);
  writer.u8(route.destination.prefixLength);
  writer.zeros(2);
  writer.u8(tableByte(route.table));
  writer.u8(header.protocol);
  writer.u8(header.scope);
  writer.u8(n.RTN_UNICAST);
  writer.u32(0);
  if (route.destination.prefixLength > 0) writer.attributeIpv4(n.RTA.destination, route.destination.base);
  if (route.gateway !== undefined) writer.attributeIpv4(n.RTA.gateway, route.gateway);
  if (route.linkIndex !== 0) writer.attributeU32(n.RTA.outInterface, route.linkIndex);
  if (route.preferredSource !== undefined) writer.attributeIpv4(n.RTA.preferredSource, route.preferredSource);
  writer.attributeU32(n.RTA.table, route.table);
}

/** The header has one byte for a table; the attribute has the whole number. */
function tableByte(table: number): number {
  return table > 255 ? 0 : table;
}

// struct fib_rule_hdr: family, destination length, source length, tos, table, reserved, reserved, action, u32 flags
function writeRule(writer: MessageWriter, rule: RuleSpec): void {
  writer.u8(n.AF_INET);
  writer.u8(rule.to?.prefixLength ?? 0);
  writer.u8(rule.from?.prefixLength ?? 0);
  writer.u8(0);
  writer.u8(tableByte(rule.table));
  writer.zeros(2);
  writer.u8(n.FR_ACT_TO_TBL);
  writer.u32(0);
  if (rule.to !== undefined && rule.to.prefixLength > 0) writer.attributeIpv4(n.FRA.destination, rule.to.base);
  if (rule.from !== undefined && rule.from.prefixLength > 0) writer.attributeIpv4(n.FRA.source, rule.from.base);
  if (rule.inInterface !== undefined) writer.attributeName(n.FRA.inInterface, rule.inInterface);
  writer.attributeU32(n.FRA.priority, rule.priority);
  if (rule.mark !== undefined) {
    writer.attributeU32(n.FRA.mark, rule.mark.value);
    writer.attributeU32(n.FRA.markMask, rule.mark.mask);
  }
  if (rule.table !== 0) writer.attributeU32(n.FRA.table, rule.table);
}

// struct ndmsg: family, u8 pad, u16 pad, i32 index, u16 state, flags, type
function writeNeighbour(writer: MessageWriter, neighbour: ChangeOf<"setNeighbour">): void {
  writer.u8(n.AF_INET);
  writer.zeros(3);
  writer.u32(neighbour.linkIndex);
  writer.u16(n.NUD_PERMANENT);
  writer.zeros(2);
  writer.attributeIpv4(n.NDA.destination, neighbour.address);
  writer.attributeMac(n.NDA.linkAddress, neighbour.mac);
}
