// Reading JSON values with their place: each step knows its path, and what is wrong is collected with it.

import type { WorldProblem } from "./types.ts";

export class JsonCursor {
  readonly value: unknown;
  /** `network-interfaces.json: NetworkInterfaces[3].SubnetId`. */
  readonly where: string;
  readonly #problems: WorldProblem[];

  constructor(value: unknown, where: string, problems: WorldProblem[]) {
    this.value = value;
    this.where = where;
    this.#problems = problems;
  }

  problem(what: string): void {
    this.#problems.push({ where: this.where, what });
  }

  get isPresent(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  field(name: string): JsonCursor {
    const object = typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
    const value = object ? (this.value as Readonly<Record<string, unknown>>)[name] : undefined;
    return new JsonCursor(
      value,
      this.where.endsWith(": ") ? this.where + name : `${this.where}.${name}`,
      this.#problems,
    );
  }

  /** The members of a list; an absent list is empty. */
  items(): JsonCursor[] {
    if (!this.isPresent) return [];
    if (!Array.isArray(this.value)) {
      this.problem(`must be a list, not ${describe(this.value)}`);
      return [];
    }
    return this.value.map((item, i) => new JsonCursor(item, `${this.where}[${i}]`, this.#problems));
  }

  optionalText(): string | undefined {
    if (!this.isPresent) return undefined;
    if (typeof this.value === "string") return this.value;
    this.problem(`must be a text, not ${describe(this.value)}`);
    return undefined;
  }

  /** Collects a problem and returns an empty text when it is missing. */
  text(): string {
    if (!this.isPresent) this.problem("is missing");
    return this.optionalText() ?? "";
  }

  integer(otherwise: number): number {
    if (!this.isPresent) return otherwise;
    if (typeof this.value === "number" && Number.isInteger(this.value)) return this.value;
    this.problem(`must be a whole number, not ${describe(this.value)}`);
    return otherwise;
  }

  boolean(otherwise: boolean): boolean {
    if (!this.isPresent) return otherwise;
    if (typeof this.value === "boolean") return this.value;
    this.problem(`must be true or false, not ${describe(this.value)}`);
    return otherwise;
  }

  oneOf<const T extends string>(values: readonly T[], otherwise: T): T {
    const text = this.text();
    const known = values.find((value) => value === text);
    if (known === undefined && text !== "") this.problem(`must be one of ${values.join(", ")}, not ${text}`);
    return known ?? otherwise;
  }

  /** What `parse` makes of the text; a problem and undefined when that is nothing. */
  parsed<T>(parse: (text: string) => T | undefined, wanted: string): T | undefined {
    const text = this.text();
    const value = text === "" ? undefined : parse(text);
    if (value === undefined && text !== "") this.problem(`must be ${wanted}, not ${text}`);
    return value;
  }
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
