// The gRPC socket that CNI plugins of the reference call: CNIBackend, ConfigServerBackend and health. Translation only.

import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import type { ImdsInstance } from "../ports/imds.ts";
import {
  type AddNetworkReply,
  type AddNetworkRequest,
  cniBackend,
  configServerBackend,
  type DelNetworkReply,
  type DelNetworkRequest,
  health,
  MESSAGE_KEY,
  type NetworkPolicyConfigReply,
  REASON_KEY,
  realMsLeft,
  SERVING,
} from "../rpc/services.ts";
import type { Answer, CniService } from "./cni-service.ts";
import { formatListenAddress, type ListenAddress } from "./config.ts";
import { claimSocketPath, ListenError, removeSocket, restrictSocket } from "./unix-socket.ts";

/** Owner and group, as the reference has it (ipamd.md 9.1). */
const SOCKET_MODE = 0o660;
const HEALTH_SERVICES: readonly string[] = ["", "grpc.health.v1.aws-node"];

export interface GrpcOptions {
  readonly service: CniService;
  readonly instance: ImdsInstance;
  readonly networkPolicyMode: string;
  readonly socketPath: string;
  readonly tcp: ListenAddress | undefined;
}

export interface GrpcServer {
  /** Takes no new calls; resolves when those under way are answered. */
  close(): Promise<void>;
  /** Drops what is left. */
  abort(): void;
}

/** Rejects with `ListenError`. */
export async function serveGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { service, instance, socketPath } = options;
  const server = new Server();
  server.addService(cniBackend, {
    AddNetwork: unary<AddNetworkRequest, AddNetworkReply>((request, call) => {
      const hangUp = new AbortController();
      call.on("cancelled", () => hangUp.abort());
      return service.addNetwork(request, { patienceMs: realMsLeft(call), signal: hangUp.signal });
    }),
    DelNetwork: unary<DelNetworkRequest, DelNetworkReply>((request) => service.delNetwork(request)),
  });
  server.addService(configServerBackend, {
    GetNetworkPolicyConfigs: unary<object, NetworkPolicyConfigReply>(async () => ({
      kind: "reply",
      reply: {
        NetworkPolicyMode: options.networkPolicyMode,
        MultiNICEnabled: false,
        NodeIPv4: instance.localIpv4,
        NodeIPv6: "",
        InstanceID: instance.instanceId,
        Region: instance.region,
      },
    })),
  });
  server.addService(health, {
    Check(call: ServerUnaryCall<{ readonly service: string }, object>, callback: sendUnaryData<object>) {
      if (HEALTH_SERVICES.includes(call.request.service)) callback(null, { status: SERVING });
      else callback({ code: status.NOT_FOUND, details: `unknown service ${call.request.service}` });
    },
  });
  await claimSocketPath(socketPath, "SLASH28_GRPC_SOCKET");
  await bind(server, `unix:${socketPath}`, "SLASH28_GRPC_SOCKET");
  restrictSocket(socketPath, SOCKET_MODE);
  if (options.tcp !== undefined) await bind(server, formatListenAddress(options.tcp), "SLASH28_GRPC_TCP");
  return {
    close: () =>
      new Promise((resolve) => {
        server.tryShutdown(() => {
          removeSocket(socketPath);
          resolve();
        });
      }),
    abort() {
      server.forceShutdown();
      removeSocket(socketPath);
    },
  };
}

function bind(server: Server, address: string, variable: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new ListenError(`gRPC cannot be served on ${address}: ${error.message}`, `Change ${variable}.`));
    });
  });
}

/** A refusal travels as a reply with Success=false, its typed reason in the trailing metadata; other errors as code UNKNOWN. */
function unary<Request, Reply extends object>(
  handle: (request: Request, call: ServerUnaryCall<Request, Reply>) => Promise<Answer<Reply>>,
) {
  return (call: ServerUnaryCall<Request, Reply>, callback: sendUnaryData<Reply>): void => {
    handle(call.request, call).then(
      (answer) => {
        if (answer.kind === "error") {
          callback({ code: status.UNKNOWN, details: answer.message });
          return;
        }
        if (answer.refusal === undefined) {
          callback(null, answer.reply);
          return;
        }
        const trailer = new Metadata();
        trailer.set(REASON_KEY, answer.refusal.reason);
        // Metadata is ASCII.
        trailer.set(MESSAGE_KEY, encodeURIComponent(answer.refusal.message));
        callback(null, answer.reply, trailer);
      },
      (error: unknown) => {
        callback({ code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) });
      },
    );
  };
}
