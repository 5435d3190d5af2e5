// The two plugins that are compared, as a runtime calls them: ours with its agent, and Debian's ptp with host-local.

import { join } from "node:path";
import type { NodeRig } from "../../test/datapath/node-rig.ts";
import type { PluginRun } from "./spawner.ts";

export interface BenchPod {
  readonly containerId: string;
  readonly name: string;
  readonly netnsPath: string;
}

export interface Contestant {
  readonly name: string;
  run(command: "ADD" | "DEL" | "VERSION", pod: BenchPod): PluginRun;
}

function environment(command: string, pod: BenchPod): Record<string, string> {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: pod.containerId,
    CNI_NETNS: pod.netnsPath,
    CNI_IFNAME: "eth0",
    CNI_PATH: "/usr/lib/cni",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name};K8S_POD_INFRA_CONTAINER_ID=${pod.containerId}`,
  };
}

export function slash28(rig: NodeRig): Contestant {
  const { capabilities: _, ...entry } = rig.pluginConfig();
  const stdin = JSON.stringify({ cniVersion: "1.0.0", ...entry, name: "aws-cni" });
  return {
    name: "slash28-cni",
    run: (command, pod) => ({ path: rig.plugin, env: environment(command, pod), stdin }),
  };
}

/** Its books on the same disk as our checkpoint. */
export function ptpHostLocal(rig: NodeRig): Contestant {
  const stdin = JSON.stringify({
    cniVersion: "1.0.0",
    name: "ptp-bench",
    type: "ptp",
    mtu: 9001,
    ipam: {
      type: "host-local",
      subnet: "10.250.0.0/16",
      dataDir: join(rig.folder, "host-local"),
      routes: [{ dst: "0.0.0.0/0" }],
    },
  });
  return {
    name: "ptp + host-local",
    run: (command, pod) => ({ path: "/usr/lib/cni/ptp", env: environment(command, pod), stdin }),
  };
}
