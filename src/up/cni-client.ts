// Kubelet's and the plugin's side of one agent: ADD, DEL and the health check over its gRPC socket, in virtual time.

import { type ServiceError, status } from "@grpc/grpc-js";
import type { Ms } from "../base/units.ts";
import { parseReason, type Reason } from "../ipam/reasons.ts";
import type { Clock } from "../ports/clock.ts";
import { CniClient as RpcClient } from "../rpc/services.ts";

/** What the reference's plugin reports when the agent answers without an address. */
export const PLUGIN_REFUSAL = "add cmd: failed to assign an IP address to container";

/** What the plugin sends for ADD and DEL. */
export interface CniRequest {
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly sandboxId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly networkName: string;
  readonly clientVersion: string;
}

/** No reason of an agent's: none was there to give one. A failure class, so `slash28 explain` knows it. */
export const AGENT_AWAY = "ipamd-not-running";
/** Why an ADD has no address. */
export type AddReason = Reason | typeof AGENT_AWAY;

export type AddOutcome =
  | { readonly kind: "allocated"; readonly address: string }
  | { readonly kind: "refused"; readonly reason: AddReason; readonly message: string; readonly pluginError: string };

export class CniClient {
  readonly #client: RpcClient;
  readonly #clock: Clock;

  constructor(socketPath: string, clock: Clock) {
    this.#clock = clock;
    this.#client = new RpcClient(`unix:${socketPath}`);
  }

  async add(request: CniRequest, deadlineMs: Ms): Promise<AddOutcome> {
    try {
      const { reply, reason, message } = await this.#client.add(
        { ...namesOf(request), Netns: request.netns, RequiresMultiNICAttachment: false },
        this.#realMsUntil(deadlineMs),
      );
      const address = reply.IPAllocationMetadata[0]?.IPv4Addr ?? "";
      if (reply.Success && address !== "") return { kind: "allocated", address };
      return {
        kind: "refused",
        reason: parseReason(reason ?? "") ?? "invalid-request",
        message: message ?? "the agent gave no address",
        pluginError: PLUGIN_REFUSAL,
      };
    } catch (error) {
      const { code, details, message } = error as ServiceError;
      const isAway = code === status.UNAVAILABLE || code === status.CANCELLED || code === status.DEADLINE_EXCEEDED;
      return {
        kind: "refused",
        reason: isAway ? AGENT_AWAY : "invalid-request",
        message: details,
        pluginError: `add cmd: Error received from AddNetwork gRPC call: ${message}`,
      };
    }
  }

  /** True when the agent took it; false leaves the pod's address with the agent. */
  async del(request: CniRequest, deadlineMs: Ms): Promise<boolean> {
    try {
      const reply = await this.#client.del(
        { ...namesOf(request), Reason: "PodDeleted", K8S_POD_UID: request.podUid },
        this.#realMsUntil(deadlineMs),
      );
      return reply.Success;
    } catch (error) {
      return (error as ServiceError).details.includes("datastore: unknown pod");
    }
  }

  isServing(deadlineMs: Ms): Promise<boolean> {
    return this.#client.isServing(this.#realMsUntil(deadlineMs)).catch(() => false);
  }

  close(): void {
    this.#client.close();
  }

  /** gRPC's deadlines are real. */
  #realMsUntil(deadlineMs: Ms): number {
    return Math.max(0, (deadlineMs - this.#clock.nowMs()) / this.#clock.rate);
  }
}

function namesOf(request: CniRequest) {
  return {
    K8S_POD_NAME: request.podName,
    K8S_POD_NAMESPACE: request.podNamespace,
    K8S_POD_INFRA_CONTAINER_ID: request.sandboxId,
    IfName: request.ifName,
    NetworkName: request.networkName,
    ContainerID: request.sandboxId,
    ClientVersion: request.clientVersion,
  };
}
