// Pods without an address as `kubectl describe pod` prints them, events at the end.

import { formatRfc3339 } from "../base/calendar.ts";
import type { Ms } from "../base/units.ts";
import type { RunPod } from "./run-state.ts";

export function podsDescription(pods: readonly RunPod[], wallMs: Ms): string {
  return pods.map((pod) => describePod(pod, wallMs)).join("\n\n");
}

function describePod(pod: RunPod, wallMs: Ms): string {
  const isPlaced = pod.nodeName !== undefined;
  const field = (name: string, value: string): string => `${`${name}:`.padEnd(18)}${value}`;
  const lines = [
    field("Name", pod.plan.name),
    field("Namespace", pod.plan.namespace),
    field("Priority", "0"),
    field("Node", pod.nodeName ?? "<none>"),
    field("Start Time", formatRfc3339(wallMs)),
    field("Labels", "<none>"),
    field("Annotations", "<none>"),
    field("Status", "Pending"),
    field("IP", ""),
    "Containers:",
    "  main:",
    "    Image:          example/app:1",
    "    State:          Waiting",
    `      Reason:       ${isPlaced ? "ContainerCreating" : ""}`,
    "    Ready:          False",
    "Events:",
    "  Type     Reason                  Age                From               Message",
    "  ----     ------                  ----               ----               -------",
  ];
  if (isPlaced) {
    lines.push(
      "  Normal   Scheduled               5m                 default-scheduler  " +
        `Successfully assigned ${pod.plan.namespace}/${pod.plan.name} to ${pod.nodeName}`,
      `  Warning  FailedCreatePodSandBox  4s (x${Math.max(1, pod.refusedCount)} over 4m)     kubelet            ${sandboxMessage(pod)}`,
    );
  } else
    lines.push(
      `  Warning  FailedScheduling        4m                 default-scheduler  0/1 nodes are available: ${pod.message ?? ""}`,
    );
  return lines.join("\n");
}

/** What kubelet writes when the plugin fails (containerd form). */
export function sandboxMessage(pod: RunPod): string {
  const id = pod.plan.uid.replaceAll("-", "").padEnd(64, "0");
  return (
    'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "' +
    `${id}": plugin type="aws-cni" name="aws-cni" failed (add): ${pod.pluginError ?? ""}`
  );
}
