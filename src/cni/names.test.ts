// Names letter by letter, held against regular expressions that say the same.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { isAbsolutePath, isCniName, isDigits, isHex, isLinkName, isNewLinkName, isPlain } from "./names.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(..."aZ09._-/:% \u0000\u0085\u00a0\u2003\u3000\ufffdé"), maxLength: 20 }),
);

test("each agrees with its regular expression on any text", () => {
  fc.assert(
    fc.property(text, (name) => {
      const byteCount = new TextEncoder().encode(name).length;
      expect(isCniName(name, 15)).toBe(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(name) && !name.includes("\n"));
      expect(isPlain(name)).toBe(/^[a-zA-Z0-9_.-]+$/.test(name));
      expect(isHex(name, 3)).toBe(/^[0-9a-f]{3}$/.test(name));
      expect(isDigits(name)).toBe(/^[0-9]+$/.test(name));
      expect(isAbsolutePath(name)).toBe(/^\/[^\p{Cc}]*$/u.test(name));
      expect(isLinkName(name)).toBe(
        byteCount > 0 && byteCount <= 15 && name !== "." && name !== ".." && !/[\s/:\p{Cc}\ufffd]/u.test(name),
      );
      expect(isNewLinkName(name)).toBe(/^[!-$&-.0-9;-~]{1,15}$/.test(name) && name !== "." && name !== "..");
    }),
    { numRuns: 3_000 },
  );
});

test("lengths have limits", () => {
  expect(isCniName("a".repeat(512))).toBe(true);
  expect(isCniName("a".repeat(513))).toBe(false);
  expect(isAbsolutePath(`/${"a".repeat(4_094)}`)).toBe(true);
  expect(isAbsolutePath(`/${"a".repeat(4_095)}`)).toBe(false);
});
