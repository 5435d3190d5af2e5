// The reports open offline, hold what they should, and let no name of a file or a node become markup.

import { expect, test } from "bun:test";
import { compareDocument, seedsDocument } from "./compare.ts";
import { simDocument } from "./result.ts";
import { chartHtml, escapeHtml } from "./result-chart.ts";
import { compareHtml, seedsHtml, simHtml } from "./result-html.ts";
import { churnText, runFleet } from "./testing/clusters.ts";

const runs = [1, 2].map((seed) => simDocument(runFleet(churnText(), { seed }), { policy: "vpc-cni", seed }));
const HOSTILE = '<img src=x onerror="alert(1)">';

test("every report is one file: no script, no request, no reference outside; its tags are closed", () => {
  const pages = [
    simHtml(runs[0]!),
    seedsHtml(seedsDocument("c.yaml", runs)),
    compareHtml(compareDocument({ name: "a", runs }, { name: "b", runs })),
  ];
  for (const page of pages) {
    expect(page).toStartWith("<!doctype html>");
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|<link|<img|src=|href=|url\(|@import|https?:/i);
    for (const tag of ["svg", "table", "section", "figure", "div", "title", "polyline"]) {
      const opened = page.match(new RegExp(`<${tag}[ >]`, "g"))?.length ?? 0;
      const closed = page.match(new RegExp(`</${tag}>`, "g"))?.length ?? 0;
      const selfClosed = tag === "polyline" ? (page.match(/<polyline[^>]*\/>/g)?.length ?? 0) : 0;
      expect(`${tag} ${opened}`).toBe(`${tag} ${closed + selfClosed}`);
    }
    expect(page).toContain("prefers-color-scheme: dark");
    expect(page).toContain("@media print");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  }
  expect(pages[0]).toContain("260 of 260");
});

test("a name is text, never markup", () => {
  const page = compareHtml(compareDocument({ name: HOSTILE, runs }, { name: "b'\"&", runs }));
  expect(page).not.toContain("<img");
  expect(page).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
  expect(escapeHtml("'&'")).toBe("&#39;&amp;&#39;");
});

test("a chart puts the highest value at the top tick and the first moment at the axis", () => {
  const svg = chartHtml({
    title: "t",
    note: "n",
    atMs: [0, 60_000],
    series: [{ name: "s", values: [0, 100] }],
    unit: "",
  });
  expect(svg).toContain('points="56.0,220.0 608.0,12.0"');
  expect(svg).toContain(">100</text>");
  expect(svg).toContain("1m\ns: 100");
  // A label at the right edge ends there.
  expect(svg).toContain('<text class="tick" x="608.0" y="242" text-anchor="end">1m</text>');
  // Nothing at all still has a scale.
  expect(chartHtml({ title: "t", note: "", atMs: [0], series: [{ name: "s", values: [0] }], unit: "" })).not.toContain(
    "NaN",
  );
});
