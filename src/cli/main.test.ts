// The executable as a user sees it: output, exit status, what stands on stderr.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { CLASS_IDS } from "../diagnose/facts/class-ids.ts";
import { RULES } from "../diagnose/lint/rules/index.ts";
import { REASONS } from "../ipam/reasons.ts";
import { main } from "./main.ts";
import { buildProgram, COMMANDS } from "./program.ts";

const MAIN = join(import.meta.dir, "main.ts");

async function slash28(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}

describe("slash28", () => {
  test("prints its version, as text and as JSON", async () => {
    const text = await slash28("version");
    expect(text).toMatchObject({ status: 0, err: "" });
    expect(text.out).toStartWith("slash28 0.");
    expect(await slash28("--version")).toEqual(text);
    const json = await slash28("version", "-o", "json");
    expect(JSON.parse(json.out)).toMatchObject({
      schema: "slash28/version/v1",
      reference: "amazon-vpc-cni-k8s v1.23.1",
    });
  });

  test("explains each reason, class and code, and lists them", async () => {
    const list = await slash28("explain", "list");
    const named = new Set(list.out.split("\n").map((line) => line.trim().split(" ")[0]));
    for (const name of [...REASONS, ...CLASS_IDS, ...RULES.map((rule) => rule.code)]) expect(named).toContain(name);
    const page = await slash28("explain", "subnet-fragmented");
    expect(page.status).toBe(0);
    expect(page.out).toContain("create-subnet-cidr-reservation");
  });

  test("help of a command that is none says so", async () => {
    const help = await slash28("help", "simulat");
    expect(help.status).toBe(2);
    expect(help.err).toContain('there is no command "simulat"; did you mean simulate?');
    expect((await slash28("help", "version")).out).toContain("Usage: slash28 version");
  });

  test("a usage error exits with 2 and suggests what was meant", async () => {
    const command = await slash28("verson");
    expect(command.status).toBe(2);
    expect(command.err).toContain("Did you mean version?");
    const option = await slash28("version", "--outptu", "json");
    expect(option.status).toBe(2);
    expect(option.err).toContain("Did you mean --output?");
    const reason = await slash28("explain", "coolin");
    expect(reason.status).toBe(2);
    expect(reason.err).toContain("did you mean cooling?");
    expect(reason.err).not.toContain("    at ");
    const nothing = await slash28();
    expect(nothing.status).toBe(2);
    expect(nothing.err).toContain("Usage: slash28");
  });

  test("help goes to stdout and exits with 0", async () => {
    const help = await slash28("--help");
    expect(help).toMatchObject({ status: 0, err: "" });
    for (const entry of COMMANDS) expect(help.out).toContain(`  ${entry.name}`);
  });

  test("a reader that closes early is no error", async () => {
    const child = Bun.spawn(["sh", "-c", `"$0" "$1" explain list | head -n 1`, process.execPath, MAIN], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
  });

  test("completion scripts name every command, and bash accepts its own", async () => {
    const scripts = await Promise.all(["bash", "zsh", "fish"].map((shell) => slash28("completion", shell)));
    for (const { out, status } of scripts) {
      expect(status).toBe(0);
      for (const entry of COMMANDS) expect(out).toContain(entry.name);
    }
    const probe = `${scripts[0]?.out}\nCOMP_WORDS=(slash28 completion z) COMP_CWORD=2; _slash28; echo "\${COMPREPLY[@]}"`;
    const bash = Bun.spawn(["bash", "-c", probe], { stdout: "pipe", stderr: "pipe" });
    expect((await new Response(bash.stdout).text()).trim()).toBe("zsh");
  }, 20_000);

  test("the overview shows each command's own description", async () => {
    const program = await buildProgram(undefined);
    for (const entry of COMMANDS) {
      const command = program.commands.find((candidate) => candidate.name() === entry.name);
      expect(command?.description()).toBe(entry.summary);
    }
  });

  test("an internal error is one line, a next step and status 4; the stack only on request", async () => {
    const entry = COMMANDS[0];
    if (entry === undefined) throw new Error("no commands");
    const written: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0;
    try {
      const broken = { ...entry, load: () => Promise.reject(new Error("boom\nsecond line")) };
      expect(await main([entry.name, "list"], [broken])).toBe(4);
    } finally {
      process.stderr.write = write;
    }
    expect(written.join("")).toBe(
      "slash28: internal error: boom\n  next: run it again with SLASH28_DEBUG=1 and report the output, with that of `slash28 version`.\n",
    );
  });

  test("an output that cannot be written is one line, a next step and status 4", async () => {
    const full = Bun.spawn(
      ["sh", "-c", `"$0" "$1" explain list > /dev/full`, process.execPath, `${import.meta.dir}/main.ts`],
      {
        stderr: "pipe",
      },
    );
    const said = await new Response(full.stderr).text();
    expect(said).toMatch(/^slash28: the output cannot be written: ENOSPC.*\n {2}next: .*\n$/);
    expect(await full.exited).toBe(4);
  }, 20_000);

  test("a span of a trace that holds no time is a usage error", async () => {
    const moment = "2026-03-01T00:00:00Z";
    expect(await main(["trace", "no-such.log", "--from", moment, "--to", moment])).toBe(2);
    expect(await main(["trace", "no-such.log", "--from", moment])).toBe(3);
  });
});
