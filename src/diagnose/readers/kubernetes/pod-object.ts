// Pod objects. Those of aws-node tell more: the environment their node's agent runs with, and the versions.

import type { ContainerFact, EnvEntry, FactsPart, PodFact, SettingsSource } from "../../facts/model.ts";
import { imageVersion } from "./images.ts";
import {
  countIn,
  mapIn,
  mapsIn,
  nameOf,
  namespaceOf,
  type PlainContext,
  type PlainHandler,
  type PlainMap,
  textIn,
  textMapIn,
  timeIn,
} from "./object.ts";

export const BRANCH_ENI_RESOURCE = "vpc.amazonaws.com/pod-eni";

export const readPod: PlainHandler = (object, context) => {
  const name = nameOf(object);
  if (name === undefined) return {};
  const [metadata, spec, status] = [mapIn(object, "metadata"), mapIn(object, "spec"), mapIn(object, "status")];
  const node = textIn(spec, "nodeName");
  const owner = mapsIn(metadata, "ownerReferences")[0]?.value;
  const statuses = [...mapsIn(status, "initContainerStatuses"), ...mapsIn(status, "containerStatuses")];
  const containers = statuses.map(({ value }) => containerOf(value));
  const pod: PodFact = {
    namespace: namespaceOf(object) ?? "default",
    name,
    node,
    address: textIn(status, "podIP"),
    phase: textIn(status, "phase") ?? "Unknown",
    isHostNetwork: spec["hostNetwork"] === true,
    isReady: isReady(status),
    waitingReason:
      containers.find((one) => one.waitingReason !== undefined)?.waitingReason ?? notScheduled(status, node),
    wantsBranchEni: mapsIn(spec, "containers").some(({ value }) => asksForBranchEni(value)),
    annotations: textMapIn(metadata, "annotations"),
    labels: textMapIn(metadata, "labels"),
    ownerKind: owner && textIn(owner, "kind"),
    ownerName: owner && textIn(owner, "name"),
    createdMs: timeIn(metadata, "creationTimestamp"),
    containers,
    at: context.at([]),
  };
  return isAgentPod(pod) ? { pods: [pod], ...agentFacts(pod, spec, context) } : { pods: [pod] };
};

export function isAgentPod(pod: Pick<PodFact, "labels" | "name" | "namespace" | "ownerName">): boolean {
  if (pod.namespace !== "kube-system") return false;
  return (
    pod.labels.get("k8s-app") === "aws-node" || pod.ownerName === "aws-node" || /^aws-node-[a-z0-9.-]+$/.test(pod.name)
  );
}

function containerOf(status: PlainMap): ContainerFact {
  const [state, last] = [mapIn(status, "state"), mapIn(status, "lastState")];
  const ended = "terminated" in last ? mapIn(last, "terminated") : mapIn(state, "terminated");
  return {
    name: textIn(status, "name") ?? "",
    image: textIn(status, "image") ?? "",
    isReady: status["ready"] === true,
    restartCount: countIn(status, "restartCount") ?? 0,
    waitingReason: textIn(mapIn(state, "waiting"), "reason"),
    lastExitCode: countIn(ended, "exitCode"),
    lastReason: textIn(ended, "reason"),
  };
}

function isReady(status: PlainMap): boolean {
  const condition = mapsIn(status, "conditions").find(({ value }) => value["type"] === "Ready");
  if (condition !== undefined) return condition.value["status"] === "True";
  const containers = mapsIn(status, "containerStatuses");
  return containers.length > 0 && containers.every(({ value }) => value["ready"] === true);
}

/** Why no node took the pod: `Unschedulable`, `SchedulingGated`. */
function notScheduled(status: PlainMap, node: string | undefined): string | undefined {
  if (node !== undefined || status["phase"] !== "Pending") return undefined;
  const condition = mapsIn(status, "conditions").find(({ value }) => value["type"] === "PodScheduled")?.value;
  return (condition?.["status"] === "False" ? textIn(condition, "reason") : undefined) ?? "Unschedulable";
}

function asksForBranchEni(container: PlainMap): boolean {
  const resources = mapIn(container, "resources");
  return BRANCH_ENI_RESOURCE in mapIn(resources, "limits") || BRANCH_ENI_RESOURCE in mapIn(resources, "requests");
}

/** What an aws-node pod says about the agent on its node. A spec without `env` says nothing about the environment. */
function agentFacts(pod: PodFact, spec: PlainMap, context: PlainContext): FactsPart {
  const { node } = pod;
  const versions: FactsPart["versions"] = ["initContainers", "containers"].flatMap((key) =>
    mapsIn(spec, key).flatMap(({ value, index }) => {
      const version = imageVersion(textIn(value, "image") ?? "");
      return version === undefined ? [] : [{ ...version, node, at: context.at(["spec", key, index, "image"]) }];
    }),
  );
  const agent = mapsIn(spec, "containers").find(({ value }) => value["name"] === "aws-node");
  if (agent === undefined || node === undefined || !Array.isArray(agent.value["env"])) return { versions };
  const init = mapsIn(spec, "initContainers").find(({ value }) => value["name"] === "aws-vpc-cni-init");
  const settings: SettingsSource = {
    origin: "running",
    layer: "running",
    node,
    name: `Pod ${pod.namespace}/${pod.name}`,
    at: context.at(["spec", "containers", agent.index, "env"]),
    isComplete: !Array.isArray(agent.value["envFrom"]),
    env: envOf(agent.value, ["spec", "containers", agent.index], context),
    initEnv: init === undefined ? [] : envOf(init.value, ["spec", "initContainers", init.index], context),
    otherKeys: [],
    untold: mapsIn(agent.value, "env").flatMap(({ value }) =>
      "valueFrom" in value ? (textIn(value, "name") ?? []) : [],
    ),
  };
  return { versions, settings: [settings] };
}

/** The plain values; what comes from a field, secret or ConfigMap is not in the object. */
function envOf(container: PlainMap, path: readonly (string | number)[], context: PlainContext): EnvEntry[] {
  return mapsIn(container, "env").flatMap(({ value, index }) => {
    const name = textIn(value, "name");
    if (name === undefined || "valueFrom" in value) return [];
    const given = value["value"] ?? "";
    if (typeof given === "object") return [];
    const at = context.at([...path, "env", index, ...("value" in value ? ["value"] : [])]);
    return [{ name, value: String(given), isString: typeof given === "string", at }];
  });
}
