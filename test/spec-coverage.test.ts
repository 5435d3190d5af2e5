import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { collectProofs, coverageDocument, expandTag, proofsIn, unknownIds } from "./spec-coverage.ts";
import { SPEC_RULES } from "./spec-rules.ts";

describe("rules and their tests", () => {
  test("rule ids are unique", () => {
    expect(new Set(SPEC_RULES.map((rule) => rule.id)).size).toBe(SPEC_RULES.length);
  });

  test("every tag in the repository names a rule or a section", () => {
    expect(unknownIds(collectProofs(join(import.meta.dir, "..")))).toEqual([]);
  });

  test("tags are read from titles and script heads, ranges spelt out", () => {
    expect(expandTag("4.3, 11#1-3, 1.3 MAX_ENI, 10.1#7-10.1#8")).toEqual([
      "4.3",
      "11#1",
      "11#2",
      "11#3",
      "1.3 MAX_ENI",
      "10.1#7",
      "10.1#8",
    ]);
    expect(
      proofsIn("a.test.ts", `test("[ipamd 4.3] low", () => {});\n// [ipamd 4.4] in a comment proves nothing`),
    ).toEqual([{ ids: ["4.3"], file: "a.test.ts", title: "low" }]);
    expect(proofsIn("a.script", "# proves: 4.3, 11#13\n")).toEqual([
      { ids: ["4.3", "11#13"], file: "a.script", title: "" },
    ]);
  });

  test("a wrong id is noticed, and a rule without a test is called missing", () => {
    const proof = { ids: ["4.3", "4.99"], file: "a.test.ts", title: "low" };
    expect(unknownIds([proof])).toEqual(["a.test.ts: 4.99"]);
    const text = coverageDocument([proof]);
    expect(text).toContain("| 4.3 | max pods, targets, units | `a.test.ts`: low |");
    expect(text).toContain("| 4.6 | freeable CIDRs of any kind, one call per ENI and kind | **missing** |");
    expect(text).toContain(`1 of ${SPEC_RULES.length} rules`);
  });
});
