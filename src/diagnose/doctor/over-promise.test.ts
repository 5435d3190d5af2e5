// Whether a node ran into its own limit, and what the remedy says.

import { describe, expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { Facts, IntrospectionPage, LogDigest, PodFact, Starvation } from "../facts/model.ts";
import { attachmentRefusals, describedLimit } from "./attachment-limit.ts";
import { NodeIndex } from "./node-index.ts";
import { maxPodsSetting, troubleOn } from "./over-promise.ts";

const AT = { file: "x", line: 1 };

function run(more: Partial<Starvation>): Starvation {
  return {
    refusalCount: 3,
    at: AT,
    text: "DataStore has no available IP/Prefix addresses",
    growthStartCount: 1,
    growthDoneCount: 0,
    eniLimitCount: 0,
    backoffCount: 0,
    cordonedCount: 0,
    terminatingCount: 0,
    ec2ErrorCount: 0,
    endedBy: "end",
    ...more,
  };
}

function log(starvation: Starvation): LogDigest {
  return {
    node: "a",
    files: ["x"],
    lineCount: 10,
    hasDebug: true,
    isExcerpt: false,
    pool: [],
    starvations: [starvation],
    starts: [],
    refusalCount: 3,
    successCount: 0,
  };
}

function page(totalCount: number, assignedCount: number): IntrospectionPage {
  return { node: "a", isEmpty: false, totalCount, assignedCount, enis: [], at: AT };
}

function pod(name: string, address: string | undefined): PodFact {
  return {
    namespace: "shop",
    name,
    node: "a",
    address,
    phase: address === undefined ? "Pending" : "Running",
    isHostNetwork: false,
    isReady: address !== undefined,
    waitingReason: address === undefined ? "ContainerCreating" : undefined,
    wantsBranchEni: false,
    annotations: new Map(),
    labels: new Map(),
    containers: [],
    at: AT,
  };
}

function trouble(facts: Partial<Facts>, capacity = 27): string {
  return troubleOn(new NodeIndex({ ...NO_FACTS, ...facts }), "a", capacity).trouble;
}

describe("troubleOn", () => {
  test("nothing refused is no trouble, however full the pool", () => {
    expect(trouble({ introspection: [page(27, 27)] })).toBe("none");
  });

  test("a full pool as large as the node carries is full", () => {
    expect(trouble({ logs: [log(run({ poolLast: { total: 27, assigned: 27, at: AT } }))] })).toBe("full");
    expect(trouble({ logs: [log(run({ poolLast: { total: 27, assigned: 20, at: AT } }))] })).toBe("unclear");
    expect(trouble({ logs: [log(run({ poolLast: { total: 18, assigned: 18, at: AT } }))] })).toBe("unclear");
  });

  test("at the ENI limit a smaller pool is full too, unless EC2 refused or addresses are free", () => {
    const poolLast = { total: 18, assigned: 18, at: AT };
    expect(trouble({ logs: [log(run({ poolLast, eniLimitCount: 2 }))] })).toBe("full");
    expect(trouble({ logs: [log(run({ poolLast, eniLimitCount: 2, ec2ErrorCount: 1 }))] })).toBe("unclear");
    expect(trouble({ logs: [log(run({ poolLast: { total: 18, assigned: 9, at: AT }, eniLimitCount: 2 }))] })).toBe(
      "unclear",
    );
  });

  test("the agent's page and the pods tell it as well", () => {
    const waiting = [pod("w", undefined)];
    expect(trouble({ pods: waiting })).toBe("unclear");
    expect(trouble({ pods: waiting, introspection: [page(27, 27)] })).toBe("full");
    expect(trouble({ pods: waiting, introspection: [page(27, 26)] })).toBe("unclear");
    expect(trouble({ pods: waiting, introspection: [page(18, 18)] })).toBe("unclear");
    const served = Array.from({ length: 27 }, (_, i) => pod(`p${i}`, `10.0.0.${i + 4}`));
    expect(trouble({ pods: [...waiting, ...served] })).toBe("full");
    expect(trouble({ pods: [...waiting, ...served.slice(1)] })).toBe("unclear");
  });
});

test("max-pods is set where the node's OS reads it; an unknown OS gets all ways", () => {
  expect(maxPodsSetting("Bottlerocket OS 1.32.0", 29)).toContain("settings.kubernetes.max-pods = 29");
  expect(maxPodsSetting("Bottlerocket OS 1.32.0", 29)).not.toContain("AL2");
  expect(maxPodsSetting("Amazon Linux 2023.6", 29)).toContain("NodeConfig");
  expect(maxPodsSetting("Amazon Linux 2023.6", 29)).not.toContain("bootstrap.sh");
  expect(maxPodsSetting("Amazon Linux 2", 29)).toContain("bootstrap.sh --use-max-pods false");
  for (const way of ["AL2023", "AL2:", "Bottlerocket", "Karpenter"])
    expect(maxPodsSetting(undefined, 29)).toContain(way);
});

describe("attachmentRefusals", () => {
  const message = "Interface count 4 exceeds the limit for d3en.12xlarge";
  const error = { code: "AttachmentLimitExceeded", message, node: "a", occurrences: { count: 1, samples: [] } };
  const metric = (node: string): Facts["metrics"][number] => ({
    node,
    samples: [
      { name: "awscni_ip_max", labels: {}, value: 90, at: AT },
      { name: "awscni_eni_max", labels: {}, value: 6, at: AT },
    ],
    at: AT,
  });
  const limitWith = (facts: Partial<Facts>): number | undefined => {
    const whole: Facts = { ...NO_FACTS, ec2Errors: [error], ...facts };
    return attachmentRefusals(whole, new NodeIndex(whole))[0]?.agentLimit?.value;
  };

  test("the agent's limit is read from its metric where no room line is there, of that node alone", () => {
    expect(limitWith({})).toBeUndefined();
    expect(limitWith({ metrics: [metric("a")] })).toBe(6);
    expect(limitWith({ metrics: [metric("b")] })).toBeUndefined();
  });

  test("the room line outranks the metric", () => {
    const samples = [{ source: AT, text: "hasRoomForEni" }];
    const captures = { currentEnis: "3", maxEni: "3", trunkEni: "0", unmanagedEni: "0", hasRoom: "false" };
    const sightings: Facts["sightings"] = [
      { signal: "room-for-eni", node: "a", captures, occurrences: { count: 1, samples } },
    ];
    expect(limitWith({ metrics: [metric("a")], sightings })).toBe(3);
  });

  test("EC2's own limit is that of the type", () => {
    const described = (instanceType: string, eniCountMax: number): Facts["instanceTypes"][number] => ({
      instanceType,
      eniCountMax,
      ipv4PerEni: 30,
      isBareMetal: false,
      at: AT,
    });
    const instanceTypes = [described("m5.large", 3), described("d3en.12xlarge", 4)];
    expect(describedLimit({ ...NO_FACTS, instanceTypes }, "d3en.12xlarge")?.value).toBe(4);
    expect(describedLimit({ ...NO_FACTS, instanceTypes }, "c5.large")).toBeUndefined();
  });

  test("count and type are read from EC2's answer", () => {
    const whole: Facts = { ...NO_FACTS, ec2Errors: [error] };
    const [first] = attachmentRefusals(whole, new NodeIndex(whole));
    expect([first?.refusedCount, first?.instanceType]).toEqual([4, "d3en.12xlarge"]);
  });
});
