// What the emulator promises: calls per second over HTTP on one core, memory of a large world, time of a large page. Server and
// load run in processes of their own; where `taskset` exists, the server of the calls per second is held to one core and its load to another.

import { cpus } from "node:os";
import { join } from "node:path";
import type { BenchRow } from "./types.ts";

const CONNECTIONS = 16;
const SECONDS = 5;

interface Child {
  /** The next JSON line that it prints. */
  read(): Promise<Record<string, unknown>>;
  write(line: string): void;
  /** No more lines to come. */
  end(): Promise<void>;
  stop(): Promise<void>;
}

/** `core`: which one to hold the process to, the machine's last one if there are fewer; undefined: any. */
function spawn(script: string, words: readonly string[], core: number | undefined): Child {
  const pin =
    core === undefined || Bun.which("taskset") === null
      ? []
      : ["taskset", "-c", String(Math.min(core, cpus().length - 1))];
  const child = Bun.spawn([...pin, process.execPath, join(import.meta.dir, "emulator", script), ...words], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    env: { PATH: process.env["PATH"] ?? "" },
  });
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    async read() {
      for (;;) {
        const end = text.indexOf("\n");
        if (end >= 0) {
          const line = text.slice(0, end);
          text = text.slice(end + 1);
          return JSON.parse(line) as Record<string, unknown>;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error(`${script} ended without an answer`);
        text += decoder.decode(value, { stream: true });
      }
    },
    write(line) {
      child.stdin.write(`${line}\n`);
      child.stdin.flush();
    },
    async end() {
      await child.stdin.end();
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

async function load(
  port: number,
  bodies: readonly string[],
): Promise<{ done: number; refused: number; seconds: number }> {
  const child = spawn("load.ts", [String(port), String(CONNECTIONS), String(SECONDS)], 1);
  const output = child.read();
  child.write(bodies.join("\n"));
  await child.end();
  try {
    return (await output) as { done: number; refused: number; seconds: number };
  } finally {
    await child.stop();
  }
}

async function assignRow(): Promise<BenchRow> {
  const server = spawn("serve.ts", ["assign"], 0);
  try {
    const { port, eniIds } = (await server.read()) as { port: number; eniIds: string[] };
    // Round by round over all ENIs: 15 prefixes each is what the subnets hold.
    const bodies = Array.from({ length: 15 }, () => eniIds)
      .flat()
      .map((id) => `Action=AssignPrivateIpAddresses&Version=2016-11-15&NetworkInterfaceId=${id}&Ipv4PrefixCount=1`);
    const { done, refused, seconds } = await load(port, bodies);
    if (refused > 0) throw new Error(`${refused} calls were refused`);
    return {
      name: "AssignPrivateIpAddresses over HTTP, one core",
      asked: { atLeast: 3000 },
      measured: done / seconds,
      unit: "calls/s",
      note: `${done} calls of one prefix each, ${CONNECTIONS} connections kept alive, load in a second process; throttling off, latency none`,
    };
  } finally {
    await server.stop();
  }
}

async function largeWorldRows(): Promise<BenchRow[]> {
  const server = spawn("serve.ts", ["large"], undefined);
  try {
    const { port } = (await server.read()) as { port: number };
    server.write("memory");
    const { rssMb } = (await server.read()) as { rssMb: number };
    const times: number[] = [];
    let nextToken = "";
    for (let page = 0; page < 20; page++) {
      const startedMs = performance.now();
      const token = nextToken === "" ? "" : `&NextToken=${encodeURIComponent(nextToken)}`;
      const reply = await fetch(`http://127.0.0.1:${port}/`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=1000${token}`,
      });
      const bytes = await reply.bytes();
      times.push(performance.now() - startedMs);
      const text = new TextDecoder().decode(bytes);
      const eniCount = text.split("<networkInterfaceId>").length - 1;
      if (eniCount !== 1000) throw new Error(`a page of ${eniCount} ENIs: ${text.slice(0, 300)}`);
      nextToken = /<nextToken>([^<]+)</.exec(text)?.[1] ?? "";
    }
    times.sort((a, b) => a - b);
    return [
      {
        name: "Memory of a world of 1,000,000 addresses on 20,000 ENIs",
        asked: { atMost: 500 },
        measured: rssMb,
        unit: "MB RSS",
        note: "the whole serving process, after a collection",
      },
      {
        name: "Describe page of 1,000 ENIs with 50 addresses each, over HTTP",
        asked: { atMost: 50 },
        measured: times[times.length >> 1] ?? Number.NaN,
        unit: "ms",
        note: `median of ${times.length} pages of that world, slowest ${(times.at(-1) ?? 0).toFixed(0)} ms`,
      },
    ];
  } finally {
    await server.stop();
  }
}

export async function benchEmulator(): Promise<BenchRow[]> {
  return [await assignRow(), ...(await largeWorldRows())];
}
