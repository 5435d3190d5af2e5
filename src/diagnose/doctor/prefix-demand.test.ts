import { describe, expect, test } from "bun:test";
import { type Cidr, parseCidr } from "../../base/ipv4.ts";
import { NO_FACTS } from "../facts/merge.ts";
import type { EnvEntry, NodeFact, SettingsSource, SubnetFact } from "../facts/model.ts";
import { EffectiveSettings } from "../facts/settings.ts";
import { prefixDemands, prefixesHeld, usableBlocks } from "./prefix-demand.ts";

const at = { file: "facts.yaml" };

function source(env: Record<string, string>): SettingsSource {
  const entries: EnvEntry[] = Object.entries(env).map(([name, value]) => ({ name, value, isString: true, at }));
  return {
    origin: "facts",
    layer: "declared",
    name: "facts",
    at,
    isComplete: false,
    env: entries,
    initEnv: [],
    otherKeys: [],
  };
}

const settings = (env: Record<string, string>): EffectiveSettings => new EffectiveSettings([source(env)]);

test("the first and the last block of a subnet are never delegated", () => {
  expect([20, 22, 24, 26, 27, 28].map(usableBlocks)).toEqual([254, 62, 14, 2, 0, 0]);
});

describe("the /28s that a node holds", () => {
  test("are one more than the used ones at WARM_PREFIX_TARGET=1, from the first pod on", () => {
    const warm = settings({ WARM_PREFIX_TARGET: "1" });
    expect([0, 1, 16, 17].map((pods) => prefixesHeld(warm, pods, undefined))).toEqual([1, 2, 2, 3]);
  });

  test("follow the IP targets where there are such, and not WARM_PREFIX_TARGET", () => {
    const recipe = settings({ WARM_IP_TARGET: "20", MINIMUM_IP_TARGET: "20", WARM_PREFIX_TARGET: "1" });
    expect([0, 12, 13].map((pods) => prefixesHeld(recipe, pods, undefined))).toEqual([2, 2, 3]);
  });

  test("end at max-pods", () => {
    expect(prefixesHeld(settings({ WARM_PREFIX_TARGET: "3" }), 20, 29)).toBe(2);
  });
});

describe("the demand on a subnet", () => {
  const subnet = (id: string, cidr: string): SubnetFact => ({
    id,
    cidr: parseCidr(cidr) as Cidr,
    zone: "us-west-2a",
    tags: new Map(),
    isLive: true,
    at,
  });
  const node = (key: string, subnetId?: string): NodeFact => ({
    key,
    name: key,
    subnetId,
    labels: new Map(),
    annotations: new Map(),
    taints: [],
    at,
  });
  const base = { ...NO_FACTS, settings: [source({ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "2" })] };

  test("counts the nodes whose subnet is known apart from those that may be elsewhere", () => {
    const facts = {
      ...base,
      subnets: [subnet("subnet-a", "10.0.0.0/26")],
      nodes: [node("a", "subnet-a"), node("b", "subnet-a"), node("c")],
    };
    expect(prefixDemands(facts).map((one) => [one.isPlaced, one.nodeCount, one.wantedCount, one.usableCount])).toEqual([
      [true, 2, 4, 2],
      [false, 1, 2, 2],
    ]);
  });

  test("is the fleet's where a person gives numbers alone", () => {
    const facts = {
      ...base,
      subnets: [subnet("subnet-a", "10.0.0.0/24"), subnet("subnet-b", "10.0.1.0/24")],
      fleet: { nodeCount: { value: 10, at }, podCount: { value: 170, at } },
    };
    const [only] = prefixDemands(facts);
    expect([only?.isPlaced, only?.nodeCount, only?.podCount, only?.wantedCount, only?.usableCount]).toEqual([
      true,
      10,
      170,
      40,
      28,
    ]);
  });
});
