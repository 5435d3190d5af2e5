import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CHART_DEFAULTS } from "../../ipam/settings.ts";
import { CLASS_IDS } from "../facts/class-ids.ts";
import { mergeFacts } from "../facts/merge.ts";
import { runLint } from "./lint.ts";
import { RULES } from "./rules/index.ts";
import { AT, codes, nodes, settings, subnet } from "./testing/hand-made.ts";

describe("the table of rules", () => {
  test("the folder and the index are equal, names are file names, codes are unique and in order", () => {
    const files = readdirSync(join(import.meta.dir, "rules")).filter((name) => name !== "index.ts");
    expect(files.map((name) => name.replace(/\.ts$/, "")).sort()).toEqual(RULES.map((rule) => rule.name).sort());
    const inOrder = RULES.map((rule): string => rule.code);
    expect(inOrder).toEqual([...new Set(inOrder)].sort());
    expect(RULES.length).toBeGreaterThanOrEqual(60);
  });

  test("every rule says what, why, next and its source, and leads to classes that exist", () => {
    for (const rule of RULES) {
      for (const text of [rule.docs.what, rule.docs.why, rule.docs.next]) expect(text).toMatch(/^\S.{10,}\.$/);
      expect(rule.docs.source.length).toBeGreaterThan(5);
      for (const id of rule.leadsTo) expect(CLASS_IDS).toContain(id);
    }
  });
});

describe("what is found", () => {
  test("the recipe that went round: every fault of it, each once", () => {
    const recipe = settings({
      ENABLE_PREFIX_DELEGATION: "true",
      WARM_ENI_TARGET: "2",
      MINIMUM_IP_TARGET: "20",
      WARM_IP_TARGET: "20",
      ENABLE_POD_ENI: "true",
    });
    const os = { value: "al2023", at: AT } as const;
    const argument = { value: "--use-max-pods false --kubelet-extra-args '--max-pods=70'", at: AT };
    const found = codes({
      settings: [recipe],
      subnets: [subnet("10.0.0.0/24")],
      bootstraps: [nodes({ osFamily: os, bootstrapArguments: argument })],
    });
    expect(found.sort()).toEqual(["PD1030", "PD1033", "PD1045", "PD1070", "PD1111"]);
  });

  test("nothing in the environment as the chart ships it, nor in a sound cluster in prefix mode", () => {
    expect(codes({ settings: [settings(CHART_DEFAULTS, { origin: "daemonset", isComplete: true })] })).toEqual([]);
    expect(
      codes({
        settings: [settings({ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" })],
        versions: [{ component: "cni", version: "v1.23.1", at: AT }],
        subnets: [subnet("10.0.0.0/20")],
        bootstraps: [
          nodes({
            instanceTypes: [{ value: "m5.large", at: AT }],
            maxPods: { value: 110, at: AT },
            nodeCountMax: { value: 20, at: AT },
          }),
        ],
      }),
    ).toEqual([]);
    expect(codes({})).toEqual([]);
  });

  test("two clusters in one run are not mixed up: one in prefix mode does not excuse nor accuse the other", () => {
    const prefix = settings({ ENABLE_PREFIX_DELEGATION: "true" });
    const single = settings({ ENABLE_PREFIX_DELEGATION: "false" }, { at: { file: "other.yaml", line: 1 } });
    const group = nodes({ instanceTypes: [{ value: "m5.large", at: AT }], maxPods: { value: 110, at: AT } });
    expect(codes({ settings: [single], bootstraps: [group] })).toEqual(["PD1060"]);
    expect(codes({ settings: [prefix, single], bootstraps: [group] })).toEqual([]);
  });

  test("an add-on without values runs with the chart's defaults, unless another source says more", () => {
    const group = nodes({ instanceTypes: [{ value: "m5.large", at: AT }], maxPods: { value: 110, at: AT } });
    expect(codes({ settings: [settings({})], bootstraps: [group] })).toEqual(["PD1060"]);
    const prefix = settings({ ENABLE_PREFIX_DELEGATION: "true" });
    expect(codes({ settings: [settings({}), prefix], bootstraps: [group] })).toEqual([]);
  });

  test("two hundred nodes that run the same other value are one finding", () => {
    const running = Array.from({ length: 200 }, (_, index) =>
      settings({ MAX_ENI: "3" }, { origin: "running", layer: "running", node: `node-${index}` }),
    );
    expect(codes({ settings: [settings({ MAX_ENI: "2" }), ...running] })).toEqual(["PD1140"]);
  });

  test("findings come by file, line and code, and one thing is said once", () => {
    const later = settings({ WARM_IP_TARGET: "5" }, { at: { file: "b.yaml", line: 1 } });
    const bad = settings({ MINIMUM_IP_TARGET: "32", IP_COOLDOWN_PERIOD: "5s" });
    const found = runLint(mergeFacts([{ settings: [bad, bad, later] }]));
    expect(found.map((one) => `${one.at.line} ${one.rule.code}`)).toEqual(["2 PD1001", "2 PD1040", "3 PD1008"]);
  });
});

describe("what a text does not tell", () => {
  test("a finding holds whatever the untold value is, or it is not made", () => {
    const minimum = { MINIMUM_IP_TARGET: "32" };
    expect(codes({ settings: [settings(minimum)] })).toEqual(["PD1001"]);
    expect(codes({ settings: [settings(minimum, { untold: ["WARM_IP_TARGET"] })] })).toEqual([]);
    expect(codes({ settings: [settings(minimum, { untold: ["ENABLE_POD_ENI", "MY_NODE_NAME"] })] })).toEqual([
      "PD1001",
    ]);
  });

  test("nothing is said of a switch that is a variable", () => {
    const group = nodes({ instanceTypes: [{ value: "m5.large", at: AT }], maxPods: { value: 110, at: AT } });
    const untold = settings({ WARM_ENI_TARGET: "1" }, { untold: ["ENABLE_PREFIX_DELEGATION"] });
    expect(codes({ settings: [untold], bootstraps: [group] })).toEqual([]);
  });
});
