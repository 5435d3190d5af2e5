// npm run bench -- [NAME...] [--write] [--long]: runs bench/<NAME>.ts (all without a name) and prints what was asked and measured.
// `--write` puts the result into docs/benchmarks.md; `--long` runs ten times as long where a bench knows how. Exits with 1 when a
// promise is missed.

import { readdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { basename, join } from "node:path";
import { type BenchGroup, benchDocument, groupTable, type Machine } from "./table.ts";
import { type BenchOptions, type BenchRow, isMet } from "./types.ts";

const OWN: readonly string[] = ["main.ts", "table.ts", "types.ts"];

function machine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    coreCount: processors.length,
    memoryMb: totalmem() / 1e6,
    os: `${type()} ${release()}`,
    bun: Bun.version,
  };
}

/** The names of the modules to run: those asked for, else all. */
function modulesToRun(asked: readonly string[]): string[] {
  const known = readdirSync(import.meta.dir)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !OWN.includes(name))
    .map((name) => basename(name, ".ts"))
    .sort((a, b) => (a < b ? -1 : 1));
  const unknown = asked.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`slash28: no bench ${unknown.join(", ")}; there are: ${known.join(", ") || "none"}\n`);
    process.exit(2);
  }
  return asked.length > 0 ? [...asked] : known;
}

async function runModule(name: string, options: BenchOptions): Promise<BenchGroup> {
  const module = (await import(join(import.meta.dir, `${name}.ts`))) as Record<string, unknown>;
  const rows: BenchRow[] = [];
  for (const [exported, value] of Object.entries(module)) {
    if (!/^bench[A-Z]/.test(exported) || typeof value !== "function") continue;
    rows.push(...((await value(options)) as readonly BenchRow[]));
  }
  return { name, rows };
}

const args = process.argv.slice(2);
const isWriting = args.includes("--write");
const groups: BenchGroup[] = [];
for (const name of modulesToRun(args.filter((arg) => arg !== "--write" && arg !== "--long"))) {
  process.stderr.write(`bench ${name} ...\n`);
  const group = await runModule(name, { isLong: args.includes("--long") });
  if (group.rows.length === 0) continue; // a helper of other modules
  groups.push(group);
  process.stdout.write(`${groupTable(group)}\n\n`);
}
if (isWriting) {
  const document = benchDocument({
    machine: machine(),
    command: `npm run bench -- ${args.join(" ")}`,
    date: new Date().toISOString().slice(0, 10),
    groups,
  });
  writeFileSync(join(import.meta.dir, "../docs/benchmarks.md"), document);
  process.stderr.write("wrote docs/benchmarks.md\n");
}
process.exitCode = groups.every((group) => group.rows.every(isMet)) ? 0 : 1;
