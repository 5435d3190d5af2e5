// The sums of a torture as text: for the terminal, and as the table of docs/torture.md.

import type { PolicyId } from "../src/ipam/types.ts";

export interface PolicyFigure {
  readonly policy: PolicyId;
  readonly from: number;
  readonly seeds: number;
  /** Steps of engines while faults were on. */
  readonly steps: number;
  readonly crashes: number;
  readonly ec2Calls: number;
  readonly seconds: number;
  readonly excused: readonly (readonly [string, number])[];
  readonly failures: readonly { readonly seed: number; readonly what: string }[];
}

export function figureLines(figure: PolicyFigure): string[] {
  const { policy, from, seeds, steps, crashes, ec2Calls, seconds, failures } = figure;
  const rate = Math.round(steps / Math.max(seconds, 0.001));
  const lines = [
    `${policy}: ${steps} faulted steps in ${seeds} runs from seed ${from}, ${crashes} crashes, ${ec2Calls} EC2 calls`,
    `  ${failures.length} runs broke an invariant; ${seconds.toFixed(1)} s, ${rate} faulted steps a second`,
  ];
  const excused = excusedText(figure);
  if (excused !== "") lines.push(`  broken by documented quirks, counted: ${excused}`);
  return lines;
}

function excusedText({ excused }: PolicyFigure): string {
  const order = (id: string) => Number(id.slice(1));
  return [...excused]
    .sort((a, b) => order(a[0]) - order(b[0]))
    .map(([id, count]) => `${id} ${count}`)
    .join(", ");
}

const BEGIN = "<!-- figure: written by npm run torture -- --write -->";
const END = "<!-- end of the figure -->";

/** The document with its figure replaced. */
export function withFigure(
  document: string,
  measured: {
    readonly figures: readonly PolicyFigure[];
    readonly machine: string;
    readonly command: string;
    readonly date: string;
  },
): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/torture.md has no place for the figure: ${BEGIN} ... ${END}`);
  const rows = measured.figures.map(
    (figure) =>
      `| ${figure.policy} | ${grouped(figure.steps)} | ${grouped(figure.seeds)} (from ${figure.from}) | ${grouped(figure.crashes)} | ${grouped(figure.ec2Calls)} | ${figure.failures.length} | ${excusedText(figure) || "none"} | ${Math.round(figure.seconds)} |`,
  );
  const text = [
    `Measured on ${measured.date} with \`${measured.command}\` on ${measured.machine}.`,
    "",
    "| Policy | Faulted steps | Runs | Crashes | EC2 calls | Runs that broke an asserted invariant | Broken by quirks, counted | Seconds |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ];
  return `${document.slice(0, from + BEGIN.length)}\n${text.join("\n")}\n${document.slice(to)}`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}
