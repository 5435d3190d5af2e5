import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { example, planText } from "../../test/plan/plan-text.ts";
import { planTable } from "./plan-table.ts";

const ENV = '{ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }';
const SUBNET = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/24 }";

function cluster(part: { subnets?: string; groups?: string; env?: string; pods?: number; more?: string } = {}): string {
  return `
apiVersion: slash28/v1
kind: Cluster
subnets: [${part.subnets ?? SUBNET}]
nodeGroups: [${part.groups ?? "{ name: g, instanceType: m5.large, count: 2 }"}]
cni: { policy: vpc-cni, env: ${part.env ?? ENV}${part.more ?? ""} }
workloads: [{ name: web, pods: ${part.pods ?? 20} }]
`;
}

describe("does it fit", () => {
  test("the article's fleet is no yes, and on average there are too few whole /28s; the reserved one fits", () => {
    const [article] = planText(example("article")).scenarios;
    expect(article?.verdict).toBe("unsure");
    // W = M = 20 and 15 pods: 2 hold 17 free, so a third. Three nodes a subnet, each with a trunk's address besides its own.
    expect(article?.subnets.map((one) => one.prefixes.needed)).toEqual([9, 9, 9]);
    expect(article?.subnets[0]?.prefixes.mean).toBeLessThan(9);
    expect(planText(example("healthy")).verdict).toBe("fits");
  });

  test("the most /28s a subnet can have is not enough: a plain no", () => {
    // 8 nodes with 10 pods each: one used and one warm.
    const plan = planText(cluster({ groups: "{ name: g, instanceType: m5.large, count: 8 }", pods: 80 }));
    expect(plan.verdict).toBe("does-not-fit");
    expect(plan.scenarios[0]?.problems[0]?.text).toContain("10.0.0.0/24");
    expect(plan.scenarios[0]?.subnets[0]?.prefixes).toMatchObject({ needed: 16, forPods: 8, most: 14 });
  });

  test("single addresses may spoil every open block: 2 nodes leave 12 for sure, 11 others leave 1", () => {
    const fewest = (subnet: string) => planText(cluster({ subnets: subnet })).scenarios[0]?.subnets[0]?.prefixes.fewest;
    expect(fewest(SUBNET)).toBe(12);
    expect(fewest("{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 11 }")).toBe(1);
    expect(fewest("{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 99 }")).toBe(0);
  });

  test("/28s of others are gone; a trunk takes an address beside the primary one", () => {
    const subnet = (text: string, env?: string) =>
      planText(cluster({ subnets: text, ...(env === undefined ? {} : { env }) })).scenarios[0]?.subnets[0];
    const held = SUBNET.replace(" }", ", otherPrefixes: 5 }");
    expect(subnet(held)?.prefixes).toMatchObject({ fewest: 6, most: 9 });
    // Their ENI has a primary address, too.
    expect(subnet(held)?.addresses.needed).toBe(2 + 1 + (4 + 5) * 16);
    const trunk = ENV.replace("{", '{ ENABLE_POD_ENI: "true",');
    expect(subnet(SUBNET, trunk)?.addresses.needed).toBe(2 * 2 + 4 * 16);
    // Nobody attaches it: its place is kept, its address is not taken.
    const alone = planText(cluster({ env: trunk, more: ", resourceController: false" }));
    expect(alone.scenarios[0]?.subnets[0]?.addresses.needed).toBe(2 + 4 * 16);
    expect(alone.groups[0]?.prefix?.possible).toBe(2 * 9 * 16 + 2);
  });

  test("an explicit reservation takes its blocks away, a prefix reservation protects its own", () => {
    const prefixes = (type: string) =>
      planText(
        cluster({
          subnets: `{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 50, reservations: [{ cidr: 10.0.0.128/25, type: ${type} }] }`,
        }),
      ).scenarios[0]?.subnets[0]?.prefixes;
    expect(prefixes("prefix")).toMatchObject({ needed: 4, fewest: 7 });
    const half = planText(example("healthy")).scenarios[0]?.subnets[0];
    // The emulator counts the same: 251 less 128, of which the last is AWS's own.
    expect(half?.addresses.available).toBe(124);
    expect(prefixes("explicit")).toMatchObject({ needed: 4, fewest: 0, most: 4 });
  });

  test("pods that no node takes, and pods beyond a node's slots, are a no", () => {
    const crowded = planText(cluster({ pods: 300 }));
    expect(crowded.scenarios[0]?.problems.map((one) => one.text).join()).toContain("Too many pods");
    const slots = cluster({ groups: "{ name: g, instanceType: t2.large, count: 1, maxPods: 60 }", pods: 40 });
    expect(planText(slots).scenarios[0]?.problems[0]?.text).toStartWith("7 pods on 1 nodes");
  });

  test("an unknown ENIConfig and tagged subnets are a doubt, never a yes", () => {
    const custom = ENV.replace("{", '{ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true",');
    expect(planText(cluster({ env: custom })).verdict).toBe("unsure");
    const tagged = '{ id: a, az: us-west-2a, cidr: 10.0.0.0/20, tags: { "kubernetes.io/role/cni": "1" } }';
    expect(planText(cluster({ subnets: tagged })).verdict).toBe("unsure");
  });

  test("with custom networking only the primary address stays in the node's subnet", () => {
    const env = ENV.replace(
      "{",
      '{ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true", ENI_CONFIG_LABEL_DEF: topology.kubernetes.io/zone,',
    );
    const plan = planText(
      cluster({
        env,
        subnets: `${SUBNET}, { id: b, az: us-west-2a, cidr: 10.0.4.0/22 }`,
        groups: "{ name: g, instanceType: m5.large, count: 2, subnets: [a] }",
        more: ", eniConfigs: [{ name: us-west-2a, subnet: b, securityGroups: [] }]",
      }),
    );
    const needs = plan.scenarios[0]?.subnets.map((one) => [one.prefixes.needed, one.addresses.needed]);
    expect(needs).toEqual([
      [0, 2],
      [4, 2 + 4 * 16],
    ]);
    expect(plan.verdict).toBe("fits");
  });

  test("a surge adds nodes as full as the old ones; a lost zone moves its pods", () => {
    const zones = `${SUBNET}, { id: b, az: us-west-2b, cidr: 10.0.1.0/24 }`;
    const plan = planText(cluster({ subnets: zones, pods: 30 }), { surgePercent: 50, hasZoneLoss: true });
    const needs = plan.scenarios.map((one) => one.subnets.map((subnet) => subnet.prefixes.needed));
    expect(needs).toEqual([
      [2, 2],
      [4, 2],
      [0, 3],
      [3, 0],
    ]);
  });

  test("more nodes of a group: the surest count, and the one that no placement allows", () => {
    const { groups } = planText(
      cluster({
        groups: "{ name: g, instanceType: m5.large, count: 2 }, { name: h, instanceType: t2.large, count: 1 }",
      }),
    );
    // Xen has no prefixes: two ENIs with 11 addresses each, 26 single addresses with those of the others: no block is sure.
    expect(groups[1]?.prefix).toBeNull();
    // At best 27 lie at the edges. With four more nodes 30 spoil one block, and 12 of 13 /28s are taken; a fifth wants 14.
    expect(groups[0]?.moreNodes).toMatchObject({ fewest: 0, most: 4 });
    for (const group of groups) {
      const { fewest, mean, most } = group.moreNodes!;
      expect(fewest <= mean && mean <= most).toBe(true);
    }
  });

  test("one more node than the fewest is no longer certain, one more than the most is a plain no", () => {
    const withNodes = (count: number) =>
      planText(cluster({ groups: `{ name: g, instanceType: m5.large, count: ${count} }`, pods: 10 * count }));
    const { fewest, most } = withNodes(2).groups[0]!.moreNodes!;
    expect(withNodes(2 + fewest).verdict).toBe("fits");
    expect(withNodes(3 + fewest).verdict).toBe("unsure");
    expect(withNodes(2 + most).verdict).toBe("unsure");
    expect(withNodes(3 + most).verdict).toBe("does-not-fit");
  });

  test("full nodes hold what max-pods allows, and no node needs more under any churn", () => {
    const [, full] = planText(cluster({ groups: "{ name: g, instanceType: m5.large, count: 2, maxPods: 60 }" }), {
      areNodesFull: true,
    }).scenarios;
    // 58 pods: the fourth /28 covers max pods, and the pool grows no more.
    expect(full).toMatchObject({ name: "every node full", podCount: 116 });
    expect(full?.subnets[0]?.prefixes).toMatchObject({ needed: 8, forPods: 8 });
  });

  test("a group with autoscaling has as many nodes as its pods need, and a lost zone's pods bring more", () => {
    const group = (most: number) =>
      `{ name: g, instanceType: m5.large, count: 1, maxPods: 12, autoscaling: { min: 1, max: ${most} } }`;
    const zones = `${SUBNET}, { id: b, az: us-west-2b, cidr: 10.0.1.0/24 }`;
    const plan = planText(cluster({ subnets: zones, groups: group(20), pods: 55 }), { hasZoneLoss: true });
    expect(plan.scenarios.map((one) => one.nodeCount)).toEqual([6, 6, 6]);
    expect(plan.groups[0]?.nodeCount).toBe(6);
    const bounded = planText(cluster({ groups: group(4), pods: 55 }));
    expect(bounded.verdict).toBe("does-not-fit");
    expect(bounded.scenarios[0]?.problems[0]?.text).toStartWith("15 pods: ");
  });

  test("pods that the settings starve are told from pods without a slot", () => {
    const env = '{ ENABLE_PREFIX_DELEGATION: "true", MINIMUM_IP_TARGET: "16" }';
    const starved = planText(cluster({ env, pods: 40 }));
    expect(starved.scenarios[0]?.problems[0]?.text).toContain("the settings want no address beyond");
  });

  test("more nodes over several subnets: the first that is full ends it, whatever the others have", () => {
    const zones = `${SUBNET}, { id: b, az: us-west-2b, cidr: 10.0.1.0/25 }, { id: c, az: us-west-2c, cidr: 10.0.2.0/24 }`;
    for (const count of [2, 3, 4]) {
      const withNodes = (more: number) =>
        planText(
          cluster({ subnets: zones, groups: `{ name: g, instanceType: m5.large, count: ${count + more} }`, pods: 5 }),
        );
      // Every node is as full as its fullest then.
      const { moreNodes, holds } = withNodes(0).groups[0]!;
      expect(new Set(holds.map((one) => one.prefixes)).size).toBe(1);
      expect(withNodes(moreNodes!.fewest).verdict).toBe("fits");
      expect(withNodes(moreNodes!.fewest + 1).verdict).toBe("unsure");
      expect(withNodes(moreNodes!.most).verdict).toBe("unsure");
      expect(withNodes(moreNodes!.most + 1).verdict).toBe("does-not-fit");
    }
  });

  test("the last address fits, the next does not", () => {
    const env = '{ WARM_IP_TARGET: "1", MINIMUM_IP_TARGET: "1" }';
    // Two nodes with 5 pods each: 6 addresses and a primary one.
    const others = (count: number) =>
      planText(
        cluster({ env, pods: 10, subnets: `{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: ${count} }` }),
      );
    expect(others(251 - 14).verdict).toBe("fits");
    expect(others(251 - 13).verdict).toBe("does-not-fit");
  });

  test("a quota that is passed is a doubt; the file's ec2 raises it, and request rates too", () => {
    const quota = (count: number) => `${cluster()}ec2: { quotaNetworkInterfaces: ${count} }\n`;
    expect(planText(quota(2)).verdict).toBe("fits");
    const passed = planText(quota(1)).scenarios[0];
    expect(passed).toMatchObject({ verdict: "unsure", enis: { value: 2, limit: 1 } });
    const rate = `${cluster()}ec2: { throttlingActions: { AssignPrivateIpAddresses: 1/0.5 } }\n`;
    // Four calls, one at once: the other three take two seconds each.
    expect(planText(rate).scenarios[0]?.apiTimes[0]).toMatchObject({ callCount: 4, seconds: 6 });
  });

  test("the plan's max pods are those of the worked table, in both modes, with custom networking or without", () => {
    const [header = [], ...rows] = readFileSync(join(import.meta.dir, "../catalog/testdata/max-pods.tsv"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    for (const row of rows) {
      const cell = (name: string): number => Number(row[header.indexOf(name)]);
      const hasPrefixes = row[header.indexOf("prefix")] !== "";
      const groups = `{ name: g, instanceType: ${row[0]}, count: 1 }`;
      const figures = (env: string) => planText(cluster({ env, groups, pods: 1 })).groups[0]!;
      for (const [env, custom] of [
        ["{}", ""],
        ['{ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" }', "Custom"],
      ] as const) {
        const { secondary, prefix, maxPods } = figures(env);
        expect([row[0], secondary.possible]).toEqual([row[0], cell(`secondary${custom}`)]);
        expect(prefix?.possible).toBe(hasPrefixes ? cell(`prefix${custom}`) : undefined);
        if (hasPrefixes) expect(prefix?.recommended).toBe(cell(`prefix${custom}Recommended`));
        if (custom === "")
          expect([secondary.recommended, maxPods]).toEqual(Array(2).fill(cell("secondaryRecommended")));
      }
    }
  });

  test("reserved ENIs of the flag lower max pods and take addresses", () => {
    const [bare, reserved] = [0, 1].map((reservedEniCount) => planText(cluster(), { reservedEniCount }));
    expect(bare?.groups[0]?.prefix?.possible).toBe(3 * 9 * 16 + 2);
    expect(reserved?.groups[0]?.prefix?.possible).toBe(2 * 9 * 16 + 2);
    expect(reserved?.groups[0]?.secondary.recommended).toBe(2 * 9 + 2);
    const singles = (plan: typeof bare) => plan?.scenarios[0]?.subnets[0]?.singles ?? 0;
    expect(singles(reserved) - singles(bare)).toBe(2);
  });

  test("the secondary mode takes whole ENIs: one in use, one spare", () => {
    const plan = planText(cluster({ env: "{}", pods: 2 }));
    // 1 pod of 9 leaves 8, fewer than an ENI's 9: two ENIs, 18 addresses and 2 primary ones a node.
    expect(plan.scenarios[0]?.subnets[0]).toMatchObject({ prefixes: { needed: 0 }, addresses: { needed: 40 } });
    expect(plan.scenarios[0]?.nau.value).toBe(2 * (18 + 2 + 1));
  });
});

test("every figure comes with its sum when asked, and without it the table is short", () => {
  const plan = planText(example("article"));
  const explained = planTable(plan, { hasFormulas: true });
  for (const scenario of plan.scenarios) {
    expect(explained).toContain("fewest: every single address spoils");
    expect(explained).toContain(`= ${scenario.nau.value}`);
  }
  expect(explained).toContain("2 ENIs for pods (of 3: 1 for the trunk) x (10 - 1) slots");
  expect(planTable(plan, { hasFormulas: false })).not.toContain("burst");
});

describe("advice", () => {
  test("the article's settings and reservations are mended, and the answer becomes yes", () => {
    const { advice } = planText(example("article"));
    expect(advice.verdict).toBe("fits");
    expect(advice.changes.map((one) => [one.name, one.to])).toEqual([
      ["WARM_PREFIX_TARGET", "1"],
      ["WARM_IP_TARGET", null],
      ["MINIMUM_IP_TARGET", null],
      ["WARM_ENI_TARGET", null],
    ]);
    expect(advice.env).toContainEqual({ name: "ENABLE_POD_ENI", value: "true" });
    expect(advice.env.map((one) => one.name)).not.toContain("WARM_IP_TARGET");
    expect(advice.reservations.map((one) => one.cidr)).toEqual(["10.0.0.128/25", "10.0.1.128/25", "10.0.2.128/25"]);
  });

  test("settings that starve pods take few addresses, and are mended all the same", () => {
    const starving = '{ ENABLE_PREFIX_DELEGATION: "true", MINIMUM_IP_TARGET: "16" }';
    const plan = planText(
      cluster({ env: starving, subnets: "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }", pods: 80 }),
    );
    expect(plan.verdict).toBe("does-not-fit");
    expect(plan.advice.verdict).toBe("fits");
    expect(plan.advice.changes.map((one) => [one.name, one.to])).toContainEqual(["MINIMUM_IP_TARGET", null]);
  });

  test("targets for single addresses stay within one ENI", () => {
    const plan = planText(cluster({ env: "{}", pods: 40, subnets: "{ id: a, az: us-west-2a, cidr: 10.0.0.0/22 }" }));
    expect(plan.advice.changes.map((one) => [one.name, one.to])).toEqual([
      ["MINIMUM_IP_TARGET", "9"],
      ["WARM_IP_TARGET", "5"],
    ]);
  });

  test("reservations hold the peak of all scenarios, and leave room for single addresses", () => {
    const wide = cluster({ subnets: "{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 100 }", pods: 20 });
    expect(planText(wide).advice.reservations.map((one) => [one.cidr, one.prefixCount])).toEqual([
      ["10.0.0.128/26", 4],
    ]);
    const surged = planText(wide, { surgePercent: 100 }).advice;
    // Eight /28s: a /25 would leave 124 addresses for 104; its 7 whole blocks lack one, which one more /28 gives.
    expect(surged.reservations.map((one) => [one.cidr, one.prefixCount])).toEqual([
      ["10.0.0.128/25", 7],
      ["10.0.0.112/28", 1],
    ]);
    expect(surged.verdict).toBe("fits");
  });

  test("settings that are good stay, and a reservation that is there is not asked for again", () => {
    expect(planText(example("healthy")).advice).toMatchObject({ verdict: "fits", changes: [], reservations: [] });
  });
});
