// The shape of `kubectl describe`: fields, some with fields or lines of their own beneath, told by indentation.

export interface DescribeField {
  /** Without its colon; empty for a line that is no field. */
  readonly key: string;
  readonly value: string;
  /** The line as printed, without the indentation. */
  readonly text: string;
  readonly raw: string;
  /** From 1. */
  readonly line: number;
  readonly children: readonly DescribeField[];
}

type OpenField = DescribeField & { readonly children: OpenField[] };

const DEPTH_MAX = 40;

/** @param firstLine number of the first of `lines`. */
export function parseDescribe(lines: readonly string[], firstLine: number): DescribeField[] {
  const root: OpenField[] = [];
  const open: { readonly indent: number; readonly children: OpenField[] }[] = [{ indent: -1, children: root }];
  lines.forEach((raw, index) => {
    const text = raw.trim();
    if (text === "") return;
    const indent = raw.length - raw.trimStart().length;
    while (open.length > 1 && (open.at(-1)?.indent ?? -1) >= indent) open.pop();
    const { key, value } = splitField(text);
    const field: OpenField = { key, value, text, raw, line: firstLine + index, children: [] };
    (open.at(-1)?.children ?? root).push(field);
    if (open.length < DEPTH_MAX) open.push({ indent, children: field.children });
  });
  return root;
}

/** `Service Account:  default` is a field; `app=web` and `a: b: c` beyond its first colon are not. */
function splitField(text: string): { readonly key: string; readonly value: string } {
  const match = /^([^:=]{1,120}):(?:\s+(.*))?$/.exec(text);
  return match === null ? { key: "", value: text } : { key: match[1] ?? "", value: match[2] ?? "" };
}

export function fieldNamed(fields: readonly DescribeField[], key: string): DescribeField | undefined {
  return fields.find((field) => field.key === key);
}

/** The value of a field; undefined when it is absent, empty, or `<none>`. */
export function valueAt(fields: readonly DescribeField[], key: string): string | undefined {
  const value = fieldNamed(fields, key)?.value.trim();
  return value === undefined || value === "" || value === "<none>" ? undefined : value;
}

/** The field's own value and the lines beneath it, as printed. */
export function linesOf(field: DescribeField | undefined): string[] {
  if (field === undefined) return [];
  const own = field.value === "" || field.value === "<none>" ? [] : [field.value];
  return [...own, ...field.children.map((child) => child.text)];
}

/** Labels (`a=b`) or annotations (`a: b`). */
export function pairsOf(field: DescribeField | undefined, separator: "=" | ":"): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const line of linesOf(field)) {
    const at = line.indexOf(separator);
    if (at > 0) pairs.set(line.slice(0, at), line.slice(at + 1).trim());
  }
  return pairs;
}
