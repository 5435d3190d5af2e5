// The network policy agent of this node, called as the plugin of the reference calls it (datapath.md 4.1, 14): a pod starts only
// when its policies are in force, and no pod's end waits for them.

import { SECOND_MS } from "../base/units.ts";
import { NpClient, type NpReply } from "../rpc/services.ts";
import { messageOf } from "./engine-host.ts";

export interface PolicyPod {
  readonly namespace: string;
  readonly podName: string;
}

export interface PolicyAgent {
  /** undefined when the pod's policies are in force; otherwise what went wrong. Never rejects. */
  enforce(pod: PolicyPod): Promise<string | undefined>;
  /** undefined when the agent has forgotten the pod; otherwise what went wrong. Never rejects. */
  forget(pod: PolicyPod): Promise<string | undefined>;
  close(): void;
}

/** In real milliseconds. */
const TIMEOUT_MS = 2 * SECOND_MS;

/** `mode` as NETWORK_POLICY_ENFORCING_MODE has it. */
export function policyAgent(socketPath: string, mode: string): PolicyAgent {
  const client = new NpClient(`unix:${socketPath}`);
  const problemOf = async (call: Promise<NpReply>): Promise<string | undefined> => {
    try {
      return (await call).Success ? undefined : "the network policy agent answered without success";
    } catch (error) {
      return `the network policy agent on ${socketPath} did not answer: ${messageOf(error)}`;
    }
  };
  return {
    enforce({ namespace, podName }) {
      const pod = { K8S_POD_NAME: podName, K8S_POD_NAMESPACE: namespace };
      return problemOf(client.enforce({ ...pod, NETWORK_POLICY_MODE: mode, InterfaceCount: 1 }, TIMEOUT_MS));
    },
    forget({ namespace, podName }) {
      return problemOf(client.forget({ K8S_POD_NAME: podName, K8S_POD_NAMESPACE: namespace }, TIMEOUT_MS));
    },
    close: () => client.close(),
  };
}
