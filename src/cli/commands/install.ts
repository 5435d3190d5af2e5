// slash28 install: the plugin and the conflist onto a node, and away again. With --watch it stays, and keeps the conflist true to
// the agent's health.

import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import packageFile from "../../../package.json" with { type: "json" };
import { type Ms, SECOND_MS } from "../../base/units.ts";
import { askAgentStatus } from "../../drivers/agent-socket.ts";
import { systemClock } from "../../drivers/clock-system.ts";
import { AGENT_SOCKET, chainedTypes, commonVersions, conflistSettings, conflistText } from "../../install/conflist.ts";
import { HealthWatch } from "../../install/health-watch.ts";
import {
  type Folders,
  isConflistPlaced,
  placeConflist,
  placePlugin,
  undo,
  withdrawConflist,
} from "../../install/place.ts";
import { CommandError } from "../command-error.ts";
import { withdrawNetwork } from "../withdraw-network.ts";

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
const VERSION_TIMEOUT_MS = 10 * SECOND_MS;
/** `EROFS`, `EACCES` and the like as the user would say it. */
const FOLDER_NEXT = "Run it as root on the node, with the node's folders mounted writable.";

export function installCommand(): Command {
  return new Command("install")
    .description("the CNI plugin and its conflist onto this node, and away again")
    .option("--bin-dir <dir>", "where plugins lie (default: HOST_CNI_BIN_PATH, or /opt/cni/bin)")
    .option("--conf-dir <dir>", "where conflists lie (default: HOST_CNI_CONFDIR_PATH, or /etc/cni/net.d)")
    .option("--plugin <file>", "the plugin's executable (default: slash28-cni beside this program, or in dist/)")
    .option("--wait <seconds>", "how long to wait for an agent that serves", toMs, 60 * SECOND_MS)
    .option("--watch", "stay, and keep the conflist true to the agent's health")
    .option("--withdraw-after <seconds>", "with --watch: unhealthy for so long", toMs, 60 * SECOND_MS)
    .option("--undo", "put back what was there before")
    .option("--network", "with --undo: the node's SNAT, marks and rules go too; pods that run lose their way out")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["table", "json"]).default("table"))
    .addHelpText("after", "\nThe conflist follows the aws-node DaemonSet's environment variables: see docs/install.md.")
    .action(install);
}

function toMs(text: string): Ms {
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 86_400)) throw new InvalidArgumentError("a number of seconds, 0 to 86400");
  return seconds * SECOND_MS;
}

async function install(options: Options): Promise<void> {
  const env = process.env;
  const folders: Folders = {
    bin: options.binDir ?? (env["HOST_CNI_BIN_PATH"] || "/opt/cni/bin"),
    conf: options.confDir ?? (env["HOST_CNI_CONFDIR_PATH"] || "/etc/cni/net.d"),
  };
  if (options.network === true && options.undo !== true) {
    throw new CommandError("--network goes with --undo alone.", { exitStatus: 2 });
  }
  if (options.undo === true) {
    const changed = onDisk(() => undo(folders));
    print(options, "undone", changed);
    if (options.network !== true) return;
    const socketPath = env["SLASH28_SOCKET"] || AGENT_SOCKET;
    const gone = await withdrawNetwork({ socketPath, hostNetnsPath: env["SLASH28_HOST_NETNS"] || undefined });
    for (const line of gone) process.stderr.write(`slash28: ${line}\n`);
    return;
  }
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
  const executable = pluginFile(options.plugin);
  const versions = await chainVersions(chainedTypes(settings), folders.bin);
  const text = conflistText(settings, versions, packageFile.version);
  const changed = onDisk(() => placePlugin(executable, folders));
  const serving = await waitForAgent(settings.socketPath, options.wait);
  if (serving !== undefined) {
    if (options.watch !== true) {
      print(options, "plugin placed, no conflist", changed);
      throw new CommandError(
        `The agent does not serve: ${serving}. The plugin is in place, the conflist is not: the node takes no pods yet.`,
        { exitStatus: 3, next: "Start slash28 agent, read its log, and run slash28 install again." },
      );
    }
    process.stderr.write(`slash28: the agent does not serve yet: ${serving}\n`);
  } else changed.push(...onDisk(() => placeConflist(text, folders)));
  print(options, "installed", changed);
  if (options.watch === true) {
    await watch({
      folders,
      text,
      socketPath: settings.socketPath,
      patienceMs: options.withdrawAfter,
      isPlaced: isConflistPlaced(folders),
    });
  }
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

/** Asks each plugin that will be started after ours what it speaks. */
async function chainVersions(types: readonly string[], binFolder: string): Promise<string[]> {
  const spoken: string[][] = [];
  for (const type of types) {
    const path = join(binFolder, type);
    if (!existsSync(path)) {
      throw new CommandError(`The plugin ${type} is not in ${binFolder}. Nothing was changed.`, {
        exitStatus: 2,
        next: "Install the reference plugins (containernetworking/plugins) there: the node's image or an init container does.",
      });
    }
    spoken.push(await versionsOf(path));
  }
  const common = commonVersions(spoken);
  if (common.length > 0) return common;
  throw new CommandError(
    `The plugins ${types.join(", ")} in ${binFolder} speak none of the CNI versions that ours does.`,
    {
      exitStatus: 2,
      next: "Install containernetworking/plugins 0.8 or newer.",
    },
  );
}

async function versionsOf(path: string): Promise<string[]> {
  let output = "";
  try {
    const child = Bun.spawn([path], {
      env: { CNI_COMMAND: "VERSION" },
      stdin: new Blob(['{"cniVersion":"0.4.0"}']),
      stdout: "pipe",
      stderr: "ignore",
      timeout: VERSION_TIMEOUT_MS,
    });
    output = await new Response(child.stdout).text();
    const { supportedVersions } = JSON.parse(output) as { readonly supportedVersions: readonly string[] };
    return [...supportedVersions];
  } catch (error) {
    throw new CommandError(
      `${path} does not tell its CNI versions: ${error instanceof Error ? error.message : error} ${output.slice(0, 80)}`.trim(),
      { exitStatus: 2, next: "Install containernetworking/plugins again." },
    );
  }
}

/** undefined when it serves; what keeps it from serving otherwise. */
async function waitForAgent(socketPath: string, waitMs: Ms): Promise<string | undefined> {
  const clock = systemClock();
  const endMs = clock.nowMs() + waitMs;
  for (;;) {
    const status = await askAgentStatus(socketPath, PROBE_TIMEOUT_MS);
    if (status.isServing) return undefined;
    if (clock.nowMs() + PROBE_PERIOD_MS > endMs) return status.message;
    await Bun.sleep(PROBE_PERIOD_MS);
  }
}

async function watch(given: {
  readonly folders: Folders;
  readonly text: string;
  readonly socketPath: string;
  readonly patienceMs: Ms;
  readonly isPlaced: boolean;
}): Promise<void> {
  const { folders, text, socketPath, patienceMs, isPlaced } = given;
  const clock = systemClock();
  const health = new HealthWatch({ patienceMs, isPlaced });
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
      onDisk(() => placeConflist(text, folders));
      process.stderr.write("slash28: the agent serves: the conflist is in place\n");
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

function onDisk<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    throw new CommandError(`${error.message}. Each file is either as it was or whole.`, {
      exitStatus: 3,
      next: FOLDER_NEXT,
    });
  }
}

function print(options: Options, state: string, changed: readonly string[]): void {
  if (options.output === "json") {
    process.stdout.write(`${JSON.stringify({ schema: "slash28/install/v1", state, changed })}\n`);
    return;
  }
  process.stdout.write(`${state}: ${changed.length === 0 ? "nothing had to change" : ""}\n`);
  for (const path of changed) process.stdout.write(`  ${path}${existsSync(path) ? "" : " (removed)"}\n`);
}
