// Pods with our plugin and agent, by containerd: what a kubelet would see of an address, of a refusal, and of a node whose runtime
// or agent is away.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EchoPlace } from "../../src/up/echo.ts";
import { PEER_ADDRESS } from "../../src/up/fabric.ts";
import { Containerd, whyNoContainerd } from "./containerd.ts";
import { ipIn, talk } from "./netns.ts";
import { NodeRig } from "./node-rig.ts";
import { PAUSE_IMAGE } from "./pause-image.ts";
import { runPlugin } from "./plugin-run.ts";
import { canBuildNetworks } from "./root.ts";
import { SYSTEM_PATH } from "./run.ts";

const missing = whyNoContainerd();
if (missing !== undefined) process.stderr.write(`slash28: skipped: our pods through containerd: ${missing}\n`);

describe.if(missing === undefined && canBuildNetworks("our pods through containerd"))("pods by containerd", () => {
  let rig: NodeRig;
  let runtime: Containerd;
  let peer: EchoPlace;
  let nodeAddress = "";
  let podCount = 0;

  /** The reference's list, with its chain. */
  const conflist = (type: string): string =>
    JSON.stringify({
      cniVersion: "0.4.0",
      name: "aws-cni",
      disableCheck: true,
      plugins: [rig.pluginConfig(type), { type: "portmap", capabilities: { portMappings: true }, snat: true }],
    });
  const nextPod = () => {
    podCount++;
    return { namespace: "default", name: `web-${podCount}`, uid: `uid-${podCount}` };
  };
  /** What the node has that is of an address: rules, routes, links. */
  const traces = (address: string): string[] =>
    `${ipIn(rig.netnsPath, "rule")}${ipIn(rig.netnsPath, "route", "show", "table", "all")}`
      .split("\n")
      .filter((line) => line.split(/[\s/]+/).includes(address));
  const podLinks = (): string[] =>
    ipIn(rig.netnsPath, "-o", "link", "show", "type", "veth")
      .split("\n")
      .map((line) => /^\d+: (eni[0-9a-f]{11})@/.exec(line)?.[1] ?? "")
      .filter((name) => name !== "");
  /** A namespace's links go a moment after it. */
  const settled = async (): Promise<string[]> => {
    const endMs = performance.now() + 5_000;
    while (podLinks().length > 0 && performance.now() < endMs) await Bun.sleep(50);
    return podLinks();
  };

  beforeAll(async () => {
    rig = await NodeRig.create({ instanceType: "t3.small", maxPods: 110, env: { SLASH28_ADD_DEADLINE: "2" } });
    await rig.startAgent();
    runtime = await Containerd.start({
      folder: mkdtempSync(join(tmpdir(), "s28c-")),
      netnsPath: rig.netnsPath,
      conflist: conflist("aws-cni"),
      plugins: { "slash28-cni": rig.plugin, "aws-cni": rig.plugin },
    });
    nodeAddress = /inet ([\d.]+)/.exec(ipIn(rig.netnsPath, "-4", "-o", "addr", "show", "dev", "eth0"))?.[1] ?? "";
    peer = await EchoPlace.open(rig.fabric.outsideNamespace, { address: PEER_ADDRESS });
  }, 120_000);
  afterAll(async () => {
    peer?.close();
    await runtime?.close();
    await rig?.close();
  }, 60_000);

  test("[datapath 18.1] a sandbox has the address that the agent gave, talks with it, and leaves nothing", async () => {
    const id = await runtime.cri.runPod(nextPod());
    const { address, netnsPath, isReady } = await runtime.cri.status(id);
    expect(isReady).toBe(true);
    expect(rig.allocations().get(id)).toBe(address);
    expect(ipIn(netnsPath, "-o", "-4", "addr", "show", "dev", "eth0")).toContain(`inet ${address}/32 scope global`);
    const pod = await EchoPlace.open(netnsPath);
    // To where the VPC does not reach, with the node's address.
    expect((await pod.ping(PEER_ADDRESS))?.seenFrom).toBe(nodeAddress);
    expect((await peer.ping(address))?.seenFrom).toBe(PEER_ADDRESS);
    pod.close();
    expect(traces(address).length).toBeGreaterThan(0);
    await runtime.cri.stop(id);
    expect(traces(address)).toEqual([]);
    expect(rig.allocations().has(id)).toBe(false);
    await runtime.cri.remove(id);
    expect(existsSync(netnsPath)).toBe(false);
    expect(await settled()).toEqual([]);
  }, 60_000);

  test("[datapath 18.15] 40 sandboxes at once: 40 addresses, each its own, and nothing is left of them", async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, () => runtime.cri.runPod(nextPod())));
    const statuses = await Promise.all(ids.map((id) => runtime.cri.status(id)));
    const addresses = statuses.map((status) => status.address);
    expect(new Set(addresses).size).toBe(40);
    const allocations = rig.allocations();
    expect(ids.map((id) => allocations.get(id))).toEqual(addresses);
    expect(podLinks().length).toBe(40);
    const echoes = await Promise.all(statuses.map((status) => EchoPlace.open(status.netnsPath)));
    const heard = await Promise.all(echoes.map((echo) => echo.ping(PEER_ADDRESS)));
    for (const echo of echoes) echo.close();
    expect(heard.map((one) => one?.seenFrom)).toEqual(addresses.map(() => nodeAddress));
    await Promise.all(
      ids.map(async (id) => {
        await runtime.cri.stop(id);
        await runtime.cri.remove(id);
      }),
    );
    expect(addresses.flatMap(traces)).toEqual([]);
    expect(rig.allocations().size).toBe(0);
    expect(await settled()).toEqual([]);
  }, 120_000);

  test("the chained portmap finds the pod's address in our result", async () => {
    const id = await runtime.cri.runPod({ ...nextPod(), portMappings: [{ containerPort: 8080, hostPort: 30_080 }] });
    const { netnsPath } = await runtime.cri.status(id);
    const source = await talk({
      from: rig.fabric.outsideNamespace,
      to: netnsPath,
      address: nodeAddress,
      port: 30_080,
      serverPort: 8080,
    });
    expect(source).not.toBe("");
    await runtime.cri.stop(id);
    await runtime.cri.remove(id);
  }, 60_000);

  test("the runtime's restart: cached results find their DEL, also by the name aws-cni after the list names slash28-cni", async () => {
    const id = await runtime.cri.runPod(nextPod());
    const { address } = await runtime.cri.status(id);
    writeFileSync(join(runtime.confFolder, "10-pods.conflist"), conflist("slash28-cni"));
    await runtime.restart();
    expect((await runtime.cri.status(id)).address).toBe(address);
    const other = await runtime.cri.runPod(nextPod());
    await runtime.cri.stop(id);
    expect(traces(address)).toEqual([]);
    expect(rig.allocations().has(id)).toBe(false);
    await runtime.cri.stop(other);
    for (const sandbox of [id, other]) await runtime.cri.remove(sandbox);
    expect(rig.allocations().size).toBe(0);
  }, 60_000);

  test("[datapath 18.11] without the agent a sandbox is stopped all the same; the agent's next start frees its address", async () => {
    const id = await runtime.cri.runPod(nextPod());
    const { address } = await runtime.cri.status(id);
    await rig.stopAgent("SIGKILL");
    await runtime.cri.stop(id);
    await runtime.cri.remove(id);
    expect(traces(address)).toEqual([]);
    expect(rig.allocations().get(id)).toBe(address);
    await rig.startAgent();
    const endMs = performance.now() + 10_000;
    while (rig.allocations().has(id) && performance.now() < endMs) await Bun.sleep(50);
    expect(rig.allocations().has(id)).toBe(false);
    const again = await runtime.cri.runPod(nextPod());
    await runtime.cri.stop(again);
    await runtime.cri.remove(again);
  }, 60_000);

  test("a sandbox that gets no address says why, behind the words that users know", async () => {
    const held: Record<string, string>[] = [];
    for (;;) {
      const key = { networkName: "aws-cni", containerId: `held-${held.length}`, ifName: "eth0" };
      const reply = await rig.ask({ op: "add", ...key, namespace: "default", podName: key.containerId });
      if (!reply.ok) break;
      held.push(key);
    }
    const failure = await runtime.cri.runPod(nextPod()).then(
      () => undefined,
      (error: { details: string }) => error.details,
    );
    expect(failure).toMatch(
      /^failed to setup network for sandbox "[0-9a-f]{64}": plugin type="(?:slash28|aws)-cni" name="aws-cni" failed \(add\): add cmd: failed to assign an IP address to container: [a-z-]+/,
    );
    expect(await runtime.cri.list()).toEqual([]);
    for (const key of held) await rig.ask({ op: "del", ...key });
  }, 60_000);

  test("CHECK by prevResult sees what is missing; STATUS and GC answer", async () => {
    const netnsPath = rig.fabric.createPodNamespace("checked");
    const pod = { containerId: "checked-1", podName: "checked", netnsPath };
    const added = await runPlugin(rig, { command: "ADD", ...pod });
    expect(added.exitCode).toBe(0);
    const prevResult = added.answer;
    const address = rig.allocations().get(pod.containerId) ?? "";
    expect(prevResult?.["ips"]).toEqual([{ interface: 1, address: `${address}/32` }]);
    const check = () => runPlugin(rig, { command: "CHECK", ...pod, config: { prevResult } });
    expect(await check()).toEqual({ exitCode: 0, answer: undefined });
    ipIn(netnsPath, "route", "del", "default");
    expect(await check()).toMatchObject({ exitCode: 1, answer: { code: 120 } });
    expect(await runPlugin(rig, { command: "STATUS" })).toEqual({ exitCode: 0, answer: undefined });
    const valid = (attachments: object[]) => ({ "cni.dev/valid-attachments": attachments });
    const kept = await runPlugin(rig, {
      command: "GC",
      config: valid([{ containerID: pod.containerId, ifname: "eth0" }]),
    });
    expect(kept).toEqual({ exitCode: 0, answer: undefined });
    expect(rig.allocations().get(pod.containerId)).toBe(address);
    expect(await runPlugin(rig, { command: "GC", config: valid([]) })).toEqual({ exitCode: 0, answer: undefined });
    expect(rig.allocations().has(pod.containerId)).toBe(false);
    expect(traces(address)).toEqual([]);
    rig.fabric.removePodNamespace("checked");
    expect(await settled()).toEqual([]);
  }, 60_000);

  test("ctr run --cni, which names no pod: an address while it runs, nothing after", async () => {
    // ctr knows one place of plugins and one of lists: it gets a view of its own of /etc, /opt and /var/lib.
    const view = mkdtempSync(join(tmpdir(), "s28v-"));
    for (const path of ["etc/cni/net.d", "opt/cni", "lib"]) mkdirSync(join(view, path), { recursive: true });
    symlinkSync(runtime.binFolder, join(view, "opt/cni/bin"));
    writeFileSync(join(view, "etc/cni/net.d/10-aws.conflist"), conflist("slash28-cni"));
    const script = `mount --make-rprivate / && mount --bind ${view}/etc /etc && mount --bind ${view}/opt /opt &&
      mount --bind ${view}/lib /var/lib &&
      exec ctr -a ${runtime.socket} -n k8s.io run --cni --rm --snapshotter native ${PAUSE_IMAGE} by-ctr`;
    const run = Bun.spawn(["nsenter", `--net=${rig.netnsPath}`, "unshare", "--mount", "sh", "-c", script], {
      env: { PATH: SYSTEM_PATH },
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(join(view, "ctr.err")),
    });
    const endMs = performance.now() + 20_000;
    while (podLinks().length === 0 && run.exitCode === null && performance.now() < endMs) await Bun.sleep(20);
    expect(readFileSync(join(view, "ctr.err"), "utf8")).toBe("");
    expect(podLinks()).toHaveLength(1);
    const [address] = [...rig.allocations().values()];
    expect(traces(address ?? "").length).toBeGreaterThan(0);
    runtime.ctr("-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", "by-ctr");
    await run.exited;
    expect(await settled()).toEqual([]);
    expect(traces(address ?? "")).toEqual([]);
    expect(rig.allocations().size).toBe(0);
    rmSync(view, { recursive: true, force: true });
  }, 60_000);

  test("the node's network was as the tests think", () => {
    expect(rig.problems).toEqual([]);
  });
});
