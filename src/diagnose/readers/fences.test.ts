// A paste with fences comes apart without its line numbers moving.

import { describe, expect, test } from "bun:test";
import { fencedPaste } from "./fences.ts";

const PASTE = ["It fails:", "```yaml", "kind: ENIConfig", "```", "and the log", "```", "line of a log", "```", ""].join(
  "\n",
);

describe("fencedPaste", () => {
  test("each fence keeps the line numbers of the whole", () => {
    const fences = fencedPaste(PASTE)?.fences ?? [];
    expect(fences.map((one) => one.split("\n").findIndex((line) => line !== ""))).toEqual([2, 6]);
    expect(fences.map((one) => one.trim())).toEqual(["kind: ENIConfig", "line of a log"]);
  });

  test("a fence that a reader took is blank in the rest", () => {
    const rest = fencedPaste(PASTE)?.without([0]).split("\n") ?? [];
    expect(rest[2]).toBe("");
    expect(rest[6]).toBe("line of a log");
    expect(rest.length).toBe(PASTE.split("\n").length);
  });

  test("a text without a closed fence is no paste", () => {
    expect(fencedPaste("```\nopen to the end")).toBeUndefined();
    expect(fencedPaste("plain")).toBeUndefined();
  });
});
