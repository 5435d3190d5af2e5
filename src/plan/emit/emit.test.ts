import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { instanceTypeLimits } from "../../catalog/instance-types.ts";
import type { NodeGroup } from "../../cluster/index.ts";
import { CHART_DEFAULTS, parseSettings } from "../../ipam/settings.ts";
import { mostOnNode, quotaOf } from "./controls.ts";
import { addonEnv, emittedEnv } from "./env.ts";
import { encodedText, formatBlock, jsonencode, quoted } from "./hcl.ts";
import { architectureOf, imageOf } from "./images.ts";
import { uniqueNames } from "./names.ts";
import { kubeReserved } from "./node-boot.ts";

describe("the environment", () => {
  const types = ["m5.large"].map((name) => instanceTypeLimits(name)!);
  const env = (given: Record<string, string>) => {
    const { settings } = parseSettings({ ...CHART_DEFAULTS, ...given });
    return emittedEnv(new Map(Object.entries(given)), settings, types);
  };

  test("what the mode never reads, the chart's defaults and what is no value are left out; all values are strings", () => {
    expect(env({})).toEqual({ ENABLE_PREFIX_DELEGATION: "false", WARM_ENI_TARGET: "1" });
    expect(
      env({
        ENABLE_PREFIX_DELEGATION: "1",
        WARM_ENI_TARGET: "2",
        ENABLE_SUBNET_DISCOVERY: "true",
        ENABLE_POD_ENI: "yes",
        MAX_ENI: "3",
        ENI_CONFIG_LABEL_DEF: "x",
        POD_SECURITY_GROUP_ENFORCING_MODE: "strict",
        AWS_VPC_K8S_CNI_EXTERNALSNAT: "True",
        VPC_CNI_VERSION: "v1",
      }),
    ).toEqual({ AWS_VPC_K8S_CNI_EXTERNALSNAT: "true", ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" });
    expect(env({ MAX_ENI: "2" })).toMatchObject({ MAX_ENI: "2" });
  });

  test("a minimum counts in whole prefixes and only above the warm target", () => {
    const on = { ENABLE_PREFIX_DELEGATION: "true" };
    expect(env({ ...on, WARM_IP_TARGET: "5" })).toMatchObject({ MINIMUM_IP_TARGET: "16", WARM_IP_TARGET: "5" });
    expect(env({ ...on, WARM_IP_TARGET: "5", MINIMUM_IP_TARGET: "17" })).toMatchObject({ MINIMUM_IP_TARGET: "32" });
    expect(env({ ...on, WARM_IP_TARGET: "16", MINIMUM_IP_TARGET: "16" })).not.toHaveProperty("MINIMUM_IP_TARGET");
    expect(env({ WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "9" })).toMatchObject({ MINIMUM_IP_TARGET: "9" });
  });

  test("the add-on gets what its schema takes", () => {
    const { env: taken, refused } = addonEnv({ POD_MTU: "1500", WARM_IP_TARGET: "2" });
    expect(taken).toEqual({ WARM_IP_TARGET: "2" });
    expect(refused).toEqual(["POD_MTU"]);
  });
});

test("HCL is aligned, escaped and apart as terraform fmt leaves it", () => {
  const values = jsonencode({ env: { A: "1", LONGER: "2" }, create: true }, 1);
  const block = formatBlock({
    head: 'resource "x" "y"',
    attributes: { a: `say "hi" \${b}\n`, longer_name: 2, list: ["a", "b"], tags: { "k/e": "v", Name: "n" }, values },
    blocks: [{ head: "inner", attributes: { c: true } }, { head: "empty" }],
  });
  expect(`${block}\n`).toBe(`resource "x" "y" {
  a           = "say \\"hi\\" $\${b}\\n"
  longer_name = 2
  list        = ["a", "b"]

  tags = {
    "k/e" = "v"
    Name  = "n"
  }

  values = jsonencode({
    create = true

    env = {
      A      = "1"
      LONGER = "2"
    }
  })

  inner {
    c = true
  }

  empty {
  }
}
`);
  expect(quoted("%{if}")).toBe('"%%{if}"');
  expect(encodedText("a\n\nb\n").expression).toBe("base64encode(<<-EOT\n    a\n\n    b\n  EOT\n  )");
});

test("names are made plain and stay different", () => {
  expect(uniqueNames(["Web_1", "web-1", "--", "é", "a".repeat(80)])).toEqual([
    "web-1",
    "web-1-2",
    "x",
    "x-2",
    "a".repeat(50),
  ]);
});

test("images by architecture and accelerator", () => {
  expect(["m5.large", "g4dn.xlarge", "u7i-12tb.224xlarge", "inf2.xlarge"].map(architectureOf)).toEqual(
    Array.from({ length: 4 }, () => "x86_64"),
  );
  expect(
    ["c6g.medium", "a1.large", "m7gd.large", "im4gn.large", "is4gen.large", "g5g.xlarge"].map(architectureOf),
  ).toEqual(Array.from({ length: 6 }, () => "arm64"));
  const group = (instanceType: string) => ({ group: { instanceType } as NodeGroup });
  expect(imageOf("al2023", group("m5.large")).path).toContain(
    "/amazon-linux-2023/x86_64/standard/recommended/image_id",
  );
  expect(imageOf("al2023", group("g5g.xlarge")).path).toContain("/arm64/nvidia/");
  expect(imageOf("al2023", group("g4ad.xlarge")).path).toContain("/standard/");
  expect(imageOf("al2023", group("trn1.2xlarge")).path).toContain("/neuron/");
  expect(imageOf("bottlerocket", group("p5.48xlarge"))).toMatchObject({ name: "bottlerocket_x86_64_nvidia" });
  expect(imageOf("al2", group("m5.large")).path).toBeUndefined();
});

test("the kubelet's share by the rule of the images", () => {
  // nodes.md: 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest.
  expect(kubeReserved(110, 2)).toBe("cpu=70m,memory=1465Mi");
  expect(kubeReserved(250, 48)).toBe("cpu=190m,memory=3005Mi");
  expect(kubeReserved(29, undefined)).toBe("memory=574Mi");
});

test("quota and skew bound a node's pods: no order of placements that keeps to both goes beyond", () => {
  const shape = fc.record({
    podCount: fc.integer({ min: 1, max: 60 }),
    nodeCount: fc.integer({ min: 1, max: 8 }),
    maxSkew: fc.integer({ min: 1, max: 10 }),
    choices: fc.array(fc.nat({ max: 1_000 }), { minLength: 150, maxLength: 150 }),
  });
  fc.assert(
    fc.property(shape, ({ podCount, nodeCount, maxSkew, choices }) => {
      const quota = quotaOf(podCount);
      const most = mostOnNode({ quota, nodeCount, maxSkew });
      const counts = new Array<number>(nodeCount).fill(0);
      for (const choice of choices) {
        const node = choice % nodeCount;
        const count = counts[node] ?? 0;
        const total = counts.reduce((sum, one) => sum + one, 0);
        // A pod ends now and then, from any node.
        if (choice % 5 === 0 && count > 0) counts[node] = count - 1;
        else if (total < quota && count + 1 - Math.min(...counts) <= maxSkew) {
          counts[node] = count + 1;
          expect(count + 1).toBeLessThanOrEqual(most);
        }
      }
    }),
  );
});
