import { expect, test } from "bun:test";
import { parseCluster } from "../cluster/index.ts";
import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import { proveFix } from "./prove.ts";
import { caseOfScenario } from "./scenario-case.ts";

function scenario(group: string, workloads = "[{ name: web, pods: 20, at: 10s }]") {
  const parsed = parseCluster(
    `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/20 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 1, maxPods: 29${group} }]
cni: { policy: vpc-cni, env: { MAX_ENI: "1" } }
workloads: ${workloads}
run: { duration: 5m, seed: 7 }
`,
    "scenario.yaml",
  );
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors));
  return caseOfScenario({ cluster: parsed.cluster, manifests: [], traces: [], dump: undefined, faultsFor: () => [] });
}

function prove(given: ReturnType<typeof scenario>, ...fix: readonly string[]) {
  const finding = { class: "x", fix, nodes: ["general-1"], subnets: [] } as unknown as DoctorFinding;
  return proveFix([finding], () => given).proofs[0];
}

test("a cluster file is the case: its workloads, its seed, the fix on its settings", () => {
  const proof = prove(scenario(""), "kubectl -n kube-system set env daemonset aws-node MAX_ENI-");
  expect(proof).toMatchObject({
    outcome: "proved",
    mode: "scenario",
    seed: 7,
    before: { pods: 20, waiting: 11 },
    after: { waiting: 0 },
  });
});

test("the usual pods of a node are the scenario's", () => {
  const proof = prove(
    scenario("", "[{ name: web, pods: 9, at: 0s }, { name: more, pods: 9, at: 1s }]"),
    "kubectl -n kube-system set env daemonset aws-node MAX_ENI- WARM_IP_TARGET=5 MINIMUM_IP_TARGET=PODS_PER_NODE",
  );
  expect(proof?.applied[0]?.as).toBe("MAX_ENI unset, WARM_IP_TARGET=5, MINIMUM_IP_TARGET=18");
});

test("what the simulator refuses of a cluster file is the reason", () => {
  const proof = prove(scenario(", checkpoint: 'x'"), "kubectl -n kube-system set env daemonset aws-node MAX_ENI-");
  expect(proof?.outcome).toBe("not-simulated");
  expect(proof?.text).toBe("Not simulated: nodeGroups: the simulator starts every agent without a checkpoint.");
});
