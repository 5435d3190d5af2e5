// Node objects: what kubelet was told, whether the node takes pods, and which labels bear on addresses.

import type { FactsPart, Located, NodeFact, Taint, VersionFact } from "../../facts/model.ts";
import {
  countIn,
  mapIn,
  mapsIn,
  nameOf,
  type PlainHandler,
  type PlainMap,
  textIn,
  textMapIn,
  timeIn,
} from "./object.ts";

const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";
const BRANCH_ENI = "vpc.amazonaws.com/pod-eni";

export const readNode: PlainHandler = (object, context) => {
  const name = nameOf(object);
  if (name === undefined) return {};
  const [metadata, spec, status] = [mapIn(object, "metadata"), mapIn(object, "spec"), mapIn(object, "status")];
  const labels = textMapIn(metadata, "labels");
  const capacity = mapIn(status, "capacity");
  const hasCapacity = "capacity" in status;
  const maxPods = countIn(capacity, "pods");
  const taints = taintsOf(spec);
  const ready = mapsIn(status, "conditions").find(({ value }) => value["type"] === "Ready")?.value;
  const isReady = ready === undefined ? undefined : ready["status"] === "True";
  const typeLabel = labelNamed(labels, "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type");
  const nodeInfo = mapIn(status, "nodeInfo");
  const node: NodeFact = {
    key: name,
    name,
    instanceId: instanceIdOf(textIn(spec, "providerID")),
    instanceType: typeLabel && { value: typeLabel.value, at: context.at(["metadata", "labels", typeLabel.key]) },
    zone: zoneOf(labels),
    maxPods: maxPods === undefined ? undefined : located(maxPods, context.at(["status", "capacity", "pods"])),
    labels,
    annotations: textMapIn(metadata, "annotations"),
    taints,
    isUnschedulable:
      "spec" in object
        ? spec["unschedulable"] === true || taints.some((taint) => taint.key === UNSCHEDULABLE)
        : undefined,
    isReady,
    readyMessage: isReady === false && ready !== undefined ? textIn(ready, "message") : undefined,
    createdMs: timeIn(metadata, "creationTimestamp"),
    osImage: textIn(nodeInfo, "osImage"),
    branchEniCapacity: hasCapacity ? (countIn(capacity, BRANCH_ENI) ?? 0) : undefined,
    at: context.at([]),
  };
  return { nodes: [node], versions: versionsOf(name, nodeInfo, context), ...placeOfCluster(labels) };
};

/** `i-0abc…` of `aws:///us-west-2a/i-0abc…`; undefined for instances that are none of EC2's. */
export function instanceIdOf(providerId: string | undefined): string | undefined {
  return /\/(i-[0-9a-z]+)$/.exec(providerId ?? "")?.[1];
}

export function zoneOf(labels: ReadonlyMap<string, string>): string | undefined {
  return labelNamed(labels, "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")?.value;
}

export function labelNamed(
  labels: ReadonlyMap<string, string>,
  ...keys: readonly string[]
): { readonly key: string; readonly value: string } | undefined {
  for (const key of keys) {
    const value = labels.get(key);
    if (value !== undefined && value !== "") return { key, value };
  }
  return undefined;
}

/** Region and cluster, where the labels of a node name them. */
export function placeOfCluster(labels: ReadonlyMap<string, string>): FactsPart {
  const region = labelNamed(labels, "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")?.value;
  const clusterName = labels.get("alpha.eksctl.io/cluster-name");
  return { ...(region === undefined ? {} : { region }), ...(clusterName === undefined ? {} : { clusterName }) };
}

/** Of a node's kubelet and container runtime. */
export function nodeVersions(
  node: string,
  found: { readonly kubelet: Located<string> | undefined; readonly runtime: Located<string> | undefined },
): VersionFact[] {
  const versions: VersionFact[] = [];
  const { kubelet, runtime } = found;
  if (kubelet !== undefined) versions.push({ component: "kubernetes", version: kubelet.value, node, at: kubelet.at });
  const containerd = /^containerd:\/\/(.+)$/.exec(runtime?.value ?? "")?.[1];
  if (containerd !== undefined && runtime !== undefined) {
    versions.push({ component: "containerd", version: containerd, node, at: runtime.at });
  }
  return versions;
}

function versionsOf(node: string, nodeInfo: PlainMap, context: Parameters<PlainHandler>[1]): VersionFact[] {
  const one = (key: string) => {
    const value = textIn(nodeInfo, key);
    return value === undefined ? undefined : located(value, context.at(["status", "nodeInfo", key]));
  };
  return nodeVersions(node, { kubelet: one("kubeletVersion"), runtime: one("containerRuntimeVersion") });
}

function taintsOf(spec: PlainMap): Taint[] {
  return mapsIn(spec, "taints").map(({ value }) => ({
    key: textIn(value, "key") ?? "",
    value: textIn(value, "value") ?? "",
    effect: textIn(value, "effect") ?? "",
  }));
}

function located<T>(value: T, at: Located<T>["at"]): Located<T> {
  return { value, at };
}
