// slash28 emulate: the emulated VPC alone, until it is stopped. The first line on stdout is JSON with its addresses.

import { resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import { KNOBS, type Knobs, parseKnobs } from "../../catalog/emulator-knobs.ts";
import { parseClockScale, scaledClock, systemClock } from "../../drivers/clock-system.ts";
import { ACTIONS } from "../../emulator/actions/index.ts";
import { Vpc, type WorldDescription, WorldError } from "../../emulator/model/index.ts";
import {
  defaultWorld,
  type ListenAddress,
  ListenError,
  parseListen,
  readDumpWorld,
  startEmulator,
} from "../../emulator/server/index.ts";
import type { Clock } from "../../ports/clock.ts";
import { buildUpWorld, LoadError, type LoadedCluster, loadCluster, WorldMismatch } from "../../up/index.ts";
import { CommandError } from "../command-error.ts";

interface Options {
  readonly ec2?: string;
  readonly listen: ListenAddress;
  readonly allowNonLoopback?: true;
  readonly seed?: number;
  readonly knob: Readonly<Record<string, unknown>>;
}

export function emulateCommand(): Command {
  return new Command("emulate")
    .description("the EC2 and instance metadata emulator alone")
    .argument("[cluster]", "a cluster file; a small VPC when left out")
    .option("--ec2 <dir>", "a folder of AWS CLI JSON: describe-vpcs, -subnets, -network-interfaces, -instances ...")
    .option("--listen <host:port>", "where to listen; port 0: any free one (default: 127.0.0.1:8028)", toListen)
    .option("--allow-non-loopback", "listen where other machines can connect; signatures are not checked")
    .option("--seed <number>", "seed of ids, placement and delays (default: the cluster file's, or 1)", toSeed)
    .option("--knob <name=value>", "a knob of the emulated EC2, over the cluster file's; may be repeated", addKnob)
    .action((file: string | undefined, given: Partial<Options>) =>
      emulate(file, { listen: { host: "127.0.0.1", port: 8028 }, knob: {}, ...given }),
    );
}

async function emulate(file: string | undefined, options: Options): Promise<void> {
  const clock = clockOf(process.env["SLASH28_CLOCK"]);
  const loaded = file === undefined ? undefined : readCluster(file);
  const cluster = loaded?.cluster;
  const knobs = withKnobs(cluster?.knobs ?? parseKnobs({}).knobs, options.knob);
  const prng = new Prng(options.seed ?? cluster?.run.seed ?? 1);
  const vpc = buildVpc(() => {
    const world = describeWorld({ loaded, dumpFolder: options.ec2, startWallMs: clock.wallMs() - clock.nowMs(), prng });
    return new Vpc({ world, knobs, prng: prng.split("ec2"), actions: ACTIONS });
  });
  const emulator = await startEmulator({
    vpc,
    clock,
    listen: options.listen,
    allowNonLoopback: options.allowNonLoopback === true,
    log: (line) => process.stderr.write(`${line}\n`),
  }).catch((error: unknown) => {
    throw error instanceof ListenError ? new CommandError(error.message, { exitStatus: 3 }) : error;
  });
  const stopped = stopSignal();
  const imds = Object.fromEntries(vpc.instances().map(({ id }) => [id, emulator.imdsUrl(id)]));
  const { ec2Url: ec2, controlUrl: control } = emulator;
  process.stdout.write(`${JSON.stringify({ schema: "slash28/emulate/v1", ec2, control, imds })}\n`);
  await stopped;
  await emulator.close();
}

function describeWorld(given: {
  readonly loaded: LoadedCluster | undefined;
  readonly dumpFolder: string | undefined;
  readonly startWallMs: Ms;
  readonly prng: Prng;
}): WorldDescription {
  const { loaded, startWallMs, prng } = given;
  const vpc = loaded?.cluster.vpc;
  const folder = given.dumpFolder ?? (vpc?.kind === "dump" ? resolve(loaded?.folder ?? ".", vpc.path) : undefined);
  const dump = folder === undefined ? undefined : readDump(folder);
  if (loaded !== undefined) return buildUpWorld({ cluster: loaded.cluster, startWallMs, prng, dump }).world;
  return dump === undefined ? defaultWorld(startWallMs) : { ...dump, startWallMs };
}

function readDump(folder: string): WorldDescription {
  const read = readDumpWorld(folder);
  if ("world" in read) return read.world;
  const lines = read.problems.map(({ where, what, next }) => `${where}: ${what}\n  ${next}`);
  throw new CommandError(lines.join("\n"), { exitStatus: 3 });
}

function readCluster(file: string): LoadedCluster {
  try {
    return loadCluster(file);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    throw new CommandError(error.message, {
      exitStatus: error.isUnreadable ? 3 : 2,
      ...(error.next === undefined ? {} : { next: error.next }),
    });
  }
}

/** What contradicts itself in a world was written by a person: it is reported, not a crash. */
function buildVpc(build: () => Vpc): Vpc {
  try {
    return build();
  } catch (error) {
    if (error instanceof WorldError) {
      throw new CommandError(error.message, {
        exitStatus: 2,
        next: "Correct the places named, in the cluster file or the dump.",
      });
    }
    if (error instanceof WorldMismatch) throw new CommandError(error.message, { exitStatus: 2, next: error.next });
    throw error;
  }
}

/** `base` with the knobs given by name; `latency=none` also takes its own defaults along, where `base` has the usual ones. */
function withKnobs(base: Knobs, given: Readonly<Record<string, unknown>>): Knobs {
  const { knobs: parsed, errors } = parseKnobs(given);
  if (errors.length > 0) {
    throw new CommandError(errors.map((error) => error.message).join("\n"), {
      exitStatus: 2,
      next: "docs/generated/emulator-reference.md lists every knob.",
    });
  }
  const usual = parseKnobs({}).knobs;
  const isTaken = ({ name, defaultWithoutLatency }: (typeof KNOBS)[number]): boolean =>
    Object.hasOwn(given, name) ||
    (given["latency"] === "none" && defaultWithoutLatency !== undefined && Bun.deepEquals(base[name], usual[name]));
  const changes = KNOBS.filter(isTaken).map(({ name }) => [name, parsed[name]]);
  return { ...base, ...Object.fromEntries(changes) };
}

function clockOf(scale: string | undefined): Clock {
  if (scale === undefined || scale === "") return systemClock();
  const parsed = parseClockScale(scale);
  if (parsed !== undefined) return scaledClock(parsed);
  throw new CommandError(`SLASH28_CLOCK must be <epoch>:<real>:<rate>, not ${scale}`, {
    exitStatus: 2,
    next: "Unset it for real time.",
  });
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function toListen(text: string): ListenAddress {
  const listen = parseListen(text);
  if (listen === undefined) throw new InvalidArgumentError("Give HOST:PORT, for example 127.0.0.1:8028.");
  return listen;
}

function toSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(seed)) return seed;
  throw new InvalidArgumentError("Give a whole number.");
}

/** `name=value`; numbers, booleans and JSON objects are read as such, anything else is text. */
function addKnob(text: string, before: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("Give name=value, for example latency=none.");
  const value = text.slice(equals + 1);
  let plain: unknown = value;
  try {
    plain = JSON.parse(value);
  } catch {
    // Text: 200ms, none, aws-default.
  }
  return { ...before, [text.slice(0, equals)]: plain };
}
