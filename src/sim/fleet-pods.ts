// The pods of the fleet: they come, are placed, get an address as kubelet would fetch it, and go. Only those that are there are
// kept: a record serves the next pod when its own is gone.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import { type Kubelet, type KubeletSettings, type PlannedPod, PodSandbox, type Scheduler } from "../cluster/index.ts";
import type { Attachment, ReplyResult } from "../ipam/types.ts";
import type { EventHeap } from "./event-heap.ts";
import {
  type FailedAddReason,
  POD_ARRIVES,
  POD_ENDS,
  POD_STEPS,
  type PodCounts,
  type SimNode,
  type SimPod,
} from "./fleet-state.ts";
import type { NodeBodies } from "./node-bodies.ts";
import { TimedCount } from "./timed-count.ts";
import { WaitLog } from "./wait-log.ts";

export interface FleetPodsOptions {
  readonly plan: Iterator<PlannedPod>;
  readonly heap: EventHeap;
  readonly bodies: NodeBodies;
  readonly scheduler: Scheduler;
  readonly kubelet: KubeletSettings;
  /** For the jitter of all kubelets. */
  readonly prng: Prng;
}

export class FleetPods {
  readonly counts: PodCounts = {
    came: 0,
    served: 0,
    waiting: 0,
    running: 0,
    unschedulable: 0,
    ended: 0,
    refusedAtLeastOnce: 0,
    adds: 0,
    dels: 0,
  };
  readonly waits = new WaitLog();
  readonly failedAdds = new Map<FailedAddReason, number>();
  readonly running = new TimedCount();
  readonly waiting = new TimedCount();
  readonly #options: FleetPodsOptions;
  readonly #kubelet: Kubelet<Attachment>;
  readonly #byName: ReadonlyMap<string, SimNode>;
  readonly #pods: (SimPod | undefined)[] = [];
  readonly #spare: SimPod[] = [];
  #next: PlannedPod | undefined;
  #startMs: Ms = 0;
  #unschedulable: SimPod[] = [];
  /** ADDs under way, by request. */
  readonly #asked = new Map<number, SimPod>();
  #justAsked: SimPod[] = [];
  #nextRequestId = 1;
  #nextAttachment = 1;

  constructor(options: FleetPodsOptions) {
    this.#options = options;
    const newSandboxId = () => this.#nextAttachment++;
    this.#kubelet = { settings: options.kubelet, prng: options.prng, newSandboxId };
    this.#byName = new Map(options.bodies.nodes.map((node) => [node.node.name, node]));
  }

  /** Every pod that has come and is not gone. */
  live(): SimPod[] {
    return this.#pods.filter((pod) => pod !== undefined);
  }

  /** The workloads' moment 0 is now. */
  start(): void {
    this.#startMs = this.#options.heap.atMs;
    this.#planNext();
  }

  /** The heap's POD_ARRIVES event has come. The one after it is drawn only now: no whole day of pods is ever in memory. */
  arrive(): void {
    const plan = this.#next!;
    this.#planNext();
    this.#come(plan);
  }

  #planNext(): void {
    const next = this.#options.plan.next();
    this.#next = next.done === true ? undefined : next.value;
    if (this.#next !== undefined) this.#options.heap.add(this.#startMs + this.#next.atMs, POD_ARRIVES, 0);
  }

  #come(plan: PlannedPod): void {
    const pod = this.#record(plan);
    if (!plan.isHostNetwork) this.counts.came++;
    this.#place(pod);
    if (pod.outcome !== "unschedulable") return;
    this.#unschedulable.push(pod);
    if (!plan.isHostNetwork) this.counts.unschedulable++;
  }

  #record(plan: PlannedPod): SimPod {
    const cameMs = this.#options.heap.atMs;
    const pod = this.#spare.pop();
    if (pod === undefined) {
      const fresh: SimPod = {
        slot: this.#pods.length,
        plan,
        cameMs,
        sandbox: undefined,
        node: undefined,
        address: undefined,
        outcome: "unschedulable",
        reason: undefined,
        wasRefused: false,
        ticket: -1,
      };
      this.#pods.push(fresh);
      return fresh;
    }
    pod.plan = plan;
    pod.cameMs = cameMs;
    pod.outcome = "unschedulable";
    this.#pods[pod.slot] = pod;
    return pod;
  }

  #forget(pod: SimPod): void {
    this.#pods[pod.slot] = undefined;
    pod.sandbox = undefined;
    pod.node = undefined;
    pod.address = undefined;
    pod.reason = undefined;
    pod.wasRefused = false;
    pod.ticket = -1;
    this.#spare.push(pod);
  }

  // -------------------------------------------------------------- placement

  #place(pod: SimPod): void {
    const placement = this.#options.scheduler.place(pod.plan);
    if (placement.kind === "unschedulable") return;
    const node = this.#byName.get(placement.nodeName)!;
    pod.node = node;
    if (pod.plan.isHostNetwork) {
      pod.outcome = "running";
      this.#planEnd(pod);
      return;
    }
    const nowMs = this.#options.heap.atMs;
    pod.outcome = "waiting";
    node.boundCount++;
    this.counts.waiting++;
    this.waiting.add(1, nowMs);
    pod.sandbox = new PodSandbox(this.#kubelet, nowMs);
    this.#step(pod);
  }

  /** There is room again: those that wait for a node are looked at once more, in the order of their coming. */
  #placeAgain(): void {
    const again = this.#unschedulable;
    if (again.length === 0) return;
    this.#unschedulable = [];
    for (const pod of again) {
      this.#place(pod);
      if (pod.outcome === "unschedulable") this.#unschedulable.push(pod);
      else if (!pod.plan.isHostNetwork) this.counts.unschedulable--;
    }
  }

  // -------------------------------------------------------------- ADD and DEL

  /** The heap's POD_STEPS event for this slot has come. */
  step(slot: number): void {
    const pod = this.#pods[slot];
    if (pod?.ticket !== this.#options.heap.ticket) return;
    if (pod.sandbox?.phase === "adding") this.#giveUp(pod);
    this.#step(pod);
  }

  #step(pod: SimPod): void {
    const sandbox = pod.sandbox!;
    const { heap } = this.#options;
    for (let step = sandbox.step(heap.atMs); step !== undefined; step = sandbox.step(heap.atMs)) {
      if (step.kind === "del") this.#del(pod);
      else if (!this.#add(pod, step.deadlineMs)) this.#refused(pod, "starting");
    }
    const dueMs = sandbox.dueMs();
    if (dueMs !== undefined) pod.ticket = heap.add(dueMs, POD_STEPS, pod.slot);
  }

  /** False when there is nobody to ask. */
  #add(pod: SimPod, deadlineMs: Ms): boolean {
    const node = pod.node!;
    this.counts.adds++;
    if (node.isDown) return false;
    const requestId = this.#nextRequestId++;
    this.#asked.set(requestId, pod);
    this.#justAsked.push(pod);
    const attachment = pod.sandbox!.sandboxId!;
    const nowMs = this.#options.heap.atMs;
    this.#options.bodies.feed(node, { kind: "allocate", nowMs, requestId, attachment, deadlineMs });
    return true;
  }

  #del(pod: SimPod): void {
    const node = pod.node!;
    this.counts.dels++;
    if (node.isDown) return;
    const attachment = pod.sandbox!.sandboxId!;
    const nowMs = this.#options.heap.atMs;
    this.#options.bodies.feed(node, { kind: "release", nowMs, requestId: this.#nextRequestId++, attachment });
  }

  /** An agent's answer, to an ADD or a DEL. */
  replied(requestId: number, result: ReplyResult): void {
    const pod = this.#asked.get(requestId);
    if (pod === undefined) return;
    this.#asked.delete(requestId);
    if (result.kind === "allocated") this.#runs(pod, result.address);
    else if (result.kind === "refused") {
      this.#refused(pod, result.reason);
      this.#step(pod);
    } else throw new Error(`I7: an ADD was answered ${result.kind}`);
  }

  /** After all that is due now: an ADD without an answer yet ends at its deadline. */
  settled(): void {
    if (this.#justAsked.length === 0) return;
    if (this.#asked.size > 0) {
      const deadlineMs = this.#options.heap.atMs + this.#kubelet.settings.sandboxTimeoutMs;
      for (const pod of this.#justAsked) {
        if (pod.sandbox?.phase === "adding") pod.ticket = this.#options.heap.add(deadlineMs, POD_STEPS, pod.slot);
      }
    }
    this.#justAsked.length = 0;
  }

  #giveUp(pod: SimPod): void {
    for (const [requestId, asked] of this.#asked) {
      if (asked !== pod) continue;
      this.#asked.delete(requestId);
      this.#options.bodies.feed(pod.node!, { kind: "abandoned", nowMs: this.#options.heap.atMs, requestId });
    }
    this.#refused(pod, "no-answer");
  }

  #runs(pod: SimPod, address: Ipv4): void {
    const nowMs = this.#options.heap.atMs;
    const sandbox = pod.sandbox!;
    sandbox.answered({ sandboxId: sandbox.sandboxId!, isAllocated: true, nowMs });
    pod.outcome = "running";
    pod.address = address;
    pod.reason = undefined;
    this.waits.add(nowMs - pod.cameMs);
    pod.node!.runningCount++;
    this.counts.served++;
    this.counts.waiting--;
    this.waiting.add(-1, nowMs);
    this.counts.running++;
    this.running.add(1, nowMs);
    this.#planEnd(pod);
  }

  #refused(pod: SimPod, reason: FailedAddReason): void {
    const sandbox = pod.sandbox!;
    sandbox.answered({ sandboxId: sandbox.sandboxId!, isAllocated: false, nowMs: this.#options.heap.atMs });
    if (!pod.wasRefused) this.counts.refusedAtLeastOnce++;
    pod.wasRefused = true;
    pod.reason = reason;
    pod.node!.refusedCount++;
    this.failedAdds.set(reason, (this.failedAdds.get(reason) ?? 0) + 1);
  }

  // -------------------------------------------------------------- the end

  #planEnd(pod: SimPod): void {
    const { heap } = this.#options;
    const { lifetimeMs } = pod.plan;
    if (lifetimeMs !== undefined) pod.ticket = heap.add(heap.atMs + lifetimeMs, POD_ENDS, pod.slot);
  }

  /** The heap's POD_ENDS event for this slot has come. */
  end(slot: number): void {
    const pod = this.#pods[slot];
    if (pod?.ticket !== this.#options.heap.ticket) return;
    const { plan } = pod;
    const node = pod.node!;
    if (pod.sandbox?.end() !== undefined) {
      this.#del(pod);
      node.boundCount--;
      node.runningCount--;
      this.counts.ended++;
      this.counts.running--;
      this.running.add(-1, this.#options.heap.atMs);
    }
    this.#forget(pod);
    this.#options.scheduler.remove(node.node.name, plan);
    this.#placeAgain();
    const next = plan.replacement?.next(this.#options.heap.atMs - this.#startMs);
    if (next !== undefined) this.#come(next);
  }
}
