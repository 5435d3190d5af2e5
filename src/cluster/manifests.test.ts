import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Prng } from "../base/prng.ts";
import { formatCheckError } from "../text/check-error.ts";
import { parseManifests } from "./manifests.ts";
import { type PlannedPod, planPods } from "./plan-pods.ts";

const FIXTURES = join(import.meta.dir, "../../test/fixtures/manifests");
/** 2026-01-01T00:00:30Z. */
const START_WALL_MS = 1_767_225_630_000;

const NODES = ["a-1", "a-2", "a-3"].map((name, index) => ({
  name,
  labels: new Map([["disk", index === 0 ? "ssd" : "hdd"]]),
}));

function parse(name: string) {
  return parseManifests(readFileSync(join(FIXTURES, name), "utf8"), name);
}

function pods(text: string, name = "m.yaml"): PlannedPod[] {
  const parsed = parseManifests(text, name);
  expect(parsed.errors.map(formatCheckError)).toEqual([]);
  return plan(parsed.workloads);
}

function plan(manifests: ReturnType<typeof parse>["workloads"], durationMs = 180_000): PlannedPod[] {
  const input = { workloads: [], traces: [], nodes: NODES, prng: new Prng(7), startWallMs: START_WALL_MS };
  return planPods({ ...input, manifests, durationMs });
}

function problems(text: string): string[] {
  return parseManifests(text, "m.yaml").errors.map(formatCheckError);
}

const POD = "{containers: [{name: c, image: i}]}";

describe("manifests as kubectl prints them", () => {
  test("a Deployment in YAML and in JSON", () => {
    const planned = plan(parse("deployment.yaml").workloads);
    expect(planned).toHaveLength(12);
    const [first] = planned;
    expect(first?.namespace).toBe("default");
    expect(first?.name).toMatch(/^web-[b-z2-9]{10}-[b-z2-9]{5}$/);
    expect(new Set(planned.map((pod) => pod.name.slice(0, 14))).size).toBe(1);
    expect(new Set(planned.map((pod) => pod.name)).size).toBe(12);
    expect(plan(parse("deployment.json").workloads)).toHaveLength(5);
  });

  test("a List: DaemonSets one a node, a StatefulSet by number, a ConfigMap left out with a warning", () => {
    const parsed = parse("list.yaml");
    expect(parsed.errors).toEqual([]);
    expect(parsed.warnings.map((one) => one.message)).toEqual(["ConfigMap makes no pods and is left out"]);
    const planned = plan(parsed.workloads);
    const names = planned.map((pod) => `${pod.namespace}/${pod.name}`);
    expect(names.filter((name) => name.startsWith("kube-system/logs-"))).toHaveLength(3);
    expect(planned.filter((pod) => pod.isHostNetwork).map((pod) => pod.nodeName)).toEqual(["a-1", "a-2", "a-3"]);
    expect(names).toContain("default/db-0");
    expect(names).toContain("default/db-2");
    const db = planned.find((pod) => pod.name === "db-1");
    expect([db?.cpuMillis, db?.memoryBytes]).toEqual([250, 256 * 2 ** 20]);
  });

  test("a Pod keeps its name; without requests its limits count", () => {
    const [pod] = plan(parse("pod.yaml").workloads);
    expect(pod).toMatchObject({ name: "debug", cpuMillis: 100, lifetimeMs: undefined });
  });

  test("a Job ends; a CronJob comes at the full minutes, its pods named after them", () => {
    const [job] = plan(parse("job.yaml").workloads);
    expect(job).toMatchObject({ lifetimeMs: 30_000, atMs: 0 });
    const planned = plan(parse("cronjob.yaml").workloads);
    expect(planned.map((pod) => [pod.atMs, pod.isRecurring])).toEqual([
      [30_000, false],
      [90_000, true],
      [150_000, true],
    ]);
    expect(planned[0]?.name).toMatch(/^report-29453761-[b-z2-9]{5}$/);
  });

  test("a job's completions run in waves of its parallelism", () => {
    const spec = `{completions: 5, parallelism: 2, template: {spec: ${POD}}}`;
    const planned = pods(`{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: ${spec}}`);
    expect(planned.map((pod) => pod.atMs)).toEqual([0, 0, 30_000, 30_000, 60_000]);
  });

  test("a DaemonSet goes only where its node selector says", () => {
    const template = "{spec: {nodeSelector: {disk: ssd}, containers: [{name: c}]}}";
    const planned = pods(`{kind: DaemonSet, metadata: {name: d}, spec: {template: ${template}}}`);
    expect(planned.map((pod) => pod.nodeName)).toEqual(["a-1"]);
  });

  test("what a controller of the same dump owns is not counted twice", () => {
    const owned = `metadata: {name: web-1, ownerReferences: [{kind: Deployment, name: web}]}`;
    expect(pods(`{kind: ReplicaSet, ${owned}, spec: {replicas: 3, template: {spec: ${POD}}}}`)).toEqual([]);
  });

  test("the same seed gives the same pods", () => {
    const again = (): string[] => plan(parse("deployment.yaml").workloads).map((pod) => pod.name + pod.uid);
    expect(again()).toEqual(again());
  });

  test("errors name file, line and column", () => {
    expect(problems("kind: Deployment\nmetadata: {name: a}\n")).toEqual(['m.yaml:1:1: the Deployment has no "spec"']);
    expect(
      problems(`kind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: many\n  template: {spec: ${POD}}\n`),
    ).toEqual(['m.yaml:4:13: spec of the Deployment: "replicas" must be a whole number from 0 to 200000, not "many"']);
    const cron = `kind: CronJob\nmetadata: {name: a}\nspec:\n  schedule: "61 * * * *"\n  jobTemplate: {spec: {template: {spec: ${POD}}}}\n`;
    expect(problems(cron)[0]).toStartWith('m.yaml:4:13: "61 * * * *" is not a cron schedule');
    expect(problems("")).toEqual(["m.yaml:1:1: the file holds no manifest\n  Give a Deployment, a List, or so."]);
    const cpu =
      "kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, resources: {requests: {cpu: much}}}\n";
    expect(problems(cpu)).toEqual(['m.yaml:5:43: cpu must be a quantity such as 250m or 128Mi, not "much"']);
  });

  test("topology spread constraints of a pod", () => {
    const spread =
      "{maxSkew: 2, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: SEL}";
    const text = (selector: string) =>
      `kind: Pod\nmetadata: {name: a, labels: {app: x}}\nspec: {containers: [{name: c}], topologySpreadConstraints: [${spread.replace("SEL", selector)}]}\n`;
    const parsed = parseManifests(text("{matchLabels: {app: x}}"), "m.yaml");
    expect([parsed.errors, parsed.warnings]).toEqual([[], []]);
    expect(parsed.workloads[0]?.pod.spread).toEqual([
      {
        maxSkew: 2,
        topologyKey: "topology.kubernetes.io/zone",
        whenUnsatisfiable: "ScheduleAnyway",
        matchLabels: new Map([["app", "x"]]),
      },
    ]);
    const byExpression = parseManifests(text("{matchExpressions: [{key: app, operator: Exists}]}"), "m.yaml");
    expect(byExpression.warnings.map((one) => one.message)).toEqual([
      "matchExpressions is not weighed when the pods are placed",
    ]);
    expect(problems("kind: List\nitems: &i [{kind: List, items: *i}]\n")[0]).toContain(
      "stands inside what it stands for",
    );
  });

  test("what the scheduler does not weigh is said", () => {
    const text = "kind: Pod\nmetadata: {name: a}\nspec:\n  affinity: {nodeAffinity: {}}\n  containers: [{name: c}]\n";
    expect(parseManifests(text, "m.yaml").warnings.map(formatCheckError)).toEqual([
      "m.yaml:4:3: affinity is not weighed when the pods are placed",
    ]);
  });
});
