import { describe, expect, test } from "bun:test";
import type { PodSpec } from "../cluster/index.ts";
import type { SimPod } from "./fleet-state.ts";
import { Unplaced } from "./unplaced.ts";

const [small, large] = ["small", "large"].map((workloadName) => ({ workloadName }) as PodSpec);

function pod(slot: number, spec: PodSpec | undefined, cameMs: number, nodeName?: string): SimPod {
  return { slot, spec, cameMs, nodeName } as SimPod;
}

describe("pods that find no node", () => {
  test("the one that came first of all kinds is tried first; a kind that finds no room is not tried again", () => {
    const unplaced = new Unplaced();
    const pods = [pod(0, small, 1), pod(1, large, 2), pod(2, small, 3), pod(3, large, 4), pod(4, small, 5)];
    for (const one of pods) unplaced.add(one);
    expect([...unplaced.waiting()].map(([spec, count]) => [spec.workloadName, count])).toEqual([
      ["small", 3],
      ["large", 2],
    ]);
    const tried: number[] = [];
    unplaced.placeAll(({ slot, spec }) => {
      tried.push(slot);
      return spec === small && slot < 4;
    });
    expect(tried).toEqual([0, 1, 2, 4]);
    expect(unplaced.count).toBe(3);
  });

  test("pods that name their node are tried each, and any may leave", () => {
    const unplaced = new Unplaced();
    const pods = [pod(0, small, 1, "a"), pod(1, small, 1, "b"), pod(2, small, 1), pod(3, small, 1)];
    for (const one of pods) unplaced.add(one);
    unplaced.delete(pods[2]!);
    const tried: number[] = [];
    unplaced.placeAll(({ slot }) => {
      tried.push(slot);
      return slot === 1;
    });
    expect(tried).toEqual([0, 1, 3]);
    expect([unplaced.count, [...unplaced.waiting()].length]).toEqual([2, 1]);
    unplaced.delete(pods[0]!);
    unplaced.delete(pods[0]!);
    expect(unplaced.count).toBe(1);
  });
});
