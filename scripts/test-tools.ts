// What the tests use beyond npm packages: the AWS CLI, from Debian's packages when it is absent. Elsewhere than on Debian as
// root nothing is installed, and the tests that need it say so and are skipped.

const APT_TIMEOUT_MS = 240_000;

/** Installs what is missing if it can. Returns one line a tool that stays missing. */
export function ensureTestTools(): string[] {
  if (Bun.which("aws") !== null) return [];
  const isRoot = process.getuid?.() === 0;
  if (process.platform !== "linux" || !isRoot || Bun.which("apt-get") === null) {
    return [
      "the AWS CLI is not installed (pip install awscli, or your package manager): its contract tests are skipped",
    ];
  }
  process.stderr.write("slash28: installing the AWS CLI from Debian's packages, once\n");
  const apt = (...words: string[]) =>
    Bun.spawnSync(["apt-get", "-qq", ...words], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
      timeout: APT_TIMEOUT_MS,
    });
  apt("update");
  const installed = apt("install", "-y", "--no-install-recommends", "awscli");
  if (installed.exitCode === 0) return [];
  const lastLine = installed.stderr.toString().trim().split("\n").at(-1) ?? "";
  return [`the AWS CLI could not be installed (${lastLine}): its contract tests are skipped`];
}
