// The agent's lines about its pool, in the wordings of all versions, and the samples kept of them.

import type { PoolSample } from "../../facts/model.ts";
import type { CurrentLine } from "./current-line.ts";

export interface PoolNumbers {
  readonly total: number;
  readonly assigned: number;
  readonly cooling: number | undefined;
  readonly prefixCount: number | undefined;
  /** 0 where the line names none. */
  readonly networkCard: number;
  /** Printed at an ADD: there it counts addresses of both kinds. */
  readonly isAtAdd: boolean;
}

const CARD = /[Nn]etwork [Cc]ard (\d+)/;
/** `total IPs: 48, assigned IPs: 40, cooldown IPs: 2` */
const STATS = /IP stats.* - total IPs: (\d+), assigned IPs: (\d+), cooldown IPs: (\d+)/;
/** `target: 5, total: 16, assigned: 12, available: 4, cooldown: 2, short: 1, over 0` */
const WARM = /Current warm IP stats: target: \d+, total: (\d+), assigned: (\d+), available: \d+, cooldown: (\d+)/;
const WARM_OLD = /Current warm IP stats: target: \d+, total: (\d+), assigned: (\d+)/;
/** `Total IPs/Prefixes = 48/3, AssignedIPs/CooldownIPs: 40/2` */
const BOTH = /pool stats.*: Total IPs\/Prefixes = (\d+)\/(\d+), AssignedIPs\/CooldownIPs: (\d+)\/(\d+)/;
/** `total=15, used=12`, `total = 15, used = 12`, `total: 15, assigned: 12`, `total 15, assigned 12` */
const PLAIN = /[Pp]ool stats: total(?: ?=|:)? ?(\d+), ?(?:used|assigned)(?: ?=|:)? ?(\d+)/;
const AT_ADD = /^(?:.{0,40})Assign\w*IPv4Address/;

export function parsePoolLine(message: string): PoolNumbers | undefined {
  const networkCard = Number(CARD.exec(message)?.[1] ?? 0);
  const numbers = (
    match: RegExpExecArray,
    at: { total: number; assigned: number; cooling?: number; prefix?: number },
  ) => ({
    total: Number(match[at.total]),
    assigned: Number(match[at.assigned]),
    cooling: at.cooling === undefined ? undefined : Number(match[at.cooling]),
    prefixCount: at.prefix === undefined ? undefined : Number(match[at.prefix]),
    networkCard,
    isAtAdd: AT_ADD.test(message),
  });
  const stats = STATS.exec(message) ?? WARM.exec(message);
  if (stats !== null) return numbers(stats, { total: 1, assigned: 2, cooling: 3 });
  const both = BOTH.exec(message);
  if (both !== null) return numbers(both, { total: 1, prefix: 2, assigned: 3, cooling: 4 });
  const plain = PLAIN.exec(message) ?? WARM_OLD.exec(message);
  return plain === null ? undefined : numbers(plain, { total: 1, assigned: 2 });
}

const SAMPLES_MAX = 200;

/** A pool line with its place; the sample is made when asked for. */
export class KeptSample {
  readonly numbers: PoolNumbers;
  readonly order: number;
  readonly #ms: number | undefined;
  readonly #file: string;
  readonly #line: number;
  #sample: PoolSample | undefined;

  constructor(numbers: PoolNumbers, line: CurrentLine, order: number) {
    this.numbers = numbers;
    this.order = order;
    this.#ms = line.ms;
    this.#file = line.file;
    this.#line = line.number;
  }

  get free(): number {
    return this.numbers.total - this.numbers.assigned - (this.numbers.cooling ?? 0);
  }

  get sample(): PoolSample {
    const { total, assigned, cooling, prefixCount } = this.numbers;
    const at = { file: this.#file, line: this.#line };
    this.#sample ??= { ms: this.#ms, total, assigned, cooling, prefixCount, at };
    return this.#sample;
  }
}

/** Samples of a log of any length: the first, the one with fewest free, the last, and others evenly between. */
export class PoolSamples {
  #kept: KeptSample[] = [];
  #stride = 1;
  #count = 0;
  #last: KeptSample | undefined;
  #lowest: KeptSample | undefined;

  add(numbers: PoolNumbers, line: CurrentLine): KeptSample {
    const sample = new KeptSample(numbers, line, this.#count);
    this.#last = sample;
    if (this.#lowest === undefined || sample.free < this.#lowest.free) this.#lowest = sample;
    if (this.#count % this.#stride === 0) this.#kept.push(sample);
    this.#count++;
    if (this.#kept.length >= SAMPLES_MAX - 2) {
      this.#kept = this.#kept.filter((_, index) => index % 2 === 0);
      this.#stride *= 2;
    }
    return sample;
  }

  result(): PoolSample[] {
    const chosen = new Set(this.#kept);
    if (this.#lowest !== undefined) chosen.add(this.#lowest);
    if (this.#last !== undefined) chosen.add(this.#last);
    return [...chosen].sort((a, b) => a.order - b.order).map((one) => one.sample);
  }
}
