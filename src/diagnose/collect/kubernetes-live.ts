// A live cluster as facts, by a kubeconfig, read-only: every request is a GET. What is denied or absent is named with the
// command that a person may run instead, and the rest goes on.

import type { KubeConfig } from "@kubernetes/client-node";
import type { FactsPart, NodeFact, PodFact } from "../facts/model.ts";
import { CONFIG_HANDLERS } from "../readers/config/index.ts";
import { KUBERNETES_HANDLERS } from "../readers/kubernetes/index.ts";
import { joinParts, type ObjectHandlers } from "../readers/objects.ts";
import { placedAnswer } from "./api-placed.ts";
import { failureText } from "./failure-text.ts";
import { type ApiAnswer, KubernetesApi } from "./kubernetes-api.ts";
import { KUBERNETES_LISTS, type KubernetesList } from "./kubernetes-lists.ts";
import { type AgentOfNode, NodeFiles, refused } from "./kubernetes-node-files.ts";

export interface KubernetesLiveOptions {
  /** Left out: KUBECONFIG, then ~/.kube/config, then the service account of the pod we are in. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** Default 10. */
  readonly callsPerSecondMax?: number | undefined;
  /** Of each log, its end. Default 20 MiB. */
  readonly logBytesMax?: number | undefined;
  /** Nodes whose logs are fetched, those in trouble first. Default 12. */
  readonly logNodeCountMax?: number | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly file: string }) => void) | undefined;
  /** Aborted: rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const HANDLERS: ObjectHandlers = { ...CONFIG_HANDLERS, ...KUBERNETES_HANDLERS };
const PAGE_SIZE = 500;
/** 200,000 objects of one kind. */
const PAGE_COUNT_MAX = 400;

/** One part for each kind of object and each file of a node. Rejects only when aborted. */
export async function collectKubernetes(options: KubernetesLiveOptions = {}): Promise<FactsPart[]> {
  const loaded = await loadKubeConfig(options);
  if (!("config" in loaded)) return [loaded];
  const api = new KubernetesApi({
    kubeConfig: loaded.config,
    callsPerSecondMax: options.callsPerSecondMax ?? 10,
    signal: options.signal,
  });
  const parts: FactsPart[] = [];
  const tell = (file: string): void => options.onProgress?.({ done: parts.length, file });
  for (const list of KUBERNETES_LISTS) {
    const { part, isHopeless } = await collectList(api, list);
    parts.push(part);
    tell(`kubernetes:${list.resource}`);
    if (isHopeless) return parts;
  }
  const agents = agentsByNeed(joinParts(parts));
  const chosen = agents.slice(0, options.logNodeCountMax ?? 12);
  const files = new NodeFiles(api, options.logBytesMax ?? 20 * 2 ** 20);
  for (const agent of chosen) {
    parts.push(...(await files.collect(agent)));
    tell(`kubernetes:nodes/${agent.node}`);
  }
  if (chosen.length < agents.length) parts.push(notFetched(agents.length - chosen.length, chosen.length));
  return parts;
}

async function loadKubeConfig(options: KubernetesLiveOptions): Promise<{ readonly config: KubeConfig } | FactsPart> {
  const file = options.kubeconfig ?? "kubeconfig";
  try {
    // The client takes a third of a second to load: only a live run pays for it.
    const client = await import("@kubernetes/client-node");
    const config = new client.KubeConfig();
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
    if (options.context !== undefined) {
      const names = config.getContexts().map((one) => one.name);
      if (!names.includes(options.context)) {
        const next = `Its contexts: ${names.join(", ") || "none"}.`;
        return { unread: [{ file, reason: `has no context "${options.context}"`, next }] };
      }
      config.setCurrentContext(options.context);
    }
    const server = config.getCurrentCluster()?.server ?? "";
    // What the client falls back to when it finds nothing.
    if (options.kubeconfig === undefined && server === "http://localhost:8080") {
      const reason = "there is none: neither KUBECONFIG nor ~/.kube/config names a cluster, and this is no pod";
      return {
        unread: [{ file, reason, next: "aws eks update-kubeconfig --name CLUSTER, or give --kubeconfig FILE" }],
      };
    }
    if (server !== "") return { config };
    return {
      unread: [{ file, reason: "names no cluster in its current context", next: "Choose one with --context." }],
    };
  } catch (error) {
    return { unread: [{ file, reason: failureText(error), next: "Give a kubeconfig with --kubeconfig." }] };
  }
}

interface Collected {
  readonly part: FactsPart;
  /** Nothing else will be answered either. */
  readonly isHopeless: boolean;
}

async function collectList(api: KubernetesApi, list: KubernetesList): Promise<Collected> {
  const file = `kubernetes:${list.resource}`;
  const parts: FactsPart[] = [];
  let count = 0;
  let token = "";
  for (let page = 0; page < PAGE_COUNT_MAX; page++) {
    const query =
      list.verb === "get" ? "" : `?limit=${PAGE_SIZE}${token === "" ? "" : `&continue=${encodeURIComponent(token)}`}`;
    const answer = await api.json(list.path + query);
    if (answer.kind === "failed") return failedList(api, list, answer, { parts, count });
    const { items, next } = pageOf(answer.value, list);
    parts.push(...items.map((item, index) => readItem(item, list, count + index)));
    count += items.length;
    token = next;
    if (token === "") {
      const kind = list.verb === "get" ? list.kind : `${count} ${list.resource}`;
      return { part: joinParts([...parts, { read: [{ file, kind }] }]), isHopeless: false };
    }
  }
  const reason = `more than ${count} objects: the rest was left out`;
  return { part: joinParts([...parts, { unread: [{ file, reason, next: list.command }] }]), isHopeless: false };
}

function failedList(
  api: KubernetesApi,
  list: KubernetesList,
  answer: Extract<ApiAnswer<unknown>, { kind: "failed" }>,
  before: { readonly parts: readonly FactsPart[]; readonly count: number },
): Collected {
  const file = `kubernetes:${list.resource}`;
  const { status } = answer;
  if (status === 404 && list.isOptional) {
    return { part: { read: [{ file, kind: "none in this cluster" }] }, isHopeless: false };
  }
  const isHopeless = status === undefined || status === 401;
  const reason = before.count === 0 ? answer.reason : `after ${before.count} objects: ${answer.reason}`;
  const next = isHopeless ? `Check the kubeconfig's context: kubectl --server ${api.server} get nodes` : list.command;
  const part = refused({ file, what: `${list.verb} ${list.resource}`, status, reason, next });
  return { part: joinParts([...before.parts, part]), isHopeless };
}

interface Page {
  readonly items: readonly unknown[];
  /** Token of the next page; empty for the last. */
  readonly next: string;
}

function pageOf(value: unknown, list: KubernetesList): Page {
  if (list.verb === "get") return { items: [value], next: "" };
  const { items, metadata } = value as { items?: unknown; metadata?: { continue?: unknown } | null };
  const token = metadata?.continue;
  return { items: Array.isArray(items) ? items : [], next: typeof token === "string" ? token : "" };
}

function readItem(item: unknown, list: KubernetesList, index: number): FactsPart {
  const handler = HANDLERS[list.kind];
  const field = list.verb === "get" ? "" : `items[${index}]`;
  return handler?.(placedAnswer(item, `kubernetes:${list.resource}`, field), { node: undefined }) ?? {};
}

/** All nodes, those first where pods wait for an address or the agent does not work. */
function agentsByNeed(facts: FactsPart): AgentOfNode[] {
  const pods = facts.pods ?? [];
  const agents = new Map(pods.filter(isAgent).map((pod) => [pod.node, pod]));
  const waiting = new Set(pods.filter(isWaiting).map((pod) => pod.node));
  const refusing = new Set(
    (facts.events ?? []).filter((one) => one.reason === "FailedCreatePodSandBox").map((one) => one.node),
  );
  const need = (node: NodeFact): number => {
    const agent = agents.get(node.key);
    const isTroubled = agent !== undefined && (!agent.isReady || agent.containers.some((one) => one.restartCount > 2));
    return (
      (waiting.has(node.key) ? 8 : 0) +
      (refusing.has(node.key) ? 4 : 0) +
      (isTroubled ? 2 : 0) +
      (node.isReady === false ? 1 : 0)
    );
  };
  const ranked = (facts.nodes ?? []).filter(runsAgent).map((node, index) => ({ node, index, need: need(node) }));
  ranked.sort((a, b) => b.need - a.need || a.index - b.index);
  return ranked.map(({ node }) => ({ node: node.key, pod: agents.get(node.key) }));
}

/** The agent's DaemonSet passes these by (nodes.md 10). */
function runsAgent(node: NodeFact): boolean {
  const computeType = node.labels.get("eks.amazonaws.com/compute-type") ?? "";
  return node.labels.get("kubernetes.io/os") !== "windows" && !["fargate", "hybrid", "auto"].includes(computeType);
}

function isAgent(pod: PodFact): boolean {
  return pod.namespace === "kube-system" && pod.ownerName === "aws-node" && pod.node !== undefined;
}

function isWaiting(pod: PodFact): boolean {
  return pod.node !== undefined && pod.phase === "Pending" && pod.address === undefined && !pod.isHostNetwork;
}

function notFetched(count: number, doneCount: number): FactsPart {
  const reason = `logs of ${count} more nodes were not fetched: the ${doneCount} nodes most in trouble were`;
  const next = "On a node that matters: sudo bash /opt/cni/bin/aws-cni-support.sh, then give the bundle to doctor.";
  return { unread: [{ file: "kubernetes:nodes/proxy", reason, next }] };
}
