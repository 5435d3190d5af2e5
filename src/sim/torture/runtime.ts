// The container runtime of one node: pods come, live and go, each in a place of its own; ADD and DEL are called as a runtime
// calls them, and as it should not. DEL is repeated until it works; a refused ADD is tried again with a new sandbox.

import type { Ipv4 } from "../../base/ipv4.ts";
import type { Prng } from "../../base/prng.ts";
import { type Ms, SECOND_MS } from "../../base/units.ts";
import type { Attachment, ReplyResult } from "../../ipam/types.ts";
import type { BodyListener, NodeBody } from "./node-body.ts";
import type { PodHabits } from "./plan.ts";
import type { Timeline } from "./timeline.ts";

/** `idle`: no sandbox. `backoff`: its last ADD failed, the next one is due. */
type Stage = "idle" | "adding" | "running" | "deleting" | "backoff";

interface Place {
  stage: Stage;
  attachment: Attachment;
  address: Ipv4 | undefined;
  /** The request whose answer moves it on. */
  requestId: number;
  /** Counts its moves: a timer set before the last one is void. */
  moves: number;
  /** What follows a DEL: another try, or the gap between two pods. */
  retries: boolean;
}

/** After its deadline a runtime waits so long for a reply that is on its way. */
const GRACE_MS = 2 * SECOND_MS;
const CALM_RETRY_MS = 10 * SECOND_MS;
const PATIENT_RETRY_MS = 60 * SECOND_MS;

export interface RuntimeOptions {
  readonly body: NodeBody;
  readonly prng: Prng;
  readonly timeline: Timeline;
  readonly habits: PodHabits;
  readonly podCount: number;
  /** The agent hears how many pods are bound to its node. */
  readonly tellsBound: boolean;
  /** Ids are the fleet's: a request and an attachment are named once in a run. */
  readonly nextId: () => number;
}

export class Runtime implements BodyListener {
  readonly #options: RuntimeOptions;
  readonly #body: NodeBody;
  readonly #prng: Prng;
  readonly #timeline: Timeline;
  readonly #places: Place[] = [];
  readonly #byRequest = new Map<number, Place>();
  /** GC under way: the places that it left out. */
  readonly #collecting = new Map<number, Place[]>();
  #isTelling = false;
  /** Pods stay, and every place wants one. */
  #isCalm = false;
  #isLeaving = false;
  /** Nothing is expected for a while: in the calm who waits tries again once a minute. */
  isPatient = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#body = options.body;
    this.#prng = options.prng;
    this.#timeline = options.timeline;
    for (let i = 0; i < options.podCount; i++) {
      const place: Place = {
        stage: "idle",
        attachment: 0,
        address: undefined,
        requestId: 0,
        moves: 0,
        retries: false,
      };
      this.#places.push(place);
      this.#later(place, this.#around(options.habits.gapMeanMs), () => this.#add(place));
    }
  }

  // -------------------------------------------------------------- what the checks ask

  get waitingCount(): number {
    return this.#places.filter((place) => place.stage !== "running").length;
  }

  get runningCount(): number {
    return this.#places.length - this.waitingCount;
  }

  /** Pods bound to the node: all that have, want or give back an address. */
  get boundCount(): number {
    return this.#places.filter((place) => place.stage !== "idle").length;
  }

  // -------------------------------------------------------------- moods

  /** No pod ends any more, and every place asks for one now. */
  calm(): void {
    this.#isCalm = true;
    for (const place of this.#places)
      if (place.stage === "idle" || place.stage === "backoff") this.#later(place, 0, () => this.#add(place));
      else if (place.stage === "running") place.moves++;
  }

  /** Every pod ends, and none comes again. */
  leave(): void {
    this.#isLeaving = true;
    for (const place of this.#places) {
      if (place.stage === "running") this.#del(place);
      else if (place.stage === "backoff") this.#rest(place);
    }
  }

  // -------------------------------------------------------------- a pod's life

  #enter(place: Place, stage: Stage): void {
    const wasBound = place.stage !== "idle";
    place.stage = stage;
    if (wasBound !== (stage !== "idle")) this.#tellBound();
  }

  /** The kubelet's count of bound pods reaches the agent some time later, several changes at once. */
  #tellBound(): void {
    if (!this.#options.tellsBound || this.#isTelling) return;
    this.#isTelling = true;
    this.#timeline.in(this.#prng.below(1_000), () => {
      this.#isTelling = false;
      this.#body.feed({ kind: "podsBound", count: this.boundCount });
    });
  }

  #around(meanMs: Ms): Ms {
    return -Math.log(1 - this.#prng.fraction()) * meanMs;
  }

  #later(place: Place, ms: Ms, then: () => void): void {
    const moves = ++place.moves;
    this.#timeline.in(ms, () => {
      if (place.moves === moves) then();
    });
  }

  /** In the calm nobody is unlucky with his draw: who waits tries again soon. */
  #retryMs(): Ms {
    const ms = this.#around(this.#options.habits.retryMeanMs);
    if (!this.#isCalm) return ms;
    return this.isPatient ? PATIENT_RETRY_MS : Math.min(ms, CALM_RETRY_MS);
  }

  #happens(rate: number): boolean {
    return rate > 0 && this.#prng.fraction() < rate;
  }

  #add(place: Place): void {
    if (this.#isLeaving) return;
    const { habits, nextId } = this.#options;
    if (!this.#body.isAlive) {
      this.#enter(place, "backoff");
      this.#later(place, this.#retryMs(), () => this.#add(place));
      return;
    }
    if (this.#happens(this.#body.rates.strangeDel)) this.#body.feed(this.#request("release", nextId()));
    this.#enter(place, "adding");
    place.attachment = nextId();
    const deadlineMs = this.#timeline.nowMs + habits.deadlineMs;
    const hangUpMs = this.#happens(this.#body.rates.hangUp)
      ? this.#prng.fraction() * habits.deadlineMs
      : habits.deadlineMs + GRACE_MS;
    const { attachment } = place;
    this.#later(place, hangUpMs, () => this.#hangUp(place));
    this.#call(place, { kind: "allocate", attachment, deadlineMs });
    if (this.#happens(this.#body.rates.duplicateCall) && place.stage === "adding")
      this.#call(place, { kind: "allocate", attachment, deadlineMs });
  }

  #request(kind: "release", attachment: Attachment) {
    return { kind, requestId: this.#options.nextId(), attachment } as const;
  }

  #call(
    place: Place,
    call:
      | { readonly kind: "allocate"; readonly attachment: Attachment; readonly deadlineMs: Ms }
      | { readonly kind: "release"; readonly attachment: Attachment },
  ): void {
    const requestId = this.#options.nextId();
    place.requestId = requestId;
    this.#byRequest.set(requestId, place);
    this.#body.feed({ ...call, requestId });
    if (call.kind !== "allocate") return;
    const { deadlineMs } = call;
    if (this.#byRequest.has(requestId))
      this.#timeline.at(deadlineMs + 1, () => this.#body.checks?.checkDeadlines(this.#timeline.nowMs));
  }

  /** The runtime's patience is over. It says so, and takes back what may have been given. */
  #hangUp(place: Place): void {
    this.#body.feed({ kind: "abandoned", requestId: place.requestId });
    this.#byRequest.delete(place.requestId);
    if (place.stage === "adding") this.#fail(place);
  }

  /** An ADD failed: mostly the sandbox is torn down at once. */
  #fail(place: Place): void {
    place.retries = true;
    this.#enter(place, "deleting");
    this.#later(place, this.#prng.below(50), () => this.#del(place));
  }

  #del(place: Place): void {
    this.#enter(place, "deleting");
    place.address = undefined;
    if (!this.#body.isAlive) {
      this.#later(place, this.#prng.below(5_000), () => this.#del(place));
      return;
    }
    const { attachment } = place;
    this.#later(place, 5 * SECOND_MS + this.#prng.below(20_000), () => this.#del(place));
    this.#call(place, { kind: "release", attachment });
    if (this.#happens(this.#body.rates.duplicateCall) && place.stage === "deleting")
      this.#call(place, { kind: "release", attachment });
  }

  #rest(place: Place): void {
    this.#enter(place, "idle");
    place.address = undefined;
    const { habits } = this.#options;
    if (place.retries) {
      place.retries = false;
      this.#enter(place, "backoff");
      this.#later(place, this.#retryMs(), () => this.#add(place));
    } else this.#later(place, this.#isCalm ? 0 : this.#around(habits.gapMeanMs), () => this.#add(place));
  }

  // -------------------------------------------------------------- what it hears

  answered(requestId: number, result: ReplyResult): void {
    const collecting = this.#collecting.get(requestId);
    if (collecting !== undefined) {
      this.#collecting.delete(requestId);
      for (const place of collecting)
        if (result.kind === "collected") this.#rest(place);
        else this.#later(place, 0, () => this.#del(place));
      return;
    }
    const place = this.#byRequest.get(requestId);
    this.#byRequest.delete(requestId);
    if (place === undefined || place.requestId !== requestId) return;
    if (place.stage === "adding") {
      if (result.kind === "allocated") this.#run(place, result.address);
      else this.#fail(place);
    } else if (place.stage === "deleting") {
      if (result.kind === "refused") this.#later(place, this.#prng.below(3_000), () => this.#del(place));
      else this.#rest(place);
    }
  }

  #run(place: Place, address: Ipv4): void {
    this.#enter(place, "running");
    place.address = address;
    place.retries = false;
    place.moves++;
    if (this.#isCalm && !this.#isLeaving) return;
    if (this.#isLeaving) {
      this.#later(place, 0, () => this.#del(place));
      return;
    }
    this.#later(place, this.#around(this.#options.habits.lifetimeMeanMs), () => this.#del(place));
  }

  started(): void {
    this.#tellBound();
  }

  died(): void {
    this.#byRequest.clear();
    for (const [, places] of this.#collecting)
      for (const place of places) this.#later(place, this.#prng.below(3_000), () => this.#del(place));
    this.#collecting.clear();
    for (const place of this.#places) {
      if (place.stage === "adding") this.#fail(place);
      else if (place.stage === "deleting") this.#later(place, this.#prng.below(5_000), () => this.#del(place));
    }
  }

  /** CNI GC: everything that has a sandbox is valid, but for some running pods that go this way. */
  collect(): void {
    if (!this.#body.isAlive) return;
    const share = this.#prng.fraction() < 0.5 ? 0 : this.#prng.fraction();
    const left: Place[] = [];
    const attachments: Attachment[] = [];
    for (const place of this.#places) {
      if (place.stage === "idle" || place.stage === "backoff") continue;
      if (place.stage === "running" && this.#prng.fraction() < share) left.push(place);
      else attachments.push(place.attachment);
    }
    const requestId = this.#options.nextId();
    for (const place of left) {
      this.#enter(place, "deleting");
      place.address = undefined;
      place.requestId = 0;
      place.moves++;
    }
    this.#collecting.set(requestId, left);
    this.#body.feed({ kind: "validAttachments", requestId, attachments });
  }
}
