// How long a pod lives, counted from the moment it runs.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";

export type Lifetime =
  | { readonly kind: "fixed"; readonly ms: Ms }
  /** Ends are as likely in the next second, however old the pod is. */
  | { readonly kind: "exponential"; readonly meanMs: Ms };

/** One draw; none for a fixed lifetime. */
export function drawLifetimeMs(lifetime: Lifetime, prng: Prng): Ms {
  if (lifetime.kind === "fixed") return lifetime.ms;
  return -Math.log(1 - prng.fraction()) * lifetime.meanMs;
}
