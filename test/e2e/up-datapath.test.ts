// slash28 up --datapath as a user runs it: real agents wire real namespaces through the real plugin, their pings are in the
// document, and nothing is left behind.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { NAMESPACE_FOLDER } from "../../src/drivers/network-namespaces.ts";
import { canBuildNetworks } from "../datapath/root.ts";

const ROOT = join(import.meta.dir, "../..");
const EXAMPLE = join(ROOT, "examples/datapath.yaml");
const folder = mkdtempSync(join(tmpdir(), "s28-updp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documentSchema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/up.v1.json"), "utf8")));

interface Document {
  summary: { pods: number; running: number };
  pods: { node: string; address: string | null; outcome: string }[];
  nodes: { enis: number }[];
  pings: { path: string; sent: number; answered: number; wrongSource: number; msP50: number | null }[];
}

interface AgentPod {
  metadata: { name: string };
  status: { containerStatuses: object[] };
}

/** `isGroup`: it leads a process group, as a terminal's job does. */
function start(args: readonly string[], { isGroup = false } = {}) {
  return Bun.spawn([join(ROOT, "bin/slash28"), "up", ...args], {
    cwd: folder,
    detached: isGroup,
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

function namespacesOf(pid: number): string[] {
  if (!existsSync(NAMESPACE_FOLDER)) return [];
  return readdirSync(NAMESPACE_FOLDER).filter((name) => name.startsWith(`s28-${pid}-`));
}

async function ran(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  return new Response(child.stdout).text();
}

/** Agents and plugins of a run, told by the namespaces that their environment names. */
function processesIn(pid: number): string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "utf8").includes(`/s28-${pid}-`);
    } catch {
      return false;
    }
  });
}

describe.if(canBuildNetworks("up --datapath"))("slash28 up --datapath", () => {
  test("40 pods on two nodes are namespaces that reach each other and the outside; nothing is left", async () => {
    const child = start([EXAMPLE, "--datapath", "--once", "-o", "json"]);
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const status = await child.exited;
    expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
    const value: unknown = JSON.parse(stdout);
    const checked = documentSchema.safeParse(value);
    expect(checked.success ? [] : checked.error.issues).toEqual([]);
    const document = value as Document;
    expect(document.summary.running).toBe(document.summary.pods);
    expect(document.nodes.map((node) => node.enis)).toEqual([2, 2]);
    expect(document.pings.map((one) => one.path)).toEqual(["same-node", "other-node", "secondary-eni", "outside"]);
    for (const one of document.pings) {
      expect(one.sent).toBeGreaterThan(20);
      expect(one).toMatchObject({ answered: one.sent, wrongSource: 0 });
    }
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 120_000);

  test("a pod whose link was cut is the first of those whose pings fail; its namespace was named while it ran", async () => {
    const evidence = mkdtempSync(join(tmpdir(), "evidence-"));
    const child = start([EXAMPLE, "--datapath", "--full", "--speed", "2", "--evidence", evidence]);
    const name = `s28-${child.pid}-p3`;
    while (!(await ran(["ip", "netns", "exec", name, "ip", "addr", "show", "dev", "eth0"])).includes("inet ")) {
      await Bun.sleep(100);
    }
    await ran(["ip", "netns", "exec", name, "ip", "link", "del", "eth0"]);
    await Bun.sleep(9_000);
    child.kill("SIGINT");
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await child.exited;
    expect(stdout).toMatch(
      new RegExp(`pods at an end of failed pings .*\\n  \\S+ +10\\.\\S+ +small-\\d +${name} +[1-9]`),
    );
    expect(stderr).toContain(`look: ip netns exec s28-${child.pid}-n1 ip rule\n`);
    expect(stderr).toContain("ip netns exec s28-PID-p3 ip addr");
    for (const node of ["small-1", "small-2"])
      expect(readFileSync(join(evidence, "nodes", node, "plugin.log"), "utf8")).toContain("Received CNI add request");
    rmSync(evidence, { recursive: true });
  }, 60_000);

  test("Ctrl-C ends it in order: no namespace, no folder", async () => {
    const child = start([EXAMPLE, "--datapath"]);
    while (namespacesOf(child.pid).filter((name) => /-p\d+$/.test(name)).length < 5) await Bun.sleep(20);
    child.kill("SIGINT");
    expect(await new Response(child.stdout).text()).toContain("pings between pods");
    await child.exited;
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);

  test("Ctrl-C of a terminal reaches the whole job: pods in the midst of their wiring and agents are no finding", async () => {
    const evidence = mkdtempSync(join(tmpdir(), "evidence-"));
    const child = start([EXAMPLE, "--datapath", "--evidence", evidence], { isGroup: true });
    while (namespacesOf(child.pid).filter((name) => /-p\d+$/.test(name)).length < 5) await Bun.sleep(20);
    process.kill(-child.pid, "SIGINT");
    const stdout = await new Response(child.stdout).text();
    expect(await child.exited).toBe(130);
    expect(stdout).toContain("no answer yet");
    expect(stdout).not.toContain("network-setup-failed");
    const evidenceText = (path: string): string => readFileSync(join(evidence, path), "utf8");
    expect(JSON.parse(evidenceText("events.json"))).toMatchObject({ items: [] });
    const agents = (JSON.parse(evidenceText("pods.json")) as { items: AgentPod[] }).items.filter((pod) =>
      pod.metadata.name.startsWith("aws-node-"),
    );
    expect(agents.map((pod) => pod.status.containerStatuses[0])).toMatchObject(
      Array(2).fill({ ready: true, restartCount: 0, state: { running: {} } }),
    );
    for (const node of ["small-1", "small-2"])
      expect(evidenceText(`nodes/${node}/ipamd.log`)).not.toMatch(/no available IP|AWS CNI is terminating/);
    rmSync(evidence, { recursive: true });
  }, 60_000);

  test("Ctrl-C while the network is still being made ends it in order, too", async () => {
    const child = start([EXAMPLE, "--datapath"], { isGroup: true });
    while (namespacesOf(child.pid).length === 0) await Bun.sleep(1);
    process.kill(-child.pid, "SIGINT");
    expect(await new Response(child.stdout).text()).toContain("0 of 0 pods run");
    expect(await child.exited).toBe(130);
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);

  test("a run that was killed leaves namespaces and files but no process, and the next run removes them", async () => {
    const child = start([EXAMPLE, "--datapath"]);
    while (namespacesOf(child.pid).filter((name) => /-p\d+$/.test(name)).length < 5) await Bun.sleep(20);
    const [run] = readdirSync(folder);
    child.kill("SIGKILL");
    await child.exited;
    while (processesIn(child.pid).length > 0) await Bun.sleep(20);
    expect(namespacesOf(child.pid)).not.toEqual([]);
    const next = start([EXAMPLE, "--datapath"]);
    while (namespacesOf(next.pid).length < 4) await Bun.sleep(20);
    expect(namespacesOf(child.pid)).toEqual([]);
    expect(readdirSync(folder)).not.toContain(run);
    next.kill("SIGINT");
    await next.exited;
  }, 60_000);
});
