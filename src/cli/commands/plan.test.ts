import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Plan } from "../../plan/types.ts";

// Every run is a process of its own.
setDefaultTimeout(30_000);

const ROOT = join(import.meta.dir, "../../..");

function slash28(...args: string[]): { status: number; out: string; err: string } {
  const child = Bun.spawnSync([process.execPath, join(ROOT, "src/cli/main.ts"), "plan", ...args], { stdin: "ignore" });
  return { status: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

const example = (name: string): string => join(ROOT, "examples", `${name}.yaml`);

describe("slash28 plan", () => {
  test("the exit status answers: 0 for a certain yes, 1 otherwise", () => {
    expect(slash28(example("healthy"))).toMatchObject({ status: 0, err: "" });
    const article = slash28(example("article"), "--explain");
    expect(article.status).toBe(1);
    expect(article.out).toContain("Not certain");
    expect(article.out).toContain("27 /28s or secondary addresses");
  });

  test("--out without --emit is refused, since it would write nothing", () => {
    const out = join(tmpdir(), "slash28-plan-nothing");
    expect(slash28(example("healthy"), "--out", out)).toMatchObject({ status: 2, out: "" });
    expect(existsSync(out)).toBe(false);
  });

  test("JSON holds the same answer", () => {
    const { status, out } = slash28(example("healthy"), "-o", "json", "--surge", "34%", "--zone-loss");
    const plan = JSON.parse(out) as { schema: string; verdict: string; scenarios: { name: string }[] };
    expect(plan.schema).toBe("slash28/plan/v1");
    expect(plan.verdict).not.toBe("fits");
    expect(plan.scenarios.map((one) => one.name)).toEqual([
      "steady",
      "upgrade, 34 % surge",
      "us-west-2a lost",
      "us-west-2b lost",
      "us-west-2c lost",
    ]);
    expect(status).toBe(1);
  });

  test("a file that is not there, one that is none, a surge that is no number", () => {
    expect(slash28("no-such.yaml")).toMatchObject({ status: 3, out: "" });
    expect(slash28(join(ROOT, "package.json"))).toMatchObject({ status: 2, out: "" });
    expect(slash28(example("healthy"), "--surge", "-3")).toMatchObject({ status: 2, out: "" });
  });

  test("growth names the last certain day, from a given day on", () => {
    const args = ["--growth", "20%/month", "--until", "2027-06-01", "--from", "2026-12-01", "-o", "json"];
    const { status, out } = slash28(example("healthy"), ...args);
    const { growth } = JSON.parse(out) as { growth: { firstUnsure: string; until: string } };
    expect([status, growth.until, growth.firstUnsure]).toEqual([1, "2027-06-01", "2026-12-02"]);
  });

  test("growth without an end, into the past, by no rate, or to no day is wrong usage", () => {
    for (const [args, text] of [
      [["--growth", "20%/month"], "--growth and --until go together"],
      [["--growth", "20%/month", "--until", "2020-01-01"], "is not after"],
      [["--growth", "20%/fortnight", "--until", "2027-01-01"], "day, week, month, year"],
      [["--growth", "20%/month", "--until", "2027-02-30"], "must be in the calendar"],
      [["--growth", "999%/day", "--until", "2099-01-01"], "more than a VPC has room for"],
      [["--reserved-enis", "-1"], "0 to 99"],
    ] as const) {
      const { status, out, err } = slash28(example("healthy"), ...args);
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain(text);
    }
  });
});

describe("slash28 plan of a VPC that was read", () => {
  const DUMP = join(ROOT, "test/fixtures/real-input/describe");
  const folder = mkdtempSync(join(tmpdir(), "slash28-plan-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (text: string): string => {
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, `apiVersion: slash28/v1\nkind: Cluster\n${text}`);
    return path;
  };
  const CNI =
    'cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true" } }\nworkloads: [{ name: web, pods: 40 }]\n';

  test("its instances are the nodes, its free blocks the supply", () => {
    const { status, out } = slash28(file(`vpc: { ec2Dump: ${DUMP} }\n${CNI}`), "-o", "json");
    const plan = JSON.parse(out) as Plan;
    expect(status).toBe(1);
    expect(plan.groups.map((one) => [one.name, one.nodeCount])).toEqual([
      ["m5.large", 3],
      ["m5.xlarge", 4],
      ["c6i.large", 3],
    ]);
    const [a, b] = plan.scenarios[0]!.subnets;
    // What slash28 map prints of the same folder: no free /28 in the first, 33 in the second.
    expect(a).toMatchObject({ verdict: "does-not-fit", held: { addresses: 3 }, prefixes: { most: 0 } });
    expect(b).toMatchObject({ verdict: "fits", prefixes: { needed: 8, fewest: 33, most: 33 } });
  });

  test("--ec2 puts the groups of the file beside what is there", () => {
    const groups = `subnets: [{ id: x, az: us-west-2a, cidr: 10.0.0.0/24 }]
nodeGroups: [{ name: g, instanceType: m5.large, count: 2 }]\n`;
    const { status, err, out } = slash28(file(`${groups}${CNI}`), "--ec2", DUMP, "-o", "json");
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain('the node group "g" wants the subnet "x"');
    expect(err).toContain("subnet-0a11ce0000000000b");
  });

  test("--migrate names the instances and the ranges of the dump; from prefixes there is nothing to move", () => {
    const path = file(`vpc: { ec2Dump: ${DUMP} }\ncni: { policy: vpc-cni }\nworkloads: [{ name: web, pods: 40 }]\n`);
    const { out, status } = slash28(path, "--migrate");
    // Its first subnet has no whole /28, and its old nodes are not what spoils them.
    expect(status).toBe(1);
    expect(out).toContain("--cidr 10.20.8.128/25");
    const ids = /for id in (i-[0-9a-f]{17}(?:[ \\\n]+i-[0-9a-f]{17})*); do/.exec(out)?.[1];
    const known = readFileSync(join(DUMP, "instances.json"), "utf8");
    for (const id of ids?.match(/i-\w+/g) ?? ["none"]) expect(known).toContain(id);
    const moved = slash28(file(`vpc: { ec2Dump: ${DUMP} }\n${CNI}`), "--migrate");
    expect(moved).toMatchObject({ status: 2, out: "" });
    expect(moved.err).toContain("there is nothing to move");
  });

  test("a folder that is none, and one whose documents are cut, are told with their place", () => {
    const none = slash28(file(`vpc: { ec2Dump: ./none }\n${CNI}`));
    expect(none).toMatchObject({ status: 3, out: "" });
    writeFileSync(join(folder, "subnets.json"), '{ "Subnets": [');
    const cut = slash28(file(`vpc: { ec2Dump: . }\n${CNI}`));
    expect(cut.status).toBe(3);
    expect(cut.err).toContain("subnets.json:1:");
  });
});
