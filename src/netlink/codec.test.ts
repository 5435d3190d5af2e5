// Bytes there and back, bytes as the kernel's headers lay them out, and bytes that are no messages at all.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { cidrOf, parseIpv4 } from "../base/ipv4.ts";
import { decodeAddress, decodeLink, decodeNeighbour, decodeResult, decodeRoute, decodeRule } from "./decode.ts";
import { encodeChanges, encodeQuery } from "./encode.ts";
import { KernelError } from "./kernel.ts";
import * as n from "./numbers.ts";
import type { Change, RouteSpec, RuleSpec } from "./types.ts";
import { decodeUtf8, encodeUtf8, Fields, type Message, messagesOf } from "./wire.ts";

type ChangeOf<Kind extends Change["change"]> = Extract<Change, { change: Kind }>;

const ip = (text: string) => parseIpv4(text)!;
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const index = fc.integer({ min: 1, max: 0x7fff_ffff });
const mac = fc
  .uint8Array({ minLength: 6, maxLength: 6 })
  .map((octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":"));
const name = fc.string({ minLength: 1, maxLength: 15 }).filter((text) => !text.includes("\0"));
const cidr = fc.tuple(u32, fc.integer({ min: 0, max: 32 })).map(([address, length]) => cidrOf(address, length));
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const present = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const route: fc.Arbitrary<RouteSpec> = fc
  .record({
    table: u32.filter((table) => table > 0),
    destination: cidr,
    linkIndex: index,
    gateway: optional(u32),
    preferredSource: optional(u32),
    scope: fc.constantFrom("universe" as const, "link" as const),
  })
  .map((fields) => present(fields) as RouteSpec);
const rule: fc.Arbitrary<RuleSpec> = fc
  .record({
    priority: u32,
    table: u32.filter((table) => table > 0),
    from: optional(cidr.filter((block) => block.prefixLength > 0)),
    to: optional(cidr.filter((block) => block.prefixLength > 0)),
    mark: optional(fc.record({ value: u32, mask: u32 })),
    inInterface: optional(name),
  })
  .map((fields) => present(fields) as RuleSpec);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    change: fc.constant("addVeth" as const),
    name,
    mac,
    mtu: u32,
    peer: fc.record({ name, namespaceFd: index }),
  }),
  fc.record({
    change: fc.constant("addVlan" as const),
    name,
    parentIndex: index,
    vlanId: fc.integer({ min: 1, max: 4094 }),
    mac,
  }),
  fc
    .record({
      change: fc.constant("setLink" as const),
      link: fc.oneof(index, name),
      isUp: optional(fc.boolean()),
      mtu: optional(u32),
      alias: optional(fc.string({ maxLength: 80 }).filter((text) => !text.includes("\0"))),
    })
    .map((fields) => present(fields) as ChangeOf<"setLink">),
  fc.record({ change: fc.constant("deleteLink" as const), link: fc.oneof(index, name) }),
  fc.record({
    change: fc.constant("addAddress" as const),
    linkIndex: index,
    address: u32,
    prefixLength: fc.integer({ min: 0, max: 32 }),
    hasBroadcast: fc.boolean(),
  }),
  fc.record({
    change: fc.constant("deleteAddress" as const),
    linkIndex: index,
    address: u32,
    prefixLength: fc.integer({ min: 0, max: 32 }),
  }),
  fc.record({ change: fc.constantFrom("addRoute" as const, "replaceRoute" as const), route }),
  fc.record({
    change: fc.constant("deleteRoute" as const),
    route: fc
      .tuple(route, fc.constantFrom("any" as const, "link" as const, "universe" as const), fc.boolean())
      .map(([spec, scope, isAnyLink]) => ({ ...spec, scope, linkIndex: isAnyLink ? 0 : spec.linkIndex })),
  }),
  fc.record({ change: fc.constantFrom("addRule" as const, "deleteRule" as const), rule }),
  fc.record({ change: fc.constant("setNeighbour" as const), linkIndex: index, address: u32, mac }),
);

const SCOPES = { universe: 0, link: 253, any: 255 } as const;

/** Holds one message against the change that it says. */
function expectSays(message: Message, wanted: Change): void {
  const { type, flags, body } = message;
  const isAdded = (flags & 0x600) === 0x600;
  switch (wanted.change) {
    case "addVeth": {
      const link = decodeLink(body);
      expect({ type, isAdded, name: link.name, mac: link.mac, mtu: link.mtu, kind: link.kind }).toEqual({
        ...{ type: 16, isAdded: true, kind: "veth" },
        ...{ name: wanted.name, mac: wanted.mac, mtu: wanted.mtu },
      });
      const info = new Fields(body).attributes(16).get(n.IFLA.linkInfo)!.attributes();
      const peer = info.get(n.IFLA_INFO.data)!.attributes().get(n.VETH_INFO_PEER)!;
      const peerLink = decodeLink(peer.bytes);
      expect([
        link.txQueueLength,
        peerLink.txQueueLength,
        peerLink.name,
        peerLink.mtu,
        link.isUp,
        peerLink.isUp,
      ]).toEqual([...[0, 0, wanted.peer.name, wanted.mtu], ...[false, false]]);
      expect(peer.attributes(16).get(n.IFLA.namespaceFd)!.u32()).toBe(wanted.peer.namespaceFd);
      break;
    }
    case "addVlan": {
      const { name, mac, kind, parentIndex, vlanId } = decodeLink(body);
      expect({ change: "addVlan", name, mac, parentIndex, vlanId } as Change).toEqual(wanted);
      expect([type, isAdded, kind]).toEqual([16, true, "vlan"]);
      break;
    }
    case "setLink":
    case "deleteLink": {
      const link = decodeLink(body);
      const fields = new Fields(body);
      const attributes = fields.attributes(16);
      expect(type).toBe(wanted.change === "setLink" ? 19 : 17);
      expect<number | string>(link.index === 0 ? link.name : link.index).toBe(wanted.link);
      if (wanted.change === "deleteLink") break;
      expect(fields.u32(12) === 0 ? undefined : link.isUp).toBe(wanted.isUp);
      expect(attributes.get(n.IFLA.mtu)?.u32()).toBe(wanted.mtu);
      expect(attributes.get(n.IFLA.alias)?.text()).toBe(wanted.alias);
      break;
    }
    case "addAddress":
    case "deleteAddress": {
      const { linkIndex, address, prefixLength } = wanted;
      expect(decodeAddress(body)).toEqual({ linkIndex, address, prefixLength, scope: 0 });
      const broadcast = new Fields(body).attributes(8).get(n.IFA.broadcast)?.ipv4();
      const isWanted = wanted.change === "addAddress" && wanted.hasBroadcast && prefixLength < 31;
      expect(broadcast).toBe(isWanted ? cidrOf(address, prefixLength).base + 2 ** (32 - prefixLength) - 1 : undefined);
      expect([type, isAdded]).toEqual(wanted.change === "addAddress" ? [20, true] : [21, false]);
      break;
    }
    case "addRoute":
    case "replaceRoute":
    case "deleteRoute": {
      const isDeleted = wanted.change === "deleteRoute";
      expect(decodeRoute(body)).toEqual({
        ...wanted.route,
        ...{ scope: SCOPES[wanted.route.scope], protocol: isDeleted ? 0 : 3, type: 1, metric: 0 },
      });
      const flagsWanted = { addRoute: 0x605, replaceRoute: 0x505, deleteRoute: 0x5 }[wanted.change];
      expect([type, flags]).toEqual([isDeleted ? 25 : 24, flagsWanted]);
      break;
    }
    case "addRule":
    case "deleteRule":
      expect(decodeRule(body)).toEqual({ ...wanted.rule, isPlain: true });
      expect([type, isAdded]).toEqual(wanted.change === "addRule" ? [32, true] : [33, false]);
      break;
    case "setNeighbour": {
      const { linkIndex, address, mac } = wanted;
      expect(decodeNeighbour(body)).toEqual({ linkIndex, address, mac, isPermanent: true });
      expect([type, flags]).toEqual([28, 0x505]);
    }
  }
}

describe("there and back", () => {
  test("any changes, in one datagram, in order, under their numbers", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 64, size: "max" }), u32, (changes, sequence) => {
        const messages = messagesOf(encodeChanges(changes, sequence));
        expect(messages.map((message) => message.sequence)).toEqual(changes.map((_, i) => (sequence + i) % 2 ** 32));
        for (const [i, message] of messages.entries()) {
          expect(message.flags & 0x5).toBe(0x5);
          expectSays(message, changes[i]!);
        }
      }),
    );
  });

  test("any text, as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = new TextEncoder().encode(text);
        expect(encodeUtf8(text)).toEqual(bytes);
        expect(decodeUtf8(bytes)).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      }),
    );
    expect(decodeUtf8(Uint8Array.of(0x65, 0xff))).toBe("e\u00ff");
  });

  test("what no message can say is refused before it is sent", () => {
    const named = (name: string, mac: string): Change => ({ change: "addVlan", name, parentIndex: 1, vlanId: 5, mac });
    expect(() => encodeChanges([named("eth0\0x", "02:00:00:00:00:01")], 1)).toThrow("has a zero character");
    expect(() => encodeChanges([named("eth0", "02:00:00:00:00")], 1)).toThrow("is no MAC address");
  });
});

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/(.{8})(?!$)/g, "$1 ");

describe("bytes, word by word as in the kernel's headers", () => {
  test("a vlan link: its parent in IFLA_LINK, its id nested two deep", () => {
    const change: Change = {
      change: "addVlan",
      name: "vlan.eth.5",
      parentIndex: 3,
      vlanId: 5,
      mac: "02:00:00:00:00:2a",
    };
    expect(hex(encodeChanges([change], 7))).toBe(
      [
        // length 0x5c, RTM_NEWLINK, REQUEST ACK EXCL CREATE, sequence, port
        "5c000000 10000506 07000000 00000000",
        // struct ifinfomsg
        "00000000 00000000 00000000 00000000",
        // IFLA_IFNAME, IFLA_ADDRESS, IFLA_LINK
        "0f000300 766c616e 2e657468 2e350000",
        "0a000100 02000000 002a0000 08000500 03000000",
        // IFLA_LINKINFO { IFLA_INFO_KIND "vlan", IFLA_INFO_DATA { IFLA_VLAN_ID 5 } }
        "18001200 08000100 766c616e 0c000200 06000100 05000000",
      ].join(" "),
    );
  });

  test("a rule", () => {
    const change: Change = {
      change: "addRule",
      rule: { priority: 1536, table: 10101, from: { base: ip("10.0.101.5"), prefixLength: 32 } },
    };
    expect(hex(encodeChanges([change], 0xffff_ffff))).toBe(
      [
        "34000000 20000506 ffffffff 00000000",
        // struct fib_rule_hdr: table 10101 does not fit its byte; action FR_ACT_TO_TBL
        "02002000 00000001 00000000",
        // FRA_SRC, FRA_PRIORITY, FRA_TABLE
        "08000200 0a006505 08000600 00060000 08000f00 75270000",
      ].join(" "),
    );
  });

  test("the request for one table's routes", () => {
    expect(hex(encodeQuery({ query: "routes", table: 2 }, 1))).toBe(
      "24000000 1a000103 01000000 00000000 02000000 00000000 00000000 08000f00 02000000",
    );
  });
});

const errorOf = (hexText: string, flags: number): Message => ({
  ...{ type: 2, flags, sequence: 1 },
  body: Uint8Array.from(Buffer.from(hexText.replaceAll(" ", ""), "hex")),
});

describe("what the kernel says about a failure", () => {
  const request = "24000000 18000506 01000000 00000000";
  const text = "08000100 6e6f2100";

  test("in words, behind the request's header alone (capped) or the whole of it", () => {
    expect(decodeResult(errorOf(`eaffffff ${request} ${text}`, 0x300))).toEqual({ errno: 22, message: "no!" });
    expect(decodeResult(errorOf(`eaffffff ${request} ${"00".repeat(20)} ${text}`, 0x200))).toEqual({
      ...{ errno: 22, message: "no!" },
    });
    expect(decodeResult(errorOf(`eaffffff ${request}`, 0x100))).toEqual({ errno: 22, message: "" });
    expect(decodeResult(errorOf(`00000000 ${request}`, 0x100))).toEqual({ errno: 0, message: "" });
  });

  test("cut short: an error of ours", () => {
    expect(() => decodeResult(errorOf("eaff", 0))).toThrow(KernelError);
    expect(() => decodeResult(errorOf(`eaffffff ${request}`, 0x200))).toThrow(KernelError);
  });
});

describe("a rule that RuleSpec cannot say is not plain", () => {
  const body = (change: Change) => Uint8Array.from(messagesOf(encodeChanges([change], 1))[0]!.body);
  const plain = body({ change: "addRule", rule: { priority: 512, table: 254 } });
  const extended = (attribute: string) =>
    Uint8Array.from([...plain, ...Buffer.from(attribute.replaceAll(" ", ""), "hex")]);
  const changed = (offset: number, value: number) => plain.with(offset, value);

  test.each([
    ["tos", changed(3, 0x10)],
    ["another action", changed(7, 7)],
    ["not", changed(8, 2)],
    ["ipproto", extended("05001600 06000000")],
    ["oif", extended("08001100 65746800")],
    ["suppress_prefixlength 0", extended("08000e00 00000000")],
    ["what a later kernel adds", extended("08006300 00000000")],
  ])("%s", (_what, bytes) => {
    expect(decodeRule(plain)!.isPlain).toBe(true);
    expect(decodeRule(bytes)!.isPlain).toBe(false);
  });

  test("protocol and the kernel's word for suppressing nothing do not count", () => {
    expect(decodeRule(extended("05001500 03000000 08000e00 ffffffff"))!.isPlain).toBe(true);
  });
});

describe("bytes that are no messages", () => {
  const decoders = [decodeLink, decodeAddress, decodeRoute, decodeRule, decodeNeighbour];
  const isKernelError = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      expect(error).toBeInstanceOf(KernelError);
    }
  };
  const readAll = (datagram: Uint8Array) => {
    isKernelError(() => {
      for (const message of messagesOf(datagram)) {
        isKernelError(() => decodeResult(message));
        for (const decode of decoders) isKernelError(() => decode(message.body));
      }
    });
    for (const decode of decoders) isKernelError(() => decode(datagram));
  };

  test("random ones", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), readAll), { numRuns: 2_000 });
  });

  test("real ones, cut and with bytes overwritten", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), damage, fc.nat(), (changes, overwrites, cut) => {
        const bytes = encodeChanges(changes, 1);
        for (const [at, value] of overwrites) bytes[at % bytes.length] = value;
        readAll(bytes.subarray(0, cut % 2 === 0 ? bytes.length : cut % bytes.length));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["a length of 0", "00000000 10000000 01000000 00000000"],
    ["a length below the header's", "0f000000 10000000 01000000 00000000"],
    ["a length beyond the datagram", "14000000 10000000 01000000 00000000"],
    ["half a header", "10000000 1000"],
  ])("%s", (_what, bytes) => {
    expect(() => messagesOf(Uint8Array.from(Buffer.from(bytes.replaceAll(" ", ""), "hex")))).toThrow(KernelError);
  });
});
