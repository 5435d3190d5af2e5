// The real executables, compiled once for a test file: the agent's program and the CNI plugin.

import { join } from "node:path";
import { buildCni } from "../../scripts/build-cni.ts";
import { buildSlash28 } from "../../scripts/build-slash28.ts";

export interface Programs {
  readonly slash28: string;
  readonly plugin: string;
}

export async function buildPrograms(folder: string): Promise<Programs> {
  const programs = { slash28: join(folder, "slash28"), plugin: join(folder, "slash28-cni") };
  await Promise.all([buildSlash28(programs.slash28), buildCni(programs.plugin)]);
  return programs;
}
