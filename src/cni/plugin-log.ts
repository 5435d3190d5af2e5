// The plugin's log in the reference's form, one JSON object a line (ipamd.md 9.5). Lines are gathered and appended while the agent
// works, so that they cost a pod little. A log that cannot be written fails no command.

import type { BlockingIo } from "../ports/blocking-io.ts";
import type { Clock } from "../ports/clock.ts";
import { LOG_LEVELS, type LogLevel } from "./config.ts";

/** Rotation of the reference: 100 MB, 5 old files. */
const BYTES_MAX = 100 * 1024 * 1024;
const OLD_FILES_MAX = 5;
const STDERR = 2;

export interface PluginLogOptions {
  /** A path or `stderr`; empty: no log. */
  readonly file: string;
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly io: BlockingIo;
}

export class PluginLog {
  readonly #options: PluginLogOptions;
  #lines: string[] = [];

  constructor(options: PluginLogOptions) {
    this.#options = options;
  }

  write(level: LogLevel, message: string): void {
    const { file, level: least, clock } = this.#options;
    if (file === "" || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const ts = new Date(clock.wallMs()).toISOString();
    this.#lines.push(`${JSON.stringify({ level, ts, caller: "cni/plugin", msg: message })}\n`);
  }

  /** Appends what was gathered: one write, so that lines of plugins that run at once do not mix. */
  flush(): void {
    const bytes = new TextEncoder().encode(this.#lines.join(""));
    this.#lines = [];
    try {
      if (bytes.length > 0) this.#append(bytes);
    } catch {
      // A full disk or a missing folder: the pod matters more than the line.
    }
  }

  #append(bytes: Uint8Array): void {
    const { file, clock, io } = this.#options;
    if (file.toLowerCase() === "stderr") {
      io.writeAll(STDERR, bytes);
      return;
    }
    let fd = openForAppend(io, file);
    try {
      if (io.size(fd) >= BYTES_MAX) {
        rotate(file, clock);
        const fresh = io.openForAppend(file);
        io.close(fd);
        fd = fresh;
      }
      io.writeAll(fd, bytes);
    } finally {
      io.close(fd);
    }
  }
}

function openForAppend(io: BlockingIo, file: string): number {
  try {
    return io.openForAppend(file);
  } catch {
    fileSystem().mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    return io.openForAppend(file);
  }
}

/** Loaded late: it is a fifth of the plugin's start. */
function fileSystem() {
  return process.getBuiltinModule("node:fs");
}

/** Moves the full file aside under a name of its own, as other plugins may do at the same moment, and removes the oldest. */
function rotate(file: string, clock: Clock): void {
  const fs = fileSystem();
  const slash = file.lastIndexOf("/");
  const folder = slash < 0 ? "." : file.slice(0, slash + 1);
  const [, stem, extension = ""] = /^(.+?)(\.[^.]*)?$/.exec(file.slice(slash + 1)) ?? [];
  const stamp = new Date(clock.wallMs()).toISOString().replaceAll(":", "-");
  fs.renameSync(file, `${folder}${stem}-${stamp}-${process.pid}${extension}`);
  const old = fs.readdirSync(folder).filter((name) => name.startsWith(`${stem}-2`) && name.endsWith(extension));
  old.sort((a, b) => (a < b ? 1 : -1));
  for (const name of old.slice(OLD_FILES_MAX)) fs.unlinkSync(`${folder}${name}`);
}
