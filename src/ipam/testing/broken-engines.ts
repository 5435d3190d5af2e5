// Engines with one planted bug each, and the invariant whose check has to catch it.

import type { Effect, Engine, Input, ReplyResult } from "../types.ts";

export interface PlantedBug {
  readonly what: string;
  readonly caughtBy: `I${number}`;
  readonly breakEngine: (engine: Engine) => Engine;
}

type Change = Partial<Pick<Engine, "step" | "view" | "allocations">>;

function broken(engine: Engine, change: Change): Engine {
  const whole: Engine & { checkBooks(): void } = {
    step: change.step ?? ((input) => engine.step(input)),
    wakeAt: () => engine.wakeAt(),
    allocations: change.allocations ?? (() => engine.allocations()),
    eachAllocation: (visit) => {
      for (const one of whole.allocations())
        visit(one.attachment, one.address, one.allocatedWallMs, one.allocatedNsRest);
    },
    isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
    addressOf: (attachment) => engine.addressOf(attachment),
    view: change.view ?? ((nowMs) => engine.view(nowMs)),
    checkBooks: () => (engine as Engine & { checkBooks(): void }).checkBooks(),
  };
  return whole;
}

function changesEffects(change: (effect: Effect, engine: Engine) => readonly Effect[]): PlantedBug["breakEngine"] {
  return (engine) =>
    broken(engine, { step: (input) => [...engine.step(input)].flatMap((effect) => change(effect, engine)) });
}

function changesInput(change: (input: Input) => Input): PlantedBug["breakEngine"] {
  return (engine) => broken(engine, { step: (input) => engine.step(change(input)) });
}

function changesAddress(change: (result: Extract<ReplyResult, { kind: "allocated" }>) => number) {
  return changesEffects((effect) => {
    if (effect.kind !== "reply" || effect.result.kind !== "allocated" || effect.result.isRepeat) return [effect];
    return [{ ...effect, result: { ...effect.result, address: change(effect.result) } }];
  });
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    what: "replies before it saves",
    caughtBy: "I5",
    breakEngine: changesEffects((effect) => [effect.kind === "reply" ? { ...effect, after: 0 } : effect]),
  },
  {
    what: "hands out an address twice",
    caughtBy: "I1",
    breakEngine: (engine) => {
      let first: number | undefined;
      return changesAddress(({ address }) => {
        first ??= address;
        return first;
      })(engine);
    },
  },
  {
    what: "hands out an address of another node",
    caughtBy: "I2",
    breakEngine: changesAddress(({ address }) => address + 4096),
  },
  {
    what: "unassigns what carries a pod",
    caughtBy: "I3",
    breakEngine: changesEffects((effect, engine) => {
      if (effect.kind !== "ec2" || effect.intention.action !== "AssignPrivateIpAddresses") return [effect];
      const addresses = engine.allocations().map((allocation) => allocation.address);
      const { eniId } = effect.intention;
      return [
        effect,
        { ...effect, intention: { action: "UnassignPrivateIpAddresses", eniId, prefixes: [], addresses } },
      ];
    }),
  },
  {
    what: "answers a DEL and forgets it",
    caughtBy: "I4",
    breakEngine: (engine) =>
      broken(engine, {
        step(input) {
          const address = input.kind === "release" ? engine.addressOf(input.attachment) : undefined;
          if (input.kind !== "release" || address === undefined) return engine.step(input);
          const { requestId, attachment } = input;
          const result = { kind: "released", attachment, address, deviceNumber: 0, routeTableId: 254 } as const;
          return [{ kind: "reply", requestId, after: 0, result }];
        },
      }),
  },
  {
    what: "loses an allocation when it restores",
    caughtBy: "I5",
    breakEngine: changesInput((input) =>
      input.kind === "started" && input.checkpoint !== undefined
        ? { ...input, checkpoint: input.checkpoint.slice(1) }
        : input,
    ),
  },
  {
    what: "leaves an allocation out of the checkpoint",
    caughtBy: "I6",
    breakEngine: (engine) => broken(engine, { allocations: () => engine.allocations().slice(1) }),
  },
  {
    what: "counts one address too many",
    caughtBy: "I6",
    breakEngine: (engine) =>
      broken(engine, {
        view: (nowMs) => ({ ...engine.view(nowMs), runningTotal: engine.view(nowMs).runningTotal + 1 }),
      }),
  },
  {
    what: "answers twice",
    caughtBy: "I7",
    breakEngine: changesEffects((effect) => (effect.kind === "reply" ? [effect, effect] : [effect])),
  },
  {
    what: "does not answer again after a failed save",
    caughtBy: "I7",
    breakEngine: (engine) =>
      broken(engine, {
        step(input) {
          const effects = engine.step(input);
          return input.kind === "saveFailed" ? effects.filter((effect) => effect.kind !== "reply") : effects;
        },
      }),
  },
  {
    what: "asks for more slots than an ENI has",
    caughtBy: "I8",
    breakEngine: changesEffects((effect) => {
      if (effect.kind !== "ec2" || effect.intention.action !== "AssignPrivateIpAddresses") return [effect];
      return [{ ...effect, intention: { ...effect.intention, prefixCount: effect.intention.prefixCount + 3 } }];
    }),
  },
  {
    what: "does not know that the node is full",
    caughtBy: "I8",
    breakEngine: changesInput((input) => {
      if (input.kind === "started") return { ...input, facts: { ...input.facts, maxPods: 1_000 } };
      return input.kind === "nodeChanged" ? { ...input, state: { ...input.state, maxPods: 1_000 } } : input;
    }),
  },
];
