// Folders and archives for the tests of the collector: made in the system's folder for such things, gone afterwards.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pack } from "tar-stream";

export interface CaseFolder {
  readonly path: string;
  /** Writes a file, its folders too; returns its path. */
  put(name: string, content: string | Uint8Array): string;
  remove(): void;
}

export function caseFolder(): CaseFolder {
  const path = mkdtempSync(join(tmpdir(), "slash28-collect-"));
  return {
    path,
    put(name, content) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export type TarEntry =
  | { readonly name: string; readonly content: string | Uint8Array }
  | { readonly name: string; readonly linkTo: string };

export async function tarOf(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const archive = pack();
  for (const entry of entries) {
    if ("linkTo" in entry) archive.entry({ name: entry.name, type: "symlink", linkname: entry.linkTo, size: 0 });
    else {
      const bytes = typeof entry.content === "string" ? new TextEncoder().encode(entry.content) : entry.content;
      archive.entry({ name: entry.name, size: bytes.length }, Buffer.from(bytes));
    }
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** A line of the agent's log, JSON era, so many minutes after 2026-01-01. */
export function agentLine(minute: number, message: string): string {
  const at = new Date(Date.UTC(2026, 0, 1) + minute * 60_000).toISOString();
  return `${JSON.stringify({ level: "debug", ts: at, caller: "ipamd/ipamd.go:1", msg: message })}\n`;
}

/** Minutes of lines that say nothing in particular. */
export function agentLog(fromMinute: number, lineCount: number, message = "Reconciling ENI/IP pool info"): string {
  return Array.from({ length: lineCount }, (_, index) => agentLine(fromMinute + index, message)).join("");
}
