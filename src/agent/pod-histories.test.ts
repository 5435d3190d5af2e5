// Random histories of a node's pods on the agent's bodies: ADDs, repeats, DELs, CHECKs, GCs, hang-ups, pods that wire themselves; a
// disk that is slow and fails, a kernel that is slow and refuses, an agent that is killed at any moment. After each thing that happens
// every running pod has its address on the disk, its network in the kernel, and nobody else's; in the end nothing is left of the others.

import { expect, test } from "bun:test";
import { formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { checkPod } from "../datapath/check.ts";
import { hostRoute } from "../datapath/plan.ts";
import { podOfFromRule, podOfToRule, toPodRule } from "../datapath/rules.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { ReplyResult } from "../ipam/types.ts";
import { MAIN_TABLE } from "../netlink/types.ts";
import type { AttachmentKey } from "./attachments.ts";
import { suffixOfPod } from "./pod-names.ts";
import type { Deleted, Refused, Wired } from "./pod-requests.ts";
import { FakeNode, type FakeNodeOptions } from "./testing/fake-node.ts";

const POD_COUNT = 7;
const STEP_COUNT = 90;
const SECOND_MS = 1_000;

/** One sandbox of a pod. */
interface Sandbox {
  readonly key: AttachmentKey;
  readonly podName: string;
  readonly netns: string;
  /** It is wired by the reference's plugin. */
  readonly isAlone: boolean;
  state: "adding" | "running" | "failed" | "ended";
  address: Ipv4;
  /** A DEL was asked, or its pod has a newer sandbox: nothing is promised any more. */
  isLeaving: boolean;
  isDelUnderWay: boolean;
  /** ADDs that are not answered yet. */
  askCount: number;
  isWiredAlone: boolean;
  hangUp: AbortController;
}

interface Rates {
  readonly diskFails: number;
  readonly diskHangs: number;
  readonly kernelFails: number;
  readonly kernelDies: number;
  readonly kernelHangs: number;
}

const WELL: Rates = { diskFails: 0, diskHangs: 0, kernelFails: 0, kernelDies: 0, kernelHangs: 0 };

class History {
  readonly #draw: Prng;
  readonly node: FakeNode;
  readonly #sandboxes: Sandbox[] = [];
  #rates: Rates;
  readonly #hasBadKernel: boolean;
  readonly #aloneRate: number;
  #count = 0;
  readonly seen = { wired: 0, unsaved: 0, refused: 0, kills: 0, alone: 0 };

  constructor(seed: number) {
    this.#draw = new Prng(seed);
    const chance = (of: number) => (this.#draw.below(2) === 0 ? 0 : this.#draw.fraction() * of);
    this.#rates = {
      ...{ diskFails: chance(0.6), diskHangs: chance(0.1), kernelFails: chance(0.3) },
      ...{ kernelDies: chance(0.03), kernelHangs: chance(0.15) },
    };
    this.#hasBadKernel = this.#rates.kernelFails + this.#rates.kernelDies > 0;
    const cooldown = this.#one(["0", "1", "12"]);
    // The reference's plugin removes its rules when it hears of the release: if that takes longer than the cooldown, another pod's.
    this.#aloneRate = cooldown === "12" ? 0.25 : 0;
    const options: FakeNodeOptions = {
      // Few addresses, which come back soon.
      env: {
        SLASH28_POLICY: this.#one(["slash28", "vpc-cni"]),
        IP_COOLDOWN_PERIOD: cooldown,
        MAX_ENI: "2",
      },
      ...{ instance: { enis: 2, ipv4PerEni: 5 }, seed },
      disk: () => ({
        afterMs: this.#is(this.#rates.diskHangs) ? this.#draw.between(500, 5_000) : this.#draw.between(1, 40),
        error: this.#is(this.#rates.diskFails) ? "no space left on device" : undefined,
      }),
      kernel: () => ({
        afterMs: this.#is(this.#rates.kernelHangs) ? this.#draw.between(500, 5_000) : this.#draw.between(0.1, 30),
        fault: this.#fault(),
      }),
      isWrittenAtDeath: () => this.#draw.below(2) === 0,
    };
    this.node = new FakeNode(options);
  }

  #is(chance: number): boolean {
    return this.#draw.fraction() < chance;
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#draw.below(of.length)]!;
  }

  #fault() {
    const at = this.#draw.below(16);
    if (this.#is(this.#rates.kernelDies)) return { kind: this.#one(["death before", "death after"] as const), at };
    if (!this.#is(this.#rates.kernelFails)) return undefined;
    return { kind: this.#one(["refused", "lost before", "lost after"] as const), at };
  }

  async run(): Promise<void> {
    this.node.start();
    await this.#pass(2 * SECOND_MS);
    for (let i = 0; i < STEP_COUNT; i++) {
      if (this.node.body === undefined) {
        this.#crashed();
        this.node.start();
      }
      this.#step();
      await this.#pass(this.#one([0, 1, 10, 40, 200, 3_000]) * this.#draw.fraction());
    }
    await this.#end();
  }

  async #pass(durationMs: Ms): Promise<void> {
    await this.node.run(durationMs, () => this.#look());
  }

  /** Takes an answer of the agent that asked for it, and of no earlier one. */
  #hear<T>(answer: Promise<T>, take: (came: T) => void): void {
    const { body } = this.node;
    answer
      .then((came) => {
        if (this.node.body === body) take(came);
      })
      .catch((error: unknown) => this.node.crashes.push(error));
  }

  /** The callers of an agent that is gone hear that it hung up. */
  #crashed(): void {
    this.seen.kills++;
    for (const sandbox of this.#sandboxes) {
      sandbox.isDelUnderWay = false;
      sandbox.askCount = 0;
      sandbox.hangUp = new AbortController();
      if (sandbox.state === "adding") sandbox.state = "failed";
    }
  }

  #step(): void {
    const living = this.#sandboxes.filter(({ state }) => state !== "ended");
    const what = this.#draw.below(20);
    const sandbox = living.length === 0 ? undefined : this.#one(living);
    if (what < 8 || sandbox === undefined) this.#add();
    else if (what < 10) this.#repeat(sandbox);
    else if (what < 16) this.#del(sandbox);
    else if (what === 16) sandbox.hangUp.abort();
    else if (what === 17) this.#check(sandbox);
    else if (what === 18) this.#collect();
    else if (this.#is(0.3)) this.node.kill();
  }

  // -------------------------------------------------------------- what the runtime asks

  #add(): void {
    const podName = `web-${this.#draw.below(POD_COUNT)}`;
    const isAlone = this.#is(this.#aloneRate);
    const containerId = `${podName}-${++this.#count}`;
    const netns = `/fake/${containerId}`;
    // A newer sandbox takes the links of the older one over.
    for (const other of this.#sandboxes) {
      if (other.podName !== podName || other.state === "ended") continue;
      if (other.askCount > 0 || other.isAlone || isAlone || this.#is(0.7)) return;
      other.isLeaving = true;
    }
    this.node.plain.addNamespace(netns);
    const sandbox: Sandbox = {
      key: { networkName: "aws-cni", containerId, ifName: "eth0" },
      podName,
      netns,
      isAlone,
      isWiredAlone: false,
      state: "adding",
      address: 0,
      isLeaving: false,
      isDelUnderWay: false,
      askCount: 0,
      hangUp: new AbortController(),
    };
    this.#sandboxes.push(sandbox);
    this.#ask(sandbox);
  }

  #repeat(sandbox: Sandbox): void {
    if (!sandbox.isLeaving && sandbox.state !== "failed") this.#ask(sandbox);
  }

  #ask(sandbox: Sandbox): void {
    const { body } = this.node;
    const patienceMs = this.#one([300, 2_000, 10_000]);
    const byMs = this.node.nowMs + patienceMs;
    const { key, podName, netns, isAlone, hangUp } = sandbox;
    const wasRunning = sandbox.state === "running";
    const { signal } = hangUp;
    const asked = { namespace: "default", podName };
    const answer: Promise<ReplyResult | Wired | Refused> = isAlone
      ? body!.service.allocateAlone(key, { ...asked, interfacesCount: 1 }, { patienceMs, signal })
      : body!.pods.add({
          ...{ key, ...asked, netns, vethPrefix: "eni", mtu: 9001, enforcingMode: "strict", patienceMs, signal },
        });
    sandbox.askCount++;
    this.#hear(answer, (came) => {
      sandbox.askCount--;
      expect(this.node.nowMs, `${key.containerId} is answered in time`).toBeLessThanOrEqual(byMs);
      if (came.kind !== "wired" && came.kind !== "allocated") {
        this.seen.refused++;
        if (sandbox.state === "adding") {
          sandbox.state = "failed";
          // At its deadline, what was begun goes later.
          if (came.kind === "refused" && !/deadline/.test(came.message)) this.#leftNothing(sandbox, came.reason);
        }
        return;
      }
      if (sandbox.state === "ended") return;
      sandbox.address = came.address;
      // Whoever hung up hears nothing: the runtime takes it for failed.
      if (signal.aborted && !wasRunning) sandbox.state = "failed";
      else if (sandbox.state === "adding") sandbox.state = "running";
      if (isAlone && sandbox.state === "running") this.#wireAlone(sandbox);
      if (came.kind === "wired") this.seen.wired++;
      else this.seen.alone++;
      this.#look();
    });
  }

  #del(sandbox: Sandbox): void {
    if (sandbox.isDelUnderWay) return;
    sandbox.isLeaving = true;
    sandbox.isDelUnderWay = true;
    const { body } = this.node;
    const { key, podName, isAlone, address } = sandbox;
    const told = this.#is(0.5) && address !== 0 ? address : undefined;
    const answer: Promise<ReplyResult | Deleted | Refused> = isAlone
      ? body!.service.release(key).result
      : body!.pods.del({
          ...{ key, namespace: "default", podName, podUid: "", vlanId: 0 },
          ...{ address: told, hostInterface: told === undefined ? "" : linkOf(podName) },
        });
    this.#hear(answer, (came) => {
      sandbox.isDelUnderWay = false;
      // It is asked again later.
      if (came.kind === "refused") return;
      sandbox.state = "ended";
      if (isAlone) this.#unwireAlone(sandbox, came.kind === "released");
      this.node.plain.removeNamespace(sandbox.netns);
    });
  }

  #check(sandbox: Sandbox): void {
    if (sandbox.isAlone || sandbox.state !== "running" || sandbox.isLeaving) return;
    const { key, podName, netns, address } = sandbox;
    const { body } = this.node;
    const spec = {
      key,
      namespace: "default",
      podName,
      netns,
      vethPrefix: "eni",
      mtu: 9001,
      enforcingMode: "strict",
    } as const;
    this.#hear(body!.pods.check(spec, { address, hostInterface: linkOf(podName) }), (found) => {
      // The kernel may have refused the question.
      if ("kind" in found || sandbox.isLeaving || this.#hasBadKernel) return;
      expect({ containerId: key.containerId, found }).toEqual({ containerId: key.containerId, found: [] });
    });
  }

  #collect(): void {
    const isValid = ({ containerId }: AttachmentKey) =>
      this.#sandboxes.some(
        ({ key, state }) => key.containerId === containerId && (state === "adding" || state === "running"),
      );
    void this.node.body!.pods.collect("aws-cni", isValid);
  }

  // -------------------------------------------------------------- the reference's plugin

  #wireAlone(sandbox: Sandbox): void {
    const { podName, address } = sandbox;
    sandbox.isWiredAlone = true;
    const { host } = this.node.plain;
    const name = linkOf(podName);
    const standing = host.link(name);
    if (standing !== undefined) host.apply([{ change: "deleteLink", link: standing.index }]);
    const link = host.addDevice({ name, mac: "0a:00:00:00:00:02", kind: "veth" });
    host.apply([
      { change: "setLink", link: link.index, isUp: true },
      { change: "replaceRoute", route: hostRoute(address, link.index, MAIN_TABLE) },
      { change: "addRule", rule: toPodRule(address) },
    ]);
  }

  /** The link goes with the sandbox; the rule when the agent says whose address it was. */
  #unwireAlone({ podName, address, isWiredAlone }: Sandbox, isReleased: boolean): void {
    if (!isWiredAlone) return;
    const { host } = this.node.plain;
    host.apply([{ change: "deleteLink", link: linkOf(podName) }]);
    if (isReleased) host.apply([{ change: "deleteRule", rule: toPodRule(address) }]);
  }

  // -------------------------------------------------------------- what must hold

  /** Of an ADD that is refused the host has no route and no rule, where the kernel did all that it was asked. */
  #leftNothing({ key, podName, askCount }: Sandbox, reason: Reason): void {
    const wiring = this.node.wirings.get(key.containerId);
    if (wiring !== undefined && reason === "checkpoint-unwritable") this.seen.unsaved++;
    if (wiring === undefined || this.#hasBadKernel || askCount > 0) return;
    const { host } = this.node.plain;
    const link = host.link(linkOf(podName));
    const isOwn = link?.alias.includes(`/${key.containerId}/`) === true;
    const routes = host.routeList.filter((route) => route.destination.base === wiring.address);
    expect(routes.filter((route) => isOwn && route.linkIndex === link.index)).toEqual([]);
    const isElsewhere = routes.length > 0;
    const rules = host.ruleList.filter((rule) => podOfToRule(rule) === wiring.address);
    expect(isElsewhere ? [] : rules).toEqual([]);
  }

  #look(): void {
    const { body, plain } = this.node;
    if (this.node.crashes.length > 0) throw this.node.crashes[0];
    const saved = this.node.saved();
    for (const { key, podName, state, isLeaving, isAlone, address } of this.#sandboxes) {
      if (state !== "running" || isLeaving) continue;
      const { containerId } = key;
      expect({ containerId, saved: text(saved.get(containerId)) }).toEqual({ containerId, saved: text(address) });
      if (body?.host.isReady === true) {
        const attachment = body.attachments.find(key);
        const held = attachment === undefined ? undefined : body.engine.addressOf(attachment);
        expect({ containerId, held: text(held) }).toEqual({ containerId, held: text(address) });
      }
      if (isAlone) {
        const link = plain.host.link(linkOf(podName));
        const routes = plain.host.routeList.filter((route) => route.destination.base === address);
        expect(routes.map((route) => route.linkIndex)).toEqual([link!.index]);
        expect(plain.host.ruleList.filter((rule) => podOfToRule(rule) === address).length).toBeGreaterThan(0);
      } else {
        const wiring = this.node.wirings.get(containerId)!;
        expect({ containerId, differences: checkPod(plain, { ...wiring, address }) }).toEqual({
          containerId,
          differences: [],
        });
      }
    }
  }

  /** All is well from now on: what is not running goes, and nothing but the running pods is left. */
  async #end(): Promise<void> {
    this.#rates = WELL;
    await this.#pass(20 * SECOND_MS);
    for (let i = 0; i < 5; i++) {
      if (this.node.body === undefined) {
        this.#crashed();
        this.node.start();
        await this.#pass(5 * SECOND_MS);
      }
      for (const sandbox of this.#sandboxes) {
        if (sandbox.state === "failed" || (sandbox.isLeaving && sandbox.state !== "ended")) this.#del(sandbox);
      }
      await this.#pass(20 * SECOND_MS);
    }
    await this.#pass(150 * SECOND_MS);
    const { body, plain } = this.node;
    expect(
      this.#sandboxes.filter(({ state, isLeaving }) => state !== "ended" && (state !== "running" || isLeaving)),
    ).toEqual([]);
    const running = this.#sandboxes.filter(({ state }) => state === "running");
    const own = sorted(running.map(({ key, address }) => `${key.containerId} ${text(address)}`));
    const addresses = sorted(running.map(({ address }) => text(address)));
    const allocations = body!.engine.allocations();
    expect(
      sorted(
        allocations.map(
          ({ attachment, address }) => `${body!.attachments.textOf(attachment).containerId} ${text(address)}`,
        ),
      ),
    ).toEqual(own);
    expect(sorted([...this.node.saved()].map(([containerId, address]) => `${containerId} ${text(address)}`))).toEqual(
      own,
    );
    const told = plain.host.ruleList.flatMap((rule) => podOfToRule(rule) ?? podOfFromRule(rule) ?? []);
    expect(sorted([...new Set(told)].map(text))).toEqual(addresses);
    const links = new Map(plain.host.links().map((link) => [link.index, link.name]));
    const routes = plain.host.routeList.filter((route) => links.get(route.linkIndex)?.startsWith("eni") === true);
    expect(sorted(routes.map((route) => text(route.destination.base)))).toEqual(addresses);
    expect(sorted([...links.values()].filter((name) => name.startsWith("eni")))).toEqual(
      sorted(running.map(({ podName }) => linkOf(podName))),
    );
    expect(plain.openCount).toBe(0);
  }
}

function linkOf(podName: string): string {
  return `eni${suffixOfPod({ namespace: "default", podName })}`;
}

function text(address: Ipv4 | undefined): string {
  return address === undefined ? "none" : formatIpv4(address);
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : 1));
}

const HISTORY_COUNT = 100;

test("histories of a node with a bad disk, a bad kernel and an agent that dies", async () => {
  const seen = { wired: 0, unsaved: 0, refused: 0, kills: 0, alone: 0 };
  const first = Number(process.env["SLASH28_TEST_SEED"] ?? 1);
  for (let seed = first; seed < first + HISTORY_COUNT; seed++) {
    const history = new History(seed);
    try {
      await history.run();
    } catch (error) {
      process.stderr.write(`history ${seed}\n${history.node.trace.slice(-40).join("\n")}\n`);
      throw error;
    }
    for (const [name, count] of Object.entries(history.seen)) seen[name as keyof typeof seen] += count;
  }
  for (const [name, count] of Object.entries(seen))
    expect({ name, isEnough: count > 20 }).toEqual({ name, isEnough: true });
}, 120_000);
