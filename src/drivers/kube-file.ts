// Kubernetes facts from one JSON file, read again when it changes. What the agent would write to the API server (a feature on
// the CNINode, an event) is appended to `<file>.events.jsonl`, one JSON object a line.

import { appendFile, readFile } from "node:fs/promises";
import { z } from "zod";
import type { EniConfig } from "../ipam/types.ts";
import type { Kube, KubeNode, KubePod } from "../ports/kube.ts";
import { watchFile } from "./watch-file.ts";

const UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable";
const EXTERNAL_ENI_CONFIG_LABEL = "vpc.amazonaws.com/externalEniConfig";
const DEFAULT_ENI_CONFIG_KEY = "k8s.amazonaws.com/eniConfig";
const BRANCH_ENI_LIMIT = "vpc.amazonaws.com/pod-eni";
const FINISHED_PHASES: readonly string[] = ["Succeeded", "Failed"];

const texts = z.record(z.string(), z.string());
export const factsSchema = z.strictObject({
  node: z.strictObject({
    name: z.string(),
    maxPods: z.int().min(1),
    labels: texts.default({}),
    annotations: texts.default({}),
    taints: z.array(z.strictObject({ key: z.string(), value: z.string().optional(), effect: z.string() })).default([]),
  }),
  cluster: z.strictObject({ nodeCount: z.int().min(1) }).optional(),
  eniConfigs: z
    .array(z.strictObject({ name: z.string(), subnet: z.string(), securityGroups: z.array(z.string()).default([]) }))
    .default([]),
  pods: z
    .array(
      z.strictObject({
        namespace: z.string(),
        name: z.string(),
        uid: z.string().default(""),
        annotations: texts.default({}),
        limits: z.array(z.string()).default([]),
        hostNetwork: z.boolean().default(false),
        phase: z.string().default(""),
      }),
    )
    .optional(),
});
/** The facts file as it may be written; see docs/agent.md. */
export type FactsFile = z.input<typeof factsSchema>;
type Facts = z.output<typeof factsSchema>;

export interface KubeFileOptions {
  readonly path: string;
  /** ENI_CONFIG_ANNOTATION_DEF and ENI_CONFIG_LABEL_DEF; undefined or empty: k8s.amazonaws.com/eniConfig. */
  readonly annotationKey: string | undefined;
  readonly labelKey: string | undefined;
}

export function kubeFile(options: KubeFileOptions): Kube {
  const eventsPath = `${options.path}.events.jsonl`;

  async function facts(): Promise<Facts> {
    let text: string;
    try {
      text = await readFile(options.path, "utf8");
    } catch (error) {
      throw new Error(`cannot read the facts file: ${error instanceof Error ? error.message : error}`);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw new Error(`${options.path} is not JSON: ${error instanceof Error ? error.message : error}`);
    }
    const parsed = factsSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new Error(`${options.path}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not a facts file"}`);
  }

  async function node(): Promise<KubeNode> {
    return nodeOf(await facts(), options);
  }

  return {
    node,

    watchNode(onChange, onError) {
      let isStopped = false;
      let current = "";
      const stop = watchFile(
        options.path,
        async () => {
          const read = await node();
          const text = JSON.stringify(read);
          if (text === current || isStopped) return;
          current = text;
          onChange(read);
        },
        onError,
      );
      return () => {
        isStopped = true;
        stop();
      };
    },

    async pod(namespace, name): Promise<KubePod | undefined> {
      const found = (await facts()).pods?.find((pod) => pod.namespace === namespace && pod.name === name);
      if (found === undefined) return undefined;
      return { uid: found.uid, annotations: found.annotations, firstContainerLimits: found.limits };
    },

    async announceFeature({ name, value }) {
      await appendFile(eventsPath, `${JSON.stringify({ kind: "feature", name, value })}\n`);
    },

    async emitEvent(event) {
      await appendFile(eventsPath, `${JSON.stringify({ kind: "event", ...event })}\n`);
    },
  };
}

/** The node's facts, its ENIConfig resolved: external label, then annotation, then label, then `default` (ipamd.md 1.4). */
export function nodeOf(facts: Facts, keys: Pick<KubeFileOptions, "annotationKey" | "labelKey">): KubeNode {
  const { name, maxPods, labels, annotations, taints } = facts.node;
  const eniConfigs: EniConfig[] = facts.eniConfigs.map((config) => ({
    name: config.name,
    subnetId: config.subnet,
    securityGroupIds: config.securityGroups,
  }));
  const wanted =
    labels[EXTERNAL_ENI_CONFIG_LABEL] ??
    annotations[keys.annotationKey || DEFAULT_ENI_CONFIG_KEY] ??
    labels[keys.labelKey || DEFAULT_ENI_CONFIG_KEY] ??
    "default";
  return {
    name,
    maxPods,
    labels,
    annotations,
    eniConfigs,
    isUnschedulable: taints.some((taint) => taint.key === UNSCHEDULABLE_TAINT && taint.effect === "NoSchedule"),
    eniConfig: eniConfigs.find((config) => config.name === wanted),
    eniConfigName: wanted,
    clusterNodeCount: facts.cluster?.nodeCount,
    boundPodCount: facts.pods?.filter(needsAddress).length,
  };
}

/** Of this node's pool: a pod of the host's network needs none, one with a branch ENI has that one's, a finished one has given it back. */
function needsAddress(pod: NonNullable<Facts["pods"]>[number]): boolean {
  return !pod.hostNetwork && !pod.limits.includes(BRANCH_ENI_LIMIT) && !FINISHED_PHASES.includes(pod.phase);
}
