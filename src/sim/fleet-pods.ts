// The pods of the fleet: they come, are placed, get an address as kubelet would fetch it, and go. Only those that are there are
// kept: a record serves the next pod when its own is gone.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Prng } from "../base/prng.ts";
import type { Ms } from "../base/units.ts";
import {
  type Kubelet,
  type KubeletSettings,
  NO_NODE,
  type PodSpec,
  type PodStream,
  type Scheduler,
} from "../cluster/index.ts";
import type { Attachment, ReplyResult } from "../ipam/types.ts";
import type { EventQueue } from "./event-queue.ts";
import {
  type FailedAddReason,
  POD_ARRIVES,
  POD_ENDS,
  POD_STEPS,
  type PodCounts,
  type SimNode,
  SimPod,
} from "./fleet-state.ts";
import type { NodeBodies } from "./node-bodies.ts";
import { TimedCount } from "./timed-count.ts";
import { Unplaced } from "./unplaced.ts";
import { WaitLog } from "./wait-log.ts";

export interface FleetPodsOptions {
  readonly stream: PodStream;
  readonly heap: EventQueue;
  readonly bodies: NodeBodies;
  readonly scheduler: Scheduler;
  readonly kubelet: KubeletSettings;
  /** The agent's own, as in the agent: SLASH28_ADD_DEADLINE. */
  readonly addDeadlineMs: Ms;
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
    endedUnserved: 0,
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
  readonly #pods: (SimPod | undefined)[] = [];
  readonly #spare: SimPod[] = [];
  #startMs: Ms = 0;
  /** Of the stream's next action, as the heap has it. */
  #arrivalMs: Ms = Number.POSITIVE_INFINITY;
  #arrivalTicket = -1;
  readonly #unplaced = new Unplaced();
  /** ADDs under way that were not answered at once, by request. */
  readonly #asked = new Map<number, SimPod>();
  /** In the event in hand. */
  readonly #justAsked: SimPod[] = [];
  /** Used again and again: an engine keeps no input of these kinds. */
  readonly #allocate = { kind: "allocate" as const, nowMs: 0, requestId: 0, attachment: 0, deadlineMs: 0 };
  readonly #release = { kind: "release" as const, nowMs: 0, requestId: 0, attachment: 0 };
  #nextRequestId = 1;
  #nextAttachment = 1;

  constructor(options: FleetPodsOptions) {
    this.#options = options;
    const newSandboxId = () => this.#nextAttachment++;
    this.#kubelet = { settings: options.kubelet, prng: options.prng, newSandboxId };
  }

  /** Every pod that has come and is not gone. */
  live(): SimPod[] {
    return this.#pods.filter((pod) => pod !== undefined);
  }

  /** The workloads' moment 0: a whole millisecond, so that moments from it and from the agents' start turn into each other. */
  start(startMs: Ms): void {
    this.#startMs = startMs;
    this.#planArrival();
  }

  /** The heap's POD_ARRIVES event has come: one action of the stream. */
  arrive(): void {
    if (this.#arrivalTicket !== this.#options.heap.ticket) return;
    this.#arrivalMs = Number.POSITIVE_INFINITY;
    this.#takeNext();
    this.#planArrival();
  }

  #planArrival(): void {
    const { heap, stream } = this.#options;
    const atMs = this.#startMs + stream.nextMs;
    if (atMs >= this.#arrivalMs || atMs === Number.POSITIVE_INFINITY) return;
    this.#arrivalMs = atMs;
    this.#arrivalTicket = heap.add(atMs, POD_ARRIVES, 0);
  }

  #takeNext(): void {
    const { stream } = this.#options;
    if (!stream.take()) return;
    if (stream.isEnd) {
      this.#end(this.#pods[stream.pod]!);
      return;
    }
    const pod = this.#record();
    if (pod.spec.isControlled) stream.adopt(pod.slot);
    if (!pod.spec.isHostNetwork) this.counts.came++;
    this.#place(pod);
    if (pod.outcome !== "unschedulable") return;
    this.#unplaced.add(pod);
    if (!pod.spec.isHostNetwork) this.counts.unschedulable++;
  }

  /** For the pod that the stream brings. */
  #record(): SimPod {
    const { heap, stream } = this.#options;
    const { spec, lifetimeMs, nodeName } = stream;
    const pod = this.#spare.pop() ?? new SimPod(this.#kubelet, this.#pods.length, spec);
    pod.spec = spec;
    pod.lifetimeMs = lifetimeMs;
    pod.nodeName = nodeName;
    pod.cameMs = heap.atMs;
    pod.outcome = "unschedulable";
    this.#pods[pod.slot] = pod;
    return pod;
  }

  #forget(pod: SimPod): void {
    this.#pods[pod.slot] = undefined;
    pod.requestId = 0;
    pod.node = undefined;
    pod.address = undefined;
    pod.reason = undefined;
    pod.wasRefused = false;
    pod.ticket = -1;
    this.#spare.push(pod);
  }

  // -------------------------------------------------------------- placement

  #place(pod: SimPod): void {
    const index = this.#options.scheduler.schedule(pod.spec, pod.nodeName);
    if (index === NO_NODE) return;
    const node = this.#options.bodies.nodes[index]!;
    pod.node = node;
    if (pod.spec.isHostNetwork) {
      pod.outcome = "running";
      this.#begin(pod);
      return;
    }
    const nowMs = this.#options.heap.atMs;
    pod.outcome = "waiting";
    this.#options.bodies.bind(node, 1);
    this.counts.waiting++;
    this.waiting.add(1, nowMs);
    pod.bind(nowMs);
    this.#step(pod);
  }

  /** There is room again: those that wait for a node are looked at once more, in the order of their coming. */
  placeAgain(): void {
    if (this.#unplaced.count === 0) return;
    this.#unplaced.placeAll((pod) => {
      this.#place(pod);
      if (pod.outcome === "unschedulable") return false;
      if (!pod.spec.isHostNetwork) this.counts.unschedulable--;
      return true;
    });
  }

  /** How many pods of each kind find no node. */
  unplaced(): Iterable<readonly [PodSpec, number]> {
    return this.#unplaced.waiting();
  }

  // -------------------------------------------------------------- nodes that come and go

  /** A node joined and serves. */
  nodeJoined(node: SimNode): void {
    this.#options.stream.nodeJoined(node.node, this.#options.heap.atMs - this.#startMs);
    this.#planArrival();
  }

  /** The pods on a node that an eviction would move: not those of DaemonSets, nor others that name their node. */
  movable(node: SimNode): SimPod[] {
    return this.live().filter((pod) => pod.node === node && pod.nodeName === undefined);
  }

  /** The node's pods come again elsewhere, but for those that name it. */
  evict(node: SimNode): void {
    for (const pod of this.movable(node)) this.#evict(pod);
    this.#planArrival();
  }

  /** The node is gone, and so is what was on it. */
  lose(node: SimNode): void {
    for (const pod of this.live()) if (pod.node === node) this.#evict(pod);
    this.#planArrival();
  }

  #evict(pod: SimPod): void {
    const { slot, spec } = pod;
    this.#end(pod);
    this.#options.stream.evicted(slot, spec, this.#options.heap.atMs - this.#startMs);
  }

  // -------------------------------------------------------------- ADD and DEL

  /** The heap's POD_STEPS event for this slot has come. */
  step(slot: number): void {
    const pod = this.#pods[slot];
    if (pod?.ticket !== this.#options.heap.ticket) return;
    if (pod.phase === "adding") this.#giveUp(pod);
    this.#step(pod);
  }

  #step(pod: SimPod): void {
    // Its kubelet is gone with the node: nobody tries again.
    if (pod.node!.phase === "lost") return;
    const { heap } = this.#options;
    for (let step = pod.step(heap.atMs); step !== undefined; step = pod.step(heap.atMs)) {
      if (step.kind === "del") this.#del(pod);
      else if (!this.#add(pod, step.deadlineMs)) this.#refused(pod, "starting");
    }
    const dueMs = pod.dueMs();
    if (dueMs !== undefined) pod.ticket = heap.add(dueMs, POD_STEPS, pod.slot);
  }

  /** False when there is nobody to ask. */
  #add(pod: SimPod, deadlineMs: Ms): boolean {
    const node = pod.node!;
    this.counts.adds++;
    if (node.isDown) return false;
    pod.requestId = this.#nextRequestId++;
    this.#justAsked.push(pod);
    const input = this.#allocate;
    input.nowMs = this.#options.heap.atMs;
    input.requestId = pod.requestId;
    input.attachment = pod.sandboxId!;
    input.deadlineMs = Math.min(deadlineMs, this.#options.heap.atMs + this.#options.addDeadlineMs);
    this.#options.bodies.feed(node, input);
    return true;
  }

  #del(pod: SimPod): void {
    const node = pod.node!;
    this.counts.dels++;
    if (node.isDown) return;
    const input = this.#release;
    input.nowMs = this.#options.heap.atMs;
    input.requestId = this.#nextRequestId++;
    input.attachment = pod.sandboxId!;
    this.#options.bodies.feed(node, input);
  }

  /** An agent's answer, to an ADD or a DEL. */
  replied(requestId: number, result: ReplyResult): void {
    if (result.kind === "released" || result.kind === "unknownAttachment") return;
    const pod = this.#askedBy(requestId);
    if (pod === undefined) return;
    this.#asked.delete(requestId);
    pod.requestId = 0;
    if (result.kind === "allocated") this.#runs(pod, result.address);
    else if (result.kind === "refused") {
      this.#refused(pod, result.reason);
      this.#step(pod);
    } else throw new Error(`I7: an ADD was answered ${result.kind}`);
  }

  /** Most are answered at once. */
  #askedBy(requestId: number): SimPod | undefined {
    for (let index = this.#justAsked.length - 1; index >= 0; index--) {
      if (this.#justAsked[index]!.requestId === requestId) return this.#justAsked[index];
    }
    return this.#asked.get(requestId);
  }

  /** After all that is due now: an ADD without an answer yet ends at its deadline. */
  settled(): void {
    if (this.#justAsked.length === 0) return;
    const deadlineMs = this.#options.heap.atMs + this.#kubelet.settings.sandboxTimeoutMs;
    for (const pod of this.#justAsked) {
      if (pod.requestId === 0) continue;
      this.#asked.set(pod.requestId, pod);
      pod.ticket = this.#options.heap.add(deadlineMs, POD_STEPS, pod.slot);
    }
    this.#justAsked.length = 0;
  }

  #giveUp(pod: SimPod): void {
    this.#abandon(pod);
    this.#refused(pod, "no-answer");
  }

  /** Nobody waits for the answer to its ADD any more. */
  #abandon(pod: SimPod): void {
    const { requestId } = pod;
    if (requestId === 0) return;
    pod.requestId = 0;
    this.#asked.delete(requestId);
    this.#options.bodies.feed(pod.node!, { kind: "abandoned", nowMs: this.#options.heap.atMs, requestId });
  }

  #runs(pod: SimPod, address: Ipv4): void {
    const nowMs = this.#options.heap.atMs;
    pod.answered({ sandboxId: pod.sandboxId!, isAllocated: true, nowMs });
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
    this.#begin(pod);
  }

  #refused(pod: SimPod, reason: FailedAddReason): void {
    pod.answered({ sandboxId: pod.sandboxId!, isAllocated: false, nowMs: this.#options.heap.atMs });
    if (!pod.wasRefused) this.counts.refusedAtLeastOnce++;
    pod.wasRefused = true;
    pod.reason = reason;
    pod.node!.refusedCount++;
    this.failedAdds.set(reason, (this.failedAdds.get(reason) ?? 0) + 1);
  }

  // -------------------------------------------------------------- the end

  /** It runs: its life begins, and its workload is told. */
  #begin(pod: SimPod): void {
    const { heap, stream } = this.#options;
    const { lifetimeMs, spec } = pod;
    if (lifetimeMs < Number.POSITIVE_INFINITY) pod.ticket = heap.add(heap.atMs + lifetimeMs, POD_ENDS, pod.slot);
    if (spec.isControlled) {
      stream.ran(pod.slot, spec, pod.node!.index, heap.atMs - this.#startMs);
      this.#planArrival();
    }
  }

  /** The heap's POD_ENDS event for this slot has come: its life is over. */
  end(slot: number): void {
    const pod = this.#pods[slot];
    if (pod?.ticket !== this.#options.heap.ticket) return;
    const { heap, stream } = this.#options;
    const { spec } = pod;
    this.#end(pod);
    if (!spec.isKept && !spec.isControlled) return;
    const nowMs = heap.atMs - this.#startMs;
    stream.gone(slot, spec, nowMs);
    // What takes its place comes at once, without a way through the heap.
    if (stream.nextMs === nowMs && spec.isKept && !spec.isControlled) this.#takeNext();
    this.#planArrival();
  }

  /** Whatever it is at: it waits for a node, for an address, or runs. */
  #end(pod: SimPod): void {
    const { heap, scheduler } = this.#options;
    const { spec, node, outcome } = pod;
    if (outcome === "waiting") this.#abandon(pod);
    if (pod.end() !== undefined) this.#del(pod);
    if (!spec.isHostNetwork) {
      if (outcome === "running") {
        this.counts.running--;
        this.running.add(-1, heap.atMs);
        node!.runningCount--;
      } else if (outcome === "waiting") {
        this.counts.waiting--;
        this.waiting.add(-1, heap.atMs);
      } else this.counts.unschedulable--;
      if (node !== undefined) this.#options.bodies.bind(node, -1);
      this.counts.ended++;
      if (outcome !== "running") this.counts.endedUnserved++;
    }
    if (outcome === "unschedulable") this.#unplaced.delete(pod);
    this.#forget(pod);
    if (node === undefined) return;
    scheduler.unschedule(node.index, spec);
    this.placeAgain();
  }
}
