// Variations of a script that must not change what it says: one scenario tests many. Each gives a change of every node.

import type { Engine, Input } from "../types.ts";
import type { NodeChanges } from "./script.ts";

/** What an expander does to an engine's inputs; the rest of the engine stays as it is. */
function wrap(engine: Engine, step: Engine["step"], wakeAt: Engine["wakeAt"] = () => engine.wakeAt()): Engine {
  return {
    step,
    wakeAt,
    allocations: () => engine.allocations(),
    eachAllocation: (visit) => engine.eachAllocation(visit),
    addressOf: (attachment) => engine.addressOf(attachment),
    isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
    view: (nowMs) => engine.view(nowMs),
  };
}

/** Each completion comes twice at once, and a third time after the next input. */
function repeatCompletions(engine: Engine): Engine {
  let previous: Extract<Input, { kind: "completed" }> | undefined;
  return wrap(engine, (input) => {
    const effects = [...engine.step(input)];
    if (previous !== undefined) effects.push(...engine.step({ ...previous, nowMs: input.nowMs }));
    previous = undefined;
    if (input.kind === "completed") {
      effects.push(...engine.step(input));
      previous = input;
    }
    return effects;
  });
}

/** Wakes that nobody asked for: after each input, and every 730 ms. */
function wakeTooOften(engine: Engine): Engine {
  let lastMs = 0;
  return wrap(
    engine,
    (input) => {
      lastMs = input.nowMs;
      return [...engine.step(input), ...engine.step({ kind: "wake", nowMs: input.nowMs })];
    },
    () => Math.min(engine.wakeAt() ?? Number.POSITIVE_INFINITY, lastMs + 730),
  );
}

/** Timers fire a little late: 0.01 ms, less than scripts look at. */
function wakeLate(engine: Engine): Engine {
  return wrap(
    engine,
    (input) => engine.step(input),
    () => {
      const atMs = engine.wakeAt();
      return atMs === undefined ? undefined : atMs + 0.01;
    },
  );
}

/** The expanders for every script, by what they do. */
export const ALWAYS: Readonly<Record<string, NodeChanges>> = {
  "each completion delivered three times": { wrapEngine: repeatCompletions },
  "wakes that nobody asked for": { wrapEngine: wakeTooOften },
  "wakes that come late": { wrapEngine: wakeLate },
  "what completes together, last first": { reversesTies: true },
};

/** For scripts that say `# expand: any-seed`: nothing they print depends on a draw. */
export const SEEDS: readonly number[] = [2, 3, 4, 5, 6];
