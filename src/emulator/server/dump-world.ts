// A folder of AWS CLI JSON as a world: files read, documents understood, and every problem with file, line and column.

import { type WorldDescription, worldFromDump } from "../model/index.ts";
import { type DumpFolderProblem, placeInFiles, readDumpFolder } from "./dump-folder.ts";

export type DumpWorld = { readonly world: WorldDescription } | { readonly problems: readonly DumpFolderProblem[] };

/** Never throws for what is on the disk. */
export function readDumpWorld(folder: string): DumpWorld {
  const { files, problems } = readDumpFolder(folder);
  if (problems.length > 0) return { problems };
  const read = worldFromDump(files);
  if (read.kind === "world") return { world: read.world };
  return {
    problems: read.problems.map(({ where, what }) => ({
      where: placeInFiles(where, files),
      what,
      next: "Save this document again with the AWS CLI, all of them from the same moment.",
    })),
  };
}
