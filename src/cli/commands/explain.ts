// slash28 explain: the page of a reason (log, metric label, CNI error), a failure class (doctor), a code (lint), or what a
// pasted error text can mean.

import { Command } from "commander";
import { FAILURE_CLASSES } from "../../diagnose/doctor/classes/index.ts";
import type { FailureClass } from "../../diagnose/doctor/failure-class.ts";
import { diagnose } from "../../diagnose/doctor/judge.ts";
import { mergeFacts } from "../../diagnose/facts/merge.ts";
import type { LintRule } from "../../diagnose/lint/rule.ts";
import { RULES } from "../../diagnose/lint/rules/index.ts";
import { createLogReader } from "../../diagnose/readers/logs/index.ts";
import { parseReason, REASONS, type Reason, reasonPages } from "../../ipam/reasons.ts";
import { wrap } from "../../text/layout.ts";
import { nearNames } from "../../text/near-names.ts";
import { CommandError } from "../command-error.ts";

const WIDTH = 100;
const SHOWN_MAX = 3;

export function explainCommand(): Command {
  return new Command("explain")
    .description("what a reason, a failure class, a lint code or a pasted error text means, and what to do")
    .argument(
      "<what...>",
      "a reason such as subnet-fragmented, a class, a code such as PD1001, a text in quotes, or `list`",
    )
    .action((words: string[]) => {
      process.stdout.write(explain(words.join(" ").trim()));
    });
}

/** The text for one question. Throws CommandError when nothing is known about it. */
export function explain(what: string): string {
  if (what === "list") return listText();
  const reason = parseReason(what);
  if (reason !== undefined) return explainText(reason);
  const failureClass = FAILURE_CLASSES.find((one) => one.id === what);
  if (failureClass !== undefined) return classText(failureClass);
  const rule = RULES.find((one) => one.code === what.toUpperCase() || one.name === what);
  if (rule !== undefined) return ruleText(rule);
  const meant = /\s/.test(what) || what.length > 40 ? textMeaning(what) : errorCodeMeaning(what);
  if (meant !== undefined) return meant;
  const names = [...REASONS, ...FAILURE_CLASSES.map((one) => one.id), ...RULES.flatMap((one) => [one.code, one.name])];
  const near = nearNames(what, names)[0];
  throw new CommandError(`nothing is known about "${what.slice(0, 120)}"`, {
    exitStatus: 2,
    next: `${near === undefined ? "" : `did you mean ${near}? `}\`slash28 explain list\` names everything; a log goes to \`slash28 doctor\`.`,
  });
}

function listText(): string {
  const section = (title: string, rows: readonly (readonly [string, string])[]): string[] => {
    const width = Math.max(...rows.map(([name]) => name.length));
    return [title, ...rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`), ""];
  };
  return [
    ...section(
      "Reasons of a refused pod",
      REASONS.map((reason) => [reason, reasonPages[reason].what]),
    ),
    ...section(
      "Failure classes",
      FAILURE_CLASSES.map((one) => [one.id, one.title]),
    ),
    ...section(
      "Lint rules",
      RULES.map((one) => [one.code, `${one.severity.padEnd(7)} ${one.docs.what}`]),
    ),
  ].join("\n");
}

export function explainText(reason: Reason): string {
  const page = reasonPages[reason];
  return pageText(reason, [
    ["What", page.what],
    ["Why", page.why],
    ["Next", page.next],
    ["Can be a sign of", page.candidateClasses.join(", ")],
  ]);
}

function classText(one: FailureClass): string {
  return pageText(`${one.id}: ${one.title}`, [
    ["What", one.docs.what],
    ["Why", one.docs.why],
    ["Next", one.docs.next],
    ["Prevention", one.docs.prevention],
    ["Looks like", one.lookAlikes.join(", ")],
    ["Sources", one.docs.sources.join("; ")],
  ]);
}

function ruleText(rule: LintRule): string {
  return pageText(`${rule.code} ${rule.name} (${rule.severity})`, [
    ["What", rule.docs.what],
    ["Why", rule.docs.why],
    ["Next", rule.docs.next],
    ["Leads to", rule.leadsTo.join(", ")],
    ["Source", rule.docs.source],
  ]);
}

function pageText(title: string, parts: readonly (readonly [string, string])[]): string {
  const shown = parts.filter(([, text]) => text !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  const lines = shown.flatMap(([name, text]) =>
    wrap(text, WIDTH - width - 2).map((line, index) => `${(index === 0 ? name : "").padEnd(width)}  ${line}`),
  );
  return [title, "", ...lines, ""].join("\n");
}

/** An EC2 code alone: read as if a log had brought it. */
function errorCodeMeaning(code: string): string | undefined {
  return /^[A-Z][A-Za-z.]+$/.test(code) ? textMeaning(`api error ${code}: `) : undefined;
}

/** What the text points to, most likely first; undefined when no class sees a sign in it. */
function textMeaning(text: string): string | undefined {
  const reader = createLogReader({ node: undefined, isExcerpt: true });
  reader.begin("the text");
  reader.push(new TextEncoder().encode(`${text}\n`));
  const { findings } = diagnose(mergeFacts([reader.end()]), FAILURE_CLASSES);
  if (findings.length === 0) return generalMeaning(text);
  const shown = findings
    .slice(0, SHOWN_MAX)
    .flatMap((finding) => FAILURE_CLASSES.filter((one) => one.id === finding.class));
  const lead =
    shown.length === 1
      ? "This text points to one class; it does not prove it."
      : "This text alone does not decide between these; most likely first.";
  return `${lead}\n\n${shown.map(classText).join("\n")}\nFor a verdict give logs, dumps or a bundle to \`slash28 doctor\`.\n`;
}

/** The one sentence that every refusal has in common. */
function generalMeaning(text: string): string | undefined {
  if (!/failed to assign an IP address to container|no available IP/i.test(text)) return undefined;
  return [
    "The agent on the node refused an address. The text is the same for every cause, so it proves none.",
    "The cause stands in the agent's log, in EC2's answers, or in the settings. Collect and ask:",
    "",
    "  sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log     # on the node",
    "  kubectl -n kube-system get daemonset aws-node -o yaml > aws-node.yaml",
    "  slash28 doctor ipamd.log aws-node.yaml",
    "",
  ].join("\n");
}
