// Reads what a run is asked for: the cluster file, the manifests and traces it names, dumps. The problems of every file come
// back at once, as text with places; nothing is half loaded.

import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import {
  type CheckError,
  type Cluster,
  formatCheckError,
  formatDurationMs,
  type ManifestWorkload,
  type ParsedTrace,
  parseCluster,
  parseFaults,
  parseManifests,
  parseTrace,
  sortCheckErrors,
  type TimedFault,
  type TracePod,
} from "../cluster/index.ts";

/** The input cannot be used. `message` holds the problems, one a line, the first ten of them. */
export class LoadError extends Error {
  override readonly name = "LoadError";
  readonly next: string | undefined;
  /** A file that is not there is another matter than one that is wrong. */
  readonly isUnreadable: boolean;

  constructor(message: string, options: { next?: string; isUnreadable?: boolean } = {}) {
    super(message);
    this.next = options.next;
    this.isUnreadable = options.isUnreadable ?? false;
  }
}

export interface LoadedCluster {
  readonly cluster: Cluster;
  /** The folder that paths in the file start from. */
  readonly folder: string;
}

/** Reads and checks a cluster file. Throws `LoadError`. */
export function loadCluster(path: string): LoadedCluster {
  return { cluster: clusterFromText(readText(path), path), folder: dirname(path) };
}

/** The same for a text that is no file of its own: the embedded default. */
export function clusterFromText(text: string, name: string): Cluster {
  const parsed = parseCluster(text, name);
  if (parsed.kind === "ok") return parsed.cluster;
  throw checkFailure(parsed.errors);
}

/** Reads a file of timed faults. Throws `LoadError`. */
export function loadFaults(path: string): readonly TimedFault[] {
  const parsed = parseFaults(readText(path), path);
  if (parsed.kind === "ok") return parsed.faults;
  throw checkFailure(parsed.errors);
}

export interface LoadedPods {
  readonly manifests: readonly ManifestWorkload[];
  readonly traces: readonly TracePod[];
  readonly warnings: readonly CheckError[];
}

/** Manifests and traces that the cluster file's workloads name, and manifests named beside it. Throws `LoadError`. */
export function loadPods(loaded: LoadedCluster, manifestPaths: readonly string[]): LoadedPods {
  const manifests: ManifestWorkload[] = [];
  const traces: TracePod[] = [];
  const errors: CheckError[] = [];
  const warnings: CheckError[] = [];
  const readManifest = (path: string, text: string): void => {
    const parsed = parseManifests(text, path);
    manifests.push(...parsed.workloads);
    errors.push(...parsed.errors);
    warnings.push(...parsed.warnings);
  };
  for (const workload of loaded.cluster.workloads) {
    if (!("path" in workload)) continue;
    const path = isAbsolute(workload.path) ? workload.path : join(loaded.folder, workload.path);
    let text: string;
    try {
      text = readText(path);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      const { line, column } = workload;
      errors.push({ file: loaded.cluster.fileName, line, column, message: error.message, next: error.next });
      continue;
    }
    if (workload.kind === "manifest") readManifest(path, text);
    else {
      const parsed = parseTrace(text, path);
      for (const pod of parsed.pods) traces.push(pod);
      errors.push(...parsed.errors);
      if (parsed.errors.length === 0)
        warnings.push(
          ...skippedLines(parsed, path),
          ...foreignNodes(parsed.pods, path, loaded.cluster),
          ...afterTheEnd(parsed.pods, path, loaded.cluster),
        );
    }
  }
  for (const path of manifestPaths) readManifest(path, readText(path));
  if (errors.length > 0) throw checkFailure(errors);
  return { manifests, traces, warnings };
}

/** The lines of a trace that are not used: the first ones, and how many there are. */
function skippedLines({ skipped, skippedCount, pods }: ParsedTrace, file: string): CheckError[] {
  if (skippedCount === 0) return [];
  const shown = skipped.length < skippedCount ? `, of which these ${skipped.length} are shown` : "";
  const message = `${skippedCount} lines of the trace are not used${shown}; ${pods.length} pods are`;
  return [{ file, line: skipped[0]?.line ?? 1, column: 1, message }, ...skipped];
}

/** Pods that come when the run is over. */
function afterTheEnd(pods: readonly TracePod[], file: string, { run, fileName }: Cluster): CheckError[] {
  const late = pods.filter((pod) => pod.atMs > run.durationMs);
  if (late.length === 0) return [];
  const lastMs = late.reduce((last, pod) => Math.max(last, pod.atMs), 0);
  const end = formatDurationMs(run.durationMs);
  const message = `${late.length} of the trace's ${pods.length} pods come after the run's end (run.duration ${end}), the last at ${formatDurationMs(lastMs)}`;
  const next = `Give ${fileName} a longer run.duration, or the trace with slash28 trace --from and --to.`;
  return [{ file, line: 1, column: 1, message, next }];
}

/** Nodes that a trace names and the node groups do not have. Of a dump's own instances nothing is known here. */
function foreignNodes(pods: readonly TracePod[], file: string, cluster: Cluster): CheckError[] {
  if (cluster.nodeGroups.length === 0) return [];
  const known = new Set(
    cluster.nodeGroups.flatMap(({ name, count }) => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)),
  );
  const named = new Set(pods.flatMap((pod) => pod.nodeName ?? []));
  const foreign = [...named].filter((name) => !known.has(name));
  if (foreign.length === 0) return [];
  const message = `${foreign.length} of the ${named.size} nodes that the trace names (${foreign[0]}) are not in the cluster file: the scheduler places their pods`;
  const next = "slash28 trace --node-group NAME writes the nodes as NAME-1, NAME-2 and so on.";
  return [{ file, line: 1, column: 1, message, next }];
}

/** A file of another kind has a problem on every line. */
const PROBLEMS_SHOWN = 10;

function checkFailure(errors: readonly CheckError[]): LoadError {
  const sorted = sortCheckErrors(errors);
  const file = sorted[0]?.file ?? "the file";
  const what = sorted.length === 1 ? `${file} cannot be used` : `${file} cannot be used: ${sorted.length} problems`;
  const lines = sorted.slice(0, PROBLEMS_SHOWN).map(formatCheckError);
  if (sorted.length > PROBLEMS_SHOWN) lines.push(`... and ${sorted.length - PROBLEMS_SHOWN} more`);
  return new LoadError([what, ...lines].join("\n"));
}

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError) throw new LoadError(`${path} is not UTF-8 text`, { isUnreadable: true });
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "it is a folder"
          : `it cannot be read (${code})`;
    throw new LoadError(`${path}: ${why}`, { next: "Check the path.", isUnreadable: true });
  }
}
