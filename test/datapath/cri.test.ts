// Pods by containerd, which nobody here wrote.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Containerd, whyNoContainerd } from "./containerd.ts";
import { ipIn, talk } from "./netns.ts";
import { run } from "./run.ts";

const missing = whyNoContainerd();
if (missing !== undefined) process.stderr.write(`slash28: skipped: pods through containerd: ${missing}\n`);

/** Debian's point-to-point plugin, its books in the test's folder. */
function ptpList(folder: string): string {
  const ipam = {
    type: "host-local",
    subnet: "10.77.0.0/24",
    routes: [{ dst: "0.0.0.0/0" }],
    dataDir: join(folder, "ipam"),
  };
  return JSON.stringify({ cniVersion: "0.4.0", name: "ptp-test", plugins: [{ type: "ptp", ipam }] });
}

function textOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // it is no process, or has ended meanwhile
  }
}

describe.if(missing === undefined)("the runtime itself, with Debian's ptp", () => {
  const node = `s28ptp-${process.pid}`;
  const nodePath = `/run/netns/${node}`;
  let folder = "";
  let runtime: Containerd;
  beforeAll(async () => {
    run("ip", "netns", "add", node);
    run("ip", "-n", node, "link", "set", "lo", "up");
    folder = mkdtempSync(join(tmpdir(), "s28c-"));
    runtime = await Containerd.start({ folder, netnsPath: nodePath, conflist: ptpList(folder) });
  }, 60_000);
  afterAll(async () => {
    await runtime?.close();
    run("ip", "netns", "del", node);
  }, 60_000);

  test("a sandbox comes with an address, survives the runtime's restart, talks, and leaves nothing", async () => {
    expect(await runtime.cri.version()).toStartWith("containerd ");
    const id = await runtime.cri.runPod({ namespace: "default", name: "web-0", uid: "uid-0" });
    await runtime.restart();
    const status = await runtime.cri.status(id);
    expect(status).toMatchObject({ id, isReady: true, address: "10.77.0.2" });
    expect(ipIn(status.netnsPath, "-o", "-4", "addr", "show", "dev", "eth0")).toContain("inet 10.77.0.2/24");
    const source = await talk({ from: nodePath, to: status.netnsPath, address: status.address, port: 8080 });
    expect(source).toBe("10.77.0.1");
    await runtime.cri.stop(id);
    expect(await runtime.cri.status(id)).toMatchObject({ isReady: false, address: "" });
    await runtime.cri.remove(id);
    expect(await runtime.cri.list()).toEqual([]);
    expect(existsSync(status.netnsPath)).toBe(false);
    expect(run("ip", "-n", node, "-o", "link", "show", "type", "veth")).toBe("");
  }, 60_000);

  test("what is left running at the end is cleared away", async () => {
    const other = mkdtempSync(join(tmpdir(), "s28c-"));
    const second = await Containerd.start({ folder: other, netnsPath: nodePath, conflist: ptpList(other) });
    const id = await second.cri.runPod({ namespace: "default", name: "web-1", uid: "uid-1" });
    expect(second.ctr("-n", "k8s.io", "tasks", "ls", "-q")).toContain(id);
    // The shim has the id in its arguments, the sandbox in its control groups.
    const isRunning = () =>
      readdirSync("/proc").some((pid) => `${textOf(pid, "cmdline")} ${textOf(pid, "cgroup")}`.includes(id));
    expect(isRunning()).toBe(true);
    await second.crash();
    await second.close();
    const endMs = performance.now() + 5_000;
    while (isRunning() && performance.now() < endMs) await Bun.sleep(20);
    expect(isRunning()).toBe(false);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(other);
    expect(existsSync(other)).toBe(false);
    const cached = existsSync("/var/lib/cni/results") ? readdirSync("/var/lib/cni/results") : [];
    expect(cached.filter((name) => name.includes(id))).toEqual([]);
  }, 60_000);
});
