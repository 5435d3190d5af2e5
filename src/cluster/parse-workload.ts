// The workloads of a cluster file: what comes when, for how long, and what replaces it.

import type { Ms } from "../base/units.ts";
import { nearNames } from "../text/near-names.ts";
import { describe, type MapReader, scalarText, type YamlNode, type YamlSource } from "../text/yaml-source.ts";
import { DISTRIBUTIONS, type Lifetime } from "./lifetimes.ts";
import { readScale } from "./parse-scale.ts";
import { readSpread } from "./parse-spread.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";
import { mostPodsWanted } from "./scale-curve.ts";
import type { PodsWorkload, RollingUpdate, Share, Workload } from "./types.ts";

export const POD_COUNT_MAX = 1_000_000;
const LIFETIME_MIN_MS = 1_000;

/** `places` learns where each workload that asks for processor or memory says so. */
export function readWorkloads(source: YamlSource, root: MapReader, places: Map<object, YamlNode>): Workload[] {
  const workloads: Workload[] = [];
  for (const node of root.list("workloads") ?? []) {
    const reader = source.map(node, "a workload");
    if (reader === undefined) continue;
    const workload = readWorkload(source, reader);
    if (workload === undefined) continue;
    workloads.push(workload);
    places.set(workload, reader.has("cpu") ? reader.value("cpu") : (reader.value("memory") ?? reader.node));
  }
  return workloads;
}

function readWorkload(source: YamlSource, reader: MapReader): Workload | undefined {
  for (const kind of ["manifest", "trace"] as const) {
    if (!reader.has(kind)) continue;
    const path = reader.text(kind, { isRequired: true });
    const place = source.place(reader.value(kind));
    reader.done();
    return path === undefined ? undefined : { kind, path, ...place };
  }
  const name = reader.text("name", { isRequired: true, example: "web" });
  const scale = readScale(source, reader);
  const podCount = reader.integer("pods", { min: 1, max: POD_COUNT_MAX }, { isRequired: !reader.has("scale") });
  const workload = {
    kind: "pods" as const,
    namespace: reader.text("namespace", { isRequired: false }) ?? "default",
    atMs: reader.durationMs("at") ?? 0,
    overMs: reader.durationMs("over") ?? 0,
    everyMs: reader.durationMs("every", { min: 1_000 }),
    lifetime: readLifetime(source, reader),
    cpuMillis: quantity(source, reader, "cpu", parseCpuMillis) ?? 0,
    memoryBytes: quantity(source, reader, "memory", parseMemoryBytes) ?? 0,
    isKept: reader.boolean("keep") ?? false,
    parallelism: reader.integer("parallelism", { min: 1, max: POD_COUNT_MAX }, { isRequired: false }),
    scale,
    rollingUpdate: readRollingUpdate(source, reader),
    spread: readSpread(source, reader, "spread"),
  };
  for (const kind of ["manifest", "trace"] as const) reader.value(kind);
  reader.done();
  if (name !== undefined && !/^[a-z0-9]([-a-z0-9.]{0,200}[a-z0-9])?$/.test(name)) {
    const next = "Pod names come from it: lower-case letters, digits, dashes and dots.";
    source.error(reader.value("name"), `"${name}" cannot name a workload`, next);
  }
  checkTogether(source, reader, workload);
  const most = scale === undefined ? podCount : mostPodsWanted(scale);
  return name === undefined || most === undefined ? undefined : { ...workload, name, podCount: most };
}

/** Keys that contradict each other, and keys that want another one. */
function checkTogether(source: YamlSource, reader: MapReader, workload: Omit<PodsWorkload, "name" | "podCount">): void {
  const clash = (key: string, others: readonly string[], why: string): void => {
    const other = others.find((one) => reader.has(one));
    if (!reader.has(key) || other === undefined) return;
    source.error(reader.keyNode(key), `a workload has "${key}" or "${other}", not both: ${why}`);
  };
  clash("scale", ["pods", "at", "over", "every"], "a scale says by itself how many pods there are when");
  clash("keep", ["every"], "pods that are kept up come when others end");
  clash("parallelism", ["every", "keep", "scale", "rollingUpdate"], "the pods of a batch come once");
  clash("rollingUpdate", ["every"], "a rolling update replaces pods that are kept up");
  clash("parallelism", ["over"], "its pods come as others end");
  if (workload.everyMs !== undefined && workload.overMs > workload.everyMs) {
    source.error(
      reader.value("over"),
      '"over" is longer than "every": a round would begin before the last one is complete',
    );
  }
  const needsLifetime = (key: string, why: string): void => {
    if (!reader.has(key) || reader.has("lifetime")) return;
    source.error(
      reader.keyNode(key),
      `a workload with "${key}" needs a "lifetime", ${why}`,
      "For example: lifetime: 30s",
    );
  };
  needsLifetime("every", "or its pods only add up");
  needsLifetime("parallelism", "or the next pods never come");
  if (
    workload.rollingUpdate !== undefined &&
    workload.lifetime !== undefined &&
    !workload.isKept &&
    !reader.has("scale")
  ) {
    const message = 'a workload with "rollingUpdate" and "lifetime" needs "keep: true"';
    source.error(
      reader.keyNode("rollingUpdate"),
      message,
      "Or leave the lifetime out: its pods run until they are replaced.",
    );
  }
}

function readLifetime(source: YamlSource, reader: MapReader): Lifetime | undefined {
  const node = reader.value("lifetime");
  if (node === undefined) return undefined;
  const text = scalarText(source.resolve(node), true);
  if (text !== undefined) {
    const ms = reader.durationMs("lifetime", { min: LIFETIME_MIN_MS });
    return ms === undefined ? undefined : { kind: "fixed", ms };
  }
  const map = source.map(node, '"lifetime"');
  if (map === undefined) return undefined;
  const meanMs =
    map.required("mean", "30m") === undefined ? undefined : map.durationMs("mean", { min: LIFETIME_MIN_MS });
  const name = map.text("distribution", { isRequired: false }) ?? "exponential";
  const sigma = map.number("sigma", { min: 0.01, max: 5 });
  const shape = map.number("shape", { min: 0.1, max: 20 });
  map.done();
  const kind = DISTRIBUTIONS.find((one) => one === name);
  if (kind === undefined) {
    const near = nearNames(name, DISTRIBUTIONS)[0];
    const next = near === undefined ? `Distributions: ${DISTRIBUTIONS.join(", ")}.` : `Did you mean ${near}?`;
    source.error(map.value("distribution"), `there is no distribution "${name}"`, next);
    return undefined;
  }
  for (const [key, owner] of [
    ["sigma", "lognormal"],
    ["shape", "weibull"],
  ] as const) {
    if (map.has(key) && kind !== owner) source.error(map.keyNode(key), `"${key}" belongs to ${owner}, not to ${kind}`);
  }
  if (meanMs === undefined) return undefined;
  if (kind === "fixed") return { kind, ms: meanMs };
  if (kind === "exponential") return { kind, meanMs };
  return kind === "lognormal" ? { kind, meanMs, sigma: sigma ?? 1 } : { kind, meanMs, shape: shape ?? 0.7 };
}

function readRollingUpdate(source: YamlSource, reader: MapReader): RollingUpdate | undefined {
  const map = reader.map("rollingUpdate");
  if (map === undefined) return undefined;
  const quarter: Share = { kind: "percent", percent: 25 };
  const atMs: Ms = map.durationMs("at") ?? 0;
  const everyMs = map.durationMs("every", { min: 1_000 });
  const maxSurge = readShare(source, map, "maxSurge") ?? quarter;
  const maxUnavailable = readShare(source, map, "maxUnavailable") ?? quarter;
  if (!map.has("at")) map.required("at", "10m");
  map.done();
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) {
    source.error(
      map.keyNode("maxUnavailable"),
      "maxSurge and maxUnavailable are both 0: nothing could ever be replaced",
    );
  }
  return { atMs, everyMs, maxSurge, maxUnavailable };
}

function isNothing(share: Share): boolean {
  return share.kind === "count" ? share.count === 0 : share.percent === 0;
}

/** `3` or `"25%"`. */
export function readShare(source: YamlSource, reader: MapReader, key: string): Share | undefined {
  const node: YamlNode = reader.value(key);
  if (node === undefined) return undefined;
  const text = scalarText(source.resolve(node), true) ?? "";
  const match = /^(\d{1,6})(%?)$/.exec(text);
  const amount = Number(match?.[1] ?? Number.NaN);
  if (match?.[2] === "" && amount >= 0) return { kind: "count", count: amount };
  if (match?.[2] === "%" && amount <= 100) return { kind: "percent", percent: amount };
  const wanted = "a whole number or a percentage up to 100% such as 25%";
  source.error(node, `${reader.what}: "${key}" must be ${wanted}, not ${describe(source.resolve(node))}`);
  return undefined;
}

function quantity(
  source: YamlSource,
  reader: MapReader,
  key: string,
  parse: (text: string) => number | undefined,
): number | undefined {
  const text = reader.text(key, { isRequired: false, isAnyScalar: true });
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) source.error(reader.value(key), `"${text}" is not a quantity such as 250m, 2, 128Mi or 1Gi`);
  return value;
}
