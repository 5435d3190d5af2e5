// The pods of a run as real network namespaces: each is made empty, wired by the real plugin, joined to the pings while it runs,
// and removed after its DEL.

import { basename } from "node:path";
import type { Ms } from "../base/units.ts";
import { parseReason } from "../ipam/reasons.ts";
import type { Clock } from "../ports/clock.ts";
import { type AddOutcome, AGENT_AWAY, type CniRequest } from "./cni-client.ts";
import { EchoPlace } from "./echo.ts";
import type { Fabric } from "./fabric.ts";
import { addressOf, Plugin } from "./plugin.ts";

/** A running pod as the pings see it. */
export interface PodPlace {
  /** `namespace/name`. */
  readonly podName: string;
  /** As `ip netns` lists it. */
  readonly namespace: string;
  readonly nodeName: string;
  readonly instanceId: string;
  readonly address: string;
  readonly echo: EchoPlace;
}

interface Sandbox {
  readonly namespaceName: string;
  readonly netns: string;
  /** The plugin said no, and so left the namespace as it was. */
  isRefused: boolean;
  /** Its DEL was asked for; the ADD may still be under way. */
  isEnding: boolean;
  result: unknown;
  place: PodPlace | undefined;
}

const CALLS_AT_ONCE = 8;

export class PodNetwork {
  /** Running pods, by sandbox. */
  readonly places = new Map<string, PodPlace>();
  readonly #fabric: Fabric;
  readonly #clock: Clock;
  readonly #plugins: Plugin[] = [];
  readonly #sandboxes = new Map<string, Sandbox>();
  /** Namespaces whose ADD was refused: empty again. Removing one holds up whoever makes the next, in the kernel. */
  readonly #empty: string[] = [];
  #count = 0;

  constructor(options: { readonly fabric: Fabric; readonly clock: Clock }) {
    this.#fabric = options.fabric;
    this.#clock = options.clock;
  }

  /** The plugin of one node. */
  node(options: {
    readonly command: readonly string[];
    readonly name: string;
    readonly instanceId: string;
    readonly networkName: string;
    /** The conflist's entry. */
    readonly config: Readonly<Record<string, unknown>>;
  }): NodePods {
    const { command, networkName, config } = options;
    const plugin = new Plugin({ command, networkName, config, callsAtOnce: CALLS_AT_ONCE });
    this.#plugins.push(plugin);
    return {
      add: (request, deadlineMs) => this.#add(plugin, options, request, deadlineMs),
      del: (request, deadlineMs) => this.#del(plugin, request, deadlineMs),
    };
  }

  async #add(
    plugin: Plugin,
    node: { readonly name: string; readonly instanceId: string },
    request: CniRequest,
    deadlineMs: Ms,
  ): Promise<AddOutcome> {
    const sandbox = this.#newSandbox();
    const { netns } = sandbox;
    this.#sandboxes.set(request.sandboxId, sandbox);
    const answer = await plugin.add(sandboxOf(request, netns), this.#realMsUntil(deadlineMs));
    const address = answer.status === 0 ? addressOf(answer.output) : undefined;
    if (address === undefined) {
      sandbox.isRefused = answer.output !== undefined;
      return refusalOf(answer.output, answer.status);
    }
    sandbox.result = answer.output;
    if (sandbox.isEnding) return { kind: "allocated", address };
    const echo = await EchoPlace.open(netns);
    sandbox.place = {
      podName: `${request.podNamespace}/${request.podName}`,
      namespace: basename(netns),
      nodeName: node.name,
      instanceId: node.instanceId,
      address,
      echo,
    };
    // EC2 has answered; the namespaces may be some milliseconds behind.
    await this.#fabric.caughtUp();
    if (!sandbox.isEnding) this.places.set(request.sandboxId, sandbox.place);
    return { kind: "allocated", address };
  }

  #newSandbox(): Sandbox {
    const known = this.#empty.pop();
    const namespaceName = known ?? `p${++this.#count}`;
    const netns =
      known === undefined ? this.#fabric.createPodNamespace(namespaceName) : this.#fabric.podNamespace(namespaceName);
    return { namespaceName, netns, isRefused: false, isEnding: false, result: undefined, place: undefined };
  }

  async #del(plugin: Plugin, request: CniRequest, deadlineMs: Ms): Promise<boolean> {
    const sandbox = this.#sandboxes.get(request.sandboxId);
    if (sandbox !== undefined) sandbox.isEnding = true;
    this.places.delete(request.sandboxId);
    const answer = await plugin.del(sandboxOf(request, sandbox?.netns), sandbox?.result, this.#realMsUntil(deadlineMs));
    sandbox?.place?.echo.close();
    if (sandbox?.isRefused) this.#empty.push(sandbox.namespaceName);
    else if (sandbox !== undefined) this.#fabric.removePodNamespace(sandbox.namespaceName);
    this.#sandboxes.delete(request.sandboxId);
    return answer.status === 0;
  }

  /** Processes are real. */
  #realMsUntil(deadlineMs: Ms): number {
    return Math.max(0, (deadlineMs - this.#clock.nowMs()) / this.#clock.rate);
  }

  /** Kills the plugins that run, and starts no more. */
  endPlugins(): void {
    for (const plugin of this.#plugins) plugin.end();
  }

  close(): void {
    this.endPlugins();
    this.places.clear();
    for (const { place } of this.#sandboxes.values()) place?.echo.close();
    this.#sandboxes.clear();
  }
}

export interface NodePods {
  add(request: CniRequest, deadlineMs: Ms): Promise<AddOutcome>;
  del(request: CniRequest, deadlineMs: Ms): Promise<boolean>;
}

function sandboxOf(request: CniRequest, netns: string | undefined) {
  const { sandboxId, podNamespace, podName, podUid } = request;
  return { containerId: sandboxId, netns, namespace: podNamespace, podName, podUid };
}

/** What the plugin says when nobody answered it: that it could not connect, or that the connection broke. */
const UNANSWERED = /^add cmd: (failed to connect to backend server|Error received from AddNetwork gRPC call)/;

/** The plugin's error object as kubelet's events would show it; its `msg` ends with the agent's reason, if one was given. */
function refusalOf(output: unknown, status: number | undefined): AddOutcome {
  const { msg, details } = (output ?? {}) as { msg?: string; details?: string };
  if (msg === undefined) {
    const how = status === undefined ? "was ended before it answered" : `exited with ${status} and no result`;
    const message = `the plugin ${how}`;
    return { kind: "refused", reason: "network-setup-failed", message, pluginError: message };
  }
  if (UNANSWERED.test(msg)) return { kind: "refused", reason: AGENT_AWAY, message: msg, pluginError: msg };
  const reason = parseReason(/: ([a-z-]+)(?: \([a-z-]+\))?$/.exec(msg)?.[1] ?? "");
  if (reason !== undefined) return { kind: "refused", reason, message: details ?? msg, pluginError: msg };
  const message = details === undefined ? msg : `${msg}: ${details}`;
  return { kind: "refused", reason: "network-setup-failed", message, pluginError: msg };
}
