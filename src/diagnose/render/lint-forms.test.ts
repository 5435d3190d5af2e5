import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv from "ajv";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { z } from "zod";
import { defineRule, type Finding, type Severity } from "../lint/rule.ts";
import { type LintDocument, type LintRun, lintDocument } from "./lint-document.ts";
import { lintGithub } from "./lint-github.ts";
import { lintJunit } from "./lint-junit.ts";
import { lintMarkdown } from "./lint-markdown.ts";
import { fileUri, lintSarif } from "./lint-sarif.ts";
import { lintTable } from "./lint-table.ts";
import { SARIF_PART } from "./testing/sarif-schema.ts";

function finding(severity: Severity, given: Partial<Finding> = {}): Finding {
  const rule = defineRule({
    code: severity === "error" ? "PD1001" : severity === "warning" ? "PD1002" : "PD1003",
    name: `rule-of-${severity}`,
    severity,
    needs: [],
    leadsTo: ["prefix-mode-no-warm-target"],
    docs: { what: "What.", why: "Why.", next: "Next.", source: "failures.md" },
    check: () => {},
  });
  return {
    rule,
    at: { file: "deploy/values.yaml", line: 7, column: 3 },
    message: 'WARM_ENI_TARGET is "2" <never read>, 100 % sure.',
    ...given,
  };
}

function run(given: Partial<LintRun> = {}): LintDocument {
  return lintDocument({
    findings: [finding("error"), finding("info", { at: { file: "enis.json", field: "NetworkInterfaces[4]" } })],
    failOn: "info",
    knownCount: 0,
    fixed: [],
    fileCount: 2,
    unread: [{ file: "broken.yaml", line: 3, reason: "not YAML: a tab", next: "Replace the tab." }],
    ...given,
  });
}

const rules = [finding("error").rule, finding("warning").rule, finding("info").rule];
const HOSTILE = 'a\n::error::b,%0A"]]><script>\u001b[31m|`x`\u0000';

describe("the document", () => {
  const schema = z.fromJSONSchema(
    JSON.parse(readFileSync(join(import.meta.dir, "../../../docs/schemas/lint.v1.json"), "utf8")),
  );

  test("keeps its schema", () => {
    expect(schema.safeParse(run()).error).toBeUndefined();
    expect(schema.safeParse({ ...run(), more: 1 }).success).toBe(false);
  });

  test("fails from the severity that was asked for", () => {
    const findings = [finding("warning")];
    expect(run({ findings, failOn: "error" }).failed).toBe(false);
    expect(run({ findings, failOn: "warning" }).failed).toBe(true);
    expect(run({ findings, failOn: "info" }).failed).toBe(true);
  });
});

describe("SARIF", () => {
  // The structure that SARIF 2.1.0 (OASIS, 2020-03-27) requires of what is written here; the whole schema is in no npm package.
  const validate = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true }).compile(SARIF_PART);
  const sarif = (document: LintDocument) =>
    JSON.parse(lintSarif(document, { version: "1.2.3", rules, fingerprints: ["aa", "bb"] }));

  test("has the structure that the standard requires", () => {
    validate(sarif(run()));
    expect(validate.errors).toBeNull();
    expect(validate(sarif(run({ findings: [], unread: [] })))).toBe(true);
    const broken = sarif(run());
    broken.runs[0].results[0].level = "info";
    expect(validate(broken)).toBe(false);
  });

  test("a result names its rule, place and fingerprint", () => {
    const [first, second] = sarif(run()).runs[0].results;
    expect(first).toMatchObject({
      ruleId: "PD1001",
      ruleIndex: 0,
      level: "error",
      partialFingerprints: { "slash28/v1": "aa" },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "deploy/values.yaml" },
            region: { startLine: 7, startColumn: 3 },
          },
        },
      ],
    });
    expect(second).toMatchObject({ ruleId: "PD1003", ruleIndex: 2, level: "note" });
    expect(second.locations[0].physicalLocation.region).toBeUndefined();
    expect(second.locations[0].logicalLocations[0].fullyQualifiedName).toBe("NetworkInterfaces[4]");
  });

  test("paths are URIs", () => {
    expect(fileUri("./a b/c#d.yaml")).toBe("a%20b/c%23d.yaml");
    expect(fileUri("/srv/x.yaml")).toBe("file:///srv/x.yaml");
    expect(fileUri("ec2:DescribeSubnets")).toBe("ec2%3ADescribeSubnets");
    expect(fileUri("\ud800.yaml")).toBe("%EF%BF%BD.yaml");
  });
});

describe("JUnit", () => {
  const parse = (text: string) => new XMLParser({ ignoreAttributes: false, attributeNamePrefix: "" }).parse(text);

  test("a finding that fails the command is a failure, one below is a case that passes", () => {
    const parsed = parse(lintJunit(run({ failOn: "error" })));
    expect(parsed.testsuites).toMatchObject({ tests: "3", failures: "1", errors: "0" });
    const [failing, passing, unread] = parsed.testsuites.testsuite;
    expect(failing).toMatchObject({ name: "deploy/values.yaml", tests: "1", failures: "1" });
    expect(failing.testcase).toMatchObject({ name: "PD1001 rule-of-error", file: "deploy/values.yaml", line: "7" });
    expect(failing.testcase.failure.message).toContain('"2" <never read>');
    expect(passing.testcase.failure).toBeUndefined();
    expect(unread.testcase.skipped.message).toContain("not YAML");
  });

  test("nothing found is one case that passes, for readers that refuse an empty report", () => {
    const parsed = parse(lintJunit(run({ findings: [], unread: [] })));
    expect(parsed.testsuites).toMatchObject({ tests: "1", failures: "0" });
  });

  test("whatever a name holds, it is XML", () => {
    const text = lintJunit(run({ findings: [finding("error", { message: HOSTILE, at: { file: HOSTILE } })] }));
    expect(XMLValidator.validate(text)).toBe(true);
    expect(text).not.toContain("<script>");
    expect(text).not.toContain("\u0000");
  });
});

describe("GitHub annotations", () => {
  test("one command a finding, with file, line, column and title", () => {
    expect(lintGithub(run()).split("\n")).toEqual([
      '::error file=deploy/values.yaml,line=7,col=3,title=PD1001 rule-of-error::WARM_ENI_TARGET is "2" <never read>, 100 %25 sure. Next.',
      '::notice file=enis.json,title=PD1003 rule-of-info::WARM_ENI_TARGET is "2" <never read>, 100 %25 sure. Next.',
      "::notice file=broken.yaml,line=3,title=not read by slash28 lint::not YAML: a tab",
      "",
    ]);
  });

  test("no text of others becomes a command or a property of its own", () => {
    const text = lintGithub(
      run({ findings: [finding("error", { message: HOSTILE, at: { file: "a,line=9:b\nc" } })], unread: [] }),
    );
    expect(text.split("\n")).toHaveLength(2);
    expect(text).toStartWith("::error file=a%2Cline=9%3Ab%0Ac,title=PD1001 rule-of-error::a%0A::error::b,%250A");
  });
});

describe("Markdown and table", () => {
  test("a row a finding; text of others makes no column and no tag", () => {
    const text = lintMarkdown(run({ findings: [finding("error", { message: HOSTILE })] }));
    const row = text.split("\n").find((line) => line.startsWith("| error")) ?? "";
    expect(row.match(/(?<!\\)\|/g)).toHaveLength(5);
    expect(text).not.toContain("<script>");
  });

  test("says what, where, what to do and what was not read, without control characters", () => {
    const text = lintTable(run({ findings: [finding("error", { message: HOSTILE }), finding("info")] }), {
      isColored: false,
      width: 80,
    });
    expect(text).toContain("deploy/values.yaml:7:3\n  error PD1001 rule-of-error\n");
    expect(text).toContain("next: Next.");
    expect(text).toContain("not read: broken.yaml:3: not YAML: a tab");
    expect(text).toEndWith("1 error, 1 info in 2 files; slash28 explain PD1001 says why\n");
    expect(text).not.toContain("\u001b");
  });
});
