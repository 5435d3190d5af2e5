import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { formatCheckError } from "../text/check-error.ts";
import { parseCluster } from "./parse-cluster.ts";

const EXAMPLES = join(import.meta.dir, "../../examples");

const GOOD = `apiVersion: slash28/v1
kind: Cluster
region: us-west-2
vpc: { cidrs: [10.0.0.0/16] }
subnets:
  - { id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: 40, reservations: [{ cidr: 10.0.0.128/25, type: prefix }] }
nodeGroups:
  - { name: general, instanceType: m5.large, count: 3, maxPods: 70, subnets: [subnet-a] }
cni:
  policy: slash28
  env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" }
workloads:
  - { name: web, pods: 120, at: 0s }
  - { name: cron, pods: 20, every: 1m, lifetime: 30s }
  - { manifest: ./deploy.yaml }
  - { trace: ./pods.csv }
ec2: { throttling: aws-default, latency: typical, imdsLag: 200ms }
kubelet: { runtime: 95ms, retry: 10s, jitter: 0.5, sandboxTimeout: 4m }
agent: { start: 140ms, reply: 1ms }
run: { duration: 10m, seed: 1 }
`;

function problems(text: string): string[] {
  const parsed = parseCluster(text, "c.yaml");
  return parsed.kind === "ok" ? [] : parsed.errors.map(formatCheckError);
}

/** GOOD with one piece of text replaced. */
function changed(from: string, to: string): string[] {
  if (!GOOD.includes(from)) throw new Error(`no ${from}`);
  return problems(GOOD.replace(from, to));
}

describe("cluster files", () => {
  test("the file of the contract, every value where it belongs", () => {
    const parsed = parseCluster(GOOD, "c.yaml");
    if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
    const { cluster } = parsed;
    expect(cluster.subnets).toEqual([
      {
        id: "subnet-a",
        az: "us-west-2a",
        cidr: { base: 0x0a000000, prefixLength: 24 },
        otherAddresses: 40,
        otherPrefixes: 0,
        leakedEnis: { count: 0, addresses: 0 },
        reservations: [{ cidr: { base: 0x0a000080, prefixLength: 25 }, type: "prefix" }],
        tags: new Map(),
      },
    ]);
    expect(cluster.nodeGroups[0]).toMatchObject({ count: 3, maxPods: 70, subnets: ["subnet-a"] });
    expect(cluster.cni.env.get("WARM_PREFIX_TARGET")).toBe("1");
    expect(cluster.kubelet).toEqual({ runtimeMs: 95, retryMs: 10_000, jitter: 0.5, sandboxTimeoutMs: 240_000 });
    expect(cluster.agentTimes).toEqual({ startMs: 140, replyMs: 1 });
    expect(cluster.run).toEqual({ durationMs: 600_000, seed: 1, speed: 1, start: "serving" });
    expect(cluster.knobs.imdsLag).toEqual({ min: 200, max: 200 });
    expect(cluster.workloads[1]).toMatchObject({ kind: "pods", podCount: 20, everyMs: 60_000 });
    expect(cluster.workloads[1]).toMatchObject({ lifetime: { kind: "fixed", ms: 30_000 }, isKept: false });
    expect(cluster.workloads[2]).toMatchObject({ kind: "manifest", path: "./deploy.yaml", line: 15, column: 17 });
  });

  test("every example is a good file", () => {
    const names = ["", "failures/", "healthy/"].flatMap((folder) =>
      readdirSync(join(EXAMPLES, folder)).flatMap((name) => (name.endsWith(".yaml") ? [`${folder}${name}`] : [])),
    );
    expect(names.length).toBeGreaterThan(25);
    for (const name of names) {
      const parsed = parseCluster(readFileSync(join(EXAMPLES, name), "utf8"), name);
      expect(parsed.kind === "ok" ? [] : parsed.errors.map(formatCheckError)).toEqual([]);
    }
  });

  test("what goes wrong, and what stands there from before", () => {
    const text = GOOD.replace("otherAddresses: 40", "leakedEnis: { count: 3, addresses: 9 }")
      .replace(
        ", maxPods: 70",
        ", taints: [{ key: a, effect: NoSchedule }], otherEnis: [{ tags: { x: y } }], checkpoint: '{'",
      )
      .concat("\nfaults: [{ at: 5s, op: throttle, forMs: 2m }]\n");
    const parsed = parseCluster(text, "c.yaml");
    if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
    const { cluster } = parsed;
    expect(cluster.subnets[0]?.leakedEnis).toEqual({ count: 3, addresses: 9 });
    expect(cluster.nodeGroups[0]).toMatchObject({
      taints: [{ key: "a", value: "", effect: "NoSchedule" }],
      otherEnis: [{ tags: new Map([["x", "y"]]) }],
      checkpoint: "{",
    });
    expect(cluster.faults).toMatchObject([{ atMs: 5_000, operation: { op: "throttle", forMs: 120_000 } }]);
  });

  test("max-pods is the recommended number when it is left out", () => {
    const parsed = parseCluster(GOOD.replace(", maxPods: 70", ""), "c.yaml");
    expect(parsed.kind === "ok" && parsed.cluster.nodeGroups[0]?.maxPods).toBe(110);
  });

  test("an unknown key comes with its place and the key that was meant", () => {
    expect(changed("instanceType: m5.large", "instancetype: m5.large")).toEqual([
      'c.yaml:8:5: a node group needs "instanceType"\n  For example: instanceType: m5.large',
      'c.yaml:8:22: unknown key "instancetype" in a node group; did you mean "instanceType"?',
    ]);
    expect(changed("run: {", "runs: {")).toEqual([
      'c.yaml:20:1: unknown key "runs" in the cluster file; did you mean "run"?',
    ]);
  });

  test("an unknown instance type names near ones", () => {
    const [first] = changed("m5.large", "m5.larg");
    expect(first).toStartWith('c.yaml:8:36: unknown instance type "m5.larg"\n  Did you mean m5.large, ');
  });

  test("subnets: overlapping, outside the VPC, too small, host bits set", () => {
    const second = (cidr: string): string[] =>
      changed("nodeGroups:\n", `  - { id: subnet-b, az: us-west-2b, cidr: ${cidr} }\nnodeGroups:\n`);
    expect(second("10.0.0.0/25")).toEqual(["c.yaml:7:43: 10.0.0.0/25 of subnet-b overlaps 10.0.0.0/24 of subnet-a"]);
    expect(second("10.1.0.0/24")).toEqual([
      "c.yaml:7:43: 10.1.0.0/24 of subnet-b lies outside the VPC (10.0.0.0/16)\n  Add the block to vpc.cidrs.",
    ]);
    expect(second("10.0.1.0/29")).toEqual(["c.yaml:7:43: 10.0.1.0/29 is too small for a subnet, which is /16 to /28"]);
    expect(second("10.0.1.5/24")).toEqual([
      "c.yaml:7:43: 10.0.1.5/24 has bits set below its prefix length; did you mean 10.0.1.0/24?",
    ]);
  });

  test("a /27 with prefix delegation can hold none", () => {
    const text = GOOD.replace("10.0.0.0/24, otherAddresses: 40", "10.0.0.0/27, otherAddresses: 4").replace(
      "10.0.0.128/25",
      "10.0.0.16/28",
    );
    expect(problems(text)).toEqual([
      "c.yaml:6:43: subnet-a (10.0.0.0/27) is too small for prefixes: its first and last /28 hold addresses of AWS\n" +
        "  Use a /26 or larger for nodes with prefix delegation.",
    ]);
  });

  test("counts that cannot be", () => {
    expect(changed("otherAddresses: 40", "otherAddresses: 300")[0]).toStartWith(
      "c.yaml:6:43: subnet-a (10.0.0.0/24) cannot hold 300 other addresses: it has 251",
    );
    expect(changed("count: 3", "count: 0")[0]).toContain('"count" must be a whole number from 1 to 5000, not "0"');
    expect(changed("count: 3", "count: 240")[0]).toContain("240 nodes need an address each, 211 are free");
  });

  test("prefix delegation on a type without Nitro is taken: its agents fall back, as they do in a cluster", () => {
    expect(changed("m5.large", "m4.large")).toEqual([]);
  });

  test("knobs are checked by their table, at their place", () => {
    expect(changed("imdsLag: 200ms", "imdsLog: 200ms")[0]).toStartWith("c.yaml:17:51: unknown knob imdsLog");
    expect(changed("imdsLag: 200ms", "imdsLag: soon")[0]).toStartWith("c.yaml:17:60: imdsLag must be a duration");
  });

  test("durations, zones, references, required keys", () => {
    expect(changed("at: 0s", "at: 5 minutes")[0]).toContain("13:33");
    expect(changed("us-west-2a", "eu-west-1a")[0]).toContain('"eu-west-1a" is not a zone of us-west-2');
    expect(changed("subnets: [subnet-a]", "subnets: [subnet-b]")[0]).toBe(
      'c.yaml:8:79: there is no subnet "subnet-b"; did you mean "subnet-a"?',
    );
    // Its name is not also called unknown.
    expect(changed("cidr: 10.0.0.0/24", "cidr: 10.0.0.1/24").join("\n")).not.toContain("there is no subnet");
    expect(changed("every: 1m, lifetime: 30s", "every: 1m")[0]).toContain('needs a "lifetime"');
    expect(problems("kind: Cluster\n")).toContain(
      'c.yaml:1:1: the cluster file needs "subnets"\n' +
        "  For example: subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24 }]",
    );
  });

  test("all errors of a file come at once, in order", () => {
    const text = GOOD.replace("m5.large", "m5.huge")
      .replace("duration: 10m", "duration: long")
      .replace("count: 3", "count: x");
    const places = problems(text).map((line) => line.split(": ")[0]);
    expect(places).toEqual(["c.yaml:8:36", "c.yaml:8:52", "c.yaml:20:18"]);
  });

  test("what is no YAML, an empty file, several documents", () => {
    expect(problems("a: [1, 2\nb: 3\n")[0]).toMatch(/^c\.yaml:\d+:\d+: /);
    expect(problems("")[0]).toContain("c.yaml:1:1: the file is empty");
    expect(problems(`${GOOD}---\nkind: Cluster\n`)[0]).toContain("a cluster file holds one document");
    expect(problems("- 1\n- 2\n")[0]).toBe("c.yaml:1:1: the cluster file must be a map of keys and values, not a list");
  });

  test("a file that stands in itself", () => {
    const next = "Write the value out.";
    expect(changed("ec2: { throttling", "ec2: &e { throttlingActions: *e, throttling")).toEqual([
      `c.yaml:17:30: the alias *e stands inside what it stands for\n  ${next}`,
    ]);
    expect(changed("  - { name: web", "  - &w { lifetime: { mean: *w }, name: web")).toEqual([
      `c.yaml:13:28: the alias *w stands inside what it stands for\n  ${next}`,
    ]);
    expect(changed("lifetime: 30s", "lifetime: &l 30s, at: *l")).toEqual([]);
  });

  test("a region is no pattern", () => {
    expect(parseCluster(GOOD.replace("region: us-west-2", "region: u[s-west-2"), "c.yaml").kind).toBe("errors");
  });

  test("no text makes the parser throw, and each error has a place", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      "- ",
      "\n",
      "  ",
      "subnets",
      "&a ",
      "*a",
      "|",
      "%",
      "cni",
      "1",
      '"',
    );
    const mangled = fc
      .tuple(fc.nat(GOOD.length), fc.nat(40), fc.array(pieces, { maxLength: 8 }))
      .map(([at, cut, added]) => GOOD.slice(0, at) + added.join("") + GOOD.slice(at + cut));
    fc.assert(
      fc.property(
        fc.oneof(
          mangled,
          fc.string(),
          fc.array(pieces).map((all) => all.join("")),
        ),
        (text) => {
          const parsed = parseCluster(text, "c.yaml");
          if (parsed.kind === "ok") return;
          expect(parsed.errors.length).toBeGreaterThan(0);
          for (const error of parsed.errors)
            expect(error.line > 0 && error.column > 0 && error.message !== "").toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
