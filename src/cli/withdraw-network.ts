// What the agent keeps on a node whatever pods it has, taken away: SNAT, marks, the rules 1024, 1535 and 20, and what dead branch pods
// left. Pods, ENIs and their tables stay: whoever takes the node over uses them, and addresses whose pods run are theirs.

import { withdrawFirewallRules } from "../agent/firewall-rules.ts";
import { withdrawHost } from "../datapath/host.ts";
import type { HostWiring } from "../datapath/types.ts";
import { askAgentStatus } from "../drivers/agent-socket.ts";
import { FirewallError, iptables } from "../drivers/iptables.ts";
import { type LinuxKernel, linuxKernel } from "../drivers/kernel-linux.ts";
import { EINVAL, ENOENT, EPERM } from "../netlink/errno.ts";
import { KernelError } from "../netlink/kernel.ts";
import type { Firewall } from "../ports/firewall.ts";
import { CommandError } from "./command-error.ts";

const PROBE_TIMEOUT_MS = 2_000;
const NOTHING: HostWiring = {
  rules: { mark: undefined, externalServiceCidrs: [], isLocalRuleMoved: false },
  enis: [],
  pods: [],
  ownRanges: [],
  vethPrefix: "eni",
};
const ROOT_NEXT = "Run it as root on the node.";

export interface NodeNetwork {
  /**
   * Tells what went, a line each. Rejects with `CommandError`; what is left can be tried again. Once: the namespace is let go.
   */
  withdraw(onGone: (line: string) => void): Promise<void>;
}

/**
 * Asks everything that keeps a node's network from being withdrawn, and changes nothing. Rejects with `CommandError` when an agent
 * is there, the namespace is none, or its rules cannot be read. The process is in that namespace from here on.
 */
export async function openNodeNetwork(given: {
  readonly socketPath: string;
  /** The node's network namespace; undefined: this process's own. */
  readonly hostNetnsPath: string | undefined;
}): Promise<NodeNetwork> {
  const status = await askAgentStatus(given.socketPath, PROBE_TIMEOUT_MS);
  if (status.isThere) {
    // One that does not serve yet, or answers late, brings its rules back all the same.
    const does = status.isServing ? `serves ${given.socketPath}` : `is at ${given.socketPath} (${status.message})`;
    throw new CommandError(`An agent ${does}: it would put everything back. Nothing was changed.`, {
      exitStatus: 2,
      next: "Stop it first, then run this again.",
    });
  }
  const kernel = openKernel(given.hostNetnsPath);
  const firewall = iptables({ netnsPath: given.hostNetnsPath });
  try {
    // The first words are enough: they show that the program is there and may read.
    for await (const _ of firewall.savedRules("nat")) break;
  } catch (error) {
    kernel.close();
    throw refusalOf(error, "The node's SNAT rules cannot be read. Nothing was changed");
  }
  return { withdraw: (onGone) => withdraw(kernel, firewall, onGone) };
}

function openKernel(hostNetnsPath: string | undefined): LinuxKernel {
  try {
    return linuxKernel({ hostNamespacePath: hostNetnsPath });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (hostNetnsPath === undefined)
      throw refusalOf(error, "The node's network cannot be reached. Nothing was changed");
    const why: Readonly<Record<number, string>> = {
      [ENOENT]: "there is no such file",
      [EINVAL]: "this is no network namespace",
      [EPERM]: "this process may not enter it",
    };
    throw new CommandError(
      `SLASH28_HOST_NETNS is ${hostNetnsPath}: ${why[error.errno] ?? error.message}. Nothing was changed.`,
      {
        exitStatus: 2,
        next:
          error.errno === EPERM
            ? ROOT_NEXT
            : "Name the node's network namespace, such as /proc/1/ns/net, or unset it for this process's own.",
      },
    );
  }
}

async function withdraw(kernel: LinuxKernel, firewall: Firewall, onGone: (line: string) => void): Promise<void> {
  try {
    for (const line of await withdrawFirewallRules(firewall)) onGone(line);
    const report = withdrawHost(kernel, NOTHING, { arePodsKept: true });
    for (const line of report.repairs) onGone(line);
    if (report.problems.length === 0) return;
    throw new CommandError(`The node's rules are not all gone: ${report.problems.join("; ")}.`, {
      exitStatus: 3,
      next: "Run it again; what stays, `ip rule` shows, and `ip rule del` removes.",
    });
  } catch (error) {
    throw refusalOf(error, "The node's network is not withdrawn, plugin and conflist are undone");
  } finally {
    kernel.close();
  }
}

function refusalOf(error: unknown, what: string): unknown {
  if (error instanceof CommandError || !(error instanceof Error)) return error;
  const isProgramMissing = error instanceof FirewallError && error.message.includes("is not in PATH");
  return new CommandError(`${what}: ${error.message}`, {
    exitStatus: 3,
    next: isProgramMissing ? error.next : `${ROOT_NEXT} What is left can be withdrawn by running it again.`,
  });
}
