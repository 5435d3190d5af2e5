// What `plan --emit` writes, read back by the readers that users' files meet, and linted as a whole.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { parse as parseToml } from "smol-toml";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { type Cluster, parseCluster } from "../cluster/index.ts";
import { collect } from "../diagnose/collect/index.ts";
import type { Facts, NodeBootstrap } from "../diagnose/facts/model.ts";
import { runLint } from "../diagnose/lint/lint.ts";
import { type Emission, emitPlan } from "../plan/emit/emit.ts";
import { OS_FAMILIES, type OsFamily } from "../plan/emit/types.ts";
import { planCluster } from "../plan/plan.ts";

const ROOT = join(import.meta.dir, "../..");
const WORK = mkdtempSync(join(tmpdir(), "slash28-emit-test-"));
afterAll(() => rmSync(WORK, { recursive: true, force: true }));

interface Made {
  readonly emission: Emission;
  readonly cluster: Cluster;
}

function made(text: string, over: { hasAddon?: boolean; os?: OsFamily; isAdvised?: boolean } = {}): Made {
  const parsed = parseCluster(text, "c.yaml");
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors));
  const options = { manifests: [], traces: [], surgePercent: 0, hasZoneLoss: false };
  const plan = planCluster(parsed.cluster, options);
  const { hasAddon = true, os = "al2023", isAdvised = false } = over;
  const emission = emitPlan(parsed.cluster, plan, { ...options, hasAddon, os, isAdvised, clusterName: "demo" });
  return { emission, cluster: parsed.cluster };
}

async function readBack(files: Emission["files"]): Promise<Facts> {
  const folder = mkdtempSync(join(WORK, "files-"));
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return collect({ paths: [folder] });
}

function findings(facts: Facts): string[] {
  return runLint(facts).map(({ at, rule, message }) => `${at.file}:${at.line} ${rule.code} ${message}`);
}

/** What a bootstrap makes a node advertise. */
function maxPodsOf({ maxPods, maxPodsExpression }: NodeBootstrap): number | undefined {
  return maxPods?.value ?? (maxPodsExpression === undefined ? undefined : Number(maxPodsExpression.value));
}

const FITTING = ["healthy", "healthy/custom-networking", "healthy/prefixes", "healthy/secondary"] as const;
const example = (name: string): string => readFileSync(join(ROOT, "examples", `${name}.yaml`), "utf8");

describe("what is emitted, read back", () => {
  test("the examples that fit are the ones listed, and a few that do not are not", () => {
    for (const name of FITTING) expect(made(example(name)).emission.verdict).toBe("fits");
    expect(made(example("failures/prefix-mode-no-warm-target")).emission.verdict).toBe("does-not-fit");
  });

  for (const name of FITTING) {
    for (const os of OS_FAMILIES) {
      test(`examples/${name}.yaml, ${os}: all of it is read, means the same, and lint finds nothing`, async () => {
        const { emission, cluster } = made(example(name), { os });
        const facts = await readBack(emission.files);
        expect(facts.unread).toEqual([]);
        expect(facts.read.length).toBe(emission.files.length);
        expect(findings(facts)).toEqual([]);
        const numbers = new Set(emission.plan.groups.map((one) => one.maxPods));
        const found = facts.bootstraps.map(maxPodsOf).filter((one) => one !== undefined);
        // Terraform, eksctl, nodeadm, bootstrap, Bottlerocket, NodeClass, kubelet.
        expect(found.length).toBe(cluster.nodeGroups.length * 7);
        expect(found.filter((one) => !numbers.has(one))).toEqual([]);
        const envs = facts.settings.map((one) => Object.fromEntries(one.env.map((entry) => [entry.name, entry.value])));
        expect(facts.settings.map((one) => one.origin).sort()).toEqual(["addon", "eksctl", "terraform"]);
        for (const env of envs) expect(env).toEqual(envs[0] ?? {});
        expect(facts.settings.flatMap((one) => one.env).every((entry) => entry.isString)).toBe(true);
        expect(facts.subnets.map((one) => one.cidr)).toEqual(cluster.subnets.map((one) => one.cidr));
      });
    }

    test(`examples/${name}.yaml by the chart: no add-on beside it, and lint finds nothing`, async () => {
      const { files } = made(example(name), { hasAddon: false }).emission;
      const eksctl = files.find((one) => one.format === "eksctl")?.text ?? "";
      expect(parseAllDocuments(eksctl)[0]?.toJS()).toMatchObject({ addonsConfig: { disableDefaultAddons: true } });
      expect(eksctl).not.toContain("name: vpc-cni");
      const facts = await readBack(files);
      expect(findings(facts)).toEqual([]);
      expect(facts.settings.map((one) => one.origin)).toEqual(["helm-values"]);
    });
  }

  test("each kind of file parses by the library of its form, and opens with what it is and how it is applied", () => {
    for (const { path, text, apply } of made(example("healthy/custom-networking")).emission.files) {
      if (path.endsWith(".json")) JSON.parse(text);
      else {
        expect(text).toContain(`#   ${apply}\n`);
        expect(text).toContain("from c.yaml");
      }
      if (path.endsWith(".toml")) expect(parseToml(text)).toMatchObject({ settings: { kubernetes: {} } });
      if (path.endsWith(".yaml"))
        for (const document of parseAllDocuments(text)) {
          expect(document.errors).toEqual([]);
          expect(typeof document.toJS()).toBe("object");
        }
    }
  });
});

describe("what is chosen", () => {
  const cluster = (part: { subnets: string; groups: string; env?: string; pods?: number; policy?: string }): string => `
apiVersion: slash28/v1
kind: Cluster
subnets: [${part.subnets}]
nodeGroups: [${part.groups}]
cni: { policy: ${part.policy ?? "vpc-cni"}, env: ${part.env ?? '{ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }'} }
workloads: [{ name: web, pods: ${part.pods ?? 20} }]
`;
  const maxPods = (text: string): number[] => made(text).emission.plan.groups.map((one) => one.maxPods);

  test("max-pods: the recommended number in a large subnet, fewer in one that could not hold full nodes", () => {
    const groups = "{ name: g, instanceType: m5.large, count: 3 }";
    expect(maxPods(cluster({ subnets: "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }", groups }))).toEqual([110]);
    // Of 14 /28s three full nodes take 4 each: 64 pods.
    expect(maxPods(cluster({ subnets: "{ id: a, az: us-west-2a, cidr: 10.0.0.0/24 }", groups }))).toEqual([64]);
  });

  test("each bound by itself: three nodes to a subnet, whole /28s, single addresses", () => {
    const of = (count: number, subnet: string) =>
      maxPods(
        cluster({
          subnets: `{ id: a, az: us-west-2a, ${subnet} }`,
          groups: `{ name: g, instanceType: m5.large, count: ${count} }`,
        }),
      );
    // One node would find 7 of 14 /28s; a second and a third could not.
    expect(of(1, "cidr: 10.0.0.0/24")).toEqual([64]);
    // Six nodes, 30 /28s, of which single addresses spoil some: four each.
    expect(of(6, "cidr: 10.0.0.0/23")).toEqual([64]);
    // Single addresses, whole ENIs of ten: five nodes with three would take 150 of 123, with two they take 100.
    const subnets = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/25 }";
    const groups = "{ name: g, instanceType: m5.large, count: 5 }";
    expect(maxPods(cluster({ subnets, groups, env: "{}", pods: 5 }))).toEqual([16]);
    // The blocks of an explicit reservation are no prefix: 14 of the 30 are left.
    expect(of(3, "cidr: 10.0.0.0/23, reservations: [{ cidr: 10.0.0.0/24, type: explicit }]")).toEqual([64]);
  });

  test("a number that images ship for single addresses counts as not raised", () => {
    const subnets = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }";
    const of = (number: number) =>
      maxPods(cluster({ subnets, groups: `{ name: g, instanceType: m5.large, count: 2, maxPods: ${number} }` }));
    expect(of(29)).toEqual([110]);
    expect(of(40)).toEqual([40]);
  });

  test("the article's subnets get reservations, with which it fits; its settings do not pass lint", async () => {
    const { emission } = made(example("article"));
    expect(emission.verdict).toBe("fits");
    const facts = await readBack(emission.files);
    expect(facts.reservations.length).toBeGreaterThanOrEqual(3);
    const codes = (found: Facts): string[] => [...new Set(runLint(found).map((one) => one.rule.code))].sort();
    expect(codes(facts)).toEqual(["PD1045", "PD1111"]);
    // With the plan's advice for its targets only the trunk ENI that no pod asks for is left.
    const advised = made(example("article"), { isAdvised: true }).emission;
    expect(codes(await readBack(advised.files))).toEqual(["PD1111"]);
    expect(advised.notes.join()).toContain("WARM_IP_TARGET is not set instead of 20");
  });

  test("settings that do not stand give way to the plan's advice", async () => {
    const text = example("article").replace('ENABLE_POD_ENI: "true"', 'ENABLE_POD_ENI: "false"');
    const path = join(WORK, "no-trunk.yaml");
    writeFileSync(path, text);
    const child = Bun.spawnSync([process.execPath, join(ROOT, "src/cli/main.ts"), "plan", path, "--emit", "addon"]);
    expect(child.exitCode).toBe(0);
    expect(child.stderr.toString()).toContain("WARM_IP_TARGET is not set instead of 20");
    const thin = join(ROOT, "examples/failures/warm-ip-target-too-thin.yaml");
    const thicker = Bun.spawnSync([process.execPath, join(ROOT, "src/cli/main.ts"), "plan", thin, "--emit", "addon"]);
    expect(JSON.parse(thicker.stdout.toString()).env).toMatchObject({ MINIMUM_IP_TARGET: "12", WARM_IP_TARGET: "5" });
    expect(JSON.parse(child.stdout.toString()).env).toEqual({
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_PREFIX_TARGET: "1",
    });
  });

  test("a number that is not EKS's own is kept: by an AMI id in Terraform, by groups of eksctl's own", () => {
    const subnets = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }, { id: a-2, az: us-west-2b, cidr: 10.0.16.0/24 }";
    const groups =
      "{ name: as-eks, instanceType: m5.large, count: 1, subnets: [a] }, " +
      "{ name: own, instanceType: c6g.large, count: 1, subnets: [a], maxPods: 40 }";
    const { files } = made(cluster({ subnets, groups })).emission;
    const of = (format: string) => files.find((one) => one.format === format)?.text ?? "";
    const document = parseAllDocuments(of("eksctl"))[0]?.toJS() as {
      managedNodeGroups: { name: string; maxPodsPerNode: number }[];
      nodeGroups: { name: string; maxPodsPerNode: number }[];
    };
    expect(document.managedNodeGroups.map((one) => [one.name, one.maxPodsPerNode])).toEqual([["as-eks", 110]]);
    expect(document.nodeGroups.map((one) => [one.name, one.maxPodsPerNode])).toEqual([["own", 40]]);
    const rocket = made(cluster({ subnets, groups }), { os: "bottlerocket" }).emission.files;
    expect(parseAllDocuments(rocket.find((one) => one.format === "eksctl")?.text ?? "")[0]?.toJS()).toMatchObject({
      managedNodeGroups: [{ bottlerocket: { settings: { kubernetes: { "max-pods": 110 } } } }],
      nodeGroups: [{ maxPodsPerNode: 40 }],
    });
    const terraform = of("terraform");
    expect(terraform).toContain("image_id               = data.aws_ssm_parameter.al2023_arm64_standard.value");
    const heads = [...terraform.matchAll(/^(?:resource|data) .*\{$/gm)].map((match) => match[0]);
    expect(heads.length).toBeGreaterThan(7);
    expect(new Set(heads).size).toBe(heads.length);
    expect(files.find((one) => one.path === "nodeadm/own.yaml")?.text).toContain("EKS's own number, 110");
    expect(files.find((one) => one.path === "nodeadm/as-eks.yaml")?.text).not.toContain("EKS's own number");
  });

  test("every subnet of a group is reserved for, though its nodes are fewer", async () => {
    const subnets = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }, { id: b, az: us-west-2b, cidr: 10.0.16.0/20 }";
    const groups = "{ name: g, instanceType: m5.large, count: 1 }";
    const { reservations } = await readBack(made(cluster({ subnets, groups })).emission.files);
    expect(reservations.map((one) => one.subnetId)).toEqual(["aws_subnet.a", "aws_subnet.b"]);
  });

  test("Karpenter finds the group's subnets alone, though names are alike", async () => {
    const tags = "tags: { Name: pods }";
    const subnets = `{ id: a, az: us-west-2a, cidr: 10.0.0.0/20, ${tags} }, { id: b, az: us-west-2a, cidr: 10.0.16.0/26, ${tags} }`;
    const groups = "{ name: g, instanceType: m5.large, count: 1, subnets: [a] }";
    const facts = await readBack(made(cluster({ subnets, groups })).emission.files);
    expect(facts.bootstraps.flatMap((one) => one.subnetTags ?? []).map((one) => [...one])).toEqual([
      [["slash28/subnet", "a"]],
    ]);
    // Subnet b is too small for prefixes (PD1080), and no node's.
    expect(findings(facts)).toEqual([]);
  });

  test("policy slash28 may ask for reservations, vpc-cni need not", () => {
    const policy = (text: string) => made(text).emission.files.find((one) => one.format === "iam")?.text ?? "";
    const subnets = "{ id: a, az: us-west-2a, cidr: 10.0.0.0/20 }";
    const groups = "{ name: g, instanceType: m5.large, count: 2 }";
    expect(policy(cluster({ subnets, groups }))).not.toContain("GetSubnetCidrReservations");
    expect(policy(cluster({ subnets, groups, policy: "slash28" }))).toContain("ec2:GetSubnetCidrReservations");
  });

  test("subnets that are there are named by id, and tenants in them are no yes", () => {
    const id = "subnet-0123456789abcdef0";
    const text = cluster({
      subnets: `{ id: ${id}, az: us-west-2a, cidr: 10.0.0.0/22, otherAddresses: 3, tags: { "kubernetes.io/role/cni": "1" } }`,
      groups: "{ name: g, instanceType: m5.large, count: 2 }",
      env: '{ ENABLE_PREFIX_DELEGATION: "true", ENABLE_SUBNET_DISCOVERY: "false" }',
    });
    const { emission } = made(text);
    expect(emission.verdict).toBe("unsure");
    expect(emission.notes.join()).toContain("slash28 map");
    const of = (format: string) => emission.files.find((one) => one.format === format)?.text ?? "";
    const [terraform, eksctl, karpenter] = [of("terraform"), of("eksctl"), of("karpenter")];
    expect(terraform).not.toContain("aws_subnet.");
    expect(terraform).toMatch(/resource_id = "subnet-0123456789abcdef0"\n {2}key +=/);
    expect(eksctl).toContain(`id: ${id}`);
    expect(eksctl).not.toContain("VPC_ID");
    expect(karpenter).toContain(`- id: ${id}`);
  });
});

test("clusters of any shape that fit: lint finds nothing in all that is emitted", async () => {
  const types = [
    "m5.large",
    "m5.xlarge",
    "c5.4xlarge",
    "m6i.8xlarge",
    "t3.small",
    "c6g.medium",
    "m4.large",
    "p5.48xlarge",
  ];
  const group = fc.record({
    instanceType: fc.constantFrom(...types),
    count: fc.integer({ min: 1, max: 6 }),
    maxPods: fc.option(fc.integer({ min: 18, max: 110 })),
  });
  const env = fc.constantFrom(
    {},
    { ENABLE_PREFIX_DELEGATION: "true" },
    { ENABLE_PREFIX_DELEGATION: "true", WARM_IP_TARGET: "5" },
    { ENABLE_PREFIX_DELEGATION: "1", WARM_IP_TARGET: "5", MINIMUM_IP_TARGET: "10", WARM_ENI_TARGET: "3" },
    { WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "3", WARM_PREFIX_TARGET: "4" },
    { ENABLE_PREFIX_DELEGATION: "true", MAX_ENI: "2", ENABLE_POD_ENI: "no" },
  );
  const subnet = fc.record({
    prefixLength: fc.integer({ min: 19, max: 22 }),
    otherAddresses: fc.integer({ max: 60, min: 0 }),
  });
  const shape = fc.record({
    groups: fc.array(group, { minLength: 1, maxLength: 4 }),
    subnets: fc.array(subnet, { minLength: 1, maxLength: 3 }),
    env,
    os: fc.constantFrom(...OS_FAMILIES),
    pods: fc.integer({ min: 1, max: 12 }),
  });
  let fitCount = 0;
  await fc.assert(
    fc.asyncProperty(shape, async (one) => {
      const text = JSON.stringify({
        apiVersion: "slash28/v1",
        kind: "Cluster",
        vpc: { cidrs: ["10.0.0.0/16"] },
        subnets: one.subnets.map(({ prefixLength, otherAddresses }, index) => {
          const cidr = `10.0.${index * 64}.0/${prefixLength}`;
          return { id: `Net ${index}`, az: `us-west-2${"abc"[index]}`, cidr, otherAddresses };
        }),
        nodeGroups: one.groups.map(({ maxPods, ...rest }, index) => ({
          name: `group-${index}`,
          ...rest,
          // Types without prefixes in prefix mode are a fault that lint is right about.
          ...(rest.instanceType === "m4.large" && "ENABLE_PREFIX_DELEGATION" in one.env
            ? { instanceType: "m5.2xlarge" }
            : {}),
          ...(maxPods === null ? {} : { maxPods }),
        })),
        cni: { env: one.env },
        workloads: [{ name: "web", pods: one.pods, cpu: "1m", memory: "1Mi" }],
      });
      const { emission } = made(text, { os: one.os });
      if (emission.verdict !== "fits") return;
      fitCount += 1;
      const facts = await readBack(emission.files);
      expect(facts.unread).toEqual([]);
      expect(findings(facts)).toEqual([]);
    }),
    { numRuns: 40 },
  );
  expect(fitCount).toBeGreaterThan(20);
}, 60_000);

describe("slash28 plan --emit", () => {
  const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/emit.v1.json"), "utf8")));
  const run = (...args: string[]): { status: number; out: string; err: string } => {
    const child = Bun.spawnSync([process.execPath, join(ROOT, "src/cli/main.ts"), "plan", ...args], {
      stdin: "ignore",
    });
    return { status: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
  };
  const healthy = join(ROOT, "examples/healthy.yaml");

  test("one file goes to standard output, several need a folder", () => {
    const addon = run(healthy, "--emit", "addon");
    expect(addon.status).toBe(0);
    expect(JSON.parse(addon.out)).toEqual({ env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } });
    expect(addon.err).toContain("aws eks update-addon");
    expect(run(healthy, "--emit", "all")).toMatchObject({ status: 2, out: "" });
    expect(run(healthy, "--emit", "addon,helm")).toMatchObject({ status: 2, out: "" });
    expect(run(healthy, "--emit", "cloudformation")).toMatchObject({ status: 2, out: "" });
  }, 60_000);

  test("a folder is written whole, written again, and never over what somebody changed", () => {
    const out = join(WORK, "cli");
    const first = run(healthy, "--emit", "all", "--out", out, "-o", "json", "--cluster-name", "prod");
    expect(first).toMatchObject({ status: 0, err: "" });
    const document = schema.parse(JSON.parse(first.out)) as { files: { path: string }[] };
    expect(schema.parse(JSON.parse(readFileSync(join(out, "slash28-emit.json"), "utf8")))).toEqual(document);
    for (const { path } of document.files) expect(existsSync(join(out, path))).toBe(true);
    expect(run(healthy, "--emit", "all", "--out", out).status).toBe(0);

    const changed = join(out, "terraform/main.tf");
    writeFileSync(changed, "# mine\n");
    const before = readFileSync(join(out, "bottlerocket/general.toml"), "utf8");
    const refused = run(healthy, "--emit", "all", "--out", out, "--cluster-name", "other", "--os", "al2");
    expect(refused).toMatchObject({ status: 2, out: "" });
    expect(refused.err).toContain("terraform/main.tf");
    expect(readFileSync(changed, "utf8")).toBe("# mine\n");
    expect(readFileSync(join(out, "bottlerocket/general.toml"), "utf8")).toBe(before);
    expect(run(healthy, "--emit", "all", "--out", out, "--force").status).toBe(0);
    expect(readFileSync(changed, "utf8")).toContain("aws_launch_template");
    expect(readdirSync(join(out, "terraform"))).toEqual(["main.tf"]);
  }, 60_000);

  test("nothing is written of what lint finds fault with, or does not fit", () => {
    const out = join(WORK, "refused");
    const article = run(join(ROOT, "examples/article.yaml"), "--emit", "all", "--out", out);
    expect(article).toMatchObject({ status: 1, out: "" });
    expect(article.err).toContain("PD1111");
    const small = run(
      join(ROOT, "examples/failures/subnet-too-small-for-prefix-mode.yaml"),
      "--emit",
      "all",
      "--out",
      out,
    );
    expect(small).toMatchObject({ status: 1, out: "" });
    expect(small.err).toContain("it does not fit");
    expect(existsSync(out)).toBe(false);
  }, 60_000);

  test("a folder that cannot be one is told, and leaves nothing behind", () => {
    const file = join(WORK, "a-file");
    writeFileSync(file, "x");
    const result = run(healthy, "--emit", "all", "--out", file);
    expect(result).toMatchObject({ status: 2, out: "" });
    expect(result.err).toContain("folder");
    expect(readFileSync(file, "utf8")).toBe("x");
  }, 60_000);
});
