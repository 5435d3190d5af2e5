// A timeline for a terminal or as JSON.

import { formatRfc3339 } from "../../base/calendar.ts";
import type { TimelineEntry } from "../doctor/timeline.ts";
import { sourceText } from "./doctor-document.ts";
import { readableLine } from "./plain-text.ts";

export function timelineText(entries: readonly TimelineEntry[], subject: string): string {
  if (entries.length === 0) return `Nothing that was read names ${subject}.\n`;
  const timed = entries.filter((entry) => entry.ms !== undefined);
  const untimed = entries.filter((entry) => entry.ms === undefined);
  const lines = [`${subject}: ${timed.length} moments, ${untimed.length} facts without a time`, ""];
  for (const entry of timed) lines.push(...entryLines(`${timeText(entry.ms ?? 0)}  `, entry));
  if (untimed.length > 0)
    lines.push("", "As it was when it was read", ...untimed.flatMap((entry) => entryLines("  ", entry)));
  return `${lines.join("\n")}\n`;
}

export function timelineDocument(entries: readonly TimelineEntry[], subject: string): object {
  return {
    schema: "slash28/timeline/v1",
    subject,
    entries: entries.map((entry) => ({
      time: entry.ms === undefined ? null : timeText(entry.ms),
      kind: entry.kind,
      source: sourceText(entry.source),
      text: entry.text,
    })),
  };
}

/** With milliseconds: an ADD and its refusal lie that close. */
function timeText(ms: number): string {
  return formatRfc3339(ms).replace("Z", `.${String(Math.floor(ms) % 1000).padStart(3, "0")}Z`);
}

/** Of a line of a log its level and message: the time stands before it. */
function messageOf(text: string): string {
  return readableLine(text).replace(/^\d{4}-\d\d-\d\dT\S+ /, "");
}

function entryLines(indent: string, entry: TimelineEntry): string[] {
  return [
    `${indent}${entry.kind.padEnd(10)} ${entry.ms === undefined ? readableLine(entry.text) : messageOf(entry.text)}`,
    `${" ".repeat(indent.length + 11)}${sourceText(entry.source)}`,
  ];
}
