// The system calls that Bun has no function for, straight from the C library: sockets of any family, and setns. All of them block,
// and all act on the calling thread.

import { dlopen, type FFIFunction, FFIType, type Pointer, read } from "bun:ffi";
import type { Errno } from "../netlink/types.ts";

/** Each returns what the system call returns; below 0, `errno()` says why, until the next call. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number;
  send(fd: number, bytes: Uint8Array): number;
  /** The datagram's length, which can be more than the buffer's. */
  receive(fd: number, buffer: Uint8Array): number;
  setns(fd: number, kind: number): number;
  errno(): Errno;
}

/** glibc first, then musl under its names on Alpine. */
const LIBRARY_NAMES: readonly string[] = ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Makes recv return the whole length of a datagram that was cut (recv(2)). */
const MSG_TRUNC = 0x20;

const { i32, u32, ptr, u64 } = FFIType;
const SYMBOLS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  connect: { args: [i32, ptr, u32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
  send: { args: [i32, ptr, u64, i32], returns: i32 },
  recv: { args: [i32, ptr, u64, i32], returns: i32 },
  setns: { args: [i32, i32], returns: i32 },
  __errno_location: { args: [], returns: ptr },
} as const;

/** The named functions of the C library. Throws when there is none to be opened. */
export function openLibrary<Symbols extends Record<string, FFIFunction>>(symbols: Symbols) {
  const complaints: string[] = [];
  for (const name of LIBRARY_NAMES) {
    try {
      return dlopen(name, symbols).symbols;
    } catch (error) {
      complaints.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`No C library could be opened (tried ${LIBRARY_NAMES.join(", ")}): ${complaints.join("; ")}`);
}

/** Throws when there is no C library to be opened. */
export function openLibc(): Libc {
  const c = openLibrary(SYMBOLS);
  // The address is the thread's own and does not change.
  const errnoAt = c.__errno_location() as Pointer;
  return {
    socket: (domain, type, protocol) => c.socket(domain, type, protocol),
    connect: (fd, address) => c.connect(fd, address, address.length),
    setsockopt: (fd, level, option, value) => c.setsockopt(fd, level, option, value, value.length),
    send: (fd, bytes) => c.send(fd, bytes, bytes.length, 0),
    receive: (fd, buffer) => c.recv(fd, buffer, buffer.length, MSG_TRUNC),
    setns: (fd, kind) => c.setns(fd, kind),
    errno: () => read.i32(errnoAt),
  };
}
