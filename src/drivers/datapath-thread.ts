// The port `Datapath` over a thread of its own (datapath-worker.ts): questions by number, answered in the order asked.

import { type Stats, statSync } from "node:fs";
import { type Ms, SECOND_MS } from "../base/units.ts";
import { mistakeRefusal, namespaceGoneRefusal, noNamespaceText, ownNamespaceRefusal } from "../datapath/refusals.ts";
import type { Operation, Operations } from "../datapath/service.ts";
import type { WireOutcome } from "../datapath/types.ts";
import type { Datapath } from "../ports/datapath.ts";
import { systemClock } from "./clock-system.ts";

export type ToThread =
  | { readonly kind: "open"; readonly hostNamespacePath: string | undefined }
  | {
      readonly kind: "request";
      readonly id: number;
      readonly operation: Operation;
      readonly args: readonly unknown[];
    }
  | { readonly kind: "close" };

export type FromThread =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number; readonly message: string }
  /** A link that outlived its pod and could not be deleted. */
  | { readonly kind: "left"; readonly line: string }
  /** The thread does nothing more. */
  | { readonly kind: "fatal"; readonly message: string };

export interface DatapathThread extends Datapath {
  /** Rejects when the thread ends without having been closed: the agent cannot go on. Never resolves. */
  readonly failed: Promise<never>;
}

export interface DatapathThreadOptions {
  /** The node's network namespace; undefined: the process's own. */
  readonly hostNamespacePath: string | undefined;
  /** Called with one line for each link that outlived its pod and could not be deleted. */
  readonly onLeft?: (line: string) => void;
  /** How long the thread may be silent while it is asked something, before it is given up; 30 s when absent. */
  readonly silenceMaxMs?: Ms;
  /** Another thread, for tests. */
  readonly workerUrl?: string;
}

/** More than the 10 s after which the thread itself gives up an answer of the kernel, and what it then takes back. */
const SILENCE_MAX_MS = 30 * SECOND_MS;
/** Silence is counted in looks: a main thread that was held up itself, and hears everything late, counts as one. */
const LOOKS_MAX = 10;
/** From this many on the silence is told: 3 to 6 s. */
const LOOKS_TOLD = 2;

/** The main thread's, which never leaves it. */
const OWN_NAMESPACE = "/proc/self/ns/net";

/** Rejects with an `Error` that says why the kernel cannot be spoken to, or the namespace not entered. */
export function startDatapathThread(options: DatapathThreadOptions): Promise<DatapathThread> {
  const thread = new Thread(options);
  return thread.ready.then(() => thread);
}

/** In an executable every entry file lies below one root, under its path in this repository: see scripts/build-slash28.ts. */
function workerUrl(): string {
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  return isCompiled
    ? "/$bunfs/root/src/drivers/datapath-worker.js"
    : new URL("./datapath-worker.ts", import.meta.url).href;
}

function fileAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

interface Waiting {
  readonly operation: Operation;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

class Thread implements DatapathThread {
  readonly ready: Promise<void>;
  readonly failed: Promise<never>;
  readonly #worker: Worker;
  readonly #onLeft: (line: string) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #clock = systemClock();
  readonly #silenceMaxMs: Ms;
  /** Of the node's namespace; undefined: it cannot be seen. */
  readonly #hostFile: Stats | undefined;
  /** While something is asked. */
  #cancelLook: (() => void) | undefined;
  /** Looks since the thread was last heard. */
  #silentLooks = 0;
  #lastId = 0;
  #end: Error | undefined;
  #becomeReady: () => void = () => {};
  #becomeUnready: (error: Error) => void = () => {};
  #fail: (error: Error) => void = () => {};

  constructor(options: DatapathThreadOptions) {
    this.#onLeft = options.onLeft ?? (() => {});
    this.#silenceMaxMs = options.silenceMaxMs ?? SILENCE_MAX_MS;
    this.#hostFile = fileAt(options.hostNamespacePath ?? OWN_NAMESPACE);
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#becomeUnready = reject;
    });
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Whoever does not look at it is told by the requests.
    this.failed.catch(() => {});
    // Not with a small heap (`smol`): that saves 8 MB at the peak, and collects garbage in every sixth ADD, for a millisecond or more.
    this.#worker = new Worker(options.workerUrl ?? workerUrl());
    this.#worker.onmessage = ({ data }: MessageEvent<FromThread>) => this.#take(data);
    this.#worker.onerror = (event) => this.#finish(new Error(`The datapath's thread failed: ${event.message}`));
    this.#worker.addEventListener("close", () => this.#finish(new Error("The datapath's thread ended by itself")));
    this.#post({ kind: "open", hostNamespacePath: options.hostNamespacePath });
  }

  get silence(): string | undefined {
    const [first] = this.#waiting.values();
    if (first === undefined || this.#silentLooks < LOOKS_TOLD) return undefined;
    return this.#silenceText(first, this.#silentLooks);
  }

  refusalOf(pod: Parameters<DatapathThread["refusalOf"]>[0]) {
    const mistake = mistakeRefusal({ ...pod, branch: undefined });
    if (mistake !== undefined) return mistake;
    const { netnsPath } = pod;
    try {
      const file = statSync(netnsPath, { throwIfNoEntry: false });
      if (file === undefined) return namespaceGoneRefusal(noNamespaceText(netnsPath));
      const host = this.#hostFile;
      return file.dev === host?.dev && file.ino === host.ino ? ownNamespaceRefusal(pod) : undefined;
    } catch {
      return undefined;
    }
  }

  wirePod(...args: Parameters<Operations["wirePod"]>): Promise<WireOutcome> {
    return this.#ask("wirePod", args).catch((error: Error) => ({
      kind: "failed",
      problem: "kernel-refused",
      message: error.message,
      next: "The agent restarts and puts right what was left half done; the ADD is tried again.",
      leftovers: [],
    }));
  }

  unwirePod(...args: Parameters<Operations["unwirePod"]>) {
    return this.#ask("unwirePod", args).catch((error: Error): readonly string[] => [error.message]);
  }

  checkPod(...args: Parameters<Operations["checkPod"]>) {
    return this.#ask("checkPod", args);
  }

  setUpEni(...args: Parameters<Operations["setUpEni"]>) {
    return this.#ask("setUpEni", args);
  }

  tearDownEni(...args: Parameters<Operations["tearDownEni"]>) {
    return this.#ask("tearDownEni", args);
  }

  reconcileHost(...args: Parameters<Operations["reconcileHost"]>) {
    return this.#ask("reconcileHost", args);
  }

  linkIndexOf(...args: Parameters<Operations["linkIndexOf"]>) {
    return this.#ask("linkIndexOf", args);
  }

  linkNameOf(...args: Parameters<Operations["linkNameOf"]>) {
    return this.#ask("linkNameOf", args);
  }

  linkNames() {
    return this.#ask("linkNames", []);
  }

  branchPods() {
    return this.#ask("branchPods", []);
  }

  setSysctl(...args: Parameters<Operations["setSysctl"]>) {
    return this.#ask("setSysctl", args);
  }

  /** What was asked before is still done, and answered with an error. */
  close(): void {
    if (this.#end !== undefined) return;
    this.#post({ kind: "close" });
    this.#settle(new Error("The datapath was closed"));
  }

  #ask<Name extends Operation>(
    operation: Name,
    args: Parameters<Operations[Name]>,
  ): Promise<ReturnType<Operations[Name]>> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const waiting = {
        operation,
        resolve: (value: unknown) => resolve(value as ReturnType<Operations[Name]>),
        reject,
      };
      this.#waiting.set(id, waiting);
      if (this.#cancelLook === undefined) {
        this.#silentLooks = 0;
        this.#lookLater();
      }
      this.#post({ kind: "request", id, operation, args });
    });
  }

  #lookLater(): void {
    this.#cancelLook = this.#clock.at(this.#clock.nowMs() + this.#silenceMaxMs / LOOKS_MAX, () => {
      this.#cancelLook = undefined;
      const [first] = this.#waiting.values();
      if (first === undefined) return;
      if (++this.#silentLooks < LOOKS_MAX) return this.#lookLater();
      this.#finish(new Error(this.#silenceText(first, LOOKS_MAX)));
    });
  }

  #silenceText({ operation }: Waiting, looks: number): string {
    const seconds = Math.round((this.#silenceMaxMs * looks) / LOOKS_MAX) / SECOND_MS;
    return `The datapath's thread has not come back from ${operation} for ${seconds} s: see what holds the kernel in /proc/${process.pid}/task/*/stack`;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #take(message: FromThread): void {
    this.#silentLooks = 0;
    switch (message.kind) {
      case "ready":
        this.#becomeReady();
        break;
      case "result":
        this.#waiting.get(message.id)?.resolve(message.value);
        this.#waiting.delete(message.id);
        break;
      case "error":
        this.#waiting.get(message.id)?.reject(new Error(message.message));
        this.#waiting.delete(message.id);
        break;
      case "left":
        this.#onLeft(message.line);
        break;
      case "fatal":
        this.#worker.terminate();
        this.#finish(new Error(message.message));
    }
  }

  /** The thread is gone, and was not asked to go. */
  #finish(error: Error): void {
    if (this.#end !== undefined) return;
    this.#settle(error);
    this.#becomeUnready(error);
    this.#fail(error);
  }

  #settle(error: Error): void {
    this.#end = error;
    this.#cancelLook?.();
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
