// Which tests name which rules: reads titles and script heads as text. The document is written by scripts/generate/spec-coverage.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SPEC_RULES, SPEC_SECTIONS } from "./spec-rules.ts";

export interface Proof {
  /** As written in the tag, ranges spelt out. */
  readonly ids: readonly string[];
  readonly file: string;
  readonly title: string;
}

/** `4.3, 11#1-3` as ids: 4.3, 11#1, 11#2, 11#3. */
export function expandTag(tag: string): string[] {
  return tag.split(",").flatMap((part) => {
    const id = part.trim();
    const range = /^(.*#)(\d+)-(?:.*#)?(\d+)$/.exec(id);
    if (range === null) return id === "" ? [] : [id];
    const first = Number(range[2]);
    return Array.from(
      { length: Math.max(0, Number(range[3]) - first + 1) },
      (_, index) => `${range[1]}${first + index}`,
    );
  });
}

/** The tags in one file's text. */
export function proofsIn(file: string, text: string): Proof[] {
  const proofs: Proof[] = [];
  if (file.endsWith(".script")) {
    for (const match of text.matchAll(/^#\s*proves:\s*(.+)$/gm))
      proofs.push({ ids: expandTag(match[1] ?? ""), file, title: "" });
    return proofs;
  }
  for (const match of text.matchAll(/(["'`])((?:(?!\1)[^\\\n]|\\.)*)\1/g)) {
    const title = match[2] ?? "";
    const tag = /\[ipamd ([^\]]+)\]/.exec(title);
    if (tag === null) continue;
    proofs.push({ ids: expandTag(tag[1] ?? ""), file, title: title.replace(tag[0], "").trim() });
  }
  return proofs;
}

/** All proofs of the repository, by file name. This folder's own tests of the scanner are left out. */
export function collectProofs(root: string): Proof[] {
  const proofs: Proof[] = [];
  for (const folder of ["src", "test"]) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
      const file = `${folder}/${entry.replaceAll("\\", "/")}`;
      if (!/\.(test\.ts|script)$/.test(file) || file === "test/spec-coverage.test.ts") continue;
      proofs.push(...proofsIn(file, readFileSync(join(root, file), "utf8")));
    }
  }
  return proofs.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

const RULE_IDS: ReadonlySet<string> = new Set(SPEC_RULES.map((rule) => rule.id));

/** Ids in tags that name neither a rule nor a section. */
export function unknownIds(proofs: readonly Proof[]): string[] {
  const sections = new Set([...SPEC_SECTIONS.map((section) => section.section), ...PARENTS]);
  return proofs.flatMap((proof) =>
    proof.ids.filter((id) => !RULE_IDS.has(id) && !sections.has(id)).map((id) => `${proof.file}: ${id}`),
  );
}

/** Headings of the specification above those of the table, usable in a tag. */
const PARENTS: readonly string[] = [
  "1",
  "2",
  "3",
  "4",
  "5",
  "6",
  "7",
  "8",
  "9",
  "10",
  "11.1",
  "11.2",
  "11.3",
  "11.4",
  "11.5",
];

const PROOFS_SHOWN_MAX = 2;

/** The document. */
export function coverageDocument(proofs: readonly Proof[]): string {
  const proofsOf = (id: string) => proofs.filter((proof) => proof.ids.includes(id));
  const missingCount = SPEC_RULES.filter((rule) => proofsOf(rule.id).length === 0).length;
  const lines = [
    "# Rules of the specification and their tests",
    "",
    `${SPEC_RULES.length - missingCount} of ${SPEC_RULES.length} rules are named by a test, ${missingCount} are missing. Ids and tag syntax: test/spec-rules.ts. Written by \`npm run generate\`.`,
  ];
  for (const section of SPEC_SECTIONS) {
    lines.push("", `## ${section.section} ${section.title}`, "");
    const whole = RULE_IDS.has(section.section) ? [] : proofsOf(section.section);
    if (whole.length > 0) lines.push(`Named as a whole by ${list(whole)}.`, "");
    lines.push("| Rule | What | Tests |", "|---|---|---|");
    for (const [suffix, title] of section.rules) {
      const id = `${section.section}${suffix}`;
      const found = proofsOf(id);
      lines.push(`| ${id} | ${title} | ${found.length === 0 ? "**missing**" : list(found)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function list(proofs: readonly Proof[]): string {
  const shown = proofs.slice(0, PROOFS_SHOWN_MAX).map((proof) => {
    const title = proof.title.replaceAll("|", "\\|");
    return title === "" ? `\`${proof.file}\`` : `\`${proof.file}\`: ${title}`;
  });
  const more = proofs.length - shown.length;
  return `${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}
