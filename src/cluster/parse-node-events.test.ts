import { describe, expect, test } from "bun:test";
import { formatCheckError } from "../text/check-error.ts";
import { parseCluster } from "./parse-cluster.ts";
import type { Cluster } from "./types.ts";

function parse(event: string, over: { group?: string; more?: string } = {}) {
  const text = `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/20 }]
nodeGroups:
  - { name: general, instanceType: m5.large, count: 3${over.group ?? ""} }
nodeEvents:
  - ${event}
${over.more ?? ""}`;
  return parseCluster(text, "c.yaml");
}

function good(event: string, over: { group?: string } = {}): Cluster {
  const parsed = parse(event, over);
  if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
  return parsed.cluster;
}

function problems(event: string, over: { group?: string; more?: string } = {}): string[] {
  const parsed = parse(event, over);
  return parsed.kind === "ok" ? [] : parsed.errors.map(formatCheckError);
}

describe("node events of a cluster file", () => {
  test("what each may say, and what it means when it does not", () => {
    const only = (event: string) => good(event).nodeEvents[0];
    expect(only("{ op: join, group: general, count: 2 }")).toEqual({
      op: "join",
      atMs: 0,
      everyMs: undefined,
      overMs: 0,
      group: "general",
      amount: { kind: "count", count: 2 },
      line: 7,
      column: 5,
    });
    expect(only("{ at: 1h, op: drain, group: general, count: 1 }")).toMatchObject({ atMs: 3_600_000, graceMs: 30_000 });
    expect(only("{ op: spot, group: general, count: 50%, every: 1h }")).toMatchObject({
      noticeMs: 120_000,
      everyMs: 3_600_000,
      amount: { kind: "percent", percent: 50 },
    });
    expect(only("{ op: upgrade, group: general, maxSurge: 30%, grace: 1m }")).toMatchObject({
      amount: { kind: "percent", percent: 100 },
      maxSurge: { kind: "percent", percent: 30 },
      graceMs: 60_000,
    });
    expect(only("{ op: replace, group: general, count: 5%, over: 12h }")).toMatchObject({
      overMs: 43_200_000,
      maxSurge: { kind: "count", count: 1 },
    });
    expect(only("{ op: zone-loss, zone: us-west-2a }")).toMatchObject({ forMs: undefined, evictAfterMs: 340_000 });
  });

  test("what cannot be", () => {
    expect(problems("{ op: drian, group: general, count: 1 }")).toEqual([
      'c.yaml:7:11: there is no node event "drian"\n  Did you mean drain?',
    ]);
    expect(problems("{ op: drain, group: generl, count: 1 }")).toEqual([
      'c.yaml:7:25: there is no node group "generl"; did you mean "general"?',
    ]);
    expect(problems("{ op: drain, group: general }")[0]).toContain('needs "count"');
    expect(problems("{ op: drain, group: general, count: -1 }")[0]).toContain("a whole number or a percentage");
    expect(problems("{ op: join, group: general, count: 10% }")[0]).toContain("nodes join by number");
    expect(problems("{ op: upgrade, group: general, maxSurge: 0 }")[0]).toContain("no new node could ever come");
    expect(problems("{ op: zone-loss, zone: us-west-2b }")[0]).toContain(
      'no subnet lies in the zone "us-west-2b"; zones: us-west-2a',
    );
    expect(problems("{ op: upgrade, group: general, count: 1 }")[0]).toContain('unknown key "count"');
    expect(problems("{ at: -5m, op: drain, group: general, count: 1 }")[0]).toContain('"at" must be a duration');
  });

  test("a drain before the join that it needs", () => {
    expect(problems("{ at: 5m, op: drain, group: general, count: 4 }")).toEqual([
      'c.yaml:7:5: the group "general" has 3 nodes then, not 4\n  Use a smaller count.',
    ]);
    const more = "  - { at: 10m, op: join, group: general, count: 3 }\n";
    expect(problems("{ at: 5m, op: drain, group: general, count: 4 }", { more })).toEqual([
      'c.yaml:7:5: the group "general" has 3 nodes then, not 4\n  Its join comes later: let it come before.',
    ]);
    expect(problems("{ at: 15m, op: drain, group: general, count: 4 }", { more })).toEqual([]);
  });

  test("autoscaling", () => {
    const group = (text: string) => ({ group: `, autoscaling: ${text}` });
    const event = "{ op: spot, group: general, count: 1 }";
    expect(good(event, group("{ min: 1, max: 9 }")).nodeGroups[0]?.autoscaling).toEqual({
      min: 1,
      max: 9,
      idleMs: 600_000,
      idlePercent: 50,
    });
    expect(problems(event, group("{ min: 9, max: 1 }"))[0]).toStartWith("c.yaml:5:84: max (1) is below min (9)");
    expect(problems(event, group("{ min: 4, max: 9 }"))[0]).toContain("count (3) is not between min (4) and max (9)");
    expect(problems("{ op: drain, group: general, count: 1 }", group("{ min: 1, max: 9 }"))[0]).toContain(
      'the group "general" has autoscaling, which decides how many nodes it has: it cannot drain',
    );
    expect(problems(event, group("{ min: 1, max: 9, idle: 1m }"))[0]).toContain('unknown key "idle"');
    expect(problems("{ op: join, group: general, count: 4999 }")[0]).toContain("the cluster could have 5002 nodes");
  });

  test("the time until a node that joins runs its agent", () => {
    const delay = (text: string) => good("{ op: zone-loss, zone: us-west-2a }", { group: `, joinDelay: ${text}` });
    expect(delay("90s").nodeGroups[0]?.joinDelay).toEqual({ min: 90_000, max: 90_000 });
    expect(delay("1m-2m").nodeGroups[0]?.joinDelay).toEqual({ min: 60_000, max: 120_000 });
    expect(problems("{ op: zone-loss, zone: us-west-2a }", { group: ", joinDelay: 2m-1m" })[0]).toContain(
      '"joinDelay" must be a duration or a range such as 60s-120s, not "2m-1m"',
    );
  });
});
