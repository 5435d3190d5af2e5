import { expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { SubnetFact } from "../facts/model.ts";
import { discoveryOf } from "./subnet-discovery.ts";
import { subnetViews } from "./subnet-view.ts";

const at = { file: "subnets.json" };

function seen(tags: Record<string, string>, more: Partial<SubnetFact> = {}): string {
  const own: SubnetFact = { id: "subnet-a", zone: "us-west-2a", vpcId: "vpc-1", tags: new Map(), isLive: true, at };
  const other: SubnetFact = { ...own, id: "subnet-b", tags: new Map(Object.entries(tags)), ...more };
  const facts = { ...NO_FACTS, clusterName: "blue", subnets: [own, other] };
  const [first, second] = subnetViews(facts);
  if (first === undefined || second === undefined) throw new Error("two views expected");
  return discoveryOf(second, first, facts);
}

test("any value of the role tag but 0 makes a subnet usable", () => {
  expect(seen({ "kubernetes.io/role/cni": "1" })).toBe("used");
  expect(seen({ "kubernetes.io/role/cni": "" })).toBe("used");
  expect(seen({ "kubernetes.io/role/cni": "0" })).toBe("excluded");
  expect(seen({})).toBe("untagged");
});

test("a cluster tag must name this cluster, where there is one", () => {
  const role = { "kubernetes.io/role/cni": "1" };
  expect(seen({ ...role, "cni.networking.k8s.aws/cluster/blue": "1" })).toBe("used");
  expect(seen({ ...role, "cni.networking.k8s.aws/cluster/green": "1" })).toBe("other-cluster");
});

test("another zone or VPC is elsewhere, an unknown zone is unknown", () => {
  const role = { "kubernetes.io/role/cni": "1" };
  expect(seen(role, { zone: "us-west-2b" })).toBe("elsewhere");
  expect(seen(role, { vpcId: "vpc-2" })).toBe("elsewhere");
  expect(seen(role, { zone: undefined })).toBe("unknown");
});
