// iptables-save, iptables-restore and nft as child processes in the node's network namespace, each with a deadline.

import { CONNMARK_TABLE } from "../datapath/connmark-table.ts";
import type { Table } from "../datapath/snat.ts";
import type { Firewall, FirewallVersion } from "../ports/firewall.ts";

export interface IptablesOptions {
  /** Path of the node's network namespace; undefined: the one that this process is in. */
  readonly netnsPath?: string | undefined;
  /** Names of the programs up to `-save` and `-restore`. */
  readonly program?: "iptables" | "iptables-nft" | "iptables-legacy";
  /** Of the programs; default: this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A program is missing, failed, or took too long. */
export class FirewallError extends Error {
  override readonly name = "FirewallError";
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

const TIMEOUT_MS = 10_000;
/** How long a program waits for others to let go of the xtables lock. */
const LOCK_WAIT_SECONDS = "5";
const STDERR_CHARS_MAX = 2_000;
const PACKAGES: Readonly<Record<string, string>> = { nft: "nftables", nsenter: "util-linux" };

export function iptables(options: IptablesOptions = {}): Firewall {
  const { netnsPath, program = "iptables", timeoutMs = TIMEOUT_MS } = options;
  const env = { PATH: "", ...(options.environment ?? systemEnvironment()), LC_ALL: "C" };

  function find(name: string): string | undefined {
    return Bun.which(name, { PATH: env.PATH }) ?? undefined;
  }

  function need(name: string): string {
    const path = find(name);
    if (path !== undefined) return path;
    throw new FirewallError(
      `${name} is not in PATH (${env.PATH}): the node's SNAT rules cannot be read or changed.`,
      `Install the package ${PACKAGES[name] ?? "iptables"}.`,
    );
  }

  /** Yields what the program prints; ends in an error unless it succeeds. */
  async function* run([name, ...args]: readonly [string, ...string[]], input = ""): AsyncGenerator<string> {
    const path = need(name);
    const command = netnsPath === undefined ? [path] : [need("nsenter"), `--net=${netnsPath}`, "--", path];
    const child = Bun.spawn([...command, ...args], {
      env,
      stdin: new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const complaint = new Response(child.stderr).text();
    let isReadWhole = false;
    try {
      const decoder = new TextDecoder();
      for await (const bytes of child.stdout) yield decoder.decode(bytes, { stream: true });
      isReadWhole = true;
    } finally {
      // Who stops reading midway does not leave a process behind.
      if (!isReadWhole) child.kill("SIGKILL");
    }
    const status = await child.exited;
    const stderr = (await complaint).trim().slice(0, STDERR_CHARS_MAX);
    if (status === 0) return;
    const what = [name, ...args].join(" ");
    const where = netnsPath === undefined ? "" : ` in ${netnsPath}`;
    if (child.signalCode !== null) {
      throw new FirewallError(
        `${what}${where} did not end within ${timeoutMs} ms and was stopped. ${stderr}`.trim(),
        "See who holds the xtables lock: fuser /run/xtables.lock. It is tried again.",
      );
    }
    throw new FirewallError(`${what}${where} failed with status ${status}: ${stderr}`, nextStep(stderr));
  }

  async function textOf(command: readonly [string, ...string[]], input?: string): Promise<string> {
    let text = "";
    for await (const piece of run(command, input)) text += piece;
    return text;
  }

  return {
    async version() {
      return parseVersion(await textOf([program, "--version"]));
    },
    savedRules: (table: Table) => run([`${program}-save`, "-t", table]),
    async restore(text) {
      await textOf([`${program}-restore`, "--noflush", "-w", LOCK_WAIT_SECONDS], text);
    },
    async connmarkTable() {
      if (find("nft") === undefined) return undefined;
      try {
        return await textOf(["nft", "--stateless", "list", "table", ...CONNMARK_TABLE.split(" ")]);
      } catch (error) {
        if (error instanceof FirewallError && error.message.includes("No such file or directory")) return undefined;
        throw error;
      }
    },
    async applyNft(text) {
      await textOf(["nft", "-f", "-"], text);
    },
  };
}

/** Root's programs are found whatever path the agent was started with. */
function systemEnvironment() {
  return { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
}

/** `iptables v1.8.9 (nf_tables)`; releases before 1.8 have no parenthesis. */
export function parseVersion(text: string): FirewallVersion {
  const [major = 0, minor = 0, patch = 0] = (/v(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [])
    .slice(1)
    .map((part) => Number(part ?? 0));
  const isAtLeast162 = major * 1_000_000 + minor * 1_000 + patch >= 1_006_002;
  return { text: text.trim(), isLegacy: text.includes("legacy"), hasRandomFully: isAtLeast162 };
}

function nextStep(stderr: string): string {
  if (/permission denied|operation not permitted|must be root/i.test(stderr)) {
    return "Give the agent NET_ADMIN and NET_RAW (and SYS_ADMIN for another network namespace).";
  }
  if (/another app is currently holding the xtables lock/i.test(stderr)) {
    return "See who holds the xtables lock: fuser /run/xtables.lock. It is tried again.";
  }
  if (/table does not exist|not supported|no chain\/target\/match/i.test(stderr)) {
    return "The kernel lacks what this iptables needs: see that iptables on node and agent use the same back end (nft or legacy).";
  }
  return "It is tried again; the rules are as before.";
}
