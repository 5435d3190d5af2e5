// One picture of a run, as lines of text with colours: pure, from what was seen, for any width and height.

import { formatDurationMs } from "../cluster/index.ts";
import type { BlockState } from "../subnet/index.ts";
import { wrap } from "../text/layout.ts";
import type { AgentState } from "./agent-process.ts";
import type { Ec2Count } from "./ec2-tally.ts";
import type { SeenNode, SeenSubnet } from "./observe.ts";
import type { PingCount } from "./ping-count.ts";
import { countPods, isRefused, type RunPod } from "./run-state.ts";

export interface FrameInput {
  readonly title: string;
  readonly phase: "starting agents" | "running" | "stopping";
  readonly elapsedMs: number;
  readonly speed: number;
  readonly seed: number;
  readonly policy: string;
  readonly pods: readonly RunPod[];
  readonly nodes: readonly (SeenNode & { readonly state: AgentState; readonly restartCount: number })[];
  readonly subnets: readonly SeenSubnet[];
  readonly ec2: readonly Ec2Count[];
  readonly throttledCount: number;
  /** undefined: pods are addresses alone. */
  readonly pings: readonly PingCount[] | undefined;
  readonly lookCommand: string | undefined;
  readonly errorTexts: readonly { readonly code: string; readonly message: string; readonly count: number }[];
  readonly texts: readonly string[];
  /** Why pods have no address, in one paragraph; undefined while none was refused. */
  readonly cause: string | undefined;
}

export interface FrameSize {
  readonly width: number;
  readonly height: number;
  readonly hasColor: boolean;
}

/** A piece of a line: text and an SGR code; "" for the plain colour. */
type Span = readonly [text: string, sgr: string];
type Line = readonly Span[];

const BOLD = "1";
const DIM = "2";
const GREEN = "32";
const YELLOW = "33";
const RED = "31";
const BLUE = "34";
const CYAN = "36";
const MAGENTA = "35";

const CELLS: Readonly<Record<BlockState, { letter: string; sgr: string; label: string }>> = {
  free: { letter: ".", sgr: GREEN, label: "free" },
  delegated: { letter: "#", sgr: "1;34", label: "delegated" },
  broken: { letter: "x", sgr: RED, label: "broken" },
  full: { letter: "=", sgr: "1;31", label: "full" },
  edge: { letter: "-", sgr: DIM, label: "edge" },
  reserved: { letter: "r", sgr: MAGENTA, label: "reserved" },
};

/** At most `height` lines, none wider than `width` columns. */
export function renderFrame(input: FrameInput, size: FrameSize): string[] {
  const width = Math.max(40, size.width);
  const height = Math.max(10, size.height);
  const head = [headLine(input, width), podsLine(input, width)];
  if (input.pings !== undefined) head.push(pingsLine(input.pings));
  const subnets = subnetLines(input.subnets, width);
  const reasons = reasonLines(input);
  const ec2 = ec2Lines(input, width);
  const foot: Line[] = [
    [
      [" Ctrl-C ends the run", DIM],
      [input.lookCommand === undefined ? "" : `   look: ${input.lookCommand}`, ""],
      [input.texts.length > 0 ? `   ${input.texts.at(-1)}` : "", DIM],
    ],
  ];
  const cause = causeLines(input.cause, width, height);
  // What is short stays whole; nodes get what is left, then reasons and EC2 give way. The cause always has a line.
  const fixed = head.length + 1 + cause.length + (height < 28 ? 0 : 1) + foot.length;
  const room = height - fixed;
  const subnetRoom = Math.min(subnets.length, Math.max(4, Math.floor(room * 0.4)));
  const tailWanted = reasons.length + ec2.length + 2;
  const nodeWanted = input.nodes.length + 1;
  const tailRoom = Math.min(tailWanted, Math.max(4, room - subnetRoom - Math.min(nodeWanted, 5) - 1));
  const nodeRoom = Math.max(2, room - subnetRoom - tailRoom - 1);
  const lines: Line[] = [
    ...head,
    [],
    ...clip(subnets, subnetRoom),
    [],
    ...nodeLines(input, width, nodeRoom),
    ...tail(reasons, ec2, tailRoom),
  ];
  const body = lines.slice(0, height - cause.length - foot.length);
  if (cause.length > 0 && body.length + cause.length + foot.length < height) body.push([]);
  return [...body, ...cause, ...foot].map((line) => paint(line, width, size.hasColor));
}

/** Whole where there is room for it; what is left out is marked, and is in the report. */
function causeLines(cause: string | undefined, width: number, height: number): Line[] {
  if (cause === undefined) return [];
  const wrapped = wrap(cause, width - 2);
  const room = height < 28 ? 1 : height < 40 ? 3 : wrapped.length;
  const shown = wrapped.slice(0, room);
  const last = shown.at(-1);
  if (shown.length < wrapped.length && last !== undefined) shown[shown.length - 1] = `${last.slice(0, width - 4)} …`;
  return shown.map((text): Line => [[` ${text}`, CYAN]]);
}

function headLine(input: FrameInput, width: number): Line {
  const speed = input.speed === 1 ? "" : `  ${input.speed}x`;
  const left = ` slash28 up  ${input.title}`;
  const right = `policy ${input.policy}  seed ${input.seed}${speed}  ${formatDurationMs(input.elapsedMs)} `;
  const gap = Math.max(1, width - left.length - right.length);
  return [[`${left}${" ".repeat(gap)}${right}`, "7"]];
}

function podsLine(input: FrameInput, width: number): Line {
  if (input.phase === "starting agents") {
    const serving = input.nodes.filter((node) => node.state === "serving").length;
    return [[` starting agents: ${serving} of ${input.nodes.length} serve`, YELLOW]];
  }
  const counts = countPods(input.pods);
  const refused = counts.refused;
  const waiting = counts.waiting + counts.pending;
  const parts: Span[] = [
    [` pods ${counts.total}  `, BOLD],
    [`${counts.running} running`, GREEN],
    [`  ${waiting} waiting`, waiting > 0 ? YELLOW : DIM],
    [refused > 0 ? ` (${refused} refused)` : "", RED],
  ];
  if (counts.unschedulable > 0) parts.push([`  ${counts.unschedulable} fit nowhere`, MAGENTA]);
  if (counts.gone > 0) parts.push([`  ${counts.gone} ended`, DIM]);
  const used = parts.reduce((sum, [text]) => sum + text.length, 0);
  const barWidth = width - used - 4;
  if (barWidth < 10 || counts.total === 0) return parts;
  const live = Math.max(1, counts.total - counts.gone);
  const green = Math.round((counts.running / live) * barWidth);
  const red = Math.min(barWidth - green, Math.round((refused / live) * barWidth));
  const rest = Math.max(0, barWidth - green - red);
  return [...parts, ["  ", ""], ["█".repeat(green), GREEN], ["█".repeat(red), RED], ["░".repeat(rest), DIM]];
}

function pingsLine(pings: readonly PingCount[]): Line {
  const spans: Span[] = [[" pings  ", BOLD]];
  for (const { path, sent, answered, wrongSource } of pings) {
    const isRight = answered === sent && wrongSource === 0;
    const wrong = wrongSource > 0 ? ` (${wrongSource} with a wrong source)` : "";
    spans.push([`${path} `, DIM], [`${answered}/${sent}${wrong}`, isRight ? GREEN : RED], ["  ", ""]);
  }
  return spans;
}

/** Every letter has to be told, so the words before them give way first. */
function legendLine(width: number): Line {
  const cells = Object.values(CELLS);
  const isWide = width >= 85;
  const legend: Span[] = [[isWide ? " SUBNETS, one cell a /28   " : " SUBNETS ", BOLD]];
  for (const { letter, sgr, label } of cells) legend.push([letter, sgr], [` ${label}${isWide ? "  " : " "}`, DIM]);
  return legend;
}

function subnetLines(subnets: readonly SeenSubnet[], width: number): Line[] {
  const lines: Line[] = [legendLine(width)];
  const nameWidth = Math.min(26, Math.max(8, ...subnets.map((subnet) => subnet.name.length)));
  for (const subnet of subnets) {
    const { map } = subnet;
    const label = ` ${subnet.name.slice(0, nameWidth).padEnd(nameWidth)} ${subnet.cidr.padEnd(18)} `;
    const longText = `  ${map.freePrefixCount} free /28s, ${map.availableIpAddressCount} addresses available`;
    const shortText = `  ${map.freePrefixCount} free, ${map.availableIpAddressCount} addresses`;
    const tailSgr = map.freePrefixCount === 0 ? RED : map.freePrefixCount < 3 ? YELLOW : "";
    const isWide = map.blocks.length * 2 + label.length + longText.length <= width;
    const isBeside = isWide || map.blocks.length + label.length + shortText.length <= width;
    const tailText = isWide || !isBeside ? longText : shortText;
    const perCell = isWide ? 2 : 1;
    const perRow = Math.max(16, Math.floor((width - label.length - (isBeside ? tailText.length : 1)) / perCell));
    for (let first = 0; first < map.blocks.length; first += perRow) {
      const cells = map.blocks.slice(first, first + perRow).map((block): Span => {
        const cell = CELLS[block.state];
        return [isWide ? `${cell.letter} ` : cell.letter, cell.sgr];
      });
      const isFirst = first === 0;
      const row: Span[] = [[isFirst ? label : " ".repeat(label.length), isFirst ? "" : DIM], ...merge(cells)];
      const isLast = first + perRow >= map.blocks.length;
      if (isLast && isBeside) row.push([tailText, tailSgr]);
      lines.push(row);
      if (isLast && !isBeside) lines.push([[`${" ".repeat(label.length - 2)}${tailText}`, tailSgr]]);
    }
  }
  return lines;
}

function merge(cells: readonly Span[]): Span[] {
  const merged: [string, string][] = [];
  for (const [text, sgr] of cells) {
    const last = merged.at(-1);
    if (last !== undefined && last[1] === sgr) last[0] += text;
    else merged.push([text, sgr]);
  }
  return merged;
}

function nodeLines(input: FrameInput, width: number, room: number): Line[] {
  const header = "    ENIs       /28s  addresses     pods running  waiting  ";
  const nameWidth = Math.min(24, Math.max(7, ...input.nodes.map((one) => one.node.name.length)));
  const lines: Line[] = [
    [
      [` NODES`.padEnd(nameWidth + 2), BOLD],
      [`${"type".padEnd(13)}${header}`, DIM],
      [width >= 120 ? "  ENIs: P primary, S secondary, T trunk" : "", DIM],
    ],
  ];
  const byNode = new Map<string, { running: number; waiting: number; reason: string }>();
  for (const pod of input.pods) {
    if (pod.nodeName === undefined) continue;
    const sums = byNode.get(pod.nodeName) ?? { running: 0, waiting: 0, reason: "" };
    if (pod.outcome === "running") sums.running++;
    if (pod.outcome === "waiting") {
      sums.waiting++;
      if (pod.reason !== undefined) sums.reason = pod.reason;
    }
    byNode.set(pod.nodeName, sums);
  }
  // Neither a first start nor a pod that only waits its turn moves a line.
  const refusing = new Set(input.pods.filter(isRefused).map((pod) => pod.nodeName));
  const isFailing = (one: FrameInput["nodes"][number]): boolean =>
    (isAway(one.state) && (one.state !== "starting" || one.restartCount > 0)) || refusing.has(one.node.name);
  const failing = input.nodes.filter(isFailing);
  const nodes = [...failing, ...input.nodes.filter((one) => !isFailing(one))];
  const shown = nodes.slice(0, nodes.length > room - 1 ? room - 2 : room - 1);
  for (const one of shown) lines.push(nodeLine(one, byNode.get(one.node.name), nameWidth, width));
  const hidden = nodes.length - shown.length;
  const hiddenFailing = Math.max(0, failing.length - shown.length);
  const what =
    hiddenFailing > 0 ? `, ${hiddenFailing} of them with refused pods or an agent away` : ", none with refused pods";
  if (hidden > 0) lines.push([[` ... and ${hidden} more nodes${what}`, hiddenFailing > 0 ? RED : DIM]]);
  return lines;
}

function isAway(state: AgentState): boolean {
  return state !== "serving" && state !== "stopped";
}

function nodeLine(
  one: FrameInput["nodes"][number],
  sums: { running: number; waiting: number; reason: string } | undefined,
  nameWidth: number,
  width: number,
): Line {
  const prefixCount = one.enis.reduce((sum, eni) => sum + eni.prefixCount, 0);
  const addressCount = one.enis.reduce((sum, eni) => sum + eni.prefixCount * 16 + eni.addressCount, 0);
  const running = sums?.running ?? 0;
  const waiting = sums?.waiting ?? 0;
  const enis = one.enis.map((eni) => (eni.isTrunk ? "T" : eni.isPrimary ? "P" : "S")).join("");
  const free = "·".repeat(Math.max(0, Math.min(8, one.node.limits.eniCountMax) - one.enis.length));
  const spans: Span[] = [
    [` ${one.node.name.slice(0, nameWidth).padEnd(nameWidth)} `, ""],
    [one.node.instanceType.padEnd(13), DIM],
    ["    ", ""],
    [enis.slice(0, 8), CYAN],
    [free.padEnd(11 - Math.min(8, enis.length)), DIM],
    [String(prefixCount).padStart(4), BLUE],
    [String(addressCount).padStart(11), ""],
    [String(running).padStart(10), running > 0 ? GREEN : DIM],
    [` of ${String(one.node.maxPods).padEnd(4)}`, DIM],
    [String(waiting).padStart(6), waiting > 0 ? RED : DIM],
  ];
  const hasNoAgent = isAway(one.state);
  const restarts = one.restartCount > 0 ? ` (${one.restartCount} restarts)` : "";
  const note = hasNoAgent ? `  agent ${one.state}${restarts}` : waiting > 0 ? `  ${sums?.reason ?? ""}` : "";
  const used = spans.reduce((sum, [text]) => sum + text.length, 0);
  spans.push([note.slice(0, Math.max(0, width - used)), hasNoAgent ? YELLOW : RED]);
  return spans;
}

function reasonLines(input: FrameInput): Line[] {
  const reasons = new Map<string, { count: number; message: string }>();
  for (const pod of input.pods) {
    if (pod.reason === undefined || (pod.outcome !== "waiting" && pod.outcome !== "unschedulable")) continue;
    const known = reasons.get(pod.reason);
    reasons.set(pod.reason, { count: (known?.count ?? 0) + 1, message: pod.message ?? known?.message ?? "" });
  }
  if (reasons.size === 0) return [];
  const lines: Line[] = [[[" WHY PODS WAIT", BOLD]]];
  for (const [reason, one] of [...reasons].sort((a, b) => b[1].count - a[1].count)) {
    lines.push([
      [`${String(one.count).padStart(6)} `, RED],
      [reason, YELLOW],
      [`  ${one.message}`, DIM],
    ]);
  }
  return lines;
}

function ec2Lines(input: FrameInput, width: number): Line[] {
  const calls = input.ec2.reduce((sum, one) => sum + one.count, 0);
  const lines: Line[] = [
    [
      [" EC2", BOLD],
      [`  ${calls} calls`, ""],
      [`  ${input.throttledCount} throttled`, input.throttledCount > 0 ? YELLOW : DIM],
    ],
  ];
  const byAction = new Map<string, { ok: number; failed: number }>();
  for (const { action, code, count } of input.ec2) {
    if (/^(Describe|Get)/.test(action)) continue;
    const sums = byAction.get(action) ?? { ok: 0, failed: 0 };
    if (code === null) sums.ok += count;
    else sums.failed += count;
    byAction.set(action, sums);
  }
  let row: Span[] = [["   ", ""]];
  for (const [action, sums] of byAction) {
    const text = `${action.replace("PrivateIpAddresses", "").replace("NetworkInterface", "Eni")} ${sums.ok}`;
    const failed = sums.failed > 0 ? `+${sums.failed} failed` : "";
    const used = row.reduce((sum, [part]) => sum + part.length, 0);
    if (used + text.length + failed.length + 4 > width) {
      lines.push(row);
      row = [["   ", ""]];
    }
    row.push([text, DIM], [failed === "" ? "" : ` ${failed}`, RED], ["   ", ""]);
  }
  if (row.length > 1) lines.push(row);
  for (const text of input.errorTexts.slice(0, 3)) {
    lines.push([
      [`${String(text.count).padStart(6)} `, RED],
      [`${text.code}: ${text.message}`, ""],
    ]);
  }
  return lines;
}

function tail(reasons: readonly Line[], ec2: readonly Line[], room: number): Line[] {
  const lines: Line[] = [];
  if (reasons.length > 0) lines.push([], ...clip(reasons, Math.max(2, Math.floor(room / 2))));
  const left = room - lines.length - 1;
  if (left > 0) lines.push([], ...ec2.slice(0, left));
  return lines;
}

function clip(lines: readonly Line[], room: number): Line[] {
  if (lines.length <= room) return [...lines];
  return [...lines.slice(0, room - 1), [[`   ... ${lines.length - room + 1} more lines`, DIM]]];
}

function paint(line: Line, width: number, hasColor: boolean): string {
  let left = width;
  let text = "";
  for (const [part, sgr] of line) {
    const shown = part.slice(0, left);
    left -= shown.length;
    if (shown === "") continue;
    text += hasColor && sgr !== "" ? `\x1b[${sgr}m${shown}\x1b[0m` : shown;
  }
  return text;
}
