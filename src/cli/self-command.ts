// How this program starts itself again.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The compiled executable is one file; a checkout is Bun and the main module. */
export function selfCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}

/** How the CNI plugin is started: its executable beside this program's, or its main module in a checkout; undefined: it is not there. */
export function pluginCommand(): string[] | undefined {
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  const path = isCompiled ? join(dirname(process.execPath), "slash28-cni") : join(dirname(Bun.main), "../cni/main.ts");
  if (!existsSync(path)) return undefined;
  return isCompiled ? [path] : [process.execPath, path];
}
