// The loop closed: a run of real agents, its logs as a trace, the trace in the simulator; each node hears as many ADDs and DELs.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "../../src/ipam/engine.ts";
import type { Engine, EngineOptions, Input } from "../../src/ipam/types.ts";
import { Fleet } from "../../src/sim/fleet.ts";
import type { TraceDocument } from "../../src/trace/trace-document.ts";
import { loadCluster, loadPods } from "../../src/up/index.ts";

const SLASH28 = join(import.meta.dir, "../../bin/slash28");
const folder = mkdtempSync(join(tmpdir(), "s28-loop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CLUSTER = `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/22 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 2, maxPods: 29 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
run: { duration: 60s, seed: 3, speed: 10 }
`;
const WORKLOADS = `workloads:
  - { name: web, pods: 17, at: 0s }
  - { name: batch, pods: 5, at: 2s, lifetime: 8s }
  - { name: last, pods: 2, at: 20s }
`;

async function slash28(...args: readonly string[]): Promise<string> {
  const child = Bun.spawn([SLASH28, ...args], { cwd: folder, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ status: await child.exited, err: (await child.exited) === 0 ? "" : err }).toEqual({ status: 0, err: "" });
  return out;
}

/** ADDs and DELs that each node's engine hears. */
function simulate(): Map<string, { adds: number; dels: number }> {
  const heard = new Map<string, { adds: number; dels: number }>();
  const counting = (options: EngineOptions): Engine => {
    const engine = createEngine(options);
    const counts = { adds: 0, dels: 0 };
    const step = engine.step.bind(engine);
    return Object.assign(engine, {
      step(input: Input) {
        if (input.kind === "started") heard.set(input.facts.nodeName, counts);
        if (input.kind === "allocate") counts.adds++;
        if (input.kind === "release") counts.dels++;
        return step(input);
      },
    });
  };
  const loaded = loadCluster(join(folder, "replay.yaml"));
  const { manifests, traces, warnings } = loadPods(loaded, []);
  expect(warnings).toEqual([]);
  const { cluster } = loaded;
  new Fleet({
    cluster,
    manifests,
    traces,
    dump: undefined,
    seed: 1,
    faultsFor: () => [],
    createEngine: counting,
  }).run();
  return heard;
}

test("a run's logs, as a trace, give the simulator the same ADDs and DELs on each node", async () => {
  writeFileSync(join(folder, "run.yaml"), CLUSTER + WORKLOADS);
  await slash28("up", "run.yaml", "--once", "--evidence", "evidence", "-o", "json");
  writeFileSync(join(folder, "pods.csv"), await slash28("trace", "evidence/nodes"));
  writeFileSync(join(folder, "replay.yaml"), `${CLUSTER}workloads: [{ trace: ./pods.csv }]\n`);
  const document = JSON.parse(await slash28("trace", "evidence/nodes", "-o", "json")) as TraceDocument;
  expect(document.counts).toMatchObject({ pods: 24, ended: 5, stillThere: 19, unusableLines: 0 });
  const logged = document.nodes.map(({ name, adds, dels }) => ({ name, adds, dels }));
  expect(logged.map((node) => node.name)).toEqual(["general-1", "general-2"]);
  expect(logged.reduce((sum, node) => sum + node.adds, 0)).toBe(24);
  const heard = simulate();
  expect(logged.map(({ name }) => ({ name, ...heard.get(name) }))).toEqual(logged);
  // The same files with what kubectl says besides: the pods are still each there once.
  const all = JSON.parse(await slash28("trace", "evidence", "-o", "json")) as TraceDocument;
  expect(all.counts.addressPods).toBe(24);
}, 120_000);
