// The proof of a fix for a terminal and for Markdown: what was proved and what was not, the figures of both runs, what they assume.

import type { Ms } from "../base/units.ts";
import { formatDurationMs } from "../cluster/index.ts";
import { table, wrap } from "../text/layout.ts";
import type { Proof, ProofDocument, ProofOutcome } from "./prove.ts";
import type { Figures } from "./prove-case.ts";

const WIDTH = 96;
const HEADINGS: Readonly<Record<ProofOutcome, string>> = {
  proved: "the fix works",
  helped: "the fix helps, and is not enough",
  "no-effect": "the fix changes nothing",
  "not-reproduced": "not reproduced",
  "not-simulated": "not simulated",
};

export function proofText({ proofs }: ProofDocument): string {
  const lines = ["Proof of the fix, in the simulator"];
  if (proofs.length === 0) lines.push("  there is no finding whose fix could be tried");
  for (const proof of proofs) lines.push("", ...proofLines(proof));
  return `${lines.join("\n")}\n`;
}

export function proofMarkdown(document: ProofDocument): string {
  return `\n\`\`\`\n${proofText(document)}\`\`\`\n`;
}

function proofLines(proof: Proof): string[] {
  const lines = [`${proof.class}: ${HEADINGS[proof.outcome]}`, ...indented(proof.text)];
  if (proof.before !== null && proof.after !== null) lines.push("", ...figureLines(proof.before, proof.after));
  if (proof.applied.length > 0) lines.push("", ...proof.applied.flatMap(({ as }) => indented(`applied: ${as}`)));
  if (proof.before !== null) {
    for (const step of proof.left) lines.push(...indented(`not simulated: ${step}`));
    lines.push(
      "",
      ...indented(`Policy ${proof.policy}, seed ${proof.seed}. Assumed: ${proof.assumptions.join("; ")}.`),
    );
  }
  return lines;
}

function figureLines(before: Figures, after: Figures): string[] {
  const row = (title: string, of: (figures: Figures) => string): string[] => [title, of(before), of(after)];
  const rows = [
    row("pods that need an address", (figures) => String(figures.pods)),
    row("waiting at the end", (figures) => String(figures.waiting)),
    row("on no node", (figures) => String(figures.unschedulable)),
    row("refused at least once", (figures) => String(figures.refusedAtLeastOnce)),
    row("wait p99", (figures) => wait(figures.waitMsP99)),
    row("wait at most", (figures) => wait(figures.waitMsMax)),
    row("failed ADDs, most frequent reason", reason),
  ];
  return table(["", "before", "after"], rows, [false, true, true]);
}

function wait(ms: Ms | null): string {
  return ms === null ? "-" : formatDurationMs(ms);
}

function reason({ failedAdds, refusal }: Figures): string {
  if (refusal !== null) return "no agent starts";
  const [first] = failedAdds;
  return first === undefined ? "-" : `${first.count} ${first.reason}`;
}

function indented(text: string): string[] {
  return wrap(text, WIDTH - 2).map((line) => `  ${line}`);
}
