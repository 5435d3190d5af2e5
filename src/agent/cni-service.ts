// What ADD and DEL mean, whichever socket they come through: keys, the legacy key, branch ENIs of security groups for pods, the
// reply's texts. Transports translate; they decide nothing.

import { cidrOf, formatCidr, formatIpv4, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { STORE_ERRORS } from "../ipam/messages.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { Attachment, Engine } from "../ipam/types.ts";
import type { Clock } from "../ports/clock.ts";
import type { Imds } from "../ports/imds.ts";
import type { Kube, KubePod } from "../ports/kube.ts";
import type { AddNetworkReply, AddNetworkRequest, DelNetworkReply, DelNetworkRequest } from "../rpc/services.ts";
import type { AttachmentKey, Attachments, PodIdentity } from "./attachments.ts";
import { type EngineHost, messageOf, type Request } from "./engine-host.ts";
import type { AgentMetrics } from "./metrics.ts";

export interface CniServiceOptions {
  readonly engine: Engine;
  readonly host: EngineHost;
  readonly attachments: Attachments;
  readonly clock: Clock;
  readonly imds: Imds;
  readonly kube: Kube | undefined;
  readonly metrics: AgentMetrics;
  readonly podEni: boolean;
  readonly externalSnat: boolean;
  readonly excludedSnatCidrs: readonly string[];
  readonly networkPolicyMode: string;
  /** I7: every ADD is answered within this, in the clock's milliseconds. */
  readonly addDeadlineMs: Ms;
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
const POD_ENI = "vpc.amazonaws.com/pod-eni";
/** Allocations that the reference took over from the runtime; looked up on release alone (ipamd.md 2.4). */
const LEGACY_NETWORK = "_migrated-from-cri";
const LEGACY_INTERFACE = "unknown";

interface BranchEni {
  readonly address: string;
  readonly mac: string;
  readonly vlanId: number;
  readonly gateway: string;
}

export class CniService {
  readonly #options: CniServiceOptions;
  #vpcCidrs: Promise<readonly string[]> | undefined;

  constructor(options: CniServiceOptions) {
    this.#options = options;
  }

  // -------------------------------------------------------------- by key, for both sockets

  allocate(
    key: AttachmentKey,
    pod: PodIdentity,
    caller: AddCaller = {},
  ): Request & { readonly attachment: Attachment } {
    const { addDeadlineMs, attachments, clock, host, metrics } = this.#options;
    const attachment = attachments.intern(key, pod);
    const startedMs = clock.nowMs();
    const patienceMs = Math.max(0, (caller.patienceMs ?? Number.POSITIVE_INFINITY) - REPLY_MARGIN_MS) * clock.rate;
    const request = host.allocate(attachment, startedMs + Math.min(addDeadlineMs, patienceMs));
    caller.signal?.addEventListener("abort", () => host.abandon(request.id), { once: true });
    const result = request.result.then((answer) => {
      metrics.observe("slash28_add_duration_seconds", {}, (clock.nowMs() - startedMs) / clock.rate / SECOND_MS);
      return answer;
    });
    return { id: request.id, attachment, result };
  }

  /** Also finds an allocation under the legacy key of the same container. */
  release(key: AttachmentKey): Request {
    const { attachments, engine, host } = this.#options;
    const own = attachments.find(key);
    if (own === undefined || engine.addressOf(own) === undefined) {
      const legacy = attachments.find({ ...key, networkName: LEGACY_NETWORK, ifName: LEGACY_INTERFACE });
      if (legacy !== undefined && engine.addressOf(legacy) !== undefined) return host.release(legacy);
    }
    return host.release(attachments.intern(key));
  }

  // -------------------------------------------------------------- gRPC

  async addNetwork(request: AddNetworkRequest, caller: AddCaller = {}): Promise<Answer<AddNetworkReply>> {
    const { host, metrics } = this.#options;
    metrics.inc("awscni_add_ip_req_count", {});
    host.say("receivedAdd", request.K8S_POD_NAMESPACE, request.ContainerID, request.IfName);
    host.say(
      "addRequest",
      request.K8S_POD_NAME,
      request.K8S_POD_NAMESPACE,
      request.ContainerID,
      request.IfName,
      request.NetworkName,
      request.Netns,
    );
    const answer = await this.#add(request, caller).catch((error: unknown): Answer<AddNetworkReply> => {
      return { kind: "error", message: messageOf(error) };
    });
    if (answer.kind === "error") {
      host.say("sentAddReply", false, "", "", answer.message);
      return answer;
    }
    const { reply, refusal } = answer;
    if (refusal !== undefined) host.say("addRefused", refusal.message);
    const addresses = reply.IPAllocationMetadata.map((item) => item.IPv4Addr).join(" ");
    host.say("sentAddReply", reply.Success, addresses, "", refusal?.message ?? "<nil>");
    return answer;
  }

  async #add(request: AddNetworkRequest, caller: AddCaller): Promise<Answer<AddNetworkReply>> {
    if (this.#options.podEni) {
      const branch = await this.#branchFor(request);
      if (branch !== undefined) return branch;
    }
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
    const result = await this.allocate(
      { networkName: NetworkName, containerId: ContainerID, ifName: IfName },
      { namespace: request.K8S_POD_NAMESPACE, podName: request.K8S_POD_NAME, interfacesCount: 1 },
      caller,
    ).result;
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
    branch?: BranchEni,
  ): AddNetworkReply {
    const { externalSnat, excludedSnatCidrs, networkPolicyMode } = this.#options;
    return {
      Success: true,
      IPAllocationMetadata: [
        { IPv4Addr: address, IPv6Addr: "", DeviceNumber: place.deviceNumber, RouteTableId: place.routeTableId },
      ],
      UseExternalSNAT: externalSnat,
      VPCv4CIDRs: externalSnat ? [...vpcCidrs] : [...vpcCidrs, ...excludedSnatCidrs],
      PodVlanId: branch?.vlanId ?? 0,
      PodENIMAC: branch?.mac ?? "",
      PodENISubnetGW: branch?.gateway ?? "",
      // The trunk's link index is the datapath's to know, and this release has none.
      ParentIfIndex: 0,
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
  async #branchFor(request: AddNetworkRequest): Promise<Answer<AddNetworkReply> | undefined> {
    const refused = (message: string) => {
      this.#options.metrics.inc("slash28_add_refusals_total", { reason: "branch-eni-not-ready" });
      return this.#refused("branch-eni-not-ready", message);
    };
    const name = `${request.K8S_POD_NAMESPACE}/${request.K8S_POD_NAME}`;
    const pod = await this.#readPod(request.K8S_POD_NAMESPACE, request.K8S_POD_NAME);
    if (typeof pod === "string") return refused(`pod ${name} cannot be read: ${pod}`);
    if (pod === undefined) return refused(`pod ${name} is not known`);
    if (!pod.firstContainerLimits.some((limit) => limit.startsWith(POD_ENI))) return undefined;
    if (this.#options.engine.view(this.#options.clock.nowMs()).trunkEniId === undefined) {
      return refused(`pod ${name} wants a branch ENI, and no trunk ENI is attached`);
    }
    const branch = branchOf(pod);
    if (branch === undefined) return refused(`annotation ${POD_ENI} of pod ${name} is not there yet`);
    const cidrs = await this.#readVpcCidrs();
    return {
      kind: "reply",
      reply: this.#success(branch.address, { deviceNumber: 0, routeTableId: 0 }, cidrs, branch),
    };
  }

  async #readPod(namespace: string, name: string): Promise<KubePod | string | undefined> {
    try {
      return await this.#options.kube?.pod(namespace, name);
    } catch (error) {
      return messageOf(error);
    }
  }

  async delNetwork(request: DelNetworkRequest): Promise<Answer<DelNetworkReply>> {
    const { host, metrics } = this.#options;
    metrics.inc("awscni_del_ip_req_count", { reason: DEL_REASONS.includes(request.Reason) ? request.Reason : "other" });
    host.say("receivedDel", request.ContainerID);
    host.say("delRequest", request.K8S_POD_NAME, request.K8S_POD_NAMESPACE, request.Reason, request.ContainerID);
    const answer = await this.#del(request).catch((error: unknown): Answer<DelNetworkReply> => {
      return { kind: "error", message: messageOf(error) };
    });
    const addresses =
      answer.kind === "reply" ? answer.reply.IPAllocationMetadata.map((item) => item.IPv4Addr).join(" ") : "";
    host.say("sentDelReply", addresses, answer.kind === "error" ? answer.message : "<nil>");
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
        const branch = this.#options.podEni ? await this.#delBranch(request) : undefined;
        return branch ?? { kind: "error", message: STORE_ERRORS.unknownPod };
      }
      default:
        return { kind: "error", message: `unexpected answer ${result.kind}` };
    }
  }

  async #delBranch(request: DelNetworkRequest): Promise<Answer<DelNetworkReply> | undefined> {
    const pod = await this.#readPod(request.K8S_POD_NAMESPACE, request.K8S_POD_NAME);
    if (typeof pod === "string") return { kind: "error", message: pod };
    if (pod === undefined)
      return { kind: "reply", reply: { ...this.#released("", undefined), IPAllocationMetadata: [] } };
    if (request.K8S_POD_UID !== "" && pod.uid !== request.K8S_POD_UID) {
      return { kind: "error", message: `pod UID mismatch: got ${pod.uid}, expected ${request.K8S_POD_UID}` };
    }
    const branch = branchOf(pod);
    if (branch === undefined) return undefined;
    return { kind: "reply", reply: { ...this.#released(branch.address, undefined), PodVlanId: branch.vlanId } };
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

/** The first branch ENI of the pod's annotation; undefined when it is missing or incomplete. */
/** IEEE 802.1Q: 4095 is reserved. */
const VLAN_ID_MAX = 4094;

function branchOf(pod: KubePod): BranchEni | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(pod.annotations[POD_ENI] ?? "");
  } catch {
    return undefined;
  }
  const first: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  if (typeof first !== "object" || first === null) return undefined;
  const { privateIp, ifAddress, vlanID, subnetCidr } = first as Readonly<Record<string, unknown>>;
  if (typeof privateIp !== "string" || typeof ifAddress !== "string" || typeof vlanID !== "number") return undefined;
  if (parseIpv4(privateIp) === undefined || ifAddress === "" || !Number.isInteger(vlanID) || vlanID > VLAN_ID_MAX) {
    return undefined;
  }
  const subnet = typeof subnetCidr === "string" ? parseCidr(subnetCidr) : undefined;
  if (subnet === undefined || vlanID <= 0) return undefined;
  const gateway = formatIpv4(cidrOf(subnet.base, subnet.prefixLength).base + 1);
  return { address: privateIp, mac: ifAddress, vlanId: vlanID, gateway };
}
