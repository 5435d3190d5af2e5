// The scenarios that policies are compared in: each is a good file that says what it shows, and runs.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { formatCheckError, parseCluster } from "../cluster/index.ts";
import { Fleet } from "./fleet.ts";
import { checkFleet } from "./testing/checkers.ts";
import { inputOf } from "./testing/clusters.ts";

const FOLDER = join(import.meta.dir, "../../scenarios");
const FILES = readdirSync(FOLDER).sort();

/** Enough for every scenario's first pods to come, and for the events of most; the largest is shown to begin. */
const SHORT_MS = 13 * 60_000;
const SHORT_OF_LARGE_MS = 60_000;

describe("scenarios", () => {
  for (const file of FILES) {
    test(`${file} says what it shows, and runs`, () => {
      const text = readFileSync(join(FOLDER, file), "utf8");
      expect(text).toMatch(/^# .*Shows .*(?:Source|ours).*\napiVersion/s);
      const parsed = parseCluster(text, file);
      if (parsed.kind !== "ok") throw new Error(parsed.errors.map(formatCheckError).join("\n"));
      expect(parsed.cluster.cni.env.get("ENABLE_PREFIX_DELEGATION")).toBe("true");
      const nodeCount = parsed.cluster.nodeGroups.reduce((sum, group) => sum + group.count, 0);
      const shortMs = nodeCount > 500 ? SHORT_OF_LARGE_MS : SHORT_MS;
      const durationMs = Math.min(parsed.cluster.run.durationMs, shortMs);
      const fleet = new Fleet(inputOf({ ...parsed.cluster, run: { ...parsed.cluster.run, durationMs } }));
      fleet.run();
      expect(fleet.counts.came).toBeGreaterThan(0);
      expect(checkFleet(fleet)).toEqual([]);
    }, 60_000);
  }
});
