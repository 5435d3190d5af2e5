// ENIConfigs, SecurityGroupPolicies and the ConfigMap of the CNI.

import type { ObjectHandler } from "../objects.ts";
import { envOfMap } from "./env-entries.ts";

export const readEniConfig: ObjectHandler = (object) => {
  const name = object.get("metadata", "name").text;
  if (name === undefined) return {};
  const securityGroupIds = object.get("spec", "securityGroups").locatedTexts.map((one) => one.value);
  return {
    eniConfigs: [{ name, subnetId: object.get("spec", "subnet").locatedText, securityGroupIds, at: object.at }],
  };
};

export const readSecurityGroupPolicy: ObjectHandler = (object) => {
  const name = object.get("metadata", "name").text;
  if (name === undefined) return {};
  const groupIds = object.get("spec", "securityGroups", "groupIds").locatedTexts.map((one) => one.value);
  const namespace = object.get("metadata", "namespace").text ?? "default";
  return { securityGroupPolicies: [{ namespace, name, groupIds, at: object.at }] };
};

/** amazon-vpc-cni alone; the Linux agent never reads it, which is why it is a source of its own. */
export const readConfigMap: ObjectHandler = (object) => {
  if (object.get("metadata", "name").text !== "amazon-vpc-cni") return {};
  const namespace = object.get("metadata", "namespace").text ?? "kube-system";
  const data = object.get("data");
  return {
    settings: [
      {
        origin: "configmap",
        layer: "declared",
        name: `ConfigMap ${namespace}/amazon-vpc-cni`,
        at: data.isThere ? data.at : object.at,
        isComplete: false,
        env: envOfMap(data).entries,
        initEnv: [],
        otherKeys: [],
      },
    ],
  };
};
