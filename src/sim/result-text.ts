// A simulation's result for people: pods and their waits, what EC2 was asked, what is held over time, and the assumptions.

import { formatDurationMs } from "../cluster/index.ts";
import { table } from "../text/layout.ts";
import type { CallCounts, SimDocument, WaitQuantiles } from "./result.ts";
import { metricText } from "./result-metrics.ts";

const ROWS_OVER_TIME = 12;
const NODE_ROWS_MAX = 12;

export function simText(document: SimDocument): string {
  const { pods, adds } = document;
  const lines: string[] = [
    `In the simulator, ${document.name}, policy ${document.policy}, seed ${document.seed}, ` +
      `${formatDurationMs(document.durationMs)}: ${pods.served} of ${podsText(pods.total)} got an address, ` +
      `${outcomesText(pods)}.`,
    `Settings: ${envText(document.env)}.`,
    ...waits(document),
  ];
  const failed = adds.failed.reduce((sum, one) => sum + one.count, 0);
  lines.push(`ADDs: ${adds.total}, failed: ${failed}, of ${podsText(pods.refusedAtLeastOnce)}.`);
  lines.push(...spaceAndCalls(document), "");
  if (failed > 0) {
    const rows = adds.failed.map((one) => [one.reason, String(one.count)]);
    lines.push(...table(["failed ADDs by reason", "count"], rows, [false, true]), "");
  }
  const calls = document.ec2.map((one) => [one.action, one.code ?? "-", String(one.count)]);
  lines.push(...table(["EC2 call", "error", "count"], calls, [false, false, true]), "");
  lines.push(...overTime(document), "");
  lines.push(...subnets(document), "");
  lines.push(...nodes(document), "");
  lines.push("Assumptions:", ...document.assumptions.map((one) => `  - ${one}`));
  return `${lines.join("\n")}\n`;
}

/** Those that still wait count with their wait so far: who is left behind does not make a run look quick. */
function waits({ pods, waitMs, waitAtLeastMs }: SimDocument): string[] {
  const quantiles = ({ p50, p99 }: WaitQuantiles): string =>
    [`p50 ${metricText(p50 ?? 0, "ms")}`, `p99 ${metricText(p99 ?? 0, "ms")}`].join(", ");
  const longest = ({ max }: WaitQuantiles): string => metricText(max ?? 0, "ms");
  const served = `${quantiles(waitMs)}, at most ${longest(waitMs)}`;
  if (pods.waiting === 0) return waitMs.max === null ? [] : [`Wait for the address: ${served}.`];
  return [
    `Wait for the address, with the ${pods.waiting} that still wait: ${quantiles(waitAtLeastMs)}, ` +
      `longest ${longest(waitAtLeastMs)} so far.`,
    ...(waitMs.max === null ? [] : [`Wait of the ${pods.served} that got one: ${served}.`]),
  ];
}

export function podsText(count: number): string {
  return `${count} ${count === 1 ? "pod" : "pods"}`;
}

/** Those without one. */
export function outcomesText({ waiting, unschedulable, endedUnserved }: SimDocument["pods"]): string {
  const ended = endedUnserved === 0 ? "" : `, ${endedUnserved} ended before they had one`;
  return `${waiting} wait, ${unschedulable} fit on no node${ended}`;
}

/** As --set and --compare take them. */
export function envText(env: SimDocument["env"]): string {
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "the chart's defaults" : pairs.join(",");
}

function spaceAndCalls({ ec2Calls, addressHours, prefixesHeldMax, exhaustion }: SimDocument): string[] {
  const all = ({ accepted, refused, throttled }: CallCounts): string =>
    `${accepted + refused + throttled} (${refused} refused, ${throttled} throttled)`;
  const firsts = [exhaustion.prefixAtMs, exhaustion.addressAtMs].filter((one) => one !== null);
  const firstMs = Math.min(...firsts);
  const first = firstMs === 0 ? "before the first pod came" : `after ${formatDurationMs(firstMs)}`;
  const refused =
    firsts.length === 0
      ? "EC2 never refused for want of space."
      : `EC2 first refused for want of space ${first}, ${exhaustion.refusedCount} times in all.`;
  return [
    `EC2 calls: ${all(ec2Calls.mutating)} that change something, ${all(ec2Calls.reading)} that read.`,
    `Held: ${metricText(addressHours.held, "hours")} of addresses, of which ${metricText(addressHours.idle, "hours")} idle; ${prefixesHeldMax} /28s at most.`,
    refused,
  ];
}

function overTime({ samples }: SimDocument): string[] {
  const step = Math.max(1, Math.ceil((samples.length - 1) / ROWS_OVER_TIME));
  const shown = samples.filter((_, index) => index % step === 0 || index === samples.length - 1);
  const rows = shown.map((one) => [
    one.atMs === 0 ? "0" : formatDurationMs(one.atMs),
    ...[
      one.podsRunning,
      one.podsWaiting,
      one.prefixesHeld,
      one.addressesHeld,
      one.addressesIdle,
      one.freePrefixCount,
    ].map(String),
  ]);
  const header = ["after", "run", "wait", "/28s held", "addresses held", "idle", "free /28s"];
  return table(
    header,
    rows,
    header.map(() => true),
  );
}

function subnets(document: SimDocument): string[] {
  const rows = document.subnets.map((one) => [
    one.name,
    one.cidr,
    String(one.availableIpAddressCount),
    String(one.freePrefixCount),
    one.fragmentedPermille === null ? "-" : `${Math.round(one.fragmentedPermille / 10)} %`,
  ]);
  const header = ["subnet", "CIDR", "free addresses", "free /28s", "of them in no free /28"];
  return table(header, rows, [false, false, true, true, true]);
}

/** The nodes with the most failed ADDs first: those are what a reader looks for. */
function nodes(document: SimDocument): string[] {
  const byTrouble = document.nodes.map((node, index) => ({ node, index }));
  byTrouble.sort((a, b) => b.node.failedAdds - a.node.failedAdds || a.index - b.index);
  const rows = byTrouble
    .slice(0, NODE_ROWS_MAX)
    .map(({ node }) => [
      node.name,
      node.instanceType,
      ...[node.pods, node.enis, node.prefixes, node.addresses, node.failedAdds, node.ec2Calls].map(String),
    ]);
  const header = ["node", "type", "pods", "ENIs", "/28s", "addresses", "failed ADDs", "EC2 calls"];
  const lines = table(header, rows, [false, false, true, true, true, true, true, true]);
  const more = byTrouble.length - rows.length;
  return more > 0 ? [...lines, `  and ${more} more ${more === 1 ? "node" : "nodes"}: -o json has all`] : lines;
}
