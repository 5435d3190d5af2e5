// gRPC service definitions and message shapes, for the agent that serves them and for callers that play the plugin.
// The .proto texts are embedded, so that a single-file executable carries them.

import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import protobuf from "protobufjs";
import healthProto from "./health.proto" with { type: "text" };
import rpcProto from "./rpc.proto" with { type: "text" };

export interface AddNetworkRequest {
  readonly K8S_POD_NAME: string;
  readonly K8S_POD_NAMESPACE: string;
  readonly K8S_POD_INFRA_CONTAINER_ID: string;
  readonly Netns: string;
  readonly IfName: string;
  readonly NetworkName: string;
  readonly ContainerID: string;
  readonly ClientVersion: string;
  readonly RequiresMultiNICAttachment: boolean;
}

export interface IpAllocation {
  readonly IPv4Addr: string;
  readonly IPv6Addr?: string;
  readonly DeviceNumber: number;
  readonly RouteTableId: number;
}

export interface AddNetworkReply {
  readonly Success: boolean;
  readonly IPAllocationMetadata: readonly IpAllocation[];
  readonly UseExternalSNAT: boolean;
  readonly VPCv4CIDRs: readonly string[];
  readonly PodVlanId: number;
  readonly PodENIMAC: string;
  readonly PodENISubnetGW: string;
  readonly ParentIfIndex: number;
  readonly VPCv6CIDRs: readonly string[];
  readonly NetworkPolicyMode: string;
}

export interface DelNetworkRequest {
  readonly K8S_POD_NAME: string;
  readonly K8S_POD_NAMESPACE: string;
  readonly K8S_POD_INFRA_CONTAINER_ID: string;
  readonly Reason: string;
  readonly IfName: string;
  readonly NetworkName: string;
  readonly ContainerID: string;
  readonly ClientVersion: string;
  readonly K8S_POD_UID: string;
}

export interface DelNetworkReply {
  readonly Success: boolean;
  readonly IPAllocationMetadata: readonly IpAllocation[];
  readonly PodVlanId: number;
  readonly NetworkPolicyMode: string;
}

export interface NetworkPolicyConfigReply {
  readonly NetworkPolicyMode: string;
  readonly MultiNICEnabled: boolean;
  readonly NodeIPv4: string;
  readonly NodeIPv6: string;
  readonly InstanceID: string;
  readonly Region: string;
}

export interface EnforceNpRequest {
  readonly K8S_POD_NAME: string;
  readonly K8S_POD_NAMESPACE: string;
  readonly NETWORK_POLICY_MODE: string;
  readonly InterfaceCount: number;
}

export interface DeleteNpRequest {
  readonly K8S_POD_NAME: string;
  readonly K8S_POD_NAMESPACE: string;
}

/** Of EnforceNpToPod and of DeletePodNp. */
export interface NpReply {
  readonly Success: boolean;
}

/** Trailing metadata of a refused ADD: the typed reason, the message, what to do next. */
export const REASON_KEY = "slash28-reason";
export const MESSAGE_KEY = "slash28-message";

export const SERVING = 1;
export const SERVICE_UNKNOWN = 3;

/** What gRPC needs to serve or call a service of a .proto text; names of fields stay as they are written. */
export function serviceDefinition(proto: string, serviceName: string): ServiceDefinition {
  const root = protobuf.parse(proto, { keepCase: true }).root;
  root.resolveAll();
  const service = root.lookupService(serviceName);
  const definition: Record<string, ServiceDefinition[string]> = {};
  for (const method of service.methodsArray) {
    const requestType = root.lookupType(method.resolvedRequestType?.fullName ?? method.requestType);
    const replyType = root.lookupType(method.resolvedResponseType?.fullName ?? method.responseType);
    const encode = (type: protobuf.Type) => (value: object) =>
      Buffer.from(type.encode(type.fromObject(value)).finish());
    const decode = (type: protobuf.Type) => (bytes: Buffer) =>
      type.toObject(type.decode(bytes), { defaults: true, arrays: true });
    definition[method.name] = {
      path: `/${service.fullName.slice(1)}/${method.name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: encode(requestType),
      requestDeserialize: decode(requestType),
      responseSerialize: encode(replyType),
      responseDeserialize: decode(replyType),
    };
  }
  return definition;
}

export const cniBackend = serviceDefinition(rpcProto, "rpc.CNIBackend");
export const configServerBackend = serviceDefinition(rpcProto, "rpc.ConfigServerBackend");
export const npBackend = serviceDefinition(rpcProto, "rpc.NPBackend");
export const health = serviceDefinition(healthProto, "grpc.health.v1.Health");

/** Real milliseconds until the caller gives up; undefined when it set no deadline. */
export function realMsLeft(call: { getDeadline(): Date | number }): number | undefined {
  const deadlineMs = Number(call.getDeadline());
  return Number.isFinite(deadlineMs) ? Math.max(0, deadlineMs - Date.now()) : undefined;
}

export interface AddOutcome {
  readonly reply: AddNetworkReply;
  /** The typed reason of a refusal; undefined from an agent that gives none. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

/** A caller of the agent's socket: what the CNI plugin does, for `up`, tests and benchmarks. */
export class CniClient {
  readonly #client: Client;

  /** `address` such as `unix:/var/run/aws-node/ipamd.sock`. */
  constructor(address: string, channelCredentials: ChannelCredentials = credentials.createInsecure()) {
    this.#client = newClient(address, channelCredentials);
  }

  /** Rejects with a `ServiceError` when the call itself fails. */
  add(request: AddNetworkRequest, timeoutMs: number): Promise<AddOutcome> {
    const method = cniBackend["AddNetwork"]!;
    return unaryCall<AddNetworkRequest, AddNetworkReply>(this.#client, method, request, { timeoutMs }).then(
      ({ reply, trailer }) => ({ reply, reason: textOf(trailer, REASON_KEY), message: textOf(trailer, MESSAGE_KEY) }),
    );
  }

  async del(request: DelNetworkRequest, timeoutMs: number): Promise<DelNetworkReply> {
    const method = cniBackend["DelNetwork"]!;
    return (await unaryCall<DelNetworkRequest, DelNetworkReply>(this.#client, method, request, { timeoutMs })).reply;
  }

  async networkPolicyConfigs(timeoutMs: number): Promise<NetworkPolicyConfigReply> {
    const method = configServerBackend["GetNetworkPolicyConfigs"]!;
    return (await unaryCall<object, NetworkPolicyConfigReply>(this.#client, method, {}, { timeoutMs })).reply;
  }

  /** True when the agent answers SERVING. Rejects when nothing listens. */
  async isServing(timeoutMs: number, service = ""): Promise<boolean> {
    const method = health["Check"]!;
    const { reply } = await unaryCall<object, { status: number }>(this.#client, method, { service }, { timeoutMs });
    return reply.status === SERVING;
  }

  close(): void {
    this.#client.close();
  }
}

/** A caller of the network policy agent's socket, over one channel that comes up when the agent does. */
export class NpClient {
  readonly #client: Client;

  /** `address` such as `unix:/var/run/aws-node/npa.sock`. */
  constructor(address: string) {
    this.#client = newClient(address, credentials.createInsecure());
  }

  /** Waits for the agent within the time. Rejects with a `ServiceError` when the call itself fails. */
  async enforce(request: EnforceNpRequest, timeoutMs: number): Promise<NpReply> {
    const method = npBackend["EnforceNpToPod"]!;
    const options = { timeoutMs, waitsForAgent: true };
    return (await unaryCall<EnforceNpRequest, NpReply>(this.#client, method, request, options)).reply;
  }

  /** Rejects with a `ServiceError` when the call itself fails, at once when no agent is there. */
  async forget(request: DeleteNpRequest, timeoutMs: number): Promise<NpReply> {
    const method = npBackend["DeletePodNp"]!;
    return (await unaryCall<DeleteNpRequest, NpReply>(this.#client, method, request, { timeoutMs })).reply;
  }

  close(): void {
    this.#client.close();
  }
}

function newClient(address: string, channelCredentials: ChannelCredentials): Client {
  return new Client(address, channelCredentials, {
    "grpc.enable_http_proxy": 0,
    // An agent that restarts is back within a second.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
}

function unaryCall<Request extends object, Reply>(
  client: Client,
  method: ServiceDefinition[string],
  request: Request,
  options: { readonly timeoutMs: number; readonly waitsForAgent?: boolean },
): Promise<{ reply: Reply; trailer: Metadata }> {
  return new Promise((resolve, reject) => {
    let trailer = new Metadata();
    let result: { error: ServiceError | null; reply: Reply | undefined } | undefined;
    let hasStatus = false;
    const finish = () => {
      if (result === undefined || !hasStatus) return;
      if (result.error !== null) reject(result.error);
      else resolve({ reply: result.reply as Reply, trailer });
    };
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize as (value: Request) => Buffer,
      method.responseDeserialize as (bytes: Buffer) => Reply,
      request,
      new Metadata({ waitForReady: options.waitsForAgent === true }),
      { deadline: Date.now() + options.timeoutMs },
      (error, reply) => {
        result = { error, reply };
        finish();
      },
    );
    call.on("status", (status) => {
      trailer = status.metadata;
      hasStatus = true;
      finish();
    });
  });
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0];
  return value === undefined ? undefined : decodeURIComponent(String(value));
}
