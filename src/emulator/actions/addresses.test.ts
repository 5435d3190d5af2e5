// Assigning and unassigning: counts, limits, the answers of a full or broken subnet (ec2-vpc.md 2.10, 2.11, 9.2, 9.4).

import { describe, expect, test } from "bun:test";
import { cidr, SMALL_WORLD, TestVpc } from "./testing/small-vpc.ts";

const SPACE = "InvalidParameterValue: There aren't sufficient free Ipv4 addresses or prefixes";
const BLOCKS =
  "InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request.";
const ADDRESSES =
  "InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request.";
const SLOTS = "PrivateIpAddressLimitExceeded: Number of private addresses will exceed limit.";
const MOVE = "assigned, but move is not allowed.";

test("availableIpAddressCount of a /24: 251, 250 after an ENI, 218 after two prefixes, 251 after its deletion", () => {
  const t = new TestVpc();
  expect(t.free()).toBe(251);
  const eni = t.createEni();
  expect(t.free()).toBe(250);
  t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 2 });
  expect(t.free()).toBe(218);
  t.ok("DeleteNetworkInterface", { NetworkInterfaceId: eni });
  expect(t.free()).toBe(251);
});

test("the reply holds what this call assigned, and prefixes are not in the list of addresses", () => {
  const t = new TestVpc();
  const eni = t.createEni({ Ipv4PrefixCount: 1 });
  const reply = t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 2 });
  expect(reply.all("assignedIpv4PrefixSet", "ipv4Prefix")).toHaveLength(2);
  expect(reply.value("assignedPrivateIpAddressesSet")).toEqual([]);
  expect(t.eni(eni).all("ipv4PrefixSet", "ipv4Prefix")).toHaveLength(3);
  expect(t.eni(eni).all("privateIpAddressesSet", "primary")).toEqual([true]);
});

test("an m5.large takes its tenth slot and refuses the eleventh, also in a full subnet", () => {
  const t = new TestVpc();
  const eni = t.primaryEni();
  t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 9 });
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(SLOTS);
  t.vpc.control({ op: "exhaust", subnetId: "subnet-b" }, 0);
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(SLOTS);
});

test("a broken subnet answers InsufficientCidrBlocks while addresses are free; nothing changes", () => {
  const t = new TestVpc();
  const eni = t.createEni();
  expect(t.vpc.control({ op: "fragment", subnetId: "subnet-a" }, 0)).toMatchObject({ ok: true });
  const free = t.free();
  expect(free).toBeGreaterThan(200);
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(BLOCKS);
  expect([t.free(), t.vpc.check()]).toEqual([free, []]);
});

test("all or nothing: three prefixes with two free ones are refused, two are given", () => {
  const t = new TestVpc({ knobs: { prefixPlacement: "lowest" } });
  const eni = t.createEni({ PrivateIpAddress: "10.0.0.5", Ipv4PrefixCount: 12 });
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 3 })).toBe(BLOCKS);
  t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 2 });
  expect(t.eni(eni).all("ipv4PrefixSet", "ipv4Prefix")).toHaveLength(14);
});

test("too few addresses for a prefix answer the Ipv4 text, for a single one InsufficientFreeAddressesInSubnet", () => {
  const t = new TestVpc();
  const eni = t.createEni();
  t.vpc.control({ op: "exhaust", subnetId: "subnet-a", leave: 15 }, 0);
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(SPACE);
  t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: 15 });
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: 1 })).toBe(
    ADDRESSES,
  );
  expect(t.refused("CreateNetworkInterface", { SubnetId: "subnet-a" })).toBe(ADDRESSES);
  expect(t.free()).toBe(0);
});

test("create in a broken subnet answers by action, or by cause where the knob says so", () => {
  const wish = { SubnetId: "subnet-a", Ipv4PrefixCount: 1 };
  const byAction = new TestVpc();
  byAction.vpc.control({ op: "fragment", subnetId: "subnet-a" }, 0);
  expect(byAction.refused("CreateNetworkInterface", wish)).toBe(SPACE);
  const byCause = new TestVpc({ knobs: { createExhaustion: "by-cause", cidrBlocksMessage: "eks-guide" } });
  byCause.vpc.control({ op: "fragment", subnetId: "subnet-a" }, 0);
  expect(byCause.refused("CreateNetworkInterface", wish)).toBe(
    "InsufficientCidrBlocks: There are not enough free cidr blocks in the specified subnet to satisfy the request.",
  );
});

test("with 16 addresses left, create needs a seventeenth for its primary address", () => {
  const world = {
    ...SMALL_WORLD,
    subnets: [...SMALL_WORLD.subnets, { id: "subnet-c", az: "us-west-2a", cidr: cidr("10.0.2.0/26") }],
  };
  const t = new TestVpc({ world, knobs: { prefixPlacement: "lowest", addressPlacement: "pack" } });
  t.vpc.control({ op: "exhaust", subnetId: "subnet-c", leave: 16 }, 0);
  expect(t.free("subnet-c")).toBe(16);
  expect(t.refused("CreateNetworkInterface", { SubnetId: "subnet-c", Ipv4PrefixCount: 1 })).toBe(SPACE);
});

describe("reservations", () => {
  const reserved = {
    ...SMALL_WORLD,
    subnets: [
      {
        id: "subnet-a",
        az: "us-west-2a",
        cidr: cidr("10.0.0.0/24"),
        reservations: [
          { cidr: cidr("10.0.0.128/26"), type: "prefix" as const },
          { cidr: cidr("10.0.0.32/27"), type: "explicit" as const },
        ],
      },
      ...SMALL_WORLD.subnets.slice(1),
    ],
  };

  test("a prefix reservation lowers the count at once, an explicit one by the knob alone", () => {
    expect(new TestVpc({ world: reserved }).free()).toBe(251 - 64);
    expect(new TestVpc({ world: reserved, knobs: { explicitReservationsLowerCount: true } }).free()).toBe(251 - 96);
  });

  test("counted prefixes come from the range first, then from the rest; never from an explicit range", () => {
    const t = new TestVpc({ world: reserved });
    const eni = t.createEni({ PrivateIpAddress: "10.0.0.5" });
    const first = t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 4 });
    expect(first.all("assignedIpv4PrefixSet", "ipv4Prefix").sort()).toEqual([
      "10.0.0.128/28",
      "10.0.0.144/28",
      "10.0.0.160/28",
      "10.0.0.176/28",
    ]);
    expect(t.free()).toBe(251 - 64 - 1);
    const rest = t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 8 });
    expect(rest.all("assignedIpv4PrefixSet", "ipv4Prefix")).not.toContain("10.0.0.32/28");
    expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(BLOCKS);
    expect(t.vpc.check()).toEqual([]);
  });

  test("without fallback the rest is not touched", () => {
    const t = new TestVpc({ world: reserved, knobs: { reservationFallback: false } });
    const eni = t.createEni({ Ipv4PrefixCount: 4, PrivateIpAddress: "10.0.0.5" });
    expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, Ipv4PrefixCount: 1 })).toBe(SPACE);
  });

  test("single addresses never come from a range, but a caller may name one there", () => {
    const t = new TestVpc({ world: reserved });
    const eni = t.createEni();
    const free = t.vpc.stats(0).subnets[0]?.availableIpAddressCount ?? 0;
    // 32 of the free ones lie in the explicit range.
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: free - 32 });
    expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: 1 })).toBe(
      ADDRESSES,
    );
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, "PrivateIpAddress.1": "10.0.0.40" });
    t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, "Ipv4Prefix.1": "10.0.0.48/28" });
    expect(t.vpc.check()).toEqual([]);
  });
});

test("named addresses: taken, reserved, outside, malformed; moved only when allowed and never a primary one", () => {
  const t = new TestVpc();
  const one = t.createEni({ PrivateIpAddress: "10.0.0.10", "PrivateIpAddresses.1.PrivateIpAddress": "10.0.0.11" });
  const two = t.createEni({ PrivateIpAddress: "10.0.0.20" });
  const assign = (...addresses: string[]) => ({
    NetworkInterfaceId: two,
    ...Object.fromEntries(addresses.map((address, i) => [`PrivateIpAddress.${i + 1}`, address])),
  });
  expect(t.refused("AssignPrivateIpAddresses", assign("10.0.0.10", "10.0.0.11"))).toBe(
    `InvalidParameterValue: [10.0.0.10, 10.0.0.11] ${MOVE}`,
  );
  expect(t.refused("AssignPrivateIpAddresses", { ...assign("10.0.0.10"), AllowReassignment: true })).toContain(MOVE);
  t.ok("AssignPrivateIpAddresses", { ...assign("10.0.0.11"), AllowReassignment: true });
  expect(t.eni(two).all("privateIpAddressesSet", "privateIpAddress")).toEqual(["10.0.0.20", "10.0.0.11"]);
  expect(t.eni(one).all("privateIpAddressesSet", "privateIpAddress")).toEqual(["10.0.0.10"]);
  t.ok("AssignPrivateIpAddresses", { ...assign("10.0.0.11"), AllowReassignment: true });
  expect(t.refused("AssignPrivateIpAddresses", assign("10.0.0.3"))).toContain("reserved address range");
  expect(t.refused("AssignPrivateIpAddresses", assign("10.0.0.255"))).toContain("reserved address range");
  expect(t.refused("AssignPrivateIpAddresses", assign("10.0.1.7"))).toContain("does not fall within");
  expect(t.refused("AssignPrivateIpAddresses", assign("10.0.0.300"))).toBe(
    "InvalidParameterValue: invalid value for parameter address: 10.0.0.300",
  );
  expect(t.refused("CreateNetworkInterface", { SubnetId: "subnet-a", PrivateIpAddress: "10.0.0.20" })).toBe(
    "InvalidIPAddress.InUse: The specified address is already in use.",
  );
  expect(t.vpc.check()).toEqual([]);
});

test.each(["10.0.0.8/28", "10.0.0.16/27", "10.0.0.0/28", "10.0.0.240/28", "10.0.1.16/28", "10.0.0.16", "10.0.0.32/28"])(
  "the named prefix %s is refused: misaligned, no /28, at the edge, outside, or broken",
  (prefix) => {
    const t = new TestVpc();
    t.createEni({ PrivateIpAddress: "10.0.0.33" });
    const eni = t.createEni({ PrivateIpAddress: "10.0.0.70" });
    expect(t.code("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, "Ipv4Prefix.1": prefix })).toBe(
      "InvalidParameterValue",
    );
    expect(t.vpc.check()).toEqual([]);
  },
);

test("a named primary address that breaks the last free /28 fails the whole creation", () => {
  const t = new TestVpc({ knobs: { prefixPlacement: "lowest" } });
  t.createEni({ PrivateIpAddress: "10.0.0.5", Ipv4PrefixCount: 13 });
  const wish = { SubnetId: "subnet-a", PrivateIpAddress: "10.0.0.230", Ipv4PrefixCount: 1 };
  const free = t.free();
  expect(t.refused("CreateNetworkInterface", wish)).toBe(SPACE);
  expect([t.free(), t.vpc.check()]).toEqual([free, []]);
  t.ok("CreateNetworkInterface", { ...wish, PrivateIpAddress: "10.0.0.6" });
});

test("exactly one selector, and counts above 0", () => {
  const t = new TestVpc();
  const eni = t.createEni();
  const code = (fields: Record<string, string | number>) =>
    t.code("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, ...fields });
  expect(code({})).toBe("InvalidParameterCombination");
  expect(code({ Ipv4PrefixCount: 1, SecondaryPrivateIpAddressCount: 1 })).toBe("InvalidParameterCombination");
  expect(code({ Ipv4PrefixCount: 0 })).toBe("InvalidParameterValue");
  expect(code({ Ipv4PrefixCount: -1 })).toBe("InvalidParameterValue");
  expect(code({ Ipv4PrefixCount: "many" })).toBe("InvalidParameterValue");
});

test("unassign: what the ENI has, all or nothing, never its primary address", () => {
  const t = new TestVpc();
  const eni = t.createEni({ PrivateIpAddress: "10.0.0.10", "PrivateIpAddresses.1.PrivateIpAddress": "10.0.0.11" });
  t.ok("AssignPrivateIpAddresses", { NetworkInterfaceId: eni, "Ipv4Prefix.1": "10.0.0.64/28" });
  const call = (fields: Record<string, string>) => ({ NetworkInterfaceId: eni, ...fields });
  expect(t.refused("UnassignPrivateIpAddresses", call({ "PrivateIpAddress.1": "10.0.0.10" }))).toContain("primary");
  expect(
    t.refused(
      "UnassignPrivateIpAddresses",
      call({ "PrivateIpAddress.1": "10.0.0.11", "PrivateIpAddress.2": "10.0.0.12" }),
    ),
  ).toBe(`InvalidParameterValue: Some of the specified addresses are not assigned to interface ${eni}`);
  expect(t.code("UnassignPrivateIpAddresses", call({ "Ipv4Prefix.1": "10.0.0.80/28" }))).toBe("InvalidParameterValue");
  expect(t.code("UnassignPrivateIpAddresses", call({}))).toBe("MissingParameter");
  t.ok("UnassignPrivateIpAddresses", call({ "PrivateIpAddress.1": "10.0.0.11", "Ipv4Prefix.1": "10.0.0.64/28" }));
  expect(t.free()).toBe(250);
});

test("quarantine holds released addresses and prefixes back, and counts them as used", () => {
  const t = new TestVpc({ knobs: { quarantine: "30s" } });
  const eni = t.createEni({ "Ipv4Prefix.1.Ipv4Prefix": "10.0.0.64/28" });
  t.ok("UnassignPrivateIpAddresses", { NetworkInterfaceId: eni, "Ipv4Prefix.1": "10.0.0.64/28" });
  expect(t.free()).toBe(234);
  const again = { NetworkInterfaceId: eni, "Ipv4Prefix.1": "10.0.0.64/28" };
  expect(t.code("AssignPrivateIpAddresses", again)).toBe("InvalidParameterValue");
  expect(t.vpc.check()).toEqual([]);
  t.nowMs = 30_000;
  expect(t.free()).toBe(250);
  t.ok("AssignPrivateIpAddresses", again);
});

test("a type that is no Nitro type gets no prefixes", () => {
  const t = new TestVpc({
    world: { ...SMALL_WORLD, instances: [{ id: "i-1", type: "m4.large", subnetId: "subnet-b" }] },
  });
  expect(t.refused("AssignPrivateIpAddresses", { NetworkInterfaceId: t.primaryEni(), Ipv4PrefixCount: 1 })).toContain(
    "m4.large does not support IPv4 prefixes",
  );
});
