import { expect, test } from "bun:test";
import { podSuffix } from "./names.ts";

test("suffixes are those of the reference", () => {
  const vectors: readonly (readonly [string, string, string])[] = [
    ["kube-system", "coredns-57ff979f67-qqbdh", "b5faff8a083"],
    ["kube-system", "coredns-57ff979f67-8ns9b", "9571956a6cc"],
    ["default", "sample-pod", "cc21c2d7785"],
    ["default", "web-0", "0d7763386da"],
    ["default", "web-0.1", "b813f772d20"],
    ["", "", "3a52ce78095"],
  ];
  for (const [namespace, pod, suffix] of vectors) expect(podSuffix(namespace, pod)).toBe(suffix);
});
