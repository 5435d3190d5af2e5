// The three forms of a report say the same, and the JSON keeps its schema.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { FailureClass } from "../doctor/failure-class.ts";
import { diagnose } from "../doctor/judge.ts";
import { mergeFacts } from "../facts/merge.ts";
import { doctorDocument } from "./doctor-document.ts";
import { doctorMarkdown } from "./doctor-markdown.ts";
import { doctorTable } from "./doctor-table.ts";

const SCHEMA = z.fromJSONSchema(
  JSON.parse(readFileSync(join(import.meta.dir, "../../../docs/schemas/doctor.v1.json"), "utf8")),
);

const COMMAND =
  "aws ec2 describe-network-interfaces --filters Name=subnet-id,Values=subnet-0123456789abcdef0 --output json > enis.json";

const failureClass: FailureClass = {
  id: "subnet-fragmented-no-free-28",
  title: "t",
  needs: [],
  lookAlikes: [],
  docs: { what: "w", why: "y", next: "n", prevention: "p", sources: [] },
  look(_facts, notes) {
    notes.sign({ source: { file: "ipamd.log", line: 12 }, text: "InsufficientCidrBlocks <b> | `x`" });
    notes.proof("blocks", undefined, { what: "the ENIs of the subnet", command: COMMAND });
    notes.summary("subnet-0123456789abcdef0 has 212 free addresses and no free /28");
    notes.fix("Reserve a range for prefixes.", COMMAND);
    notes.affects({ nodes: ["a", undefined], subnets: ["subnet-0123456789abcdef0"] });
    notes.seen({ count: 3, firstMs: 1_700_000_000_000, lastMs: 1_700_000_060_000 });
  },
};

const facts = mergeFacts([{ notes: ["somebody said so"], unread: [{ file: "x.bin", reason: "binary" }] }]);
const document = doctorDocument(diagnose(facts, [failureClass]), facts);

describe("a report", () => {
  test("as JSON keeps its schema, with a finding and without", () => {
    for (const one of [document, doctorDocument(diagnose(mergeFacts([]), []), mergeFacts([]))]) {
      const checked = SCHEMA.safeParse(JSON.parse(JSON.stringify(one)));
      expect(checked.success ? [] : checked.error.issues).toEqual([]);
    }
    expect(document.findings[0]).toMatchObject({ first: "2023-11-14T22:13:20Z", count: 3, nodes: ["a"] });
    expect(SCHEMA.safeParse({ ...document, verdict: 3 }).success).toBe(false);
  });

  test("for a terminal breaks prose at the width and never a command or a quote", () => {
    const text = doctorTable(document, { isColored: false, width: 80 });
    expect(text).toContain(`${COMMAND}\n`);
    expect(text).toContain("ipamd.log:12\n");
    expect(text).toContain("Note (from the facts file, no proof): somebody said so");
    expect(text).not.toContain("\u001b");
    const long = text
      .split("\n")
      .filter((line) => line.length > 80 && !/^ *(?:\d\. )?(?:aws|kubectl|sudo) /.test(line));
    expect(long).toEqual([]);
    expect(doctorTable(document, { isColored: true, width: 80 })).toContain("\u001b[");
  });

  test("as Markdown keeps quoted text from turning into markup", () => {
    const text = doctorMarkdown(document);
    expect(text).toContain("```text\nipamd.log:12\n  InsufficientCidrBlocks <b> | `x`\n```");
    expect(text).toContain("x.bin");
    expect(text.match(/^```/gm)?.length).toBe((text.match(/^```(?:\w+)?$/gm) ?? []).length);
  });
});
