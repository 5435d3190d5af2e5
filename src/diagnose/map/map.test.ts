import { describe, expect, test } from "bun:test";
import { type Cidr, cidrOf, formatIpv4, parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import { Prng } from "../../base/prng.ts";
import { NO_FACTS } from "../facts/merge.ts";
import type { EniFact, Facts, ReservationFact, SubnetFact } from "../facts/model.ts";
import { buildMap } from "./build-map.ts";
import type { SubnetView } from "./subnet-view.ts";

const AT = { file: "enis.json" };
const ip = (text: string): number => parseIpv4(text) ?? -1;

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function subnet(given: Partial<SubnetFact> = {}): SubnetFact {
  return {
    id: "subnet-0aaa",
    cidr: cidr("10.0.0.0/24"),
    vpcId: "vpc-0aaa",
    tags: new Map(),
    isLive: true,
    at: AT,
    ...given,
  };
}

function eni(id: string, addresses: readonly string[], given: Partial<EniFact> = {}): EniFact {
  return {
    id,
    subnetId: "subnet-0aaa",
    status: "in-use",
    description: "",
    interfaceType: "interface",
    primaryAddress: addresses[0] === undefined ? undefined : ip(addresses[0]),
    addresses: addresses.map(ip),
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
    ...given,
  };
}

function facts(given: Partial<Facts>): Facts {
  return { ...NO_FACTS, subnets: [subnet()], ...given };
}

function viewOf(given: Partial<Facts>): SubnetView {
  const [view] = buildMap(facts(given)).subnets;
  if (view === undefined) throw new Error("no subnet");
  return view;
}

const nodeEni = (id: string, instanceId: string, addresses: readonly string[], given: Partial<EniFact> = {}): EniFact =>
  eni(id, addresses, { instanceId, deviceIndex: 1, description: `aws-K8S-${instanceId}`, ...given });
const ELB = { description: "ELB app/web/0123456789abcdef", requesterId: "amazon-elb" };

describe("what would win blocks back", () => {
  test("a block that one unit breaks is won by it alone; one that two break needs both", () => {
    const { recovery } = viewOf({
      enis: [
        nodeEni("eni-1", "i-0aaa", ["10.0.0.20", "10.0.0.40"]),
        nodeEni("eni-2", "i-0aaa", ["10.0.0.21"]),
        eni("eni-3", ["10.0.0.41", "10.0.0.60"], ELB),
      ],
    });
    expect(recovery.units.map((one) => [one.unit, one.freed.map(formatIpv4), one.sharedCount])).toEqual([
      ["load-balancer/app/web/0123456789abcdef", ["10.0.0.48"], 1],
      ["node/i-0aaa", ["10.0.0.16"], 1],
    ]);
    expect(recovery.enis.map((one) => [one.eni.id, one.freed.map(formatIpv4)])).toEqual([["eni-3", ["10.0.0.48"]]]);
    expect(recovery.addresses.map((one) => formatIpv4(one.holder.address))).toEqual(["10.0.0.60"]);
    expect(recovery.plan.map((step) => [step.units.map((one) => one.unit), step.freed.length])).toEqual([
      [["load-balancer/app/web/0123456789abcdef"], 1],
      [["node/i-0aaa"], 2],
    ]);
  });

  test("where nobody wins anything alone, the plan names those who do together", () => {
    const { plan } = viewOf({
      enis: [nodeEni("eni-1", "i-0aaa", ["10.0.0.20"]), nodeEni("eni-2", "i-0bbb", ["10.0.0.21"])],
    }).recovery;
    expect(plan.map((step) => step.units.map((one) => one.unit))).toEqual([["node/i-0aaa", "node/i-0bbb"]]);
    expect(plan[0]?.totalFreedCount).toBe(1);
  });

  test("of two that win as much, a leaked ENI comes before a node", () => {
    const { recovery } = viewOf({
      enis: [
        nodeEni("eni-1", "i-0aaa", ["10.0.0.20"]),
        eni("eni-2", ["10.0.0.40"], { description: "aws-K8S-i-0ccc", status: "available" }),
      ],
    });
    expect(recovery.units[0]?.owner.kind).toBe("leaked");
    expect(recovery.addresses[0]?.holder.eni.id).toBe("eni-2");
  });

  test("edge blocks and blocks of an explicit reservation are not won by any release", () => {
    const reservations: ReservationFact[] = [
      { id: "scr-1", subnetId: "subnet-0aaa", cidr: cidr("10.0.0.32/28"), type: "explicit", isLive: true, at: AT },
    ];
    const { recovery } = viewOf({
      reservations,
      enis: [nodeEni("eni-1", "i-0aaa", ["10.0.0.5", "10.0.0.40", "10.0.0.250"])],
    });
    expect(recovery.units[0]?.freed).toEqual([]);
    expect(recovery.plan).toEqual([]);
  });

  test("a drained node's prefixes are told apart from the blocks it breaks", () => {
    const [unit] = viewOf({
      enis: [nodeEni("eni-1", "i-0aaa", ["10.0.0.20"], { prefixes: [ip("10.0.0.64"), ip("10.0.0.80")] })],
    }).recovery.units;
    expect(unit).toMatchObject({ prefixCount: 2, addressCount: 1 });
    expect(unit?.freed).toHaveLength(1);
  });
});

describe("the order of releases", () => {
  const sizes = (plan: SubnetView["recovery"]["plan"]): unknown =>
    plan.map((step) => [step.units.map((one) => one.unit), step.freed.length]);

  test("the unit that wins most of what is left goes first", () => {
    const { plan } = viewOf({
      enis: [
        nodeEni("eni-1", "i-0aaa", ["10.0.0.20"]),
        nodeEni("eni-2", "i-0bbb", ["10.0.0.40", "10.0.0.60", "10.0.0.70"]),
        nodeEni("eni-3", "i-0ccc", ["10.0.0.85", "10.0.0.100"]),
      ],
    }).recovery;
    expect(sizes(plan)).toEqual([
      [["node/i-0bbb"], 3],
      [["node/i-0ccc"], 2],
      [["node/i-0aaa"], 1],
    ]);
  });

  test("where none wins alone, the fewest that free a block go together", () => {
    const { plan } = viewOf({
      enis: [
        nodeEni("eni-1", "i-0aaa", ["10.0.0.20"]),
        nodeEni("eni-2", "i-0bbb", ["10.0.0.21"]),
        nodeEni("eni-3", "i-0ccc", ["10.0.0.22", "10.0.0.40"]),
        nodeEni("eni-4", "i-0ddd", ["10.0.0.41"]),
      ],
    }).recovery;
    expect(sizes(plan)).toEqual([
      [["node/i-0ccc", "node/i-0ddd"], 1],
      [["node/i-0aaa", "node/i-0bbb"], 1],
    ]);
  });

  test("nobody's ENI comes before one that somebody may want", () => {
    const { recovery } = viewOf({
      enis: [
        eni("eni-1", ["10.0.0.20"], { description: "mine", status: "available" }),
        eni("eni-2", ["10.0.0.40"], { description: "aws-K8S-i-0ccc", status: "available" }),
      ],
    });
    expect(recovery.units.map((one) => one.owner.kind)).toEqual(["leaked", "detached"]);
    expect(recovery.addresses.map((one) => one.holder.owner.kind)).toEqual(["leaked", "detached"]);
    expect(recovery.plan[0]?.units[0]?.owner.kind).toBe("leaked");
  });
});

describe("how far the count can be trusted", () => {
  test("AWS's own count equal to ours makes the map exact", () => {
    const view = viewOf({ subnets: [subnet({ availableIpAddressCount: 250 })], enis: [eni("eni-1", ["10.0.0.20"])] });
    expect(view).toMatchObject({ trust: "exact", freePrefixCount: 13, freePrefixCountMin: 13, freePrefixCountMax: 13 });
  });

  test("addresses that AWS counts and the dump does not show may stand in any free block", () => {
    const view = viewOf({ subnets: [subnet({ availableIpAddressCount: 246 })], enis: [eni("eni-1", ["10.0.0.20"])] });
    expect(view).toMatchObject({ trust: "incomplete", freePrefixCountMin: 9, freePrefixCountMax: 13 });
  });

  test("so many missing addresses that they fit nowhere else lower the most as well", () => {
    const view = viewOf({ subnets: [subnet({ availableIpAddressCount: 0 })] });
    expect(view).toMatchObject({ trust: "incomplete", freePrefixCountMin: 0, freePrefixCountMax: 0 });
  });

  test("more free addresses than the ENIs leave: some of them are gone", () => {
    const view = viewOf({ subnets: [subnet({ availableIpAddressCount: 251 })], enis: [eni("eni-1", ["10.0.0.20"])] });
    expect(view).toMatchObject({ trust: "stale", freePrefixCountMin: 13, freePrefixCountMax: 14 });
  });

  test("no count of AWS: the number is the most there can be", () => {
    expect(viewOf({})).toMatchObject({ trust: "unchecked", freePrefixCountMin: 0, freePrefixCountMax: 14 });
    expect(viewOf({ wholeSubnets: ["subnet-0aaa"] }).trust).toBe("exact");
  });

  test("the rule for explicit reservations is the one that gives AWS's number", () => {
    const reservations: ReservationFact[] = [
      { id: "scr-1", subnetId: "subnet-0aaa", cidr: cidr("10.0.0.32/28"), type: "explicit", isLive: true, at: AT },
    ];
    for (const availableIpAddressCount of [251, 235])
      expect(viewOf({ reservations, subnets: [subnet({ availableIpAddressCount })] }).trust).toBe("exact");
    expect(viewOf({ reservations, subnets: [subnet({ availableIpAddressCount: 240 })] }).trust).toBe("incomplete");
  });

  test("an empty /24: 27 of 251 free addresses lie where no /28 can be", () => {
    expect(viewOf({}).fragmentation).toBeCloseTo(27 / 251);
    expect(viewOf({}).blockFailure).toBe(0);
  });
});

test("an address that AWS keeps for itself is no used one, though a dump may list it", () => {
  const view = viewOf({ enis: [eni("eni-1", ["10.0.0.1", "10.0.0.255", "10.0.0.20"])] });
  expect(view.unusedCount).toBe(250);
});

test("declared subnets and reservations are not there yet", () => {
  const declared = {
    id: "scr-1",
    subnetId: "subnet-0aaa",
    cidr: cidr("10.0.0.128/25"),
    type: "prefix" as const,
    isLive: false,
    at: AT,
  };
  expect(viewOf({ reservations: [declared] }).reservedFreePrefixCount).toBe(0);
  expect(buildMap(facts({ subnets: [subnet({ isLive: false })] })).subnets).toEqual([]);
});

describe("which subnets are shown", () => {
  test("of one VPC alone when asked; without IPv4 none, and that is said", () => {
    const subnets = [
      subnet(),
      subnet({ id: "subnet-0bbb", vpcId: "vpc-0bbb" }),
      subnet({ id: "subnet-0ccc", cidr: undefined }),
    ];
    const result = buildMap(facts({ subnets }), { vpc: "vpc-0aaa" });
    expect(result.subnets.map((view) => view.subnet.id)).toEqual(["subnet-0aaa"]);
    expect(result.missing).toMatchObject([{ id: "subnet-0ccc", reason: "it has no IPv4 CIDR" }]);
  });

  test("those that tags, ENIConfigs and the control plane tie to the cluster; role/cni only in its VPC", () => {
    const tagged = (id: string, key: string, value: string, vpcId = "vpc-0aaa"): SubnetFact =>
      subnet({ id, vpcId, tags: new Map([[key, value]]) });
    const result = buildMap(
      facts({
        subnets: [
          tagged("subnet-1", "kubernetes.io/cluster/prod", "shared"),
          tagged("subnet-2", "kubernetes.io/cluster/other", "shared"),
          tagged("subnet-3", "karpenter.sh/discovery", "prod"),
          tagged("subnet-4", "kubernetes.io/role/cni", "1"),
          tagged("subnet-5", "kubernetes.io/role/cni", "1", "vpc-0bbb"),
          tagged("subnet-6", "Name", "db"),
          tagged("subnet-9", "karpenter.sh/discovery", "other"),
          subnet({ id: "subnet-A" }),
          subnet({ id: "subnet-B", eksCluster: "prod" }),
          subnet({ id: "subnet-C", eksCluster: "other" }),
          subnet({ id: "subnet-7" }),
          subnet({ id: "subnet-8" }),
        ],
        instances: [
          {
            id: "i-0abc",
            instanceType: "m5.large",
            state: "running",
            subnetId: "subnet-A",
            attachments: [],
            securityGroupIds: [],
            tags: new Map([["kubernetes.io/cluster/other", "owned"]]),
            at: AT,
          },
        ],
        eniConfigs: [{ name: "us-west-2a", subnetId: { value: "subnet-7", at: AT }, securityGroupIds: [], at: AT }],
        enis: [eni("eni-1", ["10.0.0.20"], { subnetId: "subnet-8", description: "Amazon EKS prod" })],
      }),
      { cluster: "prod" },
    );
    expect(result.subnets.map((view) => [view.subnet.id, ...view.foundBy])).toEqual([
      ["subnet-1", "tag kubernetes.io/cluster"],
      ["subnet-3", "tag karpenter.sh/discovery"],
      ["subnet-4", "tag kubernetes.io/role/cni (names no cluster)"],
      ["subnet-7", "ENIConfig us-west-2a"],
      ["subnet-8", "control plane"],
      ["subnet-B", "EKS"],
    ]);
    const chosen = buildMap(facts({}), { cluster: "prod", isChosen: true });
    expect(chosen.subnets.map((view) => view.subnet.id)).toEqual(["subnet-0aaa"]);
  });

  test("a subnet that was asked for and one known from ENIs alone are named, with the command that describes them", () => {
    const { missing } = buildMap(facts({ subnets: [], enis: [eni("eni-1", ["10.0.0.20"])] }), {});
    expect(missing).toMatchObject([{ id: "subnet-0aaa", next: expect.stringContaining("describe-subnets") }]);
    expect(buildMap(facts({}), { subnetIds: ["subnet-0zzz"] }).missing.map((one) => one.id)).toEqual(["subnet-0zzz"]);
  });
});

/** Counted address by address, with nothing of the map's own sums. */
function bruteForce(given: { cidr: Cidr; enis: readonly EniFact[]; reservations: readonly ReservationFact[] }) {
  const size = 2 ** (32 - given.cidr.prefixLength);
  const inReservation = (address: number, type: string): boolean =>
    given.reservations.some((one) => {
      const last = one.cidr.base + 2 ** (32 - one.cidr.prefixLength) - 1;
      return one.type === type && address >= one.cidr.base && address <= last;
    });
  const user = new Map<number, string>();
  const prefixed = new Set<number>();
  for (const one of given.enis) {
    for (const address of one.addresses) user.set(address, one.id);
    for (const base of one.prefixes) for (let i = 0; i < 16; i++) prefixed.add(base + i);
  }
  const counts = { free: 0, delegated: 0, broken: 0, full: 0, edge: 0, reserved: 0 };
  const freedBy = new Map<string, number>();
  let available = 0;
  let unused = 0;
  for (let base = given.cidr.base; base < given.cidr.base + size; base += 16) {
    const block = Array.from({ length: 16 }, (_, index) => base + index);
    const users = block.flatMap((address) => user.get(address) ?? []);
    const isEdge = base === given.cidr.base || base + 16 === given.cidr.base + size;
    const isExplicit = block.some((address) => inReservation(address, "explicit"));
    if (prefixed.has(base)) counts.delegated++;
    else if (isEdge) counts.edge++;
    else if (users.length === 16) counts.full++;
    else if (users.length > 0) counts.broken++;
    else if (isExplicit) counts.reserved++;
    else counts.free++;
    if (!prefixed.has(base) && !isEdge && !isExplicit && users.length > 0 && new Set(users).size === 1)
      freedBy.set(users[0] ?? "", (freedBy.get(users[0] ?? "") ?? 0) + 1);
    for (const address of block) {
      const offset = address - given.cidr.base;
      if (offset < 4 || offset === size - 1 || user.has(address) || prefixed.has(address)) continue;
      unused++;
      if (!inReservation(address, "prefix")) available++;
    }
  }
  return { counts, available, unused, freedBy };
}

test("10,000 random subnets: every count is that of a walk over all addresses", () => {
  const prng = new Prng(28);
  for (let round = 0; round < 10_000; round++) {
    const prefixLength = 22 + prng.below(6);
    const block = cidrOf(ip("10.0.0.0") + prng.below(64) * 1024, prefixLength);
    const size = 2 ** (32 - prefixLength);
    const taken = new Set<number>([0, 1, 2, 3, size - 1]);
    const enis: EniFact[] = [];
    const density = prng.below(12);
    for (let index = 0; index < 1 + prng.below(12); index++) {
      const prefixes: number[] = [];
      const start = 16 * (1 + prng.below(Math.max(1, size / 16 - 2)));
      const isFree = size > 32 && Array.from({ length: 16 }, (_, i) => start + i).every((offset) => !taken.has(offset));
      if (isFree && prng.below(3) === 0) {
        prefixes.push(block.base + start);
        for (let i = 0; i < 16; i++) taken.add(start + i);
      }
      const addresses: number[] = [];
      const run = prng.below(6) === 0 ? 16 : 1; // whole blocks now and then
      for (let one = 0; one < density; one++) {
        const first = run === 16 ? 16 * prng.below(size / 16) : prng.below(size);
        for (let offset = first; offset < first + run; offset++) {
          if (taken.has(offset)) continue;
          taken.add(offset);
          addresses.push(block.base + offset);
        }
      }
      enis.push({ ...eni(`eni-${index}`, []), addresses, prefixes, primaryAddress: addresses[0] });
    }
    const reservations: ReservationFact[] = [];
    if (prng.below(3) === 0) {
      const reserved = cidrOf(block.base + prng.below(size), Math.min(30, prefixLength + 1 + prng.below(4)));
      const type = prng.below(2) === 0 ? "prefix" : "explicit";
      reservations.push({ id: "scr-1", subnetId: "subnet-0aaa", cidr: reserved, type, isLive: true, at: AT });
    }
    const want = bruteForce({ cidr: block, enis, reservations });
    const view = viewOf({
      subnets: [subnet({ cidr: block, availableIpAddressCount: want.available })],
      enis,
      reservations,
    });
    const freedBy = view.recovery.enis.map((one): [string, number] => [one.eni.id, one.freed.length]);
    expect({
      round,
      counts: Object.fromEntries(view.states),
      available: view.availableCounted,
      unused: view.unusedCount,
      free: view.freePrefixCount,
      trust: view.trust,
      freedBy: freedBy.sort(([a], [b]) => (a < b ? -1 : 1)),
    }).toEqual({
      round,
      counts: want.counts,
      available: want.available,
      unused: want.unused,
      free: want.counts.free,
      trust: "exact",
      freedBy: [...want.freedBy].sort(([a], [b]) => (a < b ? -1 : 1)),
    });
  }
});
