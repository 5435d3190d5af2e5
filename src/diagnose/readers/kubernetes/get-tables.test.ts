import { describe, expect, test } from "bun:test";
import type { FactsPart } from "../../facts/model.ts";
import { kubectlText } from "./kubectl-text.ts";

const read = (text: string): FactsPart => kubectlText.read({ path: "out.txt", text, node: undefined });
const recognises = (text: string): boolean => kubectlText.recognises({ path: "x", head: text, isWhole: true });

const REFUSAL =
  'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "0f1e": plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container';

describe("kubectl get", () => {
  test("events of all namespaces, with the series in the age", () => {
    const part = read(`NAMESPACE   LAST SEEN             TYPE      REASON                   OBJECT            MESSAGE
shop        4s (x12 over 7m)      Warning   FailedCreatePodSandBox   pod/web-1         ${REFUSAL}
default     5m                    Normal    NodeReady                node/ip-10-0-1-9  Node is ready
`);
    expect(part.events).toMatchObject([
      { namespace: "shop", objectKind: "Pod", name: "web-1", count: 12, overMs: 420_000, message: REFUSAL },
      { objectKind: "Node", name: "ip-10-0-1-9", node: "ip-10-0-1-9", count: 1 },
    ]);
    expect(part.events?.[1]?.namespace).toBeUndefined();
  });

  test("events -o wide: source, count, an empty cell", () => {
    const part =
      read(`LAST SEEN   TYPE      REASON                   OBJECT      SUBOBJECT   SOURCE                 MESSAGE    FIRST SEEN   COUNT   NAME
4s          Warning   FailedCreatePodSandBox   pod/web-1               kubelet, ip-10-0-1-9   no luck    7m           12      web-1.17
`);
    expect(part.events).toMatchObject([{ component: "kubelet", node: "ip-10-0-1-9", message: "no luck", count: 12 }]);
  });

  test("pods -o wide: who waits, who has an address, who is on the host network", () => {
    const part =
      read(`NAMESPACE     NAME             READY   STATUS              RESTARTS        AGE   IP          NODE           NOMINATED NODE   READINESS GATES
shop          web-1            0/1     ContainerCreating   0               5m    <none>      ip-10-0-1-23   <none>           <none>
shop          web-2            1/1     Running             3 (2m ago)      5m    10.0.1.99   ip-10-0-1-23   <none>           <none>
shop          web-3            0/1     Pending             0               5m    <none>      <none>         <none>           <none>
kube-system   kube-proxy-x     1/1     Running             0               5m    10.0.1.23   ip-10-0-1-23   <none>           <none>
`);
    expect(part.pods?.map((pod) => [pod.name, pod.phase, pod.waitingReason, pod.address, pod.isHostNetwork])).toEqual([
      ["web-1", "Pending", "ContainerCreating", undefined, false],
      ["web-2", "Running", undefined, "10.0.1.99", false],
      ["web-3", "Pending", "Unschedulable", undefined, false],
      ["kube-proxy-x", "Running", undefined, "10.0.1.23", true],
    ]);
    expect(part.pods?.[1]?.containers).toMatchObject([{ restartCount: 3 }]);
  });

  test("without -o wide a running pod is no fact: its address is not shown", () => {
    const part = read(`NAME    READY   STATUS              RESTARTS   AGE
web-1   0/1     ContainerCreating   0          5m
web-2   1/1     Running             0          5m
`);
    expect(part.pods?.map((pod) => pod.name)).toEqual(["web-1"]);
  });

  test("nodes -o wide", () => {
    const part =
      read(`NAME           STATUS                        ROLES    AGE   VERSION               INTERNAL-IP   EXTERNAL-IP   OS-IMAGE            KERNEL-VERSION   CONTAINER-RUNTIME
ip-10-0-1-23   NotReady,SchedulingDisabled   <none>   5d    v1.33.0-eks-1         10.0.1.23     <none>        Amazon Linux 2023   6.1.0            containerd://1.7.27
`);
    expect(part.nodes).toMatchObject([
      { key: "ip-10-0-1-23", isReady: false, isUnschedulable: true, osImage: "Amazon Linux 2023" },
    ]);
    expect(part.versions).toHaveLength(2);
  });

  test("the DaemonSet's row, with images", () => {
    const part =
      read(`NAME       DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE   CONTAINERS   IMAGES                        SELECTOR
aws-node   3         3         2       3            2           <none>          9d    aws-node     example/amazon-k8s-cni:v1.19.0   k8s-app=aws-node
`);
    expect(part.daemonSets).toMatchObject([{ desiredCount: 3, readyCount: 2 }]);
    expect(part.versions).toMatchObject([{ component: "cni", version: "v1.19.0" }]);
  });

  test("a list of names and ages is one of ENIConfigs only when the command or the names say so", () => {
    const zones = "NAME         AGE\nus-west-2a   5d\nus-west-2b   5d\n";
    const others = "NAME      AGE\nalpha     5d\n";
    expect(read(zones).eniConfigs?.map((one) => one.name)).toEqual(["us-west-2a", "us-west-2b"]);
    expect(recognises(others)).toBe(false);
    expect(recognises(`$ kubectl get eniconfig\n${others}`)).toBe(true);
    expect(read(`$ kubectl get eniconfig\n${others}`).eniConfigs?.map((one) => one.name)).toEqual(["alpha"]);
  });
});

test("what a row's status means: waiting, initialising, going, ended", () => {
  const rows = (status: string, address: string) =>
    read(
      `NAME    READY   STATUS                 RESTARTS   AGE   IP          NODE\npod/w   0/1     ${status.padEnd(20)}   4          5m    ${address.padEnd(9)}   n1\n`,
    ).pods?.[0];
  const state = (status: string, address = "<none>") => [
    rows(status, address)?.phase,
    rows(status, address)?.waitingReason,
  ];
  expect(state("Init:0/2")).toEqual(["Pending", "PodInitializing"]);
  expect(state("Init:CrashLoopBackOff", "10.0.1.9")).toEqual(["Pending", "CrashLoopBackOff"]);
  expect(state("CrashLoopBackOff", "10.0.1.9")).toEqual(["Running", "CrashLoopBackOff"]);
  expect(state("Terminating")).toEqual(["Terminating", undefined]);
  expect(state("Completed")).toEqual(["Succeeded", undefined]);
  expect(rows("CrashLoopBackOff", "10.0.1.9")).toMatchObject({
    name: "w",
    containers: [{ restartCount: 4, waitingReason: "CrashLoopBackOff" }],
  });
});
