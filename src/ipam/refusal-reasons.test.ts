// The typed reason of each refused ADD (design: reasons of a refusal), one situation each.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import type { Reason } from "./reasons.ts";
import {
  attachOutside,
  M5_LARGE,
  NO_ADDRESSES,
  NO_BLOCKS,
  PREFIX_MODE,
  SUFFICIENCY_TEXT,
} from "./testing/live-node.ts";
import { TestNode, type TestNodeOptions } from "./testing/test-node.ts";

const ip = (text: string) => parseIpv4(text)!;
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const SUFFICIENCY = "There aren't sufficient free Ipv4 addresses or prefixes";

/** A full node (16 pods on one prefix), arranged, then run for `ms`; the refusal of pod 17. */
function refusal(
  options: TestNodeOptions,
  arrange: (node: TestNode) => void = () => {},
  ms = 3_000,
): { reason: Reason; retryAfterMs: number | undefined } {
  const node = new TestNode({
    env: QUIET,
    instance: M5_LARGE,
    primary: { prefixes: [ip("10.0.1.0")] },
    ...options,
  }).start();
  node.addMany(1, 16);
  arrange(node);
  node.run(ms);
  const reply = node.add(17);
  if (reply.kind !== "refused") throw new Error(`pod 17 was not refused but ${reply.kind}`);
  expect(node.engine.view(node.nowMs).refusals.get(reply.reason)).toBe(1);
  expect(
    node.effects.some(
      (effect) => effect.kind === "log" && effect.message === "refused" && effect.args[1] === reply.reason,
    ),
  ).toBe(true);
  return { reason: reply.reason, retryAfterMs: reply.retryAfterMs };
}
const assignRefused = (awsCode: string, message = "no", env: Record<string, string> = {}) =>
  refusal(
    { env: { ...QUIET, ...env }, instance: { enis: 1, ipv4PerEni: 10 } },
    (node) => node.refuse("AssignPrivateIpAddresses", awsCode, message),
    15_000,
  ).reason;
const ONE_SLOT = { enis: 3, ipv4PerEni: 2 };
const createRefused = (awsCode: string, message = "no") =>
  refusal({ instance: ONE_SLOT }, (node) => node.refuse("CreateNetworkInterface", awsCode, message)).reason;

describe("a refused ADD says why", () => {
  test("the pool grows, cools, covers max pods, or is frozen by its settings", () => {
    expect(refusal({}, () => {}, 0)).toEqual({ reason: "pool-growing", retryAfterMs: 5_000 });
    expect(refusal({ maxPods: 16 }, (node) => node.del(1))).toEqual({ reason: "cooling", retryAfterMs: 27_000 });
    expect(refusal({ maxPods: 16 })).toEqual({ reason: "max-pods", retryAfterMs: undefined });
    const frozen = { ...QUIET, MINIMUM_IP_TARGET: "10" };
    expect(refusal({ env: frozen })).toEqual({ reason: "frozen-settings", retryAfterMs: undefined });
  });

  test("somebody said that nothing may be taken: cordon, stop, provisioning off", () => {
    expect(refusal({ isUnschedulable: true }).reason).toBe("node-cordoned");
    expect(refusal({}, (node) => node.input({ kind: "stopping" })).reason).toBe("stopping");
    expect(refusal({ env: { ...QUIET, DISABLE_NETWORK_RESOURCE_PROVISIONING: "true" } }).reason).toBe(
      "provisioning-off",
    );
  });

  test("an agent that stops says that, and not that addresses are missing: what reads the log would take it for exhaustion", () => {
    for (const policy of ["vpc-cni", "slash28"] as const) {
      const node = new TestNode({ env: QUIET, instance: M5_LARGE, primary: { prefixes: [ip("10.0.1.0")] }, policy });
      node.start().addMany(1, 16);
      node.input({ kind: "stopping" });
      const { effects } = node;
      const before = effects.length;
      expect(node.add(17)).toMatchObject({ kind: "refused", reason: "stopping", message: "the agent is stopping" });
      const logged = effects.slice(before).flatMap((effect) => (effect.kind === "log" ? [effect.message] : []));
      expect(logged).toContain("refused");
      expect(logged).not.toContain("noAddressAvailable");
    }
  });

  test("a count of the instance is reached: ENIs, slots, the account's quota", () => {
    expect(refusal({ instance: { enis: 1, ipv4PerEni: 2 } }).reason).toBe("eni-limit");
    expect(refusal({ instance: { enis: 1, ipv4PerEni: 2 } }, (node) => node.del(3))).toEqual({
      reason: "cooling",
      retryAfterMs: 27_000,
    });
    expect(createRefused("PrivateIpAddressLimitExceeded")).toBe("slot-limit");
    expect(createRefused("NetworkInterfaceLimitExceeded")).toBe("eni-quota");
    expect(
      refusal({ instance: ONE_SLOT }, (node) => node.refuse("AttachNetworkInterface", "AttachmentLimitExceeded"))
        .reason,
    ).toBe("eni-limit");
  });

  test("the subnet has no block, no address, or says so in EC2's third way", () => {
    expect(assignRefused(NO_BLOCKS)).toBe("subnet-fragmented");
    expect(createRefused(NO_BLOCKS)).toBe("subnet-fragmented");
    expect(createRefused(NO_ADDRESSES)).toBe("subnet-exhausted");
    expect(assignRefused("InvalidParameterValue", SUFFICIENCY_TEXT)).toBe("subnet-exhausted");
  });

  test("EC2 throttles, denies, does not answer, or refuses otherwise", () => {
    expect(assignRefused("RequestLimitExceeded")).toBe("throttled");
    expect(assignRefused("UnauthorizedOperation")).toBe("unauthorized");
    expect(assignRefused("lost")).toBe("ec2-unreachable");
    expect(assignRefused("InvalidSubnetID.NotFound")).toBe("ec2-refused");
    expect(createRefused("InvalidSecurityGroupID.NotFound")).toBe("ec2-refused");
  });

  test("a new ENI meets no subnet, no ENIConfig, a metadata service that lags, or a host that fails", () => {
    const noSubnet = refusal({ instance: ONE_SLOT }, (node) => {
      const subnet = node.subnets.get("subnet-1")!;
      node.subnets.set("subnet-1", { ...subnet, tags: [{ key: "kubernetes.io/role/cni", value: "0" }] });
    });
    expect(noSubnet.reason).toBe("no-eligible-subnet");
    const custom = { ...QUIET, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };
    const missing = refusal({
      env: custom,
      primary: {},
      extraEnis: [{ eniId: "eni-2", prefixes: [ip("10.0.1.0")] }],
      instance: ONE_SLOT,
    });
    expect(missing.reason).toBe("eniconfig-missing");
    expect(refusal({ instance: ONE_SLOT, imdsLagMs: 1e9 }, () => {}, 188_000).reason).toBe("metadata-unavailable");
    const host = refusal({ instance: ONE_SLOT }, (node) => {
      node.hostError = "no link";
    });
    expect(host.reason).toBe("network-setup-failed");
  });

  test("a reason goes with its cause: once growth works again nothing old is named", () => {
    const node = new TestNode({ env: QUIET, instance: M5_LARGE }).start();
    node.addMany(1, 16);
    node.refuse("AssignPrivateIpAddresses", "UnauthorizedOperation", "no");
    node.run(3_000);
    expect(node.add(17)).toMatchObject({ reason: "unauthorized" });
    node.heal();
    node.run(5_000);
    node.addMany(17, 16);
    expect(node.add(40)).toMatchObject({ reason: "pool-growing" });
  });

  test("the branch of the pool that a trunk waits for is named by the ENI limit", () => {
    const reason = refusal(
      { env: { ...QUIET, ENABLE_POD_ENI: "true" }, instance: { enis: 2, ipv4PerEni: 2 } },
      (node) => {
        attachOutside(node, { eniId: "eni-t", primaryAddress: ip("10.0.9.9"), interfaceType: "trunk" });
      },
      11_000,
    ).reason;
    expect(reason).toBe("eni-limit");
  });

  test("CreateNetworkInterface's ambiguous answer does not hide that the subnet is fragmented", () => {
    const node = new TestNode({ env: QUIET, instance: M5_LARGE }).start();
    node.addMany(1, 16);
    expect(node.add(17)).toMatchObject({ reason: "pool-growing" });
    node.refuse("AssignPrivateIpAddresses", "InsufficientCidrBlocks", "no cidr blocks");
    node.refuse("CreateNetworkInterface", "InvalidParameterValue", SUFFICIENCY);
    node.run(6_000);
    expect(node.callNames()).toContain("CreateNetworkInterface");
    expect(node.add(17)).toMatchObject({ reason: "subnet-fragmented" });
    node.heal();
    node.refuse("AssignPrivateIpAddresses", "InvalidParameterValue", SUFFICIENCY);
    node.run(6_000);
    expect(node.add(18)).toMatchObject({ reason: "subnet-exhausted" });
  });
});
