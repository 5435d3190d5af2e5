// Nodes that come and go: instances are launched and terminated through the emulated EC2, agents start and end with them, pods
// are evicted and come again elsewhere. The life of a node: booting, serving, leaving or lost, gone.

import type { Prng } from "../base/prng.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { HOST_NETWORK_POD_COUNT, type NodeGroup, type Scheduler } from "../cluster/index.ts";
import type { ActReply, ReplyTree, Vpc } from "../emulator/model/index.ts";
import { groupNode, type UpWorld } from "../world/world.ts";
import type { EventQueue } from "./event-queue.ts";
import type { FleetPods } from "./fleet-pods.ts";
import type { SimNode } from "./fleet-state.ts";
import type { SimInput } from "./input.ts";
import type { Later } from "./later.ts";
import type { NodeBodies } from "./node-bodies.ts";

/** How soon a group tries again when EC2 refused to launch or terminate. Inferred; groups back off up to minutes. */
const LAUNCH_RETRY_MS = 30 * SECOND_MS;
const TERMINATE_RETRY_MS = 5 * SECOND_MS;
const COUNT_TOLD_MS = 60 * SECOND_MS;
const IMAGE_ID = "ami-00000000000000000";

export interface FleetNodesOptions {
  readonly input: SimInput;
  readonly built: UpWorld;
  readonly vpc: Vpc;
  readonly heap: EventQueue;
  readonly later: Later;
  readonly bodies: NodeBodies;
  readonly pods: FleetPods;
  readonly scheduler: Scheduler;
  /** Draws delays and the nodes that an event takes. */
  readonly prng: Prng;
  readonly agentSeed: (index: number) => number;
  /** A new instance's ENIs count as held from now on. */
  readonly onLaunched: (instanceId: string) => void;
  /** The agent has ended for good. */
  readonly onStopped: (node: SimNode) => void;
}

/** One group's nodes. */
export interface GroupNodes {
  readonly group: NodeGroup;
  readonly nodes: SimNode[];
  /** Launches that EC2 has not accepted yet. */
  launchingCount: number;
  /** Of the last node that joined, for its name. */
  lastNumber: number;
}

export class FleetNodes {
  readonly groups: readonly GroupNodes[];
  readonly #options: FleetNodesOptions;
  readonly #groupOf = new Map<SimNode, GroupNodes>();
  /** What to do when a node serves for the first time, and when it is gone. */
  readonly #onServing = new Map<SimNode, () => void>();
  readonly #onGone = new Map<SimNode, () => void>();
  /** Zones where nothing can be launched. */
  readonly #lostZones = new Set<string>();
  readonly #firstCount: number;
  #isCountDue = false;

  constructor(options: FleetNodesOptions) {
    this.#options = options;
    const { bodies, input } = options;
    this.#firstCount = bodies.nodes.length;
    this.groups = input.cluster.nodeGroups.map((group) => ({
      group,
      nodes: bodies.nodes.filter((one) => one.node.groupName === group.name),
      launchingCount: 0,
      lastNumber: group.count,
    }));
    for (const group of this.groups) for (const node of group.nodes) this.#groupOf.set(node, group);
  }

  group(name: string): GroupNodes {
    return this.groups.find((one) => one.group.name === name)!;
  }

  /** Nodes that a group has or will have. */
  sizeOf(group: GroupNodes): number {
    return (
      group.launchingCount + group.nodes.filter((one) => one.phase === "booting" || one.phase === "serving").length
    );
  }

  serving(group: GroupNodes): SimNode[] {
    return group.nodes.filter((one) => one.phase === "serving");
  }

  /** No node takes pods before its agent serves. */
  close(): void {
    for (const node of this.#options.bodies.nodes) this.#options.scheduler.cordon(node.index);
  }

  /** Every node takes pods, whether or not its agent serves by now. */
  openAll(): void {
    for (const node of this.#options.bodies.nodes) if (node.phase === "booting") node.phase = "serving";
  }

  // -------------------------------------------------------------- joining

  /** Launches one node; `onServing` when it serves. */
  launch(group: GroupNodes, onServing?: () => void): void {
    group.launchingCount++;
    this.#tryLaunch(group, onServing);
  }

  #tryLaunch(group: GroupNodes, onServing: (() => void) | undefined): void {
    const { later, heap } = this.#options;
    for (const subnetId of this.#subnetsOf(group)) {
      const instanceId = this.#run(group, subnetId);
      if (instanceId === undefined) continue;
      group.launchingCount--;
      const node = this.#add(group, instanceId, subnetId);
      if (onServing !== undefined) this.#onServing.set(node, onServing);
      const { min, max } = group.group.joinDelay;
      later.at(heap.atMs + Math.round(this.#options.prng.between(min, max)), () => {
        if (node.phase === "booting") this.#options.bodies.start(node);
      });
      return;
    }
    later.after(LAUNCH_RETRY_MS, () => this.#tryLaunch(group, onServing));
  }

  /** The emptiest of the group's subnets first, as a group balances its zones; none of a lost zone. */
  #subnetsOf({ group, nodes }: GroupNodes): string[] {
    const { built } = this.#options;
    const idOf = new Map([...built.subnetNames].map(([id, name]) => [name, id]));
    const names = group.subnets.length > 0 ? group.subnets : [...idOf.keys()];
    const ids = names.map((name) => idOf.get(name)!).filter((id) => !this.#lostZones.has(this.#zoneOf(id)));
    const countOf = (id: string): number =>
      nodes.filter((one) => one.node.subnetId === id && (one.phase === "booting" || one.phase === "serving")).length;
    return ids
      .map((id) => ({ id, count: countOf(id) }))
      .sort((a, b) => a.count - b.count)
      .map((one) => one.id);
  }

  #zoneOf(subnetId: string): string {
    return this.#options.built.world.subnets.find((one) => one.id === subnetId)?.az ?? "";
  }

  #run({ group }: GroupNodes, subnetId: string): string | undefined {
    const params = new Map([
      ["ImageId", IMAGE_ID],
      ["InstanceType", group.instanceType],
      ["MinCount", "1"],
      ["MaxCount", "1"],
      ["SubnetId", subnetId],
    ]);
    const { reply } = this.#options.vpc.act({ action: "RunInstances", params }, this.#options.heap.atMs);
    return reply.kind === "ok" ? launchedId(reply) : undefined;
  }

  #add(group: GroupNodes, instanceId: string, subnetId: string): SimNode {
    const { bodies, scheduler, input, agentSeed, onLaunched } = this.#options;
    group.lastNumber++;
    const name = `${group.group.name}-${group.lastNumber}`;
    const zone = this.#zoneOf(subnetId);
    const upNode = groupNode({ cluster: input.cluster, group: group.group, name, instanceId, subnetId, zone });
    const node = bodies.add(upNode, agentSeed(bodies.nodes.length));
    scheduler.addNode({ ...upNode, systemPodCount: HOST_NETWORK_POD_COUNT });
    scheduler.cordon(node.index);
    group.nodes.push(node);
    this.#groupOf.set(node, group);
    onLaunched(instanceId);
    return node;
  }

  /** The node's agent serves for the first time: kubelet calls it ready, pods may come. */
  served(node: SimNode): void {
    if (node.phase !== "booting") return;
    const { scheduler, pods } = this.#options;
    node.phase = "serving";
    scheduler.uncordon(node.index);
    if (node.index >= this.#firstCount) {
      pods.nodeJoined(node);
      this.#countChanged();
    }
    pods.placeAgain();
    this.#onServing.get(node)?.();
    this.#onServing.delete(node);
  }

  // -------------------------------------------------------------- leaving

  /** Cordoned, its pods evicted, terminated after `afterMs`. */
  leave(node: SimNode, options: { afterMs: Ms; onGone?: (() => void) | undefined }): void {
    if (node.phase !== "serving" && node.phase !== "booting") return;
    const { scheduler, bodies, pods, later } = this.#options;
    node.phase = "leaving";
    if (options.onGone !== undefined) this.#onGone.set(node, options.onGone);
    scheduler.cordon(node.index);
    bodies.cordoned(node);
    pods.evict(node);
    later.after(options.afterMs, () => this.#end(node));
  }

  /** Its instance is gone without warning; that is noticed, and its pods are evicted, after a while. */
  lose(node: SimNode, evictAfterMs: Ms): void {
    if (node.phase === "gone" || node.phase === "lost") return;
    const { scheduler, bodies, later, onStopped } = this.#options;
    node.phase = "lost";
    scheduler.cordon(node.index);
    bodies.stop(node);
    onStopped(node);
    this.#terminate(node);
    later.after(evictAfterMs, () => this.#forget(node));
  }

  zoneLost(zone: string, options: { evictAfterMs: Ms; forMs: Ms | undefined }): void {
    const { bodies, later } = this.#options;
    this.#lostZones.add(zone);
    if (options.forMs !== undefined) later.after(options.forMs, () => this.#lostZones.delete(zone));
    for (const node of bodies.nodes) {
      if (this.#zoneOf(node.node.subnetId) === zone) this.lose(node, options.evictAfterMs);
    }
  }

  #end(node: SimNode): void {
    if (node.phase !== "leaving") return;
    this.#options.bodies.stop(node);
    this.#options.onStopped(node);
    this.#terminate(node);
    this.#forget(node);
  }

  #forget(node: SimNode): void {
    const { pods, scheduler } = this.#options;
    node.phase = "gone";
    scheduler.removeNode(node.index);
    pods.lose(node);
    const nodes = this.#groupOf.get(node)?.nodes;
    nodes?.splice(nodes.indexOf(node), 1);
    this.#countChanged();
    this.#onGone.get(node)?.();
    this.#onGone.delete(node);
  }

  /** The agents hear of it within a minute, all changes of that minute together. */
  #countChanged(): void {
    if (this.#isCountDue) return;
    this.#isCountDue = true;
    this.#options.later.after(COUNT_TOLD_MS, () => {
      this.#isCountDue = false;
      this.#options.bodies.tellNodeCount();
    });
  }

  /** EC2 may be too busy for it. */
  #terminate(node: SimNode): void {
    const { vpc, heap, later } = this.#options;
    const params = new Map([["InstanceId.1", node.node.instanceId]]);
    const { reply } = vpc.act({ action: "TerminateInstances", params }, heap.atMs);
    if (reply.kind !== "ok") later.after(TERMINATE_RETRY_MS, () => this.#terminate(node));
  }
}

function launchedId(reply: Extract<ActReply, { kind: "ok" }>): string {
  const [instance] = reply.tree["instancesSet"] as readonly ReplyTree[];
  return String(instance!["instanceId"]);
}
