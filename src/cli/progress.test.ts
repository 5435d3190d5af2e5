// The bar says how far, in megabytes, and never breaks the line.

import { expect, test } from "bun:test";
import { progressLine } from "./progress.ts";

test("the bar fills with the bytes, and the line fits the terminal", () => {
  const half = progressLine({ done: 50e6, total: 100e6, label: "MB, 1 of 2 files: a.log" }, 80);
  expect(half).toBe(`[${"#".repeat(14)}${"-".repeat(14)}] 50/100 MB, 1 of 2 files: a.log`);
  expect(progressLine({ done: 200e6, total: 100e6, label: "x" }, 80)).toStartWith(`[${"#".repeat(28)}]`);
  expect(progressLine({ done: 1, total: 2, label: "x".repeat(200) }, 60)).toHaveLength(59);
});

test("where the whole is not known, what is read stands alone", () => {
  expect(progressLine({ done: 3, total: 0, label: "kubernetes:nodes" }, 80)).toBe("kubernetes:nodes");
});
