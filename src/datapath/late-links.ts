// Host links of pods that had their DEL. As a rule a link goes with its pod's namespace, a moment after; one that stays is deleted
// here. A deletion holds the kernel's link lock for 20 ms, so it waits until nothing else is asked, and comes alone.

import type { Ms } from "../base/units.ts";
import type { Kernel } from "../netlink/kernel.ts";
import type { Attachment, PodRemoval } from "./types.ts";
import { removeLink } from "./unwire.ts";

/** How long a runtime may take from DEL to the end of the namespace. */
const GRACE_MS = 5_000;
/** Nothing was asked for so long: probably nothing will be in the next 20 ms. */
const IDLE_MS = 200;
/** On a node that is never idle. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 60_000;
const ATTEMPT_COUNT_MAX = 3;
/** Look-ups in one go, of 15 µs each. */
const LOOKS_PER_WAKE = 64;

interface LateLink {
  readonly removal: PodRemoval;
  readonly dueMs: Ms;
  readonly attemptCount: number;
}

export class LateLinks {
  readonly #kernel: Kernel;
  /** Not looked at yet, by `dueMs`. */
  #expected: LateLink[] = [];
  /** Still there when they should have been gone. */
  #present: LateLink[] = [];
  #busyMs: Ms = Number.NEGATIVE_INFINITY;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Something else was asked of the kernel at this moment. */
  noteBusy(nowMs: Ms): void {
    this.#busyMs = nowMs;
  }

  /** The pod had its DEL. Without attachment or link name there is nothing to look for. */
  expectGone(removal: PodRemoval, nowMs: Ms): void {
    if (removal.attachment === undefined || removal.hostInterface === "") return;
    this.keep(removal.attachment);
    this.#expected.push({ removal, dueMs: nowMs + GRACE_MS, attemptCount: 0 });
  }

  /** The same attachment is wired anew: its link has the same alias and must stay. */
  keep(attachment: Attachment): void {
    const isOther = ({ removal }: LateLink) => !isSame(removal.attachment, attachment);
    this.#expected = this.#expected.filter(isOther);
    this.#present = this.#present.filter(isOther);
  }

  /** When `wake` should be called next; undefined: not before something else happens. */
  wakeAt(): Ms | undefined {
    const moments = [this.#expected[0]?.dueMs, this.#removalMoment()].filter((moment) => moment !== undefined);
    return moments.length === 0 ? undefined : Math.min(...moments);
  }

  /** Forgets what is gone and deletes at most one link. Returns what could not be deleted, one line each. */
  wake(nowMs: Ms): readonly string[] {
    for (let count = 0; count < LOOKS_PER_WAKE; count++) {
      const next = this.#expected[0];
      if (next === undefined || next.dueMs > nowMs) break;
      this.#expected.shift();
      if (this.#kernel.host.link(next.removal.hostInterface) !== undefined) this.#present.push(next);
    }
    const moment = this.#removalMoment();
    const late = this.#present[0];
    if (moment === undefined || moment > nowMs || late === undefined) return [];
    this.#present.shift();
    const left = removeLink(this.#kernel, late.removal);
    const attemptCount = late.attemptCount + 1;
    if (left.length > 0 && attemptCount < ATTEMPT_COUNT_MAX)
      this.#present.push({ removal: late.removal, dueMs: nowMs + RETRY_MS, attemptCount });
    return left;
  }

  #removalMoment(): Ms | undefined {
    const late = this.#present[0];
    if (late === undefined) return undefined;
    return Math.max(late.dueMs, Math.min(this.#busyMs + IDLE_MS, late.dueMs + PATIENCE_MS));
  }
}

function isSame(a: Attachment | undefined, b: Attachment): boolean {
  return a !== undefined && a.networkName === b.networkName && a.containerId === b.containerId && a.ifName === b.ifName;
}
