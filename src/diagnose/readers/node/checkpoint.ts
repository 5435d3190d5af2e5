// The agent's checkpoint ipam.json, read with the agent's own decoder: what it refuses is unusable, and why is the fact.

import { formatIpv4 } from "../../../base/ipv4.ts";
import { decodeCheckpoint } from "../../../ipam/checkpoint.ts";
import type { CheckpointFact } from "../../facts/model.ts";
import type { FileReader } from "../reader.ts";

const FILE_PATH = /(?:^|[/!])(?:ipam|checkpoint)\.json$/;
const FILE_TEXT =
  /^[\s\uFEFF]*\{\s*"version"\s*:\s*"vpc-cni-ipam\/|"allocations"\s*:\s*\[\s*\{\s*"(?:networkName|containerID)"/;

export const CHECKPOINT_READER: FileReader = {
  kind: "checkpoint",
  recognises({ path, head, isWhole }) {
    if (FILE_TEXT.test(head)) return true;
    // By its place alone: a checkpoint that is cut off or empty is one of the faults to tell.
    return FILE_PATH.test(path) && (isWhole ? isNoJson(head) : false);
  },
  read({ path, text, node }) {
    const decoded = decodeCheckpoint(text);
    const at = { file: path };
    const version = /"version"\s*:\s*"([^"]{1,100})"/.exec(text.slice(0, 1000))?.[1] ?? "";
    const fact: CheckpointFact =
      "error" in decoded
        ? { node, version, problem: decoded.error, allocations: [], at }
        : {
            node,
            version,
            allocations: decoded.entries.map((entry) => ({
              containerId: entry.containerId,
              address: formatIpv4(entry.ipv4),
              pod:
                entry.namespace === undefined || entry.podName === undefined
                  ? undefined
                  : `${entry.namespace}/${entry.podName}`,
              allocatedMs: millisecondsOf(entry.timestampNs),
            })),
            at,
          };
    return { checkpoints: [fact] };
  },
};

/** Nanoseconds of 19 digits, more than a number holds exactly. 0 stands for unknown. */
function millisecondsOf(timestampNs: string): number | undefined {
  const ms = Number(timestampNs.slice(0, -6));
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

function isNoJson(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}
