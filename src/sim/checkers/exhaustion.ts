// I9: after EC2 said that a subnet has no room for a kind (prefix or single address), the node asks for that kind there again
// only after a pause, one call at a time, or once it has seen space: it gave something back itself, or a read showed room.

import { ADDRESSES_PER_PREFIX, cidrContains, cidrSize } from "../../base/ipv4.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../../base/units.ts";
import type { Ec2Eni, Ec2Intention, Ec2Outcome, SubnetId } from "../../ipam/types.ts";
import type { Verdicts } from "./verdicts.ts";
import type { Witness } from "./witness.ts";

/** Whatever a policy's pause is: below this it is hammering. */
export const PAUSE_MIN_MS: Ms = 10 * SECOND_MS;
/** A count that is younger than this when EC2 refuses has led to the call. */
const FRESH_MS: Ms = 10 * SECOND_MS;

/** A limit that EC2 told of may be believed for so long: asking again changes nothing until something is given back. */
const LIMIT_BELIEVED_MS: Ms = 30 * MINUTE_MS;

type Kind = "prefix" | "single";

/** There is one while no call of the kind has succeeded since EC2's refusal. */
interface Breaker {
  readonly refusedAtMs: Ms;
  /** So many free addresses are known not to be enough; undefined: none were counted yet. */
  shortAt: number | undefined;
  hasSeenSpace: boolean;
}

interface Place {
  readonly subnetId: SubnetId;
  readonly kind: Kind;
}

interface Asked extends Place {
  readonly addressCount: number;
}

export class ExhaustionCheck {
  readonly #verdicts: Verdicts;
  readonly #name: string;
  readonly #witness: Witness;
  readonly #breakers = new Map<string, Breaker>();
  /** Calls without an outcome so far. */
  readonly #open = new Set<number>();
  #limitedAtMs: Ms = Number.NEGATIVE_INFINITY;
  readonly #underWay = new Map<number, Asked>();
  readonly #counted = new Map<SubnetId, { readonly count: number; readonly atMs: Ms }>();
  /** Calls that give back, by effect id, with the subnet that gains. */
  readonly #givingBack = new Map<number, SubnetId>();
  /** Looks at a whole subnet, by effect id. */
  readonly #looking = new Map<number, SubnetId>();

  constructor(verdicts: Verdicts, witness: Witness, name: string) {
    this.#verdicts = verdicts;
    this.#witness = witness;
    this.#name = name;
  }

  /** Something is paused for want of space that was not seen since, or EC2 told of a limit lately. */
  isPaused(nowMs: Ms): boolean {
    if (nowMs - this.#limitedAtMs <= LIMIT_BELIEVED_MS) return true;
    return [...this.#breakers.values()].some((breaker) => !breaker.hasSeenSpace);
  }

  called(id: number, intention: Ec2Intention, nowMs: Ms): void {
    this.#open.add(id);
    if (intention.action === "UnassignPrivateIpAddresses" || intention.action === "DeleteNetworkInterface") {
      const subnetId = this.#witness.eni(intention.eniId)?.subnetId;
      if (subnetId !== undefined) this.#givingBack.set(id, subnetId);
      return;
    }
    if (intention.action === "DescribeSubnetNetworkInterfaces") this.#looking.set(id, intention.subnetId);
    const asked = this.#askedBy(intention);
    if (asked === undefined) return;
    const breaker = this.#breakers.get(keyOf(asked));
    if (breaker !== undefined && !breaker.hasSeenSpace) {
      const sinceMs = nowMs - breaker.refusedAtMs;
      this.#verdicts.demand(
        sinceMs >= PAUSE_MIN_MS,
        "I9",
        () => `${this.#name} asks ${asked.subnetId} for a ${asked.kind} ${sinceMs} ms after it was refused one`,
      );
      const isProbing = [...this.#underWay.values()].some((other) => keyOf(other) === keyOf(asked));
      this.#verdicts.demand(
        !isProbing,
        "I9",
        () => `${this.#name} sends a second probe for a ${asked.kind} to ${asked.subnetId}`,
      );
    }
    this.#underWay.set(id, asked);
  }

  /** An answer after the one that counted, late or twice, tells the engine nothing. */
  completed(id: number, result: Ec2Outcome, nowMs: Ms): void {
    if (!this.#open.delete(id)) return;
    const isDone = result.kind === "done";
    if (!isDone && result.errorClass === "limit") this.#limitedAtMs = nowMs;
    const gained = this.#givingBack.get(id);
    this.#givingBack.delete(id);
    if (gained !== undefined && isDone) this.#sawSpace(gained, "prefix", "single");
    const looked = this.#looking.get(id);
    this.#looking.delete(id);
    if (isDone) {
      if (looked !== undefined) this.#sawSubnet(looked, result.answer.enis ?? []);
      for (const subnet of result.answer.subnets ?? [])
        this.#sawCount(subnet.subnetId, subnet.availableIpAddressCount, nowMs);
    }
    const asked = this.#underWay.get(id);
    if (asked === undefined) return;
    this.#underWay.delete(id);
    if (isDone) this.#breakers.delete(keyOf(asked));
    else if (result.errorClass === "exhausted") {
      const counted = this.#counted.get(asked.subnetId);
      const isFresh = counted !== undefined && nowMs - counted.atMs <= FRESH_MS;
      const enough = Math.max(asked.addressCount - 1, isFresh ? counted.count : 0);
      const shortAt = asked.kind === "single" ? enough : counted?.count;
      this.#breakers.set(keyOf(asked), { refusedAtMs: nowMs, shortAt, hasSeenSpace: false });
    }
  }

  /** More addresses are free than EC2 found too few; for whole /28s: than were counted before, as one free says little. */
  #sawCount(subnetId: SubnetId, count: number, nowMs: Ms): void {
    this.#counted.set(subnetId, { count, atMs: nowMs });
    for (const kind of ["prefix", "single"] as const) {
      const breaker = this.#breakers.get(keyOf({ subnetId, kind }));
      if (breaker === undefined) continue;
      if (breaker.shortAt === undefined) breaker.shortAt = count;
      else if (count > breaker.shortAt) breaker.hasSeenSpace = true;
    }
  }

  /** Every ENI of a subnet says which blocks and addresses are free. */
  #sawSubnet(subnetId: SubnetId, enis: readonly Ec2Eni[]): void {
    const { cidr } = this.#witness.subnet(subnetId);
    const used = new Map<number, number>();
    const use = (address: number, count: number) => {
      if (!cidrContains(cidr, address)) return;
      const block = address - (address % ADDRESSES_PER_PREFIX);
      used.set(block, (used.get(block) ?? 0) + count);
    };
    for (const { primaryAddress, addresses, prefixes } of enis) {
      for (const address of [primaryAddress, ...addresses]) use(address, 1);
      for (const base of prefixes) use(base, ADDRESSES_PER_PREFIX);
    }
    const lastBlock = cidr.base + cidrSize(cidr.prefixLength) - ADDRESSES_PER_PREFIX;
    use(cidr.base, 4);
    use(lastBlock, 1);
    for (let block = cidr.base; block <= lastBlock; block += ADDRESSES_PER_PREFIX) {
      const count = used.get(block) ?? 0;
      if (count === 0) this.#sawSpace(subnetId, "prefix");
      if (count < ADDRESSES_PER_PREFIX) this.#sawSpace(subnetId, "single");
    }
  }

  #sawSpace(subnetId: SubnetId, ...kinds: readonly Kind[]): void {
    for (const kind of kinds) {
      const breaker = this.#breakers.get(keyOf({ subnetId, kind }));
      if (breaker !== undefined) breaker.hasSeenSpace = true;
    }
  }

  #askedBy(intention: Ec2Intention): Asked | undefined {
    if (intention.action !== "CreateNetworkInterface" && intention.action !== "AssignPrivateIpAddresses")
      return undefined;
    const prefixCount = intention.prefixCount + (intention.prefixes?.length ?? 0);
    const kind = prefixCount > 0 ? "prefix" : "single";
    const named = "addresses" in intention ? (intention.addresses?.length ?? 0) : 0;
    const addressCount = prefixCount * ADDRESSES_PER_PREFIX + intention.addressCount + named;
    if (intention.action === "CreateNetworkInterface") return { subnetId: intention.subnetId, kind, addressCount };
    const subnetId = this.#witness.eni(intention.eniId)?.subnetId;
    return subnetId === undefined ? undefined : { subnetId, kind, addressCount };
  }
}

function keyOf({ subnetId, kind }: Place): string {
  return `${subnetId} ${kind}`;
}
