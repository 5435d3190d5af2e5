// The kernel as the datapath sees it: blocking and in order. A driver speaks netlink; tests have a kernel of plain maps, and wrap
// either one to fail or to stop at any call.

import type { Ipv4 } from "../base/ipv4.ts";
import type { Change, Errno, Link, LinkAddress, Neighbour, Route, Rule } from "./types.ts";

/** The kernel could not be spoken to at all, or a namespace could not be opened. `errno` 0: not known. */
export class KernelError extends Error {
  override readonly name = "KernelError";
  readonly errno: Errno;

  constructor(message: string, errno: Errno) {
    super(message);
    this.errno = errno;
  }
}

export interface ChangeResult {
  readonly errno: Errno;
  /** What the kernel adds in words (extended acknowledgement); often empty. */
  readonly message: string;
}

/** rtnetlink inside one network namespace. Every method throws `KernelError` when the socket itself fails. */
export interface Netlink {
  /**
   * Asks for all changes in one datagram, in order; one result each. A change that fails does not keep the later ones from
   * being tried. At most about 60 changes at once.
   */
  apply(changes: readonly Change[]): readonly ChangeResult[];
  /** By name; undefined when there is none. One message, whatever the number of links. */
  link(name: string): Link | undefined;
  links(): readonly Link[];
  /** IPv4 addresses, of one link or of all. */
  addresses(linkIndex?: number): readonly LinkAddress[];
  /** IPv4 routes of one table. Multipath routes are left out. */
  routes(table: number): readonly Route[];
  /** IPv4 rules, in the order of evaluation; with an address those alone that are from it or to it. */
  rules(address?: Ipv4): readonly Rule[];
  neighbours(linkIndex: number): readonly Neighbour[];
}

export interface Namespace {
  /** For `addVeth`. */
  readonly fd: number;
  /** Whether it is the node's own namespace. */
  readonly isHost: boolean;
  readonly netlink: Netlink;
  close(): void;
}

export interface Kernel {
  /** The node's namespace. */
  readonly host: Netlink;
  /** Throws `KernelError` when the path is no network namespace. */
  openNamespace(path: string): Namespace;
  /** Value of `/proc/sys/<key>` in the node's namespace, without its line end; undefined when there is no such key. */
  sysctl(key: string): string | undefined;
  /** False when the key is absent or cannot be written. */
  setSysctl(key: string, value: string): boolean;
}
