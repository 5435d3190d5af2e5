// Findings that are known and put up with, so that CI fails on new ones alone. Keyed by code, file and message, never by line:
// lines move. A finding that occurs twice needs two entries.

import { z } from "zod";
import type { Finding } from "./rule.ts";

const BASELINE = z.strictObject({
  schema: z.literal("slash28/lint-baseline/1"),
  findings: z.array(z.strictObject({ code: z.string(), file: z.string(), fingerprint: z.string() })),
});

export type Baseline = z.infer<typeof BASELINE>;

/** The baseline that makes these findings known. */
export function baselineOf(findings: readonly Finding[]): Baseline {
  return { schema: "slash28/lint-baseline/1", findings: findings.map(entryOf) };
}

/** The baseline in a text, or why it is none. */
export function parseBaseline(text: string): { readonly baseline: Baseline } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : "not JSON" };
  }
  const parsed = BASELINE.safeParse(value);
  if (parsed.success) return { baseline: parsed.data };
  const [issue] = parsed.error.issues;
  return { problem: issue === undefined ? "not a baseline" : `${issue.path.join(".")}: ${issue.message}` };
}

/** What the baseline does not know, how many it did, and its entries that no finding met. */
export function withoutKnown(
  findings: readonly Finding[],
  baseline: Baseline,
): { readonly findings: Finding[]; readonly knownCount: number; readonly stale: Baseline["findings"] } {
  const open = new Map<string, Baseline["findings"]>();
  for (const entry of baseline.findings) open.set(keyOf(entry), [...(open.get(keyOf(entry)) ?? []), entry]);
  const fresh = findings.filter((finding) => open.get(keyOf(entryOf(finding)))?.pop() === undefined);
  return { findings: fresh, knownCount: findings.length - fresh.length, stale: [...open.values()].flat() };
}

function entryOf(finding: Finding): Baseline["findings"][number] {
  return { code: finding.rule.code, file: finding.at.file, fingerprint: fingerprint(finding) };
}

function keyOf(entry: Baseline["findings"][number]): string {
  return JSON.stringify([entry.code, entry.file, entry.fingerprint]);
}

/** 16 hex digits of code, file and message (FNV-1a, 64 bit): the same in every run and on every machine. */
export function fingerprint(finding: Finding): string {
  const text = JSON.stringify([finding.rule.code, finding.at.file, finding.message]);
  let hash = 0xcbf29ce484222325n;
  for (let index = 0; index < text.length; index++) {
    hash ^= BigInt(text.charCodeAt(index));
    hash = (hash * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, "0");
}
