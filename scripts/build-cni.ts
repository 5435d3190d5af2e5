// The plugin's executable: compiled apart from the command line, for a pod waits for its start. Also what tests and benchmarks use
// to build it where they want it. `bun scripts/build-cni.ts PATH` builds it to that path.

import { join } from "node:path";
import { compile, ROOT } from "./compile.ts";

/** Rejects with the compiler's complaint. `target`: `bun-linux-arm64` and the like; undefined: this machine. */
export function buildCni(outfile: string, target?: string): Promise<void> {
  // What a DEL without an agent needs is a chunk of its own: 0.2 ms less for every other start.
  const entries = [join(ROOT, "src/cni/main.ts")];
  // It ends before compiled functions would pay: the start of their compiler's thread takes an ADD 0.6 ms.
  const flags = ["--compile-jit-policy=100"];
  return compile({ name: "slash28-cni", outfile, entries, flags, target });
}

if (import.meta.main) {
  const path = process.argv[2];
  if (path === undefined) {
    process.stderr.write("usage: bun scripts/build-cni.ts PATH\n");
    process.exitCode = 2;
  } else await buildCni(path);
}
