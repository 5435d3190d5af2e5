import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FactsPart } from "../../facts/model.ts";
import { kubectlText } from "./kubectl-text.ts";

const read = (text: string): FactsPart => kubectlText.read({ path: "out.txt", text, node: undefined });
const recognises = (text: string): boolean => kubectlText.recognises({ path: "x", head: text, isWhole: true });

const REFUSAL =
  'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0f1e": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container';

const POD = `Name:             web-7d4b9c-x2x4z
Namespace:        shop
Priority:         0
Service Account:  default
Node:             ip-10-0-1-23.us-west-2.compute.internal/10.0.1.23
Start Time:       Mon, 05 Jan 2026 10:00:00 +0100
Labels:           app=web
                  pod-template-hash=7d4b9c
Annotations:      vpc.amazonaws.com/pod-eni: [{"eniId":"eni-0abc"}]
                  example.com/team: shop
Status:           Pending
IP:
IPs:              <none>
Controlled By:    ReplicaSet/web-7d4b9c
Containers:
  web:
    Container ID:
    Image:          example/web:1
    State:          Waiting
      Reason:       ContainerCreating
    Last State:     Terminated
      Reason:       Error
      Exit Code:    137
    Ready:          False
    Restart Count:  2
    Limits:
      vpc.amazonaws.com/pod-eni:  1
    Environment:      <none>
Conditions:
  Type              Status
  Ready             False
  PodScheduled      True
Node-Selectors:              <none>
Events:
  Type     Reason                  Age                    From               Message
  ----     ------                  ----                   ----               -------
  Normal   Scheduled               12m                    default-scheduler  Successfully assigned shop/web-7d4b9c-x2x4z to ip-10-0-1-23.us-west-2.compute.internal
  Warning  FailedCreatePodSandBox  2m4s (x45 over 12m)    kubelet            ${REFUSAL}
`;

describe("kubectl describe pod", () => {
  const part = read(POD);

  test("the pod's fields are read, those beneath a container too", () => {
    expect(part.pods).toEqual([
      {
        namespace: "shop",
        name: "web-7d4b9c-x2x4z",
        node: "ip-10-0-1-23.us-west-2.compute.internal",
        address: undefined,
        phase: "Pending",
        isHostNetwork: false,
        isReady: false,
        waitingReason: "ContainerCreating",
        wantsBranchEni: true,
        annotations: new Map([
          ["vpc.amazonaws.com/pod-eni", '[{"eniId":"eni-0abc"}]'],
          ["example.com/team", "shop"],
        ]),
        labels: new Map([
          ["app", "web"],
          ["pod-template-hash", "7d4b9c"],
        ]),
        ownerKind: "ReplicaSet",
        ownerName: "web-7d4b9c",
        createdMs: 1_767_603_600_000,
        containers: [
          {
            name: "web",
            image: "example/web:1",
            isReady: false,
            restartCount: 2,
            waitingReason: "ContainerCreating",
            lastExitCode: 137,
            lastReason: "Error",
          },
        ],
        at: { file: "out.txt", line: 1 },
      },
    ]);
  });

  test("an event keeps its count, how long it lasted, and its line; there are no times", () => {
    expect(part.events?.[1]).toEqual({
      reason: "FailedCreatePodSandBox",
      message: REFUSAL,
      objectKind: "Pod",
      namespace: "shop",
      name: "web-7d4b9c-x2x4z",
      node: "ip-10-0-1-23.us-west-2.compute.internal",
      component: "kubelet",
      count: 45,
      overMs: 720_000,
      at: { file: "out.txt", line: 38 },
    });
  });

  test("rows that do not keep to the headings are read all the same", () => {
    const moved = POD.replace("2m4s (x45 over 12m)    kubelet            ", "4s (x9 over 4m)     kubelet            ");
    expect(read(moved).events?.[1]).toMatchObject({
      count: 9,
      overMs: 240_000,
      message: REFUSAL,
      component: "kubelet",
    });
  });

  test("old kubectl names the node beside the component", () => {
    const old = POD.replace("kubelet            Failed", "kubelet, ip-10-9-9-9  Failed");
    expect(read(old).events?.[1]).toMatchObject({ component: "kubelet", node: "ip-10-9-9-9", message: REFUSAL });
  });

  test("a message of several lines stays one event", () => {
    expect(read(`${POD}    and more\n`).events?.[1]?.message).toBe(`${REFUSAL} and more`);
  });

  test("a pod on the address of its node is on the host network", () => {
    expect(read(POD.replace("IP:\n", "IP:               10.0.1.23\n")).pods?.[0]?.isHostNetwork).toBe(true);
  });
});

test("an aws-node pod tells what its agent runs with, references left out", () => {
  const part = read(`Name:                 aws-node-abcde
Namespace:            kube-system
Node:                 ip-10-0-1-23/10.0.1.23
Labels:               k8s-app=aws-node
Status:               Running
IP:                   10.0.1.23
Controlled By:        DaemonSet/aws-node
Containers:
  aws-node:
    Image:          602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.18.3-eksbuild.1
    State:          Running
    Ready:          True
    Restart Count:  0
    Environment:
      ADDITIONAL_ENI_TAGS:       {"team":"net"}
      WARM_PREFIX_TARGET:        1
      CLUSTER_NAME:
      MY_NODE_NAME:               (v1:spec.nodeName)
`);
  expect(part.settings?.[0]).toMatchObject({
    origin: "running",
    layer: "running",
    node: "ip-10-0-1-23",
    isComplete: true,
  });
  expect(part.settings?.[0]?.env.map((one) => [one.name, one.value, one.at.line])).toEqual([
    ["ADDITIONAL_ENI_TAGS", '{"team":"net"}', 15],
    ["WARM_PREFIX_TARGET", "1", 16],
    ["CLUSTER_NAME", "", 17],
  ]);
  expect(part.versions).toMatchObject([{ component: "cni", version: "v1.18.3-eksbuild.1", node: "ip-10-0-1-23" }]);
});

const NODE = `Name:               ip-10-0-1-23.us-west-2.compute.internal
Roles:              <none>
Labels:             kubernetes.io/os=linux
                    node.kubernetes.io/instance-type=m5.large
                    topology.kubernetes.io/region=us-west-2
                    topology.kubernetes.io/zone=us-west-2a
Annotations:        k8s.amazonaws.com/eniConfig: us-west-2a
CreationTimestamp:  Mon, 05 Jan 2026 10:00:00 +0000
Taints:             node.kubernetes.io/unschedulable:NoSchedule
                    team=net:NoExecute
Unschedulable:      true
Conditions:
  Type             Status  LastHeartbeatTime                 LastTransitionTime                Reason                       Message
  ----             ------  -----------------                 ------------------                ------                       -------
  MemoryPressure   False   Mon, 05 Jan 2026 10:00:00 +0000   Mon, 05 Jan 2026 10:00:00 +0000   KubeletHasSufficientMemory   kubelet has sufficient memory available
  Ready            False   Mon, 05 Jan 2026 10:00:00 +0000   Mon, 05 Jan 2026 10:00:00 +0000   KubeletNotReady              container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady
Addresses:
  InternalIP:   10.0.1.23
Capacity:
  cpu:                2
  pods:               29
Allocatable:
  pods:               28
System Info:
  OS Image:                   Amazon Linux 2023
  Container Runtime Version:  containerd://1.7.27
  Kubelet Version:            v1.33.0-eks-1
ProviderID:                   aws:///us-west-2a/i-0abc
Non-terminated Pods:          (1 in total)
  Namespace                   Name                 CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age
  ---------                   ----                 ------------  ----------  ---------------  -------------  ---
  shop                        web-1                0 (0%)        0 (0%)      0 (0%)           0 (0%)         5m
Events:
  Type     Reason                   Age   From                     Message
  ----     ------                   ----  ----                     -------
  Warning  TrunkENICreationFailed   5m    vpc-resource-controller  no slot
`;

test("kubectl describe node: capacity, not allocatable; taints, condition, labels, versions, events", () => {
  const part = read(NODE);
  const [node] = part.nodes ?? [];
  expect(node).toMatchObject({
    key: "ip-10-0-1-23.us-west-2.compute.internal",
    instanceId: "i-0abc",
    instanceType: { value: "m5.large", at: { line: 4 } },
    zone: "us-west-2a",
    maxPods: { value: 29, at: { file: "out.txt", line: 21 } },
    isUnschedulable: true,
    isReady: false,
    readyMessage: "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady",
    branchEniCapacity: 0,
    osImage: "Amazon Linux 2023",
    createdMs: 1_767_607_200_000,
  });
  expect(node?.taints).toEqual([
    { key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule" },
    { key: "team", value: "net", effect: "NoExecute" },
  ]);
  expect(node?.annotations.get("k8s.amazonaws.com/eniConfig")).toBe("us-west-2a");
  expect(part.versions?.map((one) => `${one.component} ${one.version}`)).toEqual([
    "kubernetes v1.33.0-eks-1",
    "containerd 1.7.27",
  ]);
  expect(part.events).toMatchObject([
    { reason: "TrunkENICreationFailed", objectKind: "Node", component: "vpc-resource-controller" },
  ]);
  expect(part.region).toBe("us-west-2");
  // Its table of pods says nothing about addresses: no pod is taken for one without an address.
  expect(part.pods).toBeUndefined();
});

test("kubectl describe daemonset: settings as declared, images, counts", () => {
  const part = read(`Name:           aws-node
Namespace:      kube-system
Selector:       k8s-app=aws-node
Desired Number of Nodes Scheduled: 3
Number of Nodes Scheduled with Available Pods: 2
Pod Template:
  Labels:           k8s-app=aws-node
  Init Containers:
   aws-vpc-cni-init:
    Image:      example/amazon-k8s-cni-init:v1.19.0
    Environment:
      DISABLE_TCP_EARLY_DEMUX:  false
  Containers:
   aws-node:
    Image:      example/amazon-k8s-cni:v1.19.0
    Environment:
      WARM_IP_TARGET:        5
      MY_NODE_NAME:           (v1:spec.nodeName)
Events:                      <none>
`);
  expect(part.daemonSets?.[0]).toMatchObject({ desiredCount: 3, readyCount: 2 });
  expect(part.settings?.[0]).toMatchObject({ origin: "daemonset", layer: "declared", isComplete: true });
  expect(part.settings?.[0]?.env.map((one) => one.name)).toEqual(["WARM_IP_TARGET"]);
  expect(part.settings?.[0]?.initEnv.map((one) => one.value)).toEqual(["false"]);
  expect(part.versions?.[0]).toMatchObject({ component: "cni", version: "v1.19.0" });
});

test("several outputs in one file are read one after the other, each with its own lines", () => {
  const part = read(
    `$ kubectl get nodes\nNAME   STATUS   ROLES    AGE   VERSION\nn1     Ready    <none>   5d    v1.33.0\n\n${POD}\n\n${POD}\n${NODE}`,
  );
  expect(part.nodes?.map((one) => one.name)).toEqual(["n1", "ip-10-0-1-23.us-west-2.compute.internal"]);
  expect(part.pods).toHaveLength(2);
  expect(part.pods?.[0]?.at.line).toBe(5);
});

test("an output that was pasted with an indentation is the same output, at the same lines", () => {
  const pasted = POD.replace(/^/gm, "    ");
  expect(recognises(pasted)).toBe(true);
  expect(read(pasted)).toEqual(read(POD));
});

test("commands are told in any prompt", () => {
  const prompts = [
    "kubectl",
    "$ kubectl",
    "# kubectl",
    "user@host:~/x$ kubectl",
    "[root@ip-10-0-1-9 ~]# kubectl",
    "➜  ~ kubectl",
    "% sudo kubectl",
  ];
  for (const prompt of prompts) {
    const part = read(`${prompt} get eniconfig\nNAME   AGE\nalpha  5d\n`);
    expect([prompt, part.eniConfigs?.length]).toEqual([prompt, 1]);
  }
});

test("what is no output of kubectl is not taken for it", () => {
  for (const text of [
    "",
    "Name: x\n",
    "apiVersion: v1\nkind: Pod\n",
    "Hello\n\nNAME READY\n",
    '{"kind":"Pod"}',
    "NAME=x\n",
  ]) {
    expect(recognises(text)).toBe(false);
  }
  expect(recognises(POD)).toBe(true);
  expect(recognises(NODE)).toBe(true);
});

test("a line that is nearly a heading, or a text that is nearly indented, costs no more than reading it", () => {
  const startMs = performance.now();
  for (const text of [
    `${"A  ".repeat(5000)}x\n`,
    " ".repeat(200_000),
    `NAME${"  A ".repeat(5000)}.`,
    `${"x".repeat(100_000)}$ `,
  ]) {
    recognises(text);
    read(text);
  }
  expect(performance.now() - startMs).toBeLessThan(1000);
});

test("no text throws", () => {
  const pieces = fc.constantFrom(
    ...`${POD}${NODE}`.split(/(?<=\n)|(?<=: )/),
    "\t",
    "\r\n",
    "NAME   AGE\n",
    "(x9999999999999 over 1s)",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 60 }).map((list) => list.join("")),
      ),
      (text) => {
        recognises(text);
        expect(Object.keys(read(text)).length).toBeGreaterThan(0);
      },
    ),
  );
});

describe("the events of a description, copied alone", () => {
  const events = POD.slice(POD.indexOf("Events:"));
  const headless = events.split("\n").slice(3).join("\n");

  test.each([
    ["with their heading", events],
    ["below a command", `$ kubectl describe pod web-7d4b9c-x2x4z | tail\n${events}`],
    ["without `Events:`", events.slice(events.indexOf("\n") + 1)],
    ["rows alone", headless],
  ])("%s: counts, and whose they are by what the scheduler said", (_, text) => {
    expect(recognises(text)).toBe(true);
    const part = read(text);
    expect(part.events?.map((one) => [one.reason, one.count])).toEqual([
      ["Scheduled", 1],
      ["FailedCreatePodSandBox", 45],
    ]);
    for (const one of part.events ?? [])
      expect(one).toMatchObject({
        objectKind: "Pod",
        namespace: "shop",
        name: "web-7d4b9c-x2x4z",
        node: "ip-10-0-1-23.us-west-2.compute.internal",
      });
    expect(part.events?.[1]?.message).toBe(REFUSAL);
    expect(part.read?.[0]?.kind).toBe("kubectl output");
  });

  test("without the scheduler's event they are nobody's, and are read all the same", () => {
    const [refused, ...others] = read(headless.slice(headless.indexOf("\n") + 1)).events ?? [];
    expect(others).toEqual([]);
    expect(refused).toMatchObject({ name: "", count: 45, node: undefined, at: { line: 1 } });
  });
});
