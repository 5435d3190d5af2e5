// The /28 map of a subnet against the emulator's own books: two separate sums of the same rules.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseCidr } from "../../src/base/ipv4.ts";
import { Prng } from "../../src/base/prng.ts";
import { parseKnobs } from "../../src/catalog/emulator-knobs.ts";
import { mergeFacts } from "../../src/diagnose/facts/merge.ts";
import { buildMap } from "../../src/diagnose/map/build-map.ts";
import { EC2_READER } from "../../src/diagnose/readers/ec2/index.ts";
import { ACTIONS } from "../../src/emulator/actions/index.ts";
import { Vpc } from "../../src/emulator/model/index.ts";
import { seeSubnets } from "../../src/up/observe.ts";

function cidr(text: string) {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const world = fc.record({
  seed: fc.nat(),
  prefixLength: fc.integer({ min: 22, max: 28 }),
  otherShare: fc.double({ min: 0, max: 0.9, noNaN: true }),
  otherPrefixes: fc.nat(3),
  reservation: fc.option(fc.constantFrom("prefix" as const, "explicit" as const), { nil: undefined }),
  reservationFallback: fc.boolean(),
  lastBlockAssignable: fc.boolean(),
  explicitReservationsLowerCount: fc.boolean(),
  addressPlacement: fc.constantFrom("uniform", "pack"),
  assigns: fc.array(fc.record({ isPrefix: fc.boolean(), count: fc.integer({ min: 1, max: 6 }) }), { maxLength: 12 }),
});

test("free /28s and available addresses agree with the emulator on random worlds", () => {
  let busyCount = 0;
  fc.assert(
    fc.property(world, (given) => {
      const subnetCidr = { base: cidr("10.0.0.0/16").base, prefixLength: given.prefixLength };
      const half = { base: subnetCidr.base + 2 ** (31 - given.prefixLength), prefixLength: given.prefixLength + 1 };
      const knobs = parseKnobs({
        latency: "none",
        throttling: "off",
        reservationFallback: given.reservationFallback,
        lastBlockAssignable: given.lastBlockAssignable,
        explicitReservationsLowerCount: given.explicitReservationsLowerCount,
        addressPlacement: given.addressPlacement,
      }).knobs;
      const usable = 2 ** (32 - given.prefixLength) - 5;
      const reservations =
        given.reservation === undefined || given.prefixLength > 27 ? [] : [{ cidr: half, type: given.reservation }];
      const vpc = new Vpc({
        world: {
          region: "us-west-2",
          startWallMs: 0,
          vpcs: [{ cidrs: [cidr("10.0.0.0/16")] }],
          subnets: [
            {
              id: "subnet-0aaaaaaaaaaaaaaaa",
              az: "us-west-2a",
              cidr: subnetCidr,
              reservations,
              // Singles stay out of reservations, so that a world with one holds fewer.
              otherAddresses: Math.floor(usable * given.otherShare * (reservations.length > 0 ? 0.4 : 1)),
              otherPrefixes: given.prefixLength <= 25 && given.otherShare < 0.2 ? given.otherPrefixes : 0,
            },
          ],
          instances: [],
        },
        knobs,
        prng: new Prng(given.seed),
        actions: ACTIONS,
      });
      let nowMs = 0;
      for (const assign of given.assigns) {
        const kind = assign.isPrefix ? "Ipv4PrefixCount" : "SecondaryPrivateIpAddressCount";
        const params = new Map([
          ["SubnetId", "subnet-0aaaaaaaaaaaaaaaa"],
          [kind, String(assign.count)],
        ]);
        nowMs += 1000;
        vpc.act({ action: "CreateNetworkInterface", params }, nowMs);
      }
      const [own] = vpc.stats(nowMs).subnets;
      const [seen] = seeSubnets(vpc.world, nowMs, new Map());
      if ((own?.assignedPrefixCount ?? 0) > 0) busyCount++;
      expect(seen?.map.freePrefixCount).toBe(own?.freePrefixCount ?? -1);
      expect(seen?.map.availableIpAddressCount).toBe(own?.availableIpAddressCount ?? -1);
      expect(seen?.map.delegatedPrefixCount).toBe(own?.assignedPrefixCount ?? -1);
      // The same through the answers that the AWS CLI would print, and the map of the command line.
      const answers = Object.values(vpc.dump(nowMs)).flat();
      const text = answers.map((answer) => JSON.stringify(answer)).join("\n");
      const facts = mergeFacts([EC2_READER.read({ path: "vpc.json", text, node: undefined })]);
      const [view] = buildMap(facts).subnets;
      const isDefault = given.reservationFallback && !given.lastBlockAssignable;
      expect(view?.trust).toBe("exact");
      expect(view?.availableCounted).toBe(own?.availableIpAddressCount ?? -1);
      expect(view?.states.get("delegated")).toBe(own?.assignedPrefixCount ?? -1);
      // The two knobs say what AWS documents nowhere; the map takes their defaults.
      if (isDefault) expect(view?.freePrefixCount).toBe(own?.freePrefixCount ?? -1);
    }),
    { numRuns: 200 },
  );
  // Most worlds hold prefixes, or the comparison would say little.
  expect(busyCount).toBeGreaterThan(50);
});
