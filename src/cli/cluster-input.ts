// What commands that run a cluster file share: its seed, its dump, and the errors that a user can act on.

import { InvalidArgumentError } from "commander";
import type { Cluster } from "../cluster/index.ts";
import { type WorldDescription, WorldError } from "../emulator/model/index.ts";
import { readDumpWorld } from "../emulator/server/index.ts";
import { FaultRefused, LoadError, WorldMismatch } from "../up/index.ts";
import { CommandError } from "./command-error.ts";

/** A folder of answers of the AWS CLI as a world; every problem of it at once when it cannot be one. */
export function readDump(folder: string): WorldDescription {
  const read = readDumpWorld(folder);
  if ("world" in read) return read.world;
  const lines = read.problems.map(({ where, what, next }) => `${where}: ${what}\n  ${next}`);
  throw new CommandError(lines.join("\n"), { exitStatus: 3 });
}

/**
 * What of a cluster file changes when `--ec2` gives the VPC: the dump brings its own subnets, which the node groups, if they
 * stay, are spread over. A file that names a dump itself knows its subnets.
 */
export function onDump(
  cluster: Cluster,
  options: { readonly keepsGroups: boolean },
): Partial<Pick<Cluster, "subnets" | "nodeGroups">> {
  if (cluster.vpc.kind === "dump") return {};
  const nodeGroups = cluster.nodeGroups.map((group) => ({ ...group, subnets: [] }));
  return { subnets: [], nodeGroups: options.keepsGroups ? nodeGroups : [] };
}

/** The message for what is wrong with a cluster file, its faults or its world; any other error comes back as it is. */
export function inputError(error: unknown): unknown {
  if (error instanceof LoadError) {
    return new CommandError(error.message, {
      exitStatus: error.isUnreadable ? 3 : 2,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
  if (error instanceof FaultRefused) {
    return new CommandError(error.message, { exitStatus: 2, next: "docs/emulator.md lists the operations." });
  }
  if (error instanceof WorldMismatch) return new CommandError(error.message, { exitStatus: 2, next: error.next });
  if (error instanceof WorldError) {
    return new CommandError(error.message, {
      exitStatus: 2,
      next: "Correct the places named, in the file or the dump.",
    });
  }
  return error;
}

export function toSeed(text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > 4_294_967_295) {
    throw new InvalidArgumentError("A seed is a whole number from 0 to 4294967295.");
  }
  return Number(text);
}
