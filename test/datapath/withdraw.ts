// The node's rules and SNAT withdrawn by `slash28 install --undo --network`, on a real kernel. Started by
// src/cli/withdraw-network.test.ts inside namespaces of its own.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { run } from "./run.ts";

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

const state = () =>
  [run("ip", "rule"), run("iptables-save").replace(/^[#:].*$/gm, ""), run("nft", "list", "tables")].join();

test("everything of the node goes, pods and strangers stay, a second time is nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "s28-withdraw-"));
  try {
    run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.9.0.0/16", "-j", "MASQUERADE");
    run("ip", "rule", "add", "pref", "512", "to", "10.0.0.5/32", "table", "main");
    run("ip", "rule", "add", "pref", "1024", "fwmark", "0x7/0x7", "table", "77");
    run("iptables", "-t", "nat", "-N", "AWS-SNAT-CHAIN-0");
    run("iptables", "-t", "nat", "-F", "AWS-SNAT-CHAIN-0");
    run("iptables", "-t", "nat", "-X", "AWS-SNAT-CHAIN-0");
    const before = state();
    run("iptables", "-t", "nat", "-N", "AWS-SNAT-CHAIN-0");
    const comment = ["-m", "comment", "--comment"];
    run("iptables", "-t", "nat", "-A", "POSTROUTING", ...comment, "AWS SNAT CHAIN", "-j", "AWS-SNAT-CHAIN-0");
    run(
      "iptables",
      "-t",
      "nat",
      "-A",
      "AWS-SNAT-CHAIN-0",
      "!",
      "-o",
      "vlan+",
      ...comment,
      "AWS, SNAT",
      "-m",
      "addrtype",
      "!",
      "--dst-type",
      "LOCAL",
      "-j",
      "SNAT",
      "--to-source",
      "10.0.0.1",
    );
    run("ip", "rule", "add", "pref", "1024", "fwmark", "0x80/0x80", "table", "main");
    run("ip", "rule", "add", "pref", "1535", "to", "192.0.2.0/24", "table", "main");
    run("ip", "rule", "add", "pref", "20", "table", "local");
    run("ip", "rule", "del", "pref", "0", "table", "local");
    const words = ["install", "--undo", "--bin-dir", join(folder, "bin"), "--conf-dir", join(folder, "conf")];
    const command = [process.execPath, MAIN, ...words];
    const env = { PATH: process.env["PATH"] ?? "", SLASH28_SOCKET: join(folder, "none.sock") };
    const plain = Bun.spawnSync(command, { env, stdout: "pipe", stderr: "pipe" });
    expect(plain.exitCode).toBe(0);
    expect(state()).not.toBe(before);
    const conflist = join(folder, "conf", "10-aws.conflist");
    mkdirSync(join(folder, "conf"));
    writeFileSync(conflist, '{"name":"aws-cni","installedBy":"slash28 0"}');
    const listener = Bun.listen({
      unix: join(folder, "agent.sock"),
      socket: { data: (socket) => void socket.write('{"v":1,"ok":true}\n') },
    });
    const served = Bun.spawn([...command, "--network"], {
      env: { ...env, SLASH28_SOCKET: join(folder, "agent.sock") },
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await served.exited).toBe(2);
    expect(await new Response(served.stdout).text()).toBe("");
    expect(await new Response(served.stderr).text()).toContain("it would put everything back");
    listener.stop(true);
    const full = state();
    expect(full).not.toBe(before);
    for (const [path, why] of [
      [join(folder, "none"), "there is no such file"],
      [conflist, "this is no network namespace"],
    ] as const) {
      const environment = { ...env, SLASH28_HOST_NETNS: path };
      const lost = Bun.spawnSync([...command, "--network"], { env: environment, stdout: "pipe", stderr: "pipe" });
      expect([lost.exitCode, lost.stdout.toString()]).toEqual([2, ""]);
      expect(lost.stderr.toString()).toContain(`SLASH28_HOST_NETNS is ${path}: ${why}. Nothing was changed.`);
      expect(lost.stderr.toString()).not.toContain("nsenter");
    }
    expect([existsSync(conflist), state()]).toEqual([true, full]);
    const withdrawn = Bun.spawnSync([...command, "--network"], { env, stdout: "pipe", stderr: "pipe" });
    expect(withdrawn.stderr.toString()).toContain('rule "1535: from all to 192.0.2.0/24 lookup main" removed');
    expect(withdrawn.exitCode).toBe(0);
    const lines = withdrawn.stderr.toString().trim().split("\n");
    expect(lines.length).toBeGreaterThan(5);
    expect(withdrawn.stdout.toString()).toBe(
      `undone:\n  ${conflist} (removed)\n  the node's network (${lines.length} changes)\n`,
    );
    expect(state()).toBe(before);
    const again = Bun.spawnSync([...command, "--network"], { env, stdout: "pipe", stderr: "pipe" });
    expect([again.exitCode, again.stderr.toString()]).toEqual([0, ""]);
    expect(again.stdout.toString()).toBe("undone: nothing had to change\n");
    run("ip", "rule", "add", "pref", "1535", "to", "192.0.2.0/24", "table", "main");
    const json = Bun.spawnSync([...command, "--network", "-o", "json"], { env, stdout: "pipe", stderr: "pipe" });
    const rule = 'rule "1535: from all to 192.0.2.0/24 lookup main" removed';
    const document = JSON.parse(json.stdout.toString());
    expect(document).toEqual({ schema: "slash28/install/v1", state: "undone", changed: [], network: [rule] });
    const schema = readFileSync(join(import.meta.dir, "../../docs/schemas/install.v1.json"), "utf8");
    expect(z.fromJSONSchema(JSON.parse(schema)).safeParse(document).error).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
