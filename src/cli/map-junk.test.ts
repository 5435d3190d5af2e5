import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Prng } from "../base/prng.ts";
import { settled } from "../diagnose/collect/index.ts";
import { buildMap } from "../diagnose/map/build-map.ts";
import { EC2_READER } from "../diagnose/readers/ec2/index.ts";
import { mapDocument } from "../diagnose/render/map-document.ts";
import { mapPrometheus } from "../diagnose/render/map-prometheus.ts";
import { mapSvg } from "../diagnose/render/map-svg.ts";
import { mapTable } from "../diagnose/render/map-table.ts";

const JUNK = [
  null,
  0,
  -1,
  1e300,
  "",
  "10.0.0.0/33",
  "0.0.0.0/0",
  "300.1.1.1",
  [],
  {},
  true,
  "\u0000\u001b[2J",
  "10.0.0.5",
  "255.255.255.255",
  "10.0.0.0/16",
];

/** The same with fields left out, and junk in the place of others. */
function spoilt(value: unknown, prng: Prng): unknown {
  if (prng.below(50) === 0) return JUNK[prng.below(JUNK.length)];
  if (Array.isArray(value)) return value.map((one) => spoilt(one, prng));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(() => prng.below(50) !== 0);
  return Object.fromEntries(kept.map(([key, one]) => [key, spoilt(one, prng)]));
}

function dump(prng: Prng): unknown {
  const NetworkInterfaces = Array.from({ length: 20 }, (_, index) => ({
    NetworkInterfaceId: `eni-${index}`,
    SubnetId: "subnet-0aaa",
    Status: index % 3 === 0 ? "available" : "in-use",
    Description: index % 2 === 0 ? `aws-K8S-i-${index}` : "ELB app/web/0a1b",
    InterfaceType: "interface",
    PrivateIpAddress: `10.0.0.${10 + index * 7}`,
    PrivateIpAddresses: [{ PrivateIpAddress: `10.0.0.${10 + index * 7}`, Primary: true }],
    Ipv4Prefixes: index === 4 ? [{ Ipv4Prefix: "10.0.0.208/28" }] : [],
    Attachment:
      index % 3 === 0 ? undefined : { InstanceId: `i-${index}`, DeviceIndex: prng.below(3), Status: "attached" },
    TagSet: [{ Key: "Name", Value: "x" }],
  }));
  const Subnets = [{ SubnetId: "subnet-0aaa", CidrBlock: "10.0.0.0/24", AvailableIpAddressCount: 215, Tags: [] }];
  return { Subnets, NetworkInterfaces };
}

test("whatever a dump holds, the map answers, in the form that its schema promises, with bounds that can hold", () => {
  const schema = z.fromJSONSchema(
    JSON.parse(readFileSync(join(import.meta.dir, "../../docs/schemas/map.v1.json"), "utf8")),
  );
  const prng = new Prng(28);
  let drawnCount = 0;
  for (let round = 0; round < 500; round++) {
    const text = JSON.stringify(spoilt(dump(prng), prng)) ?? "";
    const facts = settled([EC2_READER.read({ path: "dump.json", text, node: undefined })]);
    const document = mapDocument(buildMap(facts), facts);
    for (const print of [mapSvg, mapPrometheus]) print(document);
    expect(mapTable(document, { isColored: false, hasEnis: true })).not.toContain("\u001b");
    expect({ round, error: schema.safeParse(JSON.parse(JSON.stringify(document))).error }).toEqual({
      round,
      error: undefined,
    });
    for (const { freePrefixes, addresses } of document.subnets) {
      expect(freePrefixes.min).toBeLessThanOrEqual(freePrefixes.max);
      expect(addresses.unused).toBeGreaterThanOrEqual(0);
      drawnCount++;
    }
  }
  // Most dumps still hold a subnet, or the test would say little.
  expect(drawnCount).toBeGreaterThan(300);
});
