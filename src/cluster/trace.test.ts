import { describe, expect, test } from "bun:test";
import { Prng } from "../base/prng.ts";
import { formatCheckError } from "../text/check-error.ts";
import { planPods } from "./plan-pods.ts";
import { parseTrace } from "./trace.ts";

describe("CSV", () => {
  test("columns in any order, empty cells mean the default", () => {
    const text =
      "# from last week\nname,at,lifetime,cpu,node,hostNetwork\r\nweb-1,0s,,250m,,\r\n\r\nweb-2,1m,30s,,n-2,true\r\n";
    const { pods, errors, skippedCount } = parseTrace(text, "t.csv");
    expect(errors).toEqual([]);
    expect(skippedCount).toBe(0);
    expect(pods).toEqual([
      {
        atMs: 0,
        namespace: "default",
        name: "web-1",
        nodeName: undefined,
        lifetimeMs: undefined,
        cpuMillis: 250,
        memoryBytes: 0,
        isHostNetwork: false,
      },
      {
        atMs: 60_000,
        namespace: "default",
        name: "web-2",
        nodeName: "n-2",
        lifetimeMs: 30_000,
        cpuMillis: 0,
        memoryBytes: 0,
        isHostNetwork: true,
      },
    ]);
  });

  test("a line that cannot be used is skipped, counted and told with its place", () => {
    const text = "name,at,lifetime\na,soon,\na,0s,\nb,0s\n,0s,\na,5s,\nc,1s,-5s\nd,1s,1h\n";
    const { pods, errors, skipped, skippedCount } = parseTrace(text, "t.csv");
    expect(errors).toEqual([]);
    expect(pods.map((pod) => pod.name)).toEqual(["a", "d"]);
    expect(skippedCount).toBe(5);
    expect(skipped.map(formatCheckError)).toEqual([
      't.csv:2:3: "soon" is not a duration such as 30s',
      "t.csv:4:1: 2 values in this line, but 3 columns",
      "t.csv:5:1: name is missing",
      "t.csv:6:1: the pod default/a is there twice",
      't.csv:7:6: "-5s" is not a duration such as 30s',
    ]);
  });

  test("of many unusable lines ten are told; of none usable, that is an error", () => {
    const bad = Array.from({ length: 25 }, (_, index) => `p-${index},never\n`).join("");
    const some = parseTrace(`name,at\ngood,0s\n${bad}`, "t.csv");
    expect([some.pods.length, some.errors.length, some.skipped.length, some.skippedCount]).toEqual([1, 0, 10, 25]);
    expect(parseTrace(`name,at\n${bad}`, "t.csv").errors).toHaveLength(10);
  });

  test("a wrong header is an error", () => {
    expect(parseTrace("nmae,at,at\n", "t.csv").errors.map(formatCheckError)).toEqual([
      't.csv:1:1: the column "nmae" is unknown\n  Did you mean name?',
      't.csv:1:1: the column "at" is there twice\n  Remove one of the two.',
      't.csv:1:1: the trace has no column "name"\n  The first line of a trace names its columns, for example: at,name,lifetime',
    ]);
    expect(parseTrace("", "t.csv").errors).toHaveLength(2);
  });
});

test("a column that nothing is near to comes with the list of all", () => {
  const [error] = parseTrace("at,name,zone9\n", "t.csv").errors;
  expect(error?.next).toBe("Columns: at, name, namespace, node, lifetime, cpu, memory, hostNetwork.");
});

describe("the node of a pod", () => {
  const plan = (nodeName: string) =>
    planPods({
      workloads: [],
      manifests: [],
      traces: parseTrace(`at,name,node\n0s,a,${nodeName}\n`, "t.csv").pods,
      nodes: [{ name: "general-1", labels: new Map() }],
      prng: new Prng(1),
      startWallMs: 0,
      durationMs: 1000,
    })[0];

  test("is kept when the cluster has it, else the scheduler's choice", () => {
    expect(plan("general-1")?.nodeName).toBe("general-1");
    expect(plan("general-2")?.nodeName).toBeUndefined();
  });
});

const POD = {
  kind: "Pod",
  metadata: { namespace: "shop", name: "web-1", uid: "u1", creationTimestamp: "2026-03-01T10:00:00Z" },
  spec: {
    nodeName: "n-1",
    containers: [{ resources: { requests: { cpu: "100m", memory: "64Mi" } } }, { resources: { requests: { cpu: 1 } } }],
  },
  status: { phase: "Running", containerStatuses: [{ state: { running: { startedAt: "2026-03-01T10:00:08Z" } } }] },
};
const list = (items: object[], kind = "List") => JSON.stringify({ apiVersion: "v1", kind, items }, null, 1);

function event(pod: string, reason: string, at: string, message = ""): object {
  const involvedObject = { kind: "Pod", namespace: "shop", name: pod, uid: `uid-${pod}` };
  return {
    kind: "Event",
    involvedObject,
    reason,
    message,
    firstTimestamp: at,
    source: { component: "kubelet", host: "n-2" },
  };
}

describe("pods as kubectl prints them", () => {
  test("creation, node, requests; what finished or is being deleted has an end", () => {
    const job = {
      ...POD,
      metadata: { namespace: "shop", name: "job", uid: "u2", creationTimestamp: "2026-03-01T10:01:00Z" },
      status: {
        phase: "Succeeded",
        containerStatuses: [
          { state: { terminated: { startedAt: "2026-03-01T10:01:10Z", finishedAt: "2026-03-01T10:01:40Z" } } },
        ],
      },
    };
    const host = { ...POD, metadata: { ...POD.metadata, uid: "u3", name: "proxy" }, spec: { hostNetwork: true } };
    const { pods, errors } = parseTrace(list([POD, job, host]), "pods.json");
    expect(errors).toEqual([]);
    expect(pods.map((pod) => [pod.name, pod.nodeName, pod.atMs, pod.lifetimeMs, pod.cpuMillis])).toEqual([
      ["proxy", undefined, 0, undefined, 0],
      ["web-1", "n-1", 0, undefined, 1100],
      ["job", "n-1", 60_000, 30_000, 1100],
    ]);
    expect(pods.map((pod) => pod.isHostNetwork)).toEqual([true, false, false]);
  });

  test("what cannot be used is told with its line", () => {
    const bad = { kind: "Pod", metadata: { name: "no-time" } };
    const { pods, skipped, skippedCount } = parseTrace(list([POD, bad, { kind: "Service" }]), "pods.json");
    expect(pods).toHaveLength(1);
    expect(skippedCount).toBe(2);
    expect(skipped.map((one) => one.message)).toEqual([
      "the pod no-time has no creationTimestamp",
      "kind Service: only Pod, Event and Node tell of pods",
    ]);
    const lineOf = (text: string): number =>
      list([POD, bad, { kind: "Service" }])
        .split("\n")
        .findIndex((line) => line.includes(text)) + 1;
    expect(skipped[0]?.line).toBe(lineOf("no-time") - 3);
    expect(skipped[1]?.line).toBe(lineOf("Service") - 1);
  });

  test("a broken text and one without pods are errors", () => {
    expect(parseTrace('{"kind": "List", "items": [', "p.json").errors).toHaveLength(1);
    expect(parseTrace(list([{ kind: "Service" }]), "p.json").errors[0]?.message).toContain("no pod of this JSON");
  });
});

describe("events as kubectl prints them", () => {
  const text = list(
    [
      event("old", "Killing", "2026-03-01T10:00:30Z", "Stopping container main"),
      event("new", "Scheduled", "2026-03-01T10:00:00Z", "Successfully assigned shop/new to n-1"),
      event("new", "Started", "2026-03-01T10:00:05Z"),
      event("new", "Killing", "2026-03-01T10:00:09Z", "Container main failed liveness probe, will be restarted"),
      event("new", "Killing", "2026-03-01T10:01:05Z", "Stopping container main"),
      { kind: "Event", involvedObject: { kind: "Node", name: "n-1" }, reason: "NodeReady" },
    ],
    "EventList",
  );

  test("scheduling, start and end; a pod from before them is there from moment 0", () => {
    const { pods, skippedCount } = parseTrace(text, "events.json");
    expect(skippedCount).toBe(0);
    expect(pods.map((pod) => [pod.name, pod.nodeName, pod.atMs, pod.lifetimeMs])).toEqual([
      ["new", "n-1", 0, 60_000],
      ["old", "n-2", 0, 30_000],
    ]);
  });
});

describe("moment 0", () => {
  test("pods on the host network, as old as their node, do not move it", () => {
    const old = { ...POD.metadata, uid: "u8", name: "proxy", creationTimestamp: "2025-01-01T00:00:00Z" };
    const host = { ...POD, metadata: old, spec: { hostNetwork: true } };
    const late = {
      ...POD,
      metadata: { ...POD.metadata, uid: "u9", name: "late", creationTimestamp: "2026-03-01T10:00:05Z" },
    };
    const at = (items: object[]) => parseTrace(list(items), "pods.json").pods.map((pod) => [pod.name, pod.atMs]);
    expect(at([host, POD, late])).toEqual([
      ["proxy", 0],
      ["web-1", 0],
      ["late", 5_000],
    ]);
    expect(at([host])).toEqual([["proxy", 0]]);
  });
});

describe("names", () => {
  test("a name that comes again is made one of its own; it ends the first where the pod moved", () => {
    const life = (uid: string, node: string, at: string) => ({
      ...POD,
      metadata: { ...POD.metadata, uid, name: "db-0", creationTimestamp: at },
      spec: { nodeName: node, containers: [] },
      status: {},
    });
    const taken = { ...life("u9", "n-9", "2026-03-01T10:00:00Z") };
    taken.metadata = { ...taken.metadata, name: "db-0.2" };
    const { pods } = parseTrace(
      list([life("u1", "n-1", "2026-03-01T10:00:00Z"), life("u2", "n-2", "2026-03-01T10:02:00Z"), taken]),
      "pods.json",
    );
    expect(pods.map((pod) => [pod.name, pod.nodeName, pod.lifetimeMs])).toEqual([
      ["db-0", "n-1", 120_000],
      ["db-0.2", "n-9", undefined],
      ["db-0.3", "n-2", undefined],
    ]);
  });
});
