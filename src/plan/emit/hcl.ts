// Text of HCL in the form that `terraform fmt` leaves alone: two blanks a level, the `=` of neighbouring lines in one column, blank
// lines around whatever takes several lines.

/** An expression that is written as it stands: a reference, a call. */
export interface HclExpression {
  readonly expression: string;
}

export type HclTerm =
  | string
  | number
  | boolean
  | HclExpression
  | readonly HclTerm[]
  | { readonly [key: string]: HclTerm };

export interface HclBlock {
  /** `resource "aws_subnet" "a"`. */
  readonly head: string;
  readonly attributes?: Readonly<Record<string, HclTerm>>;
  readonly blocks?: readonly HclBlock[];
}

export function expression(text: string): HclExpression {
  return { expression: text };
}

/** base64encode of a text, written as a heredoc. The text holds no line `EOT`; `${...}` in it stays a reference. */
export function encodedText(text: string): HclExpression {
  const lines = text.trimEnd().split("\n");
  const indented = lines.map((line) => (line === "" ? "" : `    ${line}`));
  return { expression: `base64encode(<<-EOT\n${indented.join("\n")}\n  EOT\n  )` };
}

/** A quoted text in which `${...}` stays a reference. */
export function reference(text: string): HclExpression {
  return { expression: `"${text}"` };
}

export function quoted(text: string): string {
  const escaped = text
    .replace(/\\/g, "\\\\")
    .replace(/"/g, '\\"')
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t")
    .replace(/([$%])\{/g, "$1$1{");
  return `"${escaped}"`;
}

export function formatBlock(block: HclBlock, depth = 0): string {
  const indent = "  ".repeat(depth);
  const attributes = formatEntries(Object.entries(block.attributes ?? {}), depth + 1);
  const blocks = (block.blocks ?? []).map((one) => formatBlock(one, depth + 1));
  const inner = [...(attributes === "" ? [] : [attributes]), ...blocks].join("\n\n");
  return inner === "" ? `${indent}${block.head} {\n${indent}}` : `${indent}${block.head} {\n${inner}\n${indent}}`;
}

/** One line each, those that take several last and apart. */
function formatEntries(entries: readonly (readonly [string, HclTerm])[], depth: number): string {
  const indent = "  ".repeat(depth);
  const written = entries.map(([name, term]) => ({ key: keyText(name), text: formatTerm(term, depth) }));
  const short = written.filter(({ text }) => !text.includes("\n"));
  const width = Math.max(0, ...short.map(({ key }) => key.length));
  const lines = short.map(({ key, text }) => `${indent}${key.padEnd(width)} = ${text}`);
  const long = written.filter(({ text }) => text.includes("\n")).map(({ key, text }) => `${indent}${key} = ${text}`);
  return [...(lines.length > 0 ? [lines.join("\n")] : []), ...long].join("\n\n");
}

function keyText(name: string): string {
  return /^[A-Za-z_][\w-]*$/.test(name) ? name : quoted(name);
}

function formatTerm(term: HclTerm, depth: number): string {
  if (typeof term === "string") return quoted(term);
  if (typeof term === "number" || typeof term === "boolean") return String(term);
  if (isExpression(term)) return term.expression;
  if (Array.isArray(term)) return `[${term.map((one: HclTerm) => formatTerm(one, depth)).join(", ")}]`;
  const entries = Object.entries(term as Readonly<Record<string, HclTerm>>);
  if (entries.length === 0) return "{}";
  return `{\n${formatEntries(entries, depth + 1)}\n${"  ".repeat(depth)}}`;
}

function isExpression(term: HclTerm): term is HclExpression {
  return typeof term === "object" && typeof (term as { expression?: unknown }).expression === "string";
}

/** jsonencode of a map, with the map spread over lines. */
export function jsonencode(value: HclTerm, depth: number): HclExpression {
  return { expression: `jsonencode(${formatTerm(value, depth)})` };
}
