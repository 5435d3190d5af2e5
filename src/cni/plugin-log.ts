// The plugin's log in the reference's form, one JSON object a line (ipamd.md 9.5). Lines are gathered and appended while the agent
// works, so that they cost a pod nothing. A log that cannot be written fails no command.

import type { Clock } from "../ports/clock.ts";
import { LOG_LEVELS, type LogLevel } from "./config.ts";

/** Rotation of the reference: 100 MB, 5 old files. */
const BYTES_MAX = 100 * 1024 * 1024;
const OLD_FILES_MAX = 5;

export interface PluginLogOptions {
  /** A path or `stderr`; empty: no log. */
  readonly file: string;
  readonly level: LogLevel;
  readonly clock: Clock;
  readonly bytesMax?: number;
}

export class PluginLog {
  readonly #options: PluginLogOptions;
  #lines: string[] = [];
  #written: Promise<void> = Promise.resolve();

  constructor(options: PluginLogOptions) {
    this.#options = options;
  }

  write(level: LogLevel, message: string): void {
    const { file, level: least, clock } = this.#options;
    if (file === "" || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    const ts = new Date(clock.wallMs()).toISOString();
    this.#lines.push(`${JSON.stringify({ level, ts, caller: "cni/plugin", msg: message })}\n`);
  }

  /** Appends what was gathered: one write, so that lines of plugins that run at once do not mix. Resolves once all of it is written. */
  flush(): Promise<void> {
    const text = this.#lines.join("");
    this.#lines = [];
    if (text !== "") this.#written = this.#written.then(() => this.#append(text));
    return this.#written;
  }

  /** Never rejects. */
  async #append(text: string): Promise<void> {
    const { file, clock } = this.#options;
    try {
      // Loaded late: it is a fifth of the plugin's start.
      const fs = await import("node:fs");
      if (file.toLowerCase() === "stderr") {
        fs.writeSync(2, text);
        return;
      }
      const descriptor = openForAppend(fs, file);
      try {
        if (fs.fstatSync(descriptor).size >= (this.#options.bytesMax ?? BYTES_MAX)) rotate(fs, file, clock);
        else {
          fs.writeSync(descriptor, text);
          return;
        }
      } finally {
        fs.closeSync(descriptor);
      }
      fs.appendFileSync(file, text, { mode: 0o644 });
    } catch {
      // A full disk or a missing folder: the pod matters more than the line.
    }
  }
}

type FileSystem = typeof import("node:fs");

function openForAppend(fs: FileSystem, file: string): number {
  try {
    return fs.openSync(file, "a", 0o644);
  } catch {
    fs.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    return fs.openSync(file, "a", 0o644);
  }
}

/** Moves the full file aside under a name of its own, as other plugins may do at the same moment, and removes the oldest. */
function rotate(fs: FileSystem, file: string, clock: Clock): void {
  const slash = file.lastIndexOf("/");
  const folder = slash < 0 ? "." : file.slice(0, slash + 1);
  const [, stem, extension = ""] = /^(.+?)(\.[^.]*)?$/.exec(file.slice(slash + 1)) ?? [];
  const stamp = new Date(clock.wallMs()).toISOString().replaceAll(":", "-");
  fs.renameSync(file, `${folder}${stem}-${stamp}-${process.pid}${extension}`);
  const old = fs.readdirSync(folder).filter((name) => name.startsWith(`${stem}-2`) && name.endsWith(extension));
  old.sort((a, b) => (a < b ? 1 : -1));
  for (const name of old.slice(OLD_FILES_MAX)) fs.unlinkSync(`${folder}${name}`);
}
