// That metadata and pool agreed at the last reconcile, and neither has changed since: as long as the body tells of changes of
// metadata, further reconciles would find the same. The loop leaves them out and settles afterwards what they would have done.

import { type Ms, SECOND_MS } from "../../../base/units.ts";
import type { Node } from "../../node.ts";
import { countAgreed } from "../../operations/reconcile.ts";

/** From one such reconcile to the next: the first pass of the same phase that is more than 60 s later. */
const RECONCILE_CYCLE_MS = 65 * SECOND_MS;

export class Agreement {
  #metadataVersion = -1;
  #cidrVersion = -1;

  /** Metadata has just shown the pool. */
  note(node: Node): void {
    this.#metadataVersion = node.metadataVersion;
    this.#cidrVersion = node.pool.cidrVersion;
  }

  /** A reconcile now would change nothing and log nothing. */
  holds(node: Node): boolean {
    return (
      node.facts.isMetadataTold === true &&
      this.#metadataVersion === node.metadataVersion &&
      this.#cidrVersion === node.pool.cidrVersion &&
      !node.isLogged("reconcileStart")
    );
  }

  /** The reconciles from `firstMs` until now: their counts, their timer. The moment of the last one. */
  catchUp(node: Node, firstMs: Ms): Ms {
    const times = Math.floor((node.nowMs - firstMs) / RECONCILE_CYCLE_MS) + 1;
    countAgreed(node, times);
    node.lastPoolActionMs = firstMs + (times - 1) * RECONCILE_CYCLE_MS;
    return node.lastPoolActionMs;
  }
}
