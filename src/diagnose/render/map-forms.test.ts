import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { z } from "zod";
import { parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import { NO_FACTS } from "../facts/merge.ts";
import type { EniFact, Facts } from "../facts/model.ts";
import { buildMap } from "../map/build-map.ts";
import { type ForecastOf, type MapDocument, mapDocument } from "./map-document.ts";
import { mapPrometheus } from "./map-prometheus.ts";
import { mapSvg } from "./map-svg.ts";
import { mapTable } from "./map-table.ts";

const AT = { file: "enis.json" };
const HOSTILE = 'x\u001b[2J\n<script>"&\u0000';
const ip = (text: string): number => parseIpv4(text) ?? -1;

function eni(id: string, addresses: readonly string[], given: Partial<EniFact> = {}): EniFact {
  return {
    id,
    subnetId: "subnet-0aaa",
    status: "in-use",
    description: "",
    interfaceType: "interface",
    primaryAddress: ip(addresses[0] ?? ""),
    addresses: addresses.map(ip),
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
    ...given,
  };
}

function document(given: { name?: string; available?: number; forecast?: ForecastOf } = {}): MapDocument {
  const facts: Facts = {
    ...NO_FACTS,
    subnets: [
      {
        id: "subnet-0aaa",
        cidr: parseCidr("10.0.0.0/24"),
        availableIpAddressCount: given.available ?? 231,
        zone: "us-west-2a",
        tags: new Map([["Name", given.name ?? "pods-a"]]),
        isLive: true,
        at: AT,
      },
    ],
    enis: [
      eni("eni-0aaa", ["10.0.0.20", "10.0.0.40"], {
        instanceId: "i-0abc",
        deviceIndex: 0,
        prefixes: [ip("10.0.0.64")],
        description: "aws-K8S-i-0abc",
      }),
      eni("eni-0bbb", ["10.0.0.41"], { description: `ELB app/web/${given.name ?? "0a1b"}`, requesterId: "amazon-elb" }),
      eni("eni-0ccc", ["10.0.0.100"], { description: "aws-K8S-i-0gone", status: "available" }),
    ],
  };
  const read = { ...facts, unread: [{ file: "x.json", reason: "not JSON" }] };
  return mapDocument(buildMap(read), read, given.forecast);
}

const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(join(import.meta.dir, "../../../docs/schemas/map.v1.json"), "utf8")),
);

describe("the document", () => {
  test("keeps its schema, with and without a forecast", () => {
    expect(schema.safeParse(document()).error).toBeUndefined();
    expect(
      schema.safeParse(document({ forecast: () => ({ addresses: 7.5, prefixes: undefined }) })).error,
    ).toBeUndefined();
    expect(schema.safeParse({ ...document(), more: 1 }).success).toBe(false);
  });

  test("says who stands in each spoilt block and what frees it", () => {
    const [subnet] = document().subnets;
    expect(subnet).toMatchObject({
      picture: "ebb.D.b........e",
      freePrefixes: { count: 10, min: 10, max: 10 },
      delegated: [{ cidr: "10.0.0.64/28", eni: "eni-0aaa", name: "node i-0abc" }],
    });
    expect(subnet?.broken[1]?.holders.map((one) => [one.address, one.kind])).toEqual([
      ["10.0.0.40", "node-primary"],
      ["10.0.0.41", "load-balancer"],
    ]);
    expect(subnet?.releases.units[0]).toMatchObject({ kind: "leaked", freed: ["10.0.0.96/28"] });
    expect(subnet?.releases.units[0]?.how).toContain("delete-network-interface --network-interface-id eni-0ccc");
  });
});

describe("the table", () => {
  test("shows the picture, the counts and the ranking within 80 columns", () => {
    const text = mapTable(document(), { isColored: false });
    expect(text).toContain("       10.0.0.0 ebb.D.b........e\n");
    expect(text).toContain("10 free /28s, 231 free addresses");
    expect(text).toContain("not read: x.json: not JSON");
    for (const line of text.split("\n")) if (!line.includes("aws ec2")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("a step that takes many is told by how many", () => {
    const [subnet, ...others] = document().subnets;
    if (subnet === undefined) throw new Error("no subnet");
    const plan = [
      { release: ["a", "b", "c", "d"], freed: 1, totalFreed: 1 },
      { release: ["e", "f"], freed: 1, totalFreed: 2 },
    ];
    const text = mapTable({ ...document(), subnets: [{ ...subnet, plan }, ...others] }, { isColored: false });
    expect(text.replace(/\s+/g, " ")).toContain(
      "so far: 4 together (a and 3 more, named in -o json) (1), then e with f (2)",
    );
  });

  test("never states a number that the facts do not carry", () => {
    const unsure = mapTable(document({ available: 225 }), { isColored: false });
    expect(unsure).toContain("4 to 10 free /28s, 225 free addresses");
    expect(unsure).toContain("at most won");
    expect(unsure).toContain("10.0.0.0 ebb?D?b????????e\n");
    expect(schema.safeParse(document({ available: 225 })).error).toBeUndefined();
  });

  test("colours only when asked; names of others never reach the terminal raw", () => {
    expect(mapTable(document({ name: HOSTILE }), { isColored: false })).not.toContain("\u001b");
    expect(mapTable(document(), { isColored: true })).toContain("\u001b[33mb");
  });

  test("lists every ENI when asked", () => {
    const line = (text: string) => text.split("\n").find((one) => one.includes("eni-0bbb"));
    expect(line(mapTable(document(), { isColored: false }))).toBeUndefined();
    const listed = mapTable(document(), { isColored: false, hasEnis: true });
    expect(line(listed)).toContain("load balancer app/web/0a1b");
    expect(listed).toContain("      10.0.0.20 10.0.0.40 10.0.0.64/28\n");
  });
});

describe("the picture", () => {
  test("is one XML file with a square for each block, whatever the names hold", () => {
    const text = mapSvg(document({ name: HOSTILE }));
    expect(XMLValidator.validate(text)).toBe(true);
    expect(text).not.toContain("<script>");
    expect(text).not.toContain("href");
    const parsed = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "" }).parse(text);
    expect(parsed.svg.rect.filter((one: { title?: string }) => one.title !== undefined)).toHaveLength(16);
    expect(parsed.svg.rect.find((one: { title?: string }) => one.title?.startsWith("10.0.0.96/28")).title).toBe(
      "10.0.0.96/28 broken by single addresses: 10.0.0.100 leaked CNI ENI eni-0ccc",
    );
  });
});

describe("the metrics", () => {
  const samples = (text: string) =>
    new Map(
      text
        .split("\n")
        .flatMap((line) =>
          line.startsWith("#") || line === "" ? [] : [line.split(/ (?=[^ ]*$)/) as [string, string]],
        ),
    );
  const labels = 'subnet="subnet-0aaa",zone="us-west-2a"';

  test("count blocks by state and free /28s for certain", () => {
    const exact = samples(mapPrometheus(document()));
    expect(exact.get(`slash28_subnet_blocks{${labels},state="broken"}`)).toBe("3");
    expect(exact.get(`slash28_subnet_available_addresses{${labels}}`)).toBe("231");
    const unsure = samples(mapPrometheus(document({ available: 225 })));
    expect(unsure.get(`slash28_subnet_free_prefixes{${labels}}`)).toBe("4");
    expect(unsure.get(`slash28_subnet_free_prefixes_max{${labels}}`)).toBe("10");
  });

  test("have no sample for what is not known", () => {
    expect(mapPrometheus(document())).not.toContain("hours_to_zero{");
    const forecast: ForecastOf = () => ({ addresses: undefined, prefixes: 2.5 });
    const found = samples(mapPrometheus(document({ forecast })));
    expect([...found].filter(([name]) => name.includes("hours_to_zero"))).toEqual([
      [`slash28_subnet_hours_to_zero{${labels},of="prefixes"}`, "2.5"],
    ]);
  });

  test("each has its HELP and TYPE before it, and none stands twice", () => {
    const text = mapPrometheus(document(), { lastReadMs: 1_500, readCount: 3, failedReadCount: 1 });
    expect(text).toContain("slash28_map_last_read_timestamp_seconds 1.5\n");
    const seen = new Set<string>();
    let current = "";
    for (const line of text.trimEnd().split("\n")) {
      const type = /^# TYPE (\S+) (?:gauge|counter)$/.exec(line);
      if (type !== null) {
        current = type[1] ?? "";
        expect(seen.has(current)).toBe(false);
        seen.add(current);
      } else if (!line.startsWith("#")) expect(line.split(/[{ ]/, 1)[0]).toBe(current);
    }
  });
});
