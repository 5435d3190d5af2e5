// A kubelet's side of the CRI, as far as the network is concerned: pods' sandboxes come, are looked at, and go.

import { Client, credentials, type ServiceDefinition, type ServiceError } from "@grpc/grpc-js";
import { serviceDefinition } from "../../src/rpc/services.ts";
import criProto from "./cri.proto" with { type: "text" };

export interface PodConfig {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly attempt?: number;
  readonly portMappings?: readonly { readonly containerPort: number; readonly hostPort: number }[];
}

export interface SandboxStatus {
  readonly id: string;
  readonly isReady: boolean;
  /** Empty when the sandbox has none any more. */
  readonly address: string;
  /** Path of its network namespace; empty when that is gone. */
  readonly netnsPath: string;
}

const CALL_TIMEOUT_MS = 120_000;

export class CriClient {
  readonly #client: Client;
  readonly #service: ServiceDefinition = serviceDefinition(criProto, "runtime.v1.RuntimeService");

  constructor(socketPath: string) {
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      "grpc.enable_http_proxy": 0,
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 200,
    });
  }

  async version(): Promise<string> {
    const reply = await this.#call<{ runtime_name: string; runtime_version: string }>("Version", {});
    return `${reply.runtime_name} ${reply.runtime_version}`;
  }

  /** The runtime says that pods can have a network: it found a configuration. */
  async isNetworkReady(): Promise<boolean> {
    const reply = await this.#call<{ status: { conditions: { type: string; status: boolean }[] } }>("Status", {});
    return reply.status.conditions.some((condition) => condition.type === "NetworkReady" && condition.status);
  }

  /** Resolves with the sandbox's id; rejects with a `ServiceError` whose `details` is what a kubelet shows in an event. */
  async runPod(pod: PodConfig): Promise<string> {
    const config = {
      metadata: { name: pod.name, uid: pod.uid, namespace: pod.namespace, attempt: pod.attempt ?? 0 },
      hostname: pod.name,
      port_mappings: (pod.portMappings ?? []).map(({ containerPort, hostPort }) => ({
        container_port: containerPort,
        host_port: hostPort,
      })),
      linux: {},
    };
    return (await this.#call<{ pod_sandbox_id: string }>("RunPodSandbox", { config })).pod_sandbox_id;
  }

  async stop(id: string): Promise<void> {
    await this.#call("StopPodSandbox", { pod_sandbox_id: id });
  }

  async remove(id: string): Promise<void> {
    await this.#call("RemovePodSandbox", { pod_sandbox_id: id });
  }

  async status(id: string): Promise<SandboxStatus> {
    const reply = await this.#call<{
      status: { id: string; state: number; network: { ip: string } | null };
      info: Record<string, string>;
    }>("PodSandboxStatus", { pod_sandbox_id: id, verbose: true });
    const info = JSON.parse(reply.info["info"] ?? "{}") as {
      runtimeSpec?: { linux?: { namespaces?: { type: string; path?: string }[] } };
    };
    const netns = info.runtimeSpec?.linux?.namespaces?.find((namespace) => namespace.type === "network");
    return {
      id: reply.status.id,
      isReady: reply.status.state === 0,
      address: reply.status.network?.ip ?? "",
      netnsPath: netns?.path ?? "",
    };
  }

  /** Ids of all sandboxes, running or not. */
  async list(): Promise<string[]> {
    const reply = await this.#call<{ items: { id: string }[] }>("ListPodSandbox", {});
    return reply.items.map((item) => item.id);
  }

  close(): void {
    this.#client.close();
  }

  #call<Reply>(method: string, request: object): Promise<Reply> {
    const definition = this.#service[method];
    if (definition === undefined) throw new Error(`cri.proto has no ${method}`);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize as (bytes: Buffer) => Reply,
        request,
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error: ServiceError | null, reply?: Reply) => {
          if (error !== null || reply === undefined) reject(error ?? new Error(`${method}: no reply`));
          else resolve(reply);
        },
      );
    });
  }
}
