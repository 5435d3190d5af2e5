// Histories of several sets of logs, and pods as kubectl tells them, as one list of lives: each sandbox once, each pod once.

import type { KubectlPods, PodLife } from "../cluster/index.ts";
import type { NodeHistory } from "./log-history.ts";
import type { LoggedLife } from "./pod-book.ts";

export interface JoinedLives {
  readonly lives: readonly PodLife[];
  /** Lives of sandboxes that more than one set of logs tells. */
  readonly repeatedCount: number;
  /** Lives whose pod the logs do not name: they are called after their sandbox. */
  readonly unnamedCount: number;
}

/** How the trace calls the node of a history. */
export type NodeName = (history: NodeHistory) => string;

export function joinLives(
  histories: readonly NodeHistory[],
  kubectl: readonly KubectlPods[],
  nameOf: NodeName,
): JoinedLives {
  const byNode = new Map<string, NodeHistory[]>();
  for (const history of histories) {
    const name = nameOf(history);
    const known = byNode.get(name);
    if (known === undefined) byNode.set(name, [history]);
    else known.push(history);
  }
  const lives: PodLife[] = [];
  let repeatedCount = 0;
  let unnamedCount = 0;
  for (const [nodeName, sets] of byNode) {
    const joined = eachSandboxOnce(sets);
    repeatedCount += joined.repeatedCount;
    for (const life of joined.lives) {
      if (life.name === undefined) unnamedCount++;
      lives.push(podLife(life, nodeName));
    }
  }
  return { lives: withKubectl(lives, kubectl, byNode), repeatedCount, unnamedCount };
}

function podLife(life: LoggedLife, nodeName: string): PodLife {
  const { askedMs, isFromBefore, servedMs, endedMs } = life;
  return {
    namespace: life.namespace ?? "default",
    name: life.name ?? `sandbox-${life.sandbox.slice(0, 12)}`,
    nodeName,
    askedMs,
    isFromBefore,
    servedMs,
    endedMs,
    cpuMillis: 0,
    memoryBytes: 0,
    isHostNetwork: false,
  };
}

/** What one set begins, another one may end: rotated logs of a node that lie in different places. */
function eachSandboxOnce(sets: readonly NodeHistory[]): { lives: readonly LoggedLife[]; repeatedCount: number } {
  const [only] = sets;
  if (only !== undefined && sets.length === 1) return { lives: only.lives, repeatedCount: 0 };
  const bySandbox = new Map<string, LoggedLife>();
  let repeatedCount = 0;
  const oldestFirst = sets.toSorted((a, b) => (a.clock.firstMs ?? 0) - (b.clock.firstMs ?? 0));
  for (const life of oldestFirst.flatMap((set) => set.lives)) {
    const known = bySandbox.get(life.sandbox);
    if (known !== undefined) repeatedCount++;
    bySandbox.set(life.sandbox, known === undefined ? life : oneLife(known, life));
  }
  return { lives: [...bySandbox.values()], repeatedCount };
}

function oneLife(first: LoggedLife, second: LoggedLife): LoggedLife {
  return {
    ...first,
    namespace: first.namespace ?? second.namespace,
    name: first.name ?? second.name,
    servedMs: first.servedMs ?? second.servedMs,
    endedMs: first.endedMs ?? second.endedMs,
  };
}

/** Logs tell when; kubectl tells what a pod asks for, and of pods that no line of the logs names. */
function withKubectl(
  logged: PodLife[],
  kubectl: readonly KubectlPods[],
  byNode: ReadonlyMap<string, readonly NodeHistory[]>,
): readonly PodLife[] {
  const told = kubectl.flatMap((one) => one.lives);
  if (told.length === 0) return logged;
  const latest = new Map(logged.map((life, index) => [keyOf(life), index]));
  const lives = [...logged];
  for (const life of told) {
    const index = latest.get(keyOf(life));
    const known = index === undefined ? undefined : lives[index];
    if (index === undefined || known === undefined || (life.nodeName ?? known.nodeName) !== known.nodeName) {
      lives.push(sinceLogsBegin(life, byNode.get(life.nodeName ?? "")));
      continue;
    }
    const { cpuMillis, memoryBytes, isHostNetwork } = life;
    lives[index] = { ...known, cpuMillis, memoryBytes, isHostNetwork };
  }
  return lives;
}

/** A pod that came before its node's logs begin is there from their beginning: how it came would be of another time. */
function sinceLogsBegin(life: PodLife, sets: readonly NodeHistory[] | undefined): PodLife {
  const beginMs = Math.min(...(sets ?? []).map((set) => set.clock.firstMs ?? Number.POSITIVE_INFINITY));
  if (!Number.isFinite(beginMs) || life.askedMs >= beginMs) return life;
  return { ...life, askedMs: beginMs, isFromBefore: true, servedMs: beginMs };
}

function keyOf(life: PodLife): string {
  return `${life.namespace}/${life.name}`;
}
