// The options by which doctor, lint and map say where facts come from, and the gathering itself: progress on standard error,
// errors that the user can act on as CommandError.

import { readFileSync, statSync } from "node:fs";
import type { Command } from "commander";
import { collect } from "../diagnose/collect/index.ts";
import type { LogReaderFor } from "../diagnose/collect/log-sets.ts";
import type { Facts, FactsPart } from "../diagnose/facts/model.ts";
import { readFactsFile } from "../diagnose/readers/facts-file.ts";
import type { TimelineReader } from "../diagnose/readers/logs/timeline.ts";
import { systemClock } from "../drivers/clock-system.ts";
import { formatCheckError } from "../text/check-error.ts";
import { CommandError } from "./command-error.ts";
import { openProgress } from "./progress.ts";

export interface CollectFlags {
  readonly facts?: string;
  readonly ec2?: string;
}

export function collectOptions(command: Command): Command {
  return command
    .option("--facts <file>", "what only a person knows, as YAML: docs/schemas/facts.v1.json")
    .option("--ec2 <dir>", "a folder of answers of the AWS CLI (describe-subnets and the like, as JSON)");
}

/** Reads everything that was named. A path that does not exist is an error; a file that cannot be read is listed in `unread`. */
export async function collectFacts(
  paths: readonly string[],
  flags: CollectFlags,
  more: {
    readonly parts?: readonly FactsPart[];
    readonly timeline?: TimelineReader;
    readonly logReader?: LogReaderFor | undefined;
  } = {},
): Promise<Facts> {
  for (const path of paths) if (path !== "-") requirePath(path);
  if (flags.ec2 !== undefined) requirePath(flags.ec2);
  const parts = flags.facts === undefined ? [] : [factsPart(flags.facts)];
  const clock = systemClock();
  const progress = openProgress(process.stderr, () => clock.nowMs());
  try {
    return await collect({
      paths,
      ec2Folder: flags.ec2,
      parts: [...parts, ...(more.parts ?? [])],
      timeline: more.timeline,
      logReader: more.logReader,
      onProgress: ({ done, total, file, doneBytes, totalBytes }) =>
        progress.update({ done: doneBytes, total: totalBytes, label: `MB, ${done} of ${total} files: ${file}` }),
    });
  } finally {
    progress.end();
  }
}

export function requirePath(path: string): void {
  try {
    statSync(path);
  } catch (error) {
    throw new CommandError(
      `${path} cannot be read: ${(error as Error).message.replace(/^E[A-Z]+: /, "").replace(/, stat .*$/, "")}`,
      {
        exitStatus: 3,
        next: "Name a file, a folder, an archive, or - for standard input.",
      },
    );
  }
}

function factsPart(path: string): FactsPart {
  requirePath(path);
  const { facts, errors } = readFactsFile(readFileSync(path, "utf8"), path);
  if (facts !== undefined) return facts;
  throw new CommandError(`${path} cannot be used\n${errors.map(formatCheckError).join("\n")}`, {
    exitStatus: 2,
    next: "The keys are listed in docs/schemas/facts.v1.json.",
  });
}
