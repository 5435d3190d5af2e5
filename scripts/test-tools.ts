// What the tests use beyond npm packages: the AWS CLI, and for real pods the kernel's tools and a container runtime. As root on
// Debian what is missing is installed, in one go. Elsewhere nothing is, and the tests that need it say so and are skipped.

import { existsSync } from "node:fs";

const APT_TIMEOUT_MS = 400_000;

export interface TestTool {
  readonly debianPackage: string;
  /** A program in the path, or a file. */
  readonly probe: string;
  /** What is not tested without it. */
  readonly skipped: string;
}

export const TEST_TOOLS: readonly TestTool[] = [
  { debianPackage: "awscli", probe: "aws", skipped: "contract tests with the AWS CLI" },
  { debianPackage: "iproute2", probe: "ip", skipped: "tests in network namespaces" },
  { debianPackage: "iptables", probe: "iptables-restore", skipped: "tests of SNAT" },
  { debianPackage: "nftables", probe: "nft", skipped: "tests of SNAT beside nftables rules" },
  { debianPackage: "containerd", probe: "containerd", skipped: "tests through a container runtime" },
  { debianPackage: "runc", probe: "runc", skipped: "tests through a container runtime" },
  {
    debianPackage: "containernetworking-plugins",
    probe: "/usr/lib/cni/ptp",
    skipped: "tests through a container runtime, with chained plugins",
  },
];

export interface TestMachine {
  readonly isRoot: boolean;
  has(probe: string): boolean;
  /** Returns the last line of what went wrong; empty when nothing did. */
  install(packages: readonly string[]): string;
}

/** Debian keeps some programs where only root's path leads. */
const SYSTEM_PATHS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

const thisMachine: TestMachine = {
  isRoot: process.getuid?.() === 0,
  has(probe) {
    if (probe.startsWith("/")) return existsSync(probe);
    return Bun.which(probe) !== null || SYSTEM_PATHS.some((folder) => existsSync(`${folder}/${probe}`));
  },
  install(packages) {
    process.stderr.write(`slash28: installing ${packages.join(", ")} from Debian's packages, once\n`);
    const apt = (...words: string[]) =>
      Bun.spawnSync(["apt-get", "-qq", ...words], {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        timeout: APT_TIMEOUT_MS,
      });
    apt("update");
    const installed = apt("install", "-y", "--no-install-recommends", ...packages);
    if (installed.exitCode === 0) return "";
    return installed.stderr.toString().trim().split("\n").at(-1) || "apt-get failed";
  },
};

/** Installs what is missing if it can. Returns one line a tool that stays missing. */
export function ensureTestTools(machine: TestMachine = thisMachine): string[] {
  const isMissing = (tool: TestTool) => !machine.has(tool.probe);
  const missing = TEST_TOOLS.filter(isMissing);
  let why = "only root on Debian installs it";
  if (missing.length > 0 && machine.isRoot && machine.has("apt-get")) {
    why = machine.install(missing.map((tool) => tool.debianPackage)) || "its package does not hold it";
  }
  return missing
    .filter(isMissing)
    .map((tool) => `${tool.probe} is missing (${why}; package ${tool.debianPackage}): skipped: ${tool.skipped}`);
}
