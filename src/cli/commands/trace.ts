// slash28 trace: the history of real nodes' pods, from logs of the agent or from kubectl, as a trace for a cluster file.

import { Command, InvalidArgumentError, Option } from "commander";
import { formatRfc3339, parseRfc3339 } from "../../base/calendar.ts";
import { logsEndMs, podDocument, type Trace, traceOf } from "../../trace/trace-document.ts";
import { traceCsv, traceTable, traceTalk } from "../../trace/trace-forms.ts";
import { collectTrace } from "../collect-trace.ts";
import { CommandError } from "../command-error.ts";

interface Options {
  readonly output: "csv" | "json" | "table";
  readonly nodeGroup?: string;
  readonly from?: number;
  readonly to?: number;
}

export function traceCommand(): Command {
  return new Command("trace")
    .description("the pods of real nodes' logs or of kubectl, as a trace that a cluster file replays")
    .argument(
      "<path...>",
      "ipamd.log and its rotated copies, support bundles, output of kubectl get pods or events -o json, folders of them; - reads standard input",
    )
    .option("--node-group <name>", "call the nodes NAME-1, NAME-2, ... as a node group of a cluster file does", toGroup)
    .option(
      "--from <time>",
      "leave out what was before, as 2026-03-01T00:00:00Z; pods of then are there at moment 0",
      toTime,
    )
    .option("--to <time>", "leave out what came after", toTime)
    .addOption(
      new Option("-o, --output <format>", "how to print the result").choices(["csv", "json", "table"]).default("csv"),
    )
    .action(async (paths: string[], options: Options) => {
      process.exitCode = await trace(paths, options);
    });
}

async function trace(paths: readonly string[], options: Options): Promise<number> {
  if (options.from !== undefined && options.to !== undefined && options.from >= options.to) {
    throw new CommandError("--from is not before --to", { exitStatus: 2, next: "Give a span that holds some time." });
  }
  const { histories, kubectl, unread } = await collectTrace(paths);
  const { from } = options;
  const found = traceOf({ histories, kubectl, nodeGroup: options.nodeGroup, fromMs: options.from, toMs: options.to });
  if (found.pods.length === 0) throw noPods(unread.map(({ file, reason }) => `${file}: ${reason}`));
  const endMs = logsEndMs(histories);
  // Pods that come later are of kubectl's: then there is time to replay.
  if (from !== undefined && from >= endMs && endMs > 0 && found.document.durationMs === 0) {
    throw new CommandError(`--from ${formatRfc3339(from)}: the logs end before, at ${formatRfc3339(endMs)}`, {
      exitStatus: 2,
      next: "Give a moment that the logs tell of; without --from all of them are taken.",
    });
  }
  for (const line of traceTalk(found)) process.stderr.write(`${line}\n`);
  if (unread.length > 0) {
    process.stderr.write(`${unread.length} files hold no history of pods, or were not read to their end:\n`);
    for (const { file, reason } of unread.slice(0, UNREAD_SHOWN_MAX)) process.stderr.write(`  ${file}: ${reason}\n`);
    if (unread.length > UNREAD_SHOWN_MAX) process.stderr.write(`  and ${unread.length - UNREAD_SHOWN_MAX} more\n`);
  }
  for (const piece of render(found, options.output)) process.stdout.write(piece);
  return 0;
}

const UNREAD_SHOWN_MAX = 10;

function* render(found: Trace, format: Options["output"]): Generator<string> {
  if (format === "csv") yield* traceCsv(found);
  else if (format === "table") yield traceTable(found);
  else {
    const { document, pods } = found;
    yield `${JSON.stringify(document).slice(0, -1)},"pods":[\n`;
    for (const [index, pod] of pods.entries()) {
      yield `${JSON.stringify(podDocument(pod))}${index === pods.length - 1 ? "" : ","}\n`;
    }
    yield "]}\n";
  }
}

function noPods(unread: readonly string[]): CommandError {
  const shown = unread.slice(0, UNREAD_SHOWN_MAX).map((line) => `\n  ${line}`);
  return new CommandError(`no pod is told of by what was given${shown.join("")}`, {
    exitStatus: 1,
    next: "Give ipamd.log of the nodes (a support bundle has it), or the output of kubectl get pods -A -o json.",
  });
}

function toTime(text: string): number {
  const ms = parseRfc3339(text);
  if (ms === undefined) throw new InvalidArgumentError("A time is written as 2026-03-01T00:00:00Z.");
  return ms;
}

function toGroup(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?$/.test(text)) {
    throw new InvalidArgumentError("A node group is named by lower-case letters, digits and dashes.");
  }
  return text;
}
