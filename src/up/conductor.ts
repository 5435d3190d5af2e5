// Brings pods to the agents: places each pod when it comes, sends ADD, tries again as kubelet does, sends DEL when a pod ends.
// It decides when a run is over. Time comes from the clock, randomness from the seed, calls go through `NodePort`.

import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { SECOND_MS } from "../base/units.ts";
import {
  type KubeletSettings,
  type PlannedPod,
  PodSandbox,
  type PodStream,
  plannedPod,
  type Scheduler,
  sandboxId,
} from "../cluster/index.ts";
import type { Clock } from "../ports/clock.ts";
import { type AddOutcome, AGENT_AWAY, type CniRequest } from "./cni-client.ts";
import { isRefusedForGood, type MutablePod, type RunPod } from "./run-state.ts";

/** One node as the conductor uses it. */
export interface NodePort {
  add(request: CniRequest, deadlineMs: Ms): Promise<AddOutcome>;
  del(request: CniRequest, deadlineMs: Ms): Promise<boolean>;
  podBound(pod: PlannedPod): void;
  podGone(pod: PlannedPod): void;
}

export interface ConductorOptions {
  readonly stream: PodStream;
  readonly nodes: ReadonlyMap<string, NodePort>;
  readonly scheduler: Scheduler;
  readonly kubelet: KubeletSettings;
  readonly prng: Prng;
  readonly clock: Clock;
  /** When the run is over by itself: every pod settled and no change in EC2 for `quietMs`. */
  readonly lastEc2ChangeMs: () => Ms | undefined;
  readonly onText: (text: string) => void;
}

export const QUIET_MS = 15 * SECOND_MS;
const CLIENT_VERSION = "v1.23.1";
export const NETWORK_NAME = "aws-cni";

export class Conductor {
  readonly pods: MutablePod[] = [];
  readonly #options: ConductorOptions;
  readonly #live = new Set<MutablePod>();
  /** Running pods by the moment at which they end. */
  readonly #endings: { readonly atMs: Ms; readonly pod: MutablePod }[] = [];
  readonly #nodeNames: readonly string[];
  #startMs: Ms = 0;
  #cancelTimer: (() => void) | undefined;
  #isStopped = false;
  #hasRoomAgain = false;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ConductorOptions) {
    this.#options = options;
    this.#nodeNames = [...options.nodes.keys()];
  }

  get startMs(): Ms {
    return this.#startMs;
  }

  /** Moment 0 of the workloads is now. */
  start(): void {
    this.#startMs = this.#options.clock.nowMs();
    this.#pump();
  }

  /** Starts nothing more; resolves when the calls under way are answered or their time is up. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await Promise.allSettled([...this.#underWay]);
  }

  /** Every pod runs, is over, or was refused often enough; nothing but repetitions is still to come; EC2 is quiet. */
  isSettled(): boolean {
    const { clock, stream } = this.#options;
    if (stream.hasFirstsToCome()) return false;
    for (const pod of this.pods) {
      if (pod.outcome === "pending") return false;
      if (pod.outcome === "waiting" && !isRefusedForGood(pod)) return false;
    }
    const quietSinceMs = Math.max(this.#startMs, this.#options.lastEc2ChangeMs() ?? 0);
    return clock.nowMs() - quietSinceMs >= QUIET_MS;
  }

  #pump(): void {
    if (this.#isStopped) return;
    const nowMs = this.#options.clock.nowMs();
    this.#endPods(nowMs);
    this.#arrive(nowMs);
    if (this.#hasRoomAgain) this.#placeAgain(nowMs);
    const { nextMs: streamMs } = this.#options.stream;
    let nextMs = streamMs === Number.POSITIVE_INFINITY ? undefined : this.#startMs + streamMs;
    for (const pod of this.#live) {
      const { sandbox } = pod;
      if (sandbox === undefined) continue;
      for (let step = sandbox.step(nowMs); step !== undefined; step = sandbox.step(nowMs)) {
        if (step.kind === "add") this.#track(this.#add(pod, step.sandboxId, step.deadlineMs));
        else this.#track(this.#del(pod, step.sandboxId));
      }
      nextMs = earliest(nextMs, sandbox.dueMs());
    }
    for (const ending of this.#endings) nextMs = earliest(nextMs, ending.atMs);
    this.#cancelTimer?.();
    if (nextMs !== undefined) this.#cancelTimer = this.#options.clock.at(nextMs, () => this.#pump());
  }

  #arrive(nowMs: Ms): void {
    const { stream } = this.#options;
    while (this.#startMs + stream.nextMs <= nowMs) {
      const atMs = stream.nextMs;
      if (!stream.take()) continue;
      if (!stream.isEnd) {
        const plan = plannedPod(stream, atMs);
        if (plan.isControlled) stream.adopt(this.pods.length);
        this.#come(plan, nowMs);
      } else this.#track(this.#end(this.pods[stream.pod]!, { isAsked: true }));
    }
  }

  #come(plan: PlannedPod, nowMs: Ms): void {
    const pod: MutablePod = {
      plan,
      sandbox: undefined,
      nodeName: undefined,
      outcome: "pending",
      address: undefined,
      waitMs: undefined,
      reason: undefined,
      message: undefined,
      pluginError: undefined,
      refusedCount: 0,
    };
    this.pods.push(pod);
    this.#place(pod, nowMs);
  }

  #placeAgain(nowMs: Ms): void {
    this.#hasRoomAgain = false;
    for (const pod of this.pods) if (pod.outcome === "unschedulable") this.#place(pod, nowMs);
  }

  #place(pod: MutablePod, nowMs: Ms): void {
    const placement = this.#options.scheduler.place(pod.plan);
    if (placement.kind === "unschedulable") {
      pod.outcome = "unschedulable";
      pod.reason = "unschedulable";
      pod.message = placement.why;
      return;
    }
    pod.nodeName = placement.nodeName;
    pod.reason = undefined;
    pod.message = undefined;
    if (pod.plan.isHostNetwork) {
      pod.outcome = "running";
      pod.waitMs = nowMs - this.#startMs - pod.plan.atMs;
      this.#runs(pod, nowMs);
      return;
    }
    pod.outcome = "waiting";
    const prng = this.#options.prng.split(`${pod.plan.namespace}/${pod.plan.name}`);
    const newSandboxId = () => sandboxId(prng);
    pod.sandbox = new PodSandbox({ settings: this.#options.kubelet, prng, newSandboxId }, nowMs);
    this.#node(pod).podBound(pod.plan);
    this.#live.add(pod);
  }

  #node(pod: RunPod): NodePort {
    const node = this.#options.nodes.get(pod.nodeName ?? "");
    if (node === undefined) throw new Error(`no node ${pod.nodeName}`);
    return node;
  }

  #request(pod: RunPod, sandboxId: string): CniRequest {
    return {
      podName: pod.plan.name,
      podNamespace: pod.plan.namespace,
      podUid: pod.plan.uid,
      sandboxId,
      netns: `/var/run/netns/cni-${sandboxId.slice(0, 36)}`,
      ifName: "eth0",
      networkName: NETWORK_NAME,
      clientVersion: CLIENT_VERSION,
    };
  }

  async #add(pod: MutablePod, sandboxId: string, deadlineMs: Ms): Promise<void> {
    // Whether an agent is there shows anew; what one said of its addresses holds until it says otherwise.
    if (pod.reason === AGENT_AWAY || pod.reason === "starting") {
      pod.reason = undefined;
      pod.message = undefined;
    }
    const outcome = await this.#node(pod).add(this.#request(pod, sandboxId), deadlineMs);
    const nowMs = this.#options.clock.nowMs();
    // What the run's end cut short says nothing about the pod.
    if (this.#isStopped || pod.outcome !== "waiting") return;
    pod.sandbox?.answered({ sandboxId, isAllocated: outcome.kind === "allocated", nowMs });
    if (outcome.kind === "allocated") {
      pod.outcome = "running";
      pod.address = outcome.address;
      pod.waitMs = nowMs - this.#startMs - pod.plan.atMs;
      pod.reason = undefined;
      pod.message = undefined;
      this.#live.delete(pod);
      this.#runs(pod, nowMs);
    } else {
      pod.refusedCount = pod.sandbox?.refusedCount ?? 0;
      pod.reason = outcome.reason;
      pod.message = outcome.message;
      pod.pluginError = outcome.pluginError;
    }
    this.#pump();
  }

  async #del(pod: RunPod, sandboxId: string): Promise<void> {
    const { clock, kubelet } = this.#options;
    await this.#node(pod).del(this.#request(pod, sandboxId), clock.nowMs() + kubelet.sandboxTimeoutMs);
  }

  #runs(pod: MutablePod, nowMs: Ms): void {
    const { lifetimeMs, isControlled } = pod.plan;
    if (isControlled) {
      const nodeIndex = this.#nodeNames.indexOf(pod.nodeName ?? "");
      this.#options.stream.ran(this.pods.indexOf(pod), pod.plan, nodeIndex, nowMs - this.#startMs);
    }
    if (lifetimeMs !== undefined) this.#endings.push({ atMs: nowMs + lifetimeMs, pod });
  }

  #endPods(nowMs: Ms): void {
    for (let index = this.#endings.length - 1; index >= 0; index--) {
      const ending = this.#endings[index];
      if (ending === undefined || ending.atMs > nowMs) continue;
      this.#endings.splice(index, 1);
      this.#track(this.#end(ending.pod, { isAsked: false }));
    }
  }

  /** kubelet frees the pod's place on the node once its sandbox is gone. `isAsked`: by its workload, not by its age. */
  async #end(pod: MutablePod, { isAsked }: { isAsked: boolean }): Promise<void> {
    if (pod.outcome === "gone") return;
    const step = pod.sandbox?.end();
    this.#live.delete(pod);
    pod.outcome = "gone";
    if (step !== undefined) {
      await this.#del(pod, step.sandboxId);
      pod.sandbox?.ended();
      this.#node(pod).podGone(pod.plan);
    }
    this.#options.scheduler.remove(pod.nodeName ?? "", pod.plan);
    this.#hasRoomAgain = true;
    const { stream, clock } = this.#options;
    const isLookedAt = pod.plan.isKept || pod.plan.isControlled;
    if (!isAsked && isLookedAt) stream.gone(this.pods.indexOf(pod), pod.plan, clock.nowMs() - this.#startMs);
    this.#pump();
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#options.onText(error instanceof Error ? error.message : String(error)))
      .finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}

function earliest(a: Ms | undefined, b: Ms | undefined): Ms | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
