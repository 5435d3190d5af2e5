// How long pods live: fixed, or drawn from a distribution. Whole milliseconds, so that a machine's last bit of a logarithm is
// not seen.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";

export type Lifetime =
  | { readonly kind: "fixed"; readonly ms: Ms }
  /** Without memory: what has lived long lives no longer than what is new. */
  | { readonly kind: "exponential"; readonly meanMs: Ms }
  /** `sigma`: the standard deviation of the logarithm; the larger, the more short and very long lives. */
  | { readonly kind: "lognormal"; readonly meanMs: Ms; readonly sigma: number }
  /** `shape` below 1: many die young; above 1: they wear out. */
  | { readonly kind: "weibull"; readonly meanMs: Ms; readonly shape: number };

export const DISTRIBUTIONS: readonly Lifetime["kind"][] = ["fixed", "exponential", "lognormal", "weibull"];

/** At least 1 ms. `undefined` lives until the run ends: Infinity. */
export function drawLifetimeMs(lifetime: Lifetime | undefined, prng: Prng): Ms {
  if (lifetime === undefined) return Number.POSITIVE_INFINITY;
  return lifetime.kind === "fixed" ? lifetime.ms : Math.max(1, Math.round(draw(lifetime, prng)));
}

/** The mean, as the file gives it. */
export function meanLifetimeMs(lifetime: Lifetime): Ms {
  return lifetime.kind === "fixed" ? lifetime.ms : lifetime.meanMs;
}

function draw(lifetime: Exclude<Lifetime, { kind: "fixed" }>, prng: Prng): number {
  switch (lifetime.kind) {
    case "exponential":
      return -lifetime.meanMs * Math.log(positiveFraction(prng));
    case "lognormal": {
      const { meanMs, sigma } = lifetime;
      return meanMs * Math.exp(sigma * normal(prng) - (sigma * sigma) / 2);
    }
    case "weibull": {
      const { meanMs, shape } = lifetime;
      return (meanMs / gamma(1 + 1 / shape)) * (-Math.log(positiveFraction(prng))) ** (1 / shape);
    }
  }
}

/** In (0, 1], so that it has a logarithm. */
function positiveFraction(prng: Prng): number {
  return 1 - prng.fraction();
}

/** Box and Muller, 1958; one of the pair is enough. */
function normal(prng: Prng): number {
  const radius = Math.sqrt(-2 * Math.log(positiveFraction(prng)));
  return radius * Math.cos(2 * Math.PI * prng.fraction());
}

/** Lanczos' approximation (g = 7, n = 9) for x >= 1; relative error below 1e-14. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function gamma(x: number): number {
  const z = x - 1;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (z + i);
  const t = z + 7.5;
  return Math.sqrt(2 * Math.PI) * t ** (z + 0.5) * Math.exp(-t) * sum;
}
