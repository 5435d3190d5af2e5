// The kinds of objects that configure the CNI and its nodes, for the dispatcher of objects.

import type { ObjectHandler, ObjectHandlers } from "../objects.ts";
import { readDaemonSet } from "./daemon-set.ts";
import { readClusterConfig } from "./eksctl.ts";
import { readConfigMap, readEniConfig, readSecurityGroupPolicy } from "./eni-config.ts";
import { readNodeClass, readNodePool, readProvisioner } from "./karpenter.ts";
import { readKubeletConfiguration, readNodeConfig } from "./node-config.ts";

/** A cluster file of `plan` and `simulate` describes what may never run: beside real configuration its settings would be noise. */
const passClusterFile: ObjectHandler = (object) => {
  if (object.get("apiVersion").text !== "slash28/v1") return {};
  const { file } = object.at;
  const reason = "is a cluster file, which plan and simulate read";
  return { unread: [{ file, reason, next: `Check it with: slash28 plan ${file}` }] };
};

export const CONFIG_HANDLERS: ObjectHandlers = {
  Cluster: passClusterFile,
  ClusterConfig: readClusterConfig,
  ConfigMap: readConfigMap,
  DaemonSet: readDaemonSet,
  EC2NodeClass: readNodeClass,
  ENIConfig: readEniConfig,
  KubeletConfiguration: readKubeletConfiguration,
  NodeConfig: readNodeConfig,
  NodePool: readNodePool,
  Provisioner: readProvisioner,
  SecurityGroupPolicy: readSecurityGroupPolicy,
};
