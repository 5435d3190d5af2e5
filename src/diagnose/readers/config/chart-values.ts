// Values of the chart aws-vpc-cni, which are also the configuration values of the EKS add-on: one shape, read the same wherever
// they stand (a values file, an add-on's JSON, Terraform, eksctl).

import type { EniConfigFact, FactsPart, SettingsOrigin, Source } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";
import { envOf, flatKeys } from "./env-entries.ts";

/** Variables by which a file is known to be about the agent. */
export const AGENT_VARIABLE =
  /\b(?:WARM_(?:ENI|IP|PREFIX)_TARGET|MINIMUM_IP_TARGET|MAX_ENI|ENABLE_(?:PREFIX_DELEGATION|POD_ENI|SUBNET_DISCOVERY|IPv4|IPv6)|AWS_VPC_(?:K8S_|ENI_MTU|CNI_)\w*|ENI_CONFIG_(?:LABEL|ANNOTATION)_DEF|IP_COOLDOWN_PERIOD|DISABLE_LEAKED_ENI_CLEANUP|ANNOTATE_POD_IP|POD_SECURITY_GROUP_ENFORCING_MODE|ADDITIONAL_ENI_TAGS)\b/;

const NOT_KEYS: readonly string[] = [
  "env",
  "init.env",
  "extraEnv",
  "eniConfig.subnets",
  "affinity",
  "podAnnotations",
  "podLabels",
  "tolerations",
];

/** What the values say. `name` is what the source is called in a report, `at` where it begins. */
export function readChartValues(
  values: Placed,
  source: { readonly origin: SettingsOrigin; readonly name: string; readonly at?: Source },
): FactsPart {
  if (!values.isMap) return {};
  const env = envOf(values.get("env"));
  const extra = envOf(values.get("extraEnv"));
  const init = envOf(values.get("init", "env"));
  const tag = values.get("image", "tag");
  const untold = [...env.untold, ...extra.untold];
  // An environment that is there but cannot be told must not look like one that is empty.
  const isHidden = Object.hasOwn(values.value as object, "env") && values.get("env").value === undefined;
  return {
    settings: isHidden
      ? []
      : [
          {
            origin: source.origin,
            layer: "declared",
            name: source.name,
            at: source.at ?? values.at,
            isComplete: false,
            env: [...env.entries, ...extra.entries],
            initEnv: init.entries,
            otherKeys: flatKeys(values, NOT_KEYS),
            untold: untold.length > 0 ? untold : undefined,
          },
        ],
    versions: /^v?\d+\.\d+/.test(tag.text ?? "") ? [{ component: "cni", version: tag.text ?? "", at: tag.at }] : [],
    eniConfigs: eniConfigsOf(values.get("eniConfig")),
  };
}

/** The ENIConfigs that the chart makes: one for each key of `subnets`. */
function eniConfigsOf(eniConfig: Placed): EniConfigFact[] {
  if (!eniConfig.get("create").isTrue) return [];
  return eniConfig
    .get("subnets")
    .entries()
    .map(([name, subnet]) => ({
      name,
      subnetId: subnet.get("id").locatedText,
      securityGroupIds: subnet.get("securityGroups").locatedTexts.map((one) => one.value),
      at: subnet.at,
    }));
}
