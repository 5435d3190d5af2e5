// Where something stands in a JSON text. `JSON.parse` says that a text is wrong but not where; this scanner gives the line
// and column of the first mistake, or of the value at a path. It reads the text only after something was found wrong with it.

export type JsonPath = readonly (string | number)[];

export interface JsonPlace {
  readonly line: number;
  readonly column: number;
}

export interface JsonMistake extends JsonPlace {
  readonly message: string;
}

/** The first mistake in the text; undefined for a valid JSON document. */
export function findJsonMistake(text: string): JsonMistake | undefined {
  const scanner = new Scanner(text, undefined);
  try {
    scanner.document();
    return undefined;
  } catch (error) {
    if (!(error instanceof ScanStop)) throw error;
    return { message: error.message, ...placeOf(text, error.offset) };
  }
}

/** The place of the value at `path`, or of its nearest enclosing value that exists. The text must be valid JSON. */
export function findJsonPath(text: string, path: JsonPath): JsonPlace {
  const scanner = new Scanner(text, path);
  try {
    scanner.document();
  } catch (error) {
    if (!(error instanceof ScanStop)) throw error;
  }
  return placeOf(text, scanner.nearestOffset);
}

function placeOf(text: string, offset: number): JsonPlace {
  let line = 1;
  let lineStart = 0;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

class ScanStop extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Deep enough for any real document, shallow enough for the stack. */
const DEPTH_MAX = 500;
const LITERAL = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids raw control characters in strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

class Scanner {
  readonly #text: string;
  readonly #path: JsonPath | undefined;
  #at = 0;
  #depth = 0;
  /** How many steps of the wanted path lead to the value being read; -1 when it lies elsewhere. */
  #matched = 0;
  #nearestDepth = -1;
  nearestOffset = 0;

  constructor(text: string, path: JsonPath | undefined) {
    this.#text = text;
    this.#path = path;
  }

  document(): void {
    if (this.#text.charCodeAt(0) === 0xfeff) this.#at++;
    this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#stop("unexpected text after the end of the document");
  }

  #value(): void {
    this.#space();
    if (this.#path !== undefined && this.#matched > this.#nearestDepth) {
      this.#nearestDepth = this.#matched;
      this.nearestOffset = this.#at;
      if (this.#matched === this.#path.length) throw new ScanStop("found", this.#at);
    }
    if (this.#depth >= DEPTH_MAX) this.#stop(`more than ${DEPTH_MAX} levels deep`);
    const character = this.#text[this.#at];
    if (character === "{") this.#members("}", () => this.#member());
    else if (character === "[") {
      let index = 0;
      this.#members("]", () => this.#step(index++));
    } else if (character === '"') this.#string();
    else if (!this.#skip(NUMBER) && !this.#skip(LITERAL)) this.#stop("expected a value");
  }

  #members(close: string, one: () => void): void {
    const openedAt = this.#at;
    this.#at++;
    this.#depth++;
    this.#space();
    if (this.#text[this.#at] === close) {
      this.#at++;
      this.#depth--;
      return;
    }
    for (;;) {
      one();
      this.#space();
      const character = this.#text[this.#at];
      if (character === close) break;
      if (character !== ",") {
        const opened = placeOf(this.#text, openedAt);
        this.#stop(`expected "," or "${close}" (opened at line ${opened.line}, column ${opened.column})`);
      }
      this.#at++;
    }
    this.#at++;
    this.#depth--;
  }

  #member(): void {
    this.#space();
    if (this.#text[this.#at] !== '"') this.#stop("expected a name in double quotes");
    const key = this.#string();
    this.#space();
    if (this.#text[this.#at] !== ":") this.#stop('expected ":"');
    this.#at++;
    this.#step(key);
  }

  /** Reads the value under `key`, following the wanted path when the key is its next step. */
  #step(key: string | number): void {
    const before = this.#matched;
    this.#matched = before >= 0 && this.#path !== undefined && this.#path[before] === key ? before + 1 : -1;
    this.#value();
    this.#matched = before;
  }

  #string(): string {
    const start = this.#at;
    if (!this.#skip(STRING)) this.#stop("a string that does not end, or holds a bad escape");
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #stop(message: string): never {
    const isAtEnd = this.#at >= this.#text.length;
    throw new ScanStop(isAtEnd ? `the text ends too early: ${message}` : message, this.#at);
  }
}
