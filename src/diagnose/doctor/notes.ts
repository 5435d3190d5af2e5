// The notebook that a class writes into, and what comes out of it.

import type { ClassId } from "../facts/class-ids.ts";
import type { Evidence, NodeKey, Occurrences } from "../facts/model.ts";
import type { Against, Missing, Notes, Observation, Proof } from "./failure-class.ts";

export class Notebook implements Notes {
  readonly #signs: Evidence[] = [];
  readonly #proofs: Proof[] = [];
  readonly #against: Against[] = [];
  readonly #fix: string[] = [];
  readonly #nodes = new Set<NodeKey>();
  readonly #subnets = new Set<string>();
  #summary = "";
  #count = 0;
  #firstMs: number | undefined;
  #lastMs: number | undefined;

  sign(...evidence: readonly Evidence[]): void {
    this.#signs.push(...evidence);
  }

  proof(what: string, evidence: readonly Evidence[] | undefined, missing: Missing): void {
    const isMade = evidence !== undefined && evidence.length > 0;
    this.#proofs.push({ what, evidence: isMade ? evidence : undefined, missing: isMade ? undefined : missing });
  }

  against(text: string, evidence: readonly Evidence[], instead?: ClassId): void {
    this.#against.push({ text, evidence, instead });
  }

  summary(text: string): void {
    this.#summary = text;
  }

  fix(...steps: readonly string[]): void {
    this.#fix.push(...steps);
  }

  affects(what: {
    readonly nodes?: Iterable<NodeKey | undefined>;
    readonly subnets?: Iterable<string | undefined>;
  }): void {
    for (const node of what.nodes ?? []) if (node !== undefined) this.#nodes.add(node);
    for (const subnet of what.subnets ?? []) if (subnet !== undefined) this.#subnets.add(subnet);
  }

  seen(...occurrences: readonly Pick<Occurrences, "count" | "firstMs" | "lastMs">[]): void {
    for (const { count, firstMs, lastMs } of occurrences) {
      this.#count += count;
      if (firstMs !== undefined && (this.#firstMs === undefined || firstMs < this.#firstMs)) this.#firstMs = firstMs;
      if (lastMs !== undefined && (this.#lastMs === undefined || lastMs > this.#lastMs)) this.#lastMs = lastMs;
    }
  }

  observation(id: ClassId): Observation {
    return {
      id,
      signs: this.#signs,
      proofs: this.#proofs,
      against: this.#against,
      summary: this.#summary,
      fix: this.#fix,
      nodes: [...this.#nodes],
      subnets: [...this.#subnets],
      occurrences: { count: this.#count, firstMs: this.#firstMs, lastMs: this.#lastMs },
    };
  }
}
