// The three results as HTML reports: figures, courses over time, tables. What they show is the JSON document's; nothing is
// computed anew but the places of lines.

import { formatDurationMs } from "../cluster/index.ts";
import type { BandsAt, CompareDocument, OverTimeField, SeedsDocument } from "./compare.ts";
import { compareRows, decimal, seedsPhrase, seedsRows, sideLine } from "./compare-text.ts";
import type { SimDocument } from "./result.ts";
import { type Chart, type ChartSeries, chartHtml } from "./result-chart.ts";
import { metricText } from "./result-metrics.ts";
import { pageHtml, tableHtml, tilesHtml } from "./result-page.ts";
import { envText, outcomesText } from "./result-text.ts";

const NODE_ROWS_MAX = 200;

export function simHtml(document: SimDocument): string {
  const { samples, pods, exhaustion } = document;
  const of = (field: Exclude<keyof (typeof samples)[number], "atMs">) => samples.map((one) => one[field] ?? 0);
  const chart = (title: string, note: string, series: readonly ChartSeries[], unit: Chart["unit"] = ""): string =>
    chartHtml({ title, note, atMs: samples.map((one) => one.atMs), series, unit });
  const failed = document.adds.failed.reduce((sum, one) => sum + one.count, 0);
  const refusedAt = [exhaustion.prefixAtMs, exhaustion.addressAtMs].filter((one) => one !== null);
  const body = [
    tilesHtml([
      [`${pods.served} of ${pods.total}`, `pods got an address; ${outcomesText(pods)}`],
      [
        document.waitAtLeastMs.p99 === null ? "-" : metricText(document.waitAtLeastMs.p99, "ms"),
        pods.waiting === 0 ? "wait for it, p99" : `wait for it so far, p99, with the ${pods.waiting} that still wait`,
      ],
      [String(failed), `failed ADDs of ${document.adds.total}`],
      [
        String(total(document.ec2Calls.mutating)),
        `changing EC2 calls, ${document.ec2Calls.mutating.throttled} throttled`,
      ],
      [
        metricText(document.addressHours.idle, "hours"),
        `address-hours idle of ${metricText(document.addressHours.held, "hours")}`,
      ],
      [refusedAt.length === 0 ? "never" : metricText(Math.min(...refusedAt), "ms"), "until EC2 refused for space"],
    ]),
    '<div class="charts">',
    chart("Addresses", "Between the lines: held by nodes and carried by no running pod.", [
      { name: "held", values: of("addressesHeld"), downTo: of("podsRunning") },
      { name: "running pods", values: of("podsRunning") },
    ]),
    chart(
      "Pods that wait for an address",
      "Mean since the moment before; pods that fit on no node are not among them.",
      [{ name: "waiting", values: of("podsWaitingMean") }],
    ),
    chart("/28s", "Free: what an automatic prefix request could still get.", [
      { name: "held by nodes", values: of("prefixesHeld") },
      { name: "free in the subnets", values: of("freePrefixCount") },
    ]),
    chart(
      "Fragmentation",
      "Of the free addresses, the share that lies in no free /28.",
      [{ name: "in no free /28", values: samples.map((one) => (one.fragmentedPermille ?? 1000) / 10) }],
      " %",
    ),
    "</div>",
    '<div class="columns">',
    tableHtml(
      "Failed ADDs by reason",
      ["reason", "count"],
      document.adds.failed.map((one) => [one.reason, String(one.count)]),
      [false, true],
    ),
    tableHtml(
      "EC2 calls",
      ["action", "error", "count"],
      document.ec2.map((one) => [one.action, one.code ?? "-", String(one.count)]),
      [false, false, true],
    ),
    "</div>",
    tableHtml(
      "Subnets at the end",
      ["subnet", "CIDR", "free addresses", "free /28s", "of them in no free /28"],
      document.subnets.map((one) => [
        one.name,
        one.cidr,
        String(one.availableIpAddressCount),
        String(one.freePrefixCount),
        one.fragmentedPermille === null ? "-" : metricText(one.fragmentedPermille, "permille"),
      ]),
      [false, false, true, true, true],
    ),
    nodesHtml(document),
  ];
  return pageHtml({
    title: `slash28 simulate: ${document.name}`,
    lead: `In the simulator, policy ${document.policy}, seed ${document.seed}, ${formatDurationMs(document.durationMs)} of virtual time, ${document.nodes.length} nodes. Settings: ${envText(document.env)}.`,
    body: body.join("\n"),
    assumptions: document.assumptions,
  });
}

/** The nodes with the most failed ADDs first. */
function nodesHtml({ nodes }: SimDocument): string {
  const rows = nodes
    .map((node, index) => ({ node, index }))
    .sort((a, b) => b.node.failedAdds - a.node.failedAdds || a.index - b.index)
    .slice(0, NODE_ROWS_MAX)
    .map(({ node }) => [
      node.name,
      node.instanceType,
      ...[node.pods, node.enis, node.prefixes, node.addresses, node.failedAdds, node.ec2Calls, node.starts].map(String),
    ]);
  const more = nodes.length - rows.length;
  const title = more > 0 ? `Nodes at the end, ${rows.length} of ${nodes.length}` : "Nodes at the end";
  const header = ["node", "type", "pods", "ENIs", "/28s", "addresses", "failed ADDs", "EC2 calls", "agent starts"];
  return tableHtml(title, header, rows, [false, false, true, true, true, true, true, true, true]);
}

export function seedsHtml(document: SeedsDocument): string {
  const { overTime } = document;
  const figures = tableHtml(
    "Figures of a run",
    ["figure", "mean", "95 % of the mean", "least", "most"],
    seedsRows(document),
    [false, true, true, true, true],
  );
  const body = [
    coursesHtml([{ name: "this configuration", bands: overTime }]),
    figures,
    '<div class="columns">',
    tableHtml(
      "Failed ADDs by reason",
      ["reason", "mean"],
      document.failedAdds.map((one) => [one.reason, decimal(one.mean)]),
      [false, true],
    ),
    tableHtml(
      "EC2 calls",
      ["action", "error", "mean"],
      document.ec2.map((one) => [one.action, one.code ?? "-", decimal(one.mean)]),
      [false, false, true],
    ),
    "</div>",
  ];
  return pageHtml({
    title: `slash28 simulate: ${document.name}`,
    lead: `In the simulator, policy ${document.policy}, ${seedsPhrase(document.seeds)}, ${formatDurationMs(document.durationMs)} of virtual time each. Settings: ${envText(document.env)}.`,
    body: body.join("\n"),
    assumptions: document.assumptions,
  });
}

export function compareHtml(document: CompareDocument): string {
  const { a, b, overTime } = document;
  const figures = tableHtml(
    "Figures of a run",
    ["figure", "A", "B", "B - A", "95 % of it", "B is"],
    compareRows(document).map((cells, index) => {
      const { verdict } = document.metrics[index]!;
      return verdict === null ? cells : [...cells.slice(0, -1), { text: cells.at(-1)!, className: verdict }];
    }),
    [false, true, true, true, true, false],
  );
  const body = [
    figures,
    coursesHtml([
      { name: `A: ${a.name}`, bands: overTime.a },
      { name: `B: ${b.name}`, bands: overTime.b },
    ]),
    '<div class="columns">',
    tableHtml(
      "Failed ADDs by reason, mean",
      ["reason", "A", "B"],
      document.failedAdds.map((one) => [one.reason, decimal(one.a), decimal(one.b)]),
      [false, true, true],
    ),
    tableHtml(
      "EC2 calls, mean",
      ["action", "error", "A", "B"],
      document.ec2.map((one) => [one.action, one.code ?? "-", decimal(one.a), decimal(one.b)]),
      [false, false, true, true],
    ),
    "</div>",
  ];
  return pageHtml({
    title: `A: ${a.name} - B: ${b.name}`,
    lead: `In the simulator, A: ${sideLine(a)}; B: ${sideLine(b)}; ${seedsPhrase(document.seeds)}, ${formatDurationMs(a.durationMs)} of virtual time each; a pair shares its pods and its streams of chance.`,
    body: body.join("\n"),
    assumptions: document.assumptions,
  });
}

const COURSES: readonly { readonly field: OverTimeField; readonly title: string; readonly note: string }[] = [
  { field: "addressesHeld", title: "Addresses held", note: "In prefixes and single addresses of all nodes." },
  { field: "addressesIdle", title: "Addresses idle", note: "Held and carried by no running pod." },
  { field: "podsWaitingMean", title: "Pods that wait for an address", note: "Mean since the moment before." },
  { field: "freePrefixCount", title: "Free /28s", note: "What an automatic prefix request could still get." },
];

function coursesHtml(sides: readonly { readonly name: string; readonly bands: readonly BandsAt[] }[]): string {
  const charts = COURSES.map(({ field, title, note }) =>
    chartHtml({
      title,
      note: `${note} Line: the median of the seeds; band: 10th to 90th percentile.`,
      atMs: sides[0]!.bands.map((one) => one.atMs),
      series: sides.map(({ name, bands }) => ({
        name,
        values: bands.map((one) => one[field].middle),
        band: { low: bands.map((one) => one[field].low), high: bands.map((one) => one[field].high) },
      })),
      unit: "",
    }),
  );
  return `<div class="charts">${charts.join("")}</div>\n`;
}

function total({ accepted, refused, throttled }: SimDocument["ec2Calls"]["mutating"]): number {
  return accepted + refused + throttled;
}
