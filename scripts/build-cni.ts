// The plugin's executable: compiled apart from the command line, for a pod waits for its start. Also what tests and benchmarks use
// to build it where they want it. `bun scripts/build-cni.ts PATH` builds it to that path.

import { join } from "node:path";
import { compile, ROOT } from "./compile.ts";

/** Rejects with the compiler's complaint. `target`: `bun-linux-arm64` and the like; undefined: this machine. */
export function buildCni(outfile: string, target?: string): Promise<void> {
  // What a DEL without an agent needs is a chunk of its own: 0.2 ms less for every other start.
  return compile({ name: "slash28-cni", outfile, entries: [join(ROOT, "src/cni/main.ts")], target });
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) {
    process.stderr.write("usage: bun scripts/build-cni.ts PATH\n");
    process.exitCode = 2;
  } else await buildCni(path);
}
