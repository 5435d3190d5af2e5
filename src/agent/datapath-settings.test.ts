// What the environment may say about wiring pods, and what the reference's entry point refuses.

import { expect, test } from "bun:test";
import type { SettingRefusal } from "../ipam/settings.ts";
import { isVethPrefix, parseDatapathSettings } from "./datapath-settings.ts";

function parse(env: Readonly<Record<string, string>>, hasPodEnis = false) {
  const refusals: SettingRefusal[] = [];
  const settings = parseDatapathSettings(env, { hasPodEnis, refusals });
  return { settings, refused: refusals.map((refusal) => refusal.variable) };
}

test("without a word the agent wires pods in its own namespace and verifies each minute", () => {
  expect(parse({})).toEqual({
    settings: {
      isOn: true,
      hostNetnsPath: undefined,
      verifyPeriodMs: 60_000,
      podMtu: 9001,
      enforcingMode: "strict",
      policyAgentSocketPath: "/var/run/aws-node/npa.sock",
    },
    refused: [],
  });
});

test("POD_MTU comes before AWS_VPC_ENI_MTU, which comes before 9001", () => {
  expect(parse({ AWS_VPC_ENI_MTU: "1500" }).settings.podMtu).toBe(1500);
  expect(parse({ AWS_VPC_ENI_MTU: "1500", POD_MTU: "1400" }).settings.podMtu).toBe(1400);
});

test("what cannot work is refused by its name", () => {
  expect(parse({ SLASH28_DATAPATH: "off" }).settings.isOn).toBe(false);
  for (const [variable, values] of Object.entries({
    SLASH28_DATAPATH: ["yes", "true"],
    SLASH28_VERIFY_PERIOD: ["0", "-1", "ten", "3601"],
    AWS_VPC_ENI_MTU: ["575", "9002", "big"],
    POD_MTU: ["575", "9002", "1e3"],
    AWS_VPC_K8S_CNI_VETHPREFIX: ["eth", "lo", "vlan", "hello", "a b", "a/b", "a:b"],
  })) {
    for (const value of values) expect([value, ...parse({ [variable]: value }).refused]).toEqual([value, variable]);
  }
  for (const [variable, value] of Object.entries({
    SLASH28_VERIFY_PERIOD: "3600",
    AWS_VPC_ENI_MTU: "576",
    POD_MTU: "9001",
    AWS_VPC_K8S_CNI_VETHPREFIX: "eth0",
  })) {
    expect(parse({ [variable]: value }).refused).toEqual([]);
  }
});

test("the enforcing mode matters with branch ENIs alone", () => {
  const env = { POD_SECURITY_GROUP_ENFORCING_MODE: "loose" };
  expect(parse(env).refused).toEqual([]);
  expect(parse(env, true).refused).toEqual(["POD_SECURITY_GROUP_ENFORCING_MODE"]);
  expect(parse({ POD_SECURITY_GROUP_ENFORCING_MODE: "standard" }, true).settings.enforcingMode).toBe("standard");
});

test("a prefix leaves room for eleven digits, and is no other link's", () => {
  expect(["", "eni", "abcd", "abcde", "vlan", "eth", "é", "a%d"].filter(isVethPrefix)).toEqual(["eni", "abcd"]);
});
