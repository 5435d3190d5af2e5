// What an ADD is refused for whatever address it would get: asked before it has one, and again when it is wired.

import { mistakeIn } from "./plan.ts";
import type { PodWiring, WireProblem } from "./types.ts";

export interface WireRefusal {
  readonly problem: WireProblem;
  readonly message: string;
  readonly next: string;
}

/** Names and numbers alone. */
export function mistakeRefusal(pod: Parameters<typeof mistakeIn>[0]): WireRefusal | undefined {
  const message = mistakeIn(pod);
  if (message === undefined) return undefined;
  const next = "Correct the network configuration or the runtime's arguments.";
  return { problem: "invalid-wiring", message, next };
}

export function ownNamespaceRefusal({ netnsPath }: Pick<PodWiring, "netnsPath">): WireRefusal {
  return {
    problem: "invalid-wiring",
    message: `${netnsPath} is the node's own network namespace`,
    next: "A pod on the host's network gets no ADD: correct what asked for it.",
  };
}

export function namespaceGoneRefusal(message: string): WireRefusal {
  const next = "The runtime has removed the sandbox meanwhile; it makes a new one and ADDs again.";
  return { problem: "namespace-gone", message, next };
}

export function noNamespaceText(path: string): string {
  return `Network namespace ${path} cannot be opened: there is no such file; the sandbox may be gone`;
}
