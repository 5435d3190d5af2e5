// kill -9 at any moment loses nothing. A real agent process serves ADD and DEL from 6 callers while it is killed 100 times, under each policy, and
// started again at once; then everything is let settle and three books are compared: what callers were told, the checkpoint,
// and what EC2 holds. The same test with an agent that replies before it saves must find the loss.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { POLICY_IDS, type PolicyId } from "../../src/ipam/types.ts";
import { KillRig, type Outcome } from "./kill-rig.ts";

/** Under each policy. */
const KILLS = 100;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function runRig(entry: string, policy: PolicyId, kills: number): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "s28-kill-"));
  folders.push(folder);
  const rig = await KillRig.create({ folder, entry, policy, seed: 28 });
  try {
    await rig.killUnderLoad(kills);
    return await rig.settle();
  } finally {
    await rig.close();
  }
}

describe("kill -9 under load", () => {
  for (const policy of POLICY_IDS) {
    test(`[ipamd 6.2] 100 kills under ${policy}: nothing acknowledged is lost, nothing is held twice, EC2 and pool agree`, async () => {
      const outcome = await runRig(join(import.meta.dir, "../../src/cli/main.ts"), policy, KILLS);
      expect(outcome.kills).toBe(KILLS);
      expect(outcome.acknowledgedAdds).toBeGreaterThan(KILLS);
      expect(outcome.problems).toEqual([]);
    }, 600_000);
  }

  test("an agent that replies before it saves is caught", async () => {
    const outcome = await runRig(join(import.meta.dir, "planted-agent.ts"), "slash28", 25);
    expect(outcome.problems.length).toBeGreaterThan(0);
    expect(outcome.problems.join("\n")).toContain("acknowledged");
  }, 300_000);
});
