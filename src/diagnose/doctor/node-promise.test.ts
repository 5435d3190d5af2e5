// Which source says what a node is and what it was promised.

import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { Facts, NodeBootstrap, NodeFact, Sighting } from "../facts/model.ts";
import { NodeIndex } from "./node-index.ts";
import { nodePromises } from "./node-promise.ts";

const AT = { file: "x", line: 1 };

function node(key: string, more: Partial<NodeFact> = {}): NodeFact {
  return { key, name: key, labels: new Map(), annotations: new Map(), taints: [], at: AT, ...more };
}

function bootstrap(
  types: readonly string[],
  maxPods: number | undefined,
  more: Partial<NodeBootstrap> = {},
): NodeBootstrap {
  return {
    origin: "nodeadm",
    name: "",
    at: AT,
    maxPods: maxPods === undefined ? undefined : { value: maxPods, at: AT },
    instanceTypes: types.map((value) => ({ value, at: AT })),
    requirements: [],
    subnetIds: [],
    ...more,
  };
}

function startLine(maxPods: string, node?: string): Sighting {
  const samples = [{ source: AT, text: "IP pool manager" }];
  return { signal: "pool-manager-start", node, captures: { maxPods }, occurrences: { count: 1, samples } };
}

function said(facts: Partial<Facts>): (string | number | undefined)[][] {
  const whole: Facts = { ...NO_FACTS, ...facts };
  return nodePromises(whole, new NodeIndex(whole)).map((one) => [one.node, one.instanceType.value, one.maxPods?.value]);
}

describe("max-pods", () => {
  const type = { value: "m5.large", at: AT };
  const at = (value: number): { value: number; at: typeof AT } => ({ value, at: AT });

  test("the node object outranks the agent's line, that the kubelet's file, that the bootstrap", () => {
    const bootstraps = [bootstrap([], 10)];
    const sightings = [startLine("40")];
    const kubelet = node("a", { instanceType: type, kubeletMaxPods: at(30) });
    expect(said({ nodes: [{ ...kubelet, maxPods: at(50) }], sightings, bootstraps })).toEqual([["a", "m5.large", 50]]);
    expect(said({ nodes: [kubelet], sightings, bootstraps })).toEqual([["a", "m5.large", 40]]);
    expect(said({ nodes: [kubelet], bootstraps })).toEqual([["a", "m5.large", 30]]);
    expect(said({ nodes: [node("a", { instanceType: type })], bootstraps })).toEqual([["a", "m5.large", 10]]);
  });

  test("the node's own bootstrap outranks others; others that disagree say nothing", () => {
    const nodes = [node("a", { instanceType: type })];
    const bootstraps = [bootstrap([], 10), bootstrap([], 20, { node: "a" })];
    expect(said({ nodes, bootstraps })).toEqual([["a", "m5.large", 20]]);
    expect(said({ nodes, bootstraps: [bootstrap([], 10), bootstrap([], 20)] })).toEqual([["a", "m5.large", undefined]]);
  });
});

describe("the type", () => {
  test("is the node's, else its instance's by id or name, else the only one that anything names", () => {
    const instance: Facts["instances"][number] = {
      id: "i-0abc",
      instanceType: "c5.large",
      state: "running",
      privateDnsName: "a",
      attachments: [],
      securityGroupIds: [],
      tags: new Map(),
      at: AT,
    };
    const named = { instanceType: { value: "m5.large", at: AT } };
    expect(said({ nodes: [node("a", named)], instances: [instance] })).toEqual([["a", "m5.large", undefined]]);
    expect(said({ nodes: [node("a")], instances: [instance] })).toEqual([["a", "c5.large", undefined]]);
    expect(said({ nodes: [node("b", { instanceId: "i-0abc" })], instances: [instance] })).toEqual([
      ["b", "c5.large", undefined],
    ]);
    expect(said({ nodes: [node("a")], bootstraps: [bootstrap(["r5.large"], undefined)] })).toEqual([
      ["a", "r5.large", undefined],
    ]);
    expect(said({ nodes: [node("a")], bootstraps: [bootstrap(["r5.large", "m5.large"], undefined)] })).toEqual([]);
    expect(said({ nodes: [node("a"), node("b", named)] })).toEqual([
      ["a", "m5.large", undefined],
      ["b", "m5.large", undefined],
    ]);
  });

  test("nodes where the agent does not run promise nothing here", () => {
    const named = { instanceType: { value: "m5.large", at: AT } };
    for (const compute of ["auto", "fargate", "hybrid"])
      expect(
        said({ nodes: [node("a", { ...named, labels: new Map([["eks.amazonaws.com/compute-type", compute]]) })] }),
      ).toEqual([]);
    expect(said({ nodes: [node("a", { ...named, labels: new Map([["kubernetes.io/os", "windows"]]) })] })).toEqual([]);
    expect(said({ nodes: [node("a", { ...named, osImage: "Windows Server 2022 Datacenter" })] })).toEqual([]);
    expect(said({ nodes: [node("a", { ...named, labels: new Map([["kubernetes.io/os", "linux"]]) })] })).toHaveLength(
      1,
    );
    const osFamily = { value: "windows", at: AT } as const;
    expect(said({ bootstraps: [bootstrap(["m5.large"], 110, { osFamily })] })).toEqual([]);
  });

  test("without any node, each declared type stands for itself", () => {
    expect(said({ bootstraps: [bootstrap(["m5.large", "c5.large"], 110)] })).toEqual([
      [undefined, "m5.large", 110],
      [undefined, "c5.large", 110],
    ]);
  });
});

test("an index finds an instance's ENIs by the node's name, its instance id or the id itself", () => {
  const eni: Facts["enis"][number] = {
    id: "eni-0abc",
    status: "in-use",
    description: "",
    interfaceType: "trunk",
    instanceId: "i-0abc",
    addresses: [],
    prefixes: [],
    securityGroupIds: [],
    tags: new Map(),
    at: AT,
  };
  const index = (facts: Partial<Facts>): NodeIndex => new NodeIndex({ ...NO_FACTS, enis: [eni], ...facts });
  expect(index({ nodes: [node("a", { instanceId: "i-0abc" })] }).enis("a")).toEqual([eni]);
  expect(index({}).enis("i-0abc")).toEqual([eni]);
  expect(index({ nodes: [node("a")] }).enis("a")).toEqual([]);
  expect(index({}).enis(undefined)).toEqual([]);
});
