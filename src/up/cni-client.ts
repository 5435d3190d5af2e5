// Kubelet's and the plugin's side of one agent: ADD, DEL and the health check over its gRPC socket.

import { Client, credentials, Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";
import type { Ms } from "../base/units.ts";
import { REASONS, type Reason } from "../ipam/reasons.ts";
import type { Clock } from "../ports/clock.ts";
import {
  type CniReply,
  type CniRequest,
  decodeHealth,
  decodeReply,
  encodeAdd,
  encodeDel,
  HEALTH_REQUEST,
} from "./cni-wire.ts";

/** What the reference's plugin reports when the agent answers without an address. */
export const PLUGIN_REFUSAL = "add cmd: failed to assign an IP address to container";

export type AddOutcome =
  | { readonly kind: "allocated"; readonly address: string }
  | { readonly kind: "refused"; readonly reason: Reason; readonly message: string; readonly pluginError: string };

export class CniClient {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(socketPath: string, clock: Clock) {
    this.#clock = clock;
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
    });
  }

  async add(request: CniRequest, deadlineMs: Ms): Promise<AddOutcome> {
    const answer = await this.#call("/rpc.CNIBackend/AddNetwork", encodeAdd(request), decodeReply, deadlineMs);
    if (answer.reply?.isSuccess === true && answer.reply.address !== "") {
      return { kind: "allocated", address: answer.reply.address };
    }
    const { error } = answer;
    const isAway = error?.code === status.UNAVAILABLE || error?.code === status.CANCELLED;
    return {
      kind: "refused",
      reason: answer.reason ?? (isAway ? "starting" : "invalid-request"),
      message: answer.message ?? error?.details ?? "the agent gave no address",
      pluginError:
        error === undefined ? PLUGIN_REFUSAL : `add cmd: Error received from AddNetwork gRPC call: ${error.message}`,
    };
  }

  /** True when the agent took it; false leaves the pod's address with the agent. */
  async del(request: CniRequest, deadlineMs: Ms): Promise<boolean> {
    const answer = await this.#call("/rpc.CNIBackend/DelNetwork", encodeDel(request), decodeReply, deadlineMs);
    return answer.reply?.isSuccess === true || (answer.error?.details ?? "").includes("datastore: unknown pod");
  }

  async isServing(deadlineMs: Ms): Promise<boolean> {
    const answer = await this.#call("/grpc.health.v1.Health/Check", HEALTH_REQUEST, decodeHealth, deadlineMs);
    return answer.reply === true;
  }

  close(): void {
    this.#client.close();
  }

  #call<Reply extends CniReply | boolean>(
    path: string,
    bytes: Buffer,
    decode: (bytes: Buffer) => Reply,
    deadlineMs: Ms,
  ): Promise<Answer<Reply>> {
    return new Promise((resolve) => {
      let reply: Reply | undefined;
      let error: ServiceError | undefined;
      const call = this.#client.makeUnaryRequest(
        path,
        (given: Buffer) => given,
        decode,
        bytes,
        new Metadata(),
        (failure: ServiceError | null, value?: Reply) => {
          if (failure !== null) error = failure;
          reply = value;
        },
      );
      const stopTimer = this.#clock.at(deadlineMs, () => call.cancel());
      // The status comes last, with the trailing metadata.
      call.on("status", (end: StatusObject) => {
        stopTimer();
        const reason = textOf(end.metadata, "slash28-reason");
        const answer = {
          reason: REASONS.find((one) => one === reason),
          message: textOf(end.metadata, "slash28-message"),
        };
        setImmediate(() => resolve({ ...answer, reply, error }));
      });
    });
  }
}

interface Answer<Reply> {
  readonly reply: Reply | undefined;
  readonly error: ServiceError | undefined;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0]?.toString();
  if (value === undefined) return undefined;
  try {
    // Percent-encoded: metadata is ASCII.
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
