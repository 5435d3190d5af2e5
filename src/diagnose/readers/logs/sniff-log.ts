// Whether a file is a log, and whose, by its beginning.

import { SIGNAL_IDS, SIGNALS, type SignalRow } from "../../facts/signals.ts";
import type { Sniff } from "../reader.ts";
import { KNOWN_CODES } from "./ec2-errors.ts";
import { readTextLine } from "./log-line.ts";

export type LogKind = "ipamd" | "plugin" | "container" | "network-policy-agent" | "kubelet" | "excerpt";

const LINES_LOOKED_AT = 400;
const OF_PLUGIN = /routed-eni-cni-plugin\/|"caller":"driver\/driver\.go|Received CNI (?:add|del) request/;
const OF_POLICY_AGENT =
  /"logger":"(?:controllers|ebpf-client|env-vars-controller)|aws-eks-nodeagent|Network Policy|PolicyEndpoint/;
const OF_CONTAINER =
  /^slash28: |"caller":"entrypoint\.sh"|Starting IPAM daemon|Checking for IPAM connectivity|Starting installing AWS-CNI|Install CNI binaries|Copying config file/;
const OF_KUBELET =
  /kubelet(?:\[\d+\])?:|\] "?(?:Error syncing pod|SyncLoop|Failed to create sandbox)|(?:kuberuntime|pod_workers|remote_runtime)\w*\.go:\d+\]|NetworkPluginNotReady/;
/** Words that make a pasted text worth reading. */
const OF_EXCERPT =
  /failed to assign an IP address|FailedCreatePodSandBox|InsufficientCidrBlocks|InsufficientFreeAddresses|no available IP|ipamd|aws-cni|aws-node|AddNetwork|network is not ready|L-IPAMD|free IP available|InvalidParameterValue|ENI|amazonaws\.com|Too many pods|FailedScheduling/;

/** undefined: nothing that this reader knows. */
export function looksLikeLog(sniff: Sniff): LogKind | undefined {
  const { head } = sniff;
  if (head.includes("\u0000") || isOtherFormat(head)) return undefined;
  const lines = head.split("\n", LINES_LOOKED_AT).filter((line) => line.trim() !== "");
  let agentCount = 0;
  let otherCount = 0;
  for (const line of lines) {
    const { shape } = readTextLine(line.slice(0, 4096));
    if (shape === "json" || shape === "text-ms" || shape === "text-s") agentCount++;
    else if (shape !== "none" && shape !== "event") otherCount++;
  }
  const shaped = agentCount + otherCount;
  if (shaped > 0 && shaped * 2 >= lines.length) {
    if (OF_CONTAINER.test(head) && !head.includes("L-IPAMD")) return "container";
    if (agentCount >= otherCount) {
      if (OF_PLUGIN.test(head)) return "plugin";
      if (OF_POLICY_AGENT.test(head)) return "network-policy-agent";
      return "ipamd";
    }
    if (OF_KUBELET.test(head)) return "kubelet";
  }
  if (OF_CONTAINER.test(head)) return "container";
  return OF_EXCERPT.test(head) || hasSignal(head) || tellsOfRefusedCall(head, agentCount) ? "excerpt" : undefined;
}

/** A code of EC2's beside a line of the agent's own shape, or in an event of CloudTrail; in anybody's words it says nothing. */
function tellsOfRefusedCall(head: string, agentCount: number): boolean {
  if (agentCount === 0 && !/"errorCode":\s*"(?:Client|Server)\./.test(head)) return false;
  return KNOWN_CODES.some((code) => head.includes(code));
}

/** Any of the texts that mean something: also a single line that somebody saved. */
function hasSignal(head: string): boolean {
  return SIGNAL_IDS.some((id) => {
    const row: SignalRow = SIGNALS[id];
    return [...(row.starts ?? []), ...(row.contains ?? [])].some((fragment) =>
      typeof fragment === "string" ? head.includes(fragment) : fragment.every((part) => head.includes(part)),
    );
  });
}

/** Whole documents that other readers know better, though they may name the same things. */
function isOtherFormat(head: string): boolean {
  const start = head.trimStart().slice(0, 2000);
  if (start.startsWith("[") && /^\[\s*[{\]"]/.test(start)) return true;
  if (start.startsWith("{")) return !/^\{\s*"(?:level|ts|time|caller|msg)"/.test(start);
  return /^(?:(?:apiVersion|kind|env|schema): |---\n|# (?:HELP|TYPE) |<\?xml|resource "|terraform \{)/.test(start);
}
