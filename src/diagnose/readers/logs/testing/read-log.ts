// Logs for tests: lines of an era around messages, and the facts that the reader makes of them.

import type { FactsPart, LogDigest, Sighting } from "../../../facts/model.ts";
import type { SignalId } from "../../../facts/signals.ts";
import { asciiBytes } from "../bytes.ts";
import { createLogReader, type LogReaderOptions } from "../index.ts";

export function readLog(
  text: string | Uint8Array,
  options: Partial<LogReaderOptions> & { chunk?: number } = {},
): FactsPart {
  const bytes = typeof text === "string" ? asciiBytes(text) : text;
  const { chunk = bytes.length || 1, ...rest } = options;
  const reader = createLogReader({ node: "node-1", ...rest });
  reader.begin("ipamd.log");
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.slice(at, at + chunk));
  return reader.end();
}

export function digestOf(part: FactsPart): LogDigest {
  const digest = part.logs?.[0];
  if (digest === undefined) throw new Error("no digest");
  return digest;
}

export function sightingsIn(part: FactsPart, signal: SignalId): Sighting[] {
  return (part.sightings ?? []).filter((one) => one.signal === signal);
}

const time = (second: number) => new Date(Date.UTC(2024, 0, 2, 3, 4, 5) + second * 1000).toISOString();

export const ERAS = {
  json: (message: string, second = 0, level = "debug") =>
    JSON.stringify({ level, ts: time(second), caller: "ipamd/ipamd.go:655", msg: message }),
  "text-ms": (message: string, second = 0, level = "debug") => `${time(second)} [${level.toUpperCase()}]\t${message}`,
  "text-s": (message: string, second = 0, level = "debug") =>
    `${time(second).slice(0, 19)}Z [${level.toUpperCase()}]   ${message}`,
} as const;

export const START_MS = Date.UTC(2024, 0, 2, 3, 4, 5);
