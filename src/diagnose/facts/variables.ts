// The environment variables of aws-node: what each is read as, and since which version, where that is documented. From the
// README, the chart and the source of amazon-vpc-cni-k8s v1.23.1 and its CHANGELOG (read 2026-08).

import { CHART_DEFAULTS } from "../../ipam/settings.ts";

/** Read as a boolean: anything but Go's literals counts as the default. */
export const BOOLEANS: Readonly<Record<string, boolean>> = {
  ANNOTATE_POD_IP: false,
  AWS_MANAGE_ENIS_NON_SCHEDULABLE: false,
  AWS_VPC_CNI_NODE_PORT_SUPPORT: true,
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: false,
  AWS_VPC_K8S_CNI_EXTERNALSNAT: false,
  DISABLE_INTROSPECTION: false,
  DISABLE_LEAKED_ENI_CLEANUP: false,
  DISABLE_METRICS: false,
  DISABLE_NETWORK_RESOURCE_PROVISIONING: false,
  ENABLE_IMDS_ONLY_MODE: false,
  ENABLE_IPv4: false,
  ENABLE_IPv6: false,
  ENABLE_MULTI_NIC: false,
  ENABLE_POD_ENI: false,
  ENABLE_PREFIX_DELEGATION: false,
  ENABLE_SUBNET_DISCOVERY: true,
  MANAGE_UNTAGGED_ENI: true,
};

/** Read as a whole number: below `minimum` or not a number counts as `otherwise`, without a word in the log. */
export const COUNTS: Readonly<Record<string, { readonly minimum: number; readonly otherwise: string }>> = {
  WARM_IP_TARGET: { minimum: 0, otherwise: "not set" },
  MINIMUM_IP_TARGET: { minimum: 0, otherwise: "not set" },
  WARM_PREFIX_TARGET: { minimum: 0, otherwise: "0" },
  WARM_ENI_TARGET: { minimum: 0, otherwise: "1" },
};

/** First version that reads the variable. Only where a release note or the README says so. */
export const SINCE: Readonly<Record<string, string>> = {
  MINIMUM_IP_TARGET: "v1.6.0",
  ENABLE_POD_ENI: "v1.7.0",
  ENABLE_PREFIX_DELEGATION: "v1.9.0",
  WARM_PREFIX_TARGET: "v1.9.0",
  ENABLE_IPv6: "v1.10.0",
  POD_SECURITY_GROUP_ENFORCING_MODE: "v1.11.0",
  ENABLE_NFTABLES: "v1.12.1",
  AWS_MANAGE_ENIS_NON_SCHEDULABLE: "v1.12.6",
  DISABLE_LEAKED_ENI_CLEANUP: "v1.13.0",
  IP_COOLDOWN_PERIOD: "v1.15.0",
  ENABLE_SUBNET_DISCOVERY: "v1.18.0",
  ENABLE_MULTI_NIC: "v1.20.0",
};

const OTHERS: readonly string[] = [
  "AWS_EC2_ENDPOINT",
  "AWS_EXTERNAL_SERVICE_CIDRS",
  "AWS_VPC_K8S_CNI_BACKING_STORE",
  "AWS_VPC_K8S_CNI_CONNMARK",
  "AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER",
  "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  "AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE",
  "AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE",
  "CLUSTER_ENDPOINT",
  "CLUSTER_NAME",
  "DISABLE_POD_V6",
  "DISABLE_TCP_EARLY_DEMUX",
  "ENABLE_BANDWIDTH_PLUGIN",
  "ENABLE_NFTABLES",
  "ENABLE_V4_EGRESS",
  "ENABLE_V6_EGRESS",
  "ENI_CONFIG_ANNOTATION_DEF",
  "ENI_CONFIG_LABEL_DEF",
  "HOST_CNI_BIN_PATH",
  "HOST_CNI_CONFDIR_PATH",
  "HTTP_TIMEOUT",
  "INTROSPECTION_BIND_ADDRESS",
  "IP_COOLDOWN_PERIOD",
  "MAX_ENI",
  "MINIMUM_IP_TARGET",
  "MY_NODE_NAME",
  "MY_POD_NAME",
  "POD_MTU",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
  "VPC_ID",
  "WARM_IP_TARGET",
  "SLASH28_ADD_DEADLINE",
  "SLASH28_CLOCK",
  "SLASH28_DATAPATH",
  "SLASH28_DEBUG",
  "SLASH28_END_WITH_STDIN",
  "SLASH28_FACTS",
  "SLASH28_GRPC_SOCKET",
  "SLASH28_GRPC_TCP",
  "SLASH28_HOST_NETNS",
  "SLASH28_LOOP_PROBE",
  "SLASH28_METRICS_ADDRESS",
  "SLASH28_NPA_SOCKET",
  "SLASH28_POLICY",
  "SLASH28_POLICY_OFF",
  "SLASH28_SEED",
  "SLASH28_SOCKET",
  "SLASH28_VERIFY_PERIOD",
  "SLASH28_WARM_FLOOR",
];

export const KNOWN_VARIABLES: readonly string[] = [
  ...new Set([...Object.keys(CHART_DEFAULTS), ...Object.keys(BOOLEANS), ...Object.keys(COUNTS), ...OTHERS]),
];

/** Names that the AWS SDK, Go or the cluster read in any process: never misspelt settings of the CNI. */
export function isCommonVariable(name: string): boolean {
  return (
    /^(?:https?_proxy|no_proxy|all_proxy)$/i.test(name) ||
    /^(?:GO[A-Z]+|KUBERNETES_.*|AWS_(?:REGION|DEFAULT_REGION|ROLE_.*|WEB_IDENTITY_.*|STS_.*|SDK_.*|CA_BUNDLE|CONTAINER_.*|USE_.*|MAX_ATTEMPTS|RETRY_MODE|ENDPOINT_URL.*|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|PROFILE|EC2_METADATA_.*))$/.test(
      name,
    )
  );
}
