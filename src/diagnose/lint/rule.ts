// What a lint rule is: one file each under rules/, one permanent code each. A rule reads declared or running configuration and
// reports what will fail (error), what is likely trouble (warning) and what does not do what it says (info).

import type { ClassId } from "../facts/class-ids.ts";
import type { Evidence, FactSection, Facts, Source } from "../facts/model.ts";

export type Severity = "error" | "warning" | "info";

/** A replacement of text between two offsets; an empty `text` deletes. */
export interface Edit {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface RuleDocs {
  readonly what: string;
  readonly why: string;
  readonly next: string;
  readonly source: string;
}

export interface Report {
  readonly at: Source;
  /** What, with the real names and numbers; one or two sentences. */
  readonly message: string;
  /** What to do in this case; the rule's `docs.next` when left out. */
  readonly next?: string | undefined;
  /** Other places that bear on it. */
  readonly evidence?: readonly Evidence[] | undefined;
  /** Only where the change is certain to be right and loses nothing. */
  readonly fix?: readonly Edit[] | undefined;
}

export interface LintRule<Section extends FactSection = FactSection> {
  readonly code: `PD1${number}`;
  /** kebab-case, the file's name. */
  readonly name: string;
  readonly severity: Severity;
  readonly needs: readonly Section[];
  /** Failure classes that follow when the finding is ignored. */
  readonly leadsTo: readonly ClassId[];
  readonly docs: RuleDocs;
  check(facts: Pick<Facts, Section>, report: (finding: Report) => void): void;
}

export function defineRule<const Section extends FactSection>(rule: LintRule<Section>): LintRule {
  return rule as unknown as LintRule;
}

/** What one run of the linter found; `rule` carries code, name and severity. */
export interface Finding extends Report {
  readonly rule: LintRule;
}
