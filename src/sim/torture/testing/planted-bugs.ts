// Engines with one planted bug each, beside those of src/ipam/testing: the ones that only a fleet, a real VPC or the calm
// after the faults shows.

import type { Effect, Engine, Input } from "../../../ipam/types.ts";

type Break = (engine: Engine) => Engine;

function around(engine: Engine, change: Partial<Pick<Engine, "step" | "wakeAt">>): Engine {
  return {
    step: change.step ?? ((input) => engine.step(input)),
    wakeAt: change.wakeAt ?? (() => engine.wakeAt()),
    allocations: () => engine.allocations(),
    eachAllocation: (visit) => engine.eachAllocation(visit),
    addressOf: (attachment) => engine.addressOf(attachment),
    isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
    view: (nowMs) => engine.view(nowMs),
  };
}

/** Ids of effects that the engine itself never heard of: what comes of them is swallowed. */
const OWN_IDS_FROM = 1_000_000;

function adds(more: (input: Input, effects: readonly Effect[], engine: Engine) => readonly Effect[]): Break {
  return (engine) =>
    around(engine, {
      step(input) {
        if (input.kind === "completed" && input.id >= OWN_IDS_FROM) return [];
        const effects = [...engine.step(input)];
        return [...effects, ...more(input, effects, engine)];
      },
    });
}

/** I9: a refused request for space is sent again at once. */
export const hammers: Break = (engine) => {
  const asked = new Map<number, Extract<Effect, { kind: "ec2" }>>();
  let nextId = OWN_IDS_FROM;
  return adds((input, effects) => {
    for (const effect of effects) if (effect.kind === "ec2") asked.set(effect.id, effect);
    if (input.kind !== "completed" || input.outcome.kind !== "ec2") return [];
    const { result } = input.outcome;
    const before = asked.get(input.id);
    if (before === undefined || result.kind !== "refused" || result.errorClass !== "exhausted") return [];
    return [{ ...before, id: nextId++ }];
  })(engine);
};

/** I11: writes to whatever metadata shows, also to what the pool does not manage. */
export const meddles: Break = (engine) => {
  let nextId = OWN_IDS_FROM;
  return adds((input, _, inner) => {
    if (input.kind !== "completed" || input.outcome.kind !== "enis") return [];
    const own = new Set(inner.view(input.nowMs).enis.map((eni) => eni.eniId));
    const other = input.outcome.enis.find((eni) => !own.has(eni.eniId));
    if (other === undefined) return [];
    const intention = { action: "SetSecurityGroups", eniId: other.eniId, securityGroupIds: ["sg-1"] } as const;
    return [{ kind: "ec2", id: nextId++, intention }];
  })(engine);
};

/** I3: gives back what was released a moment ago. */
export const returnsWhatCools: Break = (engine) => {
  let nextId = OWN_IDS_FROM;
  return adds((input, _, inner) => {
    if (input.kind !== "release") return [];
    for (const eni of inner.view(input.nowMs).enis)
      for (const { base, isPrefix, addresses } of eni.cidrs) {
        if (!isPrefix || !addresses.some(({ state }) => state === "cooling")) continue;
        if (addresses.some(({ state }) => state === "allocated")) continue;
        const { eniId } = eni;
        const intention = { action: "UnassignPrivateIpAddresses", eniId, prefixes: [base], addresses: [] } as const;
        return [{ kind: "ec2", id: nextId++, intention }];
      }
    return [];
  })(engine);
};

/** I7: one ADD in twenty is never answered. */
export const forgetsAnAdd: Break = (engine) => {
  let count = 0;
  return around(engine, {
    step: (input) => (input.kind === "allocate" && ++count % 20 === 0 ? [] : engine.step(input)),
  });
};

/** I7: whoever has to wait waits for ever. */
export const missesDeadlines: Break = (engine) =>
  around(engine, {
    step(input) {
      const effects = engine.step(input);
      return input.kind === "wake" ? effects.filter((effect) => effect.kind !== "reply") : effects;
    },
  });

/** I10: after a while it never wakes again. */
export const fallsAsleep: Break = (engine) => {
  let startMs: number | undefined;
  const isAsleep = (nowMs: number) => {
    startMs ??= nowMs;
    return nowMs - startMs > 5_000;
  };
  let nowMs = 0;
  return around(engine, {
    step(input) {
      nowMs = input.nowMs;
      return engine.step(input);
    },
    wakeAt: () => (isAsleep(nowMs) ? undefined : engine.wakeAt()),
  });
};

/** Asks to be woken at once, again and again. */
export const spins: Break = (engine) => {
  let nowMs = 0;
  return around(engine, {
    step(input) {
      nowMs = input.nowMs;
      return engine.step(input);
    },
    wakeAt: () => (nowMs > 10_000 ? nowMs : engine.wakeAt()),
  });
};

/** I10: refuses every ADD after the fiftieth, whatever it has. */
export const getsTired: Break = (engine) => {
  let count = 0;
  return around(engine, {
    step(input) {
      if (input.kind !== "allocate" || ++count <= 50) return engine.step(input);
      const result = { kind: "refused", reason: "pool-growing", message: "tired", retryAfterMs: undefined } as const;
      return [{ kind: "reply", requestId: input.requestId, after: 0, result }];
    },
  });
};
