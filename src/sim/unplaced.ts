// Pods that no node takes now, by what they ask for: when one finds no room, none that asks for the same does.

import type { PodSpec } from "../cluster/index.ts";
import type { SimPod } from "./fleet-state.ts";

export class Unplaced {
  /** In the order of coming. */
  readonly #bySpec = new Map<PodSpec, Set<SimPod>>();
  /** Each wants a node of its own. */
  readonly #named = new Set<SimPod>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(pod: SimPod): void {
    const set = this.#setOf(pod);
    set.add(pod);
    this.#count++;
  }

  delete(pod: SimPod): void {
    if (this.#setOf(pod).delete(pod)) this.#count--;
  }

  /** How many of each kind wait, those that name their node left out. */
  *waiting(): Generator<readonly [PodSpec, number]> {
    for (const [spec, pods] of this.#bySpec) if (pods.size > 0) yield [spec, pods.size];
  }

  /** Tries each pod that may have found room, the one that came first of all kinds first. */
  placeAll(tryPlace: (pod: SimPod) => boolean): void {
    for (const pod of this.#named) if (tryPlace(pod)) this.delete(pod);
    const open = new Set([...this.#bySpec.values()].filter((pods) => pods.size > 0));
    while (open.size > 0) {
      let first: SimPod | undefined;
      let from: Set<SimPod> | undefined;
      for (const pods of open) {
        const head: SimPod = pods.values().next().value!;
        if (first !== undefined && first.cameMs <= head.cameMs) continue;
        first = head;
        from = pods;
      }
      if (!tryPlace(first!)) open.delete(from!);
      else {
        this.delete(first!);
        if (from!.size === 0) open.delete(from!);
      }
    }
  }

  #setOf(pod: SimPod): Set<SimPod> {
    if (pod.nodeName !== undefined) return this.#named;
    const known = this.#bySpec.get(pod.spec);
    if (known !== undefined) return known;
    const pods = new Set<SimPod>();
    this.#bySpec.set(pod.spec, pods);
    return pods;
  }
}
