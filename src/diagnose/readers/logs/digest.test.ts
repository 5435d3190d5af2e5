import { expect, test } from "bun:test";
import { digestOf, ERAS, readLog, START_MS } from "./testing/read-log.ts";

const pool = (total: number, assigned: number, cooling = 0) =>
  `IP stats for Network Card 0 - total IPs: ${total}, assigned IPs: ${assigned}, cooldown IPs: ${cooling}`;
const REFUSED = "DataStore has no available IP/Prefix addresses";
const ASSIGNED = "assignPodIPAddressUnsafe: Assign IP 10.0.0.5 to sandbox aws-cni/ab/eth0";

function digest(lines: readonly (readonly [number, string])[]) {
  return digestOf(readLog(lines.map(([second, message]) => ERAS.json(message, second)).join("\n")));
}

test.each([
  ["IP stats for Network Card 0 - total IPs: 32, assigned IPs: 30, cooldown IPs: 1", [32, 30, 1, undefined]],
  ["IP stats - total IPs: 32, assigned IPs: 30, cooldown IPs: 1", [32, 30, 1, undefined]],
  [
    "Current warm IP stats: target: 5, total: 32, assigned: 30, available: 2, cooldown: 1, short: 3, over 0",
    [32, 30, 1, undefined],
  ],
  [
    "IP pool stats: total=15, used=12, c.currentMaxAddrsPerENI =6, c.maxAddrsPerENI = 6",
    [15, 12, undefined, undefined],
  ],
  ["IP pool stats: total = 15, used = 12, c.maxIPsPerENI = 15", [15, 12, undefined, undefined]],
  [
    "IP pool stats: total = 15, used = 12, c.currentMaxAddrsPerENI = 15, c.maxAddrsPerENI = 15",
    [15, 12, undefined, undefined],
  ],
  ["IP Address Pool stats: total: 15, assigned: 12", [15, 12, undefined, undefined]],
  [
    "Prefix pool stats for network card 0: Total IPs/Prefixes = 32/2, AssignedIPs/CooldownIPs: 30/1, c.maxIPsPerENI = 144",
    [32, 30, 1, 2],
  ],
  ["Prefix pool stats: Total IPs/Prefixes = 32/2, AssignedIPs/CooldownIPs: 30/1, c.maxIPsPerENI = 144", [32, 30, 1, 2]],
  ["AssignPodIPv4Address: IP address pool stats: total 32, assigned 30", [32, 30, undefined, undefined]],
  ["AssignIPv4Address: IP address pool stats: total: 14, assigned 14", [14, 14, undefined, undefined]],
])("the pool is read from: %s", (message, [total, assigned, cooling, prefixCount]) => {
  expect(digest([[0, message]]).pool).toEqual([
    {
      ms: START_MS,
      total: total as number,
      assigned: assigned as number,
      cooling,
      prefixCount,
      at: { file: "ipamd.log", line: 1 },
    },
  ]);
});

test("pools of other network cards are not mixed in", () => {
  expect(digest([[0, pool(32, 3).replace("Card 0", "Card 1")]]).pool).toEqual([]);
});

test("the line at an ADD counts both kinds: it stands back while the loop speaks", () => {
  const found = digest([
    [0, pool(32, 3)],
    [2, "AssignPodIPv4Address: IP address pool stats: total 40, assigned 3"],
    [40, "AssignPodIPv4Address: IP address pool stats: total 41, assigned 4"],
  ]);
  expect(found.pool.map((one) => one.total)).toEqual([32, 41]);
});

test("of many samples the first, the lowest and the last stay, in order, and no more than 200", () => {
  const lines = Array.from({ length: 5_000 }, (_, n) => [n * 5, pool(100, n === 3_333 ? 99 : 10 + (n % 7))] as const);
  const { pool: kept } = digest(lines);
  expect(kept.length).toBeLessThanOrEqual(200);
  expect(kept.length).toBeGreaterThan(80);
  expect(kept[0]?.at.line).toBe(1);
  expect(kept.at(-1)?.at.line).toBe(5_000);
  expect(kept.find((one) => one.assigned === 99)?.at.line).toBe(3_334);
  expect(kept.map((one) => one.at.line)).toEqual(
    kept.map((one) => one.at.line).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
  );
});

test("a run of refusals knows its pool, what the agent did, and that an address ended it", () => {
  const found = digest([
    [0, "Starting to increase pool size for network card 0"],
    [31, pool(32, 32, 0)],
    [32, "Starting to increase pool size for network card 0"],
    [33, "Skipping ENI allocation as the max ENI limit is already reached"],
    [40, REFUSED],
    [45, pool(32, 31, 1)],
    [50, REFUSED],
    [55, "Added ENI(eni-0abc)'s IP/Prefix 10.0.0.16/28 to datastore"],
    [60, ASSIGNED],
  ]);
  expect(found.starvations).toHaveLength(1);
  expect(found.starvations[0]).toMatchObject({
    firstMs: START_MS + 40_000,
    lastMs: START_MS + 50_000,
    refusalCount: 2,
    growthStartCount: 1,
    growthDoneCount: 1,
    eniLimitCount: 1,
    ec2ErrorCount: 0,
    coolingMax: 1,
    endedBy: "address",
    recoveredMs: START_MS + 60_000,
  });
  expect(found.starvations[0]?.poolFirst?.assigned).toBe(32);
  expect(found.starvations[0]?.poolLast?.assigned).toBe(31);
  expect(found).toMatchObject({ refusalCount: 2, successCount: 1 });
});

test("the late answer to an address that was assigned before the first refusal ends no run", () => {
  const found = digest([
    [40, ASSIGNED],
    [40, REFUSED],
    [41, "Send AddNetworkReply: Success: true IPAddr: 10.0.0.5, resp: , err: <nil>"],
    [43, "Added ENI(eni-0abc)'s IP/Prefix 10.0.0.16/28 to datastore"],
    [50, ASSIGNED],
  ]);
  expect(found.starvations).toHaveLength(1);
  expect(found.starvations[0]).toMatchObject({
    growthDoneCount: 1,
    endedBy: "address",
    recoveredMs: START_MS + 50_000,
  });
});

test("a deleted address is no growth", () => {
  const found = digest([
    [0, "Deleted ENI(eni-0abc)'s IP/Prefix 10.0.0.16/28 from datastore"],
    [1, REFUSED],
  ]);
  expect(found.starvations[0]?.growthDoneCount).toBe(0);
});

test("refusals more than two minutes apart are two runs; a restart ends one", () => {
  const found = digest([
    [0, REFUSED],
    [121, REFUSED],
    [130, "Starting L-IPAMD v1.18.3  ..."],
    [140, REFUSED],
  ]);
  expect(found.starvations.map((one) => one.endedBy)).toEqual(["end", "restart", "end"]);
});

test.each([
  ["Get free IP from prefix failed no free IP available in the prefix - 10.0.0.16/fffffff0", "prefix"],
  ["Get free IP from prefix failed no free IP available in the prefix - 10.0.0.16/ffffffff", "secondary"],
  ["Prefix pool stats: Total IPs/Prefixes = 32/2, AssignedIPs/CooldownIPs: 30/1, c.maxIPsPerENI = 144", "prefix"],
  ["Found ENIs having 1 secondary IPs and 3 Prefixes", "prefix"],
  ["Found ENIs having 15 secondary IPs and 0 Prefixes", undefined],
  ["PD enabled - false", "secondary"],
] as const)("the mode from: %s", (message, mode) => {
  expect(digest([[0, message]]).mode).toBe(mode as never);
});

test("a /32 left over does not make a node of prefixes a secondary one", () => {
  const full = "Get free IP from prefix failed no free IP available in the prefix - 10.0.0.16/";
  expect(
    digest([
      [0, `${full}fffffff0`],
      [1, `${full}ffffffff`],
    ]).mode,
  ).toBe("prefix");
  expect(
    digest([
      [0, `${full}ffffffff`],
      [1, `${full}fffffff0`],
    ]).mode,
  ).toBe("prefix");
});
