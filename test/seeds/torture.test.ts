// The pinned seeds of npm run torture: what was once broken stays mended.

import { expect, test } from "bun:test";
import { torture } from "../../src/sim/torture/run.ts";
import { PINNED_SEEDS } from "./torture.ts";

for (const { seed, policy, broke, story } of PINNED_SEEDS) {
  test(`${policy}, seed ${seed}, ${broke}: ${story}`, () => {
    expect(torture(seed, policy).broken?.what).toBeUndefined();
  }, 30_000);
}
