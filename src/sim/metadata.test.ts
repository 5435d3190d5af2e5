import { expect, test } from "bun:test";
import { formatIpv4 } from "../base/ipv4.ts";
import { MetadataViews, metadataEnis } from "./metadata.ts";
import { churnText, runFleet } from "./testing/clusters.ts";

test("metadata read from the records says what its paths say, also while it lags", () => {
  const fleet = runFleet(churnText({ ec2: "{ imdsLag: 5s }" }));
  const { vpc, nowMs } = fleet;
  const { instanceId } = fleet.nodes[0]!.node;
  const read = (path: string, atMs: number): string[] =>
    vpc.imds(instanceId, `/latest/meta-data/network/interfaces/macs/${path}`, atMs).body.split("\n").filter(Boolean);
  const views = new MetadataViews(vpc);
  const compare = (atMs: number): number => {
    const enis = metadataEnis(vpc, instanceId, atMs);
    expect(views.observe(instanceId, "enis", atMs)).toEqual({ kind: "enis", enis });
    expect(enis.map((eni) => `${eni.mac}/`).sort((a, b) => (a < b ? -1 : 1))).toEqual(
      read("", atMs).sort((a, b) => (a < b ? -1 : 1)),
    );
    for (const eni of enis) {
      expect([eni.eniId]).toEqual(read(`${eni.mac}/interface-id`, atMs));
      expect([String(eni.deviceNumber)]).toEqual(read(`${eni.mac}/device-number`, atMs));
      expect([eni.subnetId]).toEqual(read(`${eni.mac}/subnet-id`, atMs));
      expect([eni.primaryAddress, ...eni.addresses].map(formatIpv4)).toEqual(read(`${eni.mac}/local-ipv4s`, atMs));
      expect(eni.prefixes.map((base) => `${formatIpv4(base)}/28`)).toEqual(read(`${eni.mac}/ipv4-prefix`, atMs));
    }
    return enis.reduce((sum, eni) => sum + eni.prefixes.length, 0);
  };
  compare(nowMs);
  const quietMs = nowMs + 20_000;
  const before = compare(quietMs);
  const eni = metadataEnis(vpc, instanceId, quietMs)[0]!;
  const params = new Map([
    ["NetworkInterfaceId", eni.eniId],
    ["Ipv4PrefixCount", "1"],
  ]);
  const result = vpc.act({ action: "AssignPrivateIpAddresses", params }, quietMs);
  expect(result.reply.kind).toBe("ok");
  expect(compare(quietMs + 100)).toBe(before);
  expect(compare(quietMs + 20_000)).toBe(before + 1);
  const seen = views.observe(instanceId, "enis", quietMs + 20_000);
  expect(views.observe(instanceId, "enis", quietMs + 3_600_000)).toBe(seen);
});
