// Changes that can be taken back together. A change that the kernel refused was not made; one whose answer never came may have been.

import { EEXIST, ENODEV, ENOENT, ESRCH, errnoName } from "../netlink/errno.ts";
import { type ChangeResult, KernelError, type Netlink } from "../netlink/kernel.ts";
import type { Change, Errno, Rule, RuleSpec } from "../netlink/types.ts";
import { isDeletable, isTakenFor, ruleText, specOf } from "./rules.ts";
import type { WireProblem } from "./types.ts";

/** Errnos of a removal that found nothing: link, rule, route. */
export const GONE: readonly Errno[] = [ENODEV, ENOENT, ESRCH];

export interface Step {
  /** For messages: `route to 10.0.1.5`. */
  readonly what: string;
  readonly change: Change;
  /** Errnos that are no failure: it stands already, or is gone already. */
  readonly already?: readonly Errno[];
  /** Left out when it goes with something else. `stuck`: why it could not be taken back. */
  readonly undo?: Change | { readonly stuck: string };
}

/** Why the work stops here; caught by whoever began it, who rolls back. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problem: WireProblem;
  readonly next: string;
  readonly errno: Errno;

  constructor(refusal: {
    readonly problem: WireProblem;
    readonly message: string;
    readonly next: string;
    readonly errno?: Errno;
  }) {
    super(refusal.message);
    this.problem = refusal.problem;
    this.next = refusal.next;
    this.errno = refusal.errno ?? 0;
  }
}

export class Transaction {
  readonly #made: { readonly netlink: Netlink; readonly step: Step }[] = [];

  /** Throws `Refusal` for the first step that failed, `KernelError` when the kernel could not be asked. */
  apply(netlink: Netlink, steps: readonly Step[]): readonly ChangeResult[] {
    if (steps.length === 0) return [];
    let results: readonly ChangeResult[];
    try {
      results = netlink.apply(steps.map((step) => step.change));
    } catch (error) {
      if (error instanceof KernelError) for (const step of steps) this.#made.push({ netlink, step });
      throw error;
    }
    for (const [i, step] of steps.entries()) if (results[i]?.errno === 0) this.#made.push({ netlink, step });
    for (const [i, step] of steps.entries()) {
      const result = results[i];
      if (result === undefined || (result.errno !== 0 && step.already?.includes(result.errno) !== true))
        throw new Refusal({
          problem: "kernel-refused",
          message: `the kernel refused ${refusalText(step.what, result)}`,
          next: "Look at `ip rule`, `ip route` and `ip link` on the node for what stands in the way; the ADD is tried again.",
          errno: result?.errno ?? 0,
        });
    }
    return results;
  }

  /** Something made outside `apply` that `rollBack` has to undo. */
  owe(netlink: Netlink, step: Step): void {
    this.#made.push({ netlink, step });
  }

  /** Takes back what was made, the last first. Returns what is left, one line each. */
  rollBack(): string[] {
    const left: string[] = [];
    for (const { netlink, step } of this.#made.splice(0).toReversed()) {
      if (step.undo === undefined) continue;
      if ("stuck" in step.undo) left.push(`${step.what}: ${step.undo.stuck}`);
      else left.push(...remove(netlink, [{ what: step.what, change: step.undo, already: GONE }]));
    }
    return left;
  }
}

/** Carries out removals in one datagram; what is gone already is no problem. Returns what is left, one line each. */
export function remove(netlink: Netlink, steps: readonly Step[]): string[] {
  if (steps.length === 0) return [];
  try {
    const results = netlink.apply(steps.map((step) => step.change));
    return steps.flatMap((step, i) => {
      const result = results[i];
      // A rule that is put back and stands: the answer to its removal was lost, the removal too.
      const isThere = step.change.change === "addRule" && result?.errno === EEXIST;
      const isDone = result !== undefined && (result.errno === 0 || GONE.includes(result.errno) || isThere);
      return isDone ? [] : [refusalText(step.what, result)];
    });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return steps.map((step) => `${step.what}: ${error.message}`);
  }
}

export function refusalText(what: string, result: ChangeResult | undefined): string {
  if (result === undefined) return `${what}: no answer`;
  return `${what}: ${errnoName(result.errno)}${result.message === "" ? "" : ` (${result.message})`}`;
}

/** One step for each of `targets`; `left` says which ones the kernel could not tell from a foreign rule. */
export function ruleRemovals(rules: readonly Rule[], targets: readonly Rule[]): { steps: Step[]; left: string[] } {
  const steps: Step[] = [];
  const left: string[] = [];
  for (const rule of targets) {
    const what = `rule "${ruleText(rule)}"`;
    if (isDeletable(rules, specOf(rule))) steps.push({ what, change: { change: "deleteRule", rule: specOf(rule) } });
    else left.push(`${what}: a rule with more conditions stands before it, which the kernel would delete in its place`);
  }
  return { steps, left };
}

/** Adds a rule that is not among `rules`. The kernel would take a rule with more conditions for it, and refuse. */
export function ruleAddition(rules: readonly Rule[], rule: RuleSpec): Step {
  const isAddedTwice = rules.some((standing) => isTakenFor(standing, rule));
  return { what: `rule "${ruleText(rule)}"`, change: { change: "addRule", rule, isAddedTwice }, already: [EEXIST] };
}
