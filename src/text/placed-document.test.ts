import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonPath } from "./json-position.ts";
import { embedded, type PlacedDocument, type PlacedDocuments, placeJson, placeYaml } from "./placed-document.ts";

function only(found: PlacedDocuments): PlacedDocument {
  expect(found.errors).toEqual([]);
  expect(found.documents).toHaveLength(1);
  return found.documents[0] as PlacedDocument;
}

function at(document: PlacedDocument, path: JsonPath): string {
  const { line, column } = document.place(path);
  return `${line}:${column}`;
}

/** Deletes the entry at the path, as a fix would. */
function without(text: string, document: PlacedDocument, path: JsonPath): string {
  const { entry } = document.place(path);
  if (entry === undefined) return "not deletable";
  return text.slice(0, entry.start) + text.slice(entry.end);
}

test("values of JSON stand where they stand, also in lists and after strings with brackets", () => {
  const text = '{\n  "a}": ["x", {"b": "1"}],\n  "c": 2\n}\n';
  const document = only(placeJson(text, "f.json"));
  expect(at(document, ["a}", 1, "b"])).toBe("2:21");
  expect(at(document, ["c"])).toBe("3:8");
  const { start, end } = document.place(["a}", 1, "b"]);
  expect(text.slice(start, end)).toBe('"1"');
  expect(document.place(["c", "deeper"]).isExact).toBe(false);
});

test("two JSON documents in one text are two documents, and junk after them is an error with its line", () => {
  expect(placeJson('{"a": 1}\n{"b": 2}\n', "f").documents.map((one) => one.value)).toEqual([{ a: 1 }, { b: 2 }]);
  const broken = placeJson('{"a": 1}\n{"b": 2,\n', "f");
  expect(broken.documents).toHaveLength(1);
  expect(broken.errors[0]?.line).toBe(3);
});

test("deleting an entry of JSON leaves the others, whatever the layout", () => {
  const values = fc.dictionary(fc.constantFrom("A", "B", "C", "D"), fc.constantFrom("1", 'q"}', "x,y", ""), {
    minKeys: 1,
  });
  fc.assert(
    fc.property(values, fc.constantFrom(0, 2, "\t"), fc.nat(), (env, indent, pick) => {
      const text = JSON.stringify({ env, z: [1] }, undefined, indent);
      const key = Object.keys(env)[pick % Object.keys(env).length] as string;
      const left = JSON.parse(without(text, only(placeJson(text, "f")), ["env", key])) as { env: unknown };
      const { [key]: gone, ...others } = env;
      expect(gone).toBeDefined();
      expect(left.env).toEqual(others);
    }),
  );
});

const MANIFEST = `# head
env:
  # why A
  A: "1" # because
  B: 'two'
  C: {x: 1, y: 2, z: 3} # flow
  D: yes
list:
  - name: P
    value: "1"
  # about Q
  - name: Q
    value: "2"
  - {name: R, value: "3"}
merged: &m
  E: "5"
  F: "6"
other:
  <<: *m
  G: "7"
---
second: true
`;

test("values of YAML stand where they stand, through documents, flow maps, aliases and merges", () => {
  const { documents, errors } = placeYaml(MANIFEST, "f.yaml");
  const [document, second] = documents as [PlacedDocument, PlacedDocument];
  expect(errors).toEqual([]);
  expect(at(document, ["env", "A"])).toBe("4:6");
  expect(at(document, ["env", "C", "y"])).toBe("6:16");
  expect(at(document, ["list", 1, "value"])).toBe("13:12");
  expect(document.place(["env", "D"]).isBare).toBe(true);
  expect(at(second, ["second"])).toBe("22:9");
  expect((document.value as { other: unknown }).other).toEqual({ E: "5", F: "6", G: "7" });
  expect(document.place(["other", "E"])).toMatchObject({ isExact: false, entry: undefined, line: 19 });
});

test("deleting an entry of YAML takes its lines and leaves the comments of others", () => {
  const document = placeYaml(MANIFEST, "f.yaml").documents[0] as PlacedDocument;
  expect(without(MANIFEST, document, ["env", "A"])).toBe(MANIFEST.replace('  A: "1" # because\n', ""));
  expect(without(MANIFEST, document, ["env", "C"])).toBe(MANIFEST.replace("  C: {x: 1, y: 2, z: 3} # flow\n", ""));
  expect(without(MANIFEST, document, ["env", "C", "y"])).toBe(MANIFEST.replace("y: 2, ", ""));
  expect(without(MANIFEST, document, ["env", "C", "z"])).toBe(MANIFEST.replace(", z: 3", ""));
  expect(without(MANIFEST, document, ["list", 1])).toBe(MANIFEST.replace('  - name: Q\n    value: "2"\n', ""));
  expect(without(MANIFEST, document, ["list", 2])).toBe(MANIFEST.replace('  - {name: R, value: "3"}\n', ""));
  // Of two keys on the line of a list's dash neither goes alone with it; a map's only key would leave null behind.
  expect(without(MANIFEST, document, ["list", 1, "name"])).toBe("not deletable");
  expect(without("env:\n  A: 1\n", only(placeYaml("env:\n  A: 1\n", "f")), ["env", "A"])).toBe("not deletable");
});

test("deleting a block scalar takes its lines, not the next key", () => {
  const text = "env:\n  A: |\n    {}\n  B: 1\n";
  expect(without(text, only(placeYaml(text, "f")), ["env", "A"])).toBe("env:\n  B: 1\n");
});

test("JSON in a block of YAML has places in the YAML, and deletes there", () => {
  const text =
    'addons:\n  - name: vpc-cni\n    configurationValues: |\n      {\n        "env": {\n          "A": "1",\n          "B": 2\n        }\n      }\n  - name: x\n';
  const outer = only(placeYaml(text, "f.yaml"));
  const inner = only(embedded(outer, ["addons", 0, "configurationValues"], "json"));
  expect(inner.place(["env", "B"])).toMatchObject({ line: 7, column: 16, isVerbatim: true });
  const { start, end } = inner.place(["env", "A"]);
  expect(text.slice(start, end)).toBe('"1"');
  expect(without(text, inner, ["env", "A"])).toBe(text.replace('          "A": "1",\n', ""));
  expect(without(text, inner, ["env", "B"])).toBe(text.replace(',\n          "B": 2', ""));
});

test("YAML in a block of YAML deletes its last line without touching what follows", () => {
  const text = "values: |\n    env:\n      A: 1\n      B: 2\nnext: 1\n";
  const inner = only(embedded(only(placeYaml(text, "f")), ["values"], "yaml"));
  expect(without(text, inner, ["env", "B"])).toBe("values: |\n    env:\n      A: 1\nnext: 1\n");
});

test("JSON in a quoted string keeps its places through the escapes, but is not for replacing", () => {
  const text = '{\n "addon": {"configurationValues": "{\\"env\\":{\\"A\\":\\"1\\",\\"B\\":\\"2\\"}}"}\n}';
  const inner = only(embedded(only(placeJson(text, "f")), ["addon", "configurationValues"], "json"));
  expect(inner.place(["env", "B"])).toMatchObject({ line: 2, isVerbatim: false });
  expect(text.slice(inner.place(["env", "B"]).start, inner.place(["env", "B"]).end)).toBe('\\"2\\"');
  const left = JSON.parse(without(text, inner, ["env", "A"])) as { addon: { configurationValues: string } };
  expect(JSON.parse(left.addon.configurationValues)).toEqual({ env: { B: "2" } });
});

test("folded JSON is placed by its visible characters", () => {
  const text = 'v: >-\n  {"env":\n    {"A": "1",\n    "B": "2"}}\n';
  const inner = only(embedded(only(placeYaml(text, "f")), ["v"], "json"));
  expect(inner.place(["env", "B"])).toMatchObject({ line: 4, column: 10, isVerbatim: false });
});

test("a mistake inside an embedded text is reported at its line of the file", () => {
  const text = 'v: |\n  {\n    "a": 1,\n    "b" 2\n  }\n';
  const { errors } = embedded(only(placeYaml(text, "f")), ["v"], "json");
  expect(errors).toEqual([{ file: "f", line: 4, column: 9, message: 'expected ":"' }]);
  expect(placeYaml("a: 1\nb: [1\nc: 2\n", "f").errors[0]?.line).toBeGreaterThanOrEqual(2);
});

test("no text throws", () => {
  const yamlish = fc.string({ unit: fc.constantFrom(..."{}[]:,-#&*!|>'\"% \n\tab1<?") });
  const values = fc.oneof(yamlish, fc.string({ unit: "grapheme" }), fc.json());
  fc.assert(
    fc.property(values, (text) => {
      for (const document of [...placeJson(text, "f").documents, ...placeYaml(text, "f").documents]) {
        document.place([]);
        document.place(["a", 0]);
        if (typeof document.value === "object" && document.value !== null)
          for (const key of Object.keys(document.value)) {
            document.place([key]);
            embedded(document, [key], "yaml");
          }
      }
    }),
    { numRuns: 2000 },
  );
  expect(placeYaml(`${"[".repeat(20_000)}`, "f").errors.length).toBeGreaterThan(0);
  expect(placeJson(`${"[".repeat(200_000)}`, "f").errors.length).toBeGreaterThan(0);
});
