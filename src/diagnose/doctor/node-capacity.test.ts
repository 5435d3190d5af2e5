// What a node carries and who is to blame when it is promised more, from hand-made facts.

import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { Facts, NodeFact, SettingsSource, Sighting } from "../facts/model.ts";
import { blame, excessPods, type NodeCapacity, nodeCapacities } from "./node-capacity.ts";
import { NodeIndex } from "./node-index.ts";

const AT = { file: "node.json", line: 1 };

function node(type: string, maxPods: number, more: Partial<NodeFact> = {}): NodeFact {
  return {
    key: "node-a",
    name: "node-a",
    instanceType: { value: type, at: AT },
    maxPods: { value: maxPods, at: AT },
    labels: new Map(),
    annotations: new Map(),
    taints: [],
    at: AT,
    ...more,
  };
}

function environment(env: Readonly<Record<string, string>>): SettingsSource {
  return {
    origin: "daemonset",
    layer: "declared",
    name: "DaemonSet kube-system/aws-node",
    at: AT,
    isComplete: true,
    env: Object.entries(env).map(([name, value]) => ({ name, value, isString: true, at: AT })),
    initEnv: [],
    otherKeys: [],
  };
}

function room(captures: Readonly<Record<string, string>>): Sighting {
  return {
    signal: "room-for-eni",
    captures,
    occurrences: { count: 1, samples: [{ source: AT, text: "hasRoomForEni" }] },
  };
}

function view(facts: Partial<Facts>): NodeCapacity {
  const whole: Facts = { ...NO_FACTS, ...facts };
  const [first] = nodeCapacities(whole, new NodeIndex(whole));
  if (first === undefined) throw new Error("no view");
  return first;
}

const SECONDARY = environment({ ENABLE_PREFIX_DELEGATION: "false" });

describe("blame", () => {
  test("the table's max-pods fits the type: nobody is to blame", () => {
    expect(blame(view({ nodes: [node("m5.large", 29)], settings: [SECONDARY] }))).toEqual([]);
  });

  test("more than the type carries is max-pods itself, even where custom networking takes an ENI too", () => {
    const settings = [environment({ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" })];
    expect(blame(view({ nodes: [node("m5.large", 110)], settings }))).toEqual(["max-pods"]);
  });

  test("what would fit but for one taker blames that taker", () => {
    const settings = [environment({ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" })];
    const one = view({ nodes: [node("m5.large", 29)], settings });
    expect(blame(one)).toEqual(["custom networking"]);
    expect(excessPods(one)).toBe(9);
  });

  test("two takers that only together explain it are both to blame", () => {
    const settings = [environment({ AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true", ENABLE_POD_ENI: "true" })];
    const nodes = [node("m5.large", 29, { branchEniCapacity: 9 })];
    expect(blame(view({ nodes, settings }))).toEqual(["custom networking", "trunk ENI"]);
  });

  test("without a word on the mode there is no excess: the node may have prefixes", () => {
    expect(blame(view({ nodes: [node("m5.large", 110)] }))).toEqual([]);
  });

  test("a type without Nitro is to blame where prefixes would have carried the pods", () => {
    const settings = [environment({ ENABLE_PREFIX_DELEGATION: "true" })];
    expect(blame(view({ nodes: [node("t2.large", 110)], settings }))).toEqual(["no Nitro"]);
    expect(blame(view({ nodes: [node("t3.large", 110)], settings }))).toEqual([]);
  });

  test("so it is where the agent's start line gives the mode after the fallback", () => {
    const line: SettingsSource = { ...SECONDARY, origin: "log", layer: "running", isComplete: false };
    const settings = [line, environment({ ENABLE_PREFIX_DELEGATION: "true" })];
    expect(blame(view({ nodes: [node("t2.large", 110)], settings }))).toEqual(["no Nitro"]);
  });

  test("ENIs that tags exclude are a matter of tags", () => {
    const captures = {
      currentEnis: "3",
      maxEni: "3",
      unmanagedEni: "0",
      trunkEni: "0",
      excludedEni: "2",
      hasRoom: "false",
    };
    expect(blame(view({ nodes: [node("m5.large", 110)], settings: [SECONDARY], sightings: [room(captures)] }))).toEqual(
      [],
    );
  });
});

describe("trunk", () => {
  const settings = [environment({ ENABLE_POD_ENI: "true" })];
  const version = (text: string): Facts["versions"] => [{ component: "cni", version: text, at: AT }];

  test("takes no addresses before v1.16.4 where it is attached", () => {
    const nodes = [node("m5.large", 29, { branchEniCapacity: 9 })];
    expect(view({ nodes, settings, versions: version("v1.16.3") }).trunk).toBe("off");
    expect(view({ nodes, settings, versions: version("v1.16.4") }).trunk).toBe("attached");
  });

  test("is absent where the node offers no branch ENIs, or the agent still keeps its slot", () => {
    expect(view({ nodes: [node("m5.large", 29, { branchEniCapacity: 0 })], settings }).trunk).toBe("absent");
    const captures = { currentEnis: "2", maxEni: "3", unmanagedEni: "0", trunkEni: "1", hasRoom: "false" };
    const kept = view({ nodes: [node("t3.large", 35)], settings, sightings: [room(captures)] });
    expect(kept.trunk).toBe("absent");
    expect(kept.capacity.eniCount).toBe(2);
  });

  test("is attached where the agent's page or EC2 shows it", () => {
    const nodes = [node("m5.large", 29, { instanceId: "i-0abc" })];
    const eni = { id: "eni-0abc", isPrimary: false, isEfa: false, deviceNumber: 1, cidrs: [] };
    const page = (isTrunk: boolean): Facts["introspection"] => [
      {
        node: "node-a",
        isEmpty: false,
        enis: [
          { ...eni, id: "eni-0abd", isTrunk: false },
          { ...eni, isTrunk },
        ],
        at: AT,
      },
    ];
    expect(view({ nodes, settings, introspection: page(true) }).trunk).toBe("attached");
    expect(view({ nodes, settings, introspection: page(false) }).trunk).toBe("absent");
    expect(view({ nodes, settings }).trunk).toBe("unknown");
    const described = (interfaceType: string): Facts["enis"] => [
      {
        id: "eni-0abc",
        instanceId: "i-0abc",
        status: "in-use",
        description: "",
        interfaceType,
        addresses: [],
        prefixes: [],
        securityGroupIds: [],
        tags: new Map(),
        at: AT,
      },
    ];
    expect(view({ nodes, settings, enis: described("trunk") }).trunk).toBe("attached");
    expect(view({ nodes, settings, enis: described("interface") }).trunk).toBe("unknown");
  });

  test("is no matter on types that cannot trunk, unless the agent says that it keeps a slot", () => {
    expect(view({ nodes: [node("t3.large", 35)], settings }).trunk).toBe("off");
  });
});

test("pods of the host network need no address; at least two are taken for granted", () => {
  const hostPod = (name: string): Facts["pods"][number] => ({
    namespace: "kube-system",
    name,
    node: "node-a",
    phase: "Running",
    isHostNetwork: true,
    isReady: true,
    wantsBranchEni: false,
    annotations: new Map(),
    labels: new Map(),
    containers: [],
    at: AT,
  });
  const nodes = [node("m5.large", 31)];
  expect(excessPods(view({ nodes, settings: [SECONDARY], pods: [hostPod("a")] }))).toBe(2);
  expect(excessPods(view({ nodes, settings: [SECONDARY], pods: ["a", "b", "c", "d"].map(hostPod) }))).toBe(0);
});

test("a log without a node's name is of the only node, and of none where there are two", () => {
  const sightings = [room({ currentEnis: "2", maxEni: "3", unmanagedEni: "1", trunkEni: "0", hasRoom: "false" })];
  const one = view({ nodes: [node("m5.large", 29)], settings: [SECONDARY], sightings });
  expect(one.unmanagedCount).toBe(1);
  const two = view({
    nodes: [node("m5.large", 29), node("m5.large", 29, { key: "node-b" })],
    settings: [SECONDARY],
    sightings,
  });
  expect(two.unmanagedCount).toBe(0);
});
