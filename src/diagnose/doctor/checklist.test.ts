// The five steps say `ok` for what was seen in order, never for what was not seen.

import { describe, expect, test } from "bun:test";
import { mergeFacts, NO_FACTS } from "../facts/merge.ts";
import type { EniFact, FactsPart, InstanceFact, IntrospectionPage, LogDigest, SettingsSource } from "../facts/model.ts";
import { checklist } from "./checklist.ts";
import { isHealthWitnessed } from "./trouble.ts";

const at = { file: "f" };
const step = (number: number, part: FactsPart) => checklist(mergeFacts([part]))[number - 1];
const log = (over: Partial<LogDigest>): LogDigest => ({
  files: ["some.log"],
  lineCount: 500,
  hasDebug: false,
  isExcerpt: false,
  pool: [],
  starvations: [],
  starts: [],
  refusalCount: 0,
  successCount: 0,
  ...over,
});

test("without any facts each step is unknown, and says how to learn more", () => {
  for (const one of checklist(mergeFacts([NO_FACTS]))) {
    expect(one.result).toBe("unknown");
    expect(one.command).toBeDefined();
  }
});

describe("1. ipamd.log", () => {
  test("another program's log is none, and witnesses no health", () => {
    expect(step(1, { logs: [log({})] })).toMatchObject({ result: "unknown", text: "no agent log was given" });
    expect(isHealthWitnessed(mergeFacts([{ logs: [log({})] }]))).toBe(false);
  });

  test("an excerpt without a refusal is no proof that there was none", () => {
    expect(step(1, { logs: [log({ successCount: 2, isExcerpt: true, lineCount: 9 })] })).toMatchObject({
      result: "unknown",
      text: "9 lines were cut from it, and show no refused ADD and no error; the others may",
    });
  });

  test("a whole log of the agent's is ok without refusals; refusals are found in an excerpt too", () => {
    expect(step(1, { logs: [log({ successCount: 2 })] })).toMatchObject({ result: "ok", text: "0 refused ADDs" });
    expect(step(1, { logs: [log({ refusalCount: 2, isExcerpt: true })] })?.result).toBe("found");
  });
});

describe("2. ENIs and addresses", () => {
  const page = (over: Partial<IntrospectionPage>): FactsPart => ({
    introspection: [{ enis: [], isEmpty: false, at, ...over } as unknown as IntrospectionPage],
  });
  const eni = (over: object): EniFact =>
    ({
      id: "eni-1",
      instanceId: "i-1",
      prefixes: [],
      addresses: ["10.0.0.1"],
      securityGroupIds: ["sg-1"],
      at,
      ...over,
    }) as unknown as EniFact;
  const instance = (instanceType: string): InstanceFact => ({ id: "i-1", instanceType, at }) as unknown as InstanceFact;

  test("a page that does not count is unknown", () => {
    expect(step(2, page({}))?.result).toBe("unknown");
    expect(step(2, page({ totalCount: 32, assignedCount: 3 }))?.result).toBe("ok");
    expect(step(2, page({ totalCount: 32, assignedCount: 32 }))?.result).toBe("found");
  });

  test("an instance whose limits are not known is unknown", () => {
    expect(step(2, { enis: [eni({})] })?.result).toBe("unknown");
    expect(step(2, { enis: [eni({})], instances: [instance("m5.large")] })?.result).toBe("ok");
  });

  test("full slots are found where a pod is refused, and in order where none is", () => {
    const enis = [1, 2].map((n) => eni({ id: `eni-${n}`, prefixes: ["10.0.1.0/28"] }));
    const full: FactsPart = { enis, instances: [instance("t3.nano")] };
    expect(step(2, full)).toMatchObject({ result: "ok", text: "i-1: 2 of 2 ENIs, 2 prefixes, 2 of 2 slots used" });
    expect(step(2, { ...full, logs: [log({ refusalCount: 1 })] })?.result).toBe("found");
  });

  test("5. groups that were not described are unknown", () => {
    const part = { enis: [eni({ subnetId: "subnet-1" })], instances: [instance("m5.large")] };
    expect(step(5, part)).toMatchObject({
      result: "unknown",
      text: "1 attached ENIs in 1 subnets, at most 1 groups on one; the groups themselves were not described",
    });
    const securityGroups = [{ id: "sg-1", at }] as unknown as NonNullable<FactsPart["securityGroups"]>;
    expect(step(5, { ...part, securityGroups })?.result).toBe("ok");
  });
});

describe("4. labels and ENIConfig", () => {
  const settings = (over: Partial<SettingsSource>): FactsPart => ({
    settings: [
      {
        origin: "facts",
        layer: "declared",
        at,
        isComplete: false,
        env: [],
        initEnv: [],
        otherKeys: [],
        ...over,
      } as SettingsSource,
    ],
  });
  const entry = (name: string) => ({ name, value: "false", isString: true, at });

  test("one pasted setting does not say that custom networking is off", () => {
    expect(step(4, settings({ env: [entry("WARM_IP_TARGET")] }))?.result).toBe("unknown");
    expect(step(4, settings({ env: [entry("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")] }))?.result).toBe("ok");
    expect(step(4, settings({ origin: "daemonset", isComplete: true }))?.result).toBe("ok");
  });
});
