// Verdicts from observations, with classes made up for the purpose.

import { describe, expect, test } from "bun:test";
import type { ClassId } from "../facts/class-ids.ts";
import { mergeFacts } from "../facts/merge.ts";
import type { Evidence, Facts, LogDigest } from "../facts/model.ts";
import type { FailureClass, Notes } from "./failure-class.ts";
import { diagnose } from "./judge.ts";

const seen = (text: string): Evidence => ({ source: { file: "ipamd.log", line: 7 }, text });
const MISSING = { what: "the subnet's ENIs", command: "aws ec2 describe-network-interfaces" };

function made(
  id: ClassId,
  look: (notes: Notes) => void,
  options: Partial<Pick<FailureClass, "lookAlikes" | "causes">> = {},
): FailureClass {
  const docs = { what: `${id} is the case`, why: "", next: "do this", prevention: "", sources: [] };
  return { id, title: id, needs: [], lookAlikes: [], docs, look: (_facts, notes) => look(notes), ...options };
}

const proved = (id: ClassId, nodes: readonly string[] = [], options = {}) =>
  made(
    id,
    (notes) => {
      notes.sign(seen(id));
      notes.proof("it", [seen("decides")], MISSING);
      notes.affects({ nodes });
    },
    options,
  );

const suspected = (id: ClassId) =>
  made(id, (notes) => {
    notes.sign(seen(id));
    notes.proof("it", undefined, MISSING);
  });

const NOTHING: Facts = mergeFacts([]);
const TROUBLED: Facts = mergeFacts([
  {
    sightings: [
      {
        signal: "add-refused",
        captures: {},
        occurrences: { count: 1, samples: [seen("failed to assign an IP address to container")] },
      },
    ],
  },
]);
const servingLog: LogDigest = {
  files: ["ipamd.log"],
  lineCount: 100,
  hasDebug: true,
  isExcerpt: false,
  pool: [],
  starvations: [],
  starts: [],
  refusalCount: 0,
  successCount: 3,
};
const HEALTHY: Facts = mergeFacts([{ logs: [servingLog] }]);

describe("a verdict", () => {
  test("every deciding observation made: proved, with its evidence, and nothing to run", () => {
    const diagnosis = diagnose(TROUBLED, [proved("subnet-fragmented-no-free-28")]);
    expect(diagnosis.verdict).toBe("subnet-fragmented-no-free-28");
    expect(diagnosis.findings[0]).toMatchObject({ certainty: "proved", rank: 1, missing: [] });
    expect(diagnosis.findings[0]?.evidence.map((one) => one.text)).toEqual(["subnet-fragmented-no-free-28", "decides"]);
    expect(diagnosis.next).toEqual([]);
  });

  test("a sign and no decision: suspected, with the command that would decide", () => {
    const diagnosis = diagnose(TROUBLED, [suspected("subnet-fragmented-no-free-28")]);
    expect(diagnosis.findings[0]).toMatchObject({ certainty: "suspected", missing: [MISSING] });
    expect(diagnosis.next[0]).toEqual(MISSING);
    expect(diagnosis.next.length).toBeLessThanOrEqual(3);
  });

  test("a sign alone, without any deciding observation named, never proves", () => {
    const only = made("subnet-free-ips-exhausted", (notes) => notes.sign(seen("x")));
    expect(diagnose(TROUBLED, [only]).findings[0]?.certainty).toBe("suspected");
  });

  test("a contradiction rules out, whatever else was seen", () => {
    const contradicted = made("subnet-fragmented-no-free-28", (notes) => {
      notes.sign(seen("InsufficientCidrBlocks"));
      notes.proof("it", [seen("decides")], MISSING);
      notes.against("31 /28s are free", [seen("free")], "subnet-free-ips-exhausted");
    });
    const diagnosis = diagnose(TROUBLED, [contradicted]);
    expect(diagnosis.verdict).toBe("insufficient-evidence");
    expect(diagnosis.findings).toEqual([]);
    expect(diagnosis.ruledOut[0]).toMatchObject({ certainty: "ruled-out", class: "subnet-fragmented-no-free-28" });
  });

  test("a look-alike proved on the same node leaves both suspected; on another node both stand", () => {
    const alike = { lookAlikes: ["max-pods-above-eni-capacity"] as const };
    const same = diagnose(TROUBLED, [
      proved("max-eni-env-caps-node", ["a"], alike),
      proved("max-pods-above-eni-capacity", ["a"]),
    ]);
    expect(same.findings.map((one) => [one.class, one.certainty])).toEqual([
      ["max-pods-above-eni-capacity", "proved"],
      ["max-eni-env-caps-node", "suspected"],
    ]);
    expect(same.findings[1]?.against[0]?.instead).toBe("max-pods-above-eni-capacity");
    const apart = diagnose(TROUBLED, [
      proved("max-eni-env-caps-node", ["a"], alike),
      proved("max-pods-above-eni-capacity", ["b"]),
    ]);
    expect(apart.findings.map((one) => one.certainty)).toEqual(["proved", "proved"]);
  });

  test("cause and consequence are both proved, the cause first", () => {
    const diagnosis = diagnose(TROUBLED, [
      proved("ec2-api-throttled", [], { lookAlikes: ["subnet-fragmented-no-free-28"] }),
      proved("subnet-fragmented-no-free-28", [], { causes: ["ec2-api-throttled"] }),
    ]);
    expect(diagnosis.findings.map((one) => [one.class, one.certainty])).toEqual([
      ["subnet-fragmented-no-free-28", "proved"],
      ["ec2-api-throttled", "proved"],
    ]);
  });

  test("what is proved stands before what is suspected, whatever the causal order", () => {
    const diagnosis = diagnose(TROUBLED, [
      suspected("minimum-ip-target-without-warm-ip-target"),
      proved("ec2-api-throttled"),
    ]);
    expect(diagnosis.verdict).toBe("ec2-api-throttled");
  });

  test("trouble that no class explains is insufficient evidence, with commands; no facts at all too", () => {
    for (const facts of [TROUBLED, NOTHING]) {
      const diagnosis = diagnose(facts, []);
      expect(diagnosis.verdict).toBe("insufficient-evidence");
      expect(diagnosis.next.length).toBe(3);
    }
  });

  test("healthy needs a witness; noise is no finding then, and is one without", () => {
    expect(diagnose(HEALTHY, [proved("noise-no-free-ip-in-cidr")]).verdict).toBe("healthy");
    expect(diagnose(NOTHING, [proved("noise-no-free-ip-in-cidr")]).verdict).toBe("noise-no-free-ip-in-cidr");
    const pasted = mergeFacts([{ logs: [{ ...servingLog, isExcerpt: true }] }]);
    expect(diagnose(pasted, []).verdict).toBe("insufficient-evidence");
    const refusing = mergeFacts([{ logs: [{ ...servingLog, refusalCount: 1 }] }]);
    expect(diagnose(refusing, []).verdict).toBe("insufficient-evidence");
  });
});
