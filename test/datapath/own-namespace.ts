// Tests that need a network of their own but no root: a child `bun test` inside new user, network and mount namespaces, where it
// is root over nothing else. Everything it makes goes when it ends.

import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const UNSHARE = ["unshare", "--user", "--map-root-user", "--net", "--mount"];

/** Why such namespaces cannot be made here; undefined when they can. */
export function reasonAgainstOwnNamespace(): string | undefined {
  if (Bun.which("unshare") === null) return "unshare is not installed (util-linux)";
  if (Bun.which("ip") === null) return "ip is not installed (iproute2)";
  const probe = Bun.spawnSync([...UNSHARE, "ip", "link", "show", "lo"], { stdout: "pipe", stderr: "pipe" });
  return probe.exitCode === 0 ? undefined : `user namespaces are not to be had (${probe.stderr.toString().trim()})`;
}

/** Runs the tests of one file, a path from the repository's root. Throws with all they printed when one fails. */
export async function testInOwnNamespace(path: string): Promise<void> {
  if (!existsSync(join(ROOT, path))) throw new Error(`${path} is not there`);
  const child = Bun.spawn([...UNSHARE, process.execPath, "test", `./${path}`, "--timeout=60000"], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaints] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${path} failed in a network namespace:\n${output}${complaints}`);
}
