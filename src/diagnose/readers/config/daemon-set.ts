// The DaemonSet aws-node: the agent's environment as declared, its versions, its probes.

import { parseRfc3339 } from "../../../base/calendar.ts";
import type { DaemonSetFact, SettingsSource, VersionFact } from "../../facts/model.ts";
import { imageVersion } from "../kubernetes/images.ts";
import type { ObjectHandler } from "../objects.ts";
import type { Placed } from "../placed.ts";
import { envOfList } from "./env-entries.ts";

export const readDaemonSet: ObjectHandler = (object) => {
  const name = object.get("metadata", "name").text ?? "";
  const spec = object.get("spec", "template", "spec");
  const containers = spec.get("containers").items();
  const agent = containers.find((one) => one.get("name").text === "aws-node");
  if (name !== "aws-node" && agent === undefined) return {};
  const inits = spec.get("initContainers").items();
  const namespace = object.get("metadata", "namespace").text ?? "kube-system";
  const all = [...inits.map(containerOf(true)), ...containers.map(containerOf(false))].flatMap((one) => one ?? []);
  const daemonSet: DaemonSetFact = {
    namespace,
    name,
    desiredCount: object.get("status", "desiredNumberScheduled").count,
    readyCount: object.get("status", "numberReady").count,
    createdMs: parseRfc3339(object.get("metadata", "creationTimestamp").text ?? ""),
    containers: all,
    livenessTimeoutS: agent?.get("livenessProbe", "timeoutSeconds").locatedCount,
    cpuRequest: agent?.get("resources", "requests", "cpu").text,
    at: object.at,
  };
  const versions = all.flatMap(({ image }): VersionFact[] => {
    const version = imageVersion(image.value);
    return version === undefined ? [] : [{ ...version, at: image.at }];
  });
  return { daemonSets: [daemonSet], versions, settings: settingsOf(agent, inits, `DaemonSet ${namespace}/${name}`) };
};

function containerOf(isInit: boolean): (container: Placed) => DaemonSetFact["containers"][number] | undefined {
  return (container) => {
    const image = container.get("image").locatedText;
    return image === undefined ? undefined : { name: container.get("name").text ?? "", image, isInit };
  };
}

/** A patch that leaves `env` out says nothing about the environment. */
function settingsOf(agent: Placed | undefined, inits: readonly Placed[], name: string): SettingsSource[] {
  const list = agent?.get("env");
  if (agent === undefined || list === undefined || !Array.isArray(list.value)) return [];
  const env = envOfList(list);
  const init = inits.find((one) => one.get("name").text === "aws-vpc-cni-init");
  return [
    {
      origin: "daemonset",
      layer: "declared",
      name,
      at: list.at,
      isComplete: !agent.get("envFrom").isThere && agent.get("image").isThere,
      env: env.entries,
      initEnv: init === undefined ? [] : envOfList(init.get("env")).entries,
      otherKeys: [],
      untold: env.untold.length > 0 ? env.untold : undefined,
    },
  ];
}
