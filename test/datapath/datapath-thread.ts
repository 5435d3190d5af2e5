// The datapath's thread at work on a real kernel. Started by src/drivers/datapath-thread.test.ts inside namespaces of its own.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseIpv4 } from "../../src/base/ipv4.ts";
import type { PodWiring } from "../../src/datapath/types.ts";
import { type DatapathThread, startDatapathThread } from "../../src/drivers/datapath-thread.ts";
import { makeNamespace } from "./netns.ts";
import { run } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "slash28-thread-"));
const POD_COUNT = 12;
let thread: DatapathThread;

const pods: PodWiring[] = Array.from({ length: POD_COUNT }, (_, i) => ({
  ...{ networkName: "aws-cni", containerId: `c${i}`, ifName: "eth0", namespace: "default", podName: `web-${i}` },
  ...{ netnsPath: join(folder, `pod${i}`), address: parseIpv4("10.0.101.0")! + i, routeTableId: 254 },
  ...{ mtu: 9001, vethPrefix: "eni" },
}));

beforeAll(async () => {
  for (const pod of pods) makeNamespace(pod.netnsPath);
  thread = await startDatapathThread({ hostNamespacePath: undefined });
});

afterAll(() => {
  thread.close();
  for (const name of readdirSync(folder)) run("umount", "--lazy", join(folder, name));
  rmSync(folder, { recursive: true, force: true });
});

test("pods asked for at once are all wired; the main thread's namespace is what it was", async () => {
  const before = readlinkSync("/proc/self/ns/net");
  const outcomes = await Promise.all(pods.map((pod) => thread.wirePod(pod)));
  expect(outcomes.map((outcome) => outcome.kind)).toEqual(pods.map(() => "wired"));
  expect(outcomes.map((outcome) => outcome.kind === "wired" && outcome.isRepeat)).toEqual(pods.map(() => false));
  expect(run("ip", "rule").match(/^512:/gm)?.length).toBe(POD_COUNT);
  expect(await Promise.all(pods.map((pod) => thread.checkPod(pod)))).toEqual(pods.map(() => []));
  const again = await thread.wirePod(pods[0]!);
  expect(again).toMatchObject({ kind: "wired", isRepeat: true });
  expect(readlinkSync("/proc/self/ns/net")).toBe(before);
});

test("what fails is said, and the next question is answered", async () => {
  const absent = { ...pods[0]!, podName: "other", netnsPath: join(folder, "absent") };
  expect(await thread.wirePod(absent)).toMatchObject({ kind: "failed", problem: "namespace-gone" });
  // The same is known before the thread is asked.
  expect(await thread.wirePod(absent)).toMatchObject(thread.refusalOf(absent) ?? {});
  expect(thread.refusalOf(absent)).toMatchObject({ problem: "namespace-gone" });
  const own = { ...pods[0]!, netnsPath: "/proc/self/ns/net" };
  expect(await thread.wirePod(own)).toMatchObject(thread.refusalOf(own) ?? {});
  expect(thread.refusalOf(own)).toMatchObject({ problem: "invalid-wiring" });
  expect(thread.refusalOf({ ...pods[0]!, mtu: 1 })).toMatchObject({ problem: "invalid-wiring" });
  for (const netnsPath of [pods[0]!.netnsPath, import.meta.path, join(import.meta.path, "below")])
    expect(thread.refusalOf({ ...pods[0]!, netnsPath })).toBeUndefined();
  const noEni = { mac: "02:00:00:00:00:99", primaryAddress: 1, subnet: { base: 0, prefixLength: 24 } };
  const settings = { routeTableId: 2, mtu: 9001, isPrimary: false, isTrunk: false };
  const refusal = await thread.setUpEni({ ...noEni, ...settings }).catch((error: Error) => error.message);
  expect(refusal).toContain("02:00:00:00:00:99");
  expect(await thread.linkNames()).toContain("lo");
  expect(await thread.setSysctl("net/ipv4/ip_forward", "1")).toBe("1");
  expect(await thread.linkIndexOf("02:00:00:00:00:99")).toBeUndefined();
});

test("after DEL nothing is left: links go with their namespaces, and the one that does not is deleted some seconds later", async () => {
  const names = (await thread.linkNames()).filter((name) => name.startsWith("eni"));
  expect(names.length).toBe(POD_COUNT);
  const wired = await Promise.all(pods.map((pod) => thread.wirePod(pod)));
  for (const [i, pod] of pods.entries()) {
    const outcome = wired[i]!;
    const hostInterface = outcome.kind === "wired" ? outcome.hostInterface : "";
    const removal = { attachment: pod, address: pod.address, hostInterface, vlanId: 0 };
    expect(await thread.unwirePod(removal)).toEqual([]);
    if (i > 0) run("umount", "--lazy", pod.netnsPath);
    if (i > 0) rmSync(pod.netnsPath);
  }
  expect(run("ip", "rule")).not.toContain("512:");
  const started = Date.now();
  let left: readonly string[] = [];
  do {
    await Bun.sleep(100);
    left = (await thread.linkNames()).filter((name) => name.startsWith("eni"));
  } while (left.length > 0 && Date.now() - started < 20_000);
  expect(left).toEqual([]);
  expect(Date.now() - started).toBeGreaterThan(3_000);
});

test("a node in another namespace; a process whose thread was closed ends", () => {
  const path = makeNamespace(join(folder, "node"));
  const script = `
    import { startDatapathThread } from ${JSON.stringify(join(import.meta.dir, "../../src/drivers/datapath-thread.ts"))};
    const thread = await startDatapathThread({ hostNamespacePath: ${JSON.stringify(path)} });
    const asked = thread.linkNames();
    console.log(JSON.stringify(await asked));
    thread.close();
    console.log(await thread.linkNames().catch((error) => error.message));`;
  const result = Bun.spawnSync([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe", timeout: 10_000 });
  expect(result.stdout.toString()).toBe('["lo"]\nThe datapath was closed\n');
  expect(result.exitCode).toBe(0);
});
