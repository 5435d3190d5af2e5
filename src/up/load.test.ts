import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatCheckError } from "../text/check-error.ts";
import { clusterFromText, LoadError, loadCluster, loadPods } from "./load.ts";

const CLUSTER = `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2 }]
workloads: [{ trace: ./pods.csv }]
`;

function warnings(csv: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), "s28-load-"));
  try {
    writeFileSync(join(folder, "cluster.yaml"), CLUSTER);
    writeFileSync(join(folder, "pods.csv"), csv);
    const loaded = loadPods(loadCluster(join(folder, "cluster.yaml")), []);
    return loaded.warnings.map((one) => formatCheckError(one).replaceAll(`${folder}/`, ""));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("what a trace holds and a run does not use is told: lines with their place, nodes with their number", () => {
  expect(warnings("at,name,node\n0s,a,general-1\n0s,b,ip-10-0-0-1\nnever,c,\n")).toEqual([
    "pods.csv:4:1: 1 lines of the trace are not used; 2 pods are",
    'pods.csv:4:1: "never" is not a duration such as 30s',
    `pods.csv:1:1: 1 of the 2 nodes that the trace names (ip-10-0-0-1) are not in the cluster file: the scheduler places their pods
  slash28 trace --node-group NAME writes the nodes as NAME-1, NAME-2 and so on.`,
  ]);
  expect(warnings("at,name,node\n0s,a,general-2\n")).toEqual([]);
  expect(warnings("at,name\n0s,a\n1h,b\n2d,c\n")).toEqual([
    `pods.csv:1:1: 2 of the trace's 3 pods come after the run's end (run.duration 10m), the last at 2d
  Give cluster.yaml a longer run.duration, or the trace with slash28 trace --from and --to.`,
  ]);
});

test("a file that is no cluster file at all: the first ten problems, and how many more there are", () => {
  const text = `${CLUSTER}${Array.from({ length: 25 }, (_, index) => `wrong${index}: 1`).join("\n")}\n`;
  const message = (() => {
    try {
      clusterFromText(text, "c.yaml");
    } catch (error) {
      return error instanceof LoadError ? error.message : "";
    }
    return "";
  })();
  expect(message).toStartWith("c.yaml cannot be used: 25 problems\nc.yaml:6:1: ");
  expect(message).toEndWith("\n... and 15 more");
  expect(message.match(/^c\.yaml:\d+:\d+: /gm)).toHaveLength(10);
});
