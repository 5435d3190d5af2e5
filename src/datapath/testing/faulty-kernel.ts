// A kernel that fails, or at which the agent dies, at one chosen moment; before and after it all is well. It also watches: after each
// single change, what must never be missing is looked for.

import { EBUSY } from "../../netlink/errno.ts";
import { type ChangeResult, type Kernel, KernelError, type Namespace, type Netlink } from "../../netlink/kernel.ts";
import type { Change } from "../../netlink/types.ts";

/** The agent is gone at this moment: nobody catches it. */
export class Death extends Error {
  override readonly name = "Death";
}

export type FaultKind =
  /** The kernel refuses one change of a datagram, or a question. */
  | "refused"
  /** The socket fails before the datagram leaves, or after it was carried out. */
  | "lost before"
  | "lost after"
  | "death before"
  | "death after"
  /** Somebody else does something just before the call: see `interfere`. */
  | "interference";

export interface Fault {
  readonly kind: FaultKind;
  /** From 0: which call, or, of `refused`, which change or question. */
  readonly at: number;
}

/** A bug that a test plants: what is done in the place of a change; nothing when empty, and it is said to be done. */
export type PlantedBug = (change: Change, kernel: FaultyKernel) => readonly Change[];

export class FaultyKernel implements Kernel {
  bug: PlantedBug = (change) => [change];
  interfere: () => void = () => {};
  readonly host: Netlink;
  readonly #kernel: Kernel;
  #fault: Fault | undefined;
  /** Calls, and changes and questions, since the last `arm`. */
  callCount = 0;
  unitCount = 0;
  hasFailed = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.host = this.#wrap(kernel.host);
  }

  arm(fault: Fault | undefined): void {
    this.#fault = fault;
    this.callCount = 0;
    this.unitCount = 0;
    this.hasFailed = false;
  }

  openNamespace(path: string): Namespace {
    const namespace = this.#around(1, () => this.#kernel.openNamespace(path), {
      refused: () => {
        throw new KernelError(`open ${path}: ENOMEM`, 12);
      },
      lost: (opened) => opened.close(),
    });
    const { fd, isHost, netlink } = namespace;
    return { fd, isHost, netlink: this.#wrap(netlink), close: () => namespace.close() };
  }

  sysctl(key: string): string | undefined {
    return this.#kernel.sysctl(key);
  }

  setSysctl(key: string, value: string): boolean {
    return this.#kernel.setSysctl(key, value);
  }

  #wrap(netlink: Netlink): Netlink {
    const ask = <T>(question: () => T): T =>
      this.#around(1, question, {
        refused: () => {
          throw new KernelError("a question: EBUSY", EBUSY);
        },
      });
    return {
      apply: (changes) =>
        this.#around(changes.length, () => changes.map((change) => this.#carryOut(netlink, change)), {
          refused: (index) =>
            changes.map((change, i) =>
              i === index ? { errno: EBUSY, message: "planted" } : this.#carryOut(netlink, change),
            ),
        }),
      link: (name) => ask(() => netlink.link(name)),
      links: () => ask(() => netlink.links()),
      addresses: (index) => ask(() => netlink.addresses(index)),
      routes: (table) => ask(() => netlink.routes(table)),
      rules: (address) => ask(() => netlink.rules(address)),
      neighbours: (index) => ask(() => netlink.neighbours(index)),
    };
  }

  #carryOut(netlink: Netlink, change: Change): ChangeResult {
    const results = netlink.apply(this.bug(change, this));
    return results.find((result) => result.errno !== 0) ?? { errno: 0, message: "" };
  }

  #around<T>(
    units: number,
    work: () => T,
    ways: { readonly refused: (index: number) => T; readonly lost?: (value: T) => void },
  ): T {
    const call = this.callCount++;
    const first = this.unitCount;
    this.unitCount += units;
    const fault = this.#fault;
    if (fault === undefined) return work();
    if (fault.kind === "refused") {
      if (fault.at < first || fault.at >= first + units) return work();
      this.#fail();
      return ways.refused(fault.at - first);
    }
    if (fault.at !== call) return work();
    this.#fail();
    if (fault.kind === "interference") {
      this.interfere();
      return work();
    }
    const error = fault.kind.startsWith("death")
      ? new Death("the agent is killed")
      : new KernelError("the socket failed", 105);
    if (fault.kind.endsWith("before")) throw error;
    ways.lost?.(work()) ?? (ways.lost === undefined && work());
    throw error;
  }

  #fail(): void {
    this.#fault = undefined;
    this.hasFailed = true;
  }
}
