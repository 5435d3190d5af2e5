import { describe, expect, test } from "bun:test";
import { type Cidr, parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import { NO_FACTS } from "../facts/merge.ts";
import type { EniFact, SubnetFact } from "../facts/model.ts";
import { spoilerText } from "./subnet-remedies.ts";
import { emptiestRange, spoilers, subnetView } from "./subnet-view.ts";

const at = { file: "enis.json" };
const address = (text: string): number => parseIpv4(text) as number;
const cidr = (text: string): Cidr => parseCidr(text) as Cidr;

function eni(id: string, addresses: string[], more: Partial<EniFact> = {}): EniFact {
  return {
    id,
    subnetId: "subnet-a",
    status: "in-use",
    description: "",
    interfaceType: "interface",
    addresses: addresses.map(address),
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at,
    ...more,
  };
}

function subnet(more: Partial<SubnetFact> = {}): SubnetFact {
  return {
    id: "subnet-a",
    cidr: cidr("10.0.0.0/26"),
    tags: new Map(),
    isLive: true,
    at: { file: "subnets.json" },
    ...more,
  };
}

// A /26 has four blocks, of which the two in the middle can be delegated.
const BOTH_BROKEN = [eni("eni-1", ["10.0.0.20"]), eni("eni-2", ["10.0.0.40", "10.0.0.41"])];

describe("the free /28s of a subnet", () => {
  test("are counted where the dump is said to be whole", () => {
    const view = subnetView(
      { ...NO_FACTS, subnets: [subnet()], enis: BOTH_BROKEN.slice(0, 1), wholeSubnets: ["subnet-a"] },
      "subnet-a",
    );
    expect(view?.freePrefixCount).toBe(1);
    expect(view?.isWhole).toBe(true);
  });

  test("are not known from some of the ENIs, unless there are none even so", () => {
    const some = { ...NO_FACTS, subnets: [subnet()] };
    expect(subnetView({ ...some, enis: BOTH_BROKEN.slice(0, 1) }, "subnet-a")?.freePrefixCount).toBeUndefined();
    expect(subnetView({ ...some, enis: BOTH_BROKEN }, "subnet-a")?.freePrefixCount).toBe(0);
  });

  test("are known where EC2's count shows that no holder is missing", () => {
    const facts = { ...NO_FACTS, enis: BOTH_BROKEN.slice(0, 1) };
    const exact = subnetView({ ...facts, subnets: [subnet({ availableIpAddressCount: 58 })] }, "subnet-a");
    expect(exact?.freePrefixCount).toBe(1);
    const less = subnetView({ ...facts, subnets: [subnet({ availableIpAddressCount: 41 })] }, "subnet-a");
    expect(less?.freePrefixCount).toBeUndefined();
  });

  test("are not known where EC2 counts a block less than a dump that was said to be whole", () => {
    const facts = { ...NO_FACTS, enis: BOTH_BROKEN.slice(0, 1), wholeSubnets: ["subnet-a"] };
    const view = subnetView({ ...facts, subnets: [subnet({ availableIpAddressCount: 30 })] }, "subnet-a");
    expect(view?.isWhole).toBe(false);
    expect(view?.freePrefixCount).toBeUndefined();
  });

  test("come from a person where EC2 was not asked", () => {
    const said = subnet({ isLive: false, freePrefixCount: 3, availableIpAddressCount: 100 });
    const view = subnetView({ ...NO_FACTS, subnets: [said] }, "subnet-a");
    expect(view?.freePrefixCount).toBe(3);
    expect(view?.evidence[0]?.text).toBe("subnet-a (10.0.0.0/26), AvailableIpAddressCount 100, free /28s: 3");
  });
});

test("a spoiler is ranked by the blocks that it alone keeps", () => {
  const enis = [
    eni("eni-1", ["10.0.0.20"], { instanceId: "i-0a", description: "aws-K8S-i-0a" }),
    eni("eni-2", ["10.0.0.40"], { instanceId: "i-0a", description: "aws-K8S-i-0a" }),
    eni("eni-3", ["10.0.0.41"], { interfaceType: "lambda" }),
  ];
  const facts = { ...NO_FACTS, subnets: [subnet()], enis };
  const view = subnetView(facts, "subnet-a");
  if (view === undefined) throw new Error("no view");
  expect(spoilers(view, facts).map(({ holder, blockCount, wonCount }) => [holder.name, blockCount, wonCount])).toEqual([
    ["node i-0a", 2, 1],
    ["Lambda", 1, 0],
  ]);
});

test("the range to reserve is the one with the fewest addresses in use, away from the edges", () => {
  const facts = { ...NO_FACTS, subnets: [subnet({ cidr: cidr("10.0.0.0/24") })], enis: [eni("eni-1", ["10.0.0.70"])] };
  const view = subnetView(facts, "subnet-a");
  expect(view === undefined ? undefined : emptiestRange(view)).toEqual({ cidr: "10.0.0.128/26", usedCount: 0 });
});

test("those who break blocks are named, the first three, and how many more there are", () => {
  const wide = subnet({ cidr: cidr("10.0.0.0/24"), availableIpAddressCount: 246 });
  const holders = ["aws-node", "nat_gateway", "network_load_balancer", "vpc_endpoint", "lambda"].map(
    (interfaceType, index) => eni(`eni-${index}`, [`10.0.0.${20 + 16 * index}`], { interfaceType }),
  );
  const facts = { ...NO_FACTS, subnets: [wide], enis: holders };
  const view = subnetView(facts, "subnet-a");
  if (view === undefined) throw new Error("it is described");
  const count = new Set(spoilers(view, facts).map((one) => one.holder.name)).size;
  expect(count).toBeGreaterThan(3);
  expect(spoilerText(view, facts)).toMatch(/^[^,]+ in 1, [^,]+ in 1, [^,]+ in 1, and \d+ more$/);
  const few = { ...facts, enis: holders.slice(0, 2) };
  const fewView = subnetView({ ...few, wholeSubnets: ["subnet-a"] }, "subnet-a");
  expect(spoilerText(fewView ?? view, few)).not.toContain("more");
});
