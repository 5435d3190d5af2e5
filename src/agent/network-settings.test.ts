import { expect, test } from "bun:test";
import { formatCidr } from "../base/ipv4.ts";
import type { Environment, SettingWarning } from "../ipam/settings.ts";
import { networkSettingsPage, parseNetworkSettings } from "./network-settings.ts";

function parsed(env: Environment, hasPodEnis = false) {
  const warnings: SettingWarning[] = [];
  return { ...parseNetworkSettings(env, { hasPodEnis, warnings }), warnings: warnings.map((warning) => warning.text) };
}

test("an empty environment means the reference's defaults", () => {
  expect(parsed({})).toEqual({
    hasExternalSnat: false,
    excludedSnatCidrs: [],
    randomization: "prng",
    externalServiceCidrs: [],
    hasNodePortSupport: true,
    mark: 0x80,
    eniMtu: 9001,
    vethPrefix: "eni",
    isLocalRuleMoved: false,
    hasTcpEarlyDemux: true,
    warnings: [],
  });
});

test("the mark is read with its base, and what is no mark means 0x80", () => {
  const marks: readonly (readonly [string, number])[] = [
    ["0x40", 0x40],
    ["0X100", 0x100],
    ["256", 256],
    ["0b100", 4],
    ["017", 15],
    ["0xffffffff", 0xffff_ffff],
    ["0x100000000", 0x80],
    ["0", 0x80],
    ["-1", 0x80],
    ["018", 0x80],
    ["x", 0x80],
    ["", 0x80],
  ];
  for (const [text, mark] of marks)
    expect([text, parsed({ AWS_VPC_K8S_CNI_CONNMARK: text }).mark]).toEqual([text, mark]);
});

test("CIDR lists lose their host bits, and what is no IPv4 CIDR is named", () => {
  const { excludedSnatCidrs, externalServiceCidrs, warnings } = parsed({
    AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.1.2.3/16, banana ,fd00::/8,,0.0.0.0/0",
    AWS_EXTERNAL_SERVICE_CIDRS: "203.0.113.0/24,203.0.113.9",
  });
  expect(excludedSnatCidrs.map(formatCidr)).toEqual(["10.1.0.0/16", "0.0.0.0/0"]);
  expect(externalServiceCidrs.map(formatCidr)).toEqual(["203.0.113.0/24"]);
  expect(warnings.map((text) => /"(.*)"/.exec(text)?.[1])).toEqual(["banana", "fd00::/8", "203.0.113.9"]);
});

test("the local rule moves for strict pods with branch ENIs alone", () => {
  expect(parsed({}, true).isLocalRuleMoved).toBe(true);
  expect(parsed({ POD_SECURITY_GROUP_ENFORCING_MODE: "strict" }).isLocalRuleMoved).toBe(false);
  expect(parsed({ POD_SECURITY_GROUP_ENFORCING_MODE: "standard" }, true).isLocalRuleMoved).toBe(false);
});

test("the introspection page has the reference's names and numbers", () => {
  const env = { AWS_VPC_K8S_CNI_RANDOMIZESNAT: "hashrandom", AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: "10.1.0.0/16" };
  expect(networkSettingsPage(parsed(env))).toEqual({
    AWS_VPC_K8S_CNI_CONNMARK: 128,
    AWS_VPC_K8S_CNI_EXTERNALSNAT: false,
    AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: ["10.1.0.0/16"],
    AWS_EXTERNAL_SERVICE_CIDRS: [],
    AWS_VPC_ENI_MTU: 9001,
    AWS_VPC_K8S_CNI_VETHPREFIX: "eni",
    AWS_VPC_CNI_NODE_PORT_SUPPORT: true,
    AWS_VPC_K8S_CNI_RANDOMIZESNAT: 1,
  });
  expect(parsed({ AWS_VPC_K8S_CNI_RANDOMIZESNAT: "anything" }).randomization).toBe("prng");
});
