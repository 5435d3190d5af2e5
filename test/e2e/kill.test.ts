// kill -9 at any moment loses nothing. A real agent process serves ADD and DEL from 6 callers while it is killed 100 times, under each policy, and
// started again at once; then everything is let settle and three books are compared: what callers were told, the checkpoint,
// and what EC2 holds. The same test must find what is wrong with an agent that replies before it saves, and with one whose
// returns never reach EC2.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POLICY_IDS, type PolicyId } from "../../src/ipam/types.ts";
import { KillRig, type Outcome, type SettleOptions } from "./kill-rig.ts";

/** Under each policy. */
const KILLS = 100;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const REAL_AGENT = "../../src/cli/main.ts";

interface Run {
  readonly entry: string;
  readonly policy: PolicyId;
  readonly kills: number;
  readonly settle?: SettleOptions;
}

async function runRig({ entry, policy, kills, settle }: Run): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "s28-kill-"));
  folders.push(folder);
  const rig = await KillRig.create({ folder, entry: join(import.meta.dir, entry), policy, seed: 28 });
  try {
    await rig.killUnderLoad(kills);
    return await rig.settle(settle);
  } finally {
    await rig.close();
  }
}

describe("kill -9 under load", () => {
  for (const policy of POLICY_IDS) {
    test(`[ipamd 6.2] 100 kills under ${policy}: nothing acknowledged is lost, nothing is held twice, EC2 and pool agree`, async () => {
      const outcome = await runRig({ entry: REAL_AGENT, policy, kills: KILLS });
      if (outcome.problems.length > 0) console.error(outcome.settleLog);
      expect(outcome.kills).toBe(KILLS);
      expect(outcome.acknowledgedAdds).toBeGreaterThan(KILLS);
      expect(outcome.problems).toEqual([]);
    }, 600_000);
  }

  test("an agent that replies before it saves is caught", async () => {
    const outcome = await runRig({ entry: "planted-late-save.ts", policy: "slash28", kills: 25 });
    expect(outcome.problems.length).toBeGreaterThan(0);
    expect(outcome.problems.join("\n")).toContain("acknowledged");
  }, 300_000);

  // Each of its reconciles makes EC2 and pool agree for a moment: a single look at that moment would find nothing.
  test("an agent whose returns never reach EC2 is caught", async () => {
    const settle = { virtualMs: 20 * 60_000, isDrained: true };
    const outcome = await runRig({ entry: "planted-lost-return.ts", policy: "vpc-cni", kills: 10, settle });
    expect(outcome.settleLog).toContain("Trying to unassign the following Prefixes");
    expect(outcome.problems.join("\n")).toMatch(/EC2 holds .*, the pool /);
  }, 300_000);
});
