// The agent's pages, its checkpoint, and where the node is, in the forms of all versions.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatCidr, formatIpv4 } from "../../../base/ipv4.ts";
import { encodeCheckpoint } from "../../../ipam/checkpoint.ts";
import type { FactsPart } from "../../facts/model.ts";
import { base64Bytes } from "./base64.ts";
import { NODE_READERS } from "./index.ts";

/** As the collector does: the first reader that recognises the file. */
function read(path: string, content: unknown): FactsPart | undefined {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const sniff = { path, head: text.slice(0, 65_536), isWhole: text.length <= 65_536 };
  return NODE_READERS.find((one) => one.recognises(sniff))?.read({ path, text, node: "node-a" });
}

const ENI = {
  ID: "eni-0a1",
  IsPrimary: true,
  IsTrunk: false,
  IsEFA: false,
  DeviceNumber: 0,
  AvailableIPv4Cidrs: {
    "10.0.1.16/28": {
      Cidr: { IP: "10.0.1.16", Mask: "////8A==" },
      IPAddresses: {
        "10.0.1.16": {
          Address: "10.0.1.16",
          IPAMKey: { networkName: "aws-cni", containerID: "", ifName: "" },
          IPAMMetadata: { k8sPodNamespace: "default", k8sPodName: "web-0" },
          AssignedTime: "2026-01-01T00:00:00.123456789Z",
          UnassignedTime: "0001-01-01T00:00:00Z",
        },
        "10.0.1.17": {
          Address: "10.0.1.17",
          IPAMKey: { networkName: "", containerID: "", ifName: "" },
          AssignedTime: "2026-01-01T00:00:00Z",
          UnassignedTime: "2026-01-01T00:01:00Z",
        },
      },
      IsPrefix: true,
    },
  },
};
const POOL = { TotalIPs: 16, AssignedIPs: 1, ENIs: { "eni-0a1": ENI } };

describe("/v1/enis", () => {
  test("keyed by network card: the pools add up, an address is assigned by its key, cooldown has its time", () => {
    const page = read("enis.json", { "0": POOL, "1": { ...POOL, ENIs: {} } })?.introspection?.[0];
    expect([page?.totalCount, page?.assignedCount, page?.node]).toEqual([32, 2, "node-a"]);
    const [cidr] = page?.enis[0]?.cidrs ?? [];
    expect(cidr && formatCidr(cidr.cidr)).toBe("10.0.1.16/28");
    expect(cidr?.addresses.map((one) => [formatIpv4(one.address), one.isAssigned, one.pod, one.releasedMs])).toEqual([
      ["10.0.1.16", true, "default/web-0", undefined],
      ["10.0.1.17", false, undefined, Date.UTC(2026, 0, 1, 0, 1)],
    ]);
  });

  test("one pool, without network cards", () => {
    const page = read("enis.json", POOL)?.introspection?.[0];
    expect([page?.totalCount, page?.enis.length]).toEqual([16, 1]);
  });

  test("the oldest form: addresses without CIDRs", () => {
    const page = read("eni.out", {
      TotalIPs: 2,
      AssignedIPs: 1,
      ENIIPPools: {
        "eni-0b2": {
          Id: "eni-0b2",
          IsPrimary: false,
          DeviceNumber: 2,
          IPv4Addresses: { "10.0.0.5": { Assigned: true }, "10.0.0.6": { Assigned: false } },
        },
      },
    })?.introspection?.[0];
    expect(page?.enis[0]).toMatchObject({ id: "eni-0b2", deviceNumber: 2 });
    expect(page?.enis[0]?.cidrs.map(({ cidr, addresses }) => [formatCidr(cidr), addresses[0]?.isAssigned])).toEqual([
      ["10.0.0.5/32", true],
      ["10.0.0.6/32", false],
    ]);
  });

  test("a mask tells the length where the key does not", () => {
    const cidrs = {
      odd: { Cidr: { IP: "10.0.1.16", Mask: "////8A==" } },
      one: { Cidr: { IP: "10.0.1.5", Mask: "/////w==" } },
    };
    const page = read("enis.json", { ...POOL, ENIs: { "eni-0a1": { ...ENI, AvailableIPv4Cidrs: cidrs } } });
    expect(page?.introspection?.[0]?.enis[0]?.cidrs.map(({ cidr }) => formatCidr(cidr))).toEqual([
      "10.0.1.16/28",
      "10.0.1.5/32",
    ]);
  });

  test("the second of two answers in one file counts; an empty page is a fact by its place alone", () => {
    const twice = `${JSON.stringify({ ...POOL, TotalIPs: 1 })}\n${JSON.stringify(POOL)}\n`;
    expect(read("x.json", twice)?.introspection?.map(({ totalCount }) => totalCount)).toEqual([16]);
    expect(read("b.tar.gz!ipamd/enis.json", "")?.introspection?.[0]?.isEmpty).toBe(true);
    expect(read("enis.json", "")).toBeUndefined();
  });
});

test("/v1/eni-configs: the name of this node's, or all of them in the old form", () => {
  expect(read("ipamd/eni-configs.json", '"us-west-2a"\n')?.eniConfigs?.map(({ name }) => name)).toEqual(["us-west-2a"]);
  const old = {
    ENI: { "us-west-2a": { securityGroups: ["sg-0a"], subnet: "subnet-0a" } },
    MyENI: "us-west-2a",
  };
  expect(read("any", old)?.eniConfigs?.[0]).toMatchObject({ name: "us-west-2a", subnetId: { value: "subnet-0a" } });
});

describe("metrics", () => {
  const page = [
    "# HELP awscni_aws_api_error_count The number of times AWS API returns an error",
    "# TYPE awscni_aws_api_error_count counter",
    'awscni_aws_api_error_count{api="AssignPrivateIpAddresses",error="InsufficientCidrBlocks"} 42',
    'awscni_aws_api_latency_ms{api="x",quantile="0.5"} 7',
    'awscni_aws_api_latency_ms{api="x",quantile="0.9"} NaN',
    'awscni_ipamd_startup_duration_seconds_bucket{le="+Inf"} 3',
    "awscni_total_ip_addresses 1.6e+01 1700000000000",
    "",
  ].join("\n");

  test("samples with their labels and lines; buckets and quantiles are left out", () => {
    const part = read("ipamd/metrics.json", page);
    expect(part?.metrics?.[0]?.samples.map(({ name, labels, value, at }) => [name, labels, value, at.line])).toEqual([
      ["awscni_aws_api_error_count", { api: "AssignPrivateIpAddresses", error: "InsufficientCidrBlocks" }, 42, 3],
      ["awscni_total_ip_addresses", {}, 16, 7],
    ]);
    expect(part?.unread).toEqual([]);
  });

  test("a line that is no sample is named once, the others count", () => {
    const part = read("m", `${page}<html>502</html>\nmore junk here\nawscni_eni_max 3\n`);
    expect(part?.unread?.map(({ line }) => line)).toEqual([8]);
    expect(part?.metrics?.[0]?.samples).toHaveLength(3);
  });

  test("escapes in labels", () => {
    const part = read("m", 'awscni_x{a="q\\"uote",b="back\\\\slash"} 1\n');
    expect(part?.metrics?.[0]?.samples[0]?.labels).toEqual({ a: 'q"uote', b: "back\\slash" });
  });
});

describe("checkpoint", () => {
  const entry = {
    networkName: "aws-cni",
    containerId: "abc",
    ifName: "eth0",
    ipv4: 0x0a000005,
    timestampNs: "1767323045678901234",
    namespace: "default",
    podName: "web-0",
  };

  test("allocations with pod and time", () => {
    const fact = read("ipam.json", encodeCheckpoint([entry]))?.checkpoints?.[0];
    expect(fact?.problem).toBeUndefined();
    expect(fact?.allocations).toEqual([
      { containerId: "abc", address: "10.0.0.5", pod: "default/web-0", allocatedMs: 1_767_323_045_678 },
    ]);
  });

  test("one that is cut off, empty or of another version is a fact with its problem", () => {
    const whole = encodeCheckpoint([entry]);
    expect(read("ipam.json", whole.slice(0, -20))?.checkpoints?.[0]?.problem).toContain("not JSON");
    expect(read("b!ipamd/ipam.json", "")?.checkpoints?.[0]?.problem).toContain("empty");
    const other = whole.replace("vpc-cni-ipam/1", "vpc-cni-ipam/9");
    expect(read("x", other)?.checkpoints?.[0]).toMatchObject({ version: "vpc-cni-ipam/9" });
    expect(read("x", other)?.checkpoints?.[0]?.problem).toContain("vpc-cni-ipam/9");
  });
});

describe("identity", () => {
  test("instance id, zone, region, each a word in a file of its own, perhaps written twice", () => {
    expect(read("system/instance-id.txt", "i-0abc1234\ni-0abc1234\n")?.nodes?.[0]).toMatchObject({
      key: "node-a",
      instanceId: "i-0abc1234",
    });
    expect(read("system/availability-zone.txt", "us-gov-west-1a\n")).toMatchObject({ region: "us-gov-west-1" });
    expect(read("system/region.txt", "eu-central-1")?.region).toBe("eu-central-1");
    expect(read("notes.txt", "eu-central-1 is where it runs")).toBeUndefined();
  });
});

test("base64 as every other decoder reads it", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(base64Bytes(Buffer.from(bytes).toString("base64"))).toEqual([...bytes]);
    }),
  );
  expect(base64Bytes("no*base64")).toBeUndefined();
});

test("no text throws, whatever it is called", () => {
  const pieces = fc.array(
    fc.constantFrom(
      ...'{}[]":,',
      '"ENIs"',
      '"TotalIPs":',
      '"allocations":[',
      "awscni_x ",
      "1",
      "i-0abc1234",
      "\n",
      "/////w==",
    ),
  );
  const paths = fc.constantFrom("ipamd/enis.json", "ipam.json", "eni-configs.json", "x");
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        pieces.map((all) => all.join("")),
      ),
      paths,
      (text, path) => {
        for (const reader of NODE_READERS) reader.read({ path, text, node: undefined });
      },
    ),
  );
});
