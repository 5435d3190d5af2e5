import { describe, expect, test } from "bun:test";
import { ERAS, START_MS } from "../diagnose/readers/logs/testing/read-log.ts";
import type { NodeHistory } from "./log-history.ts";
import { addLines, delLines, type Era, historyOf, idle, sandboxId } from "./testing/read-history.ts";

const WEB = { id: sandboxId("a1"), name: "web-1" };
const JOB = { id: sandboxId("b2"), name: "job-1" };
const ERAS_OF = Object.keys(ERAS) as Era[];

/** Seconds from the log's beginning; `-`: never. */
function livesOf(history: NodeHistory): string[] {
  const at = (ms: number | undefined) => (ms === undefined ? "-" : String((ms - START_MS) / 1000));
  return history.lives.map(
    (life) =>
      `${life.namespace}/${life.name} ${life.isFromBefore ? "before" : at(life.askedMs)} ${at(life.servedMs)} ${at(life.endedMs)}`,
  );
}

describe("the history of a node", () => {
  test.each(ERAS_OF)("an ADD, its address, its DEL: %s", (era) => {
    const lines = [...addLines(era, WEB, 10), idle(era, 15), ...addLines(era, JOB, 20), ...delLines(era, WEB, 70)];
    for (const chunk of [undefined, 7]) {
      const history = historyOf([lines], chunk);
      expect(livesOf(history)).toEqual(["shop/web-1 10 11 70", "shop/job-1 20 21 -"]);
      expect(history.counts).toMatchObject({ addCount: 2, delCount: 1, refusedAddCount: 0, addWithoutDelCount: 1 });
      expect([history.unusableCount, history.lineCount]).toEqual([0, lines.length]);
      expect(history.hasDebug).toBe(true);
    }
  });

  test.each(ERAS_OF)("a refused pod is one life from its first ADD on: %s", (era) => {
    const again = { id: sandboxId("c3"), name: "web-1" };
    const lines = [
      ...addLines(era, WEB, 0, false),
      ...delLines(era, WEB, 2, false),
      ...addLines(era, again, 12),
      ...delLines(era, again, 60),
    ];
    const history = historyOf([lines]);
    expect(livesOf(history)).toEqual(["shop/web-1 0 13 60"]);
    expect(history.counts).toMatchObject({ addCount: 2, delCount: 2, refusedAddCount: 1, idleDelCount: 1 });
  });

  test.each(ERAS_OF)("a DEL without an ADD: the pod was there before: %s", (era) => {
    const history = historyOf([[idle(era, 0), ...delLines(era, WEB, 30)]]);
    expect(livesOf(history)).toEqual(["shop/web-1 before 0 30"]);
    expect(history.counts).toMatchObject({ delCount: 1, delWithoutAddCount: 1, idleDelCount: 0 });
  });

  test("calls side by side are told apart by their sandbox", () => {
    const [web, job] = [addLines("json", WEB, 0), addLines("json", JOB, 0)];
    const lines = web.flatMap((line, index) => [line, job[index] ?? ""]);
    const [webDel, jobDel] = [delLines("json", WEB, 9), delLines("json", JOB, 9)];
    const history = historyOf([[...lines, ...webDel.flatMap((line, index) => [line, jobDel[index] ?? ""])]]);
    expect(livesOf(history)).toEqual(["shop/web-1 0 1 9", "shop/job-1 0 1 9"]);
    expect(history.counts).toMatchObject({ addCount: 2, delCount: 2, delWithoutAddCount: 0, idleDelCount: 0 });
  });

  test("a pod that never gets an address is told for as long as it asked", () => {
    const tries = [0, 12, 25].flatMap((second, index) => {
      const pod = { id: sandboxId(`d${index}`), name: "web-9" };
      return [...addLines("json", pod, second, false), ...delLines("json", pod, second + 1, false)];
    });
    expect(livesOf(historyOf([[...tries, idle("json", 60)]]))).toEqual(["shop/web-9 0 - -"]);
    const later = Array.from({ length: 20 }, (_, index) => idle("json", 60 + index * 60));
    const history = historyOf([[...tries, ...later]]);
    expect(livesOf(history)).toEqual(["shop/web-9 0 - 25"]);
    expect(history.counts).toMatchObject({ neverServedCount: 1, refusedAddCount: 3 });
  });

  test("an ADD for a sandbox that has its address is no second pod; a sandbox made anew is", () => {
    const anew = { id: sandboxId("c3"), name: "web-1" };
    const history = historyOf([
      [
        ...addLines("json", WEB, 0),
        ...addLines("json", WEB, 5),
        ...addLines("json", anew, 9),
        ...delLines("json", WEB, 10),
      ],
    ]);
    expect(livesOf(history)).toEqual(["shop/web-1 0 1 10", "shop/web-1 9 10 -"]);
    expect(history.counts.duplicateAddCount).toBe(1);
  });

  test("at level info the address names the pod, and refused ADDs have no name", () => {
    const isInfo = (line: string) => !line.includes('"debug"');
    const lines = [...addLines("json", WEB, 0, false), ...delLines("json", WEB, 1, false), ...addLines("json", JOB, 5)];
    const history = historyOf([lines.filter(isInfo)]);
    expect(livesOf(history)).toEqual(["shop/job-1 5 6 -"]);
    expect(history.counts).toMatchObject({ refusedAddCount: 1, unnamedRefusedCount: 1 });
    expect(history.hasDebug).toBe(false);
  });

  test("what the checkpoint restores was there before; what it finds dead is gone", () => {
    const history = historyOf([
      [
        idle("json", 0),
        ERAS.json(`Recovered aws-cni/${WEB.id}/eth0 => eni-1/10.0.0.17`, 60),
        ...addLines("json", JOB, 70),
        ERAS.json(
          `stale IP allocation for ID(aws-cni/${JOB.id}/eth0): IPv4(10.0.0.18), IPv6() due to gone`,
          80,
          "warn",
        ),
        ...delLines("json", WEB, 90),
      ],
    ]);
    expect(livesOf(history)).toEqual(["shop/job-1 70 71 80", "undefined/undefined before 0 90"]);
    expect(history.counts.delWithoutAddCount).toBe(0);
  });
});

describe("time", () => {
  test("a silence in debug logs is a gap; with the agent's first line behind it, perhaps a restart", () => {
    const start = ERAS.json("Starting L-IPAMD v1.23.1  ...", 2000, "info");
    const history = historyOf([
      [idle("json", 0), idle("json", 60)],
      [idle("json", 1000), ...delLines("json", WEB, 1005)],
      [start, idle("json", 2001)],
    ]);
    expect(
      history.clock.gaps.map((gap) => [(gap.fromMs - START_MS) / 1000, (gap.toMs - START_MS) / 1000, gap.isRestart]),
    ).toEqual([
      [60, 1000, false],
      [1005, 2000, true],
    ]);
    expect(history.clock.gaps[0]?.at).toEqual({ file: "ipamd-1.log", line: 1 });
    // Its ADD may lie in the gap: it is certain from the gap's end on.
    expect(livesOf(history)).toEqual(["shop/web-1 before 1000 1005"]);
    const quiet = historyOf([[ERAS.json("x", 0, "info"), ERAS.json("x", 9000, "info")]]);
    expect(quiet.clock.gapCount).toBe(0);
  });

  test("the clock steps back: time goes on from where it was, and no life ends before it began", () => {
    const history = historyOf([[...addLines("json", WEB, 3600), idle("json", 30), ...delLines("json", WEB, 50)]]);
    expect(history.clock.steps).toEqual([{ backMs: 3_571_000, at: { file: "ipamd-0.log", line: 4 } }]);
    expect(livesOf(history)).toEqual(["shop/web-1 3600 3601 3621"]);
  });

  test("a copy of a log that was read already is passed over, and what it has more is read", () => {
    const first = [...addLines("json", WEB, 0), idle("json", 10)];
    const history = historyOf([first, [...first, ...delLines("json", WEB, 20)]]);
    expect(livesOf(history)).toEqual(["shop/web-1 0 1 20"]);
    expect(history.clock.overlapLineCount).toBe(first.length);
    expect(history.counts).toMatchObject({ addCount: 1, duplicateAddCount: 0 });
    expect(history.clock.stepCount).toBe(0);
  });
});

test("the policy of slash28's own agent is told; lines that only look like a pod's are none", () => {
  const lines = [
    ERAS.json("Policy slash28, seed 7", 0, "info"),
    ERAS.json("UnassignPodIPAddress: IP address pool stats: total 96, assigned 59, sandbox aws-cni/b/eth0", 1),
    ERAS.json("Recovered from panic", 2),
    idle("json", 3),
  ];
  const history = historyOf([lines]);
  expect([history.policy, history.unusableCount, history.lives.length]).toEqual(["slash28", 0, 0]);
  expect(historyOf([[idle("json", 0)]]).policy).toBeUndefined();
});

describe("lines that cannot be used", () => {
  test("are counted and told with their place: no log line, no time, no sandbox, cut off", () => {
    const cut = addLines("json", WEB, 5)[0]?.slice(0, -50) ?? "";
    const history = historyOf([
      [
        idle("json", 0),
        "panic: runtime error",
        '{"level":"info","ts":"2024-13-45Tgarbage.0000Z","caller":"ipamd/ipamd.go:1","msg":"Received DelNetwork for Sandbox ab"}',
        ERAS.json("Received AddNetwork for NS /var/run/netns/cni-1", 3),
        cut,
        ...addLines("json", JOB, 6),
      ],
    ]);
    expect(history.unusable.map((one) => `${one.at.file}:${one.at.line} ${one.why}`)).toEqual([
      "ipamd-0.log:2 is no line of a log",
      "ipamd-0.log:3 its time is none",
      "ipamd-0.log:4 names no sandbox",
      "ipamd-0.log:5 names no sandbox",
    ]);
    expect(history.unusableCount).toBe(4);
    expect(livesOf(history)).toEqual(["shop/job-1 6 7 -"]);
    const many = historyOf([Array.from({ length: 50 }, () => "garbage")]);
    expect([many.unusable.length, many.unusableCount]).toEqual([10, 50]);
  });

  test("no bytes make the reader throw", () => {
    const bytes = Array.from({ length: 400 }, (_, i) => String.fromCharCode((i * 37) % 256)).join("");
    expect(() => historyOf([[bytes, "Received AddNetwork for NS", "Recovered ", ": Assign IP "]], 11)).not.toThrow();
  });
});
