// Random histories of a node: pods come and go, sandboxes change with and without a DEL, verifications run, ENIs are disturbed, and now
// and then the kernel refuses, the agent dies or a sandbox vanishes midway. What the test knows of the pods decides what must stand; the
// scene looks after each single change.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Scene } from "../../test/datapath/scene.ts";
import { address, cidr, removalOf, SECONDARY } from "../../test/datapath/wiring-node.ts";
import type { Change } from "../netlink/types.ts";
import { checkPod } from "./check.ts";
import { setUpEni } from "./enis.ts";
import { reconcileHost } from "./host.ts";
import { hostInterfaceOf } from "./identity.ts";
import { wirePod } from "./pods.ts";
import { Death, type Fault } from "./testing/faulty-kernel.ts";
import type { HostWiring, PodWiring } from "./types.ts";
import { removeLink, unwirePod } from "./unwire.ts";

/** The last two have branch ENIs. */
const POD_COUNT = 5;
const MODES = [undefined, undefined, undefined, "strict", "standard"] as const;
const fault = fc.option(
  fc.record({
    kind: fc.constantFrom("refused", "lost before", "lost after", "death before", "death after", "interference"),
    at: fc.nat(22),
  }),
  { nil: undefined, freq: 2 },
);
const step = fc.record({
  what: fc.constantFrom("ADD", "ADD", "DEL", "new sandbox", "sandbox replaced", "verify", "strict", "ENI disturbed"),
  pod: fc.nat(POD_COUNT - 1),
  table: fc.constantFrom(254, 2),
  fault,
  /** What follows an ADD that failed. */
  next: fc.constantFrom("again", "DEL", "start"),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class History {
  readonly scene = new Scene({});
  readonly empty = this.scene.state();
  readonly #pods = new Map<number, PodWiring>();
  /** Whose ADD succeeded. */
  readonly #added = new Set<number>();
  /** Their DEL came, or another sandbox took their place; their namespaces are still there. */
  readonly #lingering: PodWiring[] = [];
  #madeCount = 0;
  #isStrict = false;

  #sandbox(pod: number, table: number): PodWiring {
    const mode = MODES[pod];
    const ip = mode === undefined ? `10.0.101.${pod}` : `10.0.120.${pod}`;
    const at = {
      vlanId: 2 + pod,
      mac: `02:00:00:00:05:0${pod}`,
      gateway: address("10.0.96.1"),
      trunkMac: SECONDARY.mac,
    };
    const branch = mode === undefined ? {} : { branch: { ...at, mode } };
    const netnsName = `p${pod}-${++this.#madeCount}`;
    const netnsPath = this.scene.node.lab.addNamespace(netnsName);
    return this.scene.node.podWithoutNamespace(`web-${pod}`, ip, {
      ...{ netnsPath, containerId: netnsName, routeTableId: table, ...branch },
    });
  }

  #removeNamespace({ containerId }: PodWiring): void {
    this.scene.node.lab.removeNamespace(containerId);
  }

  wiring(): HostWiring {
    const { other, node } = this.scene;
    const known = [...this.#added].map((pod) => this.#pods.get(pod)!).filter((pod) => pod.branch === undefined);
    const wiring = node.hostWiring(other, ...known);
    return { ...wiring, rules: { ...wiring.rules, isLocalRuleMoved: this.#isStrict } };
  }

  /** False when it did not go through. */
  #attempt(given: Fault | undefined, work: () => boolean): boolean {
    const { faulty } = this.scene;
    faulty.arm(given);
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      return false;
    } finally {
      faulty.arm(undefined);
    }
  }

  end(pod: number, given?: Fault): void {
    const { faulty } = this.scene;
    const sandbox = this.#pods.get(pod);
    if (sandbox === undefined) return;
    this.scene.release(sandbox);
    this.#attempt(given, () => unwirePod(faulty, removalOf(sandbox)).length === 0);
    expect(unwirePod(faulty, removalOf(sandbox))).toEqual([]);
    this.#forget(pod, sandbox);
  }

  #forget(pod: number, sandbox: PodWiring): void {
    this.#removeNamespace(sandbox);
    expect(removeLink(this.scene.faulty, removalOf(sandbox))).toEqual([]);
    this.#added.delete(pod);
    this.#pods.delete(pod);
  }

  take({ what, pod, table, fault: given, next }: Step): void {
    const { faulty } = this.scene;
    if (what === "strict") this.#isStrict = !this.#isStrict;
    if (what === "ENI disturbed") this.#disturb(given);
    else if (what === "verify" || what === "strict") {
      this.#attempt(given, () => reconcileHost(faulty, this.wiring()).problems.length === 0);
      expect(reconcileHost(faulty, this.wiring()).problems).toEqual([]);
      expect(reconcileHost(faulty, this.wiring())).toEqual({ repairs: [], problems: [], podsWithoutLink: [] });
    } else if (what === "DEL") this.end(pod, given);
    else this.#add(what, { pod, table, given, next });
    for (const one of this.#added) expect(checkPod(faulty, this.#pods.get(one)!)).toEqual([]);
    expect({ gaps: this.scene.gaps, open: this.scene.plain.openCount }).toEqual({ gaps: [], open: 0 });
  }

  #add(
    what: "ADD" | "new sandbox" | "sandbox replaced",
    options: {
      readonly pod: number;
      readonly table: number;
      readonly given: Fault | undefined;
      readonly next: Step["next"];
    },
  ): void {
    const { pod, table, given, next } = options;
    const { faulty } = this.scene;
    const old = this.#pods.get(pod);
    const isReplaced = what !== "ADD" && old !== undefined;
    if (isReplaced) {
      this.scene.release(old);
      if (what === "new sandbox") expect(unwirePod(faulty, removalOf(old))).toEqual([]);
      this.#lingering.push(old);
      this.#added.delete(pod);
    }
    if (isReplaced || old === undefined) this.#pods.set(pod, this.#sandbox(pod, table));
    const sandbox = this.#pods.get(pod)!;
    const hasOlder = this.#lingering.some((older) => older.podName === sandbox.podName);
    const before = this.scene.state();
    const wasAdded = this.#added.has(pod);
    let isDead = true;
    let isRepeat = false;
    // A repeat of a pod whose sandbox vanishes is no repeat: that is another test's.
    faulty.interfere = () => {
      if (!wasAdded) this.scene.plain.networkAt(sandbox.netnsPath)?.destroy();
    };
    const isWired = this.#attempt(given, () => {
      const outcome = wirePod(faulty, sandbox);
      isDead = false;
      isRepeat = outcome.kind === "wired" && outcome.isRepeat;
      return outcome.kind === "wired";
    });
    faulty.interfere = () => {};
    const isDestroyed = this.scene.plain.networkAt(sandbox.netnsPath)?.isDestroyed === true;
    if (wasAdded || isRepeat) expect(this.scene.state()).toEqual(before);
    if (wasAdded) return;
    if (isWired && !isDestroyed) this.#stands(pod, sandbox);
    else {
      // Refused in words: as before, but for what an older sandbox left, which may have made room.
      const left = (lines: string[]) => lines.filter((line) => !(hasOlder && line.includes(hostInterfaceOf(sandbox))));
      if (!isWired && !isDead && !isReplaced) expect(left(this.scene.state())).toEqual(left(before));
      this.#afterFailure(next, { pod, sandbox, isDestroyed });
    }
  }

  #stands(pod: number, sandbox: PodWiring): void {
    this.#added.add(pod);
    this.scene.keep(sandbox);
  }

  #afterFailure(
    next: Step["next"],
    { pod, sandbox, isDestroyed }: { readonly pod: number; readonly sandbox: PodWiring; readonly isDestroyed: boolean },
  ): void {
    const { faulty } = this.scene;
    if (next === "again" && !isDestroyed) {
      expect(wirePod(faulty, sandbox).kind).toBe("wired");
      this.#stands(pod, sandbox);
    } else if (next === "start" && sandbox.branch === undefined) {
      // The sandbox went while the agent was away, and no DEL will ever come: rules and route of its address go at the start.
      this.#forget(pod, sandbox);
      expect(reconcileHost(faulty, this.wiring()).problems).toEqual([]);
      const text = ` 10.0.101.${pod} `;
      expect(this.scene.state().filter((line) => line.startsWith("rule") && `${line} `.includes(text))).toEqual([]);
    } else this.end(pod);
  }

  /** As an operating system's network manager would; it is put right by the second call at the latest. */
  #disturb(given: Fault | undefined): void {
    const { node, faulty } = this.scene;
    const link = this.scene.plain.host.link("eth1")!.index;
    const foreign: Change[] = [
      { change: "setLink", link, mtu: 1400 },
      { change: "addAddress", linkIndex: link, address: address("10.0.100.77"), prefixLength: 19, hasBroadcast: true },
      { change: "deleteRule", rule: { priority: 32765, table: 2, from: cidr("10.0.100.20/32") } },
    ];
    node.change(...foreign);
    this.#attempt(given, () => {
      try {
        setUpEni(faulty, SECONDARY);
        return true;
      } catch (error) {
        if (error instanceof Death) throw error;
        return false;
      }
    });
    setUpEni(faulty, SECONDARY);
  }

  finish(): void {
    for (let pod = 0; pod < POD_COUNT; pod++) this.end(pod);
    for (const old of this.#lingering) this.#removeNamespace(old);
    this.#isStrict = false;
    expect(reconcileHost(this.scene.faulty, this.wiring()).problems).toEqual([]);
    // Equal rules of one priority may have changed places.
    expect(this.scene.state().toSorted()).toEqual(this.empty.toSorted());
    expect(this.scene.gaps).toEqual([]);
  }
}

test("after any history every pod that was added stands, strangers and neighbours missed nothing, and of the others nothing is left", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const history = new History();
      for (const each of steps) history.take(each);
      history.finish();
    }),
    { numRuns: 300 },
  );
});
