// The plugin's executable, slash28-cni: the process around run(). What it does not need on every ADD is loaded when it is needed,
// and node:fs, node:net and process.stdout never are on that way: each costs a pod a millisecond or more.

import packageFile from "../../package.json" with { type: "json" };
import { systemClock } from "../drivers/clock-system.ts";
import { run } from "./run.ts";

async function cleanUp(): Promise<readonly string[]> {
  return ["rules and routes stay until the agent's next start removes them"];
}

async function print(file: Bun.BunFile, text: string): Promise<void> {
  await Bun.write(file, text);
}

run({
  env: process.env,
  version: packageFile.version,
  clock: systemClock(),
  readInput: (limit) => Bun.stdin.slice(0, limit).text(),
  print: (text) => print(Bun.stdout, text),
  printError: (text) => print(Bun.stderr, text),
  cleanUp,
}).then(
  (status) => process.exit(status),
  () => process.exit(1),
);
