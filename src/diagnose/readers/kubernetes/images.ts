// Versions that the names of images carry.

import type { VersionFact } from "../../facts/model.ts";

const COMPONENT_OF_IMAGE: Readonly<Record<string, VersionFact["component"]>> = {
  "amazon-k8s-cni": "cni",
  "amazon-k8s-cni-init": "cni",
  "aws-network-policy-agent": "network-policy-agent",
};

/** The component and version of an image of the CNI; undefined for other images, digests and tags such as `latest`. */
export function imageVersion(image: string): Pick<VersionFact, "component" | "version"> | undefined {
  const match = /(?:^|\/)([a-z0-9._-]+):([\w.-]+)(?:@sha256:[0-9a-f]+)?$/.exec(image);
  const [name, tag] = [match?.[1] ?? "", match?.[2] ?? ""];
  const component = Object.hasOwn(COMPONENT_OF_IMAGE, name) ? COMPONENT_OF_IMAGE[name] : undefined;
  return component === undefined || !/^v?\d+\.\d+/.test(tag) ? undefined : { component, version: tag };
}
