import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Cidr, parseCidr } from "../base/ipv4.ts";
import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import { mergeFacts } from "../diagnose/facts/merge.ts";
import type { Facts, FactsPart, SettingsSource } from "../diagnose/facts/model.ts";
import { ERAS } from "../diagnose/readers/logs/testing/read-log.ts";
import { addLines, historyOf, idle, sandboxId } from "../trace/testing/read-history.ts";
import { caseOfFacts } from "./facts-case.ts";
import { proofText } from "./proof-text.ts";
import { proveFix } from "./prove.ts";

const AT = { file: "evidence" };
const cidr = (text: string): Cidr => parseCidr(text) ?? { base: 0, prefixLength: 0 };

function settings(env: Readonly<Record<string, string>>): SettingsSource {
  const entries = Object.entries(env).map(([name, value]) => ({ name, value, isString: true, at: AT }));
  return {
    origin: "daemonset",
    layer: "declared",
    name: "aws-node",
    at: AT,
    isComplete: false,
    env: entries,
    initEnv: [],
    otherKeys: [],
  };
}

/** One m5.large with `podCount` pods bound to it, the first of which run. */
function factsOf(env: Readonly<Record<string, string>>, podCount: number, over: FactsPart = {}): Facts {
  const base = cidr("10.0.0.0/22").base;
  return mergeFacts([
    {
      settings: [settings(env)],
      subnets: [
        {
          id: "subnet-1",
          cidr: cidr("10.0.0.0/22"),
          zone: "us-west-2a",
          vpcId: "vpc-1",
          tags: new Map(),
          isLive: true,
          at: AT,
        },
      ],
      instances: [
        {
          id: "i-1",
          instanceType: "m5.large",
          state: "running",
          attachments: [],
          securityGroupIds: [],
          tags: new Map(),
          at: AT,
        },
      ],
      enis: [
        {
          id: "eni-1",
          subnetId: "subnet-1",
          vpcId: "vpc-1",
          status: "in-use",
          description: "",
          interfaceType: "interface",
          instanceId: "i-1",
          deviceIndex: 0,
          primaryAddress: base + 40,
          addresses: [base + 40],
          prefixes: [],
          securityGroupIds: [],
          tags: new Map(),
          at: AT,
        },
      ],
      nodes: [
        {
          key: "node-1",
          name: "node-1",
          instanceId: "i-1",
          maxPods: { value: 110, at: AT },
          labels: new Map(),
          annotations: new Map(),
          taints: [],
          at: AT,
        },
      ],
      pods: Array.from({ length: podCount }, (_, index) => ({
        namespace: "default",
        name: `web-${index}`,
        node: "node-1",
        ...(index < 9 ? { address: "10.0.0.50" } : {}),
        phase: index < 9 ? "Running" : "Pending",
        isHostNetwork: false,
        isReady: index < 9,
        wantsBranchEni: false,
        annotations: new Map<string, string>(),
        labels: new Map<string, string>(),
        containers: [],
        at: AT,
      })),
    },
    over,
  ]);
}

function finding(id: string, ...fix: readonly string[]): DoctorFinding {
  return { class: id, rank: 1, fix, nodes: ["node-1"], subnets: ["subnet-1"] } as unknown as DoctorFinding;
}

function prove(facts: Facts, findings: readonly DoctorFinding[]) {
  return proveFix(findings, (one) => caseOfFacts(facts, [], one));
}

const UNCAP = "kubectl -n kube-system set env daemonset aws-node MAX_ENI-";
const prefixes = "kubectl -n kube-system set env daemonset aws-node ENABLE_PREFIX_DELEGATION=true WARM_PREFIX_TARGET=1";

describe("a fix", () => {
  test("is proved: pods wait before, none after; the steps are taken as far as needed", () => {
    const facts = factsOf({ MAX_ENI: "1" }, 40);
    const { proofs } = prove(facts, [finding("max-eni-env-caps-node", "kubectl get nodes", UNCAP, prefixes, "more")]);
    const [proof] = proofs;
    expect(proof).toMatchObject({ outcome: "proved", mode: "state", policy: "vpc-cni" });
    expect(proof?.text).toBe("Pods waiting for an address: 31 of 40 before, 0 after.");
    // Three ENIs carry 27 pods: the first step is not enough, the next one is, the last is not looked at.
    expect(proof?.applied.map((one) => one.step)).toEqual([UNCAP, prefixes]);
    expect(proof?.left).toEqual(["kubectl get nodes"]);
    const text = proofText({ proofs });
    expect(text).toContain("max-eni-env-caps-node: the fix works");
    expect(text).toMatch(/waiting at the end +31 +0\n/);
  });

  test("helps, or changes nothing", () => {
    const facts = factsOf({ MAX_ENI: "1" }, 40);
    const outcome = (...fix: readonly string[]) => prove(facts, [finding("x", ...fix)]).proofs[0]?.outcome;
    expect(outcome(UNCAP)).toBe("helped");
    expect(outcome("kubectl -n kube-system set env daemonset aws-node WARM_ENI_TARGET=2")).toBe("no-effect");
  });

  test("is not reproduced where the simulator has no pod that waits; the next finding is looked at", () => {
    const { proofs } = prove(factsOf({}, 5), [finding("x", UNCAP), finding("y", UNCAP)]);
    expect(proofs.map((proof) => [proof.class, proof.outcome])).toEqual([
      ["x", "not-reproduced"],
      ["y", "not-reproduced"],
    ]);
    expect(proofs[0]?.before).toMatchObject({ pods: 5, waiting: 0 });
  });

  test("settings that no agent starts with leave every pod waiting", () => {
    const facts = factsOf({ ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "0" }, 5);
    const [proof] = prove(facts, [finding("prefix-mode-no-warm-target", prefixes)]).proofs;
    expect(proof).toMatchObject({ outcome: "proved", before: { waiting: 5 }, after: { waiting: 0, refusal: null } });
    expect(proof?.before?.refusal).toContain("WARM_PREFIX_TARGET");
  });

  test("denied calls are denied until the policy is attached", () => {
    const denied = {
      api: "AssignPrivateIpAddresses",
      code: "UnauthorizedOperation",
      message: "",
      occurrences: { count: 1, samples: [] },
    };
    const facts = factsOf({ ENABLE_PREFIX_DELEGATION: "true" }, 20, { ec2Errors: [denied] });
    const step = "aws iam attach-role-policy --role-name r --policy-arn arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy";
    const [proof] = prove(facts, [finding("iam-permission-missing", step)]).proofs;
    expect(proof).toMatchObject({ outcome: "proved", before: { waiting: 20 }, after: { waiting: 0 } });
    expect(proof?.assumptions.join()).toContain("EC2 denies AssignPrivateIpAddresses");
  });
});

test("the policy is that of the agents whose logs these are; pods replay what the logs tell", () => {
  const pods = Array.from({ length: 20 }, (_, index) => ({ id: sandboxId(`a${index}b`), name: `web-${index}` }));
  const lines = [
    ERAS.json("Policy slash28, seed 7", 0, "info"),
    ...pods.flatMap((pod, index) => addLines("json", pod, 10, index < 9)),
    idle("json", 20),
  ];
  const history = { ...historyOf([lines]), node: "node-1" };
  const given = caseOfFacts(factsOf({ MAX_ENI: "1" }, 20), [history], finding("x", UNCAP));
  if (typeof given === "string") throw new Error(given);
  expect([given.cluster.cni.policy, given.mode, given.podCount]).toEqual(["slash28", "replay", 20]);
  // The agent had been there for ten seconds when the first pod came.
  expect(given.pods[0]).toMatchObject({ atMs: 10_000, nodeName: "node-1", name: "web-0" });
  expect(proveFix([finding("x", UNCAP)], () => given).proofs[0]).toMatchObject({
    outcome: "proved",
    policy: "slash28",
  });
});

test("the document keeps its schema: proved, helped, not reproduced, not simulated", () => {
  const { properties, $defs } = JSON.parse(
    readFileSync(join(import.meta.dir, "../../docs/schemas/doctor.v1.json"), "utf8"),
  ) as { properties: { proof: object }; $defs: object };
  const schema = z.fromJSONSchema({ ...properties.proof, $defs } as Parameters<typeof z.fromJSONSchema>[0]);
  const capped = factsOf({ MAX_ENI: "1" }, 40);
  for (const [facts, fix] of [
    [capped, [UNCAP, prefixes]],
    [capped, [UNCAP]],
    [factsOf({}, 5), [UNCAP]],
    [mergeFacts([]), [UNCAP]],
  ] as const) {
    const checked = schema.safeParse(prove(facts, [finding("x", ...fix)]));
    expect(checked.success ? [] : checked.error.issues).toEqual([]);
  }
  expect(schema.safeParse({ proofs: [{ class: "x" }] }).success).toBe(false);
});

describe("what cannot be simulated is said, with the reason", () => {
  const text = (facts: Facts, ...fix: readonly string[]) => {
    const [proof] = prove(facts, [finding("x", ...fix)]).proofs;
    expect(proof?.outcome).toBe("not-simulated");
    return proof?.text;
  };

  test("no VPC, no instance, no pod, no step, a policy that the engine lacks", () => {
    expect(text(mergeFacts([]), UNCAP)).toContain("describe-subnets");
    expect(text({ ...factsOf({}, 5), instances: [] }, UNCAP)).toContain("describe-instances");
    expect(text(factsOf({}, 0), UNCAP)).toContain("kubectl get pods");
    expect(text(factsOf({}, 5), "df -h")).toContain("no step of the fix");
    expect(text(factsOf({ SLASH28_POLICY: "best" }, 5), UNCAP)).toContain('there is no policy "best"');
  });

  test("evidence that contradicts itself", () => {
    const facts = factsOf({}, 5);
    const twice = facts.enis.map((eni) => ({ ...eni, id: "eni-2", deviceIndex: 1 }));
    expect(text({ ...facts, enis: [...facts.enis, ...twice] }, UNCAP)).toContain("10.0.0.40");
  });
});
