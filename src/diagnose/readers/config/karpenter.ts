// Karpenter: NodePool (v1, v1beta1), EC2NodeClass (v1, v1beta1), and Provisioner of before.

import type { FactsPart, Located, NodeBootstrap, Requirement } from "../../facts/model.ts";
import { type ObjectHandler, unreadOf } from "../objects.ts";
import type { Placed } from "../placed.ts";
import { NO_BOOTSTRAP } from "./node-config.ts";
import { locatedOsFamily } from "./os-family.ts";
import { readUserData } from "./user-data.ts";

export const readNodePool: ObjectHandler = (object) => {
  const spec = object.get("spec", "template", "spec");
  return poolOf(object, spec.get("requirements"), spec.get("kubelet"), spec.get("nodeClassRef", "name"));
};

export const readProvisioner: ObjectHandler = (object) => {
  const spec = object.get("spec");
  return poolOf(object, spec.get("requirements"), spec.get("kubeletConfiguration"), spec.get("providerRef", "name"));
};

function poolOf(object: Placed, terms: Placed, kubelet: Placed, nodeClass: Placed): FactsPart {
  const requirements = terms.items().map(
    (term): Requirement => ({
      key: term.get("key").text ?? "",
      operator: term.get("operator").text ?? "",
      values: term.get("values").locatedTexts.map((one) => one.value),
      at: term.at,
    }),
  );
  const instanceTypes = terms
    .items()
    .filter((term) => /instance-type$/.test(term.get("key").text ?? "") && term.get("operator").text === "In")
    .flatMap((term): Located<string>[] => term.get("values").locatedTexts);
  const bootstrap: NodeBootstrap = {
    ...NO_BOOTSTRAP,
    ...kubeletFields(kubelet),
    origin: "karpenter-nodepool",
    name: object.get("metadata", "name").text ?? "",
    at: object.at,
    instanceTypes,
    requirements,
    nodeClass: nodeClass.text,
  };
  return { bootstraps: [bootstrap] };
}

export const readNodeClass: ObjectHandler = (object) => {
  const spec = object.get("spec");
  const userData = spec.get("userData").frame;
  const found = userData === undefined ? undefined : readUserData(userData);
  const aliases = spec
    .get("amiSelectorTerms")
    .items()
    .map((term) => term.get("alias"));
  const family = [spec.get("amiFamily"), ...aliases].map(locatedOsFamily).find((one) => one !== undefined);
  const terms = spec.get("subnetSelectorTerms").items();
  const bootstrap: NodeBootstrap = {
    ...NO_BOOTSTRAP,
    ...found?.fields,
    // Karpenter writes its own kubelet settings after the user data.
    ...kubeletFields(spec.get("kubelet")),
    origin: "karpenter-nodeclass",
    name: object.get("metadata", "name").text ?? "",
    at: object.at,
    osFamily: family,
    subnetIds: terms.flatMap((term) => term.get("id").locatedText ?? []),
    subnetTags: terms.map((term) => tagsOf(term.get("tags"))).filter((tags) => tags.size > 0),
    metadataOptions: metadataOf(spec.get("metadataOptions")),
    nodeClass: "",
  };
  return { bootstraps: [bootstrap], unread: unreadOf(found?.errors ?? []) };
};

function tagsOf(tags: Placed): ReadonlyMap<string, string> {
  return new Map(tags.entries().flatMap(([key, value]) => (value.text === undefined ? [] : [[key, value.text]])));
}

function kubeletFields(kubelet: Placed): Partial<NodeBootstrap> {
  const maxPods = kubelet.get("maxPods").locatedCount;
  const podsPerCore = kubelet.get("podsPerCore").locatedCount;
  return { ...(maxPods === undefined ? {} : { maxPods }), ...(podsPerCore === undefined ? {} : { podsPerCore }) };
}

function metadataOf(options: Placed): NodeBootstrap["metadataOptions"] {
  if (!options.isMap) return undefined;
  return {
    httpEndpoint: options.get("httpEndpoint").text,
    httpTokens: options.get("httpTokens").text,
    hopLimit: options.get("httpPutResponseHopLimit").count,
    at: options.at,
  };
}
