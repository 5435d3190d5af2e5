// npm run build: the single-file executables dist/slash28 and dist/slash28-cni, minified and with bytecode, for this machine or,
// with `--target bun-linux-arm64` and the like, for another. Runs what it built once, if it can run here.

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import packageFile from "../package.json" with { type: "json" };
import { buildCni } from "./build-cni.ts";
import { buildSlash28 } from "./build-slash28.ts";
import { ROOT } from "./compile.ts";

async function build(target: string | undefined): Promise<number> {
  const name = target === undefined ? "slash28" : `slash28-${target.replace(/^bun-/, "")}`;
  const outfile = join(ROOT, "dist", name);
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  try {
    await buildSlash28(outfile, { target });
  } catch (error) {
    const complaint = error instanceof Error ? error.message : String(error);
    process.stderr.write(`slash28: ${complaint}\nslash28: the build failed; run npm run check first\n`);
    return 1;
  }
  if (target === undefined) {
    const probe = Bun.spawn([outfile, "version", "-o", "json"], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    const text = await new Response(probe.stdout).text();
    if ((await probe.exited) !== 0 || !text.includes(`"version":"${packageFile.version}"`)) {
      process.stderr.write(`slash28: dist/${name} was built but does not print its version: ${text}\n`);
      return 1;
    }
  }
  printSize(name);
  return buildPlugin(target);
}

async function buildPlugin(target: string | undefined): Promise<number> {
  const name = target === undefined ? "slash28-cni" : `slash28-cni-${target.replace(/^bun-/, "")}`;
  const outfile = join(ROOT, "dist", name);
  try {
    await buildCni(outfile, target);
  } catch (error) {
    process.stderr.write(`slash28: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  if (target === undefined) {
    const probe = Bun.spawn([outfile], { env: { CNI_COMMAND: "VERSION" }, stdin: "ignore", stdout: "pipe" });
    const text = await new Response(probe.stdout).text();
    if ((await probe.exited) !== 0 || !text.includes('"1.1.0"')) {
      process.stderr.write(`slash28: dist/${name} was built but does not print its versions: ${text}\n`);
      return 1;
    }
  }
  printSize(name);
  return 0;
}

function printSize(name: string): void {
  const megabytes = (statSync(join(ROOT, "dist", name)).size / 1e6).toFixed(1);
  process.stdout.write(`dist/${name} (${megabytes} MB)\n`);
}

const args = process.argv.slice(2);
const at = args.indexOf("--target");
process.exitCode = await build(at < 0 ? undefined : args[at + 1]);
