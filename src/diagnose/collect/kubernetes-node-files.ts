// Logs and metrics of the agent through the API server: its node proxy for the files on the node, its pod proxy for the metrics,
// the container's own output. Each answer is read by the reader that reads the same from a bundle.

import type { FactsPart, PodFact, UnreadFile } from "../facts/model.ts";
import { createLogReader } from "../readers/logs/index.ts";
import { METRICS_READER } from "../readers/node/metrics.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";

export interface AgentOfNode {
  readonly node: string;
  /** The aws-node pod there; undefined when there is none. */
  readonly pod: PodFact | undefined;
}

const LOG_FOLDER = "/var/log/aws-routed-eni";
const METRICS_BYTES_MAX = 16 * 2 ** 20;
const CONTAINER = "aws-node";

/** The files of one node after the other. A right that was denied once is not asked for again. */
export class NodeFiles {
  readonly #api: KubernetesApi;
  readonly #logBytesMax: number;
  readonly #denied = new Set<string>();

  constructor(api: KubernetesApi, logBytesMax: number) {
    this.#api = api;
    this.#logBytesMax = logBytesMax;
  }

  /** All that can be had of one node. */
  async collect({ node, pod }: AgentOfNode): Promise<FactsPart[]> {
    const bytesMax = this.#logBytesMax;
    const parts: FactsPart[] = [];
    for (const name of ["ipamd.log", "plugin.log"]) {
      parts.push(await this.#unlessDenied("get nodes/proxy", () => nodeLog(this.#api, node, name, bytesMax)));
    }
    if (pod === undefined) return parts;
    parts.push(await this.#unlessDenied("get pods/log", () => containerLog(this.#api, node, pod, bytesMax)));
    parts.push(await this.#unlessDenied("get pods/proxy", () => metrics(this.#api, node, pod)));
    return parts;
  }

  async #unlessDenied(right: string, ask: () => Promise<FactsPart>): Promise<FactsPart> {
    if (this.#denied.has(right)) return {};
    const part = await ask();
    if (part.unread?.some((one) => one.reason.startsWith(`may not ${right}`)) === true) this.#denied.add(right);
    return part;
  }
}

async function nodeLog(api: KubernetesApi, node: string, name: string, bytesMax: number): Promise<FactsPart> {
  const file = `kubernetes:nodes/${node}/proxy/logs/aws-routed-eni/${name}`;
  const answer = await api.tail(
    `/api/v1/nodes/${encodeURIComponent(node)}/proxy/logs/aws-routed-eni/${name}`,
    bytesMax,
  );
  if (answer.kind === "ok") return logPart([{ file, ...answer.value }], node);
  const byHand =
    `kubectl debug node/${node} -it --image=busybox -- tail -c ${bytesMax} /host${LOG_FOLDER}/${name} > ${name}` +
    `, or on the node: sudo tail -c ${bytesMax} ${LOG_FOLDER}/${name}`;
  return refused({ file, what: "get nodes/proxy", ...answer, next: byHand });
}

/** What the container printed, before its last restart too. */
async function containerLog(api: KubernetesApi, node: string, pod: PodFact, bytesMax: number): Promise<FactsPart> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${encodeURIComponent(pod.name)}/log?container=${CONTAINER}`;
  const hasRestarted = pod.containers.some((one) => one.name === CONTAINER && one.restartCount > 0);
  const found: LogText[] = [];
  const unread: UnreadFile[] = [];
  for (const previous of hasRestarted ? [true, false] : [false]) {
    const file = `kubernetes:pods/${pod.namespace}/${pod.name}/log${previous ? " (previous)" : ""}`;
    const answer = await api.tail(`${path}&tailLines=50000${previous ? "&previous=true" : ""}`, bytesMax);
    if (answer.kind === "ok") found.push({ file, ...answer.value });
    else {
      const next = `kubectl logs -n ${pod.namespace} ${pod.name} -c ${CONTAINER}${previous ? " --previous" : ""} > aws-node.log`;
      unread.push(...(refused({ file, what: "get pods/log", ...answer, next }).unread ?? []));
    }
  }
  return { ...logPart(found, node), unread };
}

async function metrics(api: KubernetesApi, node: string, pod: PodFact): Promise<FactsPart> {
  const file = `kubernetes:pods/${pod.namespace}/${pod.name}:61678/proxy/metrics`;
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${encodeURIComponent(pod.name)}:61678/proxy/metrics`;
  const answer = await api.text(path, METRICS_BYTES_MAX);
  if (answer.kind === "ok") {
    const part = METRICS_READER.read({ path: file, text: answer.value, node });
    return { ...part, read: [{ file, kind: METRICS_READER.kind }] };
  }
  const next = `kubectl get --raw '${path}' > metrics.txt, or on the node: curl -s http://localhost:61678/metrics`;
  return refused({ file, what: "get pods/proxy", ...answer, next });
}

interface LogText {
  readonly file: string;
  readonly chunks: readonly Uint8Array[];
  readonly skippedBytes: number;
}

/** One set of logs, oldest first. A tail begins after its first line break: what stands before it is half a line. */
function logPart(logs: readonly LogText[], node: string): FactsPart {
  const reader = createLogReader({ node });
  for (const log of logs) {
    let isCut = log.skippedBytes > 0;
    reader.begin(isCut ? `${log.file} (its end)` : log.file);
    for (const chunk of log.chunks) {
      const start = isCut ? chunk.indexOf(10) + 1 : 0;
      if (isCut && start === 0) continue;
      isCut = false;
      reader.push(chunk.subarray(start));
    }
  }
  return logs.length === 0 ? {} : reader.end();
}

interface Refusal {
  readonly file: string;
  /** Verb and resource, as a role grants them. */
  readonly what: string;
  readonly status: number | undefined;
  readonly reason: string;
  readonly next: string;
}

/** A call that gave nothing, with what to do by hand. */
export function refused(refusal: Refusal): FactsPart {
  const { file, what, status, reason, next } = refusal;
  const answer =
    status === 403
      ? `may not ${what}: ${reason}`
      : status === undefined
        ? `no answer: ${reason}`
        : `${what} was answered with ${status}: ${reason}`;
  return { unread: [{ file, reason: answer, next }] };
}
