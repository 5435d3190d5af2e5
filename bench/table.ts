// Rows of measurements as Markdown.

import { type BenchRow, isMet } from "./types.ts";

export interface BenchGroup {
  /** The module's name. */
  readonly name: string;
  readonly rows: readonly BenchRow[];
}

export interface Machine {
  readonly cpu: string;
  readonly coreCount: number;
  readonly memoryMb: number;
  readonly os: string;
  readonly bun: string;
}

/** Three significant digits, thousands with commas. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 1_000) {
    return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
  }
  return String(Number(value.toPrecision(3)));
}

export function formatAsked(row: BenchRow): string {
  if (row.asked === undefined) return "–";
  return "atMost" in row.asked ? `≤ ${formatNumber(row.asked.atMost)}` : `≥ ${formatNumber(row.asked.atLeast)}`;
}

export function groupTable(group: BenchGroup): string {
  const lines = [`## ${group.name}`, "", "| What | Asked | Measured | Unit | | Note |", "|---|---|---|---|---|---|"];
  for (const row of group.rows) {
    const mark = row.asked === undefined ? "" : isMet(row) ? "met" : "**missed**";
    lines.push(
      `| ${row.name} | ${formatAsked(row)} | ${formatNumber(row.measured)} | ${row.unit} | ${mark} | ${row.note ?? ""} |`,
    );
  }
  return lines.join("\n");
}

export function benchDocument(options: {
  readonly machine: Machine;
  readonly command: string;
  readonly date: string;
  readonly groups: readonly BenchGroup[];
}): string {
  const { machine } = options;
  return [
    "# Benchmarks",
    "",
    `Measured on ${options.date} with \`${options.command}\` on ${machine.coreCount} cores (${machine.cpu}), ${formatNumber(machine.memoryMb)} MB of memory, ${machine.os}, Bun ${machine.bun}. "Asked" is what the project promises on a machine of this size.`,
    "",
    ...options.groups.flatMap((group) => [groupTable(group), ""]),
  ].join("\n");
}
