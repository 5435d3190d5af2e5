// Linux error numbers that rtnetlink, sockets and files answer with, and their names (include/uapi/asm-generic/errno-base.h, errno.h of Linux 6.1).

import type { Errno } from "./types.ts";

export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ERANGE = 34;
export const EOPNOTSUPP = 95;
export const EADDRNOTAVAIL = 99;
export const ENETUNREACH = 101;
export const ENOBUFS = 105;

const NAMES: ReadonlyMap<Errno, string> = new Map([
  [EPERM, "EPERM"],
  [ENOENT, "ENOENT"],
  [ESRCH, "ESRCH"],
  [EINTR, "EINTR"],
  [5, "EIO"],
  [6, "ENXIO"],
  [9, "EBADF"],
  [EAGAIN, "EAGAIN"],
  [12, "ENOMEM"],
  [13, "EACCES"],
  [EBUSY, "EBUSY"],
  [EEXIST, "EEXIST"],
  [ENODEV, "ENODEV"],
  [20, "ENOTDIR"],
  [21, "EISDIR"],
  [EINVAL, "EINVAL"],
  [23, "ENFILE"],
  [24, "EMFILE"],
  [27, "EFBIG"],
  [28, "ENOSPC"],
  [30, "EROFS"],
  [32, "EPIPE"],
  [ERANGE, "ERANGE"],
  [36, "ENAMETOOLONG"],
  [40, "ELOOP"],
  [75, "EOVERFLOW"],
  [88, "ENOTSOCK"],
  [91, "EPROTOTYPE"],
  [EOPNOTSUPP, "EOPNOTSUPP"],
  [97, "EAFNOSUPPORT"],
  [EADDRNOTAVAIL, "EADDRNOTAVAIL"],
  [100, "ENETDOWN"],
  [ENETUNREACH, "ENETUNREACH"],
  [104, "ECONNRESET"],
  [ENOBUFS, "ENOBUFS"],
  [107, "ENOTCONN"],
  [110, "ETIMEDOUT"],
  [111, "ECONNREFUSED"],
  [122, "EDQUOT"],
]);

/** `EEXIST` for 17; `errno 71` for one without a name here. */
export function errnoName(errno: Errno): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
