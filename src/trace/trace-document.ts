// What `slash28 trace` finds, as a document: the pods, and all that the logs do not tell. docs/schemas/trace.v1.json.

import { formatRfc3339 } from "../base/calendar.ts";
import type { Ms } from "../base/units.ts";
import { type KubectlPods, livesWithin, type TracePod, tracePodsOf } from "../cluster/index.ts";
import type { CheckError } from "../text/check-error.ts";
import { joinLives } from "./join-histories.ts";
import type { NodeHistory } from "./log-history.ts";

export interface TraceInput {
  readonly histories: readonly NodeHistory[];
  readonly kubectl: readonly { readonly file: string; readonly pods: KubectlPods }[];
  /** Nodes are called NAME-1, NAME-2, ... as a cluster file's node group calls its own. */
  readonly nodeGroup: string | undefined;
  /** Wall time; undefined: no bound. */
  readonly fromMs?: Ms | undefined;
  readonly toMs?: Ms | undefined;
}

export interface TraceNode {
  readonly name: string;
  /** As the logs or the Kubernetes API call it. */
  readonly source: string;
  readonly pods: number;
  readonly adds: number;
  readonly dels: number;
  readonly refusedAdds: number;
  readonly duplicateAdds: number;
  readonly delsWithoutAdd: number;
  readonly idleDels: number;
  readonly addsWithoutDel: number;
  readonly neverServed: number;
  readonly lines: number;
  readonly unusableLines: number;
  readonly repeatedLines: number;
  readonly hasDebug: boolean;
  readonly from: string | null;
  readonly to: string | null;
  readonly gapCount: number;
  readonly gaps: readonly {
    readonly from: string;
    readonly to: string;
    readonly file: string;
    readonly line: number;
    readonly isRestart: boolean;
  }[];
  readonly clockStepCount: number;
  readonly clockSteps: readonly { readonly backMs: Ms; readonly file: string; readonly line: number }[];
}

export interface TraceDocument {
  readonly schema: "slash28/trace/v1";
  /** Wall time of moment 0: the first coming or going of a pod. null: there is no pod. */
  readonly start: string | null;
  /** From moment 0 to where the evidence ends: the logs' last line, or the last coming or going of a pod. */
  readonly durationMs: Ms;
  readonly counts: {
    readonly pods: number;
    readonly addressPods: number;
    readonly ended: number;
    /** There, or waiting, when the evidence ends. */
    readonly stillThere: number;
    readonly fromBefore: number;
    readonly unnamed: number;
    readonly repeatedSandboxes: number;
    readonly unusableLines: number;
    readonly unusableObjects: number;
  };
  readonly nodes: readonly TraceNode[];
  /** The first of the lines and objects that could not be used. */
  readonly unusable: readonly {
    readonly file: string;
    readonly line: number;
    readonly why: string;
    readonly text: string;
  }[];
  readonly pods: readonly TracePodDocument[];
}

export interface TracePodDocument {
  readonly atMs: Ms;
  readonly namespace: string;
  readonly name: string;
  readonly node: string | null;
  readonly lifetimeMs: Ms | null;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly hostNetwork: boolean;
}

export interface Trace {
  readonly document: Omit<TraceDocument, "pods">;
  readonly pods: readonly TracePod[];
}

const UNUSABLE_SHOWN_MAX = 20;

export function traceOf(input: TraceInput): Trace {
  const kubectl = input.kubectl.map((one) => one.pods);
  const ids = new Map(kubectl.flatMap((one) => [...one.nodeNames]));
  const stems = stemsOf(input.histories.filter((history) => history.node === undefined));
  const sourceOf = (history: NodeHistory): string =>
    ids.get(history.node ?? "") ?? history.node ?? stems.get(history) ?? "unknown";
  const { lives: all, repeatedCount, unnamedCount } = joinLives(input.histories, kubectl, sourceOf);
  const lives = livesWithin(all, { fromMs: input.fromMs, toMs: input.toMs });
  const sources = [...new Set([...input.histories.map(sourceOf), ...all.flatMap((life) => life.nodeName ?? [])])];
  const names = nodeNames(sources, input.nodeGroup);
  const traced = tracePodsOf(
    lives.map((life) => (life.nodeName === undefined ? life : { ...life, nodeName: names.get(life.nodeName) })),
    input.fromMs,
  );
  const { pods, startWallMs } = traced;
  const lastMs = pods.reduce((last, pod) => Math.max(last, pod.atMs + (pod.lifetimeMs ?? 0)), 0);
  const endWallMs = Math.min(input.toMs ?? Number.POSITIVE_INFINITY, logsEndMs(input.histories));
  const podCounts = new Map<string, number>();
  for (const { nodeName } of pods) {
    if (nodeName !== undefined) podCounts.set(nodeName, (podCounts.get(nodeName) ?? 0) + 1);
  }
  const nodes = sources.map((source) => {
    const name = names.get(source) ?? source;
    const sets = input.histories.filter((history) => sourceOf(history) === source);
    return nodeDocument({ name, source, podCount: podCounts.get(name) ?? 0, sets });
  });
  const objectProblems = input.kubectl.flatMap((one) => [...one.pods.errors, ...one.pods.problems]);
  return {
    pods,
    document: {
      schema: "slash28/trace/v1",
      start: startWallMs === undefined ? null : formatRfc3339(startWallMs),
      durationMs: startWallMs === undefined ? 0 : Math.max(lastMs, endWallMs - startWallMs),
      counts: {
        pods: pods.length,
        addressPods: pods.filter((pod) => !pod.isHostNetwork).length,
        ended: pods.filter((pod) => pod.lifetimeMs !== undefined).length,
        stillThere: pods.filter((pod) => pod.lifetimeMs === undefined).length,
        fromBefore: lives.filter((life) => life.isFromBefore).length,
        unnamed: unnamedCount,
        repeatedSandboxes: repeatedCount,
        unusableLines: sum(input.histories, (history) => history.unusableCount),
        unusableObjects: sum(kubectl, (one) => one.problemCount + one.errors.length),
      },
      nodes: nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      unusable: [...input.histories.flatMap(unusableLines), ...objectProblems.map(unusableObject)].slice(
        0,
        UNUSABLE_SHOWN_MAX,
      ),
    },
  };
}

export function podDocument(pod: TracePod): TracePodDocument {
  const { atMs, namespace, name, cpuMillis, memoryBytes } = pod;
  const node = pod.nodeName ?? null;
  const lifetimeMs = pod.lifetimeMs ?? null;
  return { atMs, namespace, name, node, lifetimeMs, cpuMillis, memoryBytes, hostNetwork: pod.isHostNetwork };
}

/** From what the sources call a node to what the trace calls it: in the order of their names. */
function nodeNames(sources: readonly string[], group: string | undefined): ReadonlyMap<string, string> {
  const ordered = sources.toSorted((a, b) => (a < b ? -1 : 1));
  return new Map(ordered.map((source, index) => [source, group === undefined ? source : `${group}-${index + 1}`]));
}

function nodeDocument(given: {
  readonly name: string;
  readonly source: string;
  readonly podCount: number;
  readonly sets: readonly NodeHistory[];
}): TraceNode {
  const { name, source, podCount, sets } = given;
  const count = (of: (set: NodeHistory) => number): number => sum(sets, of);
  const wall = (ms: number | undefined): string | null => (ms === undefined ? null : formatRfc3339(ms));
  const firsts = sets.flatMap((set) => set.clock.firstMs ?? []);
  const lasts = sets.flatMap((set) => set.clock.lastMs ?? []);
  return {
    name,
    source,
    pods: podCount,
    adds: count((set) => set.counts.addCount),
    dels: count((set) => set.counts.delCount),
    refusedAdds: count((set) => set.counts.refusedAddCount),
    duplicateAdds: count((set) => set.counts.duplicateAddCount),
    delsWithoutAdd: count((set) => set.counts.delWithoutAddCount),
    idleDels: count((set) => set.counts.idleDelCount),
    addsWithoutDel: count((set) => set.counts.addWithoutDelCount),
    neverServed: count((set) => set.counts.neverServedCount),
    lines: count((set) => set.lineCount),
    unusableLines: count((set) => set.unusableCount),
    repeatedLines: count((set) => set.clock.overlapLineCount),
    hasDebug: sets.some((set) => set.hasDebug),
    from: wall(firsts.length === 0 ? undefined : Math.min(...firsts)),
    to: wall(lasts.length === 0 ? undefined : Math.max(...lasts)),
    gapCount: count((set) => set.clock.gapCount),
    gaps: sets.flatMap(({ clock }) =>
      clock.gaps.map(({ fromMs, toMs, at, isRestart }) => ({
        from: formatRfc3339(fromMs),
        to: formatRfc3339(toMs),
        file: at.file,
        line: at.line ?? 0,
        isRestart,
      })),
    ),
    clockStepCount: count((set) => set.clock.stepCount),
    clockSteps: sets.flatMap(({ clock }) =>
      clock.steps.map(({ backMs, at }) => ({ backMs, file: at.file, line: at.line ?? 0 })),
    ),
  };
}

function unusableLines(history: NodeHistory): TraceDocument["unusable"][number][] {
  return history.unusable.map(({ at, why, text }) => ({ file: at.file, line: at.line ?? 0, why, text }));
}

function unusableObject({ file, line, message }: CheckError): TraceDocument["unusable"][number] {
  return { file, line, why: message, text: "" };
}

/** Wall time of the last line; -Infinity: there is none. */
export function logsEndMs(histories: readonly NodeHistory[]): Ms {
  return histories.reduce((last, { clock }) => Math.max(last, clock.lastMs ?? last), Number.NEGATIVE_INFINITY);
}

/** Of logs whose place tells no node: the name of the file, or its path where another one is called the same. */
function stemsOf(histories: readonly NodeHistory[]): ReadonlyMap<NodeHistory, string> {
  const paths = histories.map(({ files }) => (files[0] ?? "unknown").replace(/\.log.*$/, "").replaceAll(/[\s,]/g, "_"));
  const bases = paths.map((path) => path.slice(path.lastIndexOf("/") + 1));
  const isAlone = (index: number): boolean =>
    bases.every((base, other) => base !== bases[index] || paths[other] === paths[index]);
  return new Map(histories.map((history, index) => [history, isAlone(index) ? bases[index]! : paths[index]!]));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
