// `Netlink` over a socket that is handed in: sequence numbers, acknowledgements, lists in several parts. After any failure the
// socket is reset, so that a late answer is never taken for the next one's.

import { assert } from "../base/assert.ts";
import type { Ipv4 } from "../base/ipv4.ts";
import {
  decodeAddress,
  decodeLink,
  decodeNeighbour,
  decodeResult,
  decodeRoute,
  decodeRule,
  describeResult,
  isRuleOf,
} from "./decode.ts";
import { encodeChanges, encodeQuery, type Query } from "./encode.ts";
import { EINTR, ENODEV, ENOENT } from "./errno.ts";
import { type ChangeResult, KernelError, type Netlink } from "./kernel.ts";
import { NLM_F, NLMSG } from "./numbers.ts";
import type { Change, Errno } from "./types.ts";
import { encodeUtf8, type Message, messagesOf } from "./wire.ts";

/** A netlink socket. Both calls throw `KernelError` with the errno of the system call. */
export interface NetlinkSocket {
  send(datagram: Uint8Array): void;
  /** The next datagram; waits for it, for a bounded time. */
  receive(): Uint8Array;
  /** Forgets everything that may still come. */
  reset(): void;
}

/** Acknowledgements wait in the socket's receive buffer: 64 take a third of the default 208 KiB. */
const CHANGES_PER_DATAGRAM = 64;
/** Datagrams that belong to no question of ours, and interrupted calls, before something is taken to be wrong. */
const STRAY_COUNT_MAX = 1_000;
/** How often a list that changes while it is read is read again. */
const LIST_ATTEMPT_COUNT = 10;
const NAME_LENGTH_MAX = 15;

export function netlinkSession(socket: NetlinkSocket): Netlink {
  return new Session(socket);
}

class Session implements Netlink {
  readonly #socket: NetlinkSocket;
  #sequence = 0;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  apply(changes: readonly Change[]): readonly ChangeResult[] {
    const results: ChangeResult[] = [];
    for (let first = 0; first < changes.length; first += CHANGES_PER_DATAGRAM)
      results.push(...this.#applySome(changes.slice(first, first + CHANGES_PER_DATAGRAM)));
    return results;
  }

  link(name: string) {
    const length = encodeUtf8(name).length;
    if (length === 0 || length > NAME_LENGTH_MAX || name.includes("\0")) return undefined;
    const bodies = this.#read({ query: "link", name }, ENODEV);
    return bodies[0] === undefined ? undefined : decodeLink(bodies[0]);
  }

  links() {
    return this.#read({ query: "links" }).map(decodeLink);
  }

  addresses(linkIndex = 0) {
    // A link that is gone has no addresses.
    return this.#read({ query: "addresses", linkIndex }, ENODEV)
      .flatMap((body) => decodeAddress(body) ?? [])
      .filter((address) => linkIndex === 0 || address.linkIndex === linkIndex);
  }

  routes(table: number) {
    // A table exists from its first route on.
    return this.#read({ query: "routes", table }, ENOENT)
      .flatMap((body) => decodeRoute(body) ?? [])
      .filter((route) => route.table === table);
  }

  rules(address?: Ipv4) {
    const bodies = this.#read({ query: "rules" });
    const named = address === undefined ? bodies : bodies.filter((body) => isRuleOf(body, address));
    return named.flatMap((body) => decodeRule(body) ?? []);
  }

  neighbours(linkIndex: number) {
    return this.#read({ query: "neighbours", linkIndex })
      .flatMap((body) => decodeNeighbour(body) ?? [])
      .filter((neighbour) => neighbour.linkIndex === linkIndex);
  }

  #applySome(changes: readonly Change[]): readonly ChangeResult[] {
    const first = this.#takeSequences(changes.length);
    const datagram = encodeChanges(changes, first);
    const results: (ChangeResult | undefined)[] = changes.map(() => undefined);
    let missingCount = changes.length;
    this.#exchange(datagram, (message) => {
      const index = (message.sequence - first) >>> 0;
      if (index >= changes.length || message.type !== NLMSG.error) return "stray";
      if (results[index] === undefined) missingCount--;
      results[index] = decodeResult(message);
      return missingCount === 0 ? "complete" : "more";
    });
    return results.map((result) => {
      assert(result !== undefined, "netlink: every change has its result");
      return result;
    });
  }

  /** The bodies of the records; none when the kernel answers with `errnoOfNone`. */
  #read(query: Query, errnoOfNone?: Errno): readonly Uint8Array[] {
    for (let attempt = 0; attempt < LIST_ATTEMPT_COUNT; attempt++) {
      const reply = this.#readOnce(query);
      if (reply.result.errno !== 0 && reply.result.errno === errnoOfNone) return [];
      if (reply.result.errno !== 0)
        throw new KernelError(
          `The kernel does not list ${query.query}: ${describeResult(reply.result)}`,
          reply.result.errno,
        );
      if (!reply.isInterrupted) return reply.bodies;
    }
    throw new KernelError(`The list of ${query.query} changed each of ${LIST_ATTEMPT_COUNT} times it was read`, EINTR);
  }

  #readOnce(query: Query): { bodies: Uint8Array[]; result: ChangeResult; isInterrupted: boolean } {
    const sequence = this.#takeSequences(1);
    const isList = query.query !== "link";
    const bodies: Uint8Array[] = [];
    let result: ChangeResult = { errno: 0, message: "" };
    let isInterrupted = false;
    this.#exchange(encodeQuery(query, sequence), (message) => {
      if (message.sequence !== sequence) return "stray";
      // NLMSG_DONE may be the only one that says so (netlink_dump_done in net/netlink/af_netlink.c of Linux 6.1).
      if (isList && (message.flags & NLM_F.dumpInterrupted) !== 0) isInterrupted = true;
      if (message.type === NLMSG.error || message.type === NLMSG.done) {
        if (message.body.length >= 4) result = decodeResult(message);
        return "complete";
      }
      bodies.push(message.body);
      return isList ? "more" : "complete";
    });
    return { bodies, result, isInterrupted };
  }

  /** Sends, and hands every message to `take` until one completes the answer. */
  #exchange(datagram: Uint8Array, take: (message: Message) => "complete" | "more" | "stray"): void {
    try {
      uninterrupted(() => this.#socket.send(datagram));
      let strayCount = 0;
      for (;;) {
        let isOurs = false;
        for (const message of messagesOf(uninterrupted(() => this.#socket.receive()))) {
          const verdict = message.type === NLMSG.overrun ? overrun() : take(message);
          if (verdict === "complete") return;
          if (verdict === "more") isOurs = true;
        }
        if (!isOurs && ++strayCount > STRAY_COUNT_MAX)
          throw new KernelError(
            `The kernel sent ${strayCount} netlink datagrams that answer nothing that was asked`,
            0,
          );
      }
    } catch (error) {
      this.#socket.reset();
      throw error;
    }
  }

  #takeSequences(count: number): number {
    const first = this.#sequence;
    this.#sequence = (this.#sequence + count) >>> 0;
    return first;
  }
}

function overrun(): never {
  throw new KernelError("The kernel lost netlink answers (NLMSG_OVERRUN): whether a change was made is not known", 0);
}

function uninterrupted<Value>(call: () => Value): Value {
  for (let count = 0; ; count++) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== EINTR || count === STRAY_COUNT_MAX) throw error;
    }
  }
}
