// slash28 explain: the page of a reason (log, metric label, CNI error), a problem of a pod's wiring, a CNI code, a failure class
// (doctor), a code (lint), or what a pasted error text can mean.

import { Command } from "commander";
import { codePages, parseCniCode, readPluginError } from "../../cni/code-pages.ts";
import { type CniCode, codeOf } from "../../cni/codes.ts";
import { type PodProblem, parsePodProblem, problemPages } from "../../datapath/problem-pages.ts";
import { FAILURE_CLASSES } from "../../diagnose/doctor/classes/index.ts";
import type { FailureClass } from "../../diagnose/doctor/failure-class.ts";
import { diagnose } from "../../diagnose/doctor/judge.ts";
import { mergeFacts } from "../../diagnose/facts/merge.ts";
import type { LintRule } from "../../diagnose/lint/rule.ts";
import { RULES } from "../../diagnose/lint/rules/index.ts";
import { eventSightings } from "../../diagnose/readers/kubernetes/index.ts";
import { createLogReader } from "../../diagnose/readers/logs/index.ts";
import { parseReason, REASONS, type Reason, reasonPages } from "../../ipam/reasons.ts";
import { wrap } from "../../text/layout.ts";
import { nearNames } from "../../text/near-names.ts";
import { CommandError } from "../command-error.ts";
import { type PagePart, type TextPage, textPage } from "../text-pages.ts";

const WIDTH = 100;
const SHOWN_MAX = 3;

export function explainCommand(): Command {
  return new Command("explain")
    .description("what a reason, a failure class, a CNI or lint code, or a pasted error text means, and what to do")
    .argument(
      "<what...>",
      "a reason such as subnet-fragmented, a class, a code such as PD1001 or 112, a text in quotes, or `list`",
    )
    .action((words: string[]) => {
      process.stdout.write(explain(words.join(" ").trim()));
    });
}

/** The text for one question. Throws CommandError when nothing is known about it. */
export function explain(what: string): string {
  if (what === "list") return listText();
  const reason = parseReason(what);
  if (reason !== undefined) return reasonText(reason);
  const problem = parsePodProblem(what);
  if (problem !== undefined) return problemText(problem);
  const code = parseCniCode(what);
  if (code !== undefined) return codeText(code);
  const failureClass = FAILURE_CLASSES.find((one) => one.id === what);
  if (failureClass !== undefined) return classText(failureClass);
  const rule = RULES.find((one) => one.code === what.toUpperCase() || one.name === what);
  if (rule !== undefined) return ruleText(rule);
  const meant =
    /\s/.test(what) || what.length > 40 ? (refusalMeaning(what) ?? textMeaning(what)) : errorCodeMeaning(what);
  if (meant !== undefined) return meant;
  const names = [
    ...REASONS,
    ...Object.keys(problemPages),
    ...FAILURE_CLASSES.map((one) => one.id),
    ...RULES.flatMap((one) => [one.code, one.name]),
  ];
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
      "Problems behind network-setup-failed",
      Object.entries(problemPages).map(([problem, page]) => [problem, page.what]),
    ),
    ...section(
      "CNI codes",
      Object.entries(codePages).map(([code, page]) => [code, page.what]),
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

function reasonText(reason: Reason): string {
  const page = reasonPages[reason];
  return pageText(reason, [
    ["What", page.what],
    ["Why", page.why],
    ["Next", page.next],
    ["CNI code", String(codeOf({ reason }))],
    ["Can be a sign of", page.candidateClasses.join(", ")],
  ]);
}

function problemText(problem: PodProblem): string {
  const page = problemPages[problem];
  return pageText(`${problem}: a pod's network could not be set up`, [
    ["What", page.what],
    ["Why", page.why],
    ["Next", page.next],
    ["CNI code", String(codeOf({ reason: "network-setup-failed", problem }))],
  ]);
}

function codeText(code: CniCode): string {
  const page = codePages[code];
  const problem = Object.keys(problemPages).find((one) => page === problemPages[one as PodProblem]);
  return pageText(`CNI code ${code}${problem === undefined ? "" : `: ${problem}`}`, [
    ["What", page.what],
    ["Why", page.why],
    ["Next", page.next],
  ]);
}

/** What our plugin or agent says of itself: certain, for the reason stands in the text. A reason of a later release is none. */
function refusalMeaning(text: string): string | undefined {
  const error = readPluginError(text);
  if (error === undefined) return undefined;
  const problem = parsePodProblem(error.problem ?? "");
  const reason = parseReason(error.reason ?? "");
  if (problem !== undefined) return `The text names the problem.\n\n${problemText(problem)}`;
  if (error.code !== undefined) {
    const page = `The text is that of one CNI code.\n\n${codeText(error.code)}`;
    const isReasonNews = reason !== undefined && reason !== "network-setup-failed" && reason !== "invalid-request";
    return isReasonNews ? `${page}\n${reasonText(reason)}` : page;
  }
  return reason === undefined ? undefined : `The text names the reason.\n\n${reasonText(reason)}`;
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

function textPageText({ title, parts, isSure }: TextPage): string {
  const lead = isSure
    ? "The text says what is missing."
    : "The text is that of kubelet, the runtime or the plugin, and the same for every cause.";
  return `${lead}\n\n${pageText(title, parts)}`;
}

function pageText(title: string, parts: readonly PagePart[]): string {
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
  const sure = textPage(text);
  if (sure?.isSure === true) return textPageText(sure);
  const reader = createLogReader({ node: undefined, isExcerpt: true });
  reader.begin("the text");
  reader.push(new TextEncoder().encode(`${text}\n`));
  // As a line of a log, and as an event's message, which may quote a line of some log.
  const event = { reason: "", message: text, objectKind: "Pod", name: "", count: 1, at: { file: "the text" } };
  const { findings } = [reader.end(), eventSightings([event])]
    .map((part) => diagnose(mergeFacts([part]), FAILURE_CLASSES))
    .reduce((first, second) => (first.findings.length > 0 ? first : second));
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

/** Texts that are the same for every cause. */
function generalMeaning(text: string): string | undefined {
  const page = textPage(text);
  if (page !== undefined) return textPageText(page);
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
