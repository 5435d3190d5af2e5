import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  type CheckpointEntry,
  decodeCheckpoint,
  encodeCheckpoint,
  splitTimestampNs,
  timestampNsOf,
} from "./checkpoint.ts";

/** As the reference writes it (ipamd.md 6.2), with a field of a later release. */
const REFERENCE = `{"version":"vpc-cni-ipam/1","allocations":[
 {"networkName":"aws-cni","containerID":"abc","ifName":"eth0","ipv4":"10.0.1.16",
  "allocationTimestamp":1767225600123456789,"later":{"x":[1767225600123456789]},
  "metadata":{"k8sPodNamespace":"default","k8sPodName":"web-0","interfacesCount":1}}]}`;

const entries = (text: string): readonly CheckpointEntry[] => {
  const decoded = decodeCheckpoint(text);
  if ("error" in decoded) throw new Error(decoded.error);
  return decoded.entries;
};
const error = (text: string): string => {
  const decoded = decodeCheckpoint(text);
  return "error" in decoded ? decoded.error : "no error";
};

const name = fc
  .oneof(fc.stringMatching(/^[a-z0-9.-]{1,20}$/), fc.string({ unit: "grapheme", maxLength: 12 }))
  .filter((text) => !text.startsWith("\u0000"));
const timestamp = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const entry: fc.Arbitrary<CheckpointEntry> = fc
  .record({
    networkName: name,
    containerId: name,
    ifName: name,
    ipv4: fc.nat({ max: 0xffff_ffff }),
    timestampNs: timestamp,
    namespace: fc.option(
      name.filter((text) => text !== ""),
      { nil: undefined },
    ),
    podName: fc.option(
      name.filter((text) => text !== ""),
      { nil: undefined },
    ),
    interfacesCount: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
  })
  .map((record) => JSON.parse(JSON.stringify(record)) as CheckpointEntry);

describe("the checkpoint's text", () => {
  test("[ipamd 6.2, 10.1#34] reads the reference's file with all 19 digits, unknown fields passed over", () => {
    expect(entries(REFERENCE)).toEqual([
      {
        networkName: "aws-cni",
        containerId: "abc",
        ifName: "eth0",
        ipv4: parseIpv4("10.0.1.16") ?? -1,
        timestampNs: "1767225600123456789",
        namespace: "default",
        podName: "web-0",
        interfacesCount: 1,
      },
    ]);
  });

  test("[ipamd 6.2] writes the reference's fields in its order, empty metadata left out", () => {
    expect(
      encodeCheckpoint([
        {
          networkName: "aws-cni",
          containerId: "c",
          ifName: "eth0",
          ipv4: 0x0a000110,
          timestampNs: "1767225600123456789",
        },
      ]),
    ).toBe(
      '{"version":"vpc-cni-ipam/1","allocations":[{"networkName":"aws-cni","containerID":"c","ifName":"eth0","ipv4":"10.0.1.16","allocationTimestamp":1767225600123456789,"metadata":{}}]}\n',
    );
    expect(encodeCheckpoint([])).toBe('{"version":"vpc-cni-ipam/1","allocations":[]}\n');
    expect(entries(encodeCheckpoint(entries(REFERENCE)))).toEqual(entries(REFERENCE));
  });

  test("[ipamd 6.2, 10.1#34] what is written is read back, whatever the names and times", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (list) => {
        expect(entries(encodeCheckpoint(list))).toEqual(list);
        // The text is JSON for any other reader too.
        JSON.parse(encodeCheckpoint(list));
      }),
    );
  });

  test("[ipamd 6.2] another version is refused in the reference's words", () => {
    expect(error('{"version":"vpc-cni-ipam/2","allocations":[]}')).toBe(
      "failed ipam state recovery due to unexpected checkpointVersion: vpc-cni-ipam/2/vpc-cni-ipam/1",
    );
    expect(error("{}")).toBe("failed ipam state recovery due to unexpected checkpointVersion: /vpc-cni-ipam/1");
  });

  test("a broken file says what is wrong and where", () => {
    expect(error("")).toBe("the checkpoint is not JSON: 0 characters, empty");
    expect(error(REFERENCE.slice(0, 60))).toContain("the checkpoint is not JSON: 60 characters, ending in");
    expect(error("[]")).toBe("the checkpoint is not a JSON object");
    expect(error('{"version":"vpc-cni-ipam/1","allocations":{}}')).toBe(
      '"allocations" of the checkpoint is not a list',
    );
    const broken = (from: string, to: string) => error(REFERENCE.replace(from, to));
    expect(broken('"10.0.1.16"', '"10.0.1.256"')).toBe(
      'allocation 1 of 1: "ipv4" is "10.0.1.256", not an IPv4 address',
    );
    expect(broken('"ipv4":"10.0.1.16",', "")).toBe('allocation 1 of 1: "ipv4" is missing, not an IPv4 address');
    expect(broken("1767225600123456789", '"1767225600123456789"')).toContain("allocationTimestamp");
    expect(broken("1767225600123456789", "17672256001234567.5")).toContain("allocationTimestamp");
    expect(broken('"abc"', "1767225600123456789")).toContain('"containerID"');
  });

  test("junk of any kind never throws", () => {
    const json = fc.json({ maxDepth: 4 });
    const cut = fc.tuple(fc.constant(REFERENCE), fc.nat(REFERENCE.length)).map(([text, end]) => text.slice(0, end));
    const spliced = fc
      .tuple(fc.nat(REFERENCE.length), fc.string())
      .map(([at, text]) => REFERENCE.slice(0, at) + text + REFERENCE.slice(at));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, cut, spliced), (text) => {
        const decoded = decodeCheckpoint(text);
        expect("error" in decoded || "entries" in decoded).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

test("timestamps split into milliseconds and the rest, and join again", () => {
  expect(splitTimestampNs("1767225600123456789")).toEqual({ wallMs: 1_767_225_600_123, nsRest: 456_789 });
  expect(splitTimestampNs("-1")).toEqual({ wallMs: -1, nsRest: 999_999 });
  fc.assert(fc.property(timestamp, (text) => timestampNsOf(splitTimestampNs(text)) === text));
});
