import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  cidrContains,
  cidrLast,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  cidrWithin,
  formatCidr,
  formatIpv4,
  isCanonicalCidr,
  parseCidr,
  parseIpv4,
} from "./ipv4.ts";

const address = fc.nat({ max: 0xffff_ffff });
const cidr = fc.tuple(address, fc.nat({ max: 32 })).map(([base, prefixLength]) => cidrOf(base, prefixLength));

describe("addresses", () => {
  test("the text of every address parses to it, as octets say", () => {
    fc.assert(
      fc.property(address, (value) => {
        const text = formatIpv4(value);
        expect(text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0)).toBe(value);
        expect(parseIpv4(text)).toBe(value);
      }),
    );
    expect(parseIpv4("255.255.255.255")).toBe(0xffff_ffff);
  });

  test("anything but the canonical text is refused", () => {
    for (const text of [
      "",
      "1",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.",
      ".1.2.3",
      "1..2.3",
      "1.2.3.4 ",
      "1.2.3.-4",
      "0x1.2.3.4",
      "1.2.3.0000",
    ])
      expect(parseIpv4(text)).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789."), maxLength: 16 }), (text) => {
        const value = parseIpv4(text);
        if (value !== undefined) expect(formatIpv4(value)).toBe(text);
      }),
    );
  });
});

describe("blocks", () => {
  test("parse, print and clear host bits", () => {
    expect(parseCidr("10.0.1.5/28")).toEqual({ base: parseIpv4("10.0.1.0") ?? -1, prefixLength: 28 });
    expect(isCanonicalCidr("10.0.1.0/28")).toBe(true);
    expect(isCanonicalCidr("10.0.1.5/28")).toBe(false);
    for (const text of ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "x/8"])
      expect(parseCidr(text)).toBeUndefined();
    fc.assert(fc.property(cidr, (block) => expect(parseCidr(formatCidr(block))).toEqual(block)));
  });

  test("size, last, contains, overlap and within agree with each other", () => {
    expect(cidrSize(28)).toBe(16);
    expect(cidrLast(cidrOf(0xffff_ffff, 28))).toBe(0xffff_ffff);
    fc.assert(
      fc.property(cidr, cidr, address, (a, b, value) => {
        expect(cidrLast(a) - a.base + 1).toBe(cidrSize(a.prefixLength));
        expect(cidrContains(a, value)).toBe(cidrOf(value, a.prefixLength).base === a.base);
        expect(cidrsOverlap(a, b)).toBe(cidrWithin(a, b) || cidrWithin(b, a));
        expect(cidrsOverlap(a, b)).toBe(cidrsOverlap(b, a));
      }),
    );
  });
});
