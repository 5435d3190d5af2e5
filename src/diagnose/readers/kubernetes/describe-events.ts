// The table of events that ends `kubectl describe`.

import type { EventFact } from "../../facts/model.ts";
import { parseSeries } from "./ages.ts";
import { type Column, cellsOf, columnsOf } from "./columns.ts";
import type { DescribeField } from "./describe-text.ts";

const HEADINGS = /^Type\s+Reason\s+Age\s+From\s+Message$/;
/** `Warning  Failed  4m (x12 over 10m)  kubelet  …`; `kubectl get events` begins with the age. */
const ROW = /^(?:Normal|Warning)\s+[A-Z]\w+\s+(?:[0-9a-z]+|<\w+>)(?: \(x\d+(?: over \w+)?\))?\s{2,}\S/;

/** Whether a text begins with such a table, or with rows of one. */
export function beginsEvents(text: string): boolean {
  const line = (/^(?:\s*Events:[^\S\n]*\n)?([^\n]*)/.exec(text)?.[1] ?? "").trim();
  return HEADINGS.test(line) || ROW.test(line);
}

export function isEventsHeading(line: string): boolean {
  return HEADINGS.test(line.trim());
}

export interface EventSubject {
  readonly file: string;
  readonly objectKind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly node: string | undefined;
}

/** Events of one object. A message of several lines is joined with blanks. */
export function describedEvents(field: DescribeField | undefined, subject: EventSubject): EventFact[] {
  return eventsIn(field === undefined ? [] : rowsOf(field.children), subject);
}

/** The same of a table that was copied alone. Whose events they are stands in the scheduler's, where that one was copied too. */
export function eventsOfNoDescription(fields: readonly DescribeField[], file: string): EventFact[] {
  const events = eventsIn(rowsOf(fields), { file, objectKind: "Pod", namespace: undefined, name: "", node: undefined });
  const scheduled = events
    .map((event) => /^Successfully assigned ([\w.-]+)\/([\w.-]+) to ([\w.-]+)/.exec(event.message))
    .findLast((match) => match !== null);
  if (scheduled === undefined || scheduled === null) return events;
  const [, namespace, name = "", node] = scheduled;
  return events.map((event) => ({ ...event, namespace, name, node: event.node ?? node }));
}

function eventsIn(rows: readonly DescribeField[], subject: EventSubject): EventFact[] {
  const events: EventFact[] = [];
  let columns: readonly Column[] | undefined;
  for (const row of rows) {
    if (columns === undefined) {
      if (/^Type\s+Reason\s/.test(row.text)) columns = columnsOf(row.raw);
      if (!ROW.test(row.text)) continue;
      columns ??= [];
    }
    if (/^-{2,}/.test(row.text)) continue;
    const event = eventOf(columns, row, subject);
    const last = events.at(-1);
    if (event !== undefined) events.push(event);
    else if (last !== undefined)
      events[events.length - 1] = { ...last, message: `${last.message} ${row.text}`.slice(0, 8000) };
  }
  return events;
}

/** All these lines and those beneath them, in order, whatever their indentation. */
function rowsOf(fields: readonly DescribeField[]): DescribeField[] {
  const rows: DescribeField[] = [];
  const pending = [...fields].reverse();
  for (let row = pending.pop(); row !== undefined; row = pending.pop()) {
    rows.push(row);
    for (const child of [...row.children].reverse()) pending.push(child);
  }
  return rows;
}

function eventOf(columns: readonly Column[], row: DescribeField, subject: EventSubject): EventFact | undefined {
  const cells = cellsOf(columns, row.raw);
  const type = cells.get("TYPE");
  const [first, ...after] = row.text.split(/\s{2,}/);
  if (!/^(?:Normal|Warning)$/.test(type ?? first ?? "")) return undefined;
  const aligned = parseSeries(cells.get("AGE") ?? "");
  const series = aligned ?? parseSeries(after[1] ?? "");
  if (series === undefined) return undefined;
  const reason = aligned === undefined ? (after[0] ?? "") : (cells.get("REASON") ?? "");
  const from = aligned === undefined ? after[2] : cells.get("FROM");
  const message = aligned === undefined ? after.slice(3).join("  ") : (cells.get("MESSAGE") ?? "");
  const [component, host] = (from ?? "").split(", ");
  const { file, ...about } = subject;
  const at = { file, line: row.line };
  return { ...about, node: host ?? about.node, reason, message, component: component || undefined, ...series, at };
}
