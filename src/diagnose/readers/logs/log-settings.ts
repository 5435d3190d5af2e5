// The settings that the agent's start-up lines give, as an environment: the last start that gave any.

import type { EnvEntry, NodeKey, SettingsSource, Source, VersionFact } from "../../facts/model.ts";
import type { LineTag } from "./line-matcher.ts";

const OF_POOL_MANAGER: Readonly<Record<string, string>> = {
  warmIpTarget: "WARM_IP_TARGET",
  warmPrefixTarget: "WARM_PREFIX_TARGET",
  warmEniTarget: "WARM_ENI_TARGET",
  minimumIpTarget: "MINIMUM_IP_TARGET",
};
const OF_SWITCH: Readonly<Record<string, string>> = {
  "prefix-delegation-enabled": "ENABLE_PREFIX_DELEGATION",
  "custom-networking-enabled": "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
  "subnet-discovery-enabled": "ENABLE_SUBNET_DISCOVERY",
};
/** Printed when set: after a start wholly seen, their absence says that they are not. */
const IP_TARGETS = ["WARM_IP_TARGET", "MINIMUM_IP_TARGET"];

export class LogSettings {
  #env = new Map<string, EnvEntry>();
  #startAt: Source | undefined;
  #hasUsing = false;
  readonly #versions = new Map<string, Source>();

  started(version: string | undefined, at: Source): void {
    this.#env = new Map();
    this.#startAt = at;
    this.#hasUsing = false;
    if (version !== undefined && !this.#versions.has(version)) this.#versions.set(version, at);
  }

  line(tag: LineTag, captures: Readonly<Record<string, string>>, at: Source): void {
    if (tag === "setting-used") {
      this.#hasUsing = true;
      if (captures["name"] !== undefined) this.#set(captures["name"], captures["value"], at);
    } else if (tag === "pool-manager-start") {
      for (const [capture, name] of Object.entries(OF_POOL_MANAGER)) this.#set(name, captures[capture], at);
    } else {
      const name = OF_SWITCH[tag];
      if (name !== undefined) this.#set(name, captures["value"], at);
    }
  }

  #set(name: string, value: string | undefined, at: Source): void {
    if (value !== undefined) this.#env.set(name, { name, value, isString: true, at });
  }

  settings(node: NodeKey | undefined): SettingsSource[] {
    const at = this.#startAt;
    if (this.#hasUsing && at !== undefined) {
      for (const name of IP_TARGETS) if (!this.#env.has(name)) this.#set(name, "0", at);
    }
    const env = [...this.#env.values()];
    const first = env[0];
    if (first === undefined) return [];
    return [
      {
        origin: "log",
        layer: "running",
        node,
        name: "the agent's start-up lines",
        at: first.at,
        isComplete: false,
        env,
        initEnv: [],
        otherKeys: [],
      },
    ];
  }

  versions(node: NodeKey | undefined): VersionFact[] {
    return [...this.#versions].map(([version, at]) => ({ component: "cni", version, node, at }));
  }
}
