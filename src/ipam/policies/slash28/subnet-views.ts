// A subnet as one look showed it: whole /28s that are free, and free addresses in /28s that are broken already. Looked at only
// after an exhaustion answer, and seldom: it costs a page a thousand ENIs. With it the node names what it wants, so that whole
// /28s survive; without it, or where it is old, EC2 chooses.

import type { Ipv4 } from "../../../base/ipv4.ts";
import { MINUTE_MS, type Ms, SECOND_MS } from "../../../base/units.ts";
import { subnetMap } from "../../../subnet/index.ts";
import type { Node } from "../../node.ts";
import { callEc2 } from "../../operations/call.ts";
import type { Operation } from "../../operations/operation.ts";
import { listSubnets } from "../../operations/set-up-eni.ts";
import type { Ec2Eni, Ec2Reservation, SubnetId } from "../../types.ts";
import type { SpaceKind } from "./breakers.ts";

/** No subnet is looked at more often, and no older look is believed. */
export const LOOK_EVERY_MS = 5 * MINUTE_MS;
/** A fleet shares the account's reads: so much longer between looks for each node of the cluster. */
const LOOK_MS_PER_NODE = 0.5 * SECOND_MS;
const FIRST_LOOK_MS_MAX = 2 * SECOND_MS;
/** While pods wait, the count of free addresses is asked for this often; a fleet more seldom. */
const PEEK_EVERY_MS = 20 * SECOND_MS;
const PEEK_MS_PER_NODE = 0.1 * SECOND_MS;
const FRESH_MS = 10 * SECOND_MS;

interface View {
  /** When EC2 was asked. */
  seenMs: Ms;
  /** An older look is not believed. */
  forgottenMs: Ms;
  nextMs: Ms;
  /** In random order: nodes that look at the same moment do not all name the same ones. */
  freePrefixes: Ipv4[];
  brokenSingles: Ipv4[];
  /** Addresses that EC2 gives one by one. */
  freeCount: number;
  /** Reservations are known, so that nothing is named that somebody keeps for himself. */
  mayName: boolean;
  isLooking: boolean;
}

export class SubnetViews {
  readonly #views = new Map<SubnetId, View>();
  /** DescribeNetworkInterfaces by subnet was denied. */
  #isDenied = false;

  get canLook(): boolean {
    return !this.#isDenied;
  }

  /** An exhaustion answer named this subnet. */
  wanted(node: Node, subnetId: SubnetId): void {
    if (this.#isDenied || this.#views.has(subnetId)) return;
    const nextMs = node.nowMs + node.random.retry.fraction() * FIRST_LOOK_MS_MAX;
    const seenMs = Number.NEGATIVE_INFINITY;
    const forgottenMs = node.nowMs;
    const nothing = { freePrefixes: [], brokenSingles: [], freeCount: 0, mayName: false, isLooking: false };
    this.#views.set(subnetId, { seenMs, forgottenMs, nextMs, ...nothing });
  }

  /** When the subnet may be looked at again; undefined: nobody asked for it, or a look is under way. */
  nextLookMs(subnetId: SubnetId): Ms | undefined {
    const view = this.#views.get(subnetId);
    return view === undefined || view.isLooking || this.#isDenied ? undefined : view.nextMs;
  }

  /** Names for so many units where a recent look allows it; undefined: EC2 chooses. They are not named twice. */
  choose(node: Node, subnetId: SubnetId, kind: SpaceKind, count: number): readonly Ipv4[] | undefined {
    const view = this.#recent(node, subnetId);
    // With no whole /28 left any single address does.
    if (view === undefined || !view.mayName || view.freePrefixes.length === 0) return undefined;
    const from = kind === "prefix" ? view.freePrefixes : view.brokenSingles;
    return from.length < count ? undefined : from.splice(0, count);
  }

  /** Whole /28s that the recent look still has; 0 without one. */
  freePrefixCount(node: Node, subnetId: SubnetId): number {
    return this.#recent(node, subnetId)?.freePrefixes.length ?? 0;
  }

  freeSingleCount(node: Node, subnetId: SubnetId): number {
    return this.#recent(node, subnetId)?.freeCount ?? 0;
  }

  /**
   * EC2 had no room for so many addresses: a count that is no higher is no news. How many are free says little about whole /28s:
   * there only more than was counted last, or will be counted first, is news.
   */
  wasShort(node: Node, subnetId: SubnetId, kind: SpaceKind, addressCount: number): void {
    const counted = this.#lastCount(node, subnetId);
    // A count from a moment ago has led here.
    const isFresh = counted !== undefined && node.nowMs - counted.atMs <= FRESH_MS;
    if (kind === "single") this.#shortAt.single.set(subnetId, Math.max(addressCount - 1, isFresh ? counted.count : 0));
    else if (counted !== undefined) this.#shortAt.prefix.set(subnetId, counted.count);
    else this.#shortAt.prefix.delete(subnetId);
    this.forget(node, subnetId);
  }

  #lastCount(node: Node, subnetId: SubnetId): { readonly count: number; readonly atMs: Ms } | undefined {
    const listed = node.subnetsSeen?.subnets.find((subnet) => subnet.subnetId === subnetId);
    if (node.subnetsSeen === undefined || listed === undefined) return this.#counted.get(subnetId);
    return { count: listed.availableIpAddressCount, atMs: node.subnetsSeen.atMs };
  }

  /** What was named is gone, or nothing is left: the look is not believed any more. */
  forget(node: Node, subnetId: SubnetId): void {
    const view = this.#views.get(subnetId);
    if (view === undefined) return;
    view.seenMs = Number.NEGATIVE_INFINITY;
    view.forgottenMs = node.nowMs;
  }

  #recent(node: Node, subnetId: SubnetId): View | undefined {
    const view = this.#views.get(subnetId);
    return view !== undefined && node.nowMs - view.seenMs <= LOOK_EVERY_MS ? view : undefined;
  }

  /** When the counts may be read again. */
  nextPeekMs: Ms = 0;
  readonly #counted = new Map<SubnetId, { readonly count: number; readonly atMs: Ms }>();
  /** The highest count that is known not to be enough. */
  readonly #shortAt = { prefix: new Map<SubnetId, number>(), single: new Map<SubnetId, number>() };

  /** Reads how many addresses each subnet has free; where there are more than were found too few, and for what. */
  *peek(node: Node): Operation<{ readonly subnetId: SubnetId; readonly kind: SpaceKind }[]> {
    const leastMs = PEEK_EVERY_MS + (node.state.clusterNodeCount ?? 0) * PEEK_MS_PER_NODE;
    this.nextPeekMs = node.nowMs + node.random.retry.between(leastMs, leastMs * 1.5);
    node.subnetsSeen = undefined;
    const askedMs = node.nowMs;
    const listed = yield* listSubnets(node);
    if (!listed.ok) return [];
    const grown: { subnetId: SubnetId; kind: SpaceKind }[] = [];
    for (const { subnetId, availableIpAddressCount: count } of listed.value) {
      this.#counted.set(subnetId, { count, atMs: node.nowMs });
      // Asked before the refusal, it says nothing about the time after.
      const view = this.#views.get(subnetId);
      if (askedMs < (view?.forgottenMs ?? 0)) continue;
      if (view !== undefined) view.freeCount = count;
      for (const kind of ["prefix", "single"] as const) {
        const short = this.#shortAt[kind].get(subnetId);
        if (short === undefined) this.#shortAt[kind].set(subnetId, count);
        else if (count > short) grown.push({ subnetId, kind });
      }
    }
    return grown;
  }

  /** One look. False when EC2 did not show the subnet. */
  *look(node: Node, subnetId: SubnetId): Operation<boolean> {
    const view = this.#views.get(subnetId);
    if (view === undefined || view.isLooking) return false;
    view.isLooking = true;
    const askedMs = node.nowMs;
    const leastMs = LOOK_EVERY_MS + (node.state.clusterNodeCount ?? 0) * LOOK_MS_PER_NODE;
    view.nextMs = node.nowMs + node.random.retry.between(leastMs, leastMs * 1.5);
    const described = yield* callEc2(node, { action: "DescribeSubnetNetworkInterfaces", subnetId });
    if (!described.ok) {
      view.isLooking = false;
      this.#isDenied = described.errorClass === "denied";
      node.log("subnetUnseen", subnetId, described.message);
      return false;
    }
    const reserved = yield* callEc2(node, { action: "GetSubnetCidrReservations", subnetId });
    view.isLooking = false;
    if (askedMs < view.forgottenMs) {
      // The subnet was found full meanwhile: what this look shows was before.
      view.nextMs = node.nowMs + node.random.retry.fraction() * FIRST_LOOK_MS_MAX;
      return false;
    }
    this.#fill(node, {
      askedMs,
      subnetId,
      view,
      enis: described.answer.enis ?? [],
      reservations: reserved.ok ? reserved.answer.reservations : undefined,
    });
    return true;
  }

  #fill(
    node: Node,
    seen: {
      readonly askedMs: Ms;
      readonly subnetId: SubnetId;
      readonly view: View;
      readonly enis: readonly Ec2Eni[];
      readonly reservations: readonly Ec2Reservation[] | undefined;
    },
  ): void {
    const { subnetId, view, enis } = seen;
    const cidr = node.subnetCidrs.get(subnetId);
    if (cidr === undefined) return;
    const addresses = enis.flatMap((eni) => [eni.primaryAddress, ...eni.addresses]);
    const prefixes = enis.flatMap((eni) => eni.prefixes);
    const map = subnetMap({ cidr, addresses, prefixes, reservations: seen.reservations ?? [] });
    const used = new Set(addresses);
    const isOpen = map.blocks.every((block) => block.reservation !== "prefix");
    const free = map.blocks.filter((block) => block.state === "free");
    const broken = map.blocks.filter((block) => block.state === "broken" && block.reservation === undefined);
    view.freePrefixes = node.random.retry.shuffle(
      free.filter((block) => isOpen || block.reservation === "prefix").map((block) => block.base),
    );
    view.brokenSingles = node.random.retry.shuffle(
      broken.flatMap(({ base }) =>
        Array.from({ length: 16 }, (_, offset) => base + offset).filter((one) => !used.has(one)),
      ),
    );
    view.freeCount = map.availableIpAddressCount;
    view.mayName = seen.reservations !== undefined;
    view.seenMs = seen.askedMs;
    node.log("subnetSeen", subnetId, map.freePrefixCount, view.brokenSingles.length);
  }
}
