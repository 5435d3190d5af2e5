// The VPC resource controller's part in security groups for pods, as far as a node's pool notices it: a node that asks gets a
// trunk ENI in its subnet, by calls that share the account's buckets with the agents'. What src/up/resource-controller.ts does.

import { type Ms, SECOND_MS } from "../base/units.ts";
import type { ActReply, ActRequest, ReplyTree, ReplyValue, Vpc } from "../emulator/model/index.ts";
import type { UpNode } from "../world/world.ts";
import type { EventQueue } from "./event-queue.ts";
import { CONTROLLER } from "./fleet-state.ts";

/** Pauses between attempts: the controller's workqueue backs off from 5 ms to minutes; a node notices seconds. */
const RETRY_FIRST_MS: Ms = SECOND_MS;
const RETRY_MAX_MS: Ms = 60 * SECOND_MS;

type Want = { readonly request: ActRequest } | { readonly waitMs: Ms };
type Task = Generator<Want, void, ActReply | undefined>;

export class ResourceController {
  readonly #vpc: Vpc;
  readonly #heap: EventQueue;
  /** By the node's index: what it is at, and the answer that is on its way. */
  readonly #tasks = new Map<number, { readonly task: Task; reply: ActReply | undefined }>();

  constructor(vpc: Vpc, heap: EventQueue) {
    this.#vpc = vpc;
    this.#heap = heap;
  }

  /** A node's agent has announced SecurityGroupsForPods. Asked again, nothing more happens. */
  announced(index: number, node: UpNode): void {
    if (!node.limits.isTrunkingCompatible || this.#tasks.has(index)) return;
    this.#tasks.set(index, { task: attachTrunk(node), reply: undefined });
    this.resume(index);
  }

  /** The node is gone. */
  forget(index: number): void {
    this.#tasks.delete(index);
  }

  /** The heap's CONTROLLER event for this node has come. */
  resume(index: number): void {
    const one = this.#tasks.get(index);
    if (one === undefined) return;
    const step = one.task.next(one.reply);
    one.reply = undefined;
    if (step.done === true) return;
    const nowMs = this.#heap.atMs;
    if ("waitMs" in step.value) {
      this.#heap.add(nowMs + step.value.waitMs, CONTROLLER, index);
      return;
    }
    const result = this.#vpc.act(step.value.request, nowMs);
    if (!result.isReplyDropped) one.reply = result.reply;
    this.#heap.add(result.replyAtMs, CONTROLLER, index);
  }
}

/** Until it is attached. A reply that was lost is undefined, and an ENI that it may have made stays behind, as in AWS. */
function* attachTrunk(node: UpNode): Task {
  for (let pauseMs = RETRY_FIRST_MS; ; pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2)) {
    if (yield* attachOnce(node)) return;
    yield { waitMs: pauseMs };
  }
}

function* attachOnce(node: UpNode): Generator<Want, boolean, ActReply | undefined> {
  const created = yield* call("CreateNetworkInterface", {
    SubnetId: node.subnetId,
    InterfaceType: "trunk",
    Description: "aws-k8s-trunk-eni",
    "TagSpecification.1.ResourceType": "network-interface",
    "TagSpecification.1.Tag.1.Key": "eks:eni:owner",
    "TagSpecification.1.Tag.1.Value": "eks-vpc-resource-controller",
  });
  const eniId = treeOf(created?.["networkInterface"])["networkInterfaceId"];
  if (typeof eniId !== "string") return false;
  const described = yield* call("DescribeInstances", { "InstanceId.1": node.instanceId });
  const attached = yield* call("AttachNetworkInterface", {
    NetworkInterfaceId: eniId,
    InstanceId: node.instanceId,
    DeviceIndex: String(firstFree(takenIndexes(described))),
    NetworkCardIndex: "0",
  });
  if (attached === undefined) {
    yield* call("DeleteNetworkInterface", { NetworkInterfaceId: eniId });
    return false;
  }
  yield* call("ModifyNetworkInterfaceAttribute", {
    NetworkInterfaceId: eniId,
    "Attachment.AttachmentId": String(attached["attachmentId"]),
    "Attachment.DeleteOnTermination": "true",
  });
  return true;
}

function* call(
  action: string,
  params: Readonly<Record<string, string>>,
): Generator<Want, ReplyTree | undefined, ActReply | undefined> {
  const reply = yield { request: { action, params: new Map(Object.entries(params)) } };
  return reply?.kind === "ok" ? reply.tree : undefined;
}

function takenIndexes(described: ReplyTree | undefined): ReadonlySet<number> {
  const enis = listOf(described?.["reservationSet"])
    .flatMap((launch) => listOf(treeOf(launch)["instancesSet"]))
    .flatMap((instance) => listOf(treeOf(instance)["networkInterfaceSet"]));
  return new Set(enis.map((eni) => Number(treeOf(treeOf(eni)["attachment"])["deviceIndex"])));
}

function firstFree(taken: ReadonlySet<number>): number {
  let index = 1;
  while (taken.has(index)) index++;
  return index;
}

function listOf(value: ReplyValue | undefined): readonly ReplyValue[] {
  return Array.isArray(value) ? value : [];
}

function treeOf(value: ReplyValue | undefined): ReplyTree {
  return typeof value === "object" && !Array.isArray(value) ? (value as ReplyTree) : {};
}
