// The plugin's executable: compiled apart from the command line, for a pod waits for its start. Also what tests and benchmarks use
// to build it where they want it. `bun scripts/build-cni.ts PATH` builds it to that path.

import { join } from "node:path";

const ROOT = join(import.meta.dir, "..");

const CNI_COMPILE_FLAGS: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  // What a DEL without an agent needs is a chunk of its own: 0.2 ms less for every other start.
  "--format=esm",
  "--splitting",
  "--sourcemap=none",
  // What lies in the folder it is started from is none of its business.
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

/** Rejects with the compiler's complaint. `target`: `bun-linux-arm64` and the like; undefined: this machine. */
export async function buildCni(outfile: string, target?: string): Promise<void> {
  const compiler = Bun.spawn(
    [
      process.execPath,
      "build",
      ...CNI_COMPILE_FLAGS,
      ...(target === undefined ? [] : [`--target=${target}`]),
      `--outfile=${outfile}`,
      join(ROOT, "src/cni/main.ts"),
    ],
    { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const complaint = await new Response(compiler.stderr).text();
  if ((await compiler.exited) !== 0) throw new Error(`slash28-cni was not built: ${complaint.trim()}`);
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) {
    process.stderr.write("usage: bun scripts/build-cni.ts PATH\n");
    process.exitCode = 2;
  } else await buildCni(path);
}
