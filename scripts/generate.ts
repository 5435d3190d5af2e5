// npm run generate: writes every generated document. Each module in scripts/generate/ exports
// `generate(): Promise<readonly GeneratedFile[]>`; test/generated.test.ts fails while a document differs from its generator.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface GeneratedFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

const ROOT = join(import.meta.dir, "..");

/** The files of all generators, in the order of the generators' names. */
export async function generateAll(): Promise<readonly GeneratedFile[]> {
  const folder = join(import.meta.dir, "generate");
  const files: GeneratedFile[] = [];
  for (const name of readdirSync(folder).sort((a, b) => (a < b ? -1 : 1))) {
    if (!name.endsWith(".ts") || name.endsWith(".test.ts")) continue;
    const module = (await import(join(folder, name))) as { generate?: () => Promise<readonly GeneratedFile[]> };
    if (module.generate === undefined) throw new Error(`scripts/generate/${name} exports no generate()`);
    files.push(...(await module.generate()));
  }
  return files;
}

/** The text on disk; undefined when there is none. */
export function currentText(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), "utf8");
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  for (const file of await generateAll()) {
    if (currentText(file.path) === file.text) continue;
    mkdirSync(dirname(join(ROOT, file.path)), { recursive: true });
    writeFileSync(join(ROOT, file.path), file.text);
    process.stdout.write(`wrote ${file.path}\n`);
  }
}
