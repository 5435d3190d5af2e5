// Nodes that come and go: autoscaled groups, and the `nodeEvents` of a cluster file.

import type { Ms } from "../base/units.ts";
import type { MsRange } from "../catalog/emulator-knobs.ts";
import { parseDurationMs } from "../text/duration.ts";
import { nearNames } from "../text/near-names.ts";
import type { MapReader, YamlNode, YamlSource } from "../text/yaml-source.ts";
import { readShare } from "./parse-workload.ts";
import type { Autoscaling, ClusterSubnet, NodeEvent, NodeGroup, Share } from "./types.ts";

const NODE_COUNT_MAX = 5_000;
/** From launch to the agent's start: EC2 needs seconds, the operating system and kubelet the rest. Inferred; a knob. */
export const JOIN_DELAY: MsRange = { min: 60_000, max: 120_000 };
/** The cluster autoscaler's --scale-down-unneeded-time and --scale-down-utilization-threshold (its FAQ, 2026-08). */
const IDLE_MS = 600_000;
const IDLE_PERCENT = 50;
/** terminationGracePeriodSeconds of a pod that says nothing. */
const GRACE_MS = 30_000;
/** EC2 user guide, spot instance interruption notices (2026-08). */
const SPOT_NOTICE_MS = 120_000;
/** 40 s until a node counts as lost, 300 s until its pods are deleted (kube-controller-manager's and admission's defaults). */
const EVICT_AFTER_MS = 340_000;

const OPS: readonly NodeEvent["op"][] = ["join", "drain", "spot", "replace", "upgrade", "zone-loss"];

interface Context {
  readonly nodeGroups: readonly NodeGroup[];
  readonly subnets: readonly ClusterSubnet[];
}

export function readJoinDelay(source: YamlSource, group: MapReader): MsRange {
  const text = group.text("joinDelay", { isRequired: false, isAnyScalar: true });
  if (text === undefined) return JOIN_DELAY;
  const [low = "", high = low] = text.split("-");
  const [min, max] = [parseDurationMs(low.trim()), parseDurationMs(high.trim())];
  if (min !== undefined && max !== undefined && min <= max) return { min, max };
  source.error(
    group.value("joinDelay"),
    `a node group: "joinDelay" must be a duration or a range such as 60s-120s, not "${text}"`,
  );
  return JOIN_DELAY;
}

export function readAutoscaling(
  source: YamlSource,
  group: MapReader,
  count: number | undefined,
): Autoscaling | undefined {
  const reader = group.map("autoscaling");
  if (reader === undefined) return undefined;
  const min = reader.integer("min", { min: 0, max: NODE_COUNT_MAX }, { isRequired: true });
  const max = reader.integer("max", { min: 1, max: NODE_COUNT_MAX }, { isRequired: true });
  const idleMs = reader.durationMs("idleAfter") ?? IDLE_MS;
  const idlePercent = reader.integer("idleBelow", { min: 0, max: 100 }, { isRequired: false }) ?? IDLE_PERCENT;
  reader.done();
  if (min === undefined || max === undefined) return undefined;
  if (max < min) source.error(reader.value("max"), `max (${max}) is below min (${min})`);
  else if (count !== undefined && (count < min || count > max)) {
    source.error(
      group.value("count"),
      `count (${count}) is not between min (${min}) and max (${max}) of its autoscaling`,
    );
  }
  return { min, max, idleMs, idlePercent };
}

export function readNodeEvents(source: YamlSource, root: MapReader, context: Context): NodeEvent[] {
  const events: NodeEvent[] = [];
  for (const node of root.list("nodeEvents") ?? []) {
    const reader = source.map(node, "a node event");
    if (reader === undefined) continue;
    const event = readEvent(source, reader, context);
    if (event !== undefined) events.push(event);
  }
  checkCounts(source, root, events, context);
  return events;
}

function readEvent(source: YamlSource, reader: MapReader, context: Context): NodeEvent | undefined {
  const name = reader.text("op", { isRequired: true, example: "drain" });
  const op = OPS.find((one) => one === name);
  if (op === undefined) {
    const near = nearNames(name ?? "", OPS)[0];
    const next = near === undefined ? `Events: ${OPS.join(", ")}.` : `Did you mean ${near}?`;
    if (name !== undefined) source.error(reader.value("op"), `there is no node event "${name}"`, next);
    return undefined;
  }
  const atMs = reader.durationMs("at") ?? 0;
  const everyMs = reader.durationMs("every", { min: 60_000 });
  const base = { atMs, everyMs, ...source.place(reader.node) };
  const event =
    op === "zone-loss"
      ? readZoneLoss(source, reader, base, context)
      : readGroupEvent(source, reader, op, base, context);
  reader.done();
  return event;
}

type Base = Pick<NodeEvent, "atMs" | "everyMs" | "line" | "column">;

function readZoneLoss(source: YamlSource, reader: MapReader, base: Base, { subnets }: Context): NodeEvent | undefined {
  const zone = reader.text("zone", { isRequired: true, example: "us-west-2a" });
  const forMs = reader.durationMs("for", { min: 1_000 });
  const evictAfterMs = reader.durationMs("evictAfter") ?? EVICT_AFTER_MS;
  const zones = [...new Set(subnets.map((subnet) => subnet.az))];
  if (zone === undefined) return undefined;
  if (zones.length > 0 && !zones.includes(zone)) {
    source.error(reader.value("zone"), `no subnet lies in the zone "${zone}"; zones: ${zones.join(", ")}`);
  }
  return { ...base, op: "zone-loss", zone, forMs, evictAfterMs };
}

function readGroupEvent(
  source: YamlSource,
  reader: MapReader,
  op: Exclude<NodeEvent["op"], "zone-loss">,
  base: Base,
  { nodeGroups }: Context,
): NodeEvent | undefined {
  const group = reader.text("group", { isRequired: true, example: nodeGroups[0]?.name ?? "general" });
  const all: Share = { kind: "percent", percent: 100 };
  const count = op === "upgrade" ? all : readShare(source, reader, "count");
  if (op !== "upgrade" && !reader.has("count")) reader.required("count", "1");
  const overMs = op === "upgrade" ? 0 : (reader.durationMs("over") ?? 0);
  const known = nodeGroups.find((one) => one.name === group);
  if (group !== undefined && known === undefined) {
    const names = nodeGroups.map((one) => one.name);
    const near = nearNames(group, names)[0];
    const hint = near === undefined ? `node groups: ${names.join(", ") || "none"}` : `did you mean "${near}"?`;
    source.error(reader.value("group"), `there is no node group "${group}"; ${hint}`);
  }
  if (known?.autoscaling !== undefined && (op === "join" || op === "drain")) {
    const message = `the group "${known.name}" has autoscaling, which decides how many nodes it has: it cannot ${op}`;
    source.error(
      reader.value("op"),
      message,
      "Leave out the event, or the autoscaling. replace, upgrade and spot go with it.",
    );
  }
  if (op === "join" && count?.kind === "percent") {
    source.error(reader.value("count"), "nodes join by number, not by percentage");
  }
  const common = { ...base, group: group ?? "", amount: count ?? all, overMs };
  const graceMs = (): Ms => reader.durationMs("grace") ?? GRACE_MS;
  let event: NodeEvent;
  if (op === "join") event = { ...common, op };
  else if (op === "drain") event = { ...common, op, graceMs: graceMs() };
  else if (op === "spot") event = { ...common, op, noticeMs: reader.durationMs("notice") ?? SPOT_NOTICE_MS };
  else {
    const maxSurge = readShare(source, reader, "maxSurge") ?? { kind: "count", count: 1 };
    if ((maxSurge.kind === "count" ? maxSurge.count : maxSurge.percent) === 0) {
      source.error(reader.value("maxSurge"), "maxSurge is 0: no new node could ever come");
    }
    event = { ...common, op, maxSurge, graceMs: graceMs() };
  }
  return known === undefined || count === undefined ? undefined : event;
}

/** A group without autoscaling never loses more nodes than it has by then, and the cluster never has too many. */
function checkCounts(source: YamlSource, root: MapReader, events: readonly NodeEvent[], { nodeGroups }: Context): void {
  const nodeOf = (event: NodeEvent): YamlNode =>
    (root.list("nodeEvents") ?? []).find(
      (node) => source.place(node).line === event.line && source.place(node).column === event.column,
    );
  let joined = 0;
  for (const group of nodeGroups) {
    const own = events.filter((event) => event.op !== "zone-loss" && event.group === group.name);
    if (group.autoscaling !== undefined || own.some((event) => event.everyMs !== undefined)) continue;
    let count = group.count;
    for (const event of own.toSorted((a, b) => a.atMs - b.atMs)) {
      if (event.op === "zone-loss" || event.amount.kind === "percent") continue;
      const { amount, op } = event;
      if (op === "join") {
        count += amount.count;
        joined += amount.count;
        continue;
      }
      if (amount.count > count) {
        const later = own.find((one) => one.op === "join" && one.atMs > event.atMs);
        const next = later === undefined ? "Use a smaller count." : "Its join comes later: let it come before.";
        source.error(nodeOf(event), `the group "${group.name}" has ${count} nodes then, not ${amount.count}`, next);
      }
      if (op === "drain") count = Math.max(0, count - amount.count);
    }
  }
  const total = nodeGroups.reduce((sum, group) => sum + (group.autoscaling?.max ?? group.count), joined);
  if (total > NODE_COUNT_MAX) {
    const place = root.has("nodeEvents") ? root.keyNode("nodeEvents") : root.keyNode("nodeGroups");
    source.error(place, `the cluster could have ${total} nodes, more than ${NODE_COUNT_MAX}`);
  }
}
