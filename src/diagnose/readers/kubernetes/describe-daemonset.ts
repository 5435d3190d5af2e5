// `kubectl describe daemonset aws-node`: the settings as declared, the versions, and how many agents are ready.

import type { DaemonSetFact, FactsPart } from "../../facts/model.ts";
import { describedEnv } from "./describe-containers.ts";
import { type DescribeField, fieldNamed, valueAt } from "./describe-text.ts";
import { imageVersion } from "./images.ts";

export function readDescribedDaemonSet(fields: readonly DescribeField[], file: string): FactsPart {
  const name = valueAt(fields, "Name");
  if (name !== "aws-node") return {};
  const template = fieldNamed(fields, "Pod Template")?.children ?? [];
  const at = { file, line: fieldNamed(fields, "Name")?.line };
  const groups = [
    { isInit: true, fields: fieldNamed(template, "Init Containers")?.children ?? [] },
    { isInit: false, fields: fieldNamed(template, "Containers")?.children ?? [] },
  ];
  const containers = groups.flatMap((group) =>
    group.fields.flatMap((container) => {
      const image = fieldNamed(container.children, "Image");
      if (image === undefined) return [];
      const place = { file, line: image.line };
      return [{ name: container.key, image: { value: image.value.trim(), at: place }, isInit: group.isInit }];
    }),
  );
  const count = (key: string): number | undefined => {
    const digits = /^\d{1,9}/.exec(valueAt(fields, key) ?? "")?.[0];
    return digits === undefined ? undefined : Number(digits);
  };
  const namespace = valueAt(fields, "Namespace") ?? "kube-system";
  const daemonSet: DaemonSetFact = {
    namespace,
    name,
    desiredCount: count("Desired Number of Nodes Scheduled"),
    readyCount: count("Number of Nodes Scheduled with Available Pods"),
    containers,
    at,
  };
  const all = groups.flatMap((group) => group.fields);
  const env = describedEnv(all, "aws-node", file);
  const versions = containers.flatMap(({ image }) => {
    const version = imageVersion(image.value);
    return version === undefined ? [] : [{ ...version, at: image.at }];
  });
  if (env === undefined) return { daemonSets: [daemonSet], versions };
  const initEnv = describedEnv(all, "aws-vpc-cni-init", file)?.env ?? [];
  const settings = {
    origin: "daemonset",
    layer: "declared",
    name: `DaemonSet ${namespace}/${name}`,
    ...env,
    initEnv,
    otherKeys: [],
  } as const;
  return { daemonSets: [daemonSet], versions, settings: [settings] };
}
