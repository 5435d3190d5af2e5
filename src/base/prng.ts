// Seeded randomness: xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. Same seed, same stream, on every
// machine. One root per run; each consumer takes `split(name)`, so that a new consumer moves nobody else's stream.

export class Prng {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is any integer; its low 53 bits count. */
  constructor(seed: number) {
    this.#seed = mix(mix(seed | 0) ^ Math.floor(seed / 2 ** 32));
    this.#a = mix(this.#seed + 0x9e3779b9);
    this.#b = mix(this.#a + 0x9e3779b9);
    this.#c = mix(this.#b + 0x9e3779b9);
    this.#d = mix(this.#c + 0x9e3779b9) | 1;
  }

  /** A stream of its own for `name`: depends on this generator's seed and the name, not on what was drawn before. */
  split(name: string): Prng {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Prng(mix(hash) >>> 0);
  }

  /** An unsigned 32-bit integer. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** A number in [0, 1) with 32 random bits. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** An integer in [0, bound); `bound` from 1 to 2^32. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.fraction();
  }

  /** Fisher-Yates, in place; returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const item = items[i] as T;
      items[i] = items[j] as T;
      items[j] = item;
    }
    return items;
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}
