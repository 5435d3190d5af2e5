// npm test: every test under src and test, or those under the given paths. The last line is "N passed, N failed, N skipped".
// Exits with 1 when a test failed, a file could not be loaded, or nothing ran.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTestTools } from "./test-tools.ts";

const ROOT = join(import.meta.dir, "..");

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

/** Real nodes, and agents whose time runs ten times as fast: what they do in time bears no neighbour, so they come afterwards, one by one. */
const ALONE = /^\.\/test\/datapath\/|^\.\/test\/e2e\/(?:up-datapath|failures|simulate)\./;

/** All test files, in the two groups that run one after the other. */
function groupsOfAll(): readonly { readonly paths: readonly string[]; readonly parallel: number }[] {
  const files = [...new Bun.Glob("{src,test}/**/*.test.ts").scanSync({ cwd: ROOT })].map((path) => `./${path}`).sort();
  return [
    { paths: files.filter((path) => !ALONE.test(path)), parallel: 2 },
    { paths: files.filter((path) => ALONE.test(path)), parallel: 1 },
  ];
}

async function run(paths: readonly string[]): Promise<number> {
  for (const line of ensureTestTools()) process.stderr.write(`slash28: ${line}\n`);
  const groups = paths.length === 0 ? groupsOfAll() : [{ paths, parallel: 2 }];
  const verdicts = [];
  for (const group of groups) verdicts.push(await runGroup(group.paths, group.parallel));
  const counts = verdicts.reduce(
    (sum, { counts: { passed, failed, skipped } }) => ({
      passed: sum.passed + passed,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
  process.stdout.write(`${summaryLine(counts)}\n`);
  return Math.max(...verdicts.map((verdict) => verdict.exitCode));
}

async function runGroup(paths: readonly string[], parallel: number): Promise<ReturnType<typeof judge>> {
  const folder = mkdtempSync(join(tmpdir(), "slash28-test-"));
  try {
    const report = join(folder, "report.xml");
    const child = Bun.spawn(
      [
        process.execPath,
        "test",
        `--parallel=${parallel}`,
        // A loaded machine is slow, not wrong.
        "--timeout=60000",
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        ...paths,
      ],
      { cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "inherit" },
    );
    const forward = (signal: NodeJS.Signals) => child.kill(signal);
    process.on("SIGINT", forward);
    process.on("SIGTERM", forward);
    const exitCode = await child.exited;
    process.off("SIGINT", forward);
    process.off("SIGTERM", forward);
    let xml = "";
    try {
      xml = readFileSync(report, "utf8");
    } catch {
      process.stderr.write("slash28: the test run left no report\n");
    }
    return judge(countsOfReport(xml), exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));
