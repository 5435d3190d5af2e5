import { expect, test } from "bun:test";
import fc from "fast-check";
import { findJsonMistake, findJsonPath } from "./json-position.ts";

test("a valid document has no mistake", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(findJsonMistake(text)).toBeUndefined();
    }),
  );
});

test("the scanner and JSON.parse agree on what is valid", () => {
  const jsonish = fc.string({ unit: fc.constantFrom(...'{}[],:"\\u0aE1-+.truefalsn \n') });
  const cut = fc.json({ maxDepth: 3 }).chain((text) => fc.nat(text.length).map((length) => text.slice(0, length)));
  fc.assert(
    fc.property(fc.oneof(jsonish, cut), (text) => {
      let isValid = true;
      try {
        JSON.parse(text);
      } catch {
        isValid = false;
      }
      expect(findJsonMistake(text) === undefined).toBe(isValid);
    }),
    { numRuns: 1000 },
  );
});

test("a truncated document is reported at its end, with the line that opened it", () => {
  const mistake = findJsonMistake('{\n  "Subnets": [\n    { "SubnetId": "subnet-a" }');
  expect(mistake).toEqual({
    line: 3,
    column: 31,
    message: 'the text ends too early: expected "," or "]" (opened at line 2, column 14)',
  });
});

test("a path is found at the line and column of its value, or of the nearest value that exists", () => {
  const text = '{\n  "Subnets": [\n    { "CidrBlock": "10.0.0.0/24" },\n    { "CidrBlock": 7 }\n  ]\n}';
  expect(findJsonPath(text, ["Subnets", 1, "CidrBlock"])).toEqual({ line: 4, column: 20 });
  expect(findJsonPath(text, ["Subnets", 0, "VpcId"])).toEqual({ line: 3, column: 5 });
  expect(findJsonPath(text, ["Vpcs"])).toEqual({ line: 1, column: 1 });
});
