// The coverage page of the emulated EC2, from the first line of each action's file.

export interface CoverageEntry {
  readonly action: string;
  readonly isFull: boolean;
  /** What is missing; empty when nothing is. */
  readonly missing: string;
}

/** What the first line says: `// @ec2: full <Action>` or `// @ec2: partial <Action> "what is missing"`; undefined: neither. */
export function parseCoverage(firstLine: string): CoverageEntry | undefined {
  const full = /^\/\/ @ec2: full ([A-Z]\w+)$/.exec(firstLine);
  if (full !== null) return { action: full[1] ?? "", isFull: true, missing: "" };
  const partial = /^\/\/ @ec2: partial ([A-Z]\w+) "([^"]+)"$/.exec(firstLine);
  return partial === null ? undefined : { action: partial[1] ?? "", isFull: false, missing: partial[2] ?? "" };
}

export function coverageMarkdown(entries: readonly CoverageEntry[]): string {
  const ordered = [...entries].sort((a, b) => (a.action < b.action ? -1 : a.action > b.action ? 1 : 0));
  const fullCount = ordered.filter((entry) => entry.isFull).length;
  const rows = ordered.map(
    (entry) => `| ${entry.action} | ${entry.isFull ? "full" : "partial"} | ${entry.missing.replaceAll("|", "\\|")} |`,
  );
  return [
    "# EC2 actions of the emulator",
    "",
    "Generated from the first line of each file in `src/emulator/actions/`: change it there, then run `npm run generate`.",
    "",
    `${ordered.length} actions, ${fullCount} of them full. IPv4 only. Authorization is not modelled: any signature is accepted.`,
    "",
    "| Action | Coverage | Missing |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
