import { expect, test } from "bun:test";
import { NO_FACTS } from "../facts/merge.ts";
import type { LogDigest, Starvation } from "../facts/model.ts";
import { starvingNodes } from "./starving.ts";

const at = { file: "ipamd.log", line: 7 };

function run(more: Partial<Starvation> = {}): Starvation {
  return {
    refusalCount: 1,
    at,
    text: "DataStore has no available IP/Prefix addresses",
    growthStartCount: 0,
    growthDoneCount: 0,
    eniLimitCount: 0,
    backoffCount: 0,
    cordonedCount: 0,
    terminatingCount: 0,
    ec2ErrorCount: 0,
    endedBy: "end",
    ...more,
  };
}

function log(node: string, starvations: Starvation[]): LogDigest {
  return {
    node,
    files: ["ipamd.log"],
    lineCount: 10,
    hasDebug: true,
    isExcerpt: false,
    pool: [],
    starvations,
    starts: [],
    refusalCount: 1,
    successCount: 0,
  };
}

test("the runs of a node's logs are one entry, with its span and its longest run", () => {
  const facts = {
    ...NO_FACTS,
    logs: [
      log("a", [run({ firstMs: 1000, lastMs: 4000, recoveredMs: 9000, endedBy: "address" })]),
      log("b", []),
      log("a", [run({ firstMs: 20_000, lastMs: 26_000, refusalCount: 5 })]),
    ],
  };
  const [only, ...others] = starvingNodes(facts);
  expect(others).toEqual([]);
  expect(only).toMatchObject({ node: "a", refusalCount: 6, longestMs: 8000, isOngoing: true });
  expect(only?.occurrences).toEqual({ count: 6, firstMs: 1000, lastMs: 26_000 });
});
