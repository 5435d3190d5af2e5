// The way from one node to EC2 and back: calls reach the emulated VPC at once, in the order in which they were made, or never;
// answers come when it says so, late, or never.

import type { Prng } from "../../base/prng.ts";
import { type Ms, SECOND_MS } from "../../base/units.ts";
import type { ActReply, Vpc } from "../../emulator/model/index.ts";
import { httpStatusOf } from "../../emulator/model/refusal.ts";
import type { Ec2Intention, Ec2Outcome } from "../../ipam/types.ts";
import { ec2Outcome, ec2Request, nextTokenOf } from "../ec2-wire.ts";
import type { FaultRates } from "./faults.ts";
import type { Timeline } from "./timeline.ts";

/** The client's patience, as HTTP_TIMEOUT's default in the agent. */
const TIMEOUT_MS = 10 * SECOND_MS;
const LOST: Ec2Outcome = { kind: "refused", errorClass: "lost", awsCode: "NoAnswer", message: "no answer" };
/** What EC2 refuses with when nothing is wrong with the call. */
const CODES: readonly string[] = [
  "InternalError",
  "ServiceUnavailable",
  "RequestLimitExceeded",
  "InsufficientCidrBlocks",
  "InsufficientFreeAddressesInSubnet",
  "PrivateIpAddressLimitExceeded",
  "AttachmentLimitExceeded",
  "NetworkInterfaceLimitExceeded",
  "UnauthorizedOperation",
  "AuthFailure",
  "IncorrectState",
  "InvalidParameterValue",
];

export class Ec2Line {
  readonly #vpc: Vpc;
  readonly #prng: Prng;
  readonly #timeline: Timeline;
  callCount = 0;

  constructor(vpc: Vpc, prng: Prng, timeline: Timeline) {
    this.#vpc = vpc;
    this.#prng = prng;
    this.#timeline = timeline;
  }

  /** `tell` may be called twice: `lost` when patience ends, and the answer that comes after all. */
  call(intention: Ec2Intention, rates: FaultRates, tell: (atMs: Ms, outcome: Ec2Outcome) => void): void {
    const { nowMs } = this.#timeline;
    const happens = (rate: number) => rate > 0 && this.#prng.fraction() < rate;
    this.callCount++;
    if (happens(rates.requestLost)) {
      tell(happens(0.5) ? nowMs + TIMEOUT_MS : nowMs + 1, LOST);
      return;
    }
    const isFailing = happens(rates.ec2Fails);
    if (isFailing) this.#orderFailure();
    const pages: ActReply[] = [];
    let replyAtMs = nowMs;
    for (let token: string | undefined; ; ) {
      const { reply, replyAtMs: atMs } = this.#vpc.act(ec2Request(intention, token), nowMs);
      pages.push(reply);
      replyAtMs = Math.max(replyAtMs, atMs);
      token = nextTokenOf(reply);
      if (token === undefined) break;
    }
    // A throttled call left its failure for the next one.
    if (isFailing) this.#vpc.faults.clear();
    if (happens(rates.replyLost)) {
      tell(happens(0.5) ? nowMs + TIMEOUT_MS : replyAtMs, LOST);
      return;
    }
    const outcome = ec2Outcome(intention, pages);
    const atMs = replyAtMs + (happens(rates.replyLate) ? this.#prng.below(30_000) : 0);
    if (atMs - nowMs > TIMEOUT_MS) tell(nowMs + TIMEOUT_MS, LOST);
    tell(atMs, outcome);
  }

  #orderFailure(): void {
    const code = CODES[this.#prng.below(CODES.length)] as string;
    const fault = { kind: "fail", code, message: "ordered by the torture", httpStatus: httpStatusOf(code) } as const;
    this.#vpc.faults.add({ action: "*", fault, times: 1, after: 0 });
  }
}
