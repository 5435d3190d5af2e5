import { describe, expect, test } from "bun:test";
import { formatCidr } from "../base/ipv4.ts";
import { Prng } from "../base/prng.ts";
import { parseCluster } from "../cluster/index.ts";
import type { DoctorFinding } from "../diagnose/doctor/judge.ts";
import { buildUpWorld } from "../world/world.ts";
import { applyStep } from "./changes.ts";
import type { ProveCase } from "./prove-case.ts";

function caseOf(): ProveCase {
  const parsed = parseCluster(
    `apiVersion: slash28/v1
kind: Cluster
subnets:
  - { id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24, leakedEnis: { count: 2, addresses: 1 }, tags: { kubernetes.io/role/cni: "0" } }
nodeGroups:
  - { name: old, instanceType: m4.large, count: 2, maxPods: 110, taints: [{ key: node.kubernetes.io/unschedulable, effect: NoSchedule }] }
cni:
  policy: vpc-cni
  env: { WARM_IP_TARGET: "1", MAX_ENI: "1" }
  eniConfigs: [{ name: us-west-2a, subnet: subnet-a }]
`,
    "test.yaml",
  );
  if (parsed.kind !== "ok") throw new Error(JSON.stringify(parsed.errors));
  const { cluster } = parsed;
  const built = buildUpWorld({ cluster, startWallMs: 0, prng: new Prng(1), dump: undefined });
  const pod = { atMs: 0, namespace: "default", nodeName: "old-1", lifetimeMs: undefined, cpuMillis: 0, memoryBytes: 0 };
  return {
    cluster: {
      ...cluster,
      cni: {
        ...cluster.cni,
        eniConfigs: [{ name: "us-west-2a", subnet: built.world.subnets[0]?.id ?? "", securityGroups: [] }],
      },
    },
    world: built.world,
    nodes: built.nodes,
    pods: [1, 2, 3].map((index) => ({ ...pod, name: `p-${index}`, isHostNetwork: false })),
    faults: [
      {
        atMs: 0,
        operation: { op: "fail", action: "AssignPrivateIpAddresses", code: "UnauthorizedOperation" },
        place: "test",
      },
      { atMs: 0, operation: { op: "setKnob", name: "imdsErrorShare", value: 1 }, place: "test" },
    ],
    manifests: [],
    podCount: 3,
    seed: 1,
    mode: "state",
    assumptions: [],
  };
}

const given = caseOf();
const SUBNET_ID = given.world.subnets[0]?.id ?? "";
const finding = { nodes: ["old-1"], subnets: [SUBNET_ID], fix: [] } as unknown as DoctorFinding;
const apply = (step: string) => applyStep(given, finding, step);
const env = (step: string) => Object.fromEntries(apply(step)?.changed.cluster.cni.env ?? []);

describe("settings", () => {
  test("are set and unset as the command says; remarks are no part of it", () => {
    const step =
      "kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET- MINIMUM_IP_TARGET=PODS_PER_NODE WARM_PREFIX_TARGET=1   # MAX_ENI=9";
    expect(env(step)).toEqual({ MAX_ENI: "1", MINIMUM_IP_TARGET: "2", WARM_PREFIX_TARGET: "1" });
    expect(apply(step)?.text).toBe("WARM_IP_TARGET unset, MINIMUM_IP_TARGET=2, WARM_PREFIX_TARGET=1");
    expect(apply("kubectl -n kube-system set env daemonset aws-node WARM_IP_TARGET=AS_MANY")).toBeUndefined();
    expect(
      apply("kubectl get pods   # none: kubectl -n kube-system set env daemonset aws-node ENABLE_POD_ENI=false"),
    ).toBeUndefined();
  });
});

test("what to do where no SecurityGroupPolicy is listed is done", () => {
  const step =
    "kubectl get securitygrouppolicies -A   # none: kubectl -n kube-system set env daemonset aws-node ENABLE_POD_ENI=false";
  expect(env(step)["ENABLE_POD_ENI"]).toBe("false");
});

describe("the VPC", () => {
  const subnets = (step: string) => apply(step)?.changed.world.subnets ?? [];

  test("a subnet is tagged, untagged, reserved in", () => {
    const tags = (step: string) => subnets(step)[0]?.tags?.find((tag) => tag.key === "kubernetes.io/role/cni")?.value;
    expect(tags(`aws ec2 create-tags --resources ${SUBNET_ID} --tags Key=kubernetes.io/role/cni,Value=1   # so`)).toBe(
      "1",
    );
    expect(tags(`aws ec2 delete-tags --resources ${SUBNET_ID} --tags Key=kubernetes.io/role/cni`)).toBeUndefined();
    const step = `aws ec2 create-subnet-cidr-reservation --subnet-id ${SUBNET_ID} --reservation-type prefix --cidr 10.0.0.128/25   # keeps`;
    expect(subnets(step)[0]?.reservations?.map((one) => formatCidr(one.cidr))).toEqual(["10.0.0.128/25"]);
    expect(apply(step.replace("10.0.0.128/25", "10.9.0.0/25"))).toBeUndefined();
  });

  test("a subnet that is to be made is made in its zone, outside of what is there", () => {
    for (const step of [
      "aws ec2 create-tags --resources NEW_SUBNET --tags Key=kubernetes.io/role/cni,Value=1   # in us-west-2b",
      "Add a subnet of /22 or larger in us-west-2b for pods, tagged kubernetes.io/role/cni=1",
    ]) {
      const [, made] = subnets(step);
      expect([made?.az, made?.tags]).toEqual(["us-west-2b", [{ key: "kubernetes.io/role/cni", value: "1" }]]);
      expect(apply(step)?.changed.world.vpcs[0]?.cidrs.map(formatCidr)).toEqual(["10.0.0.0/16", "100.64.0.0/16"]);
    }
  });

  test("ENIConfigs are added and moved", () => {
    const added = apply(
      `echo '{"apiVersion":"crd.k8s.amazonaws.com/v1alpha1","kind":"ENIConfig","metadata":{"name":"us-west-2b"},"spec":{"subnet":"POD_SUBNET_OF_THE_ZONE"}}' | kubectl apply -f -`,
    )?.changed;
    expect(added?.cluster.cni.eniConfigs.map((one) => one.name)).toEqual(["us-west-2a", "us-west-2b"]);
    expect(added?.world.subnets[1]).toMatchObject({
      id: added?.cluster.cni.eniConfigs[1]?.subnet ?? "",
      az: "us-west-2b",
    });
    const moved = apply(
      `Give the pods a larger subnet in us-west-2a: kubectl patch eniconfig ENICONFIG --type merge -p '{"spec":{"subnet":"NEW_SUBNET"}}'`,
    )?.changed;
    expect(moved?.cluster.cni.eniConfigs[0]?.subnet).toBe(moved?.world.subnets[1]?.id ?? "");
  });

  test("ENIs that were left behind are deleted, one or all", () => {
    const leaked = (given.world.enis ?? []).filter((eni) => eni.status === "available");
    expect(leaked).toHaveLength(2);
    const left = (step: string) => apply(step)?.changed.world.enis?.length;
    expect(left(`aws ec2 delete-network-interface --network-interface-id ${leaked[0]?.id}`)).toBe(1);
    expect(left("aws ec2 delete-network-interface --network-interface-id eni-0123")).toBeUndefined();
    expect(
      left(
        `For all 2: aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=${SUBNET_ID} Name=status,Values=available | xargs -n1 aws ec2 delete-network-interface --network-interface-id`,
      ),
    ).toBe(0);
  });
});

describe("nodes", () => {
  test("are uncordoned, get other types, fewer pods, another subnet", () => {
    const nodes = (step: string) => apply(step)?.changed.nodes ?? [];
    expect(nodes("kubectl uncordon old-1").map((node) => node.taints.length)).toEqual([0, 1]);
    expect(apply("kubectl uncordon somebody-else")).toBeUndefined();
    expect(nodes("Allow only Nitro types: drop the type").map((node) => node.instanceType)).toEqual([
      "m5.large",
      "m5.large",
    ]);
    expect(nodes("Set max-pods to 20 and replace the nodes").map((node) => node.maxPods)).toEqual([20, 110]);
    const moved = apply(
      `aws ec2 create-subnet-cidr-reservation --subnet-id ${SUBNET_ID} --reservation-type prefix --cidr 10.0.0.0/26   # reserve in another subnet and bring new nodes up there`,
    )?.changed;
    expect(moved?.nodes.map((node) => node.subnetId === SUBNET_ID)).toEqual([false, true]);
    expect(moved?.world.instances.map((one) => one.subnetId === SUBNET_ID)).toEqual([false, true]);
  });
});

test("what goes wrong outside stops: denied calls, metadata", () => {
  const faults = (step: string) => apply(step)?.changed.faults.map((fault) => fault.operation.op);
  expect(
    faults(
      "aws iam attach-role-policy --role-name node-role --policy-arn arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy",
    ),
  ).toEqual(["setKnob"]);
  expect(faults("aws ec2 modify-instance-metadata-options --instance-id i-0 --http-endpoint enabled")).toEqual([
    "fail",
  ]);
});

test("a step that is a look, a restart or advice is none", () => {
  for (const step of [
    "df -h /var/run /var/log",
    "kubectl drain general-1 --ignore-daemonsets --delete-emptydir-data",
    "Stop what repeats failing calls first",
    "kubectl -n kube-system rollout restart daemonset aws-node",
  ])
    expect(apply(step)).toBeUndefined();
});
