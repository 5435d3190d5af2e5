// The kernel of this machine, by rtnetlink. A thread that holds one is inside the node's network namespace, and inside a pod's only
// within `openNamespace` and the opening of a socket, between two instructions: nothing else of the thread ever runs there.

import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { noNamespaceText } from "../datapath/refusals.ts";
import { EAGAIN, EINVAL, ENOBUFS, ENOENT, EPERM, errnoName } from "../netlink/errno.ts";
import { type Kernel, KernelError, type Namespace, type Netlink } from "../netlink/kernel.ts";
import { type NetlinkSocket, netlinkSession } from "../netlink/session.ts";
import type { Errno } from "../netlink/types.ts";
import { type Libc, openLibc } from "./libc.ts";

export interface LinuxKernel extends Kernel {
  /** The thread could not go back to the node's namespace: every call throws this, and the thread must end. */
  readonly fatal: KernelError | undefined;
  close(): void;
}

/** The calling thread's own namespace; /proc/self would be that of the process's first thread. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";
/** setns: the descriptor must be of a network namespace (CLONE_NEWNET in sched.h). */
const NETWORK_NAMESPACE = 0x4000_0000;

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const NETLINK_ROUTE = 0;
const O_CLOEXEC = 0x8_0000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
/** NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK: conveniences, which an old kernel may lack. */
const NETLINK_OPTIONS: readonly number[] = [10, 11, 12];
/** The kernel answers within the call that asks; so long a silence is a fault. */
const ANSWER_SECONDS_MAX = 10;
/** The kernel makes parts of lists no longer than 32 KiB. */
const DATAGRAM_LENGTH_MAX = 65_536;

/**
 * With `hostNamespacePath` the calling thread moves into that namespace for good. Throws `KernelError` when it cannot. `libc` is for
 * tests that let calls fail.
 */
export function linuxKernel(options: { hostNamespacePath?: string | undefined; libc?: Libc }): LinuxKernel {
  return new ThreadKernel(options.libc ?? openLibc(), options.hostNamespacePath);
}

class ThreadKernel implements LinuxKernel {
  readonly host: Netlink;
  readonly #libc: Libc;
  readonly #hostFd: number;
  readonly #hostSocket: RouteSocket;
  readonly #buffer = new Uint8Array(DATAGRAM_LENGTH_MAX);
  #fatal: KernelError | undefined;

  constructor(libc: Libc, hostNamespacePath: string | undefined) {
    this.#libc = libc;
    this.#hostFd = openNamespaceFile(hostNamespacePath ?? OWN_NAMESPACE);
    if (hostNamespacePath !== undefined && libc.setns(this.#hostFd, NETWORK_NAMESPACE) < 0) {
      const errno = libc.errno();
      closeSync(this.#hostFd);
      throw enterError(hostNamespacePath, errno);
    }
    this.#hostSocket = this.#socketIn(() => openRouteSocket(libc));
    this.host = netlinkSession(this.#hostSocket);
  }

  get fatal(): KernelError | undefined {
    return this.#fatal;
  }

  openNamespace(path: string): Namespace {
    const fd = openNamespaceFile(path);
    const socket = this.#socketIn(() => this.#inside({ fd, path }, () => openRouteSocket(this.#libc)));
    try {
      // At once: entering is what shows whether it is a network namespace.
      socket.open();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    let isOpen = true;
    return {
      fd,
      isHost: isSameFile(fd, this.#hostFd),
      netlink: netlinkSession(socket),
      close() {
        if (!isOpen) return;
        isOpen = false;
        socket.close();
        closeSync(fd);
      },
    };
  }

  sysctl(key: string): string | undefined {
    this.#assertUsable();
    try {
      return readFileSync(sysctlPath(key), "utf8").replace(/\n$/, "");
    } catch {
      return undefined;
    }
  }

  setSysctl(key: string, value: string): boolean {
    this.#assertUsable();
    try {
      const fd = openSync(sysctlPath(key), constants.O_WRONLY);
      try {
        writeSync(fd, value);
        return true;
      } finally {
        closeSync(fd);
      }
    } catch {
      return false;
    }
  }

  close(): void {
    this.#hostSocket.close();
    closeSync(this.#hostFd);
  }

  #socketIn(open: () => number): RouteSocket {
    return new RouteSocket({
      libc: this.#libc,
      buffer: this.#buffer,
      open: () => {
        this.#assertUsable();
        return open();
      },
    });
  }

  /** Runs `action` inside the namespace. */
  #inside<Value>(namespace: { fd: number; path: string }, action: () => Value): Value {
    if (this.#libc.setns(namespace.fd, NETWORK_NAMESPACE) < 0) throw enterError(namespace.path, this.#libc.errno());
    try {
      return action();
    } finally {
      if (this.#libc.setns(this.#hostFd, NETWORK_NAMESPACE) < 0) this.#strand(namespace.path, this.#libc.errno());
    }
  }

  #strand(path: string, errno: Errno): never {
    const message = `The thread could not return from network namespace ${path} to the node's (setns: ${errnoName(errno)}) and must end`;
    this.#fatal = new KernelError(message, errno);
    throw this.#fatal;
  }

  #assertUsable(): void {
    if (this.#fatal !== undefined) throw this.#fatal;
  }
}

/** Opened when it is first used and after each reset. */
class RouteSocket implements NetlinkSocket {
  readonly #libc: Libc;
  readonly #buffer: Uint8Array;
  readonly #open: () => number;
  #fd = -1;
  #isClosed = false;

  constructor(options: { libc: Libc; buffer: Uint8Array; open: () => number }) {
    this.#libc = options.libc;
    this.#buffer = options.buffer;
    this.#open = options.open;
  }

  open(): void {
    if (this.#isClosed) throw new KernelError("netlink: the socket was closed", 0);
    if (this.#fd < 0) this.#fd = this.#open();
  }

  send(datagram: Uint8Array): void {
    this.open();
    if (this.#libc.send(this.#fd, datagram) < 0) throw socketError("send", this.#libc.errno());
  }

  receive(): Uint8Array {
    const length = this.#libc.receive(this.#fd, this.#buffer);
    if (length < 0) throw socketError("recv", this.#libc.errno());
    if (length > this.#buffer.length)
      throw new KernelError(
        `netlink: a datagram of ${length} bytes is longer than the buffer of ${this.#buffer.length}`,
        0,
      );
    return this.#buffer.slice(0, length);
  }

  reset(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  close(): void {
    this.reset();
    this.#isClosed = true;
  }
}

/** A socket of the thread's present namespace, which keeps it whatever the thread does later. */
function openRouteSocket(libc: Libc): number {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw socketError("socket", libc.errno());
  const timeout = new Uint8Array(new BigInt64Array([BigInt(ANSWER_SECONDS_MAX), 0n]).buffer);
  const kernelAddress = new Uint8Array(12);
  kernelAddress[0] = AF_NETLINK;
  // Connected to the kernel, it takes no message from another process.
  const isReady = libc.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout) === 0 && libc.connect(fd, kernelAddress) === 0;
  if (!isReady) {
    const errno = libc.errno();
    closeSync(fd);
    throw socketError("connect", errno);
  }
  const on = Uint8Array.of(1, 0, 0, 0);
  for (const option of NETLINK_OPTIONS) libc.setsockopt(fd, SOL_NETLINK, option, on);
  return fd;
}

function openNamespaceFile(path: string): number {
  try {
    // Not to be held up by a FIFO of that name.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC);
  } catch (error) {
    const errno = error instanceof Error && "errno" in error ? Math.abs(Number(error.errno)) : 0;
    const text = `Network namespace ${path} cannot be opened: open: ${errnoName(errno)}`;
    throw new KernelError(errno === ENOENT ? noNamespaceText(path) : text, errno);
  }
}

function isSameFile(a: number, b: number): boolean {
  const [one, other] = [fstatSync(a), fstatSync(b)];
  return one.dev === other.dev && one.ino === other.ino;
}

function sysctlPath(key: string): string {
  if (key.split("/").some((part) => part === "" || part === "." || part === ".."))
    throw new Error(`"${key}" is no sysctl key`);
  return `/proc/sys/${key}`;
}

function enterError(path: string, errno: Errno): KernelError {
  const why =
    errno === EINVAL
      ? "it is not one; the sandbox may be gone"
      : errno === EPERM
        ? "it takes the capability SYS_ADMIN, which this process does not have"
        : `setns: ${errnoName(errno)}`;
  return new KernelError(`Network namespace ${path} cannot be entered: ${why}`, errno);
}

function socketError(call: string, errno: Errno): KernelError {
  if (errno === EAGAIN) return new KernelError(`netlink: no answer from the kernel in ${ANSWER_SECONDS_MAX} s`, errno);
  if (errno === ENOBUFS)
    return new KernelError(
      `netlink ${call}: ENOBUFS, the kernel had no room for its answers: whether a change was made is not known`,
      errno,
    );
  return new KernelError(`netlink ${call}: ${errnoName(errno)}`, errno);
}
