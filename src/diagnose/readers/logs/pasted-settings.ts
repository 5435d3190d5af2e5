// Environment of the agent inside a pasted text: `WARM_IP_TARGET=5`, `WARM_IP_TARGET: 5`, or the name and value of a manifest.

import type { EnvEntry, SettingsSource, Source } from "../../facts/model.ts";

const NAMES =
  "WARM_IP_TARGET|WARM_ENI_TARGET|WARM_PREFIX_TARGET|MINIMUM_IP_TARGET|MAX_ENI|ENABLE_[A-Za-z0-9_]+|DISABLE_[A-Z0-9_]+|AWS_VPC_[A-Z0-9_]+|AWS_MANAGE_ENIS_[A-Z_]+|ANNOTATE_POD_IP|POD_SECURITY_GROUP_ENFORCING_MODE|IP_COOLDOWN_PERIOD|ENI_CONFIG_LABEL_DEF|CLUSTER_NAME";
const PAIR = new RegExp(`(?:^|[\\s"'\`{,;(])(${NAMES})["'\`]?\\s*(?:=|:)\\s*["'\`]?([\\w./:-]*)["'\`]?`, "g");
const NAME_ITEM = new RegExp(`name:\\s*["']?(${NAMES})["']?\\s*$`);
const VALUE_ITEM = /value:\s*["']?([^"'\s]*)["']?\s*$/;

export class PastedSettings {
  readonly #env: EnvEntry[] = [];
  #name: { readonly name: string; readonly line: number } | undefined;

  /** A name was given, and the next line may give its value. */
  get isWaiting(): boolean {
    return this.#name !== undefined;
  }

  line(raw: string, at: Source): void {
    if (this.#env.length >= 200) return;
    const pending = this.#name;
    this.#name = undefined;
    const item = NAME_ITEM.exec(raw);
    if (item?.[1] !== undefined) {
      this.#name = { name: item[1], line: at.line ?? 0 };
      return;
    }
    const value = VALUE_ITEM.exec(raw);
    if (pending !== undefined && value !== null) {
      this.#add(pending.name, value[1] ?? "", /value:\s*["']/.test(raw), at);
      return;
    }
    for (const pair of raw.matchAll(PAIR)) this.#add(pair[1] ?? "", pair[2] ?? "", true, at);
  }

  #add(name: string, value: string, isString: boolean, at: Source): void {
    this.#env.push({ name, value, isString, at });
  }

  settings(): SettingsSource[] {
    const first = this.#env[0];
    if (first === undefined) return [];
    return [
      {
        origin: "facts",
        layer: "declared",
        name: "environment in the pasted text",
        at: first.at,
        isComplete: false,
        env: this.#env,
        initEnv: [],
        otherKeys: [],
      },
    ];
  }
}
