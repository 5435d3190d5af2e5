// The real executables, compiled once for a test file: the agent's program and the CNI plugin.

import { join } from "node:path";
import { buildCni } from "../../scripts/build-cni.ts";
import { COMPILE_FLAGS, THREAD_ENTRIES } from "../../scripts/compile-flags.ts";

const ROOT = join(import.meta.dir, "../..");

export interface Programs {
  readonly slash28: string;
  readonly plugin: string;
}

export async function buildPrograms(folder: string): Promise<Programs> {
  const slash28 = join(folder, "slash28");
  const plugin = join(folder, "slash28-cni");
  const build = Bun.spawn(
    [
      ...[process.execPath, "build", ...COMPILE_FLAGS, `--outfile=${slash28}`],
      ...["src/cli/main.ts", ...THREAD_ENTRIES],
    ],
    { cwd: ROOT, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const [complaint] = await Promise.all([new Response(build.stderr).text(), buildCni(plugin)]);
  if ((await build.exited) !== 0) throw new Error(`the agent does not compile: ${complaint}`);
  return { slash28, plugin };
}
