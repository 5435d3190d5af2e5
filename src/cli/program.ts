// The command tree. Each command is one file under commands/ that exports a function building its `Command`; a file is only
// loaded when its command is asked for (or when all are: help, completion, a mistyped word), so that `version` starts fast.

import { Command } from "commander";

export interface CommandEntry {
  readonly name: string;
  /** Stands in the overview; equal to the description of the command itself. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** One row per command, in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "run the emulated VPC, real agents and pods, and watch",
    load: async () => (await import("./commands/up.ts")).upCommand(),
  },
  {
    name: "agent",
    summary: "the node daemon: addresses for the pods of this instance (configured by environment)",
    load: async () => (await import("./commands/agent.ts")).agentCommand(),
  },
  {
    name: "install",
    summary: "the CNI plugin and its conflist onto this node, and away again",
    load: async () => (await import("./commands/install.ts")).installCommand(),
  },
  {
    name: "emulate",
    summary: "the EC2 and instance metadata emulator alone",
    load: async () => (await import("./commands/emulate.ts")).emulateCommand(),
  },
  {
    name: "doctor",
    summary: "why pods get no address: the cause, its evidence, what speaks against it, and the fix",
    load: async () => (await import("./commands/doctor.ts")).doctorCommand(),
  },
  {
    name: "lint",
    summary: "what in manifests, values, Terraform and dumps will leave pods without address",
    load: async () => (await import("./commands/lint.ts")).lintCommand(),
  },
  {
    name: "map",
    summary: "the /28 blocks of subnets, who spoils them, and what would win them back",
    load: async () => (await import("./commands/map.ts")).mapCommand(),
  },
  {
    name: "plan",
    summary: "does it fit: /28s, addresses, quotas and max pods that a cluster file needs, and has",
    load: async () => (await import("./commands/plan.ts")).planCommand(),
  },
  {
    name: "simulate",
    summary: "a cluster file in virtual time: waits, refusals, EC2 calls and addresses held",
    load: async () => (await import("./commands/simulate.ts")).simulateCommand(),
  },
  {
    name: "trace",
    summary: "the pods of real nodes' logs or of kubectl, as a trace that a cluster file replays",
    load: async () => (await import("./commands/trace.ts")).traceCommand(),
  },
  {
    name: "optimize",
    summary: "which warm targets: the Pareto front of wait, addresses held and EC2 calls, by simulation",
    load: async () => (await import("./commands/optimize.ts")).optimizeCommand(),
  },
  {
    name: "explain",
    summary: "what a reason, a failure class, a CNI or lint code, or a pasted error text means, and what to do",
    load: async () => (await import("./commands/explain.ts")).explainCommand(),
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).completionCommand(),
  },
  {
    name: "version",
    summary: "print the version",
    load: async () => (await import("./commands/version.ts")).versionCommand(),
  },
];

/** Started by other commands, not by people: in no overview, no help, no completion. */
const INTERNAL_COMMANDS: readonly CommandEntry[] = [
  {
    name: "sim-worker",
    summary: "simulates what a parent process sends",
    load: async () => (await import("./commands/sim-worker.ts")).simWorkerCommand(),
  },
];

/** Width of help texts: fixed, so that the generated pages do not depend on a terminal. */
const HELP_WIDTH = 100;

function configure(command: Command): Command {
  command.exitOverride();
  command.configureHelp({ helpWidth: HELP_WIDTH });
  command.showHelpAfterError(
    `Run "slash28 ${command.name() === "slash28" ? "" : `${command.name()} `}--help" for usage.`,
  );
  for (const child of command.commands) configure(child);
  return command;
}

/** The program with the commands that `wanted` names; with `undefined`, all of them. Others are known by name and summary. */
export async function buildProgram(wanted: string | undefined, commands = COMMANDS): Promise<Command> {
  const program = new Command("slash28")
    .description("Pod IP addresses for Kubernetes on Amazon VPC by prefix delegation.")
    .usage("<command> [options]")
    .helpCommand("help [command]", "show the help of a command");
  for (const entry of commands) {
    if (wanted === undefined || wanted === entry.name) program.addCommand(await entry.load());
    else program.command(entry.name).description(entry.summary);
  }
  const internal = INTERNAL_COMMANDS.find((entry) => entry.name === wanted);
  if (internal !== undefined) program.addCommand(await internal.load());
  return configure(program);
}

/** Which command a command line needs: a known name alone; anything else needs all of them. */
export function wantedCommand(argv: readonly string[], commands = COMMANDS): string | undefined {
  const first = argv[0];
  return [...commands, ...INTERNAL_COMMANDS].some((entry) => entry.name === first) ? first : undefined;
}
