// Instance metadata as one node reads it: behind EC2 by the model's lag, at times unreachable, at times a lie.

import type { Prng } from "../../base/prng.ts";
import type { Ms } from "../../base/units.ts";
import type { Vpc } from "../../emulator/model/index.ts";
import type { ImdsEni, Outcome } from "../../ipam/types.ts";
import { MetadataViews, metadataEnis } from "../metadata.ts";
import type { FaultRates } from "./faults.ts";

/** `past`: shows what it showed when the lie began. */
export const LIES = ["hide-eni", "hide-prefixes", "nothing", "past", "shuffled"] as const;
export type Lie = (typeof LIES)[number];

export class MetadataLine {
  readonly #vpc: Vpc;
  readonly #views: MetadataViews;
  readonly #instanceId: string;
  readonly #prng: Prng;
  readonly #nowMs: () => Ms;
  #lie: Lie | undefined;
  #untilMs: Ms = 0;
  #past: ImdsEni[] = [];

  constructor(options: {
    readonly vpc: Vpc;
    readonly instanceId: string;
    readonly prng: Prng;
    readonly nowMs: () => Ms;
  }) {
    this.#vpc = options.vpc;
    this.#views = new MetadataViews(options.vpc);
    this.#instanceId = options.instanceId;
    this.#prng = options.prng;
    this.#nowMs = options.nowMs;
  }

  lie(lie: Lie, untilMs: Ms): void {
    this.#past = metadataEnis(this.#vpc, this.#instanceId, this.#nowMs());
    this.#lie = lie;
    this.#untilMs = untilMs;
  }

  /** It lags, and does not lie: a process that has just started has nothing to hold against it. */
  enisAtStart(nowMs: Ms): ImdsEni[] {
    return metadataEnis(this.#vpc, this.#instanceId, nowMs);
  }

  observe(what: "enis" | "securityGroups", rates: FaultRates, tell: (atMs: Ms, outcome: Outcome) => void): void {
    const nowMs = this.#nowMs();
    const atMs = nowMs + this.#prng.below(5);
    if (this.#prng.fraction() < rates.metadataFails) {
      tell(atMs, { kind: "failed", message: "instance metadata does not answer" });
      return;
    }
    const outcome = this.#views.observe(this.#instanceId, what, nowMs);
    tell(atMs, outcome.kind === "enis" ? { kind: "enis", enis: this.#bend(outcome.enis) } : outcome);
  }

  #bend(honest: readonly ImdsEni[]): ImdsEni[] {
    if (this.#lie === undefined || this.#nowMs() >= this.#untilMs) return [...honest];
    switch (this.#lie) {
      case "hide-eni":
        return honest.filter((_, index) => index === 0 || index !== honest.length - 1);
      case "hide-prefixes":
        return honest.map((eni) => ({ ...eni, prefixes: eni.prefixes.slice(1), addresses: eni.addresses.slice(1) }));
      case "nothing":
        return [];
      case "past":
        return this.#past;
      case "shuffled":
        return this.#prng.shuffle([...honest]);
    }
  }
}
