// The frame of the HTML reports: one file without script, font, image or request, in the reader's light or dark, fit to print.

import { escapeHtml } from "./result-chart.ts";

const STYLE = `
:root { color-scheme: light dark; --paper: #ffffff; --card: #f6f8fb; --ink: #1b2430; --soft: #5a6675; --rule: #d9e0e8;
  --one: #1d5fd0; --two: #c2570c; --good: #12703f; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161c; --card: #1a2029; --ink: #e6ebf2; --soft: #9aa7b6; --rule: #323c49;
  --one: #7db0ff; --two: #ffb070; --good: #6fd69b; --bad: #ff8f86; } }
@media print { :root { color-scheme: light; --paper: #ffffff; --card: #ffffff; --ink: #000000; --soft: #444444; --rule: #bbbbbb;
  --one: #1d5fd0; --two: #c2570c; --good: #12703f; --bad: #b3261e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1360px; padding: 28px 24px 48px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 32px 0 10px; }
.lead { color: var(--soft); margin: 0 0 20px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 16px; margin-top: 20px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 14px 14px 8px; break-inside: avoid; }
figcaption { font-weight: 600; }
.keys { display: flex; flex-wrap: wrap; gap: 4px 16px; color: var(--soft); font-size: 13px; min-height: 20px; }
.key { display: inline-flex; align-items: center; gap: 6px; }
.swatch { width: 22px; height: 8px; }
.chart { width: 100%; height: auto; display: block; }
.note { color: var(--soft); font-size: 12.5px; margin: 2px 0 4px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.tick { fill: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2.2; stroke-linejoin: round; }
.l1 { stroke: var(--one); } .l2 { stroke: var(--two); stroke-dasharray: 6 3; }
.band { stroke: none; opacity: 0.16; } .b1 { fill: var(--one); } .b2 { fill: var(--two); }
.hit { fill: transparent; } .hit:hover { fill: var(--soft); opacity: 0.14; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
td.n, th.n { text-align: right; }
.better { color: var(--good); font-weight: 600; } .worse { color: var(--bad); font-weight: 600; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 0 32px; }
li { margin: 3px 0; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } .hit { display: none; } h2 { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; } tr { break-inside: avoid; } }
`;

export interface Page {
  readonly title: string;
  readonly lead: string;
  readonly body: string;
  readonly assumptions: readonly string[];
}

export function pageHtml({ title, lead, body, assumptions }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(lead)}</p>
${body}
<h2>Assumptions of the simulator</h2>
<ul>${assumptions.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>
</body>
</html>
`;
}

export function tilesHtml(tiles: readonly (readonly [value: string, label: string])[]): string {
  const cells = tiles.map(
    ([value, label]) => `<div class="tile"><b>${escapeHtml(value)}</b><span>${escapeHtml(label)}</span></div>`,
  );
  return `<div class="tiles">${cells.join("")}</div>\n`;
}

export interface Cell {
  readonly text: string;
  readonly className: string;
}

/** `isNumber`: by column, for the side they are set to. No rows: nothing. */
export function tableHtml(
  title: string,
  header: readonly string[],
  rows: readonly (readonly (string | Cell)[])[],
  isNumber: readonly boolean[],
): string {
  if (rows.length === 0) return "";
  const side = (column: number): string => (isNumber[column] ? ' class="n"' : "");
  const head = header.map((text, column) => `<th${side(column)}>${escapeHtml(text)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, column) =>
      typeof cell === "string"
        ? `<td${side(column)}>${escapeHtml(cell)}</td>`
        : `<td class="${cell.className}">${escapeHtml(cell.text)}</td>`,
    );
    return `<tr>${cells.join("")}</tr>`;
  });
  const heading = title === "" ? "" : `<h2>${escapeHtml(title)}</h2>`;
  return `<section>${heading}<div class="wide"><table><thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div></section>\n`;
}
