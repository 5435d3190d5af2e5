// nodeadm's NodeConfig (AL2023) and kubelet's own configuration file.

import type { FactsPart, NodeBootstrap } from "../../facts/model.ts";
import type { ObjectHandler } from "../objects.ts";
import type { Placed } from "../placed.ts";
import { maxPodsFlag } from "./bootstrap-arguments.ts";

export const NO_BOOTSTRAP = { instanceTypes: [], requirements: [], subnetIds: [] } as const;

export const readNodeConfig: ObjectHandler = (object, { node }) => ({
  bootstraps: [
    {
      ...NO_BOOTSTRAP,
      origin: "nodeadm",
      name: object.get("metadata", "name").text ?? "",
      at: object.at,
      ...nodeConfigFields(object),
      node,
    },
  ],
});

/** The part of a NodeConfig that bears on max-pods. A flag of kubelet beats its configuration. */
export function nodeConfigFields(object: Placed): Partial<NodeBootstrap> {
  const kubelet = object.get("spec", "kubelet");
  const flag = kubelet
    .get("flags")
    .items()
    .flatMap((item) => {
      const maxPods = maxPodsFlag(item.text ?? "");
      return maxPods === undefined ? [] : [{ value: maxPods, at: item.at }];
    })
    .at(-1);
  const maxPods = flag ?? kubelet.get("config", "maxPods").locatedCount;
  const maxPodsExpression = kubelet.get("maxPodsExpression").locatedText;
  return {
    ...(maxPods === undefined ? {} : { maxPods }),
    ...(maxPodsExpression === undefined ? {} : { maxPodsExpression }),
  };
}

/** kubelet's configuration as it lies on a node: what that node advertises. A fragment without maxPods says nothing. */
export const readKubeletConfiguration: ObjectHandler = (object, { node }): FactsPart => {
  const maxPods = object.get("maxPods").locatedCount;
  if (maxPods === undefined) return {};
  const bootstraps = [{ ...NO_BOOTSTRAP, origin: "kubelet-config" as const, name: "", at: object.at, maxPods, node }];
  if (node === undefined) return { bootstraps };
  const fact = { key: node, kubeletMaxPods: maxPods, labels: new Map(), annotations: new Map(), taints: [] };
  return { bootstraps, nodes: [{ ...fact, at: object.at }] };
};
