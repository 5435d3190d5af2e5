// The simulator against real agents over HTTP: the same file and seed through `up --once` and through `simulate`. Compared is
// what does not hang on interleaving: EC2 calls by action and code, ENIs and prefixes of each node, pods without an address.
//
// Not compared: waits. `up` runs at 20 times real time here, so each millisecond of its processes and sockets counts as 20,
// and the simulator's runtime reaches its agent at once.
//
// The example's two waves come as one, at moment 0. `up --once` ends as soon as all pods run and EC2 was quiet for 15 s: with a
// later wave that is the moment at which it runs, before or after the agents refill, as it happens. 40 s are enough for
// everything but the look for leaked ENIs, which each agent takes once at a moment of the seed within 5 minutes.

import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimDocument } from "../../src/sim/index.ts";
import type { UpDocument } from "../../src/up/index.ts";

const ROOT = join(import.meta.dir, "../..");

function run<Document>(args: readonly string[]): Document {
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), ...args, "-o", "json", "--exit-zero"], { cwd: ROOT });
  expect(ran.exitCode).toBe(0);
  return JSON.parse(ran.stdout.toString()) as Document;
}

test("examples/healthy/prefixes.yaml: simulator and real agents agree", () => {
  const folder = mkdtempSync(join(tmpdir(), "s28-sim-up-"));
  try {
    const text = readFileSync(join(ROOT, "examples/healthy/prefixes.yaml"), "utf8");
    const path = join(folder, "cluster.yaml");
    writeFileSync(path, text.replaceAll(/at: [26]0s/g, "at: 0s").replace("duration: 4m", "duration: 40s"));
    const up = run<UpDocument>(["up", path, "--once"]);
    const simulated = run<SimDocument>(["simulate", path]);
    expect(simulated.ec2).toEqual([...up.ec2]);
    expect(simulated.ec2.length).toBeGreaterThan(0);
    expect(simulated.nodes.map(({ name, enis, prefixes, addresses }) => ({ name, enis, prefixes, addresses }))).toEqual(
      up.nodes.map(({ name, enis, prefixes, addresses }) => ({ name, enis, prefixes, addresses })),
    );
    expect(simulated.pods.waiting).toBe(up.summary.refused);
    expect(simulated.pods.served).toBe(up.summary.running);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
