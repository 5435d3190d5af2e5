// A trace as CSV, as a table, and as what standard error says of it: what the logs do not tell is never left unsaid.

import type { Ms } from "../base/units.ts";
import { formatDurationMs, TRACE_COLUMNS, type TracePod } from "../cluster/index.ts";
import { table } from "../text/layout.ts";
import type { Trace, TraceNode } from "./trace-document.ts";

/** Lines of a CSV handed out at once. */
const CHUNK_LINES = 10_000;

/** The CSV that a cluster file's `workloads: [{ trace: FILE }]` reads, in pieces. */
export function* traceCsv({ document, pods }: Trace): Generator<string> {
  const { start, counts, nodes } = document;
  let text = `# slash28 trace: moment 0 is ${start ?? "not known"}; ${counted(counts.pods, "pod")} of ${counted(nodes.length, "node")}\n`;
  text += `${TRACE_COLUMNS.join(",")}\n`;
  for (const [index, pod] of pods.entries()) {
    text += `${csvLine(pod)}\n`;
    if ((index + 1) % CHUNK_LINES !== 0) continue;
    yield text;
    text = "";
  }
  yield text;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function csvLine(pod: TracePod): string {
  const cpu = pod.cpuMillis === 0 ? "" : `${pod.cpuMillis}m`;
  const memory = pod.memoryBytes === 0 ? "" : String(pod.memoryBytes);
  const lifetime = pod.lifetimeMs === undefined ? "" : duration(pod.lifetimeMs);
  const hostNetwork = pod.isHostNetwork ? "true" : "";
  return [duration(pod.atMs), pod.name, pod.namespace, pod.nodeName ?? "", lifetime, cpu, memory, hostNetwork].join(
    ",",
  );
}

/** Exact, in the largest unit that needs no fraction. */
function duration(ms: Ms): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

export function traceTable({ document }: Trace): string {
  const { counts, start, durationMs } = document;
  const header = [
    "node",
    "pods",
    "ADDs",
    "refused",
    "DELs",
    "no DEL",
    "no ADD",
    "gaps",
    "clock steps",
    "lines",
    "unusable",
  ];
  const rows = document.nodes.map((node) => [
    node.name === node.source ? node.name : `${node.name} (${node.source})`,
    ...[node.pods, node.adds, node.refusedAdds, node.dels, node.addsWithoutDel, node.delsWithoutAdd].map(String),
    ...[node.gapCount, node.clockStepCount, node.lines, node.unusableLines].map(String),
  ]);
  const lines = [
    `${counted(counts.pods, "pod")} over ${formatDurationMs(durationMs)}; moment 0 is ${start ?? "not known"}`,
    `${counts.ended} ended, ${counts.stillThere} are there (or wait) at the end, ${counts.fromBefore} came before the beginning`,
    "",
    ...table(
      header,
      rows,
      header.map((_, index) => index > 0),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** One line each, for standard error. */
export function traceTalk({ document }: Trace): string[] {
  const { counts, start, durationMs, nodes } = document;
  const lines = [
    `moment 0 is ${start ?? "not known"}; ${counted(counts.pods, "pod")} of ${counted(nodes.length, "node")} over ${formatDurationMs(durationMs)}: run.duration of a cluster file that replays it`,
  ];
  const total = (of: (node: TraceNode) => number): number => nodes.reduce((sum, node) => sum + of(node), 0);
  const note = (count: number, text: string): void => {
    if (count > 0) lines.push(`${count} ${text}`);
  };
  note(
    total((node) => node.delsWithoutAdd),
    "DELs without an ADD: those pods are there from the beginning of the logs, or from the end of a gap",
  );
  note(
    total((node) => node.addsWithoutDel),
    "ADDs without a DEL: those pods still run when the logs end, and have no lifetime",
  );
  note(
    total((node) => node.neverServed),
    "pods never got an address: they are in the trace, for as long as they asked",
  );
  note(
    total((node) => node.duplicateAdds),
    "ADDs were for a sandbox that had its address: they are no pods of their own",
  );
  note(counts.unnamed, "pods are not named by the logs: they are called after their sandbox");
  note(counts.repeatedSandboxes, "sandboxes are told by several logs of their node: each is one pod");
  note(
    total((node) => node.repeatedLines),
    "lines were read before, in another copy of the same log",
  );
  for (const node of nodes) lines.push(...nodeTalk(node));
  note(counts.unusableLines + counts.unusableObjects, "lines and objects could not be used:");
  for (const { file, line, why, text } of document.unusable)
    lines.push(`  ${file}:${line}: ${why}${text === "" ? "" : `: ${text.slice(0, 160)}`}`);
  const hidden = counts.unusableLines + counts.unusableObjects - document.unusable.length;
  if (hidden > 0) lines.push(`  and ${hidden} more`);
  return lines;
}

/** Of a node's gaps and clock steps, each. */
const SHOWN_MAX = 5;

function nodeTalk(node: TraceNode): string[] {
  const lines = node.gaps.slice(0, SHOWN_MAX).map(({ from, to, file, line, isRestart }) => {
    const why = isRestart ? "the agent started then: it was down, or logs are missing" : "rotated logs are missing";
    return `${node.source}: nothing from ${from} to ${to} (${file}:${line}): ${why}, and pods of that time may be, too`;
  });
  if (node.gapCount > SHOWN_MAX) lines.push(`${node.source}: and ${node.gapCount - SHOWN_MAX} more gaps: -o json`);
  for (const { backMs, file, line } of node.clockSteps.slice(0, SHOWN_MAX))
    lines.push(
      `${node.source}: the clock went back by ${formatDurationMs(backMs)} (${file}:${line}): time goes on from there`,
    );
  if (node.clockStepCount > SHOWN_MAX)
    lines.push(`${node.source}: and ${node.clockStepCount - SHOWN_MAX} more steps of the clock: -o json`);
  if (node.lines > 0 && !node.hasDebug)
    lines.push(`${node.source}: no debug lines: a refused pod is not named, and a gap in the logs cannot be told`);
  return lines;
}
