// docs/generated/reasons.md: the page of each reason, from the table that `slash28 explain` prints.

import { REASONS, reasonPages } from "../../src/ipam/reasons.ts";
import type { GeneratedFile } from "../generate.ts";

export async function generate(): Promise<readonly GeneratedFile[]> {
  const lines = [
    "# Reasons of a refused ADD",
    "",
    "The same words stand in the log, the gRPC detail, the CNI error, the metric label and the event. Written by `npm run generate`.",
    "",
  ];
  for (const reason of REASONS) {
    const page = reasonPages[reason];
    lines.push(
      `## ${reason}`,
      "",
      `**What.** ${page.what}`,
      "",
      `**Why.** ${page.why}`,
      "",
      `**Next.** ${page.next}`,
      "",
      `Can be a sign of: ${page.candidateClasses.map((name) => `\`${name}\``).join(", ")}.`,
      "",
    );
  }
  return [{ path: "docs/generated/reasons.md", text: lines.join("\n") }];
}
