// slash28 install: the plugin and the conflist onto a node, and away again. With --watch it stays, and keeps the conflist true to
// the agent's health.

import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import packageFile from "../../../package.json" with { type: "json" };
import { type Ms, SECOND_MS } from "../../base/units.ts";
import { askAgentStatus } from "../../drivers/agent-socket.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import {
  AGENT_SOCKET,
  CONFLIST_FILE,
  chainedTypes,
  commonVersions,
  conflistSettings,
  conflistText,
  PLUGIN_TYPE,
  refusalOfSocket,
} from "../../install/conflist.ts";
import { HealthWatch } from "../../install/health-watch.ts";
import {
  type Folders,
  type Found,
  findNetwork,
  isConflistPlaced,
  placeConflist,
  placePlugin,
  undo,
  withdrawConflist,
} from "../../install/place.ts";
import { CommandError } from "../command-error.ts";
import { checkFolders, nodeFolders, onDisk } from "../node-folders.ts";
import { askPluginVersions } from "../plugin-versions.ts";
import { openNodeNetwork } from "../withdraw-network.ts";

interface Options {
  readonly binDir?: string;
  readonly confDir?: string;
  readonly plugin?: string;
  readonly wait: Ms;
  readonly watch?: true;
  readonly withdrawAfter: Ms;
  readonly undo?: true;
  readonly network?: true;
  readonly output: "table" | "json";
}

const PROBE_PERIOD_MS = SECOND_MS;
const PROBE_TIMEOUT_MS = 5 * SECOND_MS;
export function installCommand(): Command {
  return new Command("install")
    .description("the CNI plugin and its conflist onto this node, and away again")
    .option("--bin-dir <dir>", "where plugins lie (default: HOST_CNI_BIN_PATH, or /opt/cni/bin)")
    .option("--conf-dir <dir>", "where conflists lie (default: HOST_CNI_CONFDIR_PATH, or /etc/cni/net.d)")
    .option("--plugin <file>", "the plugin's executable (default: slash28-cni beside this program, or in dist/)")
    .addOption(secondsOption("--wait <seconds>", "how long to wait for an agent that serves", 60))
    .option("--watch", "stay, and keep the conflist true to the agent's health")
    .addOption(
      secondsOption(
        "--withdraw-after <seconds>",
        "with --watch: the conflist goes after so long without the agent",
        60,
      ),
    )
    .option("--undo", "put back what was there before")
    .option("--network", "with --undo: the node's SNAT, marks and rules go too; pods that run lose their way out")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json"]).default("table"))
    .addHelpText("after", "\nThe conflist follows the aws-node DaemonSet's environment variables: see docs/install.md.")
    .action(install);
}

/** An option in seconds, whose help says so too. */
function secondsOption(flags: string, description: string, seconds: number): Option {
  return new Option(flags, description).argParser(toMs).default(seconds * SECOND_MS, `${seconds} s`);
}

function toMs(text: string): Ms {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 86_400)) throw new InvalidArgumentError("a number of seconds, 0 to 86400");
  return seconds * SECOND_MS;
}

async function install(options: Options, command: Command): Promise<void> {
  const env = process.env;
  const folders = nodeFolders(options, env);
  refuseContradictions(options, { isPatienceTold: command.getOptionValueSource("withdrawAfter") === "cli" });
  if (options.undo === true) return undoAll(options, folders);
  const parsed = conflistSettings(env);
  if ("refusals" in parsed) {
    const [first, ...more] = parsed.refusals;
    for (const { message, next } of more) process.stderr.write(`slash28: ${message}\n  next: ${next}\n`);
    throw new CommandError(first?.message ?? "the environment cannot be used", {
      exitStatus: 2,
      ...(first === undefined ? {} : { next: first.next }),
    });
  }
  const { settings } = parsed;
  checkFolders(folders);
  const executable = pluginFile(options.plugin);
  const versions = await chainVersions({
    executable,
    types: chainedTypes(settings),
    binFolder: folders.bin,
  });
  const text = conflistText(settings, versions, packageFile.version);
  const found = onDisk(() => findNetwork(executable, folders));
  const place = () => onDisk(() => [...placePlugin(executable, folders), ...placeConflist(text, folders)]);
  // A network that is there is not touched before ours can take its place (docs/install.md).
  const changed = hasOtherNetwork(found) ? [] : onDisk(() => placePlugin(executable, folders));
  const sinceMs = systemClock().nowMs();
  // Ours calls a plugin that finds no agent: it is not left longer than promised because the first wait is long.
  const isToBeWithdrawn = options.watch === true && isConflistPlaced(folders);
  const why = await waitForAgent({
    socketPath: settings.socketPath,
    waitMs: isToBeWithdrawn ? Math.min(options.wait, options.withdrawAfter) : options.wait,
    ending: isToBeWithdrawn
      ? `; after ${options.withdrawAfter / SECOND_MS} s without one the conflist of an earlier install is withdrawn`
      : "",
  });
  if (why === undefined) {
    changed.push(...place());
    print(options, "installed", changed);
    warnOfOther(found);
  } else {
    const { state, meanwhile, next } = withoutAgent(found);
    print(options, state, changed);
    const message = `The agent does not serve: ${why}. ${meanwhile}`;
    if (options.watch !== true) throw new CommandError(message, { exitStatus: 3, next });
    process.stderr.write(
      `slash28: ${message}\n  next: it is asked every second; what is missing is placed once it serves\n`,
    );
  }
  if (options.watch === true) {
    await watch({
      folders,
      place,
      socketPath: settings.socketPath,
      health: new HealthWatch({
        patienceMs: options.withdrawAfter,
        isPlaced: isConflistPlaced(folders),
        isCurrent: why === undefined,
        sinceMs,
      }),
    });
  }
}

/** Options that would be passed over in silence. */
function refuseContradictions(options: Options, { isPatienceTold }: { readonly isPatienceTold: boolean }): void {
  const refuse = (message: string, next: string) => {
    throw new CommandError(`${message} Nothing was changed.`, { exitStatus: 2, next });
  };
  if (options.network === true && options.undo !== true) {
    refuse(
      "--network goes with --undo alone.",
      "slash28 install --undo --network gives the node up; without --network the plugin is installed.",
    );
  }
  if (options.watch === true && options.undo === true) {
    refuse(
      "--undo and --watch contradict each other.",
      "slash28 install --undo takes the plugin away, and ends; with --watch alone the plugin is kept in place.",
    );
  }
  if (isPatienceTold && options.watch !== true) {
    refuse(
      "--withdraw-after goes with --watch alone: without it nobody stays to withdraw the conflist.",
      "Add --watch, or leave --withdraw-after out; --wait says how long an agent is waited for.",
    );
  }
}

/** With --network, what would keep the network from going is asked before the first file goes. */
async function undoAll(options: Options, folders: Folders): Promise<void> {
  const env = process.env;
  const socketPath = env["SLASH28_SOCKET"] || AGENT_SOCKET;
  const refusal = options.network === true ? refusalOfSocket(socketPath) : undefined;
  if (refusal !== undefined) throw new CommandError(refusal.message, { exitStatus: 2, next: refusal.next });
  const network =
    options.network === true
      ? await openNodeNetwork({
          socketPath,
          hostNetnsPath: env["SLASH28_HOST_NETNS"] || undefined,
        })
      : undefined;
  const changed = onDisk(() => undo(folders));
  if (network === undefined) return print(options, "undone", changed);
  const gone: string[] = [];
  let state: State = "undone but for the network";
  try {
    await network.withdraw((line) => {
      gone.push(line);
      process.stderr.write(`slash28: ${line}\n`);
    });
    state = "undone";
  } finally {
    print(options, state, changed, gone);
  }
}

/** Somebody else's plugin or conflist serves the node, or will in a moment. */
function hasOtherNetwork(found: Found): boolean {
  return found.plugin === "others" || found.conflist === "others";
}

/** How a node stands whose agent does not serve, and what becomes of its pods. */
function withoutAgent(found: Found): { readonly state: State; readonly meanwhile: string; readonly next: string } {
  const next = "Start slash28 agent, read its log, and run slash28 install again.";
  if (found.conflist === "others" && found.plugin === "ours") {
    return {
      state: "nothing changed",
      meanwhile: `Nothing was changed. ${CONFLIST_FILE} is not slash28's, but the ${PLUGIN_TYPE} that it calls is: no new pod starts here until the agent serves.`,
      next: `${next} slash28 install --undo gives the node back.`,
    };
  }
  if (hasOtherNetwork(found)) {
    const theirs = [
      ...(found.plugin === "others" ? [PLUGIN_TYPE] : []),
      ...(found.conflist === "others" ? [CONFLIST_FILE] : []),
    ].join(" and ");
    return {
      state: "nothing changed",
      meanwhile: `Nothing was changed: the node keeps the network that it has (${theirs} of somebody else) until the agent serves.`,
      next: `Take that network's own agent (aws-node) off this node. ${next}`,
    };
  }
  if (found.conflist === "ours") {
    return {
      state: "plugin placed, conflist of before",
      meanwhile:
        "The plugin is in place, and so is the conflist of an earlier install: no new pod starts here until the agent serves.",
      next: `${next} With --watch the conflist is withdrawn meanwhile.`,
    };
  }
  const pods = found.otherNetwork === undefined ? "the node takes no pods yet" : `pods go by ${found.otherNetwork}`;
  return {
    state: "plugin placed, no conflist",
    meanwhile: `The plugin is in place, the conflist is not: ${pods}.`,
    next,
  };
}

/** Runtimes read the first file by name. */
function warnOfOther({ otherNetwork }: Found): void {
  if (otherNetwork === undefined || otherNetwork > CONFLIST_FILE) return;
  process.stderr.write(
    `slash28: ${otherNetwork} comes before ${CONFLIST_FILE} by its name: the runtime reads that one, and pods are not slash28's.\n  next: Move it out of the folder, unless it calls ${PLUGIN_TYPE} itself.\n`,
  );
}

/** The plugin of this release: compiled beside this program, or built in the checkout. */
function pluginFile(given: string | undefined): string {
  const beside = join(dirname(process.execPath), "slash28-cni");
  const built = join(import.meta.dir, "../../../dist/slash28-cni");
  const path = given ?? [beside, built].find((candidate) => existsSync(candidate));
  if (path !== undefined && existsSync(path)) {
    if (statSync(path).isFile()) return path;
    throw new CommandError(`${path} is no file.`, { exitStatus: 2, next: "Build it with npm run build." });
  }
  throw new CommandError(`The plugin's executable is not there${path === undefined ? "" : `: ${path}`}.`, {
    exitStatus: 2,
    next: "Build it with npm run build, or name it with --plugin.",
  });
}

/** Asks ours, and each plugin that will be started after it, what it speaks. */
async function chainVersions(given: {
  readonly executable: string;
  readonly types: readonly string[];
  readonly binFolder: string;
}): Promise<string[]> {
  const { executable, types, binFolder } = given;
  const spoken = [
    await versionsOf(executable, "It has to be the slash28-cni of this release: npm run build makes it."),
  ];
  for (const type of types) {
    const path = join(binFolder, type);
    if (!existsSync(path)) {
      throw new CommandError(`The plugin ${type} is not in ${binFolder}. Nothing was changed.`, {
        exitStatus: 2,
        next: "Install the reference plugins (containernetworking/plugins) there: the node's image or an init container does.",
      });
    }
    spoken.push(await versionsOf(path, "Install containernetworking/plugins again."));
  }
  const common = commonVersions(spoken);
  if (common.length > 0) return common;
  throw new CommandError(
    `The plugins ${types.join(", ")} in ${binFolder} and ${executable} have no CNI version in common that this release knows. Nothing was changed.`,
    {
      exitStatus: 2,
      next: "Install containernetworking/plugins 0.8 or newer.",
    },
  );
}

async function versionsOf(path: string, next: string): Promise<readonly string[]> {
  const answer = await askPluginVersions(path);
  if ("versions" in answer) return answer.versions;
  throw new CommandError(`${path} does not tell its CNI versions: ${answer.trouble}. Nothing was changed.`, {
    exitStatus: 2,
    next: answer.next ?? next,
  });
}

/** undefined when it serves; what keeps it from serving otherwise. A wait is told at once, with `ending` after it. */
async function waitForAgent(given: {
  readonly socketPath: string;
  readonly waitMs: Ms;
  readonly ending: string;
}): Promise<string | undefined> {
  const { socketPath, waitMs, ending } = given;
  const clock = systemClock();
  const endMs = clock.nowMs() + waitMs;
  let isTold = false;
  for (;;) {
    const status = await askAgentStatus(socketPath, PROBE_TIMEOUT_MS);
    if (status.isServing) return undefined;
    if (clock.nowMs() + PROBE_PERIOD_MS > endMs) return status.message;
    if (!isTold) {
      const seconds = waitMs / SECOND_MS;
      process.stderr.write(`slash28: waiting up to ${seconds} s for an agent (${status.message})${ending}\n`);
    }
    isTold = true;
    await Bun.sleep(PROBE_PERIOD_MS);
  }
}

async function watch(given: {
  readonly folders: Folders;
  readonly place: () => unknown;
  readonly socketPath: string;
  readonly health: HealthWatch;
}): Promise<void> {
  const { folders, place, socketPath, health } = given;
  const clock = systemClock();
  let isStopping = false;
  let wakeUp = () => {};
  const stop = () => {
    isStopping = true;
    wakeUp();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  while (!isStopping) {
    const status = await askAgentStatus(socketPath, PROBE_TIMEOUT_MS);
    if (isStopping) break;
    const step = health.see(status.isServing, clock.nowMs());
    if (step === "place") {
      place();
      process.stderr.write("slash28: the agent serves: plugin and conflist are in place\n");
    } else if (step === "withdraw" && onDisk(() => withdrawConflist(folders))) {
      process.stderr.write(`slash28: the conflist is withdrawn, the node takes no new pods: ${status.message}\n`);
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PROBE_PERIOD_MS);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

type State =
  | "installed"
  | "plugin placed, no conflist"
  | "plugin placed, conflist of before"
  | "nothing changed"
  | "undone"
  | "undone but for the network";

/** `network`: what changed in the node's network, where that was asked for. */
function print(options: Options, state: State, changed: readonly string[], network?: readonly string[]): void {
  if (options.output === "json") {
    process.stdout.write(`${JSON.stringify({ schema: "slash28/install/v1", state, changed, network })}\n`);
    return;
  }
  const lines = changed.map((path) => `${path}${existsSync(path) ? "" : " (removed)"}`);
  const count = network?.length ?? 0;
  if (count > 0) lines.push(`the node's network (${count} ${count === 1 ? "change" : "changes"})`);
  const isToBeSaid = state !== "nothing changed" && state !== "undone but for the network";
  const end = lines.length > 0 ? ":" : isToBeSaid ? ": nothing had to change" : "";
  process.stdout.write(`${[`${state}${end}`, ...lines.map((line) => `  ${line}`)].join("\n")}\n`);
}
