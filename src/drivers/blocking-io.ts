// Files and unix sockets by plain system calls that block, for a process that asks one question and ends: it starts a third sooner
// than with node:fs, Bun.connect and an event loop (docs/decisions/0047-plugin-io.md).

import { FFIType, type Pointer, read } from "bun:ffi";
import { EAGAIN, EINTR, errnoName } from "../netlink/errno.ts";
import { type BlockingIo, IoError } from "../ports/blocking-io.ts";
import { openLibrary } from "./libc.ts";

/** socket.h, fcntl.h and unistd.h of Linux; the same on x86-64 and arm64. */
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
/** O_WRONLY, O_CREAT, O_APPEND, O_NONBLOCK (a pipe's reader may be away), O_CLOEXEC. */
const APPEND_FLAGS = 0o1 | 0o100 | 0o2000 | 0o4000 | 0o2000000;
const SEEK_END = 2;
const LOG_MODE = 0o644;
/** sockaddr_un without its two bytes of family and its end. */
const SOCKET_PATH_BYTES_MAX = 107;
/** More than a configuration has as a rule. */
const CHUNK_LENGTH = 16 * 1024;
const FULL_PIPE_PAUSE_MS = 1;
const FULL_PIPE_PAUSES_MAX = 5_000;

const { i32, u32, ptr, u64, i64_fast } = FFIType;
const SYMBOLS = {
  read: { args: [i32, ptr, u64], returns: i64_fast },
  write: { args: [i32, ptr, u64], returns: i64_fast },
  open: { args: [ptr, i32, i32], returns: i32 },
  lseek: { args: [i32, i64_fast, i32], returns: i64_fast },
  close: { args: [i32], returns: i32 },
  socket: { args: [i32, i32, i32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
  connect: { args: [i32, ptr, u32], returns: i32 },
  send: { args: [i32, ptr, u64, i32], returns: i64_fast },
  recv: { args: [i32, ptr, u64, i32], returns: i64_fast },
  _exit: { args: [i32], returns: FFIType.void },
  __errno_location: { args: [], returns: ptr },
} as const;

/** Throws when there is no C library to be opened. */
export function blockingIo(): BlockingIo {
  const c = openLibrary(SYMBOLS);
  // The address is the thread's own and does not change.
  const errnoAt = c.__errno_location() as Pointer;

  /** The result of a call, which is made again as long as a signal breaks it off. */
  const check = (what: string, call: () => number | bigint): number => {
    for (;;) {
      const result = Number(call());
      if (result >= 0) return result;
      const errno = read.i32(errnoAt);
      if (errno !== EINTR) throw new IoError(what, errnoName(errno));
    }
  };
  const limitTime = (fd: number, option: number, timeoutMs: number): void => {
    const microseconds = Math.max(1_000, Math.ceil(timeoutMs * 1_000));
    // struct timeval: two numbers of 64 bits, small ones here.
    const timeval = Uint32Array.of(microseconds / 1_000_000, 0, microseconds % 1_000_000, 0);
    check("setsockopt", () => c.setsockopt(fd, SOL_SOCKET, option, timeval, timeval.byteLength));
  };

  const io: BlockingIo = {
    readAll(fd, limit) {
      const buffer = new Uint8Array(Math.min(CHUNK_LENGTH, limit));
      let bytes = new Uint8Array(0);
      while (bytes.length < limit) {
        const room = Math.min(buffer.length, limit - bytes.length);
        const count = check("read", () => c.read(fd, buffer, room));
        if (count === 0) break;
        const longer = new Uint8Array(bytes.length + count);
        longer.set(bytes);
        longer.set(buffer.subarray(0, count), bytes.length);
        bytes = longer;
      }
      return bytes;
    },
    writeAll(fd, bytes) {
      let pauseCount = 0;
      for (let rest = bytes; rest.length > 0; ) {
        try {
          rest = rest.subarray(check("write", () => c.write(fd, rest, rest.length)));
        } catch (error) {
          // A pipe that does not wait, and that is full.
          const isFull = error instanceof IoError && error.code === errnoName(EAGAIN);
          if (!isFull || ++pauseCount > FULL_PIPE_PAUSES_MAX) throw error;
          Bun.sleepSync(FULL_PIPE_PAUSE_MS);
        }
      }
    },
    openForAppend: (path) => check(path, () => c.open(zeroEnded(path), APPEND_FLAGS, LOG_MODE)),
    size: (fd) => Math.max(0, Number(c.lseek(fd, 0, SEEK_END))),
    close: (fd) => void c.close(fd),
    exit(status) {
      c._exit(status);
      throw new Error("the process goes on after its end");
    },
    connectUnix(path, timeoutMs) {
      const address = unixAddress(path);
      const fd = check("socket", () => c.socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0));
      try {
        limitTime(fd, SO_SNDTIMEO, timeoutMs);
        check(path, () => c.connect(fd, address, address.length));
        return fd;
      } catch (error) {
        io.close(fd);
        throw error;
      }
    },
    send(fd, bytes, timeoutMs) {
      limitTime(fd, SO_SNDTIMEO, timeoutMs);
      return check("send", () => c.send(fd, bytes, bytes.length, MSG_NOSIGNAL));
    },
    receive(fd, buffer, timeoutMs) {
      limitTime(fd, SO_RCVTIMEO, timeoutMs);
      return check("recv", () => c.recv(fd, buffer, buffer.length, 0));
    },
  };
  return io;
}

function zeroEnded(path: string): Uint8Array {
  if (path.includes("\0")) throw new IoError(path, errnoName(2));
  return new TextEncoder().encode(`${path}\0`);
}

function unixAddress(path: string): Uint8Array {
  const bytes = zeroEnded(path);
  if (bytes.length - 1 > SOCKET_PATH_BYTES_MAX) throw new IoError(path, "ENAMETOOLONG");
  const address = new Uint8Array(2 + bytes.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, 2);
  return address;
}
