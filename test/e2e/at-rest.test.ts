// What the kill test takes for agreement of two books, on looks that are written down.

import { expect, test } from "bun:test";
import { type Look, problemsAtRest } from "./at-rest.ts";

const APART = "EC2 holds a b, the pool a";

/** One letter a look: upper case, EC2 and the pool disagree; another letter, they hold something else. The last one stays. */
async function judge(looks: string): Promise<{ problems: readonly string[]; lookCount: number }> {
  let lookCount = 0;
  const look = async (): Promise<Look> => {
    const letter = looks[Math.min(lookCount++, looks.length - 1)]!;
    return { problems: letter === letter.toUpperCase() ? [`${APART} (${letter})`] : [], seen: letter };
  };
  const problems = await problemsAtRest(look, {
    looksAlike: 3,
    pause: async () => {},
    isOver: () => lookCount >= 30,
  });
  return { problems, lookCount };
}

test("agreement counts after as many looks alike as were asked for", async () => {
  expect(await judge("a")).toEqual({ problems: [], lookCount: 3 });
});

test("a change under way is not reported, whichever look it falls into", async () => {
  expect(await judge("Aa")).toEqual({ problems: [], lookCount: 4 });
  expect(await judge("aAb")).toEqual({ problems: [], lookCount: 5 });
  expect(await judge("aaAb")).toEqual({ problems: [], lookCount: 6 });
});

test("a change between two agreements starts the count again", async () => {
  expect(await judge("aabb")).toEqual({ problems: [], lookCount: 5 });
});

test("a disagreement that lasts is reported, from the first look on or later", async () => {
  expect((await judge("A")).problems).toEqual([`${APART} (A)`]);
  expect((await judge("aaB")).problems).toEqual([`${APART} (B)`]);
});

test("a disagreement that comes and goes is reported, also when the last look agrees", async () => {
  const { problems } = await judge("aAa".repeat(10));
  expect(problems).toEqual(["the books never came to rest; the last look agreed: a", `came and went: ${APART} (A)`]);
});

test("books that agree and never stop changing are reported", async () => {
  expect((await judge("ab".repeat(15))).problems).toEqual(["the books never came to rest; the last look agreed: b"]);
});
