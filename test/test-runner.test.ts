// The runner's verdict: CI reads the last line, so a run must not look green when it is not.

import { describe, expect, test } from "bun:test";
import { countsOfReport, judge, summaryLine } from "../scripts/test.ts";

const report = (head: string) =>
  `<?xml version="1.0"?>\n<testsuites name="bun test" ${head} time="0.1">\n</testsuites>`;

describe("npm test", () => {
  test("counts what the report says", () => {
    const counts = countsOfReport(report('tests="58" assertions="7" failures="2" skipped="3"'));
    expect(counts).toEqual({ passed: 53, failed: 2, skipped: 3 });
    expect(summaryLine(counts)).toBe("53 passed, 2 failed, 3 skipped");
  });

  test("fails when a test failed, when a file did not load, and when nothing ran", () => {
    const green = { passed: 3, failed: 0, skipped: 0 };
    expect(judge(green, 0).exitCode).toBe(0);
    expect(judge({ ...green, failed: 1 }, 1).exitCode).toBe(1);
    expect(judge(green, 1)).toEqual({ counts: { ...green, failed: 1 }, exitCode: 1 });
    expect(judge(countsOfReport(""), 0).exitCode).toBe(1);
    expect(judge({ passed: 0, failed: 0, skipped: 4 }, 0).exitCode).toBe(1);
  });
});
