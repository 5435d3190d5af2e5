// slash28 up as a user runs it: the real command, real agents, the document it prints, and nothing left behind.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const ROOT = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "s28-up-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const documentSchema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, "docs/schemas/up.v1.json"), "utf8")));

interface Document {
  summary: { pods: number; running: number; refused: number; waitMsP50: number | null; waitMsP99: number | null };
  pods: {
    namespace: string;
    name: string;
    node: string | null;
    address: string | null;
    outcome: string;
    reason: string | null;
  }[];
  nodes: { name: string; enis: number; prefixes: number; addresses: number }[];
  subnets: { id: string; cidr: string; availableIpAddressCount: number; freePrefixCount: number }[];
  ec2: { action: string; code: string | null; count: number }[];
}

interface Ran {
  status: number;
  stdout: string;
  stderr: string;
}

/** TMPDIR is a folder of the test's own, so that what a run leaves behind is seen. */
async function up(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = Bun.spawn([join(ROOT, "bin/slash28"), "up", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, stdout, stderr };
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function parse(ran: Ran): Document {
  const value: unknown = JSON.parse(ran.stdout);
  const checked = documentSchema.safeParse(value);
  expect(checked.success ? [] : checked.error.issues).toEqual([]);
  return value as Document;
}

function cluster(options: {
  others: number;
  nodes?: number;
  pods: number;
  env?: string;
  policy?: "slash28" | "vpc-cni";
}): string {
  return `apiVersion: slash28/v1
kind: Cluster
subnets:
  - { id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24, otherAddresses: ${options.others} }
nodeGroups:
  - { name: n, instanceType: m5.large, count: ${options.nodes ?? 1}, maxPods: 30 }
cni:
  policy: ${options.policy ?? "vpc-cni"}
  env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1"${options.env ?? ""} }
workloads:
  - { name: web, pods: ${options.pods} }
run: { duration: 3m, seed: 5, speed: 20 }
`;
}

function leftovers(): string[] {
  return readdirSync(folder).filter((name) => name.startsWith("s28-"));
}

describe("slash28 up --once -o json", () => {
  test("every pod gets an address of its own in its node's prefixes; exit 0; nothing is left", async () => {
    const ran = await up([file("good.yaml", cluster({ others: 0, nodes: 2, pods: 12 })), "--once", "-o", "json"]);
    expect(ran.status).toBe(0);
    const document = parse(ran);
    expect(document.summary).toMatchObject({ pods: 12, running: 12, refused: 0 });
    const addresses = document.pods.map((pod) => pod.address);
    expect(new Set(addresses).size).toBe(12);
    expect(addresses.every((address) => address?.startsWith("10.0.0."))).toBe(true);
    expect(document.pods.every((pod) => pod.reason === null && /^n-[12]$/.test(pod.node ?? ""))).toBe(true);
    for (const node of document.nodes) expect(node.addresses).toBe(node.prefixes * 16);
    const prefixes = document.nodes.reduce((sum, node) => sum + node.prefixes, 0);
    const [subnet] = document.subnets;
    expect(subnet).toMatchObject({ id: "subnet-a", cidr: "10.0.0.0/24" });
    expect(subnet?.availableIpAddressCount).toBe(251 - 2 - 16 * prefixes);
    expect(document.ec2).toContainEqual({ action: "AssignPrivateIpAddresses", code: null, count: prefixes });
    expect(leftovers()).toEqual([]);
  }, 30_000);

  test("no free /28: refused pods with their reason, exit 1, or 0 with --exit-zero", async () => {
    const path = file("full.yaml", `${cluster({ others: 124, pods: 3 })}ec2: { createExhaustion: by-cause }\n`);
    const ran = await up([path, "--once", "-o", "json"]);
    expect(ran.status).toBe(1);
    const document = parse(ran);
    expect(document.summary).toMatchObject({ pods: 3, running: 0, refused: 3, waitMsP50: null });
    expect(document.pods.map((pod) => [pod.outcome, pod.address])).toEqual(Array(3).fill(["refused", null]));
    expect(document.pods[0]?.reason).toBe("subnet-fragmented");
    expect(document.ec2.some((one) => one.code === "InsufficientCidrBlocks")).toBe(true);
    expect(document.subnets[0]?.freePrefixCount).toBe(0);
    expect(document.subnets[0]?.availableIpAddressCount).toBeGreaterThan(100);
    const again = await up([path, "--once", "--exit-zero"]);
    expect(again.status).toBe(0);
    expect(again.stderr).toEndWith(
      "next: slash28 explain subnet-fragmented\n      the same run with --evidence DIR, then slash28 doctor DIR\n",
    );
    expect(again.stdout).toContain("9 x add cmd: failed to assign an IP address to container");
    expect(again.stdout).toContain("Cause: too few whole /28s in the subnets");
  }, 60_000);

  test("no free /28 under policy slash28: the pods wait a moment and get single addresses in broken blocks", async () => {
    const text = cluster({ others: 124, pods: 3, policy: "slash28" });
    const ran = await up([file("broken.yaml", `${text}ec2: { createExhaustion: by-cause }\n`), "--once", "-o", "json"]);
    const document = parse(ran);
    expect(document.summary).toMatchObject({ pods: 3, running: 3, refused: 0 });
    expect(document.nodes[0]).toMatchObject({ prefixes: 0 });
    expect(document.nodes[0]?.addresses).toBeGreaterThanOrEqual(3);
    expect(document.ec2).toContainEqual({
      action: "AssignPrivateIpAddresses",
      code: "InsufficientCidrBlocks",
      count: 1,
    });
    expect(ran.status).toBe(0);
  }, 60_000);

  test("110 pods at once on one serving m5.xlarge, policy slash28: they wait for one call, none is refused", async () => {
    const text = cluster({ others: 0, pods: 0, policy: "slash28" })
      .replace("cidr: 10.0.0.0/24, otherAddresses: 0", "cidr: 10.0.0.0/20")
      .replace("m5.large, count: 1, maxPods: 30", "m5.xlarge, count: 1, maxPods: 112")
      .replace("{ name: web, pods: 0 }", "{ name: web, pods: 110, at: 20s }")
      .replace("speed: 20", "speed: 4");
    const evidence = join(folder, "burst");
    const ran = await up([file("burst.yaml", text), "--once", "-o", "json", "--evidence", evidence]);
    const document = parse(ran);
    expect(document.summary).toMatchObject({ pods: 110, running: 110, refused: 0 });
    const assigned = document.ec2.find((one) => one.action === "AssignPrivateIpAddresses");
    // Stock, then six /28s in one call; on a slow machine the pods may be seen in two batches.
    expect(assigned).toMatchObject({ code: null });
    expect(assigned?.count).toBeLessThanOrEqual(3);
    // A first try that fails costs kubelet's 10 s at least; here real milliseconds count as four.
    expect(document.summary.waitMsP99).toBeLessThan(10_000);
    const log = readdirSync(evidence, { recursive: true })
      .map(String)
      .find((name) => name.endsWith("ipamd.log"));
    expect(ran.stderr).toEndWith(`next: slash28 doctor ${evidence}\n`);
    expect(readFileSync(join(evidence, log ?? "no log"), "utf8")).not.toContain("Refused ADD");
    expect(ran.status).toBe(0);
  }, 60_000);

  test("pods from manifests as kubectl prints them, instead of the file's workloads", async () => {
    const manifest = join(ROOT, "test/fixtures/manifests/list.yaml");
    const path = file("manifests.yaml", cluster({ others: 0, pods: 1 }));
    const ran = await up([path, "--once", "-o", "json", "--pods", manifest]);
    const document = parse(ran);
    const names = document.pods.map((pod) => `${pod.namespace}/${pod.name}`);
    expect(names).toContain("default/db-0");
    expect(names.some((name) => name.startsWith("default/web"))).toBe(false);
    const onHost = document.pods.find((pod) => pod.name.startsWith("node-exporter-"));
    expect(onHost).toMatchObject({ outcome: "running", address: null });
    expect(ran.stderr).toContain("ConfigMap makes no pods and is left out");
    expect(ran.status).toBe(0);
  }, 30_000);

  test("a VPC cloned from describe output: its running instances are the nodes, a trunk ENI on each that asks for one", async () => {
    const input = join(ROOT, "test/fixtures/real-input");
    const settings = file(
      "settings.yaml",
      `apiVersion: slash28/v1
kind: Cluster
vpc: { ec2Dump: ${join(input, "describe")} }
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_IP_TARGET: "20", ENABLE_POD_ENI: "true" } }
`,
    );
    const args = [settings, "--pods", join(input, "web.yaml"), "--speed", "20"];
    const ran = await up([...args, "--once", "-o", "json"]);
    const document = parse(ran);
    expect(document.summary.pods).toBe(120);
    expect(document.nodes.map((node) => node.name)).toContain("general-b-4");
    expect(document.nodes).toHaveLength(10);
    expect(document.nodes.every((node) => node.enis === 2)).toBe(true);
    expect(document.subnets.map((subnet) => subnet.cidr)).toEqual(["10.20.0.0/24", "10.20.4.0/22", "10.20.8.0/22"]);
    const [fragmented] = document.subnets;
    expect(fragmented?.freePrefixCount).toBe(0);
    for (const pod of document.pods) expect(pod.outcome === "refused").toBe(pod.node?.startsWith("general-a-") ?? true);
  }, 150_000);

  test("an agent that is killed comes back with its addresses", async () => {
    const text = cluster({ others: 0, pods: 4 })
      .replace("speed: 20", "speed: 5")
      .replace("{ name: web, pods: 4 }", "{ name: web, pods: 4 }\n  - { name: late, pods: 4, at: 30s }");
    const evidence = join(folder, "killed-agent");
    const running = up([file("kill.yaml", text), "--once", "-o", "json", "--evidence", evidence]);
    let run = "";
    let checkpoint = "";
    while (!checkpoint.includes("10.0.0.")) {
      await Bun.sleep(20);
      run = leftovers()[0] ?? "";
      const path = join(folder, run, "n1", "ipam.json");
      if (run !== "" && existsSync(path)) checkpoint = readFileSync(path, "utf8");
    }
    process.kill(Number(readFileSync(join(folder, run, "n1", "agent.pid"), "utf8")), "SIGKILL");
    const ran = await running;
    const document = parse(ran);
    expect(document.summary).toMatchObject({ pods: 8, running: 8 });
    expect(new Set(document.pods.map((pod) => pod.address)).size).toBe(8);
    // The agent printed nothing; that it was killed is a note of this program's, which no cluster would have.
    expect(readdirSync(join(evidence, "nodes/n-1"))).toEqual(["ipamd.log"]);
  }, 60_000);

  test("more pods than max-pods: unschedulable", async () => {
    const ran = await up([file("many.yaml", cluster({ others: 0, pods: 31 })), "--once", "-o", "json"]);
    const document = parse(ran);
    expect(document.pods.filter((pod) => pod.outcome === "unschedulable")).toHaveLength(3);
    expect(document.summary.running).toBe(28);
    expect(ran.status).toBe(1);
  }, 30_000);

  test("Ctrl-C ends a run in order: the report, no process, no folder", async () => {
    const child = Bun.spawn([join(ROOT, "bin/slash28"), "up", file("stop.yaml", cluster({ others: 124, pods: 2 }))], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    let run = "";
    while (run === "" || !existsSync(join(folder, run, "n1", "ipamd.sock"))) {
      await Bun.sleep(20);
      run = leftovers()[0] ?? "";
    }
    child.kill("SIGINT");
    const text = await new Response(child.stdout).text();
    expect(text).toMatch(/^Interrupted (after \S+|while the agents started): 0 of [02] pods run/);
    expect(text).not.toContain("Cause:");
    expect(text).not.toContain("starting");
    expect(await child.exited).toBe(130);
    expect(leftovers()).toEqual([]);
  }, 30_000);
});

describe("a terminal that is closed", () => {
  test("its second SIGHUP, from the shell, does not cut the end short: evidence whole, no folder", async () => {
    const evidence = join(folder, "hung-up");
    const path = file("hup.yaml", cluster({ others: 0, pods: 4 }));
    const child = Bun.spawn([join(ROOT, "bin/slash28"), "up", path, "--full", "--speed", "1", "--evidence", evidence], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    let run = "";
    while (run === "" || !existsSync(join(folder, run, "n1", "ipamd.sock"))) {
      await Bun.sleep(20);
      run = leftovers()[0] ?? "";
    }
    child.kill("SIGHUP");
    await Bun.sleep(5);
    child.kill("SIGHUP");
    expect(await child.exited).toBe(130);
    expect(readdirSync(join(evidence, "nodes/n-1"))).toEqual(["ipamd.log"]);
    expect(leftovers()).toEqual([]);
  }, 30_000);
});

/** Processes of one run, told by the folder in their environment. */
function processesOf(run: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`=${join(folder, run)}/`);
      } catch {
        return false;
      }
    });
}

describe.if(process.platform === "linux")("a run that was killed", () => {
  const spawn = (args: readonly string[]) =>
    Bun.spawn([join(ROOT, "bin/slash28"), "up", ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", TMPDIR: folder },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  const killedRun = async (args: readonly string[]): Promise<string> => {
    const before = leftovers();
    const child = spawn(args);
    let run: string | undefined;
    while (run === undefined || !existsSync(join(folder, run, "n2", "slash28.sock"))) {
      await Bun.sleep(20);
      run = leftovers().find((name) => !before.includes(name));
    }
    expect(processesOf(run).length).toBe(2);
    child.kill("SIGKILL");
    await child.exited;
    return run;
  };

  test("takes its agents along; the next run removes its folder, and not one that is kept, lives or is somebody else's", async () => {
    const path = file("killed.yaml", cluster({ others: 0, nodes: 2, pods: 4 }));
    const run = await killedRun([path]);
    const kept = await killedRun([path, "--keep"]);
    for (let i = 0; i < 250 && processesOf(run).length + processesOf(kept).length > 0; i++) await Bun.sleep(20);
    expect([...processesOf(run), ...processesOf(kept)]).toEqual([]);
    const foreign = join(folder, "s28-foreign");
    mkdirSync(foreign);
    const living = spawn([path, "--speed", "1"]);
    while (leftovers().length < 3 || leftovers().includes(run)) await Bun.sleep(20);
    const other = leftovers().filter((name) => ![kept, "s28-foreign"].includes(name));
    await up([path, "--once", "-o", "json"]);
    expect(leftovers().toSorted()).toEqual([kept, "s28-foreign", ...other].toSorted());
    expect(other).toHaveLength(1);
    living.kill("SIGINT");
    await living.exited;
    for (const name of [kept, "s28-foreign"]) rmSync(join(folder, name), { recursive: true });
  }, 60_000);
});

describe("input that cannot be used", () => {
  test("a cluster file with errors: each with its place, exit 2, no stack", async () => {
    const ran = await up([file("bad.yaml", cluster({ others: 0, pods: 1 }).replace("m5.large", "m5.lrage")), "--once"]);
    expect(ran.status).toBe(2);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toContain('bad.yaml:6:30: unknown instance type "m5.lrage"');
    expect(ran.stderr).not.toMatch(/\n\s+at /);
  });

  test("a file that is not there: exit 3", async () => {
    const ran = await up(["nowhere.yaml"]);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toContain("nowhere.yaml: there is no such file");
  });

  test("a place where no evidence can be written: exit 2 before anything runs", async () => {
    const path = file("evidence.yaml", cluster({ others: 0, pods: 1 }));
    for (const place of [path, join(path, "below")]) {
      const ran = await up([path, "--once", "--evidence", place]);
      expect(ran).toMatchObject({ status: 2, stdout: "" });
      expect(ran.stderr).toContain(`no evidence can be written to ${place}: ${path} is no folder`);
    }
    expect(leftovers()).toEqual([]);
  }, 30_000);

  test("an environment that contradicts itself, and a policy that this release lacks", async () => {
    const v6 = await up([file("v6.yaml", cluster({ others: 0, pods: 1, env: ', ENABLE_IPv6: "true"' })), "--once"]);
    expect(v6.status).toBe(2);
    expect(v6.stderr).toContain("ENABLE_IPv6");
    const policy = await up([file("policy.yaml", cluster({ others: 0, pods: 1 })), "--once", "--policy", "slash29"]);
    expect(policy.status).toBe(2);
    expect(policy.stderr).toContain("'slash29' is invalid. Allowed choices are vpc-cni, slash28.");
    expect(leftovers()).toEqual([]);
  }, 30_000);

  test("folders that cannot be made for the agents: the run ends and takes back what it had begun", async () => {
    // mkdtemp's path fits into PATH_MAX (4096), that of a file two folders below does not.
    const top = mkdtempSync(join(tmpdir(), "s28-deep-"));
    let place = top;
    while (place.length < 3_850) place = join(place, "x".repeat(200));
    place = join(place, "x".repeat(4_080 - place.length - 1));
    mkdirSync(place, { recursive: true });
    try {
      const ran = await up([file("deep.yaml", cluster({ others: 0, pods: 1 })), "--once"], { TMPDIR: place });
      expect(ran.stderr).toContain("ENAMETOOLONG");
      expect(ran.status).toBe(4);
      expect(readdirSync(place)).toEqual([]);
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  }, 30_000);

  test("a dump folder without files: exit 3 and what to save there", async () => {
    const ran = await up(["--ec2", folder, "--once"]);
    expect(ran.status).toBe(3);
    expect(ran.stderr).toContain("describe-vpcs");
  });
});
