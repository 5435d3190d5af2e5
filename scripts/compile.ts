// Single-file executables, compiled in one way: what slash28 and slash28-cni have in common.

import { join } from "node:path";

export const ROOT = join(import.meta.dir, "..");

const FLAGS: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  // Chunks, so that a start reads and holds what it needs and no more: see those who compile.
  "--format=esm",
  "--splitting",
  "--sourcemap=none",
  // What lies in the folder it is started from is none of its business.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

export interface Compilation {
  readonly name: string;
  readonly outfile: string;
  /** Absolute paths; the first is what runs. */
  readonly entries: readonly string[];
  /** On top of the common ones. */
  readonly flags?: readonly string[];
  /** `bun-linux-arm64` and the like; undefined: this machine. */
  readonly target: string | undefined;
}

/** Rejects with the compiler's complaint. */
export async function compile({ name, outfile, entries, flags = [], target }: Compilation): Promise<void> {
  const words = [...FLAGS, ...flags, ...(target === undefined ? [] : [`--target=${target}`]), `--outfile=${outfile}`];
  const compiler = Bun.spawn([process.execPath, "build", ...words, ...entries], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const complaint = await new Response(compiler.stderr).text();
  if ((await compiler.exited) !== 0) throw new Error(`${name} was not built: ${complaint.trim()}`);
}
