// slash28 lint: what is wrong in configuration before any pod waits for an address. Writes nothing but with --fix, and then only
// what is certain.

import { readFileSync } from "node:fs";
import { isAbsolute, relative } from "node:path";
import { Command, Option } from "commander";
import packageFile from "../../../package.json" with { type: "json" };
import type { Facts } from "../../diagnose/facts/model.ts";
import { type Baseline, baselineOf, fingerprint, parseBaseline, withoutKnown } from "../../diagnose/lint/baseline.ts";
import { runLint } from "../../diagnose/lint/lint.ts";
import type { Finding, Severity } from "../../diagnose/lint/rule.ts";
import { RULES } from "../../diagnose/lint/rules/index.ts";
import { type LintDocument, lintDocument, SEVERITIES } from "../../diagnose/render/lint-document.ts";
import { lintGithub } from "../../diagnose/render/lint-github.ts";
import { lintJunit } from "../../diagnose/render/lint-junit.ts";
import { lintMarkdown } from "../../diagnose/render/lint-markdown.ts";
import { lintSarif } from "../../diagnose/render/lint-sarif.ts";
import { lintTable } from "../../diagnose/render/lint-table.ts";
import { redact } from "../../diagnose/render/redact.ts";
import { applyFixes, type Fixes, writeInOneStep } from "../apply-fixes.ts";
import { type CollectFlags, collectFacts, collectOptions } from "../collect-facts.ts";
import { CommandError } from "../command-error.ts";

const FORMATS = ["table", "json", "sarif", "junit", "github", "markdown"] as const;

interface Options extends CollectFlags {
  readonly output: (typeof FORMATS)[number];
  readonly failOn: Severity;
  readonly fix?: true;
  readonly baseline?: string;
  readonly writeBaseline?: string;
  readonly redact: boolean;
}

export function lintCommand(): Command {
  const command = new Command("lint")
    .description("what in manifests, values, Terraform and dumps will leave pods without address")
    .argument("[path...]", "files and folders; - reads standard input");
  return collectOptions(command)
    .addOption(new Option("-o, --output <format>", "how to print the findings").choices(FORMATS).default("table"))
    .addOption(
      new Option("--fail-on <severity>", "exit with 1 from this severity on").choices(SEVERITIES).default("info"),
    )
    .option("--fix", "write what is certain into the files, keeping comments and format")
    .option("--baseline <file>", "leave out the findings that this file knows")
    .option("--write-baseline <file>", "write the findings of this run as a baseline, and exit with 0")
    .option("--no-redact", "Markdown: leave account ids, ARNs and tokens as they are")
    .action(async (paths: string[], options: Options) => {
      process.exitCode = await lint(paths, options);
    });
}

async function lint(paths: readonly string[], options: Options): Promise<number> {
  if (paths.length === 0 && options.facts === undefined && options.ec2 === undefined) {
    throw new CommandError("nothing to lint", {
      exitStatus: 2,
      next: "Name files or folders, or - for standard input.",
    });
  }
  if (options.fix === true && paths.includes("-"))
    throw new CommandError("--fix cannot write to standard input", { exitStatus: 2, next: "Name the file." });
  const baseline = options.baseline === undefined ? undefined : readBaseline(options.baseline);
  let facts = await collectFacts(paths, options);
  requireRead(facts);
  let findings = runLint(facts);
  if (options.writeBaseline !== undefined) return writeBaseline(options.writeBaseline, findings);
  let fixes: Fixes = { fixed: [], skipped: [] };
  if (options.fix === true) {
    fixes = applyFixes(fresh(findings, baseline).findings);
    for (const { file, reason } of fixes.skipped) process.stderr.write(`not fixed: ${file}: ${reason}\n`);
    if (fixes.fixed.length > 0) {
      facts = await collectFacts(paths, options);
      findings = runLint(facts);
    }
  }
  const { findings: shown, knownCount, staleCount } = fresh(findings, baseline);
  if (staleCount > 0)
    process.stderr.write(
      `${staleCount} entries of ${options.baseline} met no finding: write it anew with --write-baseline\n`,
    );
  const document = lintDocument({
    findings: shown,
    failOn: options.failOn,
    knownCount,
    fixed: fixes.fixed,
    fileCount: new Set(facts.read.map((one) => one.file)).size,
    unread: facts.unread,
  });
  process.stdout.write(render(document, shown, options));
  return document.failed ? 1 : 0;
}

/** Nothing read is no clean bill. */
function requireRead(facts: Facts): void {
  if (facts.read.length > 0) return;
  const [first] = facts.unread;
  throw new CommandError(`nothing could be read${first === undefined ? "" : `: ${first.file}: ${first.reason}`}`, {
    exitStatus: 3,
    next: first?.next ?? "Name manifests, Helm values, Terraform files, add-on configuration or dumps of the AWS CLI.",
  });
}

function fresh(
  findings: readonly Finding[],
  baseline: Baseline | undefined,
): { findings: readonly Finding[]; knownCount: number; staleCount: number } {
  if (baseline === undefined) return { findings, knownCount: 0, staleCount: 0 };
  const left = withoutKnown(findings, baseline);
  return { findings: left.findings, knownCount: left.knownCount, staleCount: left.stale.length };
}

function readBaseline(path: string): Baseline {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(
      `the baseline ${path} cannot be read: ${(error as Error).message.replace(/^E[A-Z]+: /, "").replace(/, open .*$/, "")}`,
      {
        exitStatus: 3,
        next: `slash28 lint PATH... --write-baseline ${path}`,
      },
    );
  }
  const parsed = parseBaseline(text);
  if ("baseline" in parsed) return parsed.baseline;
  throw new CommandError(`the baseline ${path} cannot be used: ${parsed.problem}`, {
    exitStatus: 2,
    next: `slash28 lint PATH... --write-baseline ${path}`,
  });
}

function writeBaseline(path: string, findings: readonly Finding[]): number {
  try {
    writeInOneStep(path, `${JSON.stringify(baselineOf(findings), null, 2)}\n`);
  } catch (error) {
    throw new CommandError(`${path} cannot be written: ${(error as Error).message}`, { exitStatus: 3 });
  }
  process.stderr.write(`${findings.length} findings written to ${path}\n`);
  return 0;
}

function render(document: LintDocument, findings: readonly Finding[], options: Options): string {
  switch (options.output) {
    case "json":
      return `${JSON.stringify(document, null, 2)}\n`;
    case "sarif":
      return lintSarif(fromHere(document), {
        version: packageFile.version,
        rules: RULES,
        fingerprints: findings.map(fingerprint),
      });
    case "junit":
      return lintJunit(document);
    case "github":
      return lintGithub(fromHere(document));
    case "markdown": {
      const text = lintMarkdown(document);
      return options.redact ? redact(text) : text;
    }
    case "table":
      return lintTable(document, {
        isColored: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
        width: Math.max(60, Math.min(process.stdout.columns ?? 100, 120)),
      });
  }
}

/** Readers of annotations look for paths as the repository has them. */
function fromHere(document: LintDocument): LintDocument {
  const shorten = <Item extends { readonly file: string }>(item: Item): Item => {
    const path = isAbsolute(item.file) ? relative(process.cwd(), item.file) : item.file;
    return path === "" || path.startsWith("..") ? item : { ...item, file: path };
  };
  return { ...document, findings: document.findings.map(shorten), unread: document.unread.map(shorten) };
}
