// One execution of the plugin: what is asked, by whom, and how it ends. Success prints what the command gives; every failure prints
// one error object and ends with exit status 1.

import type { PodRemoval } from "../datapath/types.ts";
import { type BlockingIo, IoError } from "../ports/blocking-io.ts";
import type { Clock } from "../ports/clock.ts";
import { CODES } from "./codes.ts";
import { add, type CommandContext, check, del, gc, status, takeBack } from "./commands.ts";
import { decodeConfig, type JsonObject, readConfig, versionOf, versionToAnswer } from "./config.ts";
import {
  type AttachmentEnvironment,
  cut,
  type Environment,
  type PodArguments,
  readAttachment,
  readPodArguments,
  show,
} from "./environment.ts";
import { PluginLog } from "./plugin-log.ts";
import { CniProblem, problemText, toText } from "./problem.ts";
import { COMMANDS, type Command, firstVersionOf, isAtLeast, LATEST_VERSION, SUPPORTED_VERSIONS } from "./versions.ts";

export interface PluginIo {
  readonly env: Environment;
  readonly version: string;
  readonly clock: Clock;
  readonly io: BlockingIo;
  readonly cleanUp: (removal: PodRemoval, hostNetns: string | undefined) => Promise<readonly string[]>;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** The agent takes a line as long. */
const INPUT_BYTES_MAX = 1024 * 1024;
/** Of standard input in the log; a prevResult is well below. */
const LOGGED_INPUT_MAX = 16 * 1024;
const LOGGED_TEXT_MAX = 1_024;

/** Resolves with the exit status. Never rejects because of what it is told. */
export async function run(plugin: PluginIo): Promise<number> {
  const { env, io, version } = plugin;
  const command = env["CNI_COMMAND"] ?? "";
  if (command === "") {
    print(io, STDERR, `slash28-cni ${version}\nCNI protocol versions supported: ${SUPPORTED_VERSIONS.join(", ")}\n`);
    return 0;
  }
  if (command === "VERSION") {
    print(io, STDOUT, `${JSON.stringify({ cniVersion: LATEST_VERSION, supportedVersions: SUPPORTED_VERSIONS })}\n`);
    return 0;
  }
  const execution = new Execution(plugin);
  try {
    await execution.perform(command);
    return 0;
  } catch (error) {
    const problem = error instanceof CniProblem ? error : unexpected(error);
    execution.log?.write("error", `${problem.message}: ${problem.details}`);
    print(io, STDOUT, problemText(problem, versionToAnswer(execution.raw)));
    return 1;
  } finally {
    execution.log?.flush();
  }
}

class Execution {
  readonly #plugin: PluginIo;
  raw: JsonObject | undefined;
  log: PluginLog | undefined;

  constructor(plugin: PluginIo) {
    this.#plugin = plugin;
  }

  async perform(text: string): Promise<void> {
    const { env, clock, io, cleanUp } = this.#plugin;
    const command = COMMANDS.find((known) => known === text);
    if (command === undefined) {
      throw new CniProblem(
        CODES.invalidEnvironment,
        `unknown CNI_COMMAND: ${show(text)}`,
        `It is one of ${COMMANDS.join(", ")} and VERSION.`,
      );
    }
    const hasAttachment = command !== "STATUS" && command !== "GC";
    const attachment = hasAttachment ? readAttachment(env, command) : { containerId: "", ifName: "", netns: "" };
    const input = readInput(io);
    this.raw = decodeConfig(input);
    const version = versionOf(this.raw);
    const opening = command.toLowerCase();
    const config = readConfig(this.raw, `${opening} cmd: error loading config from args`);
    if (!isAtLeast(version, firstVersionOf(command))) throw tooOld(command, version);
    const log = new PluginLog({ file: config.logFile, level: config.logLevel, clock, io });
    this.log = log;
    if (command !== "STATUS") this.#logRequest(log, opening, attachment, input);
    for (const warning of config.warnings) log.write("warn", warning);
    const context: CommandContext = { raw: this.raw, config, version, clock, io, log, cleanUp };
    const pod = () =>
      readPodArguments(
        env,
        command === "ADD"
          ? "add cmd: failed to load k8s config from arg"
          : `${opening} cmd: failed to load k8s config from args`,
      );
    switch (command) {
      case "ADD":
        return addAndPrint(attachment, pod(), context);
      case "DEL":
        return del(attachment, pod(), context);
      case "CHECK":
        return check(attachment, pod(), context);
      case "STATUS":
        return status(context);
      case "GC":
        return gc(context);
    }
  }

  /** Not for STATUS, which a runtime asks every few seconds. */
  #logRequest(log: PluginLog, command: string, attachment: AttachmentEnvironment, input: string): void {
    const { containerId, netns, ifName } = attachment;
    const { CNI_ARGS = "", CNI_PATH = "" } = this.#plugin.env;
    log.write("info", "Constructed new logger instance");
    log.write(
      "info",
      `Received CNI ${command} request: ContainerID(${containerId}) Netns(${netns}) IfName(${ifName}) Args(${cut(CNI_ARGS, LOGGED_TEXT_MAX)}) Path(${cut(CNI_PATH, LOGGED_TEXT_MAX)}) argsStdinData(${cut(input, LOGGED_INPUT_MAX)})`,
    );
  }
}

/** All or nothing: a result that nobody can read is a failed ADD. */
function addAndPrint(attachment: AttachmentEnvironment, pod: PodArguments, context: CommandContext): void {
  const { result, isRepeat } = add(attachment, pod, context);
  try {
    print(context.io, STDOUT, toText(result));
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    if (!isRepeat) takeBack(attachment, pod, context);
    throw new CniProblem(
      CODES.ioFailure,
      `add cmd: error writing the result: ${error.code}`,
      isRepeat ? "The pod keeps the network that it had." : "What was set up for the pod is taken back.",
    );
  }
}

function print(io: BlockingIo, fd: number, text: string): void {
  io.writeAll(fd, new TextEncoder().encode(text));
}

function readInput(io: BlockingIo): string {
  let input: Uint8Array;
  try {
    input = io.readAll(STDIN, INPUT_BYTES_MAX + 1);
  } catch (error) {
    throw new CniProblem(
      CODES.ioFailure,
      "error reading from stdin",
      `${error instanceof Error ? error.message : String(error)}. The runtime passes the network configuration there.`,
    );
  }
  if (input.length <= INPUT_BYTES_MAX) return new TextDecoder().decode(input);
  throw new CniProblem(
    CODES.ioFailure,
    `error reading from stdin: more than ${INPUT_BYTES_MAX} bytes`,
    "A network configuration with its prevResult is far smaller.",
  );
}

function tooOld(command: Command, version: string): CniProblem {
  const since = firstVersionOf(command);
  return new CniProblem(
    CODES.incompatibleVersion,
    `config version does not allow ${command}`,
    `cniVersion is ${version}; ${command} exists since ${since}. Set cniVersion, or cniVersions, of the conflist to ${since} or later.`,
  );
}

function unexpected(error: unknown): CniProblem {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new CniProblem(
    CODES.unexpected,
    `plugin failed: ${text.split("\n", 1)[0] ?? ""}`,
    "This is an error of slash28-cni: please report it.",
  );
}
