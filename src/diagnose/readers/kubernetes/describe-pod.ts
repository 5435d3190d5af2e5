// `kubectl describe pod`: what it says about the pod, and the events at its end.

import type { ContainerFact, FactsPart, PodFact } from "../../facts/model.ts";
import { parseDescribeTime } from "./ages.ts";
import { describedEnv } from "./describe-containers.ts";
import { describedEvents } from "./describe-events.ts";
import { type DescribeField, fieldNamed, linesOf, pairsOf, valueAt } from "./describe-text.ts";
import { imageVersion } from "./images.ts";
import { BRANCH_ENI_RESOURCE, isAgentPod } from "./pod-object.ts";

export function readDescribedPod(fields: readonly DescribeField[], file: string): FactsPart {
  const name = valueAt(fields, "Name");
  const nameField = fieldNamed(fields, "Name");
  if (name === undefined || nameField === undefined) return {};
  const namespace = valueAt(fields, "Namespace") ?? "default";
  const [node, nodeAddress] = (valueAt(fields, "Node") ?? "").split("/");
  const nodeName = node === "" || node === undefined ? undefined : node;
  const address = valueAt(fields, "IP");
  const containerFields = ["Init Containers", "Containers"].flatMap((key) => fieldNamed(fields, key)?.children ?? []);
  const containers = containerFields.map(containerOf);
  const [ownerKind, ownerName] = (valueAt(fields, "Controlled By") ?? "").split("/");
  const phase = (valueAt(fields, "Status") ?? "Unknown").split(" ")[0] ?? "Unknown";
  const waiting = containers.find((one) => one.waitingReason !== undefined)?.waitingReason;
  const events = fieldNamed(fields, "Events");
  const pod: PodFact = {
    namespace,
    name,
    node: nodeName,
    address,
    phase,
    isHostNetwork: address !== undefined && address === nodeAddress,
    isReady:
      valueAt(conditionsOf(fields), "Ready") === "True" ||
      (containers.length > 0 && containers.every((one) => one.isReady)),
    waitingReason: waiting ?? (phase === "Pending" && nodeName === undefined ? "Unschedulable" : undefined),
    wantsBranchEni: containerFields.some((one) => mentionsBranchEni(one)),
    annotations: pairsOf(fieldNamed(fields, "Annotations"), ":"),
    labels: pairsOf(fieldNamed(fields, "Labels"), "="),
    ownerKind: ownerKind || undefined,
    ownerName,
    createdMs: parseDescribeTime(valueAt(fields, "Start Time") ?? ""),
    containers,
    at: { file, line: nameField.line },
  };
  const subject = { file, objectKind: "Pod", namespace, name, node: nodeName };
  return {
    pods: [pod],
    events: describedEvents(events, subject),
    ...(isAgentPod(pod) ? agentFacts(pod, fields, file) : {}),
  };
}

function conditionsOf(fields: readonly DescribeField[]): DescribeField[] {
  const rows = fieldNamed(fields, "Conditions")?.children ?? [];
  return rows.flatMap((row) => {
    const match = /^(\w+)\s+(True|False|Unknown)\b/.exec(row.text);
    return match === null ? [] : [{ ...row, key: match[1] ?? "", value: match[2] ?? "" }];
  });
}

function containerOf(field: DescribeField): ContainerFact {
  const state = fieldNamed(field.children, "State");
  const last = fieldNamed(field.children, "Last State");
  const ended = last?.value === "Terminated" ? last : state?.value === "Terminated" ? state : undefined;
  const exitCode = Number(valueAt(ended?.children ?? [], "Exit Code") ?? Number.NaN);
  return {
    name: field.key,
    image: valueAt(field.children, "Image") ?? "",
    isReady: valueAt(field.children, "Ready") === "True",
    restartCount: Number(/^\d{1,9}/.exec(valueAt(field.children, "Restart Count") ?? "")?.[0] ?? 0),
    waitingReason: state?.value === "Waiting" ? valueAt(state.children, "Reason") : undefined,
    lastExitCode: Number.isInteger(exitCode) ? exitCode : undefined,
    lastReason: valueAt(ended?.children ?? [], "Reason"),
  };
}

function mentionsBranchEni(container: DescribeField): boolean {
  return ["Limits", "Requests"].some((key) =>
    linesOf(fieldNamed(container.children, key)).some((line) => line.startsWith(BRANCH_ENI_RESOURCE)),
  );
}

/** An aws-node pod: the environment its agent runs with, and its versions. */
function agentFacts(pod: PodFact, fields: readonly DescribeField[], file: string): FactsPart {
  const { node } = pod;
  const all = ["Init Containers", "Containers"].flatMap((key) => fieldNamed(fields, key)?.children ?? []);
  const versions = all.flatMap((container) => {
    const image = fieldNamed(container.children, "Image");
    const version = imageVersion(image?.value.trim() ?? "");
    return version === undefined || image === undefined ? [] : [{ ...version, node, at: { file, line: image.line } }];
  });
  const env = describedEnv(all, "aws-node", file);
  if (env === undefined || node === undefined) return { versions };
  const initEnv = describedEnv(all, "aws-vpc-cni-init", file)?.env ?? [];
  const name = `Pod ${pod.namespace}/${pod.name}`;
  return {
    versions,
    settings: [{ origin: "running", layer: "running", node, name, ...env, initEnv, otherKeys: [] }],
  };
}
