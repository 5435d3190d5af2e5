// Line charts as SVG text: axes with round numbers, up to two lines with their bands, a tooltip for each moment. Colours are CSS
// classes of the page; lines also differ in dashes, so that print and colour-blind eyes tell them apart.

import type { Ms } from "../base/units.ts";
import { formatDurationMs } from "../cluster/index.ts";

export interface ChartSeries {
  readonly name: string;
  readonly values: readonly number[];
  /** Drawn behind the line; as many as `values`. */
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] };
  /** Filled from the line down to these values. */
  readonly downTo?: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly note: string;
  readonly atMs: readonly Ms[];
  readonly series: readonly ChartSeries[];
  readonly unit: "" | " %";
}

const WIDTH = 620;
const HEIGHT = 250;
const LEFT = 56;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 30;

export function chartHtml(chart: Chart): string {
  const { atMs, series } = chart;
  const endMs = Math.max(1, atMs.at(-1) ?? 1);
  const most = Math.max(1, ...series.flatMap((one) => [...one.values, ...(one.band?.high ?? [])]));
  const step = roundStep(most / 4);
  const top = Math.ceil(most / step) * step;
  const x = (ms: Ms): string => (LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const parts: string[] = [];
  for (let value = 0; value <= top + step / 2; value += step) {
    parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}"/>`);
    parts.push(
      `<text class="tick" x="${LEFT - 8}" y="${y(value)}" dy="0.35em" text-anchor="end">${number(value)}${chart.unit}</text>`,
    );
  }
  for (const ms of timeTicks(endMs)) {
    parts.push(
      `<text class="tick" x="${x(ms)}" y="${HEIGHT - 8}" text-anchor="${ms === endMs ? "end" : "middle"}">${ms === 0 ? "0" : formatDurationMs(ms)}</text>`,
    );
  }
  for (const [index, one] of series.entries()) {
    const line = (values: readonly number[]): string[] => values.map((value, at) => `${x(atMs[at] ?? 0)},${y(value)}`);
    const below = one.band?.low ?? one.downTo;
    const above = one.band?.high ?? (one.downTo === undefined ? undefined : one.values);
    if (below !== undefined && above !== undefined) {
      parts.push(
        `<polygon class="band b${index + 1}" points="${[...line(above), ...line(below).reverse()].join(" ")}"/>`,
      );
    }
    parts.push(`<polyline class="line l${index + 1}" points="${line(one.values).join(" ")}"/>`);
  }
  for (const [at, ms] of atMs.entries()) {
    const from = Number(x(at === 0 ? 0 : (ms + atMs[at - 1]!) / 2));
    const to = Number(x(at === atMs.length - 1 ? endMs : (ms + atMs[at + 1]!) / 2));
    const said = series.map((one) => `${one.name}: ${number(one.values[at] ?? 0)}${chart.unit}`);
    const box = `x="${from.toFixed(1)}" width="${(to - from).toFixed(1)}" y="${TOP}" height="${HEIGHT - TOP - BOTTOM}"`;
    parts.push(
      `<rect class="hit" ${box}><title>${escapeHtml([formatDurationMs(ms), ...said].join("\n"))}</title></rect>`,
    );
  }
  const legend = series.map(
    (one, index) =>
      `<span class="key"><svg class="swatch" viewBox="0 0 22 8" aria-hidden="true"><line class="line l${index + 1}" x1="0" x2="22" y1="4" y2="4"/></svg>${escapeHtml(one.name)}</span>`,
  );
  return `<figure><figcaption>${escapeHtml(chart.title)}</figcaption><div class="keys">${legend.join("")}</div><svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(chart.title)}">${parts.join("")}</svg><p class="note">${escapeHtml(chart.note)}</p></figure>\n`;
}

/** 1, 2 or 5 times a power of ten, at least `least` and a whole number. */
function roundStep(least: number): number {
  let power = 1;
  while (power * 10 <= least) power *= 10;
  return power * (least <= power ? 1 : least <= 2 * power ? 2 : least <= 5 * power ? 5 : 10);
}

const TICKS_MS = [
  1_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000,
  43_200_000, 86_400_000, 172_800_000, 432_000_000,
] as const;

function timeTicks(endMs: Ms): Ms[] {
  const step = TICKS_MS.find((one) => endMs / one <= 7) ?? endMs / 6;
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, index) => index * step);
}

function number(value: number): string {
  const text = String(Math.round(value * 10) / 10);
  const [whole = "", fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
