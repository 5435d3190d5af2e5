// The compiled plugin run as a runtime runs it: inside the node's network namespace, the pod in the environment, the
// configuration on stdin.

import type { NodeRig } from "./node-rig.ts";
import { SYSTEM_PATH } from "./run.ts";

export interface PluginOutcome {
  readonly exitCode: number;
  /** The result or the error; undefined when nothing was printed. */
  readonly answer: Record<string, unknown> | undefined;
}

export interface PluginCall {
  readonly command: "ADD" | "DEL" | "CHECK" | "STATUS" | "GC" | "VERSION";
  readonly containerId?: string;
  readonly podName?: string;
  readonly netnsPath?: string;
  readonly cniVersion?: string;
  /** Further keys of the configuration: `prevResult`, `cni.dev/valid-attachments`. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export async function runPlugin(rig: NodeRig, call: PluginCall): Promise<PluginOutcome> {
  const { capabilities: _, ...config } = rig.pluginConfig();
  const child = Bun.spawn(["nsenter", `--net=${rig.netnsPath}`, rig.plugin], {
    env: {
      PATH: SYSTEM_PATH,
      CNI_COMMAND: call.command,
      CNI_CONTAINERID: call.containerId ?? "",
      CNI_NETNS: call.netnsPath ?? "",
      CNI_IFNAME: "eth0",
      CNI_PATH: "/opt/cni/bin",
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${call.podName ?? ""};K8S_POD_INFRA_CONTAINER_ID=${call.containerId ?? ""}`,
    },
    stdin: Buffer.from(
      JSON.stringify({ cniVersion: call.cniVersion ?? "1.1.0", ...config, name: "aws-cni", ...call.config }),
    ),
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  const exitCode = await child.exited;
  return { exitCode, answer: text.trim() === "" ? undefined : (JSON.parse(text) as Record<string, unknown>) };
}
