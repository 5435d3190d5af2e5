// `slash28 plan --emit`: makes the files, lints them before anybody sees them, and prints or writes them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Cluster } from "../cluster/index.ts";
import { collect } from "../diagnose/collect/index.ts";
import { runLint } from "../diagnose/lint/lint.ts";
import { type Emission, emitPlan } from "../plan/emit/emit.ts";
import { uniqueNames } from "../plan/emit/names.ts";
import {
  ALL_FORMATS,
  EMIT_FORMATS,
  type EmitFormat,
  type EmittedFile,
  OS_FAMILIES,
  type OsFamily,
} from "../plan/emit/types.ts";
import type { PlanOptions } from "../plan/plan.ts";
import type { Plan } from "../plan/types.ts";
import { CommandError } from "./command-error.ts";
import { emitDocument, writeEmitted } from "./emitted-folder.ts";

export interface EmitFlags {
  readonly emit?: readonly EmitFormat[];
  readonly out?: string;
  readonly force?: true;
  readonly clusterName?: string;
  readonly os: OsFamily;
}

export function emitOptions(command: Command): Command {
  return command
    .option("--emit <formats>", `write configuration: all, or some of ${EMIT_FORMATS.join(",")}`, toFormats)
    .option("--out <dir>", "with --emit: the folder to write; without it one file goes to standard output")
    .option("--force", "with --emit: overwrite files of others, and write what lint finds fault with")
    .option("--cluster-name <name>", "with --emit: the cluster; default: the name of the cluster file")
    .addOption(new Option("--os <family>", "with --emit: what the nodes run").choices(OS_FAMILIES).default("al2023"));
}

function toFormats(text: string): EmitFormat[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => name !== "all" && !EMIT_FORMATS.some((format) => format === name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`${unknown.join(", ")} is no format. There are all, ${EMIT_FORMATS.join(", ")}.`);
  if (names.includes("addon") && names.includes("helm"))
    throw new InvalidArgumentError("addon and helm write the same DaemonSet: name one of them.");
  const chosen = new Set<string>(names.includes("all") ? [...ALL_FORMATS, ...names] : names);
  if (chosen.has("helm")) chosen.delete("addon");
  return EMIT_FORMATS.filter((format) => chosen.has(format));
}

/** The exit status: 0 when it fits with the files applied, else 1. */
export async function emit(
  given: { readonly cluster: Cluster; readonly plan: Plan; readonly planOptions: PlanOptions },
  flags: EmitFlags & { readonly emit: readonly EmitFormat[]; readonly output: "table" | "json" },
): Promise<number> {
  const { cluster, plan } = given;
  const clusterName = nameOf(cluster, flags.clusterName);
  const options = { ...given.planOptions, hasAddon: !flags.emit.includes("helm"), clusterName, os: flags.os };
  const candidate = async (isAdvised: boolean): Promise<Candidate> => {
    const made = emitPlan(cluster, plan, { ...options, isAdvised });
    return { made, faults: await faultsIn(made.files) };
  };
  let { made, faults } = await candidate(false);
  // The file's settings stay as long as they do.
  if (made.verdict !== "fits" || faults.length > 0) {
    const advised = await candidate(true);
    if (rank(advised) < rank({ made, faults })) ({ made, faults } = advised);
  }
  // All formats are judged together, so that the settings do not hang on which of them are asked for.
  const files = made.files.filter((one) => flags.emit.includes(one.format));
  faults = faults.filter(({ path }) => files.some((one) => one.path === path));
  const problems = made.plan.scenarios.flatMap((one) => one.problems.map(({ text }) => `${one.name}: ${text}`));
  if (made.verdict === "does-not-fit" && flags.force !== true)
    throw new CommandError(`it does not fit, and nothing was written:\n${problems.slice(0, 5).join("\n")}`, {
      exitStatus: 1,
      next: "slash28 plan without --emit shows every figure.",
    });
  if (faults.length > 0 && flags.force !== true)
    throw new CommandError(
      `lint finds fault with what would be written, and nothing was:\n${faults.map((one) => one.text).join("\n")}`,
      {
        exitStatus: 1,
        next: `Change the settings in ${cluster.fileName}, or write them as they are with --force.`,
      },
    );
  for (const text of [...made.notes, ...faults.map((one) => one.text), ...problems]) process.stderr.write(`${text}\n`);
  const document = emitDocument(files, { cluster: basename(cluster.fileName), verdict: made.verdict });
  if (flags.out === undefined) printOne(files);
  else {
    const { leftOver } = writeEmitted(flags.out, files, { document, force: flags.force === true });
    for (const path of leftOver) process.stderr.write(`${join(flags.out, path)} is of an earlier run: delete it\n`);
    process.stdout.write(flags.output === "json" ? `${JSON.stringify(document, null, 2)}\n` : listing(files));
  }
  return made.verdict === "fits" ? 0 : 1;
}

interface Fault {
  /** Of the file. */
  readonly path: string;
  readonly text: string;
}

interface Candidate {
  readonly made: Emission;
  /** What lint says of its files. */
  readonly faults: readonly Fault[];
}

/** What does not fit is worst, then what lint finds fault with, then doubt. */
function rank({ made, faults }: Candidate): number {
  if (made.verdict === "does-not-fit") return 1_000_000;
  return faults.length * 2 + (made.verdict === "fits" ? 0 : 1);
}

function nameOf(cluster: Cluster, given: string | undefined): string {
  const name = given ?? uniqueNames([basename(cluster.fileName).replace(/\.ya?ml$/i, "")])[0] ?? "";
  if (/^[0-9A-Za-z][\w-]{0,99}$/.test(name)) return name;
  throw new CommandError(`${JSON.stringify(name)} is no name of an EKS cluster`, {
    exitStatus: 2,
    next: "Letters, digits, - and _, at most 100, a letter or digit first.",
  });
}

async function faultsIn(files: readonly EmittedFile[]): Promise<Fault[]> {
  const folder = mkdtempSync(join(tmpdir(), "slash28-emit-"));
  try {
    for (const { path, text } of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const facts = await collect({ paths: [folder] });
    const faultAt = (file: string, line: number, text: string): Fault => {
      const path = relative(folder, file);
      return { path, text: `${path}:${line}: ${text}` };
    };
    return [
      ...facts.unread.map((one) => faultAt(one.file, 1, one.reason)),
      ...runLint(facts).map(({ at, rule, message }) => faultAt(at.file, at.line ?? 1, `${rule.code} ${message}`)),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printOne(files: readonly EmittedFile[]): void {
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new CommandError(
      `${files.length} files cannot go to standard output: ${files.map((one) => one.path).join(", ")}`,
      {
        exitStatus: 2,
        next: "Name a folder with --out.",
      },
    );
  process.stderr.write(`${file.about}\nTo apply it: ${file.apply}\n`);
  process.stdout.write(file.text);
}

function listing(files: readonly EmittedFile[]): string {
  return files.map((one) => `${one.path}\n  ${one.about}\n  ${one.apply}\n`).join("");
}
