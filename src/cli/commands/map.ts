// slash28 map: the /28 blocks of subnets, who spoils them, and what would win them back; once, or watched.

import { Command, InvalidArgumentError, Option } from "commander";
import type { Facts } from "../../diagnose/facts/model.ts";
import type { MapOptions } from "../../diagnose/map/build-map.ts";
import type { MapDocument, SubnetDocument } from "../../diagnose/render/map-document.ts";
import { mapPrometheus } from "../../diagnose/render/map-prometheus.ts";
import { mapSvg } from "../../diagnose/render/map-svg.ts";
import { mapTable } from "../../diagnose/render/map-table.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import { isLoopbackHost } from "../../emulator/server/control.ts";
import { parseListen } from "../../emulator/server/loopback-listen.ts";
import { parseDurationMs } from "../../text/duration.ts";
import { type CollectFlags, collectFacts, collectOptions } from "../collect-facts.ts";
import { CommandError } from "../command-error.ts";
import { MapHistory, serveMetrics, watchMap } from "../map-watch.ts";

/** EC2's describe calls are counted by account: nobody needs them more often. */
const WATCH_MIN_MS = 1_000;

interface Options extends CollectFlags {
  readonly subnet?: readonly string[];
  readonly live?: true;
  readonly cluster?: string;
  readonly region?: string;
  readonly vpc?: string;
  readonly output: "table" | "json" | "svg" | "prometheus";
  readonly enis?: true;
  readonly failBelow?: number;
  readonly watch?: number;
  readonly metrics?: { readonly host: string; readonly port: number };
}

export function mapCommand(): Command {
  const command = new Command("map")
    .description("the /28 blocks of subnets, who spoils them, and what would win them back")
    .argument("[path...]", "answers of describe-subnets, describe-network-interfaces and the like, or folders of them");
  return collectOptions(command)
    .option("--live", "ask EC2 itself, with describe calls alone; needs --cluster, --vpc or --subnet")
    .option("--region <region>", "with --live: the region, unless the environment names it")
    .option("--subnet <id...>", "only these subnets")
    .option("--cluster <name>", "only subnets that EKS, tags, ENIConfigs or nodes tie to this cluster")
    .option("--vpc <id>", "only subnets of this VPC")
    .addOption(
      new Option("-o, --output <format>", "how to print the map")
        .choices(["table", "json", "svg", "prometheus"])
        .default("table"),
    )
    .option("--enis", "table: list every ENI too")
    .option("--fail-below <count>", "exit with 1 when a subnet may have fewer free /28s than this", toCount)
    .option("--watch <interval>", "read again every so often (60s, 5m), and forecast when nothing is left", toInterval)
    .option("--metrics <host:port>", "with --watch: serve /metrics for Prometheus on this loopback address", toListen)
    .action(async (paths: string[], options: Options) => {
      process.exitCode = await map(paths, options);
    });
}

async function map(paths: readonly string[], options: Options): Promise<number> {
  checkUsage(paths, options);
  const choice: MapOptions = {
    subnetIds: options.subnet,
    cluster: options.cluster,
    isChosen: options.live === true && paths.length === 0 && options.ec2 === undefined,
    vpc: options.vpc,
  };
  const read = (): Promise<Facts> => readFacts(paths, options);
  if (options.watch !== undefined) return await watch(read, choice, { ...options, watch: options.watch });
  const document = new MapHistory(choice).add(await read(), systemClock().wallMs());
  requireSubnets(document);
  process.stdout.write(render(document, options));
  return statusOf(document, options);
}

/** What files say, and with --live what EC2 answers; ENIConfigs among the files tell more of the cluster's subnets. */
async function readFacts(paths: readonly string[], options: Options): Promise<Facts> {
  const hasFiles = paths.length > 0 || options.ec2 !== undefined || options.facts !== undefined;
  if (options.live !== true) return await collectFacts(paths, options);
  const given = hasFiles ? await collectFacts(paths, options) : undefined;
  const { collectEc2 } = await import("../../diagnose/collect/ec2-live.ts");
  const parts = await collectEc2({
    scope: { cluster: options.cluster, vpcId: options.vpc, subnetIds: options.subnet },
    region: options.region,
    eniConfigSubnetIds: given?.eniConfigs.flatMap((one) => one.subnetId?.value ?? []),
  });
  return await collectFacts(paths, options, { parts });
}

async function watch(
  read: () => Promise<Facts>,
  choice: MapOptions,
  options: Options & { readonly watch: number },
): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const isScreen = process.stdout.isTTY === true && options.output === "table";
  const watched = watchMap({
    intervalMs: options.watch,
    map: choice,
    read,
    clock: systemClock(),
    signal: stop.signal,
    onMap: (document) => {
      requireSubnets(document);
      process.stdout.write(`${isScreen ? "\u001b[2J\u001b[H" : ""}${render(document, options)}`);
    },
    onFailure: (error) =>
      process.stderr.write(`slash28: not read this time: ${(error as Error).message.split("\n", 1)[0]}\n`),
  });
  const served = options.metrics === undefined ? undefined : serve(options.metrics, watched.metrics);
  try {
    const last = await watched.done;
    return last === undefined ? 0 : statusOf(last, options);
  } finally {
    stop.abort();
    served?.stop();
    for (const signal of signals) process.off(signal, onSignal);
  }
}

function serve(
  listen: { readonly host: string; readonly port: number },
  metrics: () => string | undefined,
): { stop(): void } {
  try {
    const served = serveMetrics(listen, metrics);
    process.stderr.write(`Metrics on ${served.url}\n`);
    return served;
  } catch (error) {
    throw new CommandError(`cannot listen on ${listen.host}:${listen.port}: ${(error as Error).message}`, {
      exitStatus: 3,
      next: "Name another port with --metrics.",
    });
  }
}

function checkUsage(paths: readonly string[], options: Options): void {
  const usage = (message: string, next: string): never => {
    throw new CommandError(message, { exitStatus: 2, next });
  };
  const hasFiles = paths.length > 0 || options.ec2 !== undefined || options.facts !== undefined;
  if (!hasFiles && options.live !== true)
    usage("nothing to draw", "Name dumps of the AWS CLI, or a folder of them with --ec2 DIR; or ask EC2 with --live.");
  const { cluster, vpc, subnet } = options;
  if (options.live === true && cluster === undefined && vpc === undefined && subnet === undefined)
    usage("--live needs to know which subnets", "Add --cluster NAME, --vpc ID or --subnet ID.");
  if (options.region !== undefined && options.live !== true) usage("--region needs --live", "A dump has its region.");
  if (options.metrics !== undefined && options.watch === undefined)
    usage("--metrics needs --watch", "Add --watch 60s.");
  if (options.watch !== undefined && options.output === "svg")
    usage("--watch draws no picture", "Use -o table, json or prometheus.");
  if (options.watch !== undefined && paths.includes("-"))
    usage("standard input cannot be read again", "Name a file or a folder.");
}

function requireSubnets(document: MapDocument): void {
  if (document.subnets.length > 0) return;
  const [missing] = document.missing;
  const [unread] = document.unread;
  const why =
    missing === undefined
      ? unread === undefined
        ? ""
        : `: ${unread.file}: ${unread.reason}`
      : `: ${missing.id}: ${missing.reason}`;
  throw new CommandError(`no subnet to draw in what was read${why}`, {
    exitStatus: 3,
    next:
      missing?.next ??
      unread?.next ??
      "aws ec2 describe-subnets --output json, and describe-network-interfaces with it",
  });
}

/** A subnet that was asked for and cannot be drawn may have fewer, too. */
function statusOf(document: MapDocument, options: Options): number {
  const { failBelow } = options;
  if (failBelow === undefined) return 0;
  const below = document.subnets.filter((subnet) => subnet.freePrefixes.min < failBelow);
  for (const subnet of below) process.stderr.write(`${belowText(subnet, failBelow)}\n`);
  for (const one of document.missing) process.stderr.write(`${one.id}: not known: ${one.reason}\n`);
  return below.length + document.missing.length > 0 ? 1 : 0;
}

function belowText(subnet: SubnetDocument, wanted: number): string {
  const { min, max } = subnet.freePrefixes;
  const found = min === max ? `${min} free /28s` : `between ${min} and ${max} free /28s (the map is ${subnet.trust})`;
  return `${subnet.id}: ${found}, fewer than ${wanted}${max >= wanted ? " for all that is known" : ""}`;
}

function render(document: MapDocument, options: Options): string {
  switch (options.output) {
    case "json":
      return `${JSON.stringify(document, null, options.watch === undefined ? 2 : 0)}\n`;
    case "svg":
      return mapSvg(document);
    case "prometheus":
      return mapPrometheus(document);
    case "table":
      return mapTable(document, {
        isColored: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
        hasEnis: options.enis === true,
      });
  }
}

function toCount(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("A count is a whole number from 0.");
  return Number(text);
}

function toInterval(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < WATCH_MIN_MS)
    throw new InvalidArgumentError("An interval is a time from 1s, such as 60s or 5m.");
  return ms;
}

function toListen(text: string): { readonly host: string; readonly port: number } {
  const listen = parseListen(text);
  if (listen === undefined || !isLoopbackHost(listen.host))
    throw new InvalidArgumentError("The address is one of this machine alone, such as 127.0.0.1:9128.");
  return listen;
}
