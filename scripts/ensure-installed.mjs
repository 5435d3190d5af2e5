// Installs the dependencies when they are missing or older than the lock file. Plain Node: it runs before Bun exists here.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "node_modules", ".slash28-lock");
const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const isCurrent = existsSync(stamp) && readFileSync(stamp, "utf8") === lock;
if (!isCurrent) {
  process.stderr.write("slash28: installing dependencies (npm ci), once\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const result = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (result.status !== 0) {
    process.stderr.write("slash28: npm ci failed; check the network and the npm registry setting, then try again\n");
    process.exit(result.status ?? 1);
  }
  writeFileSync(stamp, lock);
}
