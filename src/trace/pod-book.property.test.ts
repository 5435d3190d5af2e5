// Any order of ADDs, grants, DELs, restarts and clock steps: the books agree with each other, and cutting the bytes changes nothing.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ERAS } from "../diagnose/readers/logs/testing/read-log.ts";
import { addLines, delLines, type Era, historyOf, idle, sandboxId } from "./testing/read-history.ts";

const NAMES = ["web-1", "web-2", "db-0"];
const eras = fc.constantFrom<Era>("json", "text-ms", "text-s");

/** One thing that a log tells, on a few sandboxes and names, at a moment that mostly goes forward. */
const deed = fc.record({
  kind: fc.constantFrom("add", "refused", "del", "idleDel", "recovered", "lost", "idle", "garbage"),
  sandbox: fc.integer({ min: 0, max: 5 }),
  name: fc.integer({ min: 0, max: NAMES.length - 1 }),
  stepS: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 1, arbitrary: fc.integer({ min: -3600, max: 3600 }) },
  ),
});

function linesOf(era: Era, deeds: readonly (typeof deed extends fc.Arbitrary<infer T> ? T : never)[]): string[] {
  let second = 7200;
  return deeds.flatMap(({ kind, sandbox, name, stepS }) => {
    second += stepS;
    const pod = { id: sandboxId(`${sandbox}f`), name: NAMES[name] ?? "" };
    switch (kind) {
      case "add":
        return addLines(era, pod, second);
      case "refused":
        return addLines(era, pod, second, false);
      case "del":
        return delLines(era, pod, second);
      case "idleDel":
        return delLines(era, pod, second, false);
      case "recovered":
        return [ERAS[era](`Recovered aws-cni/${pod.id}/eth0 => eni-1/10.0.0.17`, second)];
      case "lost":
        return [
          ERAS[era](`stale IP allocation for ID(aws-cni/${pod.id}/eth0): IPv4(10.0.0.18), IPv6() due to gone`, second),
        ];
      case "garbage":
        return ["\u0000\u0001 garbage"];
      default:
        return [idle(era, second)];
    }
  });
}

test("the books agree: each ADD is a life's, a duplicate or refused; lives go forward; unfinished ones are counted", () => {
  fc.assert(
    fc.property(eras, fc.array(deed, { maxLength: 60 }), fc.boolean(), (era, deeds, hasDebug) => {
      const all = linesOf(era, deeds);
      const { lives, counts, unusableCount } = historyOf([hasDebug ? all : all.filter((line) => !/debug/i.test(line))]);
      const granted = lives.filter((life) => !life.isFromBefore && life.servedMs !== undefined).length;
      expect(counts.addCount).toBe(granted + counts.duplicateAddCount + counts.refusedAddCount);
      const open = lives.filter((life) => life.servedMs !== undefined && life.endedMs === undefined).length;
      expect(counts.addWithoutDelCount).toBe(open);
      expect(counts.neverServedCount).toBe(lives.filter((life) => life.servedMs === undefined).length);
      expect(unusableCount).toBe(deeds.filter((one) => one.kind === "garbage").length);
      for (const { askedMs, servedMs, endedMs } of lives) {
        if (servedMs !== undefined) expect(servedMs).toBeGreaterThanOrEqual(askedMs);
        if (endedMs !== undefined) expect(endedMs).toBeGreaterThanOrEqual(servedMs ?? askedMs);
      }
    }),
    { numRuns: 300 },
  );
});

test("cutting the bytes anywhere changes nothing", () => {
  fc.assert(
    fc.property(eras, fc.array(deed, { maxLength: 20 }), fc.integer({ min: 1, max: 97 }), (era, deeds, chunk) => {
      const lines = linesOf(era, deeds);
      const [whole, cut] = [historyOf([lines]), historyOf([lines], chunk)];
      expect(cut.lives).toEqual([...whole.lives]);
      expect(cut.counts).toEqual(whole.counts);
    }),
    { numRuns: 60 },
  );
});
