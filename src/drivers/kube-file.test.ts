import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeNode } from "../ports/kube.ts";
import { type FactsFile, kubeFile } from "./kube-file.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function facts(node: Partial<FactsFile["node"]> = {}, rest: Partial<FactsFile> = {}): FactsFile {
  return { node: { name: "node-1", maxPods: 110, ...node }, ...rest };
}

function write(content: FactsFile | string): string {
  const folder = mkdtempSync(join(tmpdir(), "slash28-facts-"));
  folders.push(folder);
  const path = join(folder, "facts.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function open(path: string, keys: { annotationKey?: string; labelKey?: string } = {}) {
  return kubeFile({ path, annotationKey: keys.annotationKey, labelKey: keys.labelKey });
}

const ENI_CONFIGS = ["a", "b", "c", "default"].map((name) => ({ name, subnet: `subnet-${name}`, securityGroups: [] }));
const EXTERNAL = "vpc.amazonaws.com/externalEniConfig";
const DEFAULT_KEY = "k8s.amazonaws.com/eniConfig";

test("the ENIConfig's name: external label, then annotation, then label, then default [ipamd 1.4, 1.3 ENI_CONFIG_ANNOTATION_DEF]", async () => {
  const nameFor = async (node: Partial<FactsFile["node"]>, keys = {}) =>
    (await open(write(facts(node, { eniConfigs: ENI_CONFIGS })), keys).node()).eniConfig?.name;
  const annotations = { [DEFAULT_KEY]: "b" };
  const labels = { [DEFAULT_KEY]: "c" };
  expect(await nameFor({ labels: { ...labels, [EXTERNAL]: "a" }, annotations })).toBe("a");
  expect(await nameFor({ labels, annotations })).toBe("b");
  expect(await nameFor({ labels })).toBe("c");
  expect(await nameFor({})).toBe("default");
  expect(await nameFor({ labels: { zone: "a" } }, { labelKey: "zone" })).toBe("a");
  expect(await nameFor({ annotations: { mine: "b" } }, { annotationKey: "mine" })).toBe("b");
  // An empty variable counts as unset.
  expect(await nameFor({ labels }, { labelKey: "", annotationKey: "" })).toBe("c");
});

test("an ENIConfig that is asked for and missing is none, never the default one", async () => {
  const node = await open(write(facts({ labels: { [DEFAULT_KEY]: "gone" } }, { eniConfigs: ENI_CONFIGS }))).node();
  expect(node.eniConfig).toBeUndefined();
  expect(node.eniConfigName).toBe("gone");
});

test("only the unschedulable taint with effect NoSchedule stops growth [ipamd 1.3]", async () => {
  const isUnschedulable = async (key: string, effect: string) =>
    (await open(write(facts({ taints: [{ key, effect }] }))).node()).isUnschedulable;
  expect(await isUnschedulable("node.kubernetes.io/unschedulable", "NoSchedule")).toBe(true);
  expect(await isUnschedulable("node.kubernetes.io/unschedulable", "NoExecute")).toBe(false);
  expect(await isUnschedulable("other", "NoSchedule")).toBe(false);
});

test("a pod's limits and annotations are found by namespace and name", async () => {
  const pod = { namespace: "ns", name: "p", uid: "u", annotations: { k: "v" }, limits: ["vpc.amazonaws.com/pod-eni"] };
  const kube = open(write(facts({}, { pods: [pod] })));
  expect(await kube.pod("ns", "p")).toEqual({
    uid: "u",
    annotations: { k: "v" },
    firstContainerLimits: ["vpc.amazonaws.com/pod-eni"],
  });
  expect(await kube.pod("other", "p")).toBeUndefined();
});

test("a file that cannot be used says which file and what is wrong", async () => {
  await expect(open("/nonexistent/facts.json").node()).rejects.toThrow("/nonexistent/facts.json");
  const truncated = write('{"node": {"name": "n", ');
  await expect(open(truncated).node()).rejects.toThrow(truncated);
  await expect(open(write(facts({ maxPods: 0 }))).node()).rejects.toThrow("node.maxPods");
  const unknown = write(JSON.stringify({ node: { name: "n", maxPods: 1, maxpods: 2 } }));
  await expect(open(unknown).node()).rejects.toThrow("maxpods");
});

test("pods that need an address of the pool: not those of the host's network, of a branch ENI, or finished; unknown without a list", async () => {
  const pod = (name: string, more: object = {}) => ({ namespace: "ns", name, ...more });
  const pods = [
    pod("a"),
    pod("b", { phase: "Running" }),
    pod("c", { hostNetwork: true }),
    pod("d", { phase: "Succeeded" }),
    pod("e", { phase: "Failed" }),
    pod("f", { limits: ["vpc.amazonaws.com/pod-eni"] }),
  ];
  const counts = async (content: FactsFile) => {
    const { boundPodCount, clusterNodeCount } = await open(write(content)).node();
    return { boundPodCount, clusterNodeCount };
  };
  expect(await counts(facts({}, { pods, cluster: { nodeCount: 40 } }))).toEqual({
    boundPodCount: 2,
    clusterNodeCount: 40,
  });
  expect(await counts(facts())).toEqual({ boundPodCount: undefined, clusterNodeCount: undefined });
});

test("a change is told within a tenth of a second, and a burst of them not one by one", async () => {
  const path = write(facts());
  const told: number[] = [];
  let isTold = Promise.withResolvers<void>();
  const stop = open(path).watchNode(
    ({ boundPodCount }) => {
      told.push(boundPodCount ?? 0);
      isTold.resolve();
    },
    () => {},
  );
  await isTold.promise;
  isTold = Promise.withResolvers<void>();
  const startedMs = performance.now();
  for (let count = 1; count <= 50; count++) {
    const pods = Array.from({ length: count }, (_, i) => ({ namespace: "ns", name: `p${i}` }));
    writeFileSync(`${path}.new`, JSON.stringify(facts({}, { pods })));
    renameSync(`${path}.new`, path);
  }
  await isTold.promise;
  expect(performance.now() - startedMs).toBeLessThan(300);
  await until(() => told.at(-1) === 50);
  stop();
  expect(told.length).toBeLessThan(10);
});

test("a change is told once; a broken file is told as an error and the next good one as a change", async () => {
  const path = write(facts());
  const changes: KubeNode[] = [];
  const errors: string[] = [];
  const stop = open(path).watchNode(
    (node) => changes.push(node),
    (message) => errors.push(message),
  );
  const replace = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  await until(() => changes.length === 1);
  replace(JSON.stringify(facts({ maxPods: 29 })));
  await until(() => changes.length === 2);
  replace("{");
  await until(() => errors.length > 0);
  replace(JSON.stringify(facts({ maxPods: 30 })));
  await until(() => changes.length === 3);
  stop();
  expect(changes.map((node) => node.maxPods)).toEqual([110, 29, 30]);
  expect(errors[0]).toContain(path);
});

test("what the API server would be told is appended beside the file, one JSON object a line [ipamd 5.5, 6.5]", async () => {
  const path = write(facts());
  const kube = open(path);
  await kube.announceFeature({ name: "SecurityGroupsForPods", value: "" });
  await kube.emitEvent({ type: "Warning", reason: "MissingIAMPermissions", action: "ec2:X", message: "m" });
  const lines = readFileSync(`${path}.events.jsonl`, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { kind: "feature", name: "SecurityGroupsForPods", value: "" },
    { kind: "event", type: "Warning", reason: "MissingIAMPermissions", action: "ec2:X", message: "m" },
  ]);
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await Bun.sleep(10);
  expect(condition()).toBe(true);
}
