// The ADDs and DELs of one node, line by line, as lives of pods. A life begins with a pod's first ADD, tried again or not, and
// ends with the DEL of the sandbox that got the address.

import type { Ms } from "../base/units.ts";
import { asciiBytes, decodeBytes } from "../diagnose/readers/logs/bytes.ts";
import type { PodLine } from "./pod-lines.ts";

export interface LoggedLife {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** That got the address; the first tried, where none did. */
  readonly sandbox: string;
  readonly askedMs: Ms;
  readonly isFromBefore: boolean;
  readonly servedMs: Ms | undefined;
  readonly endedMs: Ms | undefined;
}

export interface BookCounts {
  /** ADDs that the agent received, tries again included. */
  addCount: number;
  delCount: number;
  /** ADDs for a sandbox that had its address already. */
  duplicateAddCount: number;
  /** ADDs that got no address. */
  refusedAddCount: number;
  /** Of those, the ones whose pod the log does not name: they are of no life. */
  unnamedRefusedCount: number;
  /** DELs that released the address of a sandbox whose ADD is not in the logs. */
  delWithoutAddCount: number;
  /** DELs of sandboxes that held nothing: refused, ended already, or never seen. */
  idleDelCount: number;
  /** Sandboxes that held their address when the logs end. */
  addWithoutDelCount: number;
  /** Pods that never got an address. */
  neverServedCount: number;
}

type OpenLife = { -readonly [Key in keyof LoggedLife]: LoggedLife[Key] } & { lastTryMs: Ms };

interface Sandbox {
  life: OpenLife | undefined;
  askedMs: Ms;
  isGranted: boolean;
}

/** The kubelet tries a refused pod again after 10 to 15 s; one that is not seen for so long is gone. */
const GONE_AFTER_MS = 600_000;
const RECENT_MAX = 1_024;

export class PodBook {
  readonly counts: BookCounts = {
    addCount: 0,
    delCount: 0,
    duplicateAddCount: 0,
    refusedAddCount: 0,
    unnamedRefusedCount: 0,
    delWithoutAddCount: 0,
    idleDelCount: 0,
    addWithoutDelCount: 0,
    neverServedCount: 0,
  };
  readonly #lives: LoggedLife[] = [];
  readonly #sandboxes = new Map<string, Sandbox>();
  /** Pods that asked and have no address yet. */
  readonly #waiting = new Map<string, OpenLife>();
  /** A DEL names the pod, and the line that releases its address a moment later does not. */
  readonly #named = new Recent<PodLine>();
  readonly #ended = new Recent<true>();

  /** `beginMs`: the earliest moment since when a sandbox that was never seen may have been there. */
  line(line: PodLine, nowMs: Ms, beginMs: Ms): void {
    switch (line.kind) {
      case "add":
        this.#add(line, nowMs);
        break;
      case "names":
        this.#names(line, nowMs);
        break;
      case "granted":
        this.#granted(line, nowMs);
        break;
      case "del":
        this.#del(line, nowMs);
        break;
      case "released":
        this.#released(line, nowMs, beginMs);
        break;
      case "recovered":
        this.#recovered(line, beginMs);
        break;
      case "lost":
        if (this.#sandboxes.get(line.sandbox)?.isGranted === true) this.#end(line.sandbox, nowMs);
        break;
    }
  }

  /** All lives. Those without an end were there, or waited, when the logs ended at `endMs`. */
  end(endMs: Ms): readonly LoggedLife[] {
    for (const { life, isGranted } of this.#sandboxes.values()) {
      if (isGranted && life !== undefined) {
        this.counts.addWithoutDelCount++;
        this.#lives.push(life);
      } else if (life === undefined) this.#unnamedRefused();
      else this.counts.refusedAddCount++;
    }
    for (const life of this.#waiting.values()) this.#neverServed(life, endMs);
    this.#sandboxes.clear();
    this.#waiting.clear();
    return this.#lives;
  }

  #add(line: PodLine, nowMs: Ms): void {
    this.counts.addCount++;
    const known = this.#sandboxes.get(line.sandbox);
    if (known?.isGranted === true) {
      this.counts.duplicateAddCount++;
      return;
    }
    if (known === undefined) this.#sandboxes.set(line.sandbox, { life: undefined, askedMs: nowMs, isGranted: false });
    else this.counts.refusedAddCount++;
    this.#names(line, nowMs);
  }

  #names(line: PodLine, nowMs: Ms): void {
    if (line.name === undefined || line.namespace === undefined) return;
    const sandbox = this.#sandboxes.get(line.sandbox);
    if (sandbox === undefined) this.#named.set(line.sandbox, line);
    if (sandbox === undefined || sandbox.isGranted) return;
    sandbox.life ??= this.#waitingLife(line, sandbox);
    sandbox.life.lastTryMs = nowMs;
  }

  /** The life of a pod that asks: the one that waits already, if it still can. */
  #waitingLife(line: PodLine, { askedMs }: Sandbox): OpenLife {
    const key = `${line.namespace}/${line.name}`;
    const known = this.#waiting.get(key);
    if (known !== undefined && askedMs - known.lastTryMs < GONE_AFTER_MS) return known;
    if (known !== undefined) this.#neverServed(known, Number.POSITIVE_INFINITY);
    const { namespace, name, sandbox } = line;
    const life = openLife({ namespace, name, sandbox, askedMs });
    this.#waiting.set(key, life);
    return life;
  }

  #granted(line: PodLine, nowMs: Ms): void {
    let sandbox = this.#sandboxes.get(line.sandbox);
    if (sandbox === undefined) {
      sandbox = { life: undefined, askedMs: nowMs, isGranted: false };
      this.#sandboxes.set(line.sandbox, sandbox);
    }
    // A pod on several network cards gets an address of each.
    if (sandbox.isGranted) return;
    this.#names(line, nowMs);
    const { namespace, name, askedMs } = { ...line, askedMs: sandbox.askedMs };
    const life = sandbox.life ?? openLife({ namespace, name, sandbox: line.sandbox, askedMs });
    this.#waiting.delete(`${life.namespace}/${life.name}`);
    sandbox.life = life;
    sandbox.isGranted = true;
    life.sandbox = line.sandbox;
    life.servedMs = nowMs;
  }

  #del(line: PodLine, nowMs: Ms): void {
    this.counts.delCount++;
    this.#names(line, nowMs);
    const sandbox = this.#sandboxes.get(line.sandbox);
    if (sandbox?.isGranted === true) {
      this.#end(line.sandbox, nowMs);
      return;
    }
    this.counts.idleDelCount++;
    if (sandbox === undefined) return;
    this.#sandboxes.delete(line.sandbox);
    if (sandbox.life === undefined) this.#unnamedRefused();
    else this.counts.refusedAddCount++;
  }

  /** Follows its DEL. Of a sandbox that was never seen, it is the only sign that an address was held. */
  #released(line: PodLine, nowMs: Ms, beginMs: Ms): void {
    if (this.#ended.get(line.sandbox) === true) return;
    if (this.#sandboxes.get(line.sandbox)?.isGranted === true) {
      this.#end(line.sandbox, nowMs);
      return;
    }
    this.counts.delWithoutAddCount++;
    this.counts.idleDelCount = Math.max(0, this.counts.idleDelCount - 1);
    this.#lives.push({ ...this.#fromBefore(line, beginMs), endedMs: nowMs });
  }

  #recovered(line: PodLine, beginMs: Ms): void {
    if (this.#sandboxes.has(line.sandbox)) return;
    const life = this.#fromBefore(line, beginMs);
    this.#sandboxes.set(line.sandbox, { life, askedMs: beginMs, isGranted: true });
  }

  #fromBefore(line: PodLine, beginMs: Ms): OpenLife {
    const named = line.name === undefined ? this.#named.get(line.sandbox) : line;
    const life = openLife({
      namespace: named?.namespace,
      name: named?.name,
      sandbox: line.sandbox,
      askedMs: beginMs,
    });
    life.isFromBefore = true;
    life.servedMs = beginMs;
    return life;
  }

  #end(id: string, nowMs: Ms): void {
    const life = this.#sandboxes.get(id)?.life;
    this.#sandboxes.delete(id);
    this.#ended.set(id, true);
    if (life === undefined) return;
    life.endedMs = nowMs;
    this.#lives.push(life);
  }

  #unnamedRefused(): void {
    this.counts.refusedAddCount++;
    this.counts.unnamedRefusedCount++;
  }

  /** It wanted an address at least until its last try. */
  #neverServed(life: OpenLife, endMs: Ms): void {
    this.counts.neverServedCount++;
    const isStillWaiting = endMs - life.lastTryMs < GONE_AFTER_MS;
    this.#lives.push({ ...life, endedMs: isStillWaiting ? undefined : life.lastTryMs });
  }
}

function openLife(pod: {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly sandbox: string;
  readonly askedMs: Ms;
}): OpenLife {
  const { namespace, name } = pod;
  const names = { namespace: own(namespace), name: own(name) };
  return { ...pod, ...names, isFromBefore: false, servedMs: undefined, endedMs: undefined, lastTryMs: pod.askedMs };
}

/** What was noted last, by sandbox; of older ones nothing is known. Lines of one call come within a second. */
class Recent<T> {
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  get(id: string): T | undefined {
    return this.#young.get(id) ?? this.#old.get(id);
  }

  set(id: string, value: T): void {
    this.#young.set(id, value);
    if (this.#young.size < RECENT_MAX) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

/** A part of a line keeps the whole line in memory; this is a text of its own. */
function own(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bytes = asciiBytes(text);
  return decodeBytes(bytes, 0, bytes.length);
}
