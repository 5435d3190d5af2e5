// slash28 explain: the page of a reason, as the log, the metric label and the CNI error name it.

import { Command } from "commander";
import { parseReason, REASONS, type Reason, reasonPages } from "../../ipam/reasons.ts";
import { nearNames } from "../../text/near-names.ts";
import { CommandError } from "../command-error.ts";

export function explainCommand(): Command {
  return new Command("explain")
    .description("what a reason of a refused pod means, why it happens and what to do")
    .argument("<reason>", "a reason such as subnet-fragmented, or `list`")
    .action((word: string) => {
      if (word === "list") {
        const width = Math.max(...REASONS.map((reason) => reason.length));
        for (const reason of REASONS) process.stdout.write(`${reason.padEnd(width)}  ${reasonPages[reason].what}\n`);
        return;
      }
      const reason = parseReason(word);
      if (reason === undefined) {
        const near = nearNames(word, REASONS)[0];
        throw new CommandError(`there is no reason "${word}"`, {
          exitStatus: 2,
          next: `${near === undefined ? "" : `did you mean ${near}? `}\`slash28 explain list\` names them all.`,
        });
      }
      process.stdout.write(explainText(reason));
    });
}

export function explainText(reason: Reason): string {
  const page = reasonPages[reason];
  return [
    reason,
    "",
    `What  ${page.what}`,
    `Why   ${page.why}`,
    `Next  ${page.next}`,
    "",
    `Can be a sign of: ${page.candidateClasses.join(", ")}`,
    "",
  ].join("\n");
}
