// What ADD and DEL mean, whichever socket they come through: keys, the legacy key, branch ENIs of security groups for pods, the
// reply's texts. Transports translate; they decide nothing.

import { formatCidr, formatIpv4 } from "../base/ipv4.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { STORE_ERRORS } from "../ipam/messages.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Attachment, Engine, ReplyResult } from "../ipam/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Imds } from "../ports/imds.ts";
import type { AddNetworkReply, AddNetworkRequest, DelNetworkReply, DelNetworkRequest } from "../rpc/services.ts";
import type { AttachmentKey, Attachments, PodIdentity } from "./attachments.ts";
import type { BranchEni, BranchEnis } from "./branch-enis.ts";
import { type EngineHost, messageOf, type Request } from "./engine-host.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NodeNetwork } from "./network.ts";

export interface CniServiceOptions {
  readonly engine: Engine;
  readonly host: EngineHost;
  readonly attachments: Attachments;
  readonly clock: Clock;
  readonly imds: Imds;
  readonly branchEnis: BranchEnis;
  /** Index of the trunk's link; 0: this agent has no datapath. */
  readonly trunkLinkIndex: () => Promise<number>;
  /** undefined: this agent has no datapath. */
  readonly network: Pick<NodeNetwork, "asked" | "clearingOf"> | undefined;
  readonly metrics: AgentMetrics;
  readonly externalSnat: boolean;
  readonly excludedSnatCidrs: readonly string[];
  readonly networkPolicyMode: string;
  /** I7: every ADD is answered within this, in the clock's milliseconds. */
  readonly addDeadlineMs: Ms;
}

/** Who an ADD or DEL is about, in the words of the log. */
export interface PodText extends AttachmentKey {
  readonly namespace: string;
  readonly podName: string;
}

/** What the caller of an ADD says about itself. */
export interface AddCaller {
  /** Real milliseconds for which it still waits; undefined: it gives no limit. */
  readonly patienceMs?: number | undefined;
  /** Aborted when it hangs up. */
  readonly signal?: AbortSignal;
}

export interface Refusal {
  readonly reason: Reason;
  readonly message: string;
}

/** `error`: the call itself fails, as the reference's does; `refusal` beside a reply with Success=false. */
export type Answer<Reply> =
  | { readonly kind: "reply"; readonly reply: Reply; readonly refusal?: Refusal }
  | { readonly kind: "error"; readonly message: string };

/** A refusal leaves this long, in real milliseconds, before its caller gives up, so that the reason arrives. */
const REPLY_MARGIN_MS = 100;
/** After the last moment for an address a pod may be wired for so long, if its caller waits. Real milliseconds. */
const WIRING_MS = 5 * SECOND_MS;
/** Less than the margin above: where an address is what is missing, its reason is heard. */
const LAST_REPLY_MARGIN_MS = 50;
/** Allocations that the reference took over from the runtime; looked up on release alone (ipamd.md 2.4). */
const LEGACY_NETWORK = "_migrated-from-cri";
const LEGACY_INTERFACE = "unknown";
/** A branch ENI is no device of the instance, and its table is the plugin's to know (datapath.md 9.1). */
const BRANCH_PLACE = { deviceNumber: -1, routeTableId: 0 };

/** More attachments than a node has pods: those beyond are logged each time. */
const EARLY_MAX = 4_096;

/** Logs the reply to one request. */
type NoteReply = (reply: {
  readonly address: string;
  readonly problem: string | undefined;
  readonly reason?: Reason | undefined;
}) => void;

export class CniService {
  readonly #options: CniServiceOptions;
  #vpcCidrs: Promise<readonly string[]> | undefined;
  /** Requests whose refusal as `starting` is in the log. */
  readonly #refusedEarly = new Set<string>();

  constructor(options: CniServiceOptions) {
    this.#options = options;
  }

  // -------------------------------------------------------------- by key, for both sockets

  allocate(
    key: AttachmentKey,
    pod: PodIdentity,
    caller: AddCaller = {},
  ): Request & { readonly attachment: Attachment } {
    const { attachments, host, network } = this.#options;
    const attachment = attachments.intern(key, pod);
    network?.asked(attachment);
    const request = host.allocate(attachment, this.deadlineMs(caller.patienceMs));
    const { signal } = caller;
    if (signal === undefined) return { ...request, attachment };
    // One connection asks for many: its signal must not collect their listeners.
    const giveUp = () => host.abandon(request.id);
    signal.addEventListener("abort", giveUp);
    const result = request.result.finally(() => signal.removeEventListener("abort", giveUp));
    return { id: request.id, attachment, decided: request.decided, result };
  }

  /**
   * For a caller that wires its pod itself: the answer comes when nothing is being removed any more that speaks of its address, or at the
   * deadline, even when the disk does not come back.
   */
  async allocateAlone(key: AttachmentKey, pod: PodIdentity, caller: AddCaller = {}): Promise<ReplyResult> {
    const deadlineMs = this.deadlineMs(caller.patienceMs);
    const answerByMs = this.answerByMs(caller.patienceMs);
    const asked = this.allocate(key, pod, caller);
    // The engine keeps the deadline by itself.
    const decided = await asked.decided;
    const result = await this.byDeadline(asked.result, answerByMs);
    if (result === "late") {
      this.#options.metrics.inc("slash28_add_refusals_total", { reason: "checkpoint-unwritable" });
      // It may be on the disk already: nobody else may get it.
      const rest =
        decided.kind === "allocated" ? `; ${formatIpv4(decided.address)} stays with this sandbox until its DEL` : "";
      const message = `the checkpoint is not written yet, and the ADD's deadline is here${rest}`;
      return { kind: "refused", reason: "checkpoint-unwritable", message, retryAfterMs: undefined };
    }
    if (result.kind !== "allocated") return result;
    const clearing = this.#options.network?.clearingOf(result.address)?.catch(() => {});
    if (clearing === undefined || (await this.byDeadline(clearing, deadlineMs)) !== "late") return result;
    if (!result.isRepeat) this.release(key);
    const message = `old rules of ${formatIpv4(result.address)} are being removed, and the kernel has not answered yet`;
    return { kind: "refused", reason: "network-setup-failed", message, retryAfterMs: undefined };
  }

  /** When an ADD that arrives now has to be answered, by the clock. */
  deadlineMs(patienceMs: number | undefined): Ms {
    const { addDeadlineMs, clock } = this.#options;
    const leftMs = Math.max(0, (patienceMs ?? Number.POSITIVE_INFINITY) - REPLY_MARGIN_MS) * clock.rate;
    return clock.nowMs() + Math.min(addDeadlineMs, leftMs);
  }

  /** As a caller that arrives now would have to say it to get that deadline. */
  patienceUntil(deadlineMs: Ms): number {
    const { clock } = this.#options;
    return Math.max(0, deadlineMs - clock.nowMs()) / clock.rate + REPLY_MARGIN_MS;
  }

  /** When an ADD that arrives now and asks for a wired pod has to be answered, by the clock. */
  answerByMs(patienceMs: number | undefined): Ms {
    const { addDeadlineMs, clock } = this.#options;
    const leftMs = Math.max(0, (patienceMs ?? Number.POSITIVE_INFINITY) - LAST_REPLY_MARGIN_MS) * clock.rate;
    return clock.nowMs() + Math.min(addDeadlineMs + WIRING_MS * clock.rate, leftMs);
  }

  async byDeadline<T>(answer: Promise<T>, deadlineMs: Ms): Promise<T | "late"> {
    let cancel = () => {};
    const late = new Promise<"late">((resolve) => {
      cancel = this.#options.clock.at(deadlineMs, () => resolve("late"));
    });
    return Promise.race([answer, late]).finally(cancel);
  }

  /** The attachment that holds this key's address, also under the legacy key of the same container; undefined: none does. */
  holderOf(key: AttachmentKey): Attachment | undefined {
    const { attachments, engine } = this.#options;
    for (const candidate of [key, { ...key, networkName: LEGACY_NETWORK, ifName: LEGACY_INTERFACE }]) {
      const attachment = attachments.find(candidate);
      if (attachment !== undefined && engine.addressOf(attachment) !== undefined) return attachment;
    }
    return undefined;
  }

  release(key: AttachmentKey): Request {
    const { attachments, host } = this.#options;
    return host.release(this.holderOf(key) ?? attachments.intern(key));
  }

  /** Notes an ADD's time from arrival to reply, and passes its answer on. */
  async timed<T>(answer: Promise<T>): Promise<T> {
    const { clock, metrics } = this.#options;
    const startedMs = clock.nowMs();
    const value = await answer;
    metrics.observe("slash28_add_duration_seconds", {}, (clock.nowMs() - startedMs) / clock.rate / SECOND_MS);
    return value;
  }

  // -------------------------------------------------------------- counts and log lines, for both sockets

  /** Returns what logs the reply; `problem` undefined: the ADD succeeded. */
  noteAdd(pod: PodText & { readonly netns: string }): NoteReply {
    const { host, metrics } = this.#options;
    metrics.inc("awscni_add_ip_req_count", {});
    const say = () => {
      host.say("receivedAdd", pod.namespace, pod.containerId, pod.ifName);
      host.say("addRequest", pod.podName, pod.namespace, pod.containerId, pod.ifName, pod.networkName, pod.netns);
    };
    return this.#noted(["add", pod], say, ({ address, problem }) => {
      if (problem !== undefined) host.say("addRefused", problem);
      host.say("sentAddReply", problem === undefined, address, "", problem ?? "<nil>");
    });
  }

  /** The same of a DEL. */
  noteDel(pod: PodText & { readonly reason: string }): NoteReply {
    const { host, metrics } = this.#options;
    metrics.inc("awscni_del_ip_req_count", { reason: DEL_REASONS.includes(pod.reason) ? pod.reason : "other" });
    const say = () => {
      host.say("receivedDel", pod.containerId);
      host.say("delRequest", pod.podName, pod.namespace, pod.reason, pod.containerId);
    };
    return this.#noted(["del", pod], say, ({ address, problem }) => {
      host.say("sentDelReply", address, problem ?? "<nil>");
    });
  }

  /** While the agent starts, plugins ask again and again: an attachment's refusal for that is logged once. */
  #noted(
    [op, { networkName, containerId, ifName }]: readonly [string, AttachmentKey],
    sayRequest: () => void,
    sayReply: NoteReply,
  ): NoteReply {
    const { host } = this.#options;
    const early = this.#refusedEarly;
    const id = JSON.stringify([op, networkName, containerId, ifName]);
    if (host.isReady) early.clear();
    const isRepeat = early.has(id);
    if (!isRepeat) sayRequest();
    return (reply) => {
      const isEarly = reply.reason === "starting" && !host.isReady;
      if (isRepeat && isEarly) return;
      if (isRepeat) sayRequest();
      sayReply(reply);
      if (isEarly && early.size < EARLY_MAX) early.add(id);
    };
  }

  // -------------------------------------------------------------- gRPC

  async addNetwork(request: AddNetworkRequest, caller: AddCaller = {}): Promise<Answer<AddNetworkReply>> {
    const { host } = this.#options;
    const noteReply = this.noteAdd({ ...podText(request), netns: request.Netns });
    const answer = await this.#add(request, caller).catch((error: unknown): Answer<AddNetworkReply> => {
      return { kind: "error", message: messageOf(error) };
    });
    if (answer.kind === "error") {
      host.say("sentAddReply", false, "", "", answer.message);
      return answer;
    }
    const { reply, refusal } = answer;
    const address = reply.IPAllocationMetadata.map((item) => item.IPv4Addr).join(" ");
    noteReply({ address, problem: refusal?.message, reason: refusal?.reason });
    return answer;
  }

  async #add(request: AddNetworkRequest, caller: AddCaller): Promise<Answer<AddNetworkReply>> {
    const branch = await this.#addBranch(request, caller);
    if (branch !== undefined) return branch;
    const { ContainerID, IfName, NetworkName } = request;
    if (ContainerID === "" || IfName === "" || NetworkName === "") {
      return this.#refused("invalid-request", "ContainerID, IfName and NetworkName all have to be given");
    }
    if (/\p{Cc}/u.test(ContainerID + IfName + NetworkName + request.K8S_POD_NAMESPACE + request.K8S_POD_NAME)) {
      return this.#refused("invalid-request", "names must not hold control characters");
    }
    if (request.RequiresMultiNICAttachment) {
      return this.#refused("invalid-request", "the pod asks for several network cards, and ENABLE_MULTI_NIC is off");
    }
    if (caller.signal?.aborted === true) return { kind: "error", message: "the caller hung up" };
    const result = await this.timed(
      this.allocateAlone(
        { networkName: NetworkName, containerId: ContainerID, ifName: IfName },
        { namespace: request.K8S_POD_NAMESPACE, podName: request.K8S_POD_NAME, interfacesCount: 1 },
        caller,
      ),
    );
    if (result.kind === "refused") return this.#refused(result.reason, result.message);
    if (result.kind !== "allocated") return { kind: "error", message: `unexpected answer ${result.kind}` };
    let cidrs: readonly string[];
    try {
      cidrs = await this.#readVpcCidrs();
    } catch (error) {
      // The address stays allocated: the runtime's DEL frees it (ipamd.md 3.3 step 5).
      return { kind: "error", message: `failed to get VPC CIDRs: ${messageOf(error)}` };
    }
    return { kind: "reply", reply: this.#success(formatIpv4(result.address), result, cidrs) };
  }

  /** ADDs that wait at the same time share one reading. */
  #readVpcCidrs(): Promise<readonly string[]> {
    this.#vpcCidrs ??= this.#options.imds
      .vpcCidrs()
      .then((cidrs) => cidrs.map(formatCidr))
      .finally(() => {
        this.#vpcCidrs = undefined;
      });
    return this.#vpcCidrs;
  }

  #success(
    address: string,
    place: { readonly deviceNumber: number; readonly routeTableId: number },
    vpcCidrs: readonly string[],
    branch?: { readonly eni: BranchEni; readonly trunkLinkIndex: number },
  ): AddNetworkReply {
    const { externalSnat, excludedSnatCidrs, networkPolicyMode } = this.#options;
    return {
      Success: true,
      IPAllocationMetadata: [
        { IPv4Addr: address, IPv6Addr: "", DeviceNumber: place.deviceNumber, RouteTableId: place.routeTableId },
      ],
      UseExternalSNAT: externalSnat,
      VPCv4CIDRs: externalSnat ? [...vpcCidrs] : [...vpcCidrs, ...excludedSnatCidrs],
      PodVlanId: branch?.eni.vlanId ?? 0,
      PodENIMAC: branch?.eni.mac ?? "",
      PodENISubnetGW: branch === undefined ? "" : formatIpv4(branch.eni.gateway),
      ParentIfIndex: branch?.trunkLinkIndex ?? 0,
      VPCv6CIDRs: [],
      NetworkPolicyMode: networkPolicyMode,
    };
  }

  #refused(reason: Reason, message: string): Answer<AddNetworkReply> {
    const reply: AddNetworkReply = {
      ...this.#success("", { deviceNumber: 0, routeTableId: 0 }, []),
      Success: false,
      IPAllocationMetadata: [],
      VPCv4CIDRs: [],
    };
    return { kind: "reply", reply, refusal: { reason, message } };
  }

  // -------------------------------------------------------------- branch ENIs (ipamd.md 3.3 step 2)

  /** The answer for a pod with a branch ENI, or when the pod cannot be read; undefined for every other pod. */
  async #addBranch(request: AddNetworkRequest, caller: AddCaller): Promise<Answer<AddNetworkReply> | undefined> {
    const { branchEnis, metrics, trunkLinkIndex } = this.#options;
    const deadlineMs = this.deadlineMs(caller.patienceMs);
    const notReady = (message: string) => {
      metrics.inc("slash28_add_refusals_total", { reason: "branch-eni-not-ready" });
      return this.#refused("branch-eni-not-ready", message);
    };
    const answer = await branchEnis.forAdd(request.K8S_POD_NAMESPACE, request.K8S_POD_NAME);
    if (answer.kind === "none") return undefined;
    if (answer.kind === "not-ready") return notReady(answer.message);
    const linkIndex = await this.byDeadline(trunkLinkIndex(), deadlineMs);
    if (linkIndex === "late") return notReady("the kernel has not answered which link is the trunk's");
    const branch = { eni: answer.branch, trunkLinkIndex: linkIndex };
    const cidrs = await this.#readVpcCidrs();
    return {
      kind: "reply",
      reply: this.#success(formatIpv4(answer.branch.address), BRANCH_PLACE, cidrs, branch),
    };
  }

  async delNetwork(request: DelNetworkRequest): Promise<Answer<DelNetworkReply>> {
    const noteReply = this.noteDel({ ...podText(request), reason: request.Reason });
    const answer = await this.#del(request).catch((error: unknown): Answer<DelNetworkReply> => {
      return { kind: "error", message: messageOf(error) };
    });
    const address =
      answer.kind === "reply" ? answer.reply.IPAllocationMetadata.map((item) => item.IPv4Addr).join(" ") : "";
    noteReply({ address, problem: answer.kind === "error" ? answer.message : undefined });
    return answer;
  }

  async #del(request: DelNetworkRequest): Promise<Answer<DelNetworkReply>> {
    const key = { networkName: request.NetworkName, containerId: request.ContainerID, ifName: request.IfName };
    const result = await this.release(key).result;
    switch (result.kind) {
      case "released":
        return { kind: "reply", reply: this.#released(formatIpv4(result.address), result) };
      case "refused":
        return { kind: "error", message: result.message };
      case "unknownAttachment": {
        return (await this.#delBranch(request)) ?? { kind: "error", message: STORE_ERRORS.unknownPod };
      }
      default:
        return { kind: "error", message: `unexpected answer ${result.kind}` };
    }
  }

  async #delBranch(request: DelNetworkRequest): Promise<Answer<DelNetworkReply> | undefined> {
    const { K8S_POD_NAME, K8S_POD_NAMESPACE, K8S_POD_UID } = request;
    const answer = await this.#options.branchEnis.forDel(K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_UID);
    switch (answer.kind) {
      case "none":
        return undefined;
      case "error":
        return answer;
      case "pod-gone":
        return { kind: "reply", reply: { ...this.#released("", undefined), IPAllocationMetadata: [] } };
      case "branch": {
        const { address, vlanId } = answer.branch;
        return { kind: "reply", reply: { ...this.#released(formatIpv4(address), undefined), PodVlanId: vlanId } };
      }
    }
  }

  #released(
    address: string,
    place: { readonly deviceNumber: number; readonly routeTableId: number } | undefined,
  ): DelNetworkReply {
    return {
      Success: true,
      IPAllocationMetadata: [
        {
          IPv4Addr: address,
          IPv6Addr: "",
          DeviceNumber: place?.deviceNumber ?? 0,
          RouteTableId: place?.routeTableId ?? 0,
        },
      ],
      PodVlanId: 0,
      NetworkPolicyMode: this.#options.networkPolicyMode,
    };
  }
}

/** What the plugin sends (ipamd.md 9.1); anything else shares one label value. */
const DEL_REASONS: readonly string[] = ["PodDeleted", "SetupNSFailed"];

function podText(request: AddNetworkRequest | DelNetworkRequest): PodText {
  return {
    networkName: request.NetworkName,
    containerId: request.ContainerID,
    ifName: request.IfName,
    namespace: request.K8S_POD_NAMESPACE,
    podName: request.K8S_POD_NAME,
  };
}
