// The conversation with the kernel, against a socket that plays it: answers late, interleaved, interrupted, lost.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EINTR, ENOBUFS, ENODEV, ENOENT } from "./errno.ts";
import { KernelError } from "./kernel.ts";
import { NLM_F, NLMSG, RTM } from "./numbers.ts";
import { type NetlinkSocket, netlinkSession } from "./session.ts";
import type { Change } from "./types.ts";
import { type Message, MessageWriter, messagesOf } from "./wire.ts";

interface Reply {
  readonly type: number;
  readonly sequence: number;
  readonly flags?: number;
  readonly errno?: number;
  readonly body?: Uint8Array;
}

function datagramOf(...replies: readonly Reply[]): Uint8Array {
  const writer = new MessageWriter();
  for (const { type, sequence, flags = 0, errno, body } of replies) {
    writer.message({ type, flags, sequence }, () => {
      if (errno !== undefined) writer.u32(-errno >>> 0);
      for (const byte of body ?? []) writer.u8(byte);
    });
  }
  return writer.datagram();
}

/** Answers each request with what `answer` says: datagrams, and errors to be thrown. */
class ScriptedSocket implements NetlinkSocket {
  readonly requests: Message[][] = [];
  readonly waiting: (Uint8Array | Error)[] = [];
  resetCount = 0;
  readonly #answer: (requests: Message[]) => readonly (Uint8Array | Error)[];

  constructor(answer: (requests: Message[]) => readonly (Uint8Array | Error)[]) {
    this.#answer = answer;
  }

  send(datagram: Uint8Array): void {
    const requests = messagesOf(datagram);
    this.requests.push(requests);
    this.waiting.push(...this.#answer(requests));
  }

  receive(): Uint8Array {
    const next = this.waiting.shift();
    if (next === undefined) throw new KernelError("no answer", 11);
    if (next instanceof Error) throw next;
    return next;
  }

  reset(): void {
    this.resetCount++;
    this.waiting.length = 0;
  }
}

const ack = (request: Message, errno = 0): Reply => ({ type: NLMSG.error, sequence: request.sequence, errno });
const done = (request: Message, errno = 0): Reply => ({ type: NLMSG.done, sequence: request.sequence, errno });
const interrupted = () => new KernelError("interrupted", EINTR);

function linkBody(index: number, name: string): Uint8Array {
  const writer = new MessageWriter();
  writer.message({ type: 0, flags: 0, sequence: 0 }, () => {
    writer.zeros(4);
    writer.u32(index);
    writer.zeros(8);
    writer.attributeName(3, name);
  });
  return messagesOf(writer.datagram())[0]!.body;
}

const link = (request: Message, index: number, flags = 2): Reply => ({
  ...{ type: RTM.newLink, sequence: request.sequence, flags },
  body: linkBody(index, `eth${index}`),
});

const deletions = (count: number): Change[] =>
  Array.from({ length: count }, (_, i) => ({ change: "deleteLink", link: i + 1 }));

describe("changes", () => {
  test("each has its own result, whatever order and datagrams the answers come in", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 120 }), { minLength: 1, maxLength: 150 }), fc.integer(), (errnos, seed) => {
        const socket = new ScriptedSocket((requests) => {
          const replies = requests.map((request) => ack(request, errnos[request.body[4]! - 1] ?? 0));
          const shuffled = replies
            .map((reply, i) => ({ reply, key: Math.imul(i + 1, seed | 1) }))
            .sort((a, b) => a.key - b.key)
            .map(({ reply }) => reply);
          return seed % 2 === 0 ? shuffled.map((reply) => datagramOf(reply)) : [datagramOf(...shuffled)];
        });
        const results = netlinkSession(socket).apply(deletions(errnos.length));
        expect(results.map((result) => result.errno)).toEqual(errnos);
        expect(socket.requests.map((requests) => requests.length).every((count) => count <= 64)).toBe(true);
        expect(socket.resetCount).toBe(0);
      }),
    );
  });

  test("nothing to change asks nothing", () => {
    const socket = new ScriptedSocket(() => []);
    expect(netlinkSession(socket).apply([])).toEqual([]);
    expect(socket.requests).toEqual([]);
  });

  test("answers to somebody else's question are skipped; interrupted calls are made again", () => {
    const socket = new ScriptedSocket(([request]) => [
      interrupted(),
      datagramOf({ type: NLMSG.error, sequence: 4_000_000_000, errno: 22 }),
      datagramOf(link(request!, 7)),
      interrupted(),
      datagramOf(ack(request!, 16)),
    ]);
    expect(netlinkSession(socket).apply(deletions(1))).toEqual([{ errno: 16, message: "" }]);
  });

  test("lost answers: an error, and nothing of it is taken for an answer to the next question", () => {
    let isLosing = true;
    const socket = new ScriptedSocket((requests) => {
      const replies = requests.map((request) => datagramOf(ack(request)));
      return isLosing ? [...replies.slice(0, 1), new KernelError("no room", ENOBUFS), ...replies] : replies;
    });
    const netlink = netlinkSession(socket);
    expect(() => netlink.apply(deletions(3))).toThrow("no room");
    expect(socket.resetCount).toBe(1);
    isLosing = false;
    expect(netlink.apply(deletions(1))).toEqual([{ errno: 0, message: "" }]);
  });

  test("NLMSG_OVERRUN and a socket full of foreign messages end in an error, not in a wait", () => {
    const overrun = new ScriptedSocket(([request]) => [
      datagramOf({ type: NLMSG.overrun, sequence: request!.sequence }),
    ]);
    expect(() => netlinkSession(overrun).apply(deletions(1))).toThrow("NLMSG_OVERRUN");
    const stray = datagramOf({ type: RTM.newLink, sequence: 9, body: linkBody(1, "x") });
    const flood = new ScriptedSocket(() => Array.from({ length: 5_000 }, () => stray));
    expect(() => netlinkSession(flood).apply(deletions(1))).toThrow("answer nothing that was asked");
    const interruptions = new ScriptedSocket(() => Array.from({ length: 5_000 }, interrupted));
    expect(() => netlinkSession(interruptions).apply(deletions(1))).toThrow("interrupted");
  });

  test("an answer that is no netlink message is an error", () => {
    const socket = new ScriptedSocket(() => [Uint8Array.of(1, 2, 3)]);
    expect(() => netlinkSession(socket).apply(deletions(1))).toThrow(KernelError);
    expect(socket.resetCount).toBe(1);
  });
});

describe("lists", () => {
  test("in several parts until NLMSG_DONE", () => {
    const socket = new ScriptedSocket(([request]) => [
      datagramOf(link(request!, 1), link(request!, 2)),
      datagramOf(link(request!, 3)),
      datagramOf(done(request!)),
    ]);
    const links = netlinkSession(socket).links();
    expect(links.map(({ index, name }) => [index, name])).toEqual([
      [1, "eth1"],
      [2, "eth2"],
      [3, "eth3"],
    ]);
  });

  test("read again when it changed meanwhile; the interrupted reading is drained and thrown away", () => {
    let attempt = 0;
    const socket = new ScriptedSocket(([request]) => {
      attempt++;
      const flags = attempt < 3 ? 2 | NLM_F.dumpInterrupted : 2;
      return [datagramOf(link(request!, attempt, flags)), datagramOf(link(request!, 10)), datagramOf(done(request!))];
    });
    expect(
      netlinkSession(socket)
        .links()
        .map((each) => each.index),
    ).toEqual([3, 10]);
    expect([attempt, socket.waiting.length]).toEqual([3, 0]);
  });

  test("read again when only its end says that it changed", () => {
    let attempt = 0;
    const socket = new ScriptedSocket(([request]) => {
      const flags = ++attempt < 2 ? 2 | NLM_F.dumpInterrupted : 2;
      return [datagramOf(link(request!, attempt)), datagramOf({ ...done(request!), flags })];
    });
    expect(
      netlinkSession(socket)
        .links()
        .map((each) => each.index),
    ).toEqual([2]);
  });

  test("one that never stops changing is an error", () => {
    const socket = new ScriptedSocket(([request]) => [
      datagramOf(link(request!, 1, 2 | NLM_F.dumpInterrupted), done(request!)),
    ]);
    expect(() => netlinkSession(socket).links()).toThrow("changed each of 10 times");
  });

  test("refused, at once or at its end", () => {
    const atOnce = new ScriptedSocket(([request]) => [datagramOf(ack(request!, 1))]);
    expect(() => netlinkSession(atOnce).rules()).toThrow("The kernel does not list rules: EPERM");
    const atEnd = new ScriptedSocket(([request]) => [datagramOf(link(request!, 1)), datagramOf(done(request!, 12))]);
    expect(() => netlinkSession(atEnd).links()).toThrow("The kernel does not list links: ENOMEM");
  });

  test("a table or a link that is not there has none", () => {
    const answering = (errno: number) => netlinkSession(new ScriptedSocket(([r]) => [datagramOf(ack(r!, errno))]));
    expect(answering(ENOENT).routes(77)).toEqual([]);
    expect(answering(ENODEV).addresses(77)).toEqual([]);
    expect(() => answering(ENODEV).routes(77)).toThrow("ENODEV");
  });

  test("a link by name: one record and no NLMSG_DONE; ENODEV when there is none; no name a link could not have is asked for", () => {
    const socket = new ScriptedSocket(([request]) => [datagramOf(link(request!, 4))]);
    const netlink = netlinkSession(socket);
    expect(netlink.link("eth4")?.index).toBe(4);
    for (const name of ["", "sixteen-letters-", "a\0b"]) expect(netlink.link(name)).toBeUndefined();
    expect(socket.requests.length).toBe(1);
    const none = new ScriptedSocket(([request]) => [datagramOf(ack(request!, ENODEV))]);
    expect(netlinkSession(none).link("eth4")).toBeUndefined();
  });

  test("a kernel that does not know how to leave out what was not asked for", () => {
    const address = (index: number, last: number) =>
      Uint8Array.of(2, 24, 0, 0, index, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, last);
    const socket = new ScriptedSocket(([request]) => [
      datagramOf(
        { type: RTM.newAddress, sequence: request!.sequence, body: address(1, 1) },
        { type: RTM.newAddress, sequence: request!.sequence, body: address(2, 2) },
        done(request!),
      ),
    ]);
    const netlink = netlinkSession(socket);
    expect(netlink.addresses(2).map((each) => each.linkIndex)).toEqual([2]);
    expect(netlink.addresses().map((each) => each.linkIndex)).toEqual([1, 2]);
  });
});
