import { expect, test } from "bun:test";
import { formatClockScale, parseClockScale, scaledClock, systemClock } from "./clock-system.ts";

test("real time runs at rate 1 and agrees with the system's wall clock", () => {
  const clock = systemClock();
  expect(clock.rate).toBe(1);
  expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(50);
  const first = clock.nowMs();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(first);
});

test("virtual wall time is epoch + elapsed real time x rate, for every process that shares the numbers", async () => {
  const scale = { epoch: Date.UTC(2026, 0, 1), real: Date.now(), rate: 100 };
  const [one, other] = [scaledClock(scale), scaledClock(scale)];
  await Bun.sleep(30);
  const elapsedMs = one.wallMs() - scale.epoch;
  expect(elapsedMs).toBeGreaterThanOrEqual(2_500);
  expect(elapsedMs).toBeLessThan(60_000);
  expect(Math.abs(other.wallMs() - one.wallMs())).toBeLessThan(500);
});

test("a timer never fires before the moment it was asked for", async () => {
  for (const clock of [systemClock(), scaledClock({ epoch: 0, real: Date.now(), rate: 50 })]) {
    const early = await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const atMs = clock.nowMs() + (i * 1.7 + 0.3) * clock.rate;
        return new Promise<number>((resolve) => clock.at(atMs, () => resolve(atMs - clock.nowMs())));
      }),
    );
    for (const lead of early) expect(lead).toBeLessThanOrEqual(0);
  }
});

test("a moment in the past fires, a cancelled timer does not", async () => {
  const clock = systemClock();
  let fired = 0;
  clock.at(clock.nowMs() - 5, () => {
    fired++;
  });
  clock.at(clock.nowMs() + 3, () => {
    fired += 100;
  })();
  await Bun.sleep(15);
  expect(fired).toBe(1);
});

test("a timer a year away does not fire at once", async () => {
  const clock = systemClock();
  let hasFired = false;
  const cancel = clock.at(clock.nowMs() + 365 * 86_400_000, () => {
    hasFired = true;
  });
  await Bun.sleep(10);
  cancel();
  expect(hasFired).toBe(false);
});

test("the scale's text is read back, and everything else is refused", () => {
  const scale = { epoch: 1_767_225_600_000, real: 1_800_000_000_000, rate: 12.5 };
  expect(parseClockScale(formatClockScale(scale))).toEqual(scale);
  for (const text of ["", "1:2", "1:2:3:4", "a:2:3", "1:2:0", "1:2:-1", "-1:2:3", "1:2:", "1:2:Infinity", "NaN:2:3"]) {
    expect(parseClockScale(text)).toBeUndefined();
  }
});
