// The AWS CLI as a client of the emulator. Its environment is built from nothing: no inherited AWS_*, KUBECONFIG or proxy
// variable, no configuration file, dummy keys, and a loopback endpoint, so that it can reach no real account.

import { existsSync } from "node:fs";

export interface CliResult {
  readonly exitStatus: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The CLI's path; undefined when this machine has none. */
export function findAwsCli(): string | undefined {
  const found = Bun.which("aws");
  if (found !== null) return found;
  return ["/usr/local/bin/aws", "/usr/bin/aws"].find((path) => existsSync(path));
}

export function childEnvironment(more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: "/nonexistent",
    LANG: "C.UTF-8",
    NO_PROXY: "127.0.0.1",
    AWS_ACCESS_KEY_ID: "AKIAEMULATED",
    AWS_SECRET_ACCESS_KEY: "emulated",
    AWS_DEFAULT_REGION: "us-west-2",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    ...more,
  };
}

/** Runs `aws ec2 <words>` against `endpoint`, JSON out. */
export async function awsEc2(cli: string, endpoint: string, words: readonly string[]): Promise<CliResult> {
  // The option, not only the variable: Debian 12's CLI (2.9) does not know AWS_ENDPOINT_URL_EC2 and would leave the machine.
  const child = Bun.spawn([cli, "--endpoint-url", endpoint, "--output", "json", "ec2", ...words], {
    env: childEnvironment({ AWS_ENDPOINT_URL_EC2: endpoint }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // A CLI that hangs must not hang the suite.
    timeout: 30_000,
  });
  const [stdout, stderr, exitStatus] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitStatus, stdout, stderr };
}

/** A CLI whose model has every member that the emulator sends. Older ones leave out what they do not know. */
export function knowsAllMembers(cli: string): boolean {
  const version = /aws-cli\/(\d+)\.(\d+)/.exec(Bun.spawnSync([cli, "--version"]).stdout.toString());
  const major = Number(version?.[1] ?? 0);
  const minor = Number(version?.[2] ?? 0);
  return major > 2 || (major === 2 && minor >= 27) || (major === 1 && minor >= 40);
}

/** `whole` without the members that `printed` lacks at the same place: what an older CLI could have printed. */
export function asPrintedBy(printed: unknown, whole: unknown): unknown {
  if (Array.isArray(printed) && Array.isArray(whole)) return whole.map((item, i) => asPrintedBy(printed[i], item));
  if (!isRecord(printed) || !isRecord(whole)) return whole;
  const kept = Object.entries(whole).filter(([key]) => key in printed);
  return Object.fromEntries(kept.map(([key, value]) => [key, asPrintedBy(printed[key], value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
