// Rotated logs as one text: the copies of one log of one node, oldest first, go through one reader.

import { parseRfc3339 } from "../../base/calendar.ts";
import type { FactsPart, UnreadFile } from "../facts/model.ts";
import { createLogReader } from "../readers/logs/index.ts";
import type { TimelineReader } from "../readers/logs/timeline.ts";
import type { LogReader } from "../readers/reader.ts";
import { peek } from "./byte-stream.ts";
import { asUtf8, encodingOf } from "./decode.ts";
import { failureText } from "./failure-text.ts";
import type { LogSource } from "./findings.ts";
import { logStem } from "./node-of.ts";

const TIME = /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(Z|[+-]\d\d:?\d\d)?/;

/** Of the first line that carries a whole date; UTC where no zone is given. */
export function firstTimeIn(head: string): number | undefined {
  const match = TIME.exec(head);
  if (match === null) return undefined;
  const zone = (match[3] ?? "Z").replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  return parseRfc3339(`${match[1]}T${(match[2] ?? "").replace(",", ".")}${zone}`);
}

/** All copies of one log, oldest first; a copy without any time comes last, as the file that is written to does. */
export function logSets(logs: readonly LogSource[]): LogSource[][] {
  const sets = new Map<string, LogSource[]>();
  for (const log of logs) {
    const key = JSON.stringify([log.node ?? "", log.kind, logStem(log.path)]);
    const set = sets.get(key);
    if (set === undefined) sets.set(key, [log]);
    else set.push(log);
  }
  const ageOf = (log: LogSource): number => log.firstMs ?? Number.POSITIVE_INFINITY;
  const byAge = (a: LogSource, b: LogSource): number =>
    ageOf(a) === ageOf(b) ? (a.path < b.path ? -1 : 1) : ageOf(a) - ageOf(b);
  return [...sets.values()].map((set) => set.toSorted(byAge));
}

/** The reader for one set of logs, oldest first. */
export type LogReaderFor = (set: readonly LogSource[]) => LogReader | undefined;

export function doctorsReader([first]: readonly LogSource[]): LogReader | undefined {
  if (first === undefined) return undefined;
  // Elsewhere the text itself tells whether somebody cut it out of a longer one.
  const isExcerpt = first.kind === "excerpt" ? true : first.isWhole ? false : undefined;
  return createLogReader({ node: first.node, ...(isExcerpt === undefined ? {} : { isExcerpt }) });
}

/** Reads one set. What breaks off counts as far as it goes. */
export async function readLogSet(
  set: readonly LogSource[],
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly timeline?: TimelineReader | undefined;
    readonly logReader?: LogReaderFor | undefined;
  },
): Promise<FactsPart> {
  const { signal, timeline, logReader = doctorsReader } = options;
  const reader = logReader(set);
  if (reader === undefined)
    return { unread: set.map(({ path, kind }) => ({ file: path, reason: `is a ${kind} log` })) };
  const unread: UnreadFile[] = [];
  for (const log of set) {
    reader.begin(log.path);
    timeline?.begin(log.path);
    try {
      const { head, rest } = await peek(log.open(), 4);
      for await (const chunk of asUtf8(rest, encodingOf(head))) {
        reader.push(chunk);
        timeline?.push(chunk);
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      unread.push({ file: log.path, reason: `${failureText(error)}; what comes before was read` });
    }
  }
  const part = reader.end();
  const read = part.read ?? set.map(({ path: file, kind }) => ({ file, kind: `${kind} log` }));
  return { ...part, read, unread: [...(part.unread ?? []), ...unread] };
}
