// A cluster file's text as its plan, the document held against its schema.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Cluster, parseCluster } from "../../src/cluster/index.ts";
import { type PlanOptions, planCluster } from "../../src/plan/plan.ts";
import type { Plan } from "../../src/plan/types.ts";

const ROOT = join(import.meta.dir, "../..");
const SCHEMA = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/plan.v1.json"), "utf8")));

export function clusterOf(text: string): Cluster {
  const parsed = parseCluster(text, "c.yaml");
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors));
  return parsed.cluster;
}

export function planText(text: string, over: Partial<PlanOptions> = {}): Plan {
  return planOf(clusterOf(text), over);
}

export function planOf(cluster: Cluster, over: Partial<PlanOptions> = {}): Plan {
  const plan = planCluster(cluster, {
    manifests: [],
    traces: [],
    surgePercent: 0,
    hasZoneLoss: false,
    ...over,
  });
  SCHEMA.parse(JSON.parse(JSON.stringify(plan)));
  return plan;
}

export const example = (name: string): string => readFileSync(join(ROOT, "examples", `${name}.yaml`), "utf8");
