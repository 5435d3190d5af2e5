// Kubernetes facts. The file driver reads one JSON file and re-reads it when it changes; an API-server driver can follow.

import type { EniConfig, NodeState } from "../ipam/types.ts";

export interface Kube {
  /** The node as it is now: capacity, taint, ENIConfig resolution. Rejects when the facts cannot be read. */
  node(): Promise<KubeNode>;
  /** Calls back with the node as it is, with each change, and with what went wrong while looking. Returns a stop function. */
  watchNode(onChange: (node: KubeNode) => void, onError: (message: string) => void): () => void;
  /** The pod's limits and annotations that ADD needs; undefined when there is no such pod. */
  pod(namespace: string, name: string): Promise<KubePod | undefined>;
  /** Puts a feature on this node's CNINode object. */
  announceFeature(feature: { readonly name: string; readonly value: string }): Promise<void>;
  /** Emits a Kubernetes event on the agent's own pod. */
  emitEvent(event: {
    readonly type: "Warning";
    readonly reason: string;
    readonly action: string;
    readonly message: string;
  }): Promise<void>;
}

export interface KubeNode extends NodeState {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly eniConfigs: readonly EniConfig[];
  /** The name that the labels and annotations ask for, whether such an ENIConfig exists or not. */
  readonly eniConfigName: string;
  /** Pods bound to this node that need an address of its pool, running ones included; undefined: the facts do not say. */
  readonly boundPodCount: number | undefined;
}

export interface KubePod {
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Resource names in the limits of container 0. */
  readonly firstContainerLimits: readonly string[];
}
