// Words for numbers and names in what a person reads.

import type { NodeOrNone } from "./node-index.ts";

/** `1 attach`, `3 attaches`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `once`, `3 times`. */
export function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

/** A node in a sentence. */
export function nodeWords(node: NodeOrNone): string {
  return node ?? "the node";
}

/** A node in a command: its name, or the word to put it for. */
export function nodeName(node: NodeOrNone): string {
  return node ?? "NODE";
}

/** The command that changes the agent's environment, with the reason and what a managed add-on does to it. */
export function setEnv(assignments: string, why: string): string {
  const addon = "a managed add-on: in its configuration values, else its next update resets it";
  return `kubectl -n kube-system set env daemonset aws-node ${assignments}   # ${why}; ${addon}`;
}
