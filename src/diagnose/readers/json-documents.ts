// The JSON documents of a text: one, several appended to each other (a collector that ran twice), or one a line. What is not
// JSON is told with its line; the documents around it count.

export interface JsonDocument {
  readonly value: unknown;
  /** Of its first character, from 1. */
  readonly line: number;
}

export interface JsonProblem {
  readonly line: number;
  readonly reason: string;
}

export interface JsonDocuments {
  readonly documents: readonly JsonDocument[];
  readonly problems: readonly JsonProblem[];
}

/** More would say nothing that the first do not. */
const PROBLEM_COUNT_MAX = 3;

/** Never throws. Linear in the length of the text. */
export function jsonDocuments(text: string): JsonDocuments {
  const whole = parsed(text);
  if (whole !== undefined) return { documents: [{ value: whole.value, line: 1 }], problems: [] };
  const documents: JsonDocument[] = [];
  const problems: JsonProblem[] = [];
  const problem = (line: number, reason: string): void => {
    if (problems.length < PROBLEM_COUNT_MAX) problems.push({ line, reason });
  };
  const position = new LineCounter(text);
  for (let at = nextStart(text, 0); at < text.length; ) {
    const opens = text[at] === "{" || text[at] === "[";
    const end = opens ? documentEnd(text, at) : lineEnd(text, at);
    const line = position.lineAt(at);
    if (end === undefined) {
      problem(line, "the text ends in the middle of a JSON document");
      break;
    }
    const document = opens ? parsed(text.slice(at, end)) : undefined;
    if (document !== undefined) documents.push({ value: document.value, line });
    else problem(line, opens ? "this JSON document has a syntax error" : "this is not JSON");
    at = nextStart(text, end);
  }
  return { documents, problems };
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Past blanks, and past the commas that people leave between pasted documents. */
function nextStart(text: string, from: number): number {
  let at = from;
  while (at < text.length && /[\s,\uFEFF]/.test(text[at] as string)) at++;
  return at;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Behind the bracket that closes the one at `start`; undefined when none does. */
function documentEnd(text: string, start: number): number | undefined {
  let depth = 0;
  let isInString = false;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isInString) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) isInString = false;
    } else if (code === QUOTE) isInString = true;
    else if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) return at + 1;
  }
  return undefined;
}

/** Lines of ascending offsets, each line break counted once. */
class LineCounter {
  readonly #text: string;
  #line = 1;
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    this.#next = text.indexOf("\n");
  }

  lineAt(offset: number): number {
    while (this.#next !== -1 && this.#next < offset) {
      this.#line++;
      this.#next = this.#text.indexOf("\n", this.#next + 1);
    }
    return this.#line;
  }
}
