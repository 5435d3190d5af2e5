// The agent as a process: its pods and their restarts, its starts and how they ended, and texts that say by themselves what is the
// case. Shared by the classes of the daemon on the node and by the look-alikes.

import type { AgentStart, ContainerFact, Evidence, Facts, NodeKey, PodFact, Sighting } from "../facts/model.ts";
import { quotes, sightingsOf } from "../facts/settings.ts";
import type { SignalId } from "../facts/signals.ts";
import type { Notes } from "./failure-class.ts";

export interface AgentPod {
  readonly pod: PodFact;
  readonly container: ContainerFact;
  readonly evidence: Evidence;
}

/** The pods of the CNI's DaemonSet, each with the agent's container. */
export function agentPods(facts: Pick<Facts, "pods">): AgentPod[] {
  return facts.pods.flatMap((pod) => {
    const isAgents = pod.labels.get("k8s-app") === "aws-node" || /^aws-node(?:-|$)/.test(pod.name);
    const container = pod.containers.find((one) => one.name === "aws-node") ?? pod.containers[0];
    if (!isAgents || container === undefined) return [];
    return [{ pod, container, evidence: { source: pod.at, text: containerText(pod, container) } }];
  });
}

function containerText(pod: PodFact, container: ContainerFact): string {
  const parts = [`ready ${container.isReady}`, `restarts ${container.restartCount}`];
  if (container.waitingReason !== undefined) parts.push(`waiting ${container.waitingReason}`);
  if (container.lastExitCode !== undefined) {
    const reason = container.lastReason === undefined ? "" : ` (${container.lastReason})`;
    parts.push(`last exit ${container.lastExitCode}${reason}`);
  }
  return `${pod.name}, container ${container.name}: ${parts.join(", ")}`;
}

export interface EndedStart {
  readonly node: NodeKey | undefined;
  readonly start: AgentStart;
  /** Another start follows: the process ended. */
  readonly isFollowed: boolean;
  readonly evidence: Evidence;
}

/** Starts that another start follows, and those that never served. */
export function endedStarts(facts: Pick<Facts, "logs">): EndedStart[] {
  return facts.logs.flatMap((log) =>
    log.starts
      .map((start, index) => ({
        node: log.node,
        start,
        isFollowed: index < log.starts.length - 1,
        evidence: { source: start.at, text: start.lastText },
      }))
      .filter(({ start, isFollowed }) => isFollowed || !start.isServing),
  );
}

/** `node ip-10-0-1-2`, `3 nodes`, `the node`. */
export function whereText(nodes: readonly (NodeKey | undefined)[]): string {
  const known = [...new Set(nodes.filter((node) => node !== undefined))];
  if (known.length === 0) return "the node";
  return known.length === 1 ? `node ${known[0]}` : `${known.length} nodes`;
}

/** Signs, nodes and times of what was sighted. */
export function noteSightings(notes: Notes, found: readonly Sighting[]): void {
  notes.sign(...quotes(found));
  notes.affects({ nodes: found.map((one) => one.node) });
  notes.seen(...found.map((one) => one.occurrences));
}

/** What was sighted of signals whose text alone decides; noted as signs and as the one proof. Empty: nothing was noted. */
export function noteDecidingText(
  facts: Pick<Facts, "sightings">,
  notes: Notes,
  options: { readonly signals: SignalId | readonly SignalId[]; readonly what: string },
): readonly Sighting[] {
  const found = sightingsOf(facts, options.signals);
  if (found.length === 0) return found;
  noteSightings(notes, found);
  notes.proof(options.what, quotes(found, 2), {
    what: options.what,
    command: "kubectl get events -A -o json > events.json",
  });
  return found;
}

/** A pod got no address: said by an event, the plugin, or the agent. */
export function refusals(facts: Pick<Facts, "sightings">, node?: NodeKey): Sighting[] {
  return sightingsOf(facts, ["no-address", "add-reply-refused", "add-refused", "plugin-refused"], node);
}

/** Pods seen, as `namespace/name`; at most three. */
export function podNames(found: readonly Sighting[]): string {
  const names = [...new Set(found.flatMap((one) => one.pod ?? []))];
  return names.length === 0 ? "" : ` (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""})`;
}

/** What a quoted log line says, without level, time and caller; at most 200 characters. */
export function saidBy(line: string): string {
  const message = /(?:"msg":|\bmsg=)"((?:[^"\\]|\\.)*)/.exec(line)?.[1] ?? /\[[A-Z]+\]\s*(.*)$/.exec(line)?.[1] ?? line;
  return message.replace(/\\+[nt]/g, " ").slice(0, 200);
}
