// Bottlerocket's settings (TOML). The TOML parser gives values without places, so the line of a key is looked for in the text.

import { parse } from "smol-toml";
import type { CheckError } from "../../../text/check-error.ts";
import type { TextFrame } from "../../../text/text-frame.ts";
import type { Located, NodeBootstrap, Source } from "../../facts/model.ts";

export interface BottlerocketFound {
  readonly fields?: Partial<NodeBootstrap>;
  readonly at?: Source;
  readonly error?: CheckError;
}

/** `[settings.kubernetes]`: a node is declared; other tables alone say nothing here. */
export function isBottlerocket(text: string): boolean {
  return /^\s*\[settings(?:\.[\w"-]+)*\]\s*(?:#.*)?$/m.test(text) || /^\s*settings\.kubernetes\.[\w-]+\s*=/m.test(text);
}

export function readBottlerocket(frame: TextFrame): BottlerocketFound {
  let settings: unknown;
  try {
    settings = (parse(frame.text) as { settings?: unknown }).settings;
  } catch (error) {
    const { line = 1, column = 1, message } = error as { line?: number; column?: number; message: string };
    const place = frame.place(lineRange(frame.text, line));
    const reason = message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "not TOML";
    return { error: { file: frame.file, line: place.line, column: place.column + column - 1, message: reason } };
  }
  const kubernetes = table(table(settings)?.["kubernetes"]);
  const maxPods = kubernetes?.["max-pods"];
  const fields: { maxPods?: Located<number> } = {};
  if (typeof maxPods === "number" && Number.isInteger(maxPods) && maxPods >= 0)
    fields.maxPods = { value: maxPods, at: keyPlace(frame, "max-pods") };
  return { fields, at: keyPlace(frame, "settings") };
}

function table(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

/** The first line that is not a comment and sets the key, by whatever prefix; else the first line. */
function keyPlace(frame: TextFrame, key: string): Source {
  const match = new RegExp(`^([^#\\n]*?)["']?\\b${key}\\b["']?(?:\\s*=\\s*|[.\\]])`, "m").exec(frame.text);
  const isValue = match?.[0].includes("=") === true;
  const offset = match === null ? 0 : match.index + (isValue ? match[0].length : 0);
  const { line, column } = frame.place({ start: offset, end: offset });
  return { file: frame.file, line, column };
}

function lineRange(text: string, line: number): { start: number; end: number } {
  let start = 0;
  for (let count = 1; count < line; count++) {
    const next = text.indexOf("\n", start);
    if (next < 0) break;
    start = next + 1;
  }
  return { start, end: start };
}
