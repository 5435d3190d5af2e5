// What a failure class is: one file each under classes/. A class looks at the facts it needs and says what it saw; the verdict
// is not its own: judge.ts weighs signs, proofs and contradictions of all classes together.

import type { ClassId } from "../facts/class-ids.ts";
import type { Evidence, FactSection, Facts, NodeKey, Occurrences } from "../facts/model.ts";

/** What would be needed to decide, and the exact command that gets it. */
export interface Missing {
  readonly what: string;
  readonly command: string;
}

export interface Against {
  /** The class that the contradiction speaks for, where it speaks for one. */
  readonly instead?: ClassId | undefined;
  readonly text: string;
  readonly evidence: readonly Evidence[];
}

export interface ClassDocs {
  /** One sentence: what is the case. */
  readonly what: string;
  /** How it comes about, and what it is easily mistaken for. */
  readonly why: string;
  /** What to do, most likely remedy first; general, without ids. */
  readonly next: string;
  /** What a planner or linter could have said before. */
  readonly prevention: string;
  readonly sources: readonly string[];
}

/** One observation that decides: with its evidence when it was made, with the way to make it when not. */
export interface Proof {
  readonly what: string;
  readonly evidence: readonly Evidence[] | undefined;
  readonly missing: Missing | undefined;
}

/** What a class says of a case. Filled by its `look`; see `Notes` for what each part means. */
export interface Observation {
  readonly id: ClassId;
  readonly signs: readonly Evidence[];
  readonly proofs: readonly Proof[];
  readonly against: readonly Against[];
  readonly summary: string;
  readonly fix: readonly string[];
  readonly nodes: readonly NodeKey[];
  readonly subnets: readonly string[];
  readonly occurrences: Pick<Occurrences, "count" | "firstMs" | "lastMs">;
}

/** Where a class writes what it sees. */
export interface Notes {
  /**
   * Something that points to this very class (an error code, a line, a computed fact), not to address trouble in general.
   * Without a sign the class stays silent.
   */
  sign(...evidence: readonly Evidence[]): void;
  /**
   * An observation that decides. All of a class's proofs made = proved, unless something speaks against it. `evidence`
   * undefined or empty: not made; `missing` then says how to make it.
   */
  proof(what: string, evidence: readonly Evidence[] | undefined, missing: Missing): void;
  /** A fact that rules the class out; one is enough. */
  against(text: string, evidence: readonly Evidence[], instead?: ClassId): void;
  /** One sentence with the real numbers and names of this case. */
  summary(text: string): void;
  /** Commands and changes for this case, with its ids filled in, in order. */
  fix(...steps: readonly string[]): void;
  affects(what: {
    readonly nodes?: Iterable<NodeKey | undefined>;
    readonly subnets?: Iterable<string | undefined>;
  }): void;
  /** How often and when the deciding thing was seen; counts add up, times widen. */
  seen(...occurrences: readonly Pick<Occurrences, "count" | "firstMs" | "lastMs">[]): void;
}

export interface FailureClass<Section extends FactSection = FactSection> {
  readonly id: ClassId;
  readonly title: string;
  /** The sections that `look` reads: exactly these. */
  readonly needs: readonly Section[];
  /** Classes easily taken for this one. If one of them is proved and this one is not its consequence, this one is not. */
  readonly lookAlikes: readonly ClassId[];
  /** Classes that this one brings about: both can be proved at once, this one first. */
  readonly causes?: readonly ClassId[];
  readonly docs: ClassDocs;
  look(facts: Pick<Facts, Section>, notes: Notes): void;
}

/** Keeps the needed sections in the type of `look`. */
export function defineClass<const Section extends FactSection>(one: FailureClass<Section>): FailureClass {
  return one as unknown as FailureClass;
}
