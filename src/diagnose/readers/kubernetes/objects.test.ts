import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import type { FactsPart } from "../../facts/model.ts";
import { objectsReader } from "../objects.ts";
import { KUBERNETES_HANDLERS } from "./index.ts";

const reader = objectsReader(KUBERNETES_HANDLERS);
const readText = (text: string): FactsPart => reader.read({ path: "o.json", text, node: undefined });
const read = (object: object): FactsPart => readText(JSON.stringify({ apiVersion: "v1", ...object }, undefined, 2));

describe("Node", () => {
  const NODE = {
    kind: "Node",
    metadata: {
      name: "ip-10-0-1-23.us-west-2.compute.internal",
      creationTimestamp: "2026-01-05T10:00:00Z",
      labels: {
        "node.kubernetes.io/instance-type": "m5.large",
        "topology.kubernetes.io/region": "us-west-2",
        "topology.kubernetes.io/zone": "us-west-2a",
      },
    },
    spec: {
      providerID: "aws:///us-west-2a/i-0abc",
      taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }],
    },
    status: {
      capacity: { pods: "29", "vpc.amazonaws.com/pod-eni": "9" },
      allocatable: { pods: "28" },
      conditions: [{ type: "Ready", status: "Unknown", message: "Kubelet stopped posting node status." }],
      nodeInfo: {
        osImage: "Amazon Linux 2023",
        kubeletVersion: "v1.33.0",
        containerRuntimeVersion: "containerd://1.7.27",
      },
    },
  };

  test("max-pods is the capacity, with its line", () => {
    const part = read(NODE);
    expect(part.nodes).toMatchObject([
      {
        key: "ip-10-0-1-23.us-west-2.compute.internal",
        instanceId: "i-0abc",
        instanceType: { value: "m5.large", at: { line: 8 } },
        zone: "us-west-2a",
        maxPods: { value: 29, at: { file: "o.json", line: 24, column: 15 } },
        branchEniCapacity: 9,
        isUnschedulable: true,
        isReady: false,
        readyMessage: "Kubelet stopped posting node status.",
        createdMs: 1_767_607_200_000,
      },
    ]);
    expect(part.region).toBe("us-west-2");
    expect(part.versions?.map((one) => `${one.component} ${one.version}`)).toEqual([
      "kubernetes v1.33.0",
      "containerd 1.7.27",
    ]);
  });

  test("an object without a status says nothing of branch ENIs; one with capacity and none says 0", () => {
    expect(read({ kind: "Node", metadata: { name: "n" } }).nodes?.[0]).toMatchObject({
      branchEniCapacity: undefined,
      isReady: undefined,
      isUnschedulable: undefined,
    });
    expect(
      read({ kind: "Node", metadata: { name: "n" }, status: { capacity: {} } }).nodes?.[0]?.branchEniCapacity,
    ).toBe(0);
  });

  test("YAML and Lists are the same objects", () => {
    const text = stringify({
      apiVersion: "v1",
      kind: "List",
      items: [
        { apiVersion: "v1", ...NODE },
        { apiVersion: "v1", ...NODE },
      ],
    });
    const part = readText(text);
    const begins = text.split("\n").flatMap((line, index) => (line.startsWith("  - apiVersion") ? [index + 1] : []));
    expect(begins).toHaveLength(2);
    expect(part.nodes?.map((node) => node.at.line ?? 0)).toEqual(begins);
  });
});

test("a dump of 50,000 pods is read in seconds, each pod cited by its field", () => {
  const items = Array.from({ length: 50_000 }, (_, index) => ({
    kind: "Pod",
    metadata: { name: `p-${index}`, namespace: "shop" },
  }));
  const { pods } = readText(JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  expect(pods).toHaveLength(50_000);
  expect(pods?.[49_999]?.at).toEqual({ file: "o.json", field: "items[49999]" });
});

describe("Pod", () => {
  test("one that no node took is unschedulable; one that waits says for what", () => {
    const pending = { kind: "Pod", metadata: { name: "p", namespace: "shop" } };
    const unplaced = {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }],
    };
    expect(read({ ...pending, status: unplaced }).pods?.[0]?.waitingReason).toBe("Unschedulable");
    const gated = {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
    };
    expect(read({ ...pending, status: gated }).pods?.[0]?.waitingReason).toBe("SchedulingGated");
    const creating = {
      phase: "Pending",
      containerStatuses: [{ name: "c", state: { waiting: { reason: "ContainerCreating" } } }],
    };
    expect(read({ ...pending, spec: { nodeName: "n" }, status: creating }).pods?.[0]).toMatchObject({
      node: "n",
      waitingReason: "ContainerCreating",
      address: undefined,
    });
  });

  test("host network, branch ENI, owner, last end of a container", () => {
    const part = read({
      kind: "Pod",
      metadata: { name: "p", namespace: "shop", ownerReferences: [{ kind: "Job", name: "j" }] },
      spec: {
        nodeName: "n",
        hostNetwork: true,
        containers: [{ name: "c", resources: { limits: { "vpc.amazonaws.com/pod-eni": "1" } } }],
      },
      status: {
        phase: "Running",
        podIP: "10.0.1.23",
        containerStatuses: [
          {
            name: "c",
            image: "i",
            ready: true,
            restartCount: 3,
            lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
          },
        ],
      },
    });
    expect(part.pods?.[0]).toMatchObject({
      isHostNetwork: true,
      wantsBranchEni: true,
      isReady: true,
      ownerKind: "Job",
      containers: [{ restartCount: 3, lastExitCode: 137, lastReason: "OOMKilled", waitingReason: undefined }],
    });
  });

  const agent = (container: object) => ({
    kind: "Pod",
    metadata: { name: "aws-node-x", namespace: "kube-system", labels: { "k8s-app": "aws-node" } },
    spec: {
      nodeName: "n",
      containers: [{ name: "aws-node", image: "r/amazon-k8s-cni:v1.18.3-eksbuild.1", ...container }],
    },
  });

  test("aws-node's pod holds the environment its agent runs with; what is taken from elsewhere is untold", () => {
    const part = read(
      agent({
        env: [
          { name: "WARM_IP_TARGET", value: "5" },
          { name: "MY_NODE_NAME", valueFrom: { fieldRef: {} } },
          { name: "EMPTY" },
        ],
      }),
    );
    expect(part.settings).toMatchObject([
      {
        origin: "running",
        layer: "running",
        node: "n",
        isComplete: true,
        untold: ["MY_NODE_NAME"],
        env: [
          { name: "WARM_IP_TARGET", value: "5" },
          { name: "EMPTY", value: "" },
        ],
      },
    ]);
    expect(part.versions).toMatchObject([{ component: "cni", version: "v1.18.3-eksbuild.1", node: "n" }]);
  });

  test("a pod without an environment does not claim an empty one", () => {
    expect(read(agent({})).settings).toBeUndefined();
  });

  test("a pod of the same name elsewhere is not the agent's", () => {
    const impostor = {
      ...agent({ env: [{ name: "WARM_IP_TARGET", value: "9" }] }),
      metadata: { name: "aws-node-x", namespace: "shop" },
    };
    expect(read(impostor).settings).toBeUndefined();
  });
});

describe("Event", () => {
  test("of core/v1: count, times, the node that reported it", () => {
    const part = read({
      kind: "Event",
      metadata: { name: "web-1.17", namespace: "shop" },
      involvedObject: { kind: "Pod", namespace: "shop", name: "web-1" },
      reason: "FailedCreatePodSandBox",
      message: "no luck",
      source: { component: "kubelet", host: "n" },
      count: 12,
      firstTimestamp: "2026-01-05T10:00:00Z",
      lastTimestamp: "2026-01-05T10:07:00Z",
    });
    expect(part.events).toEqual([
      {
        reason: "FailedCreatePodSandBox",
        message: "no luck",
        objectKind: "Pod",
        namespace: "shop",
        name: "web-1",
        node: "n",
        component: "kubelet",
        count: 12,
        firstMs: 1_767_607_200_000,
        lastMs: 1_767_607_620_000,
        at: { file: "o.json", line: 14, column: 14 },
      },
    ]);
  });

  test("of events.k8s.io/v1: note, regarding, series, the reporting instance", () => {
    const part = read({
      kind: "Event",
      metadata: { name: "e", namespace: "shop" },
      regarding: { kind: "Pod", namespace: "shop", name: "web-1" },
      reason: "FailedCreatePodSandBox",
      note: "no luck",
      reportingController: "kubelet",
      reportingInstance: "n",
      eventTime: "2026-01-05T10:00:00.000000Z",
      series: { count: 5, lastObservedTime: "2026-01-05T10:01:00.000000Z" },
      deprecatedCount: null,
    });
    expect(part.events?.[0]).toMatchObject({
      message: "no luck",
      node: "n",
      component: "kubelet",
      count: 5,
      firstMs: 1_767_607_200_000,
      lastMs: 1_767_607_260_000,
    });
  });

  test("a node's own event has no namespace, though it is kept in one", () => {
    const part = read({
      kind: "Event",
      metadata: { name: "e", namespace: "default" },
      involvedObject: { kind: "Node", name: "n" },
      reason: "R",
      message: "m",
    });
    expect(part.events?.[0]).toMatchObject({ namespace: undefined, node: "n", count: 1 });
  });
});

test("webhooks: one fact a rule, so that operations and resources stay together", () => {
  const rules = [
    { operations: ["CREATE"], resources: ["deployments"] },
    { operations: ["UPDATE"], resources: ["pods"] },
  ];
  const object = { metadata: { name: "w" }, webhooks: [{ name: "w.example.com", rules }] };
  expect(read({ kind: "MutatingWebhookConfiguration", ...object }).webhooks).toMatchObject([
    { configuration: "w", name: "w.example.com", operations: ["CREATE"], resources: ["deployments"], isMutating: true },
    { operations: ["UPDATE"], resources: ["pods"] },
  ]);
  expect(read({ kind: "ValidatingWebhookConfiguration", ...object }).webhooks?.[0]?.isMutating).toBe(false);
});

test("ClusterRole, ServiceAccount, CNINode", () => {
  const part = readText(
    JSON.stringify([
      {
        apiVersion: "v1",
        kind: "ClusterRole",
        metadata: { name: "aws-node" },
        rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "patch"] }],
      },
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: {
          name: "aws-node",
          namespace: "kube-system",
          annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/cni" },
        },
      },
      {
        apiVersion: "v1",
        kind: "CNINode",
        metadata: { name: "n" },
        spec: { features: [{ name: "CustomNetworking", value: "us-west-2a" }, { name: "SecurityGroupsForPods" }] },
      },
    ]),
  );
  expect(part.clusterRoles?.[0]).toMatchObject({
    name: "aws-node",
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "patch"] }],
  });
  expect(part.serviceAccounts?.[0]?.annotations.get("eks.amazonaws.com/role-arn")).toBe(
    "arn:aws:iam::123456789012:role/cni",
  );
  expect(part.cniNodes?.[0]?.features).toEqual([
    { name: "CustomNetworking", value: "us-west-2a" },
    { name: "SecurityGroupsForPods", value: undefined },
  ]);
});

test("no object throws, whatever its values are", () => {
  const keys = [
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "labels",
    "env",
    "containers",
    "containerStatuses",
    "conditions",
    "capacity",
    "pods",
    "rules",
    "webhooks",
    "series",
    "involvedObject",
    "message",
    "image",
    "state",
    "waiting",
    "taints",
  ];
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom("aws-node", "kube-system", "Pod", "", null, 1, true, -1),
      tie("map"),
      tie("list"),
    ),
    map: fc.dictionary(fc.constantFrom(...keys), tie("value"), { maxKeys: 6 }),
    list: fc.array(tie("value"), { maxLength: 3 }),
  }));
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(KUBERNETES_HANDLERS)),
      fc.dictionary(fc.constantFrom(...keys), value),
      (kind, object) => {
        expect(read({ ...object, kind })).toBeDefined();
      },
    ),
  );
});
