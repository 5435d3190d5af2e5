import { describe, expect, test } from "bun:test";
import { kubectlPods, parseTrace } from "../cluster/index.ts";
import { START_MS } from "../diagnose/readers/logs/testing/read-log.ts";
import type { NodeHistory } from "./log-history.ts";
import { addLines, delLines, historyOf, idle, sandboxId } from "./testing/read-history.ts";
import { type TraceInput, traceOf } from "./trace-document.ts";
import { traceCsv, traceTable, traceTalk } from "./trace-forms.ts";

const WEB = { id: sandboxId("a1"), name: "web-0" };
const JOB = { id: sandboxId("b2"), name: "job-1" };

const on = (node: string | undefined, history: NodeHistory): NodeHistory => ({ ...history, node });
const input = (histories: NodeHistory[], over: Partial<TraceInput> = {}): TraceInput => ({
  histories,
  kubectl: [],
  nodeGroup: undefined,
  ...over,
});
const csv = (given: TraceInput): string => [...traceCsv(traceOf(given))].join("");
const wall = (second: number) => new Date(START_MS + second * 1000).toISOString();

describe("the CSV", () => {
  test("counts from the first event, and reads back as what it was", () => {
    const history = on(
      "ip-1",
      historyOf([[idle("json", 0), ...addLines("json", WEB, 30), ...delLines("json", WEB, 90)]]),
    );
    const text = csv(input([history]));
    expect(text).toBe(
      `# slash28 trace: moment 0 is 2024-01-02T03:04:35Z; 1 pod of 1 node
at,name,namespace,node,lifetime,cpu,memory,hostNetwork
0s,web-0,shop,ip-1,59s,,,
`,
    );
    const { pods, errors, skippedCount } = parseTrace(text, "t.csv");
    expect([errors.length, skippedCount]).toEqual([0, 0]);
    expect(pods).toEqual([...traceOf(input([history])).pods]);
  });

  test("nodes can be called as a node group calls its own", () => {
    const histories = ["ip-9", "ip-10"].map((node, index) =>
      on(node, historyOf([addLines("json", { id: sandboxId(`e${index}`), name: `p-${index}` }, index)])),
    );
    const trace = traceOf(input(histories, { nodeGroup: "general" }));
    expect(trace.pods.map((pod) => [pod.name, pod.nodeName])).toEqual([
      ["p-0", "general-2"],
      ["p-1", "general-1"],
    ]);
    expect(trace.document.nodes.map((node) => [node.name, node.source, node.pods])).toEqual([
      ["general-1", "ip-10", 1],
      ["general-2", "ip-9", 1],
    ]);
  });
});

describe("several sources of one node", () => {
  test("what one set of logs begins another one ends; a sandbox in both is one pod", () => {
    const archive = historyOf([
      [...addLines("json", WEB, 0), ...addLines("json", JOB, 5), ...delLines("json", JOB, 9)],
    ]);
    const folder = historyOf([
      [...addLines("json", JOB, 5), ...delLines("json", JOB, 9), idle("json", 20), ...delLines("json", WEB, 40)],
    ]);
    const { pods, document } = traceOf(input([on("n-1", folder), on("n-1", archive)]));
    expect(pods.map((pod) => [pod.name, pod.atMs, pod.lifetimeMs])).toEqual([
      ["web-0", 0, 39_000],
      ["job-1", 5_000, 3_000],
    ]);
    expect(document.counts).toMatchObject({ pods: 2, repeatedSandboxes: 2 });
  });

  test("kubectl adds what a pod asks for, pods that no line names, and the names of nodes", () => {
    const pod = (name: string, created: number, uid: string, over: object = {}) => ({
      kind: "Pod",
      metadata: { namespace: "shop", name, uid, creationTimestamp: wall(created) },
      spec: { nodeName: "ip-1", containers: [{ resources: { requests: { cpu: "100m", memory: "1Mi" } } }], ...over },
      status: {},
    });
    const text = JSON.stringify({
      kind: "List",
      items: [
        pod("web-0", 29, "u1"),
        pod("always", -99_999, "u2"),
        pod("kube-proxy", -99_999, "u3", { hostNetwork: true, containers: [] }),
        { kind: "Node", metadata: { name: "ip-1" }, spec: { providerID: "aws:///us-west-2a/i-0123456789abcdef0" } },
        { kind: "Pod", metadata: { name: "broken" } },
      ],
    });
    const history = on("i-0123456789abcdef0", historyOf([[idle("json", 0), ...addLines("json", WEB, 30)]]));
    const { pods, document } = traceOf(
      input([history], { kubectl: [{ file: "p.json", pods: kubectlPods(text, "p.json", 9) }] }),
    );
    expect(pods.map((one) => [one.name, one.nodeName, one.atMs, one.cpuMillis, one.isHostNetwork])).toEqual([
      ["always", "ip-1", 0, 100, false],
      ["kube-proxy", "ip-1", 0, 0, true],
      ["web-0", "ip-1", 0, 100, false],
    ]);
    expect(document.nodes.map((node) => [node.name, node.pods, node.adds])).toEqual([["ip-1", 3, 1]]);
    expect(document.counts).toMatchObject({ addressPods: 2, fromBefore: 2, unusableObjects: 1 });
    expect(document.unusable[0]).toMatchObject({ file: "p.json", why: "the pod broken has no creationTimestamp" });
  });
});

test("a span of the history: what came before is there at its beginning, what ends after has no end", () => {
  const pods = ["gone", "long", "inside", "late"].map((name, index) => ({ id: sandboxId(`c${index}`), name }));
  const [gone, long, inside, late] = pods as [typeof WEB, typeof WEB, typeof WEB, typeof WEB];
  const history = historyOf([
    [
      ...addLines("json", gone, 0),
      ...addLines("json", long, 2),
      ...delLines("json", gone, 10),
      ...addLines("json", inside, 60),
      ...delLines("json", inside, 80),
      ...delLines("json", long, 120),
      ...addLines("json", late, 130),
    ],
  ]);
  const span = { fromMs: START_MS + 20_000, toMs: START_MS + 100_000 };
  const trace = traceOf(input([on("ip-1", history)], span));
  expect(trace.pods.map((pod) => [pod.name, pod.atMs, pod.lifetimeMs])).toEqual([
    ["long", 0, undefined],
    ["inside", 40_000, 19_000],
  ]);
  expect(trace.document).toMatchObject({ start: "2024-01-02T03:04:25Z", counts: { pods: 2, fromBefore: 1 } });
});

test("a trace lasts as long as its logs: a pod that asks in vain to their end asks that long in a replay", () => {
  const poor = { id: sandboxId("f1"), name: "poor" };
  const history = on("ip-1", historyOf([[...addLines("json", poor, 1, false), idle("json", 30)]]));
  const { document } = traceOf(input([history]));
  expect(document.durationMs).toBeGreaterThanOrEqual(29_000);
  expect(traceOf(input([history], { toMs: START_MS + 20_000 })).document.durationMs).toBeLessThanOrEqual(20_000);
});

test("a log that tells no node is called after its file, after its path where two files are called the same", () => {
  const at = (file: string, id: string): NodeHistory => ({
    ...on(undefined, historyOf([addLines("json", { id: sandboxId(id), name: id }, 1)])),
    files: [file],
  });
  const names = (...histories: NodeHistory[]) => traceOf(input(histories)).document.nodes.map((node) => node.name);
  expect(names(at("/var/x/cut.log", "a1"), at("/var/x/b.log.gz", "b1"))).toEqual(["b", "cut"]);
  expect(names(at("/x/cut.log", "a1"), at("/y/cut.log", "b1"))).toEqual(["/x/cut", "/y/cut"]);
});

test("standard error says all that the logs do not tell", () => {
  const odd = historyOf([
    [
      idle("json", 0),
      ...delLines("json", JOB, 10),
      "garbage",
      ...addLines("json", WEB, 20),
      ...addLines("json", WEB, 25),
      ...addLines("json", { id: sandboxId("f1"), name: "poor" }, 30, false),
      idle("json", 3600),
      idle("json", 60),
    ],
  ]);
  const trace = traceOf(input([on("ip-1", odd)]));
  expect(traceTalk(trace)).toEqual([
    "moment 0 is 2024-01-02T03:04:15Z; 3 pods of 1 node over 59m 50s: run.duration of a cluster file that replays it",
    "1 DELs without an ADD: those pods are there from the beginning of the logs, or from the end of a gap",
    "1 ADDs without a DEL: those pods still run when the logs end, and have no lifetime",
    "1 pods never got an address: they are in the trace, for as long as they asked",
    "1 ADDs were for a sandbox that had its address: they are no pods of their own",
    "ip-1: nothing from 2024-01-02T03:04:36Z to 2024-01-02T04:04:05Z (ipamd-0.log:15): rotated logs are missing, and pods of that time may be, too",
    "ip-1: the clock went back by 59m (ipamd-0.log:16): time goes on from there",
    "1 lines and objects could not be used:",
    "  ipamd-0.log:5: is no line of a log: garbage",
  ]);
  expect(traceTable(trace)).toContain(
    "  ip-1     3     3        1     1       1       1     1            1     16         1\n",
  );
});
