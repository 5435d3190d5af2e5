import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseDocument } from "yaml";
import { loadHcl } from "../collect/hcl.ts";
import { collect } from "../collect/index.ts";
import { caseFolder } from "../collect/testing/case-folder.ts";
import { terraformReader } from "../readers/config/index.ts";
import { applyEdits, editsByFile } from "./fix.ts";
import { runLint } from "./lint.ts";

const edit = (start: number, end: number, text: string) => ({ file: "a", start, end, text });

describe("edits", () => {
  test("apply in any order, offsets being those of the text as given", () => {
    expect(applyEdits("one two three", [edit(8, 13, "3"), edit(0, 3, "1")]).text).toBe("1 two 3");
  });

  test("two that touch the same characters: the first applies, the other is said", () => {
    const { text, applied, skipped } = applyEdits("abcdef", [edit(1, 4, ""), edit(3, 5, "")]);
    expect([text, applied.length, skipped]).toEqual(["aef", 1, [edit(3, 5, "")]]);
  });

  test("equal ones count once, and one outside the text is left out", () => {
    const { text, applied, skipped } = applyEdits("abc", [edit(0, 1, ""), edit(0, 1, ""), edit(2, 9, "")]);
    expect([text, applied.length, skipped.length]).toEqual(["bc", 1, 1]);
  });
});

/** Lints the text, fixes it, and lints again. */
async function fixed(name: string, text: string): Promise<{ text: string; codes: string[]; left: string[] }> {
  const folder = caseFolder();
  try {
    const path = folder.put(name, text);
    // Terraform has a reader that is loaded first; the other forms are the collector's own.
    const options = { paths: [path], ...(name.endsWith(".tf") ? { readers: [terraformReader(await loadHcl())] } : {}) };
    const before = runLint(await collect(options));
    const { text: after } = applyEdits(text, editsByFile(before).get(path) ?? []);
    folder.put(name, after);
    const facts = await collect(options);
    expect(facts.unread).toEqual([]);
    const left = runLint(facts).filter((finding) => finding.fix !== undefined);
    return { text: after, codes: before.map((one) => one.rule.code), left: left.map((one) => one.rule.code) };
  } finally {
    folder.remove();
  }
}

describe("what --fix writes", () => {
  test("an inert entry goes with its line; comments and the rest stay as they are", async () => {
    const values = [
      "# pods per node are about 30",
      "env:",
      '  ENABLE_PREFIX_DELEGATION: "true"  # since March',
      '  WARM_ENI_TARGET: "2"',
      "  # the usual number",
      '  MINIMUM_IP_TARGET: "32"',
      "  WARM_IP_TARGET: 4",
      "  ENABLE_SUBNET_DISCOVERY: ' false'",
      "",
    ];
    const result = await fixed("values.yaml", values.join("\n"));
    const expected = values.filter((line) => !line.includes("WARM_ENI_TARGET"));
    expect(result.text).toBe(expected.join("\n").replace("' false'", '"false"'));
    expect(result.left).toEqual([]);
  });

  test("bare values of an add-on's JSON get quotes", async () => {
    const result = await fixed("cni.json", '{"env": {"WARM_IP_TARGET": 4, "MINIMUM_IP_TARGET": 32}}\n');
    expect(result.text).toBe('{"env": {"WARM_IP_TARGET": "4", "MINIMUM_IP_TARGET": "32"}}\n');
  });

  test("neighbours in JSON go one after the other, and the rest stays valid", async () => {
    const all = ["ENABLE_IPv4", "ENABLE_IPv6", "WARM_IP_TARGET", "MINIMUM_IP_TARGET", "WARM_ENI_TARGET"];
    const values: Record<string, string> = {
      ENABLE_IPv4: "false",
      ENABLE_IPv6: "true",
      WARM_IP_TARGET: "5",
      MINIMUM_IP_TARGET: "16",
      WARM_ENI_TARGET: "2",
    };
    const order = fc.shuffledSubarray(all, { minLength: all.length });
    await fc.assert(
      fc.asyncProperty(order, fc.constantFrom(undefined, 2, "\t"), async (names, indent) => {
        const env = Object.fromEntries([
          ["ENABLE_PREFIX_DELEGATION", "true"],
          ...names.map((name) => [name, values[name]]),
        ]);
        let text = JSON.stringify({ env }, null, indent);
        for (let run = 0; run < 4; run++) text = (await fixed("cni.json", text)).text;
        expect(JSON.parse(text)).toEqual({
          env: { ENABLE_IPv4: "false", ENABLE_IPv6: "true", ENABLE_PREFIX_DELEGATION: "true" },
        });
      }),
      { numRuns: 25 },
    );
  });

  test("an entry of Terraform goes with its line, a bare number gets quotes, comments stay", async () => {
    const lines = [
      'resource "aws_eks_addon" "cni" {',
      '  addon_name = "vpc-cni"',
      "  configuration_values = jsonencode({",
      "    env = {",
      '      ENABLE_PREFIX_DELEGATION = "true" # since March',
      '      WARM_ENI_TARGET          = "2"',
      "      # spare addresses",
      "      WARM_IP_TARGET    = 5 # a number",
      '      MINIMUM_IP_TARGET = " 32"',
      "    }",
      "  })",
      "}",
      "",
    ];
    const result = await fixed("main.tf", lines.join("\n"));
    const expected = lines.filter((line) => !line.includes("WARM_ENI_TARGET"));
    expect(result.text).toBe(expected.join("\n").replace("= 5", '= "5"').replace('" 32"', '"32"'));
    expect(result.left).toEqual([]);
  });

  test("any layout: the result parses, nothing but the fixed entries changed, and a second run fixes nothing more", async () => {
    const entry = fc.constantFrom(
      ["WARM_ENI_TARGET", "3"],
      ["WARM_IP_TARGET", "4"],
      ["MINIMUM_IP_TARGET", "48"],
      ["ENABLE_PREFIX_DELEGATION", "true"],
      ["AWS_VPC_K8S_CNI_LOGLEVEL", "DEBUG"],
    );
    const quote = fc.constantFrom(
      (value: string) => `"${value}"`,
      (value: string) => `' ${value}'`,
      (value: string) => `"${value} "`,
    );
    const entries = fc.uniqueArray(fc.tuple(entry, quote, fc.boolean()), {
      minLength: 2,
      maxLength: 5,
      selector: ([[name]]) => name,
    });
    await fc.assert(
      fc.asyncProperty(entries, fc.boolean(), async (chosen, isFlow) => {
        const lines = chosen.map(([[name, value = ""], quoted, hasComment]) =>
          isFlow ? `${name}: ${quoted(value)}` : `  ${name}: ${quoted(value)}${hasComment ? "  # kept" : ""}`,
        );
        const text = isFlow ? `env: {${lines.join(", ")}}\n` : `env:\n${lines.join("\n")}\n`;
        const result = await fixed("values.yaml", text);
        const before = (parseDocument(text).toJS() as { env: Record<string, string> }).env;
        const after = (parseDocument(result.text).toJS() as { env: Record<string, string> | null }).env ?? {};
        for (const [name, value] of Object.entries(after)) expect(value.trim()).toBe(before[name]?.trim() ?? "absent");
        const gone = Object.keys(before).filter((name) => !(name in after));
        expect(gone.every((name) => name === "WARM_ENI_TARGET")).toBe(true);
        expect(result.left.filter((code) => code !== "PD1030")).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
