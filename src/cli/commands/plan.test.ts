import { describe, expect, test } from "bun:test";
import { join } from "node:path";

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
});
