// Runs CNI plugins as a runtime does, and nothing else, in a process of its own: started inside the node's network namespace, it
// takes one batch a line on stdin and answers with one line. A time is from before the start of the process to its exit.

import { linesOf } from "../../test/datapath/run.ts";

export interface PluginRun {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

export interface Batch {
  readonly runs: readonly PluginRun[];
  /** How many at a time. */
  readonly parallel: number;
}

export interface BatchAnswer {
  /** Milliseconds of each run, in order. */
  readonly timesMs: readonly number[];
  /** From the first start to the last exit. */
  readonly wallMs: number;
  readonly outputs: readonly string[];
  /** The first run that failed, with what it printed; undefined when none did. */
  readonly failure?: string | undefined;
}

async function runOne(run: PluginRun): Promise<{ timeMs: number; output: string; exitCode: number }> {
  const startMs = performance.now();
  const child = Bun.spawn([run.path], {
    env: { ...run.env },
    stdin: Buffer.from(run.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const exitCode = await child.exited;
  const timeMs = performance.now() - startMs;
  const output = await new Response(child.stdout).text();
  return { timeMs, output: exitCode === 0 ? output : output + (await new Response(child.stderr).text()), exitCode };
}

/** Alone, a run is waited for without an event loop between its exit and the clock. */
function runAlone(run: PluginRun): { timeMs: number; output: string; exitCode: number } {
  const startMs = performance.now();
  const child = Bun.spawnSync([run.path], {
    env: { ...run.env },
    stdin: Buffer.from(run.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const timeMs = performance.now() - startMs;
  const said = child.stdout.toString();
  return { timeMs, output: child.exitCode === 0 ? said : said + child.stderr.toString(), exitCode: child.exitCode };
}

async function answer(batch: Batch): Promise<BatchAnswer> {
  const done = new Array<{ timeMs: number; output: string; exitCode: number }>(batch.runs.length);
  const startMs = performance.now();
  if (batch.parallel === 1) {
    for (const [i, run] of batch.runs.entries()) done[i] = runAlone(run);
  } else {
    let next = 0;
    const worker = async () => {
      for (let i = next++; i < batch.runs.length; i = next++) done[i] = await runOne(batch.runs[i]!);
    };
    await Promise.all(Array.from({ length: batch.parallel }, worker));
  }
  const failed = done.find((one) => one.exitCode !== 0);
  return {
    timesMs: done.map((one) => one.timeMs),
    wallMs: performance.now() - startMs,
    outputs: done.map((one) => one.output),
    ...(failed === undefined ? {} : { failure: failed.output }),
  };
}

/** A spawner inside a network namespace. */
export class Spawner {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(netnsPath: string) {
    this.#child = Bun.spawn(["nsenter", `--net=${netnsPath}`, process.execPath, import.meta.path], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#lines = linesOf(this.#child.stdout);
  }

  /** Rejects when a run failed. */
  async run(batch: Batch): Promise<BatchAnswer> {
    this.#child.stdin.write(`${JSON.stringify(batch)}\n`);
    await this.#child.stdin.flush();
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the spawner ended");
    const reply = JSON.parse(value) as BatchAnswer;
    if (reply.failure !== undefined) throw new Error(`a plugin failed: ${reply.failure}`);
    return reply;
  }

  async close(): Promise<void> {
    await this.#child.stdin.end();
    await this.#child.exited;
  }
}

if (import.meta.main) {
  for await (const line of linesOf(Bun.stdin.stream())) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Batch))}\n`);
  }
}
