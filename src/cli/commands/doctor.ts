// slash28 doctor: why pods get no address, from whatever is at hand: logs, bundles, dumps, a facts file, a live cluster.

import { Command, InvalidArgumentError, Option } from "commander";
import { FAILURE_CLASSES } from "../../diagnose/doctor/classes/index.ts";
import { type DoctorFinding, diagnose } from "../../diagnose/doctor/judge.ts";
import { parseSubject, timeline } from "../../diagnose/doctor/timeline.ts";
import type { Facts, FactsPart } from "../../diagnose/facts/model.ts";
import { createTimelineReader } from "../../diagnose/readers/logs/timeline.ts";
import { type DoctorDocument, doctorDocument } from "../../diagnose/render/doctor-document.ts";
import { doctorMarkdown } from "../../diagnose/render/doctor-markdown.ts";
import { doctorTable } from "../../diagnose/render/doctor-table.ts";
import { redact } from "../../diagnose/render/redact.ts";
import { timelineDocument, timelineText } from "../../diagnose/render/timeline-text.ts";
import { nearNames } from "../../text/near-names.ts";
import { type CollectFlags, collectFacts, collectOptions } from "../collect-facts.ts";
import { CommandError } from "../command-error.ts";
import type { LiveFlags } from "../live-facts.ts";
import { openRunProgress } from "../progress.ts";

interface Options extends CollectFlags, LiveFlags {
  readonly output: "table" | "json" | "markdown";
  readonly redact: boolean;
  readonly timeline?: string;
  readonly live?: true;
  readonly proveFix?: true;
  readonly scenario?: string;
}

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .description("why pods get no address: the cause, its evidence, what speaks against it, and the fix")
    .argument("[path...]", "logs, support bundles, dumps, manifests, folders of them; - reads standard input");
  return collectOptions(command)
    .option("--live", "read the cluster and its subnets themselves, with reads alone")
    .option("--cluster <name>", "with --live: the EKS cluster, unless the context names it")
    .option("--region <region>", "with --live: the region, unless the environment names it")
    .option("--kubeconfig <file>", "with --live: instead of KUBECONFIG and ~/.kube/config")
    .option("--context <name>", "with --live: instead of the current one")
    .addOption(
      new Option("-o, --output <format>", "how to print the result")
        .choices(["table", "json", "markdown"])
        .default("table"),
    )
    .option("--no-redact", "Markdown: leave account ids, ARNs and tokens as they are")
    .option(
      "--timeline <subject>",
      "what happened to a pod (namespace/name), node or prefix, merged from all sources",
      toSubject,
    )
    .option(
      "--prove-fix",
      "run the case in the simulator as it is and with the first finding's fix: pods waiting, before and after",
    )
    .option("--scenario <cluster>", "with --prove-fix: a cluster file to try the fix on, instead of the evidence")
    .action(async (paths: string[], options: Options) => {
      process.exitCode = await doctor(paths, options);
    });
}

async function doctor(paths: readonly string[], options: Options): Promise<number> {
  if (paths.length === 0 && options.facts === undefined && options.ec2 === undefined && options.live !== true) {
    throw new CommandError("nothing to look at", {
      exitStatus: 2,
      next: "Name logs, a support bundle, dumps or folders; or --facts FILE, --ec2 DIR, --live.",
    });
  }
  if (options.scenario !== undefined && options.proveFix !== true) {
    throw new CommandError("--scenario is for --prove-fix", {
      exitStatus: 2,
      next: "Add --prove-fix, or leave it out.",
    });
  }
  const parts = options.live === true ? await (await import("../live-facts.ts")).liveParts(options) : [];
  if (options.timeline !== undefined) return await showTimeline(paths, { ...options, parts }, options.timeline);
  if (options.proveFix === true) return await withProof(paths, options, parts);
  const facts = await collectFacts(paths, options, { parts });
  const document = doctorDocument(diagnose(facts, FAILURE_CLASSES), facts);
  process.stdout.write(render(document, options));
  return statusOf(document);
}

async function withProof(paths: readonly string[], options: Options, parts: readonly FactsPart[]): Promise<number> {
  const { collectHistories, scenarioCase } = await import("../prove-fix.ts");
  const { caseOfFacts } = await import("../../prove/facts-case.ts");
  const { proveFix } = await import("../../prove/prove.ts");
  const { proofMarkdown, proofText } = await import("../../prove/proof-text.ts");
  const scenario = options.scenario === undefined ? undefined : scenarioCase(options.scenario);
  const { histories, logReader } = collectHistories();
  const facts = await collectFacts(paths, options, { parts, logReader });
  const diagnosis = diagnose(facts, FAILURE_CLASSES);
  const document = doctorDocument(diagnosis, facts);
  // How many runs there will be shows when each is done: the bar is for two.
  const progress = openRunProgress(2);
  const caseFor = (finding: DoctorFinding) => scenario ?? caseOfFacts(facts, histories, finding);
  const proof = proveFix(diagnosis.findings, caseFor, (done) => progress.update(done));
  progress.end();
  if (options.output === "json") process.stdout.write(`${JSON.stringify({ ...document, proof }, null, 2)}\n`);
  else {
    const text = options.output === "markdown" ? proofMarkdown(proof) : `\n${proofText(proof)}`;
    process.stdout.write(`${render(document, options)}${text}`);
  }
  return statusOf(document);
}

function statusOf(document: DoctorDocument): number {
  return document.verdict === "healthy" ? 0 : 1;
}

async function showTimeline(
  paths: readonly string[],
  options: Options & { readonly parts: readonly FactsPart[] },
  subject: string,
): Promise<number> {
  const reader = createTimelineReader({ subject });
  const facts = await collectFacts(paths, options, { parts: options.parts, timeline: reader });
  const { lines, droppedCount } = reader.end();
  const entries = timeline(facts, parseSubject(subject), lines);
  if (droppedCount > 0) process.stderr.write(`The ${droppedCount} oldest lines about ${subject} are left out.\n`);
  process.stdout.write(
    options.output === "json"
      ? `${JSON.stringify(timelineDocument(entries, subject), null, 2)}\n`
      : timelineText(entries, subject),
  );
  if (entries.length > 0) return 0;
  process.stderr.write(`  next: ${unnamedNext(facts, subject)}\n`);
  return 1;
}

/** What to do about a subject that nothing names. */
function unnamedNext(facts: Facts, subject: string): string {
  const pods = facts.pods.map((pod) => `${pod.namespace}/${pod.name}`);
  const ofEvents = facts.events.flatMap((event) =>
    event.namespace === undefined ? event.name : `${event.namespace}/${event.name}`,
  );
  const names = new Set([...pods, ...ofEvents, ...facts.nodes.map((node) => node.key)].filter((name) => name !== ""));
  const near = nearNames(subject, [...names], 3);
  const meant = near.length === 0 ? "" : `Was ${near.join(" or ")} meant? `;
  return (
    `${meant}The name is namespace/pod, a node, an address or a /28. Where it is right, give what names it too: ipamd.log and ` +
    "plugin.log of its node, `kubectl get events -A -o json`, `kubectl get pods -A -o json`."
  );
}

function render(document: DoctorDocument, options: Options): string {
  switch (options.output) {
    case "json":
      return `${JSON.stringify(document, null, 2)}\n`;
    case "markdown": {
      const text = doctorMarkdown(document);
      return options.redact ? redact(text) : text;
    }
    case "table":
      return doctorTable(document, {
        isColored: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
        width: Math.max(60, Math.min(process.stdout.columns ?? 100, 120)),
      });
  }
}

function toSubject(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Name a pod, a node or a prefix.");
  return text.trim();
}
