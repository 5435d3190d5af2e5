// The executable: parse, run, exit status. Commands write their result to stdout and everything else to stderr.

import { CommanderError } from "commander";
import { nearNames } from "../text/near-names.ts";
import { CommandError } from "./command-error.ts";
import { buildProgram, COMMANDS, wantedCommand } from "./program.ts";

/** Runs one command line (without the executable's own words) and returns the exit status. */
export async function main(argv: readonly string[], commands = COMMANDS): Promise<number> {
  try {
    const wanted = wantedCommand(argv, commands);
    if (wanted !== "agent") Bun.unsafe.setJITPolicy(1);
    // Completion describes the whole tree.
    const program = await buildProgram(wanted === "completion" ? undefined : wanted, commands);
    if (argv.length === 0) {
      process.stderr.write(program.helpInformation());
      return 2;
    }
    if (argv[0] === "help") requireCommand(argv[1], commands);
    await program.parseAsync([...(argv[0] === "--version" || argv[0] === "-V" ? ["version"] : argv)], { from: "user" });
    const status = process.exitCode;
    return typeof status === "number" ? status : 0;
  } catch (error) {
    return report(error);
  }
}

/** commander answers `help` of an unknown command with the general help, and no word of it. */
function requireCommand(name: string | undefined, commands: typeof COMMANDS): void {
  if (name === undefined || name.startsWith("-") || name === "help") return;
  const names = commands.map((entry) => entry.name);
  if (names.includes(name)) return;
  const near = nearNames(name, names)[0];
  throw new CommandError(`there is no command "${name}"${near === undefined ? "" : `; did you mean ${near}?`}`, {
    exitStatus: 2,
    next: "slash28 help lists them.",
  });
}

/** Says what went wrong on stderr and returns the exit status that fits. */
function report(error: unknown): number {
  // commander has printed its message already, and "(outputHelp)" is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof CommandError) {
    process.stderr.write(`slash28: ${error.message}\n`);
    if (error.next !== undefined) process.stderr.write(`  next: ${error.next}\n`);
    return error.exitStatus;
  }
  if (isBrokenPipe(error)) return 0;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`slash28: internal error: ${message.split("\n", 1)[0]}\n`);
  if (process.env["SLASH28_DEBUG"] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ""}\n`);
  } else {
    process.stderr.write(
      "  next: run it again with SLASH28_DEBUG=1 and report the output, with that of `slash28 version`.\n",
    );
  }
  return 4;
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}

/** A reader that closes early (`| head`) is no error; an output that cannot be written, such as one on a full disk, is. */
function keepQuietOnBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (isBrokenPipe(error)) process.exit(0);
      process.exit(
        report(
          new CommandError(`the output cannot be written: ${error.message}`, {
            exitStatus: 4,
            next: "Make room, or write elsewhere.",
          }),
        ),
      );
    });
  }
}

if (import.meta.main) {
  keepQuietOnBrokenPipe();
  // Not a top-level await: the bytecode of a compiled executable has none.
  const argv = process.argv.slice(2);
  void main(argv).then((status) => {
    process.exitCode = status;
    // A thread that the kernel holds, or a connection that idles, must not keep a failed agent from its restart.
    if (status !== 0 && wantedCommand(argv) === "agent") process.exit(status);
  });
}
