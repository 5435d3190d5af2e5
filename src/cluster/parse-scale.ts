// The `scale` of a workload: steps and ramps written out, or a day that comes again.

import { describe, type MapReader, type YamlNode, type YamlSource } from "../text/yaml-source.ts";
import type { ScaleCurve, ScaleStep } from "./scale-curve.ts";

const SCALE_MAX = 1_000_000;
const DAY_MS = 86_400_000;
/** An autoscaler looks every 15 s, but shrinks only after five calm minutes; a minute is between both. */
const DAY_STEP_MS = 60_000;

export function readScale(source: YamlSource, reader: MapReader): ScaleCurve | undefined {
  const node = reader.value("scale");
  if (node === undefined) return undefined;
  const target = source.resolve(node) as { items?: readonly unknown[]; flow?: boolean } | undefined;
  if (Array.isArray(target?.items) && describe(target) === "a list") return readSteps(source, reader, target.items);
  if (describe(target) === "a map") return readDay(source, node);
  const message = `"scale" must be a list of steps or a map with low and high, not ${describe(target)}`;
  source.error(node, message, "For example: scale: [{ at: 0s, pods: 30 }, { at: 4h, pods: 100, over: 30m }]");
  return undefined;
}

function readSteps(source: YamlSource, reader: MapReader, nodes: readonly YamlNode[]): ScaleCurve | undefined {
  const steps: ScaleStep[] = [];
  for (const node of nodes) {
    const map = source.map(node, "a step of a scale");
    if (map === undefined) continue;
    const atMs = map.required("at", "4h") === undefined ? undefined : map.durationMs("at");
    const podCount = map.integer("pods", { min: 0, max: SCALE_MAX }, { isRequired: true });
    const overMs = map.durationMs("over") ?? 0;
    map.done();
    if (atMs === undefined || podCount === undefined) continue;
    const last = steps.at(-1);
    if (last !== undefined && atMs < last.atMs + last.overMs) {
      const what = atMs < last.atMs ? "comes before the step above it" : "comes before the step above it is over";
      source.error(map.value("at"), `a step of a scale ${what}`);
    }
    steps.push({ atMs, podCount, overMs });
  }
  if (nodes.length === 0) source.error(reader.keyNode("scale"), "a scale needs at least one step");
  return steps.length === 0 ? undefined : { kind: "steps", steps };
}

function readDay(source: YamlSource, node: YamlNode): ScaleCurve | undefined {
  const map = source.map(node, '"scale"');
  if (map === undefined) return undefined;
  const low = map.integer("low", { min: 0, max: SCALE_MAX }, { isRequired: true });
  const high = map.integer("high", { min: 1, max: SCALE_MAX }, { isRequired: true });
  const periodMs = map.durationMs("period", { min: 60_000 }) ?? DAY_MS;
  const peakAtMs = map.durationMs("peakAt") ?? periodMs / 2;
  const stepMs = map.durationMs("step", { min: 1_000 }) ?? DAY_STEP_MS;
  map.done();
  if (low === undefined || high === undefined) return undefined;
  if (low > high) source.error(map.value("low"), `low (${low}) is above high (${high})`);
  return { kind: "day", low, high, periodMs, peakAtMs, stepMs };
}
