// The runner of golden scripts can fail, and says where; the expanders do what they say.

import { describe, expect, test } from "bun:test";
import type { Engine } from "../types.ts";
import { ALWAYS } from "./expanders.ts";
import { runScript } from "./script.ts";
import { compareScript, parseScript, rewriteScript } from "./script-file.ts";

const TEXT = `# A node.
# expand: any-seed, crash-safe

node type=m5.xlarge WP=1
eni eni-1 prefixes=0
start settled
add 1
pass
----
pod 1: 10.0.0.16 on device 0, table 254
T16 A1 C0 V15 P1 F0: low
AssignPrivateIpAddresses eni-1 prefixes=1

enis
----
eni-1: 2 prefixes 1 0
`;

function parse(text: string) {
  return parseScript("pool.script", text);
}

describe("a golden script", () => {
  test("agrees with itself, and is rewritten to the same text", () => {
    const script = parse(TEXT);
    const { outputs } = runScript(script);
    expect(compareScript(script, outputs)).toBe("");
    expect(rewriteScript(script, outputs)).toBe(TEXT);
    expect([...script.expanders]).toEqual(["any-seed", "crash-safe"]);
  });

  test("with a wrong expectation is reported with its place, its commands and both lines", () => {
    const script = parse(TEXT.replace("prefixes=1\n\n", "prefixes=2\n\n"));
    expect(compareScript(script, runScript(script).outputs)).toBe(
      [
        "pool.script:4",
        "    node type=m5.xlarge WP=1",
        "    eni eni-1 prefixes=0",
        "    start settled",
        "    add 1",
        "    pass",
        "      pod 1: 10.0.0.16 on device 0, table 254",
        "      T16 A1 C0 V15 P1 F0: low",
        "    - AssignPrivateIpAddresses eni-1 prefixes=2",
        "    + AssignPrivateIpAddresses eni-1 prefixes=1",
      ].join("\n"),
    );
  });

  test("with a wrong expectation is put right by a rewrite, comments kept", () => {
    const script = parse(TEXT.replace("eni-1: 2 prefixes 1 0", "eni-1: nothing\nand more"));
    expect(rewriteScript(script, runScript(script).outputs)).toBe(TEXT);
  });

  test("says where a mistake is", () => {
    expect(() => parse("node WP=1\nstart\n")).toThrow('pool.script:1:1: these commands have no "----" below them');
    expect(() => runScript(parse("node WP=1\n\npass\n----\n"))).toThrow("pool.script:1:1");
    expect(() => runScript(parse("node WP=1\nstrat\n----\n"))).toThrow('pool.script:2:1: there is no command "strat"');
    expect(() => runScript(parse("node wp=1\n----\n"))).toThrow('pool.script:1:1: a node has no option "wp"');
    expect(() => runScript(parse("node\npass\n----\n"))).toThrow("pool.script:2:1: the node has not been started");
    expect(() => runScript(parse("node\neni eni-1 prefixes=x\n----\n"))).toThrow('pool.script:2:1: "x" is not');
    expect(() => runScript(parse("node\neni eni-1\nstart\nrun 5\n----\n"))).toThrow('pool.script:4:1: "5" is not');
  });
});

describe("expanders", () => {
  /** How many inputs of each kind reach the engine, and how late its wakes are in all. */
  function traffic(changes: (typeof ALWAYS)[string]) {
    const counts = { completed: 0, wake: 0, lateMs: 0 };
    const probe = (engine: Engine): Engine => {
      let dueMs: number | undefined;
      return {
        step: (input) => {
          if (input.kind === "completed" || input.kind === "wake") counts[input.kind]++;
          if (input.kind === "wake" && dueMs !== undefined && dueMs < input.nowMs) counts.lateMs += input.nowMs - dueMs;
          const effects = engine.step(input);
          dueMs = engine.wakeAt();
          return effects;
        },
        wakeAt: () => engine.wakeAt(),
        allocations: () => engine.allocations(),
        eachAllocation: (visit) => engine.eachAllocation(visit),
        addressOf: (attachment) => engine.addressOf(attachment),
        isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
        view: (nowMs) => engine.view(nowMs),
      };
    };
    const wrapEngine = (engine: Engine) => changes.wrapEngine?.(probe(engine)) ?? probe(engine);
    runScript(parse(TEXT), { ...changes, wrapEngine });
    return counts;
  }

  test("repeat completions, wake too often, wake late", () => {
    const plain = traffic({});
    expect(plain.lateMs).toBe(0);
    expect(traffic(ALWAYS["each completion delivered three times"]!).completed).toBeGreaterThanOrEqual(
      3 * plain.completed - 1,
    );
    expect(traffic(ALWAYS["wakes that nobody asked for"]!).wake).toBeGreaterThan(plain.wake + 10);
    expect(traffic(ALWAYS["wakes that come late"]!).lateMs).toBeGreaterThan(0);
  });

  test("a crash after an effect starts the process again", () => {
    const script = parse("node WP=1\neni eni-1\nstart\n----\n");
    const describes = (crashAfterEffect: number) =>
      runScript(script, { crashAfterEffect })
        .nodes[0]!.callNames()
        .filter((name) => name === "DescribeSubnets").length;
    expect([describes(1_000), describes(4)]).toEqual([1, 2]);
  });

  test("a process that replies before it saves is seen by a crash", () => {
    const script = parse("node WP=1\neni eni-1\nstart\nserve 1..3\n----\n");
    const savesNothing = (engine: Engine): Engine => ({
      step: (input) => engine.step(input).filter((effect) => effect.kind !== "save"),
      wakeAt: () => engine.wakeAt(),
      allocations: () => engine.allocations(),
      eachAllocation: (visit) => engine.eachAllocation(visit),
      addressOf: (attachment) => engine.addressOf(attachment),
      isOnDiskOnly: (attachment) => engine.isOnDiskOnly(attachment),
      view: (nowMs) => engine.view(nowMs),
    });
    const podsAfterCrash = (wrapEngine: (engine: Engine) => Engine) => {
      const plain = runScript(script, { wrapEngine }).nodes[0]!;
      const crashed = runScript(script, { wrapEngine, crashAfterEffect: plain.effectCount }).nodes[0]!;
      return [plain.engine.allocations().length, crashed.engine.allocations().length];
    };
    expect(podsAfterCrash((engine) => engine)).toEqual([3, 3]);
    expect(podsAfterCrash(savesNothing)).toEqual([3, 0]);
  });
});
