// Node groups and launch templates as the AWS CLI prints them: `aws eks describe-nodegroup`,
// `aws ec2 describe-launch-template-versions`, `aws ec2 describe-instance-attribute --attribute userData`.

import type { FactsPart, NodeBootstrap } from "../../facts/model.ts";
import { joinParts, unreadOf } from "../objects.ts";
import type { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { partOfFile } from "./documents.ts";
import { NO_BOOTSTRAP } from "./node-config.ts";
import { locatedOsFamily } from "./os-family.ts";
import { readUserData } from "./user-data.ts";

export const nodeGroupReader: FileReader = {
  kind: "EKS node group",
  recognises: ({ head }) =>
    /^\s*[[{]/.test(head) &&
    (/"nodegroup(?:Name)?"\s*:/.test(head) ||
      /"LaunchTemplateData"\s*:/.test(head) ||
      /"UserData"\s*:\s*\{/.test(head)),
  read: (file) => partOfFile(file, "EKS node group", readAnswer),
};

function readAnswer(answer: Placed): FactsPart {
  if (Array.isArray(answer.value)) return joinParts(answer.items().map(readAnswer));
  const group = answer.get("nodegroup").isMap ? answer.get("nodegroup") : answer;
  if (group.get("nodegroupName").isThere) return nodeGroup(group);
  const versions = answer.get("LaunchTemplateVersions").items();
  if (versions.length > 0) return joinParts(versions.map(launchTemplate));
  const userData = answer.get("UserData", "Value");
  return userData.isThere ? booted(answer, userData, answer.get("InstanceId").text ?? "") : {};
}

function nodeGroup(group: Placed): FactsPart {
  const bootstrap: NodeBootstrap = {
    ...NO_BOOTSTRAP,
    origin: "managed-node-group",
    name: group.get("nodegroupName").text ?? "",
    at: group.at,
    osFamily: locatedOsFamily(group.get("amiType")),
    instanceTypes: group.get("instanceTypes").locatedTexts,
    subnetIds: group.get("subnets").locatedTexts,
    nodeCountMax: group.get("scalingConfig", "maxSize").locatedCount,
    nodeCountDesired: group.get("scalingConfig", "desiredSize").locatedCount,
  };
  return { bootstraps: [bootstrap] };
}

function launchTemplate(version: Placed): FactsPart {
  const data = version.get("LaunchTemplateData");
  const options = data.get("MetadataOptions");
  const name = version.get("LaunchTemplateName").text ?? version.get("LaunchTemplateId").text ?? "";
  const instanceType = data.get("InstanceType").locatedText;
  return booted(version, data.get("UserData"), name, {
    instanceTypes: instanceType === undefined ? [] : [instanceType],
    amiId: data.get("ImageId").locatedText,
    metadataOptions: options.isMap
      ? {
          httpEndpoint: options.get("HttpEndpoint").text,
          httpTokens: options.get("HttpTokens").text,
          hopLimit: options.get("HttpPutResponseHopLimit").count,
          at: options.at,
        }
      : undefined,
  });
}

function booted(from: Placed, userData: Placed, name: string, more: Partial<NodeBootstrap> = {}): FactsPart {
  const frame = userData.frame;
  const found = frame === undefined ? undefined : readUserData(frame);
  const origin = found?.origin ?? "managed-node-group";
  return {
    bootstraps: [{ ...NO_BOOTSTRAP, ...more, ...found?.fields, origin, name, at: found?.at ?? from.at }],
    unread: unreadOf(found?.errors ?? []),
  };
}
