// The list of failure classes as code imports it, and their pages as people read them.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FailureClass } from "../../src/diagnose/doctor/failure-class.ts";
import { CLASS_IDS } from "../../src/diagnose/facts/class-ids.ts";
import type { GeneratedFile } from "../generate.ts";

const FOLDER = join(import.meta.dir, "../../src/diagnose/doctor/classes");

export async function generate(): Promise<readonly GeneratedFile[]> {
  const ids = CLASS_IDS.filter((id) => existsSync(join(FOLDER, `${id}.ts`)));
  const classes: FailureClass[] = [];
  for (const id of ids)
    classes.push(((await import(join(FOLDER, `${id}.ts`))) as { failureClass: FailureClass }).failureClass);
  return [
    { path: "src/diagnose/doctor/classes/index.ts", text: indexText(ids) },
    { path: "docs/generated/failure-classes.md", text: pagesText(classes) },
  ];
}

function indexText(ids: readonly string[]): string {
  const imports = [...ids].sort((a, b) => (a < b ? -1 : 1));
  return [
    "// Every failure class, in causal order. Written by `npm run generate` from the files of this folder; not edited by hand.",
    "",
    'import type { FailureClass } from "../failure-class.ts";',
    ...imports.map((id) => `import { failureClass as ${camel(id)} } from "./${id}.ts";`),
    "",
    "export const FAILURE_CLASSES: readonly FailureClass[] = [",
    ...ids.map((id) => `  ${camel(id)},`),
    "];",
    "",
  ].join("\n");
}

function camel(id: string): string {
  return id.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function pagesText(classes: readonly FailureClass[]): string {
  const lines = [
    "# Failure classes",
    "",
    "Why pods get no address, in causal order, as `slash28 doctor` names them and `slash28 explain <class>` prints them.",
    "",
  ];
  for (const one of classes) {
    lines.push(`## ${one.id}`, "", `**${one.title}.** ${one.docs.what}`, "");
    lines.push(`- Why: ${one.docs.why}`, `- Next: ${one.docs.next}`, `- Prevention: ${one.docs.prevention}`);
    if (one.lookAlikes.length > 0) lines.push(`- Looks like: ${one.lookAlikes.join(", ")}`);
    if ((one.causes?.length ?? 0) > 0) lines.push(`- Brings about: ${one.causes?.join(", ")}`);
    lines.push(`- Reads: ${one.needs.join(", ")}`, `- Sources: ${one.docs.sources.join("; ")}`, "");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}
