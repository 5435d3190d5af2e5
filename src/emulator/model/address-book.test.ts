// The address book against what ec2-vpc.md 3.3 expects, and each placement policy.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseCidr } from "../../base/ipv4.ts";
import { Prng } from "../../base/prng.ts";
import { type Knobs, parseKnobs } from "../../catalog/emulator-knobs.ts";
import { AddressBook } from "./address-book.ts";

const KNOBS = parseKnobs({}).knobs;

function bookOf(text: string, knobs: Knobs = KNOBS): AddressBook {
  return new AddressBook(parseCidr(text) ?? { base: 0, prefixLength: 24 }, knobs);
}

test.each([
  ["10.0.0.0/28", 11, 0],
  ["10.0.0.0/27", 27, 0],
  ["10.0.0.0/26", 59, 2],
  ["10.0.0.0/24", 251, 14],
  ["10.0.0.0/22", 1019, 62],
  ["10.0.0.0/16", 65_531, 4094],
])("an empty %s has %d addresses and %d free /28s", (text, addresses, prefixes) => {
  const book = bookOf(text);
  expect([book.availableIpAddressCount(KNOBS), book.freePrefixCount(KNOBS)]).toEqual([addresses, prefixes]);
});

test.each([
  [1, 13.11],
  [5, 10.04],
  [10, 7.16],
  [20, 3.55],
  [40, 0.79],
  [64, 0.11],
])("%d uniform singles leave %f free /28s of a /24 on average", (count, expected) => {
  const prng = new Prng(28);
  const runs = 600;
  let sum = 0;
  for (let run = 0; run < runs; run++) {
    const book = bookOf("10.0.0.0/24");
    for (let i = 0; i < count; i++) book.takeAddress(book.pickAddress(KNOBS, prng) ?? 0, 0);
    sum += book.freePrefixCount(KNOBS);
  }
  // Sigma of one run is at most 1.2: this is four sigma of the mean.
  expect(Math.abs(sum / runs - expected)).toBeLessThan((4 * 1.2) / Math.sqrt(runs));
});

test("packed singles fill broken /28s first: 43 of them in a /24 cost one block, not half of them", () => {
  const knobs: Knobs = { ...KNOBS, addressPlacement: "pack" };
  const prng = new Prng(1);
  const book = bookOf("10.0.0.0/24");
  for (let i = 0; i < 43; i++) book.takeAddress(book.pickAddress(knobs, prng) ?? 0, 0);
  expect(book.freePrefixCount(knobs)).toBe(13);
});

test("prefix placement: lowest, best fit beside used ones, random over all", () => {
  const base = parseCidr("10.0.0.0/24")?.base ?? 0;
  const prng = new Prng(1);
  const lowest = bookOf("10.0.0.0/24");
  expect(lowest.pickPrefix({ ...KNOBS, prefixPlacement: "lowest" }, prng)).toBe(base + 16);
  const fit = bookOf("10.0.0.0/24");
  fit.takePrefix(base + 16, 0);
  fit.takePrefix(base + 96, 0);
  fit.takePrefix(base + 128, 0);
  expect(fit.pickPrefix({ ...KNOBS, prefixPlacement: "best-fit" }, prng)).toBe(base + 112);
  const seen = new Set(Array.from({ length: 400 }, () => bookOf("10.0.0.0/24").pickPrefix(KNOBS, prng)));
  expect(seen.size).toBe(14);
});

test("the last /28 is assignable by the knob alone, and takes the 15 addresses it has", () => {
  const knobs: Knobs = { ...KNOBS, lastBlockAssignable: true };
  const book = bookOf("10.0.0.0/24", knobs);
  const last = (parseCidr("10.0.0.240/28")?.base ?? 0) as number;
  expect([bookOf("10.0.0.0/24").canTakePrefix(last), book.canTakePrefix(last)]).toEqual([false, true]);
  book.takePrefix(last, 0);
  expect([book.availableIpAddressCount(knobs), book.freePrefixCount(knobs)]).toEqual([236, 14]);
});

test("take and release in any order leave the counts of a fresh book", () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.boolean(), { maxLength: 60 }), (seed, kinds) => {
      const prng = new Prng(seed);
      const book = bookOf("10.0.0.0/25");
      book.reserve(parseCidr("10.0.0.32/27") ?? book.cidr, "prefix");
      const undo: (() => void)[] = [];
      for (const isPrefix of kinds) {
        const place = isPrefix ? book.pickPrefix(KNOBS, prng) : book.pickAddress(KNOBS, prng);
        if (place === undefined) continue;
        if (isPrefix) book.takePrefix(place, 3);
        else book.takeAddress(place, 3);
        undo.push(() =>
          isPrefix
            ? book.releasePrefix(place, { toQuarantine: false })
            : book.releaseAddress(place, { toQuarantine: false }),
        );
      }
      for (const step of prng.shuffle(undo)) step();
      expect([book.availableIpAddressCount(KNOBS), book.freePrefixCount(KNOBS)]).toEqual([91, 6]);
      book.unreserve(parseCidr("10.0.0.32/27") ?? book.cidr, "prefix");
      expect([book.availableIpAddressCount(KNOBS), book.automaticAddressCount]).toEqual([123, 123]);
    }),
    { numRuns: 100 },
  );
});
