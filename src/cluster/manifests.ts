// Kubernetes manifests, as `kubectl get -o yaml|json` and `kubectl create --dry-run=client -o yaml` print them, to what the
// run needs of them: how many pods, where they may go, what they ask for. Several documents and Lists are fine.

import { isSeq } from "yaml";
import type { CheckError } from "../text/check-error.ts";
import { sortCheckErrors } from "../text/check-error.ts";
import { nearNames } from "../text/near-names.ts";
import { describe, type MapReader, scalarText, type YamlNode, YamlSource } from "../text/yaml-source.ts";
import { type CronSchedule, parseCron } from "./cron.ts";
import { readSpread } from "./parse-spread.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";
import type { SpreadConstraint } from "./types.ts";

export type ControllerKind =
  | "Deployment"
  | "ReplicaSet"
  | "ReplicationController"
  | "StatefulSet"
  | "DaemonSet"
  | "Job"
  | "CronJob"
  | "Pod";

/** One pod template of a manifest and the controller that makes pods from it. */
export interface ManifestWorkload {
  readonly kind: ControllerKind;
  readonly namespace: string;
  readonly name: string;
  /** Replicas, or the completions of a job. DaemonSet: 0, the nodes decide. */
  readonly podCount: number;
  /** Job and CronJob: how many run at once. */
  readonly parallelism: number;
  /** CronJob only. */
  readonly schedule: CronSchedule | undefined;
  /** StatefulSet: the number of its first pod. */
  readonly firstOrdinal: number;
  readonly pod: PodTemplate;
}

export interface PodTemplate {
  readonly isHostNetwork: boolean;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly nodeSelector: ReadonlyMap<string, string>;
  /** spec.nodeName: the pod skips the scheduler. */
  readonly nodeName: string | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly spread: readonly SpreadConstraint[];
  readonly annotations: ReadonlyMap<string, string>;
  /** Names of the resource limits of the first container; the agent looks for branch ENIs among them. */
  readonly firstContainerLimits: readonly string[];
}

export interface ParsedManifests {
  readonly workloads: readonly ManifestWorkload[];
  readonly errors: readonly CheckError[];
  readonly warnings: readonly CheckError[];
}

const KINDS: readonly ControllerKind[] = [
  "Deployment",
  "ReplicaSet",
  "ReplicationController",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
  "Pod",
];

const REPLICAS_MAX = 200_000;

/** Reads one file of manifests. `fileName` is what the messages call it. */
export function parseManifests(text: string, fileName: string): ParsedManifests {
  const source = new YamlSource(text, fileName);
  const workloads: ManifestWorkload[] = [];
  if (source.errors.length === 0) {
    const documents = source.documents.filter((document) => document.contents !== null);
    if (documents.length === 0)
      source.error(undefined, "the file holds no manifest", "Give a Deployment, a List, or so.");
    for (const document of documents) readObject(source, document.contents, workloads);
  }
  return { workloads, errors: sortCheckErrors(source.errors), warnings: sortCheckErrors(source.warnings) };
}

function readObject(source: YamlSource, node: YamlNode, to: ManifestWorkload[]): void {
  const object = source.map(node, "a manifest");
  if (object === undefined) return;
  const kind = object.text("kind", { isRequired: true, example: "Deployment" });
  if (kind === undefined) return;
  if (kind.endsWith("List") && object.has("items")) {
    for (const item of object.list("items") ?? []) readObject(source, item, to);
    return;
  }
  const known = KINDS.find((one) => one === kind);
  if (known === undefined) {
    const near = nearNames(kind, KINDS)[0];
    const next = near === undefined ? `Pods come from ${KINDS.join(", ")}.` : `Did you mean ${near}?`;
    source.warn(object.value("kind"), `${kind} makes no pods and is left out`, next);
    return;
  }
  const workload = readController(source, object, known);
  if (workload === undefined) return;
  // A ReplicaSet, Pod or Job that a controller of the same dump owns would count its pods twice.
  if (hasOwner(source, object)) return;
  to.push(workload);
}

function hasOwner(source: YamlSource, object: MapReader): boolean {
  const owners = source.resolve(object.map("metadata")?.value("ownerReferences"));
  return isSeq(owners) && owners.items.length > 0;
}

function readController(source: YamlSource, object: MapReader, kind: ControllerKind): ManifestWorkload | undefined {
  const metadata = requiredMap(source, object, "metadata", kind);
  const spec = requiredMap(source, object, "spec", kind);
  if (metadata === undefined || spec === undefined) return undefined;
  const name = metadata.text("name", { isRequired: !metadata.has("generateName"), isAnyScalar: true });
  const generateName = metadata.text("generateName", { isRequired: false });
  const namespace = metadata.text("namespace", { isRequired: false }) ?? "default";
  const shared = {
    kind,
    namespace,
    name: name ?? generateName?.replace(/-$/, "") ?? "",
    parallelism: 1,
    schedule: undefined,
    firstOrdinal: 0,
  };
  if (shared.name === "") return undefined;
  if (kind === "Pod") return withPod(readPodSpec(source, spec, metadata), { ...shared, podCount: 1 });
  if (kind === "CronJob") return readCronJob(source, spec, shared);
  const pod = readTemplate(source, spec, kind);
  if (kind === "DaemonSet") return withPod(pod, { ...shared, podCount: 0 });
  if (kind === "Job") return withPod(pod, { ...shared, ...readJobCounts(spec) });
  const podCount = spec.integer("replicas", { min: 0, max: REPLICAS_MAX }, { isRequired: false }) ?? 1;
  const ordinals = kind === "StatefulSet" ? spec.map("ordinals") : undefined;
  const firstOrdinal = ordinals?.integer("start", { min: 0, max: REPLICAS_MAX }, { isRequired: false }) ?? 0;
  return withPod(pod, { ...shared, podCount, firstOrdinal });
}

function withPod(pod: PodTemplate | undefined, rest: Omit<ManifestWorkload, "pod">): ManifestWorkload | undefined {
  return pod === undefined ? undefined : { ...rest, pod };
}

function requiredMap(source: YamlSource, reader: MapReader, key: string, what: string): MapReader | undefined {
  const node = reader.value(key);
  if (node !== undefined) return source.map(node, `${key} of the ${what}`);
  source.error(reader.has(key) ? reader.keyNode(key) : reader.node, `the ${what} has no "${key}"`);
  return undefined;
}

function readTemplate(source: YamlSource, spec: MapReader, kind: string): PodTemplate | undefined {
  const template = requiredMap(source, spec, "template", kind);
  if (template === undefined) return undefined;
  const podSpec = requiredMap(source, template, "spec", `${kind}'s pod template`);
  return podSpec === undefined ? undefined : readPodSpec(source, podSpec, template.map("metadata"));
}

function readCronJob(
  source: YamlSource,
  spec: MapReader,
  shared: Omit<ManifestWorkload, "pod" | "podCount">,
): ManifestWorkload | undefined {
  const text = spec.text("schedule", { isRequired: true, isAnyScalar: true, example: '"*/5 * * * *"' });
  const schedule = text === undefined ? undefined : parseCron(text);
  if (text !== undefined && schedule === undefined) {
    source.error(spec.value("schedule"), `"${text}" is not a cron schedule`, 'For example: schedule: "*/5 * * * *"');
  }
  const template = requiredMap(source, spec, "jobTemplate", "CronJob");
  const jobSpec = template === undefined ? undefined : requiredMap(source, template, "spec", "CronJob's job template");
  if (jobSpec === undefined || schedule === undefined) return undefined;
  const pod = readTemplate(source, jobSpec, "CronJob");
  const counts = readJobCounts(jobSpec);
  const isSuspended = spec.boolean("suspend") ?? false;
  return withPod(pod, { ...shared, ...counts, podCount: isSuspended ? 0 : counts.podCount, schedule });
}

function readJobCounts(spec: MapReader): { podCount: number; parallelism: number } {
  const parallelism = spec.integer("parallelism", { min: 0, max: REPLICAS_MAX }, { isRequired: false }) ?? 1;
  const completions = spec.integer("completions", { min: 0, max: REPLICAS_MAX }, { isRequired: false });
  const isSuspended = spec.boolean("suspend") ?? false;
  const podCount = isSuspended || parallelism === 0 ? 0 : (completions ?? parallelism);
  return { podCount, parallelism: Math.max(1, parallelism) };
}

function readPodSpec(source: YamlSource, spec: MapReader, metadata: MapReader | undefined): PodTemplate {
  const containers = spec.list("containers") ?? [];
  if (containers.length === 0) {
    const place = spec.has("containers") ? spec.keyNode("containers") : spec.node;
    source.error(place, "the pod has no containers");
  }
  const regular = sumRequests(source, containers);
  const initial = (spec.list("initContainers") ?? []).map((node) => readRequests(source, node));
  warnUnsupported(source, spec);
  return {
    isHostNetwork: spec.boolean("hostNetwork") ?? false,
    // Init containers run one after another before the others, so the larger of both counts.
    cpuMillis: Math.max(regular.cpuMillis, ...initial.map((one) => one.cpuMillis)),
    memoryBytes: Math.max(regular.memoryBytes, ...initial.map((one) => one.memoryBytes)),
    nodeSelector: spec.texts("nodeSelector") ?? new Map(),
    nodeName: spec.text("nodeName", { isRequired: false }),
    labels: metadata?.texts("labels") ?? new Map(),
    spread: readSpread(source, spec, "topologySpreadConstraints"),
    annotations: metadata?.texts("annotations") ?? new Map(),
    firstContainerLimits: limitNames(source, containers[0]),
  };
}

interface Requests {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

function sumRequests(source: YamlSource, containers: readonly YamlNode[]): Requests {
  let cpuMillis = 0;
  let memoryBytes = 0;
  for (const node of containers) {
    const requests = readRequests(source, node);
    cpuMillis += requests.cpuMillis;
    memoryBytes += requests.memoryBytes;
  }
  return { cpuMillis, memoryBytes };
}

function readRequests(source: YamlSource, node: YamlNode): Requests {
  const resources = source.map(node, "a container")?.map("resources");
  // Without a request the limit counts as one (Kubernetes defaulting).
  const read = (key: string, parse: (text: string) => number | undefined): number => {
    for (const scope of [resources?.map("requests"), resources?.map("limits")]) {
      const valueNode = scope?.value(key);
      if (valueNode === undefined) continue;
      const text = scalarText(source.resolve(valueNode), true);
      const value = text === undefined ? undefined : parse(text);
      if (value !== undefined) return value;
      source.error(valueNode, `${key} must be a quantity such as 250m or 128Mi, not ${describe(valueNode)}`);
    }
    return 0;
  };
  return { cpuMillis: read("cpu", parseCpuMillis), memoryBytes: read("memory", parseMemoryBytes) };
}

function limitNames(source: YamlSource, container: YamlNode | undefined): string[] {
  if (container === undefined) return [];
  const limits = source.map(container, "a container")?.map("resources")?.texts("limits");
  return limits === undefined ? [] : [...limits.keys()];
}

/** What the scheduler here does not weigh: the pods may land elsewhere than in the real cluster. */
function warnUnsupported(source: YamlSource, spec: MapReader): void {
  const node = source.resolve(spec.value("affinity")) as { items?: unknown[] } | undefined;
  if (node?.items !== undefined && node.items.length > 0) {
    source.warn(spec.keyNode("affinity"), "affinity is not weighed when the pods are placed");
  }
}
