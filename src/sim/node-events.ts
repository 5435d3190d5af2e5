// The `nodeEvents` of a cluster file, carried out: which nodes, in which order, how many at a time.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { amountOf, type NodeEvent } from "../cluster/index.ts";
import type { FleetNodes, GroupNodes } from "./fleet-nodes.ts";
import type { SimNode } from "./fleet-state.ts";
import type { Later } from "./later.ts";

type GroupEvent = Exclude<NodeEvent, { op: "zone-loss" }>;

export class NodeEvents {
  readonly #nodes: FleetNodes;
  readonly #later: Later;
  readonly #prng: Prng;

  constructor(options: { readonly nodes: FleetNodes; readonly later: Later; readonly prng: Prng }) {
    this.#nodes = options.nodes;
    this.#later = options.later;
    this.#prng = options.prng;
  }

  /** `startMs`: the workloads' moment 0, from which events count. */
  plan(events: readonly NodeEvent[], startMs: Ms): void {
    for (const event of events) this.#planAt(event, startMs + event.atMs);
  }

  #planAt(event: NodeEvent, atMs: Ms): void {
    this.#later.at(atMs, () => {
      if (event.everyMs !== undefined) this.#planAt(event, atMs + event.everyMs);
      if (event.op === "zone-loss") this.#nodes.zoneLost(event.zone, event);
      else if (event.op === "upgrade") this.#upgrade(event);
      else this.#spread(event);
    });
  }

  /** So many nodes, one after the other, evenly over the event's time. */
  #spread(event: GroupEvent): void {
    const group = this.#nodes.group(event.group);
    const count = amountOf(event.amount, this.#nodes.serving(group).length, "up");
    for (let index = 0; index < count; index++) {
      this.#later.after(Math.floor((event.overMs * index) / count), () => this.#one(event, group));
    }
  }

  #one(event: GroupEvent, group: GroupNodes): void {
    if (event.op === "join") {
      this.#nodes.launch(group);
      return;
    }
    const serving = this.#nodes.serving(group);
    if (serving.length === 0) return;
    const node = serving[this.#prng.below(serving.length)]!;
    if (event.op === "drain") this.#nodes.leave(node, { afterMs: event.graceMs });
    else if (event.op === "spot") {
      this.#nodes.launch(group);
      this.#nodes.leave(node, { afterMs: event.noticeMs });
    } else this.#replace([node], group, event);
  }

  #upgrade(event: Extract<GroupEvent, { op: "upgrade" | "replace" }>): void {
    const group = this.#nodes.group(event.group);
    this.#replace(this.#prng.shuffle(this.#nodes.serving(group)), group, event);
  }

  /** A new node serves before an old one is drained; so many at a time. */
  #replace(old: SimNode[], group: GroupNodes, event: Extract<GroupEvent, { op: "upgrade" | "replace" }>): void {
    const surge = Math.max(1, amountOf(event.maxSurge, old.length, "up"));
    const next = (): void => {
      const node = old.pop();
      if (node === undefined) return;
      this.#nodes.launch(group, () => {
        if (node.phase === "serving") this.#nodes.leave(node, { afterMs: event.graceMs, onGone: next });
        else next();
      });
    };
    for (let index = 0; index < surge; index++) next();
  }
}
