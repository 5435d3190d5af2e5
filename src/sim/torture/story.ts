// The last things that happened in a run, kept as they came and told as text only when somebody asks.

import { formatIpv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Effect, Input } from "../../ipam/types.ts";

interface Entry {
  readonly atMs: Ms;
  readonly who: string;
  readonly what: Input | Effect | string;
}

export class Story {
  readonly #entries: Entry[] = [];
  readonly #length: number;
  #next = 0;

  /** `length` 0: nothing is kept. */
  constructor(length: number) {
    this.#length = length;
  }

  add(atMs: Ms, who: string, what: Input | Effect | string): void {
    if (this.#length === 0) return;
    this.#entries[this.#next] = { atMs, who, what };
    this.#next = (this.#next + 1) % this.#length;
  }

  lines(): string[] {
    const inOrder = [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)];
    return inOrder.map(({ atMs, who, what }) => `${(atMs / 1_000).toFixed(3)} s  ${who}  ${told(what)}`);
  }
}

function told(what: Input | Effect | string): string {
  if (typeof what === "string") return what;
  const { kind, ...rest } = what as { readonly kind: string } & Readonly<Record<string, unknown>>;
  const isInput = "nowMs" in rest;
  const fields = Object.entries(rest).filter(([name]) => name !== "nowMs");
  return `${isInput ? "<-" : "  ->"} ${kind} ${fields.map(([name, value]) => `${name}=${text(name, value)}`).join(" ")}`;
}

const ADDRESS_NAMES = /^(?:address|addresses|prefixes|primaryAddress|base)$/;
/** Long lists are cut: a story is read by people. */
const TEXT_MAX = 400;

function text(name: string, value: unknown): string {
  const json = JSON.stringify(value, (key, inner: unknown) => {
    if (typeof inner === "number" && ADDRESS_NAMES.test(key === "" ? name : key)) return formatIpv4(inner);
    if (Array.isArray(inner) && ADDRESS_NAMES.test(key === "" ? name : key))
      return inner.map((one: unknown) => (typeof one === "number" ? formatIpv4(one) : one));
    return inner;
  });
  return json === undefined ? "-" : json.length > TEXT_MAX ? `${json.slice(0, TEXT_MAX)}...` : json;
}
