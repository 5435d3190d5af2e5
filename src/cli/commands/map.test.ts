import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { startEmulatedVpc } from "../../../test/contract/emulated-vpc.ts";

const ROOT = join(import.meta.dir, "../../..");
const FOLDER = mkdtempSync(join(tmpdir(), "slash28-map-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const SUBNET = {
  SubnetId: "subnet-0aaa",
  VpcId: "vpc-0aaa",
  CidrBlock: "10.0.0.0/24",
  AvailabilityZone: "us-west-2a",
  AvailableIpAddressCount: 249,
  Tags: [{ Key: "kubernetes.io/cluster/prod", Value: "shared" }],
};
const ENI = {
  NetworkInterfaceId: "eni-0abc",
  SubnetId: "subnet-0aaa",
  VpcId: "vpc-0aaa",
  Status: "available",
  InterfaceType: "interface",
  Description: "aws-K8S-i-0gone",
  PrivateIpAddress: "10.0.0.20",
  PrivateIpAddresses: [
    { PrivateIpAddress: "10.0.0.20", Primary: true },
    { PrivateIpAddress: "10.0.0.40", Primary: false },
  ],
  Ipv4Prefixes: [],
  Groups: [],
  TagSet: [],
};
writeFileSync(join(FOLDER, "subnets.json"), JSON.stringify({ Subnets: [SUBNET] }));
writeFileSync(join(FOLDER, "enis.json"), JSON.stringify({ NetworkInterfaces: [ENI] }));

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return Bun.spawn([process.execPath, join(ROOT, "src/cli/main.ts"), "map", ...args], {
    env: { PATH: process.env["PATH"] ?? "", AWS_EC2_METADATA_DISABLED: "true", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function slash28(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  return await ended(start(args));
}

async function ended(child: ReturnType<typeof start>): Promise<{ status: number; out: string; err: string }> {
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}

describe("slash28 map", () => {
  test("draws the subnets of a folder, in each form", async () => {
    const table = await slash28(FOLDER);
    expect(table).toMatchObject({ status: 0, err: "" });
    expect(table.out).toContain("10.0.0.0 ebb............e\n");
    expect(table.out).toContain("delete-network-interface --network-interface-id eni-0abc");
    const json = JSON.parse((await slash28("--ec2", FOLDER, "-o", "json")).out);
    const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/map.v1.json"), "utf8")));
    expect(schema.safeParse(json).error).toBeUndefined();
    expect(json.subnets[0]).toMatchObject({ trust: "exact", freePrefixes: { min: 12, max: 12 } });
    expect((await slash28(FOLDER, "-o", "svg")).out).toStartWith("<svg ");
    expect((await slash28(FOLDER, "-o", "prometheus")).out).toContain(
      'slash28_subnet_free_prefixes{subnet="subnet-0aaa",zone="us-west-2a"} 12\n',
    );
  });

  test("--fail-below exits with 1 when a subnet may have fewer, and says which", async () => {
    expect((await slash28(FOLDER, "--fail-below", "12")).status).toBe(0);
    const below = await slash28(FOLDER, "--fail-below", "13");
    expect(below).toMatchObject({ status: 1, err: "subnet-0aaa: 12 free /28s, fewer than 13\n" });
    // Without the ENIs, AWS's two used addresses may stand anywhere.
    const unsure = await slash28(join(FOLDER, "subnets.json"), "--fail-below", "13");
    expect(unsure.status).toBe(1);
    expect(unsure.err).toContain("between 12 and 14 free /28s (the map is incomplete)");
  });

  test("shows a cluster's subnets alone; a subnet that is not there is named", async () => {
    expect((await slash28(FOLDER, "--cluster", "prod")).out).toContain("tag kubernetes.io/cluster");
    expect((await slash28(FOLDER, "--cluster", "other")).status).toBe(3);
    const absent = await slash28(FOLDER, "--subnet", "subnet-0zzz");
    expect(absent.status).toBe(3);
    expect(absent.err).toContain("aws ec2 describe-subnets --subnet-ids subnet-0zzz");
  });

  test.each([
    [[]],
    [["--live"]],
    [[FOLDER, "--metrics", "127.0.0.1:0"]],
    [[FOLDER, "--metrics", "0.0.0.0:9128", "--watch", "60s"]],
    [[FOLDER, "--watch", "10ms"]],
    [[FOLDER, "--watch", "60s", "-o", "svg"]],
    [["-", "--watch", "60s"]],
    [[FOLDER, "--fail-below", "-1"]],
    [[FOLDER, "--region", "us-west-2"]],
  ])("%j is a usage error", async (args) => {
    const run = await slash28(...args);
    expect(run.status).toBe(2);
    expect(run.out).toBe("");
    expect(run.err).not.toContain("internal error");
  });

  test("asks EC2 itself with --live, and names what was denied or not found", async () => {
    const vpc = await startEmulatedVpc();
    try {
      const env = {
        AWS_ENDPOINT_URL_EC2: vpc.emulator.ec2Url,
        AWS_ACCESS_KEY_ID: "AKIAEMULATED",
        AWS_SECRET_ACCESS_KEY: "emulated",
        AWS_REGION: "us-west-2",
      };
      const [subnet] = [...vpc.vpc.world.subnets.keys()];
      const run = await ended(start(["--live", "--subnet", subnet ?? "", "-o", "json"], env));
      expect(run.status).toBe(0);
      expect(JSON.parse(run.out).subnets).toMatchObject([{ id: subnet, trust: "exact" }]);
      expect((await ended(start(["--live", "--vpc", "vpc-0none"], env))).status).toBe(3);
    } finally {
      await vpc.close();
    }
  });

  test("--watch serves metrics until it is stopped, and ends with the status of the last map", async () => {
    const child = start([FOLDER, "--watch", "1s", "--metrics", "127.0.0.1:0", "-o", "json", "--fail-below", "13"]);
    const errors = child.stderr.getReader();
    const url = /http:\S+/.exec(new TextDecoder().decode((await errors.read()).value))?.[0] ?? "";
    let text = "";
    for (let round = 0; round < 100 && !text.includes("slash28_map_reads_total 2"); round++) {
      text = await (await fetch(url)).text();
      await Bun.sleep(50);
    }
    expect(text).toContain('slash28_subnet_free_prefixes{subnet="subnet-0aaa",zone="us-west-2a"} 12\n');
    child.kill("SIGTERM");
    const [out, status] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    expect(status).toBe(1);
    expect(out.trimEnd().split("\n").length).toBeGreaterThanOrEqual(2);
    for (const line of out.trimEnd().split("\n")) expect(JSON.parse(line).schema).toBe("slash28/map/v1");
  });
});

test("the alert rules of examples/ ask for metrics and labels that there are", async () => {
  const file = parse(readFileSync(join(ROOT, "examples/alerts/subnet-alerts.yaml"), "utf8"));
  const rule = z.strictObject({
    alert: z.string().regex(/^[A-Z]\w+$/),
    expr: z.string(),
    for: z.string().regex(/^\d+[smh]$/),
    labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
    annotations: z.strictObject({ summary: z.string(), description: z.string() }),
  });
  const groups = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })) });
  const rules = groups.parse(file).groups.flatMap((group) => group.rules);
  const known = new Set(
    [...readFileSync(join(ROOT, "src/diagnose/render/map-prometheus.ts"), "utf8").matchAll(/slash28_\w+/g)].map(
      ([name]) => name,
    ),
  );
  for (const { expr, annotations } of rules) {
    const names = [...expr.matchAll(/slash28_\w+/g)].map(([name]) => name);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(known).toContain(name);
    for (const [, label] of `${annotations.summary}${annotations.description}`.matchAll(/\$labels\.(\w+)/g))
      expect(["subnet", "zone"]).toContain(label ?? "");
  }
});
