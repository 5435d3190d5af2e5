import { expect, test } from "bun:test";
import { baselineOf, fingerprint, parseBaseline, withoutKnown } from "./baseline.ts";
import type { Finding } from "./rule.ts";
import { RULES } from "./rules/index.ts";

const [rule, other] = RULES as [Finding["rule"], Finding["rule"]];

function finding(message: string, line: number, of = rule): Finding {
  return { rule: of, message, at: { file: "values.yaml", line } };
}

test("a known finding stays known when its line moves, and a new one is new", () => {
  const baseline = baselineOf([finding("MAX_ENI=0 counts as not set.", 4)]);
  const moved = finding("MAX_ENI=0 counts as not set.", 40);
  const fresh = finding("MAX_ENI=-1 counts as not set.", 4);
  const result = withoutKnown([moved, fresh, finding(moved.message, 4, other)], baseline);
  expect(result.findings.map((one) => [one.rule.code, one.message])).toEqual([
    [rule.code, fresh.message],
    [other.code, moved.message],
  ]);
  expect([result.knownCount, result.stale.length]).toEqual([1, 0]);
});

test("one entry knows one finding: a second of the same kind is new", () => {
  const one = finding("the same", 4);
  const result = withoutKnown([one, finding("the same", 9)], baselineOf([one]));
  expect([result.findings.length, result.knownCount]).toEqual([1, 1]);
});

test("an entry that no finding meets is named, so that the baseline can shrink", () => {
  expect(withoutKnown([], baselineOf([finding("gone", 4)])).stale.map((one) => one.file)).toEqual(["values.yaml"]);
});

test("what is written is read again; anything else is refused with the reason", () => {
  const baseline = baselineOf([finding("a", 1), finding("b", 2)]);
  expect(parseBaseline(JSON.stringify(baseline))).toEqual({ baseline });
  expect(parseBaseline("{")).toHaveProperty("problem");
  expect(parseBaseline('{"schema":"slash28/lint-baseline/2","findings":[]}')).toHaveProperty("problem");
});

test("the fingerprint is the same on every machine and in every version", () => {
  expect(fingerprint({ ...finding("a", 1), rule: { ...rule, code: "PD1001" } })).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprint(finding("a", 1))).toBe(fingerprint(finding("a", 2)));
  expect(fingerprint(finding("a", 1))).not.toBe(fingerprint(finding("b", 1)));
});
