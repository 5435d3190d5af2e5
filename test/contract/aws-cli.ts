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
  const child = Bun.spawn([cli, "--output", "json", "ec2", ...words], {
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
