// The pods of `up --datapath` when a DEL comes while the ADD is still under way. The plugin is a script.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, mock, spyOn, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/drivers/clock-system.ts";
import { EchoPlace } from "../../src/up/echo.ts";
import { Fabric } from "../../src/up/fabric.ts";
import { PodNetwork } from "../../src/up/pod-network.ts";
import { canBuildNetworks } from "./root.ts";

const clock = systemClock();
const folder = mkdtempSync(join(tmpdir(), "s28-pods-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RESULT = JSON.stringify({ cniVersion: "1.1.0", ips: [{ address: "10.0.0.5/32" }] });
const request = {
  ...{ podName: "web-0", podNamespace: "default", podUid: "uid", sandboxId: "a1", netns: "", ifName: "eth0" },
  ...{ networkName: "aws-cni", clientVersion: "" },
};

const NODE = { name: "n1", instanceId: "i-1", networkName: "aws-cni", config: {} };

describe.if(canBuildNetworks("pods of up --datapath"))("pods of up --datapath", () => {
  let fabric: Fabric;

  beforeAll(async () => {
    fabric = await Fabric.create({ instanceIds: [], onProblem: () => {} });
  });
  afterAll(() => fabric.close());

  let opened: ReturnType<typeof spyOn<typeof EchoPlace, "open">>;
  let closed: ReturnType<typeof spyOn<EchoPlace, "close">>;
  beforeEach(() => {
    opened = spyOn(EchoPlace, "open");
    closed = spyOn(EchoPlace.prototype, "close");
  });
  afterEach(() => {
    mock.restore();
    for (const name of namespaces()) fabric.removePodNamespace(name.replace(/^s28-\d+-/, ""));
  });

  const namespaces = () => readdirSync("/run/netns").filter((name) => name.startsWith(`s28-${process.pid}-p`));
  const sleepers = (addSeconds: string, delSeconds: string) => {
    const path = join(folder, `plugin-${addSeconds}-${delSeconds}`);
    writeFileSync(
      path,
      `#!/bin/sh\ncase $CNI_COMMAND in ADD) sleep ${addSeconds}; echo '${RESULT}';; DEL) sleep ${delSeconds};; esac\n`,
    );
    chmodSync(path, 0o755);
    return path;
  };

  for (const [title, add, del] of [
    ["while the DEL goes on", "0.1", "0.3"],
    ["after the DEL", "0.3", "0.1"],
  ] as const) {
    test(`an ADD that is answered ${title} leaves no place for pings, no socket and no namespace`, async () => {
      const network = new PodNetwork({ fabric, clock });
      const node = network.node({ command: [sleepers(add, del)], ...NODE });
      const adding = node.add(request, clock.nowMs() + 5_000);
      await Bun.sleep(20);
      const [added, deleted] = await Promise.all([adding, node.del(request, clock.nowMs() + 5_000)]);
      expect(added).toEqual({ kind: "allocated", address: "10.0.0.5" });
      expect(deleted).toBe(true);
      expect([...network.places.keys()]).toEqual([]);
      expect(namespaces()).toEqual([]);
      expect(closed).toHaveBeenCalledTimes(opened.mock.calls.length);
      network.close();
    });
  }

  test("a pod that runs is a place until its DEL begins", async () => {
    const network = new PodNetwork({ fabric, clock });
    const node = network.node({ command: [sleepers("0", "0.1")], ...NODE });
    await node.add(request, clock.nowMs() + 5_000);
    expect(network.places.get("a1")).toMatchObject({ nodeName: "n1", address: "10.0.0.5" });
    const deleting = node.del(request, clock.nowMs() + 5_000);
    expect(network.places.size).toBe(0);
    expect(namespaces()).toHaveLength(1);
    expect(await deleting).toBe(true);
    expect(namespaces()).toEqual([]);
    expect([opened, closed].map((calls) => calls.mock.calls.length)).toEqual([1, 1]);
  });

  test("a DEL while the namespaces catch up with EC2 has the last word", async () => {
    let catchUp = () => {};
    spyOn(fabric, "caughtUp").mockReturnValue(new Promise((resolve) => (catchUp = resolve)));
    const network = new PodNetwork({ fabric, clock });
    const node = network.node({ command: [sleepers("0", "0")], ...NODE });
    const adding = node.add(request, clock.nowMs() + 5_000);
    while (opened.mock.calls.length === 0) await Bun.sleep(1);
    expect(await node.del(request, clock.nowMs() + 5_000)).toBe(true);
    catchUp();
    await adding;
    expect(network.places.size).toBe(0);
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test("a plugin that fails is quoted: an agent that is away, a reason of the agent's, a failure of its own", async () => {
    const away = "add cmd: failed to connect to backend server: no agent listens at /s";
    const network = new PodNetwork({ fabric, clock });
    for (const [msg, details, reason, message] of [
      [away, "Is the aws-node pod of this node running?", "ipamd-not-running", away],
      ["add cmd: failed: cooling", "12 cool.", "cooling", "12 cool."],
      ["standard output is closed", "Why.", "network-setup-failed", "standard output is closed: Why."],
    ] as const) {
      const path = join(folder, `plugin-${reason}`);
      const error = JSON.stringify({ cniVersion: "1.1.0", code: 11, msg, details });
      writeFileSync(path, `#!/bin/sh\n[ $CNI_COMMAND = ADD ] || exit 0\necho '${error}'; exit 1\n`, { mode: 0o755 });
      const node = network.node({ command: [path], ...NODE });
      const outcome = await node.add(request, clock.nowMs() + 5_000);
      expect(outcome).toEqual({ kind: "refused", reason, message, pluginError: msg });
      await node.del(request, clock.nowMs() + 5_000);
    }
    network.close();
  });

  test("the end kills the plugins that run, and those that wait for their turn do not start", async () => {
    const network = new PodNetwork({ fabric, clock });
    const node = network.node({ command: ["sleep", "20"], ...NODE });
    const startMs = clock.nowMs();
    const adding = Array.from({ length: 10 }, (_, index) =>
      node.add({ ...request, sandboxId: `end-${index}` }, clock.nowMs() + 30_000),
    );
    await Bun.sleep(50);
    network.endPlugins();
    const killed = {
      kind: "refused",
      reason: "network-setup-failed",
      pluginError: "the plugin was ended before it answered",
    };
    for (const outcome of await Promise.all(adding)) expect(outcome).toMatchObject(killed);
    expect(clock.nowMs() - startMs).toBeLessThan(5_000);
    network.close();
  });
});
