// eksctl's ClusterConfig: the add-on's values, node groups and how they boot, subnets, policies.

import { parseCidr } from "../../../base/ipv4.ts";
import type { CheckError } from "../../../text/check-error.ts";
import type { FactsPart, IamPolicyFact, Located, NodeBootstrap, SubnetFact } from "../../facts/model.ts";
import { joinParts, type ObjectHandler, unreadOf } from "../objects.ts";
import type { Placed } from "../placed.ts";
import { readChartValues } from "./chart-values.ts";
import { statementsOf } from "./iam-statements.ts";
import { NO_BOOTSTRAP } from "./node-config.ts";
import { locatedOsFamily } from "./os-family.ts";
import { readUserData } from "./user-data.ts";

export const readClusterConfig: ObjectHandler = (object) => {
  if (!/^eksctl\.io\//.test(object.get("apiVersion").text ?? "")) return {};
  const version = object.get("metadata", "version");
  const groups = ["nodeGroups", "managedNodeGroups"].flatMap((key) => object.get(key).items());
  return joinParts([
    {
      clusterName: object.get("metadata", "name").text,
      region: object.get("metadata", "region").text,
      versions: version.text === undefined ? [] : [{ component: "kubernetes", version: version.text, at: version.at }],
      subnets: subnetsOf(object.get("vpc", "subnets")),
    },
    ...object.get("addons").items().map(addonOf),
    ...groups.map(nodeGroupOf),
  ]);
};

function addonOf(addon: Placed): FactsPart {
  if (addon.get("name").text !== "vpc-cni") return {};
  const version = addon.get("version");
  const parts: FactsPart[] = [
    {
      versions: /^v?\d/.test(version.text ?? "")
        ? [{ component: "cni", version: version.text ?? "", at: version.at }]
        : [],
      iamPolicies: policyOf(addon, "service-account", "addon vpc-cni"),
    },
  ];
  const values = addon.get("configurationValues");
  const source = { origin: "eksctl", name: "eksctl addon vpc-cni" } as const;
  if (values.isMap) parts.push(readChartValues(values, source));
  else if (typeof values.value === "string") {
    const { documents, errors } = values.embedded(/^\s*\{/.test(values.value) ? "json" : "yaml");
    parts.push(...documents.map((document) => readChartValues(document, source)), { unread: unreadOf(errors) });
  }
  return joinParts(parts);
}

function nodeGroupOf(group: Placed): FactsPart {
  const errors: CheckError[] = [];
  const boot = bootFields(group, errors);
  const maxPods =
    group.get("maxPodsPerNode").locatedCount ??
    group.get("kubeletExtraConfig", "maxPods").locatedCount ??
    group.get("bottlerocket", "settings", "kubernetes", "max-pods").locatedCount;
  const ami = group.get("ami");
  const bootstrap: NodeBootstrap = {
    ...NO_BOOTSTRAP,
    ...boot,
    origin: "eksctl",
    name: group.get("name").text ?? "",
    at: group.at,
    osFamily: locatedOsFamily(group.get("amiFamily")),
    ...(maxPods === undefined ? {} : { maxPods }),
    instanceTypes: [
      ...(group.get("instanceType").text === "mixed" ? [] : [group.get("instanceType").locatedText]),
      ...group.get("instanceTypes").locatedTexts,
      ...group.get("instancesDistribution", "instanceTypes").locatedTexts,
    ].filter((one): one is Located<string> => one !== undefined),
    subnetIds: group.get("subnets").locatedTexts.filter((one) => one.value.startsWith("subnet-")),
    nodeCountMax: group.get("maxSize").locatedCount,
    nodeCountDesired: group.get("desiredCapacity").locatedCount,
    amiId: ami.text?.startsWith("ami-") === true ? ami.locatedText : undefined,
    metadataOptions: metadataOf(group),
  };
  const name = `node group ${bootstrap.name}`;
  return {
    bootstraps: [bootstrap],
    iamPolicies: policyOf(group.get("iam"), "node", name),
    unread: unreadOf(errors),
  };
}

/** The commands that replace or precede the boot script. */
function bootFields(group: Placed, errors: CheckError[]): Partial<NodeBootstrap> {
  const commands = [...group.get("preBootstrapCommands").items(), group.get("overrideBootstrapCommand")];
  let fields: Partial<NodeBootstrap> = {};
  for (const command of commands) {
    const frame = command.frame;
    if (frame === undefined) continue;
    const found = readUserData(frame);
    fields = { ...fields, ...found.fields };
    errors.push(...found.errors);
  }
  return fields;
}

function metadataOf(group: Placed): NodeBootstrap["metadataOptions"] {
  const required = group.get("disableIMDSv1");
  const blocked = group.get("disablePodIMDS");
  if (!required.isTrue && !blocked.isTrue) return undefined;
  return {
    httpTokens: required.isTrue ? "required" : undefined,
    hopLimit: blocked.isTrue ? 1 : undefined,
    at: (required.isTrue ? required : blocked).at,
  };
}

function policyOf(iam: Placed, subject: IamPolicyFact["subject"], name: string): IamPolicyFact[] {
  const managedPolicies = iam.get("attachPolicyARNs").locatedTexts;
  const statements = statementsOf(iam.get("attachPolicy", "Statement"));
  if (managedPolicies.length === 0 && statements.length === 0) return [];
  return [{ name, subject, statements, managedPolicies, trustedProviders: [], trustedSubjects: [], at: iam.at }];
}

/** Existing subnets that the file names with id and range. */
function subnetsOf(subnets: Placed): SubnetFact[] {
  return ["private", "public"].flatMap((kind) =>
    subnets
      .get(kind)
      .entries()
      .flatMap(([zone, subnet]) => {
        const id = subnet.get("id").text;
        if (id === undefined) return [];
        const cidr = parseCidr(subnet.get("cidr").text ?? "");
        const named = subnet.get("az").text ?? zone;
        const isZone = /^[a-z]{2}(?:-[a-z]+)+-\d[a-z]$/.test(named);
        return [{ id, cidr, zone: isZone ? named : undefined, tags: new Map(), isLive: false, at: subnet.at }];
      }),
  );
}
