// Reads what `slash28 trace` is given: agents' logs as histories, lists of kubectl as pods; everything else is named as unread.

import { type KubectlPods, kubectlPods, looksLikeKubectlPods } from "../cluster/index.ts";
import { collect } from "../diagnose/collect/index.ts";
import type { UnreadFile } from "../diagnose/facts/model.ts";
import type { LogKind } from "../diagnose/readers/logs/index.ts";
import type { FileReader } from "../diagnose/readers/reader.ts";
import { systemClock } from "../drivers/clock-system.ts";
import { LogHistory, type NodeHistory } from "../trace/log-history.ts";
import { requirePath } from "./collect-facts.ts";
import { openProgress } from "./progress.ts";

export interface CollectedTrace {
  readonly histories: readonly NodeHistory[];
  readonly kubectl: readonly { readonly file: string; readonly pods: KubectlPods }[];
  readonly unread: readonly UnreadFile[];
}

/** Written by others than the agent, or by it about others. */
const NOT_THE_AGENTS: readonly LogKind[] = ["plugin", "kubelet", "network-policy-agent"];
const PROBLEMS_SHOWN_MAX = 10;

/** Whether a log of this kind may tell of ADDs and DELs. */
export function holdsHistory(kind: LogKind): boolean {
  return !NOT_THE_AGENTS.includes(kind);
}

/** A text that was taken for a log, and a log of another program. */
function isSilent({ lives, counts, node }: NodeHistory): boolean {
  return node === undefined && lives.length === 0 && counts.addCount + counts.delCount === 0;
}

export async function collectTrace(paths: readonly string[]): Promise<CollectedTrace> {
  for (const path of paths) if (path !== "-") requirePath(path);
  const histories: NodeHistory[] = [];
  const kubectl: { file: string; pods: KubectlPods }[] = [];
  const reader: FileReader = {
    kind: "pods, events or nodes",
    recognises: ({ head }) => looksLikeKubectlPods(head),
    read({ path, text }) {
      kubectl.push({ file: path, pods: kubectlPods(text, path, PROBLEMS_SHOWN_MAX) });
      return { read: [{ file: path, kind: "pods, events or nodes" }] };
    },
  };
  const clock = systemClock();
  const progress = openProgress(process.stderr, () => clock.nowMs());
  try {
    const facts = await collect({
      paths,
      readers: [reader],
      logReader: ([first]) =>
        first === undefined || !holdsHistory(first.kind)
          ? undefined
          : new LogHistory({ node: first.node, onEnd: (history) => histories.push(history) }),
      onProgress: ({ done, total, file, doneBytes, totalBytes }) =>
        progress.update({ done: doneBytes, total: totalBytes, label: `MB, ${done} of ${total} files: ${file}` }),
    });
    const silent = histories.filter(isSilent).flatMap(({ files }) => files);
    return {
      histories: histories.filter((history) => !isSilent(history)),
      kubectl,
      unread: [...facts.unread, ...silent.map((file) => ({ file, reason: "holds no ADD and no DEL" }))],
    };
  } finally {
    progress.end();
  }
}
