// The programs themselves: found or not, failing, hanging, read in part. Then the rules on a real kernel (test/datapath/snat-rules.ts).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonAgainstOwnNamespace, testInOwnNamespace } from "../../test/datapath/own-namespace.ts";
import { FirewallError, iptables, parseVersion } from "./iptables.ts";

const folder = mkdtempSync(join(tmpdir(), "s28-iptables-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program of this name that runs the script instead. */
function program(name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

const firewall = (options: { readonly timeoutMs?: number; readonly netnsPath?: string } = {}) =>
  iptables({ environment: { PATH: folder }, ...options });

async function errorOf(run: Promise<unknown>): Promise<FirewallError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof FirewallError) return error;
  throw new Error(`no FirewallError: ${error}`);
}

test("versions: back end and flags", () => {
  expect(parseVersion("iptables v1.8.9 (nf_tables)\n")).toEqual({
    text: "iptables v1.8.9 (nf_tables)",
    isLegacy: false,
    hasRandomFully: true,
  });
  expect(parseVersion("iptables v1.8.7 (legacy)").isLegacy).toBe(true);
  const known = ["v1.6.1", "v1.6.2", "v1.4.21", "v1.10.0", "v2.0", "?"].map(
    (text) => parseVersion(text).hasRandomFully,
  );
  expect(known).toEqual([false, true, false, true, true, false]);
});

describe("programs that do not do it", () => {
  beforeAll(() => {
    program("iptables-restore", `/bin/cat > ${folder}/restored; echo "$@" > ${folder}/arguments`);
  });

  test("one that is missing is named, with its package", async () => {
    const { message, next } = await errorOf(iptables({ environment: { PATH: "" } }).version());
    expect(message).toContain("iptables is not in PATH");
    expect(next).toBe("Install the package iptables.");
    expect((await errorOf(firewall().applyNft("x"))).next).toBe("Install the package nftables.");
    expect((await errorOf(firewall({ netnsPath: "/run/netns/x" }).restore(""))).next).toContain("util-linux");
    expect(await firewall().connmarkTable()).toBeUndefined();
  });

  test("the text goes in by stdin, without flushing, and waits for the lock", async () => {
    await firewall().restore("*nat\nCOMMIT\n");
    expect(readFileSync(join(folder, "restored"), "utf8")).toBe("*nat\nCOMMIT\n");
    expect(readFileSync(join(folder, "arguments"), "utf8")).toBe("--noflush -w 5\n");
  });

  test("what it complains of is passed on, with what to do", async () => {
    program("nft", "echo 'Error: Could not process rule: Operation not permitted' >&2; exit 1");
    const refused = await errorOf(firewall().applyNft("x"));
    expect(refused.message).toBe(
      "nft -f - failed with status 1: Error: Could not process rule: Operation not permitted",
    );
    expect(refused.next).toContain("NET_ADMIN");
    program("nft", "echo 'Error: No such file or directory' >&2; exit 1");
    expect(await firewall().connmarkTable()).toBeUndefined();
  });

  test("one that hangs is stopped", async () => {
    program("iptables-save", `echo $$ > ${folder}/pid; exec /bin/sleep 60`);
    const reading = (async () => {
      for await (const _ of firewall({ timeoutMs: 200 }).savedRules("nat"));
    })();
    const { message } = await errorOf(reading);
    expect(message).toContain("iptables-save -t nat did not end within 200 ms");
    expect(existsSync(`/proc/${readFileSync(join(folder, "pid"), "utf8").trim()}`)).toBe(false);
  });

  test("who stops reading leaves no process behind", async () => {
    program("iptables-save", `echo $$ > ${folder}/pid; echo line; exec /bin/sleep 60`);
    for await (const _ of firewall().savedRules("nat")) break;
    await Bun.sleep(50);
    expect(existsSync(`/proc/${readFileSync(join(folder, "pid"), "utf8").trim()}`)).toBe(false);
  });

  test("one that closes its output before it ends is waited for", async () => {
    program("iptables-save", "echo '*nat'; exec >&-; /bin/sleep 0.2; exit 0");
    let text = "";
    for await (const piece of firewall().savedRules("nat")) text += piece;
    expect(text).toBe("*nat\n");
    program("iptables-save", "exec >&-; /bin/sleep 0.2; echo 'no such table' >&2; exit 3");
    const failing = (async () => {
      for await (const _ of firewall().savedRules("nat"));
    })();
    expect((await errorOf(failing)).message).toContain("failed with status 3: no such table");
  });

  test("half a listing is an error, not a listing", async () => {
    program("iptables-save", "echo ':AWS-SNAT-CHAIN-0 - [0:0]'; exit 3");
    let text = "";
    const reading = (async () => {
      for await (const piece of firewall().savedRules("nat")) text += piece;
    })();
    expect((await errorOf(reading)).message).toContain("status 3");
    expect(text).toContain("AWS-SNAT");
  });
});

/** Both back ends, and nft. */
function reasonAgainst(): string | undefined {
  const missing = ["iptables-nft", "iptables-legacy", "nft", "sysctl"].filter(
    (name) => Bun.which(name, { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` }) === null,
  );
  return missing.length > 0 ? `${missing.join(", ")} not installed` : reasonAgainstOwnNamespace();
}

const reason = reasonAgainst();
if (reason !== undefined) process.stderr.write(`slash28: SNAT rules on a real kernel: skipped: ${reason}\n`);

test.if(reason === undefined)(
  "rules and packets on a real kernel, with both back ends",
  () => testInOwnNamespace("test/datapath/snat-rules.ts"),
  120_000,
);
