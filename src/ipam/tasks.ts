// The operations of one engine, side by side: each sleeps, or waits for an outcome. Which one is resumed when, and what they
// ask for as effects.

import type { Ms } from "../base/units.ts";
import type { Node } from "./node.ts";
import type { Operation, Rethinker } from "./operations/operation.ts";
import type { Effect, Outcome } from "./types.ts";

/** An operation between two resumptions. */
interface Task {
  readonly operation: Operation;
  /** undefined: it waits for an outcome. */
  wakeAtMs: Ms | undefined;
  /** The version it went to sleep on; undefined unless it wakes on change. */
  wakesFromVersion: number | undefined;
  rethinker: Rethinker | undefined;
  wakesOnMetadata: boolean;
}

export class Tasks {
  /** Of the operation that sleeps shortest; infinite: none. */
  wakeAtMs: Ms = Number.POSITIVE_INFINITY;
  readonly #all = new Set<Task>();
  /** By the id of the effect. */
  readonly #waiting = new Map<number, Task>();
  /** Those that sleep until a change, and up to which version they have been asked. */
  readonly #watchers: Task[] = [];
  #watchedVersion = 0;
  #nextEffectId = 1;

  spawn(operation: Operation): void {
    this.#all.add({
      operation,
      wakeAtMs: Number.NEGATIVE_INFINITY,
      wakesFromVersion: undefined,
      rethinker: undefined,
      wakesOnMetadata: false,
    });
    this.wakeAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Resumes every operation whose time has come, until none is due. */
  runDue(node: Node): void {
    if (this.#isQuiet(node)) return;
    for (let hasRun = true; hasRun; ) {
      hasRun = false;
      let wakeAtMs = Number.POSITIVE_INFINITY;
      for (const task of this.#all) {
        if (task.wakeAtMs === undefined) continue;
        if (task.wakeAtMs > node.nowMs && !wakesByChange(node, task)) {
          if (task.wakeAtMs < wakeAtMs) wakeAtMs = task.wakeAtMs;
          continue;
        }
        hasRun = true;
        this.#advance(node, task, undefined);
      }
      this.wakeAtMs = wakeAtMs;
    }
    this.#watchedVersion = node.version;
  }

  /** What nearly every ADD and DEL finds: nothing is due, and the change is none to wake for. */
  #isQuiet(node: Node): boolean {
    if (node.nowMs >= this.wakeAtMs) return false;
    if (node.version === this.#watchedVersion) return true;
    for (const task of this.#watchers) {
      const { wakeAtMs } = task;
      if (wakesByChange(node, task) || task.wakeAtMs !== wakeAtMs) return false;
    }
    this.#watchedVersion = node.version;
    return true;
  }

  #advance(node: Node, task: Task, outcome: Outcome | undefined): void {
    if (task.wakesFromVersion !== undefined) this.#watchers.splice(this.#watchers.indexOf(task), 1);
    task.wakeAtMs = undefined;
    task.wakesFromVersion = undefined;
    task.wakesOnMetadata = false;
    const next = task.operation.next(outcome);
    if (next.done === true) {
      this.#all.delete(task);
      return;
    }
    const ask = next.value;
    if (ask.kind === "sleep") {
      task.wakeAtMs = ask.atMs;
      this.wakeAtMs = Math.min(this.wakeAtMs, ask.atMs);
      task.wakesFromVersion = ask.wakesOnChange ? node.version : undefined;
      if (ask.wakesOnChange) this.#watchers.push(task);
      task.rethinker = ask.rethinker;
      task.wakesOnMetadata = ask.wakesOnMetadata === true;
      return;
    }
    node.askCount++;
    const id = this.#nextEffectId++;
    this.#waiting.set(id, task);
    node.effects.push({ ...ask, id } as Effect);
  }

  /** What came of an effect. */
  completed(node: Node, id: number, outcome: Outcome): void {
    const task = this.#waiting.get(id);
    if (task === undefined) return; // A duplicate, or an answer that came after its deadline.
    this.#waiting.delete(id);
    this.#advance(node, task, outcome);
  }

  metadataChanged(node: Node): void {
    for (const task of this.#all) if (task.wakesOnMetadata) task.wakeAtMs = node.nowMs;
    this.wakeAtMs = node.nowMs;
  }
}

/** The pool or the facts have changed, and the operation has something to do about it now. */
function wakesByChange(node: Node, task: Task): boolean {
  if (task.wakesFromVersion === undefined || task.wakesFromVersion === node.version) return false;
  const atMs = task.rethinker?.rethink();
  if (atMs === undefined) return true;
  task.wakesFromVersion = node.version;
  task.wakeAtMs = atMs;
  return false;
}
