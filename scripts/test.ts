// npm test: every test under src and test, or those under the given paths. The last line is "N passed, N failed, N skipped".
// Exits with 1 when a test failed, a file could not be loaded, or nothing ran.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTestTools } from "./test-tools.ts";

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The totals of a JUnit report: the attributes of its outermost element. Zeros when there is no report. */
export function countsOfReport(xml: string): TestCounts {
  const head = /<testsuites\b[^>]*>/.exec(xml)?.[0] ?? "";
  const attribute = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = attribute("failures") + attribute("errors");
  const skipped = attribute("skipped");
  return { passed: attribute("tests") - failed - skipped, failed, skipped };
}

/** A run that ends badly without a failed test (a file that does not load, a crash) counts as one failure. */
export function judge(
  counts: TestCounts,
  exitCode: number,
): { readonly counts: TestCounts; readonly exitCode: number } {
  const failed = exitCode !== 0 && counts.failed === 0 ? 1 : counts.failed;
  return { counts: { ...counts, failed }, exitCode: failed > 0 || counts.passed === 0 ? 1 : 0 };
}

export function summaryLine(counts: TestCounts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

async function run(paths: readonly string[]): Promise<number> {
  for (const line of ensureTestTools()) process.stderr.write(`slash28: ${line}\n`);
  const folder = mkdtempSync(join(tmpdir(), "slash28-test-"));
  try {
    const report = join(folder, "report.xml");
    const child = Bun.spawn(
      [
        process.execPath,
        "test",
        "--parallel=2",
        // A loaded machine is slow, not wrong.
        "--timeout=60000",
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        ...(paths.length === 0 ? ["./src", "./test"] : paths),
      ],
      { cwd: join(import.meta.dir, ".."), stdin: "ignore", stdout: "inherit", stderr: "inherit" },
    );
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    const exitCode = await child.exited;
    let xml = "";
    try {
      xml = readFileSync(report, "utf8");
    } catch {
      process.stderr.write("slash28: the test run left no report\n");
    }
    const verdict = judge(countsOfReport(xml), exitCode);
    process.stdout.write(`${summaryLine(verdict.counts)}\n`);
    return verdict.exitCode;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));
