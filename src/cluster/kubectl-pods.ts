// Pods and events as `kubectl get pods -A -o json` and `kubectl get events -A -o json` print them, as lives of pods. What the
// API server has forgotten is not in them: it keeps events for an hour, and a pod that is deleted at once.

import { parseRfc3339 } from "../base/calendar.ts";
import type { Ms } from "../base/units.ts";
import type { CheckError } from "../text/check-error.ts";
import { findJsonMistake, findJsonPath, type JsonPath } from "../text/json-position.ts";
import type { PodLife } from "./pod-life.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";

export interface KubectlPods {
  readonly lives: readonly PodLife[];
  /** From an instance's id to the name of its node, where nodes are listed too. */
  readonly nodeNames: ReadonlyMap<string, string>;
  readonly objectCount: number;
  /** The text cannot be read at all. */
  readonly errors: readonly CheckError[];
  /** The first objects that cannot be used. */
  readonly problems: readonly CheckError[];
  readonly problemCount: number;
}

type Json = Readonly<Record<string, unknown>>;

/** Whether the beginning of a text is a list of pods, events or nodes, or one of them. */
export function looksLikeKubectlPods(head: string): boolean {
  return /^[\uFEFF\s]*\{/.test(head) && /"kind"\s*:\s*"(?:Pod|Event|Node|PodList|EventList|NodeList)"/.test(head);
}

/** `problemsMax`: how many problems are told with their place; all are counted. */
export function kubectlPods(text: string, file: string, problemsMax: number): KubectlPods {
  let root: unknown;
  try {
    root = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    const mistake = findJsonMistake(text);
    const { line, column, message } = mistake ?? { line: 1, column: 1, message: "is no JSON" };
    return { ...NOTHING, errors: [{ file, line, column, message: `this JSON cannot be read: ${message}` }] };
  }
  const lives = new LivesByUid();
  const problems: CheckError[] = [];
  const nodeNames = new Map<string, string>();
  let problemCount = 0;
  const objects = objectsIn(root);
  for (const { object, path } of objects) {
    const problem = readObject(object, lives, nodeNames);
    if (problem === undefined) continue;
    problemCount++;
    if (problems.length < problemsMax) problems.push({ file, ...findJsonPath(text, path), message: problem });
  }
  return { lives: lives.result(), nodeNames, objectCount: objects.length, errors: [], problems, problemCount };
}

const NOTHING: KubectlPods = {
  lives: [],
  nodeNames: new Map(),
  objectCount: 0,
  errors: [],
  problems: [],
  problemCount: 0,
};

/** What is wrong with the object; undefined when nothing is. */
function readObject(object: Json, lives: LivesByUid, nodeNames: Map<string, string>): string | undefined {
  switch (text(object["kind"])) {
    case "Pod":
      return readPod(object, lives);
    case "Event":
      return readEvent(object, lives);
    case "Node": {
      const id = /i-[0-9a-f]{8,17}$/.exec(text(map(object["spec"])["providerID"]) ?? "")?.[0];
      const name = text(map(object["metadata"])["name"]);
      if (id !== undefined && name !== undefined) nodeNames.set(id, name);
      return undefined;
    }
    default:
      return `kind ${text(object["kind"]) ?? "is missing"}: only Pod, Event and Node tell of pods`;
  }
}

function readPod(pod: Json, lives: LivesByUid): string | undefined {
  const metadata = map(pod["metadata"]);
  const spec = map(pod["spec"]);
  const status = map(pod["status"]);
  const name = text(metadata["name"]);
  if (name === undefined) return "a pod without a name";
  const createdMs = time(metadata["creationTimestamp"]);
  if (createdMs === undefined) return `the pod ${name} has no creationTimestamp`;
  const namespace = text(metadata["namespace"]) ?? "default";
  const life = lives.of({ uid: text(metadata["uid"]), namespace, name });
  life.askedMs = createdMs;
  life.isFromBefore = false;
  life.nodeName = text(spec["nodeName"]) ?? life.nodeName;
  life.isHostNetwork = spec["hostNetwork"] === true;
  life.servedMs ??= servedMs(status);
  life.endedMs = endedMs(metadata, status) ?? life.endedMs;
  const { cpuMillis, memoryBytes } = requestsOf(spec);
  life.cpuMillis = cpuMillis;
  life.memoryBytes = memoryBytes;
  return undefined;
}

/** Its sandbox had a network, where that is told; else the first container's start. */
function servedMs(status: Json): Ms | undefined {
  for (const condition of maps(status["conditions"])) {
    if (text(condition["type"]) !== "PodReadyToStartContainers" || condition["status"] !== "True") continue;
    return time(condition["lastTransitionTime"]);
  }
  const starts = maps(status["containerStatuses"]).flatMap((one) => {
    const state = map(one["state"]);
    return time(map(state["running"])["startedAt"]) ?? time(map(state["terminated"])["startedAt"]) ?? [];
  });
  return starts.length === 0 ? undefined : Math.min(...starts);
}

function endedMs(metadata: Json, status: Json): Ms | undefined {
  const deletedMs = time(metadata["deletionTimestamp"]);
  const phase = text(status["phase"]);
  if (phase !== "Succeeded" && phase !== "Failed") return deletedMs;
  const ends = maps(status["containerStatuses"]).flatMap(
    (one) => time(map(map(one["state"])["terminated"])["finishedAt"]) ?? [],
  );
  return ends.length === 0 ? deletedMs : Math.max(...ends);
}

function requestsOf(spec: Json): { cpuMillis: number; memoryBytes: number } {
  let cpuMillis = 0;
  let memoryBytes = 0;
  for (const container of maps(spec["containers"])) {
    const requests = map(map(container["resources"])["requests"]);
    cpuMillis += parseCpuMillis(String(requests["cpu"] ?? "0")) ?? 0;
    memoryBytes += parseMemoryBytes(String(requests["memory"] ?? "0")) ?? 0;
  }
  return { cpuMillis, memoryBytes };
}

/** Events that end a pod on its node (kubelet, scheduler, taint manager). */
const ENDS: ReadonlySet<string> = new Set(["Killing", "Evicted", "Preempted", "TaintManagerEviction", "Preempting"]);
const STARTED: ReadonlySet<string> = new Set(["Pulling", "Pulled", "Created", "Started"]);
/** The pod is there, and has no address or no node. */
const WAITS: ReadonlySet<string> = new Set(["FailedCreatePodSandBox", "FailedScheduling"]);

function readEvent(event: Json, lives: LivesByUid): string | undefined {
  const about = map(event["involvedObject"] ?? event["regarding"]);
  if (text(about["kind"]) !== "Pod") return undefined;
  const name = text(about["name"]);
  if (name === undefined) return "an event of a pod without a name";
  const first = time(event["eventTime"]) ?? time(event["firstTimestamp"]) ?? time(event["deprecatedFirstTimestamp"]);
  const atMs = first ?? time(map(event["metadata"])["creationTimestamp"]);
  if (atMs === undefined) return `an event of the pod ${name} has no time`;
  const reason = text(event["reason"]) ?? "";
  // What else happens to a pod says nothing of its coming and going.
  if (reason !== "Scheduled" && !ENDS.has(reason) && !STARTED.has(reason) && !WAITS.has(reason)) return undefined;
  const life = lives.of({ uid: text(about["uid"]), namespace: text(about["namespace"]) ?? "default", name });
  const message = text(event["message"]) ?? text(event["note"]) ?? "";
  life.seenMs = Math.min(life.seenMs, atMs);
  if (reason === "Scheduled") {
    if (life.isFromBefore) {
      life.askedMs = atMs;
      life.isFromBefore = false;
    }
    life.nodeName ??= /Successfully assigned \S+ to (\S+)$/.exec(message)?.[1];
  } else if (ENDS.has(reason) && !isRestart(message)) life.endedMs ??= atMs;
  else if (STARTED.has(reason)) life.servedMs = Math.min(life.servedMs ?? atMs, atMs);
  life.nodeName ??= hostOf(event);
  return undefined;
}

/** A container that is killed to be started again does not end its pod. */
function isRestart(message: string): boolean {
  return /will be restarted|failed (?:liveness|startup) probe/.test(message);
}

/** Of the kubelet that reports it. */
function hostOf(event: Json): string | undefined {
  const source = map(event["source"]);
  if (text(source["component"]) === "kubelet") return text(source["host"]);
  return text(event["reportingComponent"]) === "kubelet" ? text(event["reportingInstance"]) : undefined;
}

type OpenLife = { -readonly [Key in keyof PodLife]: PodLife[Key] } & { seenMs: Ms };

/** One life a uid; where none is told, one a name. */
class LivesByUid {
  readonly #lives = new Map<string, OpenLife>();

  of(pod: { readonly uid: string | undefined; readonly namespace: string; readonly name: string }): OpenLife {
    const { uid, namespace, name } = pod;
    const key = uid ?? `${namespace}/${name}`;
    const known = this.#lives.get(key);
    if (known !== undefined) return known;
    const life: OpenLife = {
      namespace,
      name,
      nodeName: undefined,
      askedMs: 0,
      isFromBefore: true,
      servedMs: undefined,
      endedMs: undefined,
      cpuMillis: 0,
      memoryBytes: 0,
      isHostNetwork: false,
      seenMs: Number.POSITIVE_INFINITY,
    };
    this.#lives.set(key, life);
    return life;
  }

  /** What came before the events is dated at the earliest of all. */
  result(): PodLife[] {
    const lives = [...this.#lives.values()];
    const beginMs = lives.reduce((first, life) => {
      return Math.min(first, life.isFromBefore ? life.seenMs : life.askedMs);
    }, Number.POSITIVE_INFINITY);
    return lives.map(({ seenMs: _, ...life }) => (life.isFromBefore ? { ...life, askedMs: beginMs } : life));
  }
}

function objectsIn(root: unknown): { readonly object: Json; readonly path: JsonPath }[] {
  const list = map(root)["items"];
  if (!Array.isArray(list)) return [{ object: map(root), path: [] }];
  const kind = text(map(root)["kind"])?.replace(/List$/, "");
  return list.map((item, index) => {
    const object = map(item);
    // Items of a PodList carry no kind of their own.
    return {
      object: text(object["kind"]) === undefined && kind ? { ...object, kind } : object,
      path: ["items", index],
    };
  });
}

function map(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function maps(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(map) : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function time(value: unknown): Ms | undefined {
  return typeof value === "string" ? parseRfc3339(value) : undefined;
}
