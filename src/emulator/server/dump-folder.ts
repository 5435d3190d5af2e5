// A folder of JSON files as `aws ec2 describe-*` prints them, read from disk: every *.json in it, whatever its name. What is
// wrong with a file comes back with file, line and column.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findJsonMistake, findJsonPath, type JsonPath } from "../../text/json-position.ts";

export interface DumpFile {
  /** As the user would name it: folder and file. */
  readonly name: string;
  readonly text: string;
  readonly value: unknown;
}

export interface DumpFolderProblem {
  /** `dump/subnets.json:12:7`, or the folder. */
  readonly where: string;
  readonly what: string;
  readonly next: string;
}

export interface DumpFolder {
  readonly files: readonly DumpFile[];
  readonly problems: readonly DumpFolderProblem[];
}

const COMMANDS =
  "aws ec2 describe-vpcs, describe-subnets, describe-network-interfaces, describe-instances, get-subnet-cidr-reservations";

/** Reads every *.json of `folder`, by name. Never throws for what is on the disk. */
export function readDumpFolder(folder: string): DumpFolder {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.toLowerCase().endsWith(".json"));
  } catch (error) {
    return { files: [], problems: [{ where: folder, what: reason(error), next: "Name a folder that can be read." }] };
  }
  if (names.length === 0) {
    return {
      files: [],
      problems: [
        { where: folder, what: "no *.json file in this folder", next: `Save the output of ${COMMANDS} there.` },
      ],
    };
  }
  const files: DumpFile[] = [];
  const problems: DumpFolderProblem[] = [];
  // By code unit, the same on every machine.
  for (const name of names.sort((a, b) => (a < b ? -1 : 1))) {
    const path = join(folder, name);
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
    } catch (error) {
      const what = error instanceof TypeError ? "not UTF-8 text" : reason(error);
      problems.push({ where: path, what, next: "Write the file again, or move it out of the folder." });
      continue;
    }
    try {
      files.push({ name: path, text, value: JSON.parse(text) });
    } catch {
      const mistake = findJsonMistake(text) ?? { line: 1, column: 1, message: "not JSON" };
      problems.push({
        where: `${path}:${mistake.line}:${mistake.column}`,
        what: mistake.message,
        next: "Write the file again with the AWS CLI and --output json; it may have been cut short.",
      });
    }
  }
  return { files, problems };
}

/** `folder/subnets.json: Subnets[3].CidrBlock` becomes `folder/subnets.json:41:20`; anything else stays as it is. */
export function placeInFiles(where: string, files: readonly DumpFile[]): string {
  const file = files.find((each) => where === each.name || where.startsWith(`${each.name}: `));
  if (file === undefined) return where;
  const { line, column } = findJsonPath(file.text, parsePath(where.slice(file.name.length + 2)));
  return `${file.name}:${line}:${column}`;
}

/** `Subnets[3].Tags[0].Key` as its steps. */
function parsePath(text: string): JsonPath {
  return [...text.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map((match) => match[1] ?? Number(match[2]));
}

function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "there is no such folder or file";
  if (code === "ENOTDIR") return "this is not a folder";
  if (code === "EACCES") return "no permission to read it";
  if (code === "EISDIR") return "this is a folder";
  return error instanceof Error ? error.message : String(error);
}
