// Random histories of a node: pods come and go, sandboxes change, verifications run, and now and then the kernel refuses or the agent
// dies. What is known of the pods decides what must stand; nobody asks the datapath for it.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { fakeLab } from "../../test/datapath/kernel-lab.ts";
import { removalOf, WiringNode } from "../../test/datapath/wiring-node.ts";
import { checkPod } from "./check.ts";
import { reconcileHost } from "./host.ts";
import { wirePod } from "./pods.ts";
import type { FakeKernel } from "./testing/fake-kernel.ts";
import { Death, type Fault, FaultyKernel } from "./testing/faulty-kernel.ts";
import { hostState } from "./testing/state.ts";
import type { PodWiring } from "./types.ts";
import { removeLink, unwirePod } from "./unwire.ts";

const POD_COUNT = 4;
const fault = fc.option(
  fc.record({
    kind: fc.constantFrom("refused", "lost before", "lost after", "death before", "death after"),
    at: fc.nat(18),
  }),
  { nil: undefined, freq: 2 },
);
const step = fc.record({
  what: fc.constantFrom("ADD", "ADD", "DEL", "new sandbox", "verify"),
  pod: fc.nat(POD_COUNT - 1),
  table: fc.constantFrom(254, 2),
  fault,
});

test("after any history every pod that was added stands, and of the others nothing is left", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const lab = fakeLab();
      const plain = lab.kernel as FakeKernel;
      const faulty = new FaultyKernel(plain);
      const node = new WiringNode({ ...lab, kernel: faulty });
      const state = () => hostState(plain, [2, 3]);
      reconcileHost(faulty, node.hostWiring());
      const empty = state();
      const pods: PodWiring[] = [];
      const added = new Set<number>();
      const sandboxOf = (pod: number, table: number) =>
        node.pod(`p${pod}-${++made}`, `10.0.101.${pod}`, { podName: `web-${pod}`, routeTableId: table });
      const lingering: PodWiring[] = [];
      let made = 0;
      const end = (pod: number) => {
        const sandbox = pods[pod];
        if (sandbox === undefined) return;
        expect(unwirePod(faulty, removalOf(sandbox))).toEqual([]);
        lab.removeNamespace(sandbox.netnsPath.replace("/fake/", ""));
        removeLink(faulty, removalOf(sandbox));
        added.delete(pod);
        delete pods[pod];
      };
      /** True when it went through. */
      const attempt = (given: Fault | undefined, work: () => boolean): boolean => {
        faulty.arm(given);
        try {
          return work();
        } catch (error) {
          if (!(error instanceof Death)) throw error;
          return false;
        } finally {
          faulty.arm(undefined);
        }
      };
      for (const { what, pod, table, fault: given } of steps) {
        if (what === "verify") {
          const known = [...added].map((one) => pods[one]!);
          attempt(given, () => reconcileHost(faulty, node.hostWiring(...known)).problems.length === 0);
        } else if (what === "DEL") {
          const sandbox = pods[pod];
          if (sandbox !== undefined) attempt(given, () => unwirePod(faulty, removalOf(sandbox)).length === 0);
          end(pod);
        } else {
          const old = pods[pod];
          // The runtime had its DEL; its namespace lives on until the end.
          if (what === "new sandbox" && old !== undefined) {
            expect(unwirePod(faulty, removalOf(old))).toEqual([]);
            lingering.push(old);
            added.delete(pod);
          }
          if (what === "new sandbox" || pods[pod] === undefined) pods[pod] = sandboxOf(pod, table);
          const sandbox = pods[pod]!;
          const isWired = attempt(given, () => wirePod(faulty, sandbox).kind === "wired");
          if (isWired) added.add(pod);
          // An ADD that failed is tried again or ended; here it is ended.
          else if (!added.has(pod)) end(pod);
          else expect(wirePod(faulty, sandbox).kind).toBe("wired");
        }
        for (const one of added) expect(checkPod(faulty, pods[one]!)).toEqual([]);
      }
      for (let pod = 0; pod < POD_COUNT; pod++) end(pod);
      for (const old of lingering) lab.removeNamespace(old.netnsPath.replace("/fake/", ""));
      expect(reconcileHost(faulty, node.hostWiring()).problems).toEqual([]);
      expect(state()).toEqual(empty);
    }),
    { numRuns: 300 },
  );
});
