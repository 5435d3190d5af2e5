// `kubectl describe node`. Its table of pods is not read: it says neither their addresses nor whether they need one.

import type { FactsPart, NodeFact, Taint } from "../../facts/model.ts";
import { parseDescribeTime } from "./ages.ts";
import { describedEvents } from "./describe-events.ts";
import { type DescribeField, fieldNamed, linesOf, pairsOf, valueAt } from "./describe-text.ts";
import { instanceIdOf, labelNamed, nodeVersions, placeOfCluster, zoneOf } from "./node-object.ts";
import { BRANCH_ENI_RESOURCE } from "./pod-object.ts";

export function readDescribedNode(fields: readonly DescribeField[], file: string): FactsPart {
  const name = valueAt(fields, "Name");
  const nameField = fieldNamed(fields, "Name");
  if (name === undefined || nameField === undefined) return {};
  const labelsField = fieldNamed(fields, "Labels");
  const labels = pairsOf(labelsField, "=");
  const capacity = fieldNamed(fields, "Capacity");
  const info = fieldNamed(fields, "System Info")?.children ?? [];
  const pods = fieldNamed(capacity?.children ?? [], "pods");
  const ready = fieldNamed(fields, "Conditions")?.children.find((row) => /^Ready\s/.test(row.text));
  const isReady = ready === undefined ? undefined : /^Ready\s+True\b/.test(ready.text);
  const instanceType = labelNamed(labels, "node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type");
  const unschedulable = valueAt(fields, "Unschedulable");
  const node: NodeFact = {
    key: name,
    name,
    instanceId: instanceIdOf(valueAt(fields, "ProviderID")),
    instanceType: instanceType && {
      value: instanceType.value,
      at: { file, line: lineWith(labelsField, instanceType.key) ?? nameField.line },
    },
    zone: zoneOf(labels),
    maxPods:
      pods && /^\d{1,6}$/.test(pods.value.trim())
        ? { value: Number(pods.value), at: { file, line: pods.line } }
        : undefined,
    labels,
    annotations: pairsOf(fieldNamed(fields, "Annotations"), ":"),
    taints: linesOf(fieldNamed(fields, "Taints")).flatMap(taintOf),
    isUnschedulable: unschedulable === undefined ? undefined : unschedulable === "true",
    isReady,
    readyMessage: isReady === false ? readyMessage(ready?.text ?? "") : undefined,
    createdMs: parseDescribeTime(valueAt(fields, "CreationTimestamp") ?? ""),
    osImage: valueAt(info, "OS Image"),
    branchEniCapacity:
      capacity && Number(/^\d{1,6}$/.exec(valueAt(capacity.children, BRANCH_ENI_RESOURCE) ?? "")?.[0] ?? 0),
    at: { file, line: nameField.line },
  };
  const located = (key: string) => {
    const field = fieldNamed(info, key);
    return field === undefined ? undefined : { value: field.value.trim(), at: { file, line: field.line } };
  };
  return {
    nodes: [node],
    versions: nodeVersions(name, {
      kubelet: located("Kubelet Version"),
      runtime: located("Container Runtime Version"),
    }),
    events: describedEvents(fieldNamed(fields, "Events"), {
      file,
      objectKind: "Node",
      namespace: undefined,
      name,
      node: name,
    }),
    ...placeOfCluster(labels),
  };
}

function lineWith(field: DescribeField | undefined, key: string): number | undefined {
  if (field === undefined) return undefined;
  return field.value.startsWith(key) ? field.line : field.children.find((child) => child.text.startsWith(key))?.line;
}

/** `Ready  False  <date>  <date>  KubeletNotReady  the message`: what follows the reason. */
function readyMessage(row: string): string | undefined {
  const cells = row.split(/\s{2,}/);
  return cells.length > 5 ? cells.slice(5).join(" ") : undefined;
}

/** `key=value:NoSchedule` or `key:NoSchedule`. */
function taintOf(text: string): Taint[] {
  const match = /^([^=:\s]+)(?:=([^:]*))?:(\w+)$/.exec(text);
  return match === null ? [] : [{ key: match[1] ?? "", value: match[2] ?? "", effect: match[3] ?? "" }];
}
