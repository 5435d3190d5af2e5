import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseCluster } from "../cluster/index.ts";
import { type Plan, planCluster } from "./plan.ts";
import { planTable } from "./plan-table.ts";

const ROOT = join(import.meta.dir, "../..");
const SCHEMA = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/plan.v1.json"), "utf8")));
const ENV = '{ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }';
const SUBNET = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/24 }";

function planText(text: string, over: { surgePercent?: number; hasZoneLoss?: boolean } = {}): Plan {
  const parsed = parseCluster(text, "c.yaml");
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors));
  const plan = planCluster(parsed.cluster, {
    manifests: [],
    traces: [],
    surgePercent: over.surgePercent ?? 0,
    hasZoneLoss: over.hasZoneLoss ?? false,
  });
  SCHEMA.parse(JSON.parse(JSON.stringify(plan)));
  return plan;
}

function cluster(part: { subnets?: string; groups?: string; env?: string; pods?: number; more?: string } = {}): string {
  return `
apiVersion: slash28/v1
kind: Cluster
subnets: [${part.subnets ?? SUBNET}]
nodeGroups: [${part.groups ?? "{ name: g, instanceType: m5.large, count: 2 }"}]
cni: { env: ${part.env ?? ENV}${part.more ?? ""} }
workloads: [{ name: web, pods: ${part.pods ?? 20} }]
`;
}

const example = (name: string): string => readFileSync(join(ROOT, "examples", `${name}.yaml`), "utf8");

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
    expect(plan.scenarios[0]?.subnets[0]?.prefixes).toMatchObject({ needed: 16, forPods: 8, best: 14 });
  });

  test("single addresses may spoil every open block: 2 nodes leave 12 for sure, 11 others leave 1", () => {
    const fewest = (subnet: string) => planText(cluster({ subnets: subnet })).scenarios[0]?.subnets[0]?.prefixes.worst;
    expect(fewest(SUBNET)).toBe(12);
    expect(fewest("{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 11 }")).toBe(1);
    expect(fewest("{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 99 }")).toBe(0);
  });

  test("/28s of others are gone; a trunk takes an address beside the primary one", () => {
    const subnet = (text: string, env?: string) =>
      planText(cluster({ subnets: text, ...(env === undefined ? {} : { env }) })).scenarios[0]?.subnets[0];
    const held = SUBNET.replace(" }", ", otherPrefixes: 5 }");
    expect(subnet(held)?.prefixes).toMatchObject({ worst: 7, best: 9 });
    expect(subnet(held)?.addresses.needed).toBe(2 + (4 + 5) * 16);
    const trunk = ENV.replace("{", '{ ENABLE_POD_ENI: "true",');
    expect(subnet(SUBNET, trunk)?.addresses.needed).toBe(2 * 2 + 4 * 16);
    // Nobody attaches it: its place is kept, its address is not taken.
    const alone = planText(cluster({ env: trunk, more: ", resourceController: false" }));
    expect(alone.scenarios[0]?.subnets[0]?.addresses.needed).toBe(2 + 4 * 16);
    expect(alone.groups[0]?.possibleMaxPods).toBe(2 * 9 * 16 + 2);
  });

  test("an explicit reservation takes its blocks away, a prefix reservation protects its own", () => {
    const prefixes = (type: string) =>
      planText(
        cluster({
          subnets: `{ id: a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 50, reservations: [{ cidr: 10.0.0.128/25, type: ${type} }] }`,
        }),
      ).scenarios[0]?.subnets[0]?.prefixes;
    expect(prefixes("prefix")).toMatchObject({ needed: 4, worst: 7, mean: null });
    const half = planText(example("healthy")).scenarios[0]?.subnets[0];
    // The emulator counts the same: 251 less 128, of which the last is AWS's own.
    expect(half?.addresses.available).toBe(124);
    expect(prefixes("explicit")).toMatchObject({ needed: 4, worst: 0, best: 7 });
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
  expect(explained).toContain("2 ENIs for pods x (10 - 1) slots x 16 + 2 = 290");
  expect(planTable(plan, { hasFormulas: false })).not.toContain("burst");
});
