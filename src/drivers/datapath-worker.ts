// The datapath's thread: it owns the kernel's netlink, because a change there can wait for others' changes by 20 ms and more, and
// setns changes the thread that calls it. Started by datapath-thread.ts alone; does one thing after the other, in the order asked.

import { type DatapathService, datapathService } from "../datapath/service.ts";
import { systemClock } from "./clock-system.ts";
import type { FromThread, ToThread } from "./datapath-thread.ts";
import { type LinuxKernel, linuxKernel } from "./kernel-linux.ts";

declare const self: Worker;

// The executable compiles late, to be small. This thread's few functions are each pod's way: interpreted, they take twice as long.
Bun.unsafe.setJITPolicy(1);

const clock = systemClock();
let open: { kernel: LinuxKernel; service: DatapathService } | undefined;
let cancelWake = () => {};

function post(message: FromThread): void {
  postMessage(message);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function start(hostNamespacePath: string | undefined): void {
  try {
    const kernel = linuxKernel({ hostNamespacePath });
    open = { kernel, service: datapathService(kernel, () => clock.nowMs()) };
    // Asked once, so that a process without the right to it fails here and not at the first pod.
    kernel.host.link("lo");
    post({ kind: "ready" });
  } catch (error) {
    post({ kind: "fatal", message: textOf(error) });
  }
}

function perform(request: Extract<ToThread, { kind: "request" }>): void {
  if (open === undefined) return;
  const { id, operation, args } = request;
  try {
    const perform = open.service.operations[operation] as (...args: readonly unknown[]) => unknown;
    post({ kind: "result", id, value: perform(...args) });
  } catch (error) {
    post({ kind: "error", id, message: textOf(error) });
  }
  endIfStranded();
  scheduleWake();
}

/** In the wrong namespace nothing may be done any more. */
function endIfStranded(): void {
  const fatal = open?.kernel.fatal;
  if (fatal === undefined) return;
  post({ kind: "fatal", message: fatal.message });
  process.exit(1);
}

function scheduleWake(): void {
  cancelWake();
  const atMs = open?.service.wakeAt();
  if (atMs === undefined) return;
  cancelWake = clock.at(atMs, () => {
    try {
      for (const line of open?.service.wake() ?? []) post({ kind: "left", line });
    } catch (error) {
      post({ kind: "left", line: textOf(error) });
    }
    scheduleWake();
  });
}

self.onmessage = ({ data: message }: MessageEvent<ToThread>) => {
  switch (message.kind) {
    case "open":
      start(message.hostNamespacePath);
      break;
    case "request":
      perform(message);
      break;
    case "close":
      cancelWake();
      open?.kernel.close();
      process.exit(0);
  }
};
