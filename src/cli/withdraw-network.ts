// What the agent keeps on a node whatever pods it has, taken away: SNAT, marks, the rules 1024, 1535 and 20, and what dead branch pods
// left. Pods, ENIs and their tables stay: whoever takes the node over uses them, and addresses whose pods run are theirs.

import { withdrawFirewallRules } from "../agent/firewall-rules.ts";
import { withdrawHost } from "../datapath/host.ts";
import type { HostWiring } from "../datapath/types.ts";
import { askAgentStatus } from "../drivers/agent-socket.ts";
import { iptables } from "../drivers/iptables.ts";
import { linuxKernel } from "../drivers/kernel-linux.ts";
import { CommandError } from "./command-error.ts";

const PROBE_TIMEOUT_MS = 2_000;
const NOTHING: HostWiring = {
  rules: { mark: undefined, externalServiceCidrs: [], isLocalRuleMoved: false },
  enis: [],
  pods: [],
  ownRanges: [],
  vethPrefix: "eni",
};

/** Resolves with what went, one line each. Rejects with `CommandError`; what it names as left can be tried again. */
export async function withdrawNetwork(given: {
  readonly socketPath: string;
  /** The node's network namespace; undefined: this process's own. */
  readonly hostNetnsPath: string | undefined;
}): Promise<readonly string[]> {
  const status = await askAgentStatus(given.socketPath, PROBE_TIMEOUT_MS);
  if (status.isServing) {
    throw new CommandError(`An agent serves ${given.socketPath}: it would put everything back. Nothing was changed.`, {
      exitStatus: 2,
      next: "Stop it first, then run this again.",
    });
  }
  try {
    const gone = [...(await withdrawFirewallRules(iptables({ netnsPath: given.hostNetnsPath })))];
    const kernel = linuxKernel({ hostNamespacePath: given.hostNetnsPath });
    const report = withdrawHost(kernel, NOTHING, { arePodsKept: true });
    kernel.close();
    gone.push(...report.repairs);
    if (report.problems.length === 0) return gone;
    throw new CommandError(`The node's rules are not all gone: ${report.problems.join("; ")}.`, {
      exitStatus: 3,
      next: "Run it again; what stays, `ip rule` shows, and `ip rule del` removes.",
    });
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    throw new CommandError(`The node's network cannot be withdrawn: ${error.message}`, {
      exitStatus: 3,
      next: "Run it as root on the node; what is left can be withdrawn by running it again.",
    });
  }
}
