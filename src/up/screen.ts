// The terminal while a run is shown: the alternate screen, redrawn in place, and given back as it was.

import { type FrameSize, renderFrame } from "./frame.ts";
import { findings } from "./report.ts";
import { causeText } from "./report-text.ts";
import type { LiveRun } from "./run.ts";

const REDRAW_REAL_MS = 200;
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE = "\x1b[?25h\x1b[?1049l";

export interface Screen {
  close(): void;
}

/** Shows the run until `close`. */
export function openScreen(live: LiveRun, facts: { title: string; seed: number; speed: number }): Screen {
  const out = process.stdout;
  const hasColor = process.env["NO_COLOR"] === undefined || process.env["NO_COLOR"] === "";
  let isOpen = true;
  out.write(ENTER);
  const draw = (): void => {
    if (!isOpen) return;
    const size: FrameSize = { width: out.columns ?? 100, height: out.rows ?? 30, hasColor };
    const lines = renderFrame(frameInput(live, facts), size);
    out.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
  };
  const timer = setInterval(draw, REDRAW_REAL_MS);
  out.on("resize", draw);
  draw();
  return {
    close() {
      if (!isOpen) return;
      isOpen = false;
      clearInterval(timer);
      out.off("resize", draw);
      out.write(LEAVE);
    },
  };
}

function frameInput(live: LiveRun, facts: { title: string; seed: number; speed: number }) {
  const seen = live.sightings();
  return {
    ...facts,
    phase: live.phase(),
    elapsedMs: live.elapsedMs(),
    policy: live.cluster.cni.policy,
    pods: seen.pods,
    nodes: seen.nodes.map((one, index) => {
      const agent = live.nodes[index];
      return { ...one, state: agent?.state ?? "stopped", restartCount: agent?.restartCount ?? 0 };
    }),
    subnets: seen.subnets,
    ec2: seen.ec2,
    throttledCount: live.tally.throttledCount,
    pings: live.pings(),
    lookCommand: live.lookCommand,
    errorTexts: seen.errorTexts,
    texts: live.texts,
    cause: seen.pods.some((pod) => pod.outcome === "waiting" && pod.refusedCount > 0)
      ? causeText(seen, findings(seen))
      : undefined,
  };
}
