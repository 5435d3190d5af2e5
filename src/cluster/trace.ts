// A trace of pods: CSV with a header, or what kubectl prints as JSON, told by content. Of CSV, `at` and `name` are required;
// `namespace node lifetime cpu memory hostNetwork` may follow in any order. Lines that cannot be used are skipped and told.

import type { Ms } from "../base/units.ts";
import type { CheckError } from "../text/check-error.ts";
import { parseDurationMs } from "../text/duration.ts";
import { nearNames } from "../text/near-names.ts";
import { kubectlPods } from "./kubectl-pods.ts";
import { tracePodsOf } from "./pod-life.ts";
import { parseCpuMillis, parseMemoryBytes } from "./quantity.ts";

export interface TracePod {
  readonly atMs: Ms;
  readonly namespace: string;
  readonly name: string;
  /** The node it ran on; undefined: the scheduler's choice. */
  readonly nodeName: string | undefined;
  /** From the moment it runs; undefined: until the run ends. */
  readonly lifetimeMs: Ms | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly isHostNetwork: boolean;
}

export interface ParsedTrace {
  readonly pods: readonly TracePod[];
  /** The trace cannot be used. */
  readonly errors: readonly CheckError[];
  /** The first lines that cannot be used; the others can. */
  readonly skipped: readonly CheckError[];
  readonly skippedCount: number;
}

export const TRACE_COLUMNS = ["at", "name", "namespace", "node", "lifetime", "cpu", "memory", "hostNetwork"] as const;
type Column = (typeof TRACE_COLUMNS)[number];

/** A trace of a million lines may be wrong in each of them. */
const SKIPPED_SHOWN_MAX = 10;

export function parseTrace(text: string, file: string): ParsedTrace {
  return /^[\uFEFF\s]*\{/.test(text) ? fromKubectl(text, file) : new CsvTrace(file).read(text);
}

/** Pods whose node is none of these are the scheduler's to place. */
export function onKnownNodes(pods: readonly TracePod[], nodeNames: ReadonlySet<string>): readonly TracePod[] {
  const isForeign = (pod: TracePod): boolean => pod.nodeName !== undefined && !nodeNames.has(pod.nodeName);
  return pods.some(isForeign) ? pods.map((pod) => (isForeign(pod) ? { ...pod, nodeName: undefined } : pod)) : pods;
}

function fromKubectl(text: string, file: string): ParsedTrace {
  const read = kubectlPods(text, file, SKIPPED_SHOWN_MAX);
  const { pods } = tracePodsOf(read.lives);
  const errors = [...read.errors];
  if (errors.length === 0 && pods.length === 0)
    errors.push({
      file,
      line: 1,
      column: 1,
      message: "no pod of this JSON can be used as a trace",
      next: "A trace is CSV, or the output of kubectl get pods -A -o json or kubectl get events -A -o json.",
    });
  return { pods, errors, skipped: read.problems, skippedCount: read.problemCount };
}

class CsvTrace {
  readonly #file: string;
  readonly #errors: CheckError[] = [];
  readonly #skipped: CheckError[] = [];
  readonly #pods: TracePod[] = [];
  readonly #names = new Set<string>();
  #header: string[] = [];
  #cells: Cell[] = [];
  #line = 0;
  #isUsable = true;
  #skippedCount = 0;

  constructor(file: string) {
    this.#file = file;
  }

  read(text: string): ParsedTrace {
    let hasHeader = false;
    for (const raw of linesOf(text)) {
      this.#line++;
      const line = this.#line === 1 ? raw.replace(/^\uFEFF/, "") : raw;
      if (line.trim() === "" || line.startsWith("#")) continue;
      this.#cells = cells(line);
      if (hasHeader) this.#row();
      else {
        hasHeader = true;
        this.#readHeader();
        if (this.#errors.length > 0) break;
      }
    }
    if (!hasHeader) this.#readHeader();
    if (this.#errors.length === 0 && this.#pods.length === 0 && this.#skippedCount > 0)
      this.#errors.push(...this.#skipped);
    return { pods: this.#pods, errors: this.#errors, skipped: this.#skipped, skippedCount: this.#skippedCount };
  }

  #readHeader(): void {
    const header = this.#cells.map((cell) => cell.text);
    const error = (message: string, next: string): void => {
      this.#errors.push({ file: this.#file, line: Math.max(1, this.#line), column: 1, message, next });
    };
    for (const [index, column] of header.entries()) {
      const isKnown = (TRACE_COLUMNS as readonly string[]).includes(column);
      if (isKnown && header.indexOf(column) === index) continue;
      const near = nearNames(column, TRACE_COLUMNS)[0];
      const next = near === undefined ? `Columns: ${TRACE_COLUMNS.join(", ")}.` : `Did you mean ${near}?`;
      if (isKnown) error(`the column "${column}" is there twice`, "Remove one of the two.");
      else error(`the column "${column}" is unknown`, next);
    }
    for (const column of ["at", "name"]) {
      if (header.includes(column)) continue;
      const next = "The first line of a trace names its columns, for example: at,name,lifetime";
      error(`the trace has no column "${column}"`, next);
    }
    this.#header = header;
  }

  #row(): void {
    this.#isUsable = true;
    if (this.#cells.length !== this.#header.length) {
      this.#fail(undefined, `${this.#cells.length} values in this line, but ${this.#header.length} columns`);
      return;
    }
    const atMs = this.#number("at", parseDurationMs, "a duration such as 30s");
    if (atMs === undefined && this.#isUsable) this.#fail("at", "at is missing");
    const name = this.#text("name");
    if (name === "") this.#fail("name", "name is missing");
    const lifetimeMs = this.#number("lifetime", parseDurationMs, "a duration such as 30s");
    const cpuMillis = this.#number("cpu", parseCpuMillis, "a quantity such as 250m") ?? 0;
    const memoryBytes = this.#number("memory", parseMemoryBytes, "a quantity such as 128Mi") ?? 0;
    const hostNetwork = this.#text("hostNetwork");
    if (!["", "true", "false"].includes(hostNetwork))
      this.#fail("hostNetwork", `"${hostNetwork}" is not true or false`);
    const namespace = this.#text("namespace") || "default";
    const key = `${namespace}/${name}`;
    if (this.#names.has(key)) this.#fail("name", `the pod ${key} is there twice`);
    if (!this.#isUsable || atMs === undefined) return;
    this.#names.add(key);
    const nodeName = this.#text("node") || undefined;
    const isHostNetwork = hostNetwork === "true";
    this.#pods.push({ atMs, namespace, name, nodeName, lifetimeMs, cpuMillis, memoryBytes, isHostNetwork });
  }

  #text(column: Column): string {
    return this.#cells[this.#header.indexOf(column)]?.text ?? "";
  }

  /** undefined: the cell is empty, or told to be wrong. */
  #number(column: Column, parse: (text: string) => number | undefined, wanted: string): number | undefined {
    const text = this.#text(column);
    if (text === "") return undefined;
    const value = parse(text);
    if (value === undefined) this.#fail(column, `"${text}" is not ${wanted}`);
    return value;
  }

  /** The line is skipped; its first problem is told. */
  #fail(column: Column | undefined, message: string): void {
    if (!this.#isUsable) return;
    this.#isUsable = false;
    this.#skippedCount++;
    if (this.#skipped.length >= SKIPPED_SHOWN_MAX) return;
    const place = column === undefined ? 1 : (this.#cells[this.#header.indexOf(column)]?.column ?? 1);
    this.#skipped.push({ file: this.#file, line: this.#line, column: place, message });
  }
}

/** Without a list of all lines: a trace may have a million. */
function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found === -1 ? text.length : found;
    yield text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
  }
}

interface Cell {
  readonly text: string;
  readonly column: number;
}

function cells(line: string): Cell[] {
  let column = 1;
  return line.split(",").map((raw) => {
    const start = column + (raw.length - raw.trimStart().length);
    column += raw.length + 1;
    return { text: raw.trim(), column: start };
  });
}
