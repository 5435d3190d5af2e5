import { expect, test } from "bun:test";
import type { PodFact } from "../../facts/model.ts";
import { distinctPods } from "./same-pods.ts";

const pod = (given: Partial<PodFact>): PodFact => ({
  namespace: "shop",
  name: "web-1",
  phase: "Pending",
  isHostNetwork: false,
  isReady: false,
  wantsBranchEni: false,
  annotations: new Map(),
  labels: new Map(),
  containers: [],
  at: { file: "pods.txt" },
  ...given,
});

test("one pod of three files is one, as its fullest description has it, gaps filled from the others", () => {
  const dump = pod({ labels: new Map([["app", "web"]]), node: "n1", at: { file: "pods.json" } });
  const row = pod({ node: "n2", waitingReason: "ContainerCreating" });
  const described = pod({ wantsBranchEni: true });
  for (const order of [
    [dump, row, described],
    [described, row, dump],
  ]) {
    expect(distinctPods(order)).toMatchObject([
      { node: "n1", waitingReason: "ContainerCreating", wantsBranchEni: true, at: { file: "pods.json" } },
    ]);
  }
});

test("pods of one name in two namespaces are two", () => {
  expect(distinctPods([pod({}), pod({ namespace: "bank" })])).toHaveLength(2);
});
