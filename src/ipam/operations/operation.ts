// Operations: work of several EC2 or metadata calls, written as sequential text. A generator yields what it needs and is
// resumed with what came of it; it never waits by itself, so the same text runs in the agent and in virtual time.

import type { Ms } from "../../base/units.ts";
import type { Effect, Outcome } from "../types.ts";

type EffectWithId = Extract<Effect, { readonly id: number }>;
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** An object rather than a function: this is asked at each ADD and DEL, and a closure lies scattered in memory. */
export interface Rethinker {
  /** A later moment: the change is none to wake for. undefined: it is. Nothing of the node is changed. */
  rethink(): Ms | undefined;
}

/** What an operation asks for: an effect whose outcome it awaits, or time. */
export type Ask =
  | WithoutId<EffectWithId>
  /**
   * Resumed at `atMs`; with `wakesOnChange` also as soon as the pool or the node's facts change. `rethinker` is asked at
   * each change first.
   * With `wakesOnMetadata` also when metadata shows something else, if the body tells.
   */
  | {
      readonly kind: "sleep";
      readonly atMs: Ms;
      readonly wakesOnChange: boolean;
      readonly rethinker?: Rethinker;
      readonly wakesOnMetadata?: boolean;
    };

/** Resumed with the outcome of an effect, with undefined after a sleep. */
export type Operation<Result = void> = Generator<Ask, Result, Outcome | undefined>;

/** Success, or what went wrong in one line. */
export type Result<Value = undefined> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly message: string };

export const OK: Result = { ok: true, value: undefined };

export function failure(message: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message };
}
