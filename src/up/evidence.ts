// What an operator could collect of a run, in the forms of kubectl and the AWS CLI: agents' logs, events, nodes, pods, the
// DaemonSet, ENIConfigs, EC2's describe calls. Nothing here is more than a real cluster would show.

import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { formatRfc3339 } from "../base/calendar.ts";
import type { Ms } from "../base/units.ts";
import type { Cluster } from "../cluster/index.ts";
import { CHART_DEFAULTS } from "../ipam/settings.ts";
import type { AgentProcess } from "./agent-process.ts";
import { podsDescription, sandboxMessage } from "./describe-pods.ts";
import type { RunPod } from "./run-state.ts";

export interface EvidenceInput {
  readonly folder: string;
  readonly cluster: Cluster;
  readonly agents: readonly AgentProcess[];
  readonly pods: readonly RunPod[];
  /** The emulator's `dump`: documents by the name of their AWS CLI command. */
  readonly dump: object;
  readonly wallMs: Ms;
  /** Wall time of the pods' moment 0. */
  readonly startWallMs: Ms;
}

const IMAGE = "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.23.1";
const NAMESPACE = "kube-system";
const NODE_AGE_MS = 3_600_000;

/** Why nothing could be written below `folder`, which need not be there yet; undefined: it can. Makes nothing. */
export function evidenceProblem(folder: string): string | undefined {
  let path = resolve(folder);
  // What is not there is made, below what is.
  while (!existsSync(path)) path = dirname(path);
  if (!statSync(path).isDirectory()) return `${path} is no folder`;
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `${path} cannot be written to: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** Writes the files below `folder`, which is made; returns their number. */
export function writeEvidence(input: EvidenceInput): number {
  let count = 0;
  const put = (path: string, text: string): void => {
    mkdirSync(join(input.folder, path, ".."), { recursive: true });
    writeFileSync(join(input.folder, path), text);
    count++;
  };
  for (const agent of input.agents) {
    const folder = join("nodes", agent.node.name);
    for (const name of ["ipamd.log", "plugin.log"]) {
      const path = join(agent.folder, name);
      if (!existsSync(path) || readFileSync(path).length === 0) continue;
      mkdirSync(join(input.folder, folder), { recursive: true });
      copyFileSync(path, join(input.folder, folder, name));
      count++;
    }
    const output = agent.outputText();
    if (output !== "") put(join(folder, "aws-node.log"), output);
  }
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  put("events.json", json(list(events(input))));
  put("nodes.json", json(list(input.agents.map((agent) => nodeObject(agent, input.wallMs)))));
  put(
    "pods.json",
    json(
      list([
        ...input.agents.map((agent) => agentPod(agent, input.wallMs)),
        ...input.pods.map((pod) => podObject(pod, input.startWallMs)),
      ]),
    ),
  );
  const refused = input.pods.filter((pod) => pod.outcome === "waiting" || pod.outcome === "unschedulable");
  if (refused.length > 0) put("describe-pods.txt", podsDescription(refused.slice(0, 5), input.wallMs));
  put("aws-node.yaml", stringify(daemonSet(input)));
  if (input.cluster.cni.eniConfigs.length > 0) put("eniconfigs.yaml", stringify(list(eniConfigs(input))));
  for (const [name, document] of Object.entries(input.dump)) {
    if (Array.isArray(document)) {
      for (const [index, one] of document.entries()) put(join("ec2", `${name}-${index + 1}.json`), json(one));
    } else put(join("ec2", `${name}.json`), json(document));
  }
  return count;
}

function list(items: readonly unknown[]): object {
  return { apiVersion: "v1", kind: "List", items };
}

function events(input: EvidenceInput): object[] {
  const found: object[] = [];
  for (const pod of input.pods) {
    if (pod.outcome === "unschedulable") {
      found.push(
        event(input, {
          reason: "FailedScheduling",
          message: schedulingMessage(pod, input.agents.length),
          kind: "Pod",
          namespace: pod.plan.namespace,
          name: pod.plan.name,
          component: "default-scheduler",
          count: 1,
        }),
      );
    } else if (pod.refusedCount > 0 || (pod.outcome === "waiting" && pod.pluginError !== undefined)) {
      found.push(
        event(input, {
          reason: "FailedCreatePodSandBox",
          message: sandboxMessage(pod),
          kind: "Pod",
          namespace: pod.plan.namespace,
          name: pod.plan.name,
          component: "kubelet",
          host: pod.nodeName,
          count: Math.max(1, pod.refusedCount),
        }),
      );
    }
  }
  for (const agent of input.agents) {
    const text = existsSync(agent.eventsFile) ? readFileSync(agent.eventsFile, "utf8") : "";
    for (const line of text.split("\n")) {
      if (!line.includes('"reason"')) continue;
      const said = JSON.parse(line) as { reason?: string; message?: string };
      found.push(
        event(input, {
          reason: said.reason ?? "",
          message: said.message ?? "",
          kind: "Pod",
          namespace: NAMESPACE,
          name: `aws-node-${agent.node.name}`,
          component: "aws-node",
          host: agent.node.name,
          count: 1,
        }),
      );
    }
  }
  return found;
}

function schedulingMessage(pod: RunPod, nodeCount: number): string {
  const why = pod.message ?? "";
  return `0/${nodeCount} nodes are available: ${/max-pods|max pods/i.test(why) ? `${nodeCount} Too many pods` : why}.`;
}

function event(
  input: EvidenceInput,
  given: {
    reason: string;
    message: string;
    kind: string;
    namespace: string;
    name: string;
    component: string;
    host?: string | undefined;
    count: number;
  },
): object {
  const time = formatRfc3339(input.wallMs);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${given.name}.${given.reason.toLowerCase()}`, namespace: given.namespace },
    involvedObject: { kind: given.kind, namespace: given.namespace, name: given.name },
    reason: given.reason,
    message: given.message,
    type: "Warning",
    source: { component: given.component, ...(given.host === undefined ? {} : { host: given.host }) },
    count: given.count,
    firstTimestamp: time,
    lastTimestamp: time,
  };
}

function nodeObject(agent: AgentProcess, wallMs: Ms): object {
  const { node } = agent;
  const isReady = agent.hasServed;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: node.name,
      labels: Object.fromEntries(node.labels),
      annotations: {},
      creationTimestamp: formatRfc3339(wallMs - NODE_AGE_MS),
    },
    spec: {
      providerID: `aws:///${node.labels.get("topology.kubernetes.io/zone") ?? ""}/${node.instanceId}`,
      ...(node.taints.length > 0 ? { taints: node.taints } : {}),
      ...(node.taints.some((taint) => taint.key === "node.kubernetes.io/unschedulable") ? { unschedulable: true } : {}),
    },
    status: {
      capacity: { pods: String(node.maxPods) },
      conditions: [
        isReady
          ? { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }
          : {
              type: "Ready",
              status: "False",
              reason: "KubeletNotReady",
              message:
                "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
            },
      ],
      nodeInfo: { osImage: "Amazon Linux 2023", kubeletVersion: "v1.33.0" },
    },
  };
}

function agentPod(agent: AgentProcess, wallMs: Ms): object {
  const isServing = agent.state === "serving" || agent.state === "stopped";
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: NAMESPACE,
      name: `aws-node-${agent.node.name}`,
      labels: { "k8s-app": "aws-node" },
      creationTimestamp: formatRfc3339(wallMs - NODE_AGE_MS),
    },
    spec: { nodeName: agent.node.name, hostNetwork: true, containers: [{ name: "aws-node", image: IMAGE }] },
    status: {
      phase: "Running",
      containerStatuses: [
        {
          name: "aws-node",
          image: IMAGE,
          ready: isServing && agent.hasServed,
          restartCount: agent.restartCount,
          state: isServing ? { running: {} } : { waiting: { reason: "CrashLoopBackOff" } },
        },
      ],
    },
  };
}

function podObject(pod: RunPod, startWallMs: Ms): object {
  const isRunning = pod.outcome === "running";
  const { atMs, cpuMillis, memoryBytes } = pod.plan;
  const requests = {
    ...(cpuMillis > 0 ? { cpu: `${cpuMillis}m` } : {}),
    ...(memoryBytes > 0 ? { memory: String(memoryBytes) } : {}),
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace: pod.plan.namespace,
      name: pod.plan.name,
      uid: pod.plan.uid,
      creationTimestamp: formatRfc3339(startWallMs + atMs),
    },
    spec: {
      ...(pod.nodeName === undefined ? {} : { nodeName: pod.nodeName }),
      ...(pod.plan.isHostNetwork ? { hostNetwork: true } : {}),
      containers: [{ name: "main", image: "example/app:1", resources: { requests } }],
    },
    status: {
      phase: pod.outcome === "gone" ? "Succeeded" : isRunning ? "Running" : "Pending",
      ...(pod.address === undefined ? {} : { podIP: pod.address }),
      containerStatuses: [
        {
          name: "main",
          image: "example/app:1",
          ready: isRunning,
          restartCount: 0,
          state: isRunning ? { running: {} } : { waiting: { reason: "ContainerCreating" } },
        },
      ],
    },
  };
}

function daemonSet(input: EvidenceInput): object {
  const env = { ...CHART_DEFAULTS, ...Object.fromEntries(input.cluster.cni.env) };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "aws-node", namespace: NAMESPACE },
    spec: {
      template: {
        spec: {
          hostNetwork: true,
          containers: [
            { name: "aws-node", image: IMAGE, env: Object.entries(env).map(([name, value]) => ({ name, value })) },
          ],
        },
      },
    },
    status: {
      desiredNumberScheduled: input.agents.length,
      numberReady: input.agents.filter((agent) => agent.hasServed).length,
    },
  };
}

function eniConfigs(input: EvidenceInput): object[] {
  return input.cluster.cni.eniConfigs.map((config) => ({
    apiVersion: "crd.k8s.amazonaws.com/v1alpha1",
    kind: "ENIConfig",
    metadata: { name: config.name },
    spec: { subnet: config.subnet, securityGroups: config.securityGroups },
  }));
}
