// The kinds of objects that configure the CNI and its nodes, for the dispatcher of objects.

import type { ObjectHandlers } from "../objects.ts";
import { readDaemonSet } from "./daemon-set.ts";
import { readClusterConfig } from "./eksctl.ts";
import { readConfigMap, readEniConfig, readSecurityGroupPolicy } from "./eni-config.ts";
import { readNodeClass, readNodePool, readProvisioner } from "./karpenter.ts";
import { readKubeletConfiguration, readNodeConfig } from "./node-config.ts";

export const CONFIG_HANDLERS: ObjectHandlers = {
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
