// The names of error numbers, held against the system's own table.

import { expect, test } from "bun:test";
import { constants } from "node:os";
import { errnoName } from "./errno.ts";

const NUMBERS: Readonly<Record<string, number>> = constants.errno;

test("every name is the system's", () => {
  for (const number of new Set(Object.values(NUMBERS))) {
    const name = errnoName(number);
    if (name !== `errno ${number}`) expect(NUMBERS[name]).toBe(number);
  }
});

test.each(["EIO", "ENXIO", "EROFS", "EFBIG", "ELOOP", "EDQUOT", "ENOTSOCK", "EPROTOTYPE", "ENOTCONN", "EOVERFLOW"])(
  "%s, which files, sockets and links answer with, has its name",
  (name) => {
    expect(errnoName(NUMBERS[name] ?? 0)).toBe(name);
  },
);
