// Pods in numbers, and processes killed at any moment while they are made and taken away: whatever dies, after a restart and the
// runtime's DELs or its GC nothing of a pod is left that does not run, and nothing of one that does is missing.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { ip } from "../../src/up/fabric.ts";
import { Plugin, type PluginSandbox } from "../../src/up/plugin.ts";
import { CALL_TIMEOUT_MS, Lab, type LabNode } from "./lab.ts";
import { settledTraces, tracesWanted } from "./node-state.ts";
import { canBuildNetworks } from "./root.ts";

const KILLS = 12;
const SETTLE_MS = 15_000;

type Sandbox = PluginSandbox & { readonly netns: string };

describe.if(canBuildNetworks("pods in numbers, kills"))("pods in numbers, kills", () => {
  let lab: Lab;
  let node: LabNode;

  beforeAll(async () => {
    lab = await Lab.create({ instanceType: "m5.large", callsAtOnce: 32 });
    node = lab.nodes[0]!;
    await node.start();
  }, 120_000);

  afterAll(async () => {
    await lab.close();
    expect(lab.problems).toEqual([]);
  });

  afterEach(async () => {
    await Promise.all([...node.pods.values()].map((pod) => node.removePod(pod)));
    expect(await settledTraces(node, SETTLE_MS)).toEqual({ links: [], rules: [], routes: [], allocations: [] });
  }, 60_000);

  test("15: 200 ADDs at once: distinct addresses, every pod reaches another, no leftovers of those that fail", async () => {
    const failing = Array.from({ length: 10 }, (_, index) => node.newSandbox(`fails-${index}`));
    for (const [index, sandbox] of failing.entries()) {
      // Half of them have an eth0 of somebody else, half have no namespace.
      if (index % 2 === 0) await ip(sandbox.netns, ["link add eth0 type veth peer name other"]);
      else node.removeSandbox(sandbox);
    }
    const pods = Promise.all(Array.from({ length: 200 }, (_, index) => node.addPod(`many-${index}`)));
    const failures = await Promise.all(failing.map((sandbox) => node.plugin.add(sandbox, CALL_TIMEOUT_MS)));
    const made = await pods;
    expect(new Set(made.map((pod) => pod.address)).size).toBe(200);
    const codes = failures.map((answer) => (answer.output as { code: number }).code);
    expect(codes).toEqual(failing.map((_, index) => (index % 2 === 0 ? 111 : 110)));
    expect(await settledTraces(node, SETTLE_MS)).toEqual(tracesWanted(node));
    const heard = await Promise.all(
      made.map((pod, index) => pod.echo.ping(made[(index + 1) % made.length]!.address, { timeoutMs: 3_000 })),
    );
    expect(heard.map((one) => one?.seenFrom)).toEqual(made.map((pod) => pod.address));
    for (const sandbox of failing) node.removeSandbox(sandbox);
  }, 120_000);

  /** ADDs and DELs side by side until `isOver`; returns sandboxes whose ADD or DEL nobody saw succeed. */
  async function churn(random: Prng, plugin: Plugin, isOver: () => boolean): Promise<Sandbox[]> {
    const unsure: Sandbox[] = [];
    let count = 0;
    const caller = async (index: number): Promise<void> => {
      while (!isOver()) {
        const own = [...node.pods.values()].filter((pod) => pod.sandbox.podName.startsWith(`c${index}-`));
        const victim = own.length > 3 || random.below(3) === 0 ? own[0] : undefined;
        if (victim === undefined) {
          const sandbox = node.newSandbox(`c${index}-${count++}`);
          const answer = await plugin.add(sandbox, CALL_TIMEOUT_MS);
          if (answer.status === 0) await node.adopt(sandbox, answer);
          else unsure.push(sandbox);
        } else {
          const answer = await plugin.del(victim.sandbox, victim.result, CALL_TIMEOUT_MS);
          node.dropNamespace(victim);
          if (answer.status !== 0) unsure.push(victim.sandbox);
        }
      }
    };
    await Promise.all(Array.from({ length: 6 }, (_, index) => caller(index)));
    return unsure;
  }

  /** As a runtime does with sandboxes that failed: DEL until it succeeds, then the namespace goes. */
  async function delAll(sandboxes: readonly Sandbox[]): Promise<void> {
    for (const sandbox of sandboxes) {
      const answer = await node.plugin.del(sandbox, undefined, CALL_TIMEOUT_MS);
      expect(answer.status).toBe(0);
      node.removeSandbox(sandbox);
    }
  }

  const everyPodAnswers = async (): Promise<void> => {
    const pods = [...node.pods.values()];
    const heard = await Promise.all(pods.map((pod) => node.echo.ping(pod.address)));
    expect(heard.map((one) => one?.answeredFrom)).toEqual(pods.map((pod) => pod.address));
  };

  test("the agent killed while pods come and go: after restart and DEL nothing is left, nothing is missing", async () => {
    const random = new Prng(28);
    let isOver = false;
    const running = churn(random.split("churn"), node.plugin, () => isOver);
    for (let index = 0; index < KILLS; index++) {
      await Bun.sleep(random.between(20, 250));
      await node.stop("SIGKILL");
      await node.start();
    }
    isOver = true;
    await delAll(await running);
    // A DEL that found no agent has cleaned the node; the address is the next start's to release, once the link is gone.
    await Bun.sleep(1_000);
    await node.stop("SIGKILL");
    await node.start();
    expect(await settledTraces(node, SETTLE_MS)).toEqual(tracesWanted(node));
    await everyPodAnswers();
  }, 120_000);

  test("the plugin killed at any moment: after DEL nothing is left, nothing is missing", async () => {
    const random = new Prng(29);
    const killer = random.split("killer");
    const short = new ShortLived(node.plugin, () => (killer.below(3) === 0 ? killer.between(1, 15) : CALL_TIMEOUT_MS));
    const untilMs = performance.now() + 4_000;
    const unsure = await churn(random.split("churn"), short, () => performance.now() > untilMs);
    expect(unsure.length).toBeGreaterThan(5);
    await delAll(unsure);
    expect(await settledTraces(node, SETTLE_MS)).toEqual(tracesWanted(node));
    await everyPodAnswers();
  }, 120_000);

  test("GC takes away what no valid attachment holds, after agent and plugin were killed", async () => {
    const random = new Prng(30);
    const killer = random.split("killer");
    const short = new ShortLived(node.plugin, () => (killer.below(4) === 0 ? killer.between(1, 15) : CALL_TIMEOUT_MS));
    let isOver = false;
    const running = churn(random.split("churn"), short, () => isOver);
    for (let index = 0; index < 3; index++) {
      await Bun.sleep(random.between(200, 500));
      await node.stop("SIGKILL");
      await node.start();
    }
    isOver = true;
    const unsure = await running;
    const answer = await node.plugin.gc([...node.pods.keys()], CALL_TIMEOUT_MS);
    expect(answer).toMatchObject({ status: 0 });
    for (const sandbox of unsure) node.removeSandbox(sandbox);
    expect(await settledTraces(node, SETTLE_MS)).toEqual(tracesWanted(node));
    await everyPodAnswers();
  }, 120_000);
});

/** The same plugin, whose processes are killed after a time of their own. */
class ShortLived extends Plugin {
  readonly #plugin: Plugin;
  readonly #lifeMs: () => number;

  constructor(plugin: Plugin, lifeMs: () => number) {
    super(plugin.options);
    this.#plugin = plugin;
    this.#lifeMs = lifeMs;
  }

  override add(sandbox: PluginSandbox) {
    return this.#plugin.add(sandbox, this.#lifeMs());
  }

  override del(sandbox: PluginSandbox, previous: unknown) {
    return this.#plugin.del(sandbox, previous, this.#lifeMs());
  }
}
