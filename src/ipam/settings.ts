// The agent's settings: what the environment asks for, parsed as amazon-vpc-cni-k8s v1.23.1 parses it (ipamd.md 1.1-1.3).

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Effective settings of the engine. Numbers are those the agent works with after parsing: "not set" is 0. */
export interface Settings {
  /** ENABLE_PREFIX_DELEGATION as asked; the mode also needs an instance type that supports prefixes. */
  readonly prefixDelegation: boolean;
  readonly warmIpTarget: number;
  readonly minimumIpTarget: number;
  readonly warmPrefixTarget: number;
  /** Not set, negative or garbage: 1. */
  readonly warmEniTarget: number;
  /** MAX_ENI when it parses to 1 or more; undefined: the instance limit. */
  readonly maxEni: number | undefined;
  /** IP_COOLDOWN_PERIOD in milliseconds. */
  readonly cooldownMs: number;
  readonly customNetworking: boolean;
  readonly subnetDiscovery: boolean;
  readonly clusterName: string;
  readonly additionalEniTags: readonly { readonly key: string; readonly value: string }[];
  readonly manageUntaggedEni: boolean;
  readonly manageEnisNonSchedulable: boolean;
  readonly podEni: boolean;
  /** DISABLE_NETWORK_RESOURCE_PROVISIONING, or implied by IMDS-only mode. */
  readonly provisioningDisabled: boolean;
  readonly imdsOnly: boolean;
  readonly leakedEniCleanupDisabled: boolean;
}
