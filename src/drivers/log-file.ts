// The log: JSON lines {"level","ts","caller","msg"} as amazon-vpc-cni-k8s writes them (ipamd.md 9.5), to a file or a standard
// stream. A file is rotated by size; old ones are compressed, the oldest removed. Lines of one turn of the event loop are put into
// form after it and are one write: a pod waits for none of this.

import { closeSync, createReadStream, createWriteStream, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import { readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import pino from "pino";
import type { LogLevel } from "../ipam/settings.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log, LogRecord } from "../ports/log.ts";

/** Rotation of the reference: 100 MB, 5 old files (ipamd.md 9.5). */
export const LOG_BYTES_MAX = 100 * 1024 * 1024;
export const LOG_OLD_FILES_MAX = 5;

export interface LogFileOptions {
  /** `stdout`, `stderr`, or a path; its folder is created. */
  readonly target: string;
  readonly level: LogLevel;
  /** Gives `ts`. */
  readonly clock: Clock;
  readonly bytesMax?: number;
  readonly oldFilesMax?: number;
}

interface Sink {
  write(text: string): void;
  settled(): Promise<void>;
}

/** Throws an `Error` that names the file when it cannot be opened. Later failures go to standard error, once each time they begin. */
export function openLog(options: LogFileOptions): Log {
  const sink = openSink(options);
  let text = "";
  let waiting: { readonly record: LogRecord; readonly wallMs: number }[] = [];
  /** Of the record that is being formed. */
  let wallMs = 0;
  let isScheduled = false;
  const drain = () => {
    isScheduled = false;
    const due = waiting;
    waiting = [];
    for (const { record, wallMs: at } of due) {
      wallMs = at;
      logger[record.level]({ caller: record.caller }, record.message);
    }
    const formed = text;
    text = "";
    if (formed !== "") sink.write(formed);
  };
  const logger = pino(
    {
      level: options.level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"ts":"${new Date(wallMs).toISOString()}"`,
    },
    {
      write(line: string) {
        text += line;
      },
    },
  );
  return {
    level: options.level,
    write(record) {
      if (!logger.isLevelEnabled(record.level)) return;
      waiting.push({ record, wallMs: options.clock.wallMs() });
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(drain);
    },
    async flush() {
      drain();
      await sink.settled();
    },
  };
}

function openSink(options: LogFileOptions): Sink {
  if (options.target === "stdout" || options.target === "stderr") {
    const descriptor = options.target === "stdout" ? 1 : 2;
    return { write: (text) => tryWrite(descriptor, text), settled: async () => {} };
  }
  return new RotatingFile(
    options.target,
    options.bytesMax ?? LOG_BYTES_MAX,
    options.oldFilesMax ?? LOG_OLD_FILES_MAX,
    options.clock,
  );
}

function tryWrite(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text);
  } catch {
    // A closed or full pipe: the node's pods matter more than the line.
  }
}

class RotatingFile implements Sink {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #oldFilesMax: number;
  readonly #clock: Clock;
  #descriptor: number;
  #bytes: number;
  #rotation: Promise<void> = Promise.resolve();
  #isRotating = false;
  #hasFailed = false;

  constructor(path: string, bytesMax: number, oldFilesMax: number, clock: Clock) {
    this.#path = path;
    this.#bytesMax = bytesMax;
    this.#oldFilesMax = oldFilesMax;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true });
    this.#descriptor = openSync(path, "a", 0o644);
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  write(text: string): void {
    try {
      this.#bytes += writeSync(this.#descriptor, text);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) tryWrite(2, `slash28: the log ${this.#path} cannot be written: ${String(error)}\n`);
      this.#hasFailed = true;
    }
    if (this.#bytes >= this.#bytesMax && !this.#isRotating) {
      this.#isRotating = true;
      this.#rotation = this.#rotate().finally(() => {
        this.#isRotating = false;
      });
    }
  }

  settled(): Promise<void> {
    return this.#rotation;
  }

  async #rotate(): Promise<void> {
    const extension = extname(this.#path);
    const stem = this.#path.slice(0, this.#path.length - extension.length);
    const stamp = new Date(this.#clock.wallMs()).toISOString().replaceAll(":", "-");
    const old = `${stem}-${stamp}${extension}`;
    try {
      await rename(this.#path, old);
      const descriptor = openSync(this.#path, "a", 0o644);
      closeSync(this.#descriptor);
      this.#descriptor = descriptor;
      this.#bytes = fstatSync(descriptor).size;
      await pipeline(createReadStream(old), createGzip(), createWriteStream(`${old}.gz`, { mode: 0o644 }));
      await unlink(old);
      await this.#removeOldest(basename(stem), extension);
    } catch (error) {
      // Start counting again, so that a full disk is not hammered with attempts.
      this.#bytes = 0;
      tryWrite(2, `slash28: the log ${this.#path} cannot be rotated: ${String(error)}\n`);
    }
  }

  async #removeOldest(stem: string, extension: string): Promise<void> {
    const folder = dirname(this.#path);
    const names = (await readdir(folder)).filter(
      (name) => name.startsWith(`${stem}-`) && (name.endsWith(`${extension}.gz`) || name.endsWith(extension)),
    );
    names.sort((a, b) => (a < b ? 1 : -1));
    for (const name of names.slice(this.#oldFilesMax)) await unlink(join(folder, name));
  }
}
