// The table of events that ends `kubectl describe`.

import type { EventFact } from "../../facts/model.ts";
import { parseSeries } from "./ages.ts";
import { type Column, cellsOf, columnsOf } from "./columns.ts";
import type { DescribeField } from "./describe-text.ts";

export interface EventSubject {
  readonly file: string;
  readonly objectKind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly node: string | undefined;
}

/** Events of one object. A message of several lines is joined with blanks. */
export function describedEvents(field: DescribeField | undefined, subject: EventSubject): EventFact[] {
  const events: EventFact[] = [];
  let columns: readonly Column[] | undefined;
  for (const row of field === undefined ? [] : rowsOf(field)) {
    if (columns === undefined) {
      if (/^Type\s+Reason\s/.test(row.text)) columns = columnsOf(row.raw);
      continue;
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

/** All lines beneath the field, in order, whatever their indentation. */
function rowsOf(field: DescribeField): DescribeField[] {
  const rows: DescribeField[] = [];
  const pending = [...field.children].reverse();
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
