// The single-file executable: compiled in one way for the build, the end-to-end tests and the benchmarks.

import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

const COMPILE_FLAGS: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  // A chunk for each command: the agent holds none of the others (17 MB less), and every start reads less.
  "--format=esm",
  "--splitting",
  "--sourcemap=none",
  // A daemon compiles little and late: 10 MB less. The other commands ask for the ordinary policy when they start.
  "--compile-jit-policy=100",
  // Every entry lies inside under its path in this repository, whichever they are; the build starts in its root.
  "--root=.",
  // What lies in the folder it is started from is none of its business.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

/** Threads that the executable starts, from the repository's root: each is an entry of its own. */
export const THREAD_ENTRIES: readonly string[] = ["src/drivers/datapath-worker.ts"];

/**
 * Rejects with the compiler's complaint. `entry`: what is compiled in the place of the command line, an absolute path; `target`:
 * `bun-linux-arm64` and the like, this machine unless given.
 */
export async function buildSlash28(
  outfile: string,
  options: { readonly entry?: string | undefined; readonly target?: string | undefined } = {},
): Promise<void> {
  const { entry = join(ROOT, "src/cli/main.ts"), target } = options;
  const compiler = Bun.spawn(
    [
      process.execPath,
      "build",
      ...COMPILE_FLAGS,
      ...(target === undefined ? [] : [`--target=${target}`]),
      `--outfile=${outfile}`,
      entry,
      ...THREAD_ENTRIES.map((thread) => join(ROOT, thread)),
    ],
    { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const complaint = await new Response(compiler.stderr).text();
  if ((await compiler.exited) !== 0) throw new Error(`slash28 was not built: ${complaint.trim()}`);
}
