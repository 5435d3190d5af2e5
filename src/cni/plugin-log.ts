// The plugin's log in the reference's form, one JSON object a line (ipamd.md 9.5). Lines are gathered and appended while the agent
// works, so that they cost a pod little. A log that cannot be written fails no command.

import type { BlockingIo } from "../ports/blocking-io.ts";
import type { Clock } from "../ports/clock.ts";
import { LOG_LEVELS, type LogLevel } from "./config.ts";

/** Rotation of the reference: 100 MB, 5 old files. */
const BYTES_MAX = 100 * 1024 * 1024;
const OLD_FILES_MAX = 5;
/** What stands between the log's name and its extension: ours, and the reference's without a process id. */
const OLD_NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(?:Z-\d+)?$/;
const LOCK_MS_MAX = 60_000;
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
  /** Open from the first write to the end of the process. */
  #fd: number | undefined;
  #lines: { readonly level: LogLevel; readonly wallMs: number; readonly message: string }[] = [];

  constructor(options: PluginLogOptions) {
    this.#options = options;
  }

  write(level: LogLevel, message: string): void {
    const { file, level: least, clock } = this.#options;
    if (file === "" || LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)) return;
    this.#lines.push({ level, wallMs: clock.wallMs(), message });
  }

  /** Appends what was gathered: one write, so that lines of plugins that run at once do not mix. */
  flush(): void {
    const lines = this.#lines.map(({ level, wallMs, message }) => {
      const ts = new Date(wallMs).toISOString();
      return `${JSON.stringify({ level, ts, caller: "cni/plugin", msg: message })}\n`;
    });
    this.#lines = [];
    try {
      if (lines.length > 0) this.#append(new TextEncoder().encode(lines.join("")));
    } catch {
      // A full disk or a missing folder: the pod matters more than the line.
    }
  }

  #append(bytes: Uint8Array): void {
    const { file, io } = this.#options;
    this.#fd ??= file.toLowerCase() === "stderr" ? STDERR : this.#open();
    io.writeAll(this.#fd, bytes);
  }

  #open(): number {
    const { file, clock, io } = this.#options;
    const fd = openForAppend(io, file);
    if (io.size(fd) < BYTES_MAX) return fd;
    tryToRotate(file, clock);
    io.close(fd);
    // The new one, whoever has moved the old one.
    return io.openForAppend(file);
  }
}

function openForAppend(io: BlockingIo, file: string): number {
  try {
    return io.openForAppend(file);
  } catch (error) {
    const slash = file.lastIndexOf("/");
    if (slash <= 0) throw error;
    fileSystem().mkdirSync(file.slice(0, slash), { recursive: true });
    return io.openForAppend(file);
  }
}

/** Loaded late: it is a fifth of the plugin's start. */
function fileSystem() {
  return process.getBuiltinModule("node:fs");
}

/** A log that cannot be moved grows further. */
function tryToRotate(file: string, clock: Clock): void {
  try {
    rotate(file, clock);
  } catch {
    // A folder that takes no new names, say.
  }
}

/** Moves the full file aside and removes the oldest, unless another plugin is about it or has just done it. */
function rotate(file: string, clock: Clock): void {
  const fs = fileSystem();
  const lock = `${file}.rotating`;
  if (!takeLock(lock, clock)) return;
  try {
    if (fs.statSync(file).size < BYTES_MAX) return;
    const slash = file.lastIndexOf("/");
    const folder = slash < 0 ? "./" : file.slice(0, slash + 1);
    const [, stem = "", extension = ""] = /^(.+?)(\.[^.]*)?$/.exec(file.slice(slash + 1)) ?? [];
    const stamp = new Date(clock.wallMs()).toISOString().replaceAll(":", "-");
    fs.renameSync(file, `${folder}${stem}-${stamp}-${process.pid}${extension}`);
    const isOld = (name: string) =>
      name.startsWith(`${stem}-`) &&
      name.endsWith(extension) &&
      OLD_NAME.test(name.slice(stem.length + 1, name.length - extension.length));
    const old = fs.readdirSync(folder).filter(isOld);
    old.sort((a, b) => (a < b ? 1 : -1));
    for (const name of old.slice(OLD_FILES_MAX)) fs.unlinkSync(`${folder}${name}`);
  } finally {
    fs.unlinkSync(lock);
  }
}

/** False while another plugin has it. One that was killed with it is waited for no longer than a minute. */
function takeLock(lock: string, clock: Clock): boolean {
  const fs = fileSystem();
  try {
    fs.closeSync(fs.openSync(lock, "wx"));
    return true;
  } catch {
    if (clock.wallMs() - fs.statSync(lock).mtimeMs > LOCK_MS_MAX) fs.unlinkSync(lock);
    return false;
  }
}
