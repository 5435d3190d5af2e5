// The doctor over the support bundles of 200 nodes: one command as a user runs it, from the archives to the report.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { agentLogDay } from "./log-reader.ts";
import type { BenchRow } from "./types.ts";

const NODE_COUNT = 200;
/** Of the agent's log as it is now, and of each of its rotated copies. */
const LOG_BYTES = 12 * 2 ** 20;
const ROTATED_COUNT = 2;
const MESSAGES_BYTES = 12 * 2 ** 20;

/** 200 bundles in the collector's layout, about 50 MB unpacked each; the large members are packed once and reused. */
async function makeBundles(folder: string): Promise<number> {
  const day = Buffer.from(agentLogDay(4).slice(0, LOG_BYTES));
  const rotated = gzipSync(Buffer.from(agentLogDay(3).slice(0, LOG_BYTES)), { level: 6 });
  const messages = Buffer.from(hostLog());
  let unpackedBytes = 0;
  // Ends of gzip members follow each other: the large part of every archive is packed once.
  const shared = gzipSync(
    await tarBytes(
      [
        { name: "./var_log/aws-routed-eni/ipamd.log", content: day },
        ...Array.from({ length: ROTATED_COUNT }, (_, index) => ({
          name: `./var_log/aws-routed-eni/ipamd-2024-03-0${index + 1}T00-00-00.000.log.gz`,
          content: rotated,
        })),
        { name: "./var_log/messages", content: messages },
        { name: "./kubelet/kubelet.log", content: messages.subarray(0, messages.length / 3) },
        {
          name: "./networking/iptables-save.txt",
          content: Buffer.from("-A AWS-SNAT-CHAIN-0 -j RETURN\n".repeat(20_000)),
        },
      ],
      false,
    ),
    { level: 6 },
  );
  for (let index = 0; index < NODE_COUNT; index++) {
    const id = `i-0${index.toString(16).padStart(16, "0")}`;
    const head = gzipSync(
      await tarBytes([{ name: "./system/instance-id.txt", content: Buffer.from(`${id}\n`) }], false),
    );
    const tail = gzipSync(
      await tarBytes(
        [{ name: "./ipamd/metrics.json", content: Buffer.from("awscni_eni_max 4\nawscni_total_ip_addresses 96\n") }],
        true,
      ),
    );
    writeFileSync(join(folder, `eks_${id}_2024-03-04_0000-UTC_0.7.8.tar.gz`), Buffer.concat([head, shared, tail]));
    unpackedBytes += day.length * (1 + ROTATED_COUNT) + messages.length * 1.33;
  }
  return unpackedBytes;
}

/** The archive as bytes; without its end, so that another may follow. */
async function tarBytes(entries: readonly { name: string; content: Buffer }[], hasEnd: boolean): Promise<Buffer> {
  const archive = pack();
  for (const { name, content } of entries) archive.entry({ name, size: content.length }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  const whole = Buffer.concat(chunks);
  return hasEnd ? whole : whole.subarray(0, whole.length - 1024);
}

/** What kubelet, containerd and others write beside the agent. */
function hostLog(): string {
  const lines: string[] = [];
  let length = 0;
  for (let index = 0; length < MESSAGES_BYTES; index++) {
    const at = `Mar  4 ${String(Math.floor(index / 3600) % 24).padStart(2, "0")}:${String(Math.floor(index / 60) % 60).padStart(2, "0")}:${String(index % 60).padStart(2, "0")}`;
    const line =
      index % 3 === 0
        ? `${at} ip-10-0-1-2 kubelet: I0304 10:00:00.000000    4321 reconciler_common.go:258] "operationExecutor.VerifyControllerAttachedVolume started for volume" pod="shop/web-${index}"`
        : index % 3 === 1
          ? `${at} ip-10-0-1-2 containerd: time="2024-03-04T10:00:00.000000000Z" level=info msg="ImageUpdate event name:registry/shop/web:${index}"`
          : `${at} ip-10-0-1-2 systemd: Started libcontainer container ${(index * 2_654_435_761).toString(16)}.`;
    lines.push(line);
    length += line.length + 1;
  }
  return `${lines.join("\n")}\n`;
}

export async function benchDoctor(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "s28-bundles-"));
  try {
    const unpackedBytes = await makeBundles(folder);
    const start = performance.now();
    const child = Bun.spawn([join(import.meta.dir, "../bin/slash28"), "doctor", folder, "-o", "json"], {
      stdout: "pipe",
      stderr: "inherit",
    });
    let peakKb = 0;
    const timer = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
        peakKb = Math.max(peakKb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      } catch {
        // It has ended.
      }
    }, 200);
    const report = JSON.parse(await new Response(child.stdout).text()) as { read: unknown[] };
    await child.exited;
    clearInterval(timer);
    const seconds = (performance.now() - start) / 1000;
    const note = `${Math.round(unpackedBytes / 1e6)} MB unpacked, ${report.read.length} files read, ${Math.round(unpackedBytes / 1e6 / seconds)} MB/s`;
    return [
      {
        name: `doctor over the support bundles of ${NODE_COUNT} nodes`,
        asked: { atMost: 60 },
        measured: seconds,
        unit: "s",
        note,
      },
      { name: "its memory at most", measured: peakKb / 1000, unit: "MB RSS" },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
