// One life of a pod as real nodes or the Kubernetes API tell it, in wall time; and many of them as a trace, in time from moment 0.

import type { Ms } from "../base/units.ts";
import type { TracePod } from "./trace.ts";

export interface PodLife {
  readonly namespace: string;
  readonly name: string;
  readonly nodeName: string | undefined;
  /** It wanted an address, or was created; where `isFromBefore`, that was earlier, and this is where the evidence begins. */
  readonly askedMs: Ms;
  readonly isFromBefore: boolean;
  /** It had its address, or ran; undefined: it never did. */
  readonly servedMs: Ms | undefined;
  /** It was gone; undefined: it was not when the evidence ends. */
  readonly endedMs: Ms | undefined;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly isHostNetwork: boolean;
}

export interface TracedPods {
  /** In the order of their coming. */
  readonly pods: readonly TracePod[];
  /** Wall time of moment 0: the first coming or going. undefined: there is none. */
  readonly startWallMs: Ms | undefined;
}

/**
 * A trace names a pod once. The second life of a name (a StatefulSet's pod, a sandbox made anew) is called `NAME.2`; it ends
 * the first one, where nothing else tells its end and the pod came back on another node.
 */
export function tracePodsOf(lives: readonly PodLife[], fromMs?: Ms): TracedPods {
  // A span that was cut out begins where it was cut, if anything was there then.
  const startWallMs = lives.some((life) => life.askedMs === fromMs) ? fromMs : startOf(lives);
  const ordered = lives.toSorted((a, b) => a.askedMs - b.askedMs || (keyOf(a) < keyOf(b) ? -1 : 1));
  const endings = endedByNext(ordered);
  const names = new UniqueNames(ordered);
  const pods = ordered.map((life, index): TracePod => {
    const fromMs = Math.max(life.servedMs ?? life.askedMs, startWallMs ?? 0);
    const endedMs = life.endedMs ?? endings.get(index);
    return {
      atMs: Math.max(0, life.askedMs - (startWallMs ?? 0)),
      namespace: life.namespace,
      name: names.next(life),
      nodeName: life.nodeName,
      lifetimeMs: endedMs === undefined ? undefined : Math.max(0, endedMs - fromMs),
      cpuMillis: life.cpuMillis,
      memoryBytes: life.memoryBytes,
      isHostNetwork: life.isHostNetwork,
    };
  });
  return { pods, startWallMs };
}

/** Pods on the host network are as old as their nodes: they are no part of the demand, and count where nothing else does. */
function startOf(lives: readonly PodLife[]): Ms | undefined {
  const demand = lives.filter((life) => !life.isHostNetwork);
  const events = demand.flatMap((life) => (life.isFromBefore ? (life.endedMs ?? []) : life.askedMs));
  return (
    earliest(events) ?? earliest(demand.map((life) => life.askedMs)) ?? earliest(lives.map((life) => life.askedMs))
  );
}

function earliest(moments: readonly Ms[]): Ms | undefined {
  return moments.reduce<Ms | undefined>((first, at) => (first === undefined || at < first ? at : first), undefined);
}

/** What of the lives lies in a span: what came before is there from its beginning, what ends after has no end. */
export function livesWithin(
  lives: readonly PodLife[],
  span: { readonly fromMs: Ms | undefined; readonly toMs: Ms | undefined },
): readonly PodLife[] {
  const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = span;
  return lives.flatMap((life): PodLife[] => {
    if (life.askedMs >= toMs || (life.endedMs !== undefined && life.endedMs <= fromMs)) return [];
    const endedMs = life.endedMs !== undefined && life.endedMs > toMs ? undefined : life.endedMs;
    if (life.askedMs >= fromMs) return [{ ...life, endedMs }];
    const servedMs = life.servedMs === undefined ? undefined : Math.max(life.servedMs, fromMs);
    return [{ ...life, askedMs: fromMs, isFromBefore: true, servedMs, endedMs }];
  });
}

function keyOf(life: PodLife): string {
  return `${life.namespace}/${life.name}`;
}

/** By index in `lives`: when the next life of the same name on another node began, for those without an end. */
function endedByNext(lives: readonly PodLife[]): ReadonlyMap<number, Ms> {
  const open = new Map<string, number>();
  const endings = new Map<number, Ms>();
  for (const [index, life] of lives.entries()) {
    const key = keyOf(life);
    const before = open.get(key);
    if (before !== undefined && lives[before]?.nodeName !== life.nodeName) endings.set(before, life.askedMs);
    if (life.endedMs === undefined) open.set(key, index);
    else open.delete(key);
  }
  return endings;
}

class UniqueNames {
  readonly #given = new Set<string>();
  readonly #counts = new Map<string, number>();

  constructor(lives: readonly PodLife[]) {
    for (const life of lives) this.#given.add(keyOf(life));
  }

  next(life: PodLife): string {
    const key = keyOf(life);
    for (;;) {
      const count = (this.#counts.get(key) ?? 0) + 1;
      this.#counts.set(key, count);
      if (count === 1) return life.name;
      const name = `${life.name}.${count}`;
      if (!this.#given.has(`${life.namespace}/${name}`)) return name;
    }
  }
}
