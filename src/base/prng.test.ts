import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Prng } from "./prng.ts";

const draw = (prng: Prng, count: number) => Array.from({ length: count }, () => prng.uint32());

describe("Prng", () => {
  test("one seed's values are pinned: a change of generator is noticed", () => {
    expect(draw(new Prng(28), 4)).toEqual([124087739, 748262221, 2572388359, 1243148279]);
    expect(draw(new Prng(28).split("ec2"), 2)).toEqual([3719320304, 1467908961]);
  });

  test("a split depends on seed and name, not on what was drawn before", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string(), fc.nat({ max: 20 }), (seed, name, drawn) => {
        const used = new Prng(seed);
        draw(used, drawn);
        expect(draw(used.split(name), 3)).toEqual(draw(new Prng(seed).split(name), 3));
      }),
    );
    expect(draw(new Prng(1).split("a"), 3)).not.toEqual(draw(new Prng(1).split("b"), 3));
    expect(draw(new Prng(1), 3)).not.toEqual(draw(new Prng(2), 3));
    expect(draw(new Prng(1), 3)).not.toEqual(draw(new Prng(2 ** 32 + 1), 3));
  });

  test("draws stay in their bounds and reach them", () => {
    const prng = new Prng(7);
    const seen = new Set<number>();
    for (let i = 0; i < 500; i++) {
      seen.add(prng.below(5));
      const value = prng.between(2, 3);
      expect(value >= 2 && value < 3).toBe(true);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  });

  test("below is even: each of 8 values within 5 % of its share in 80,000 draws", () => {
    const counts = new Array<number>(8).fill(0);
    const prng = new Prng(3);
    for (let i = 0; i < 80_000; i++) counts[prng.below(8)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("a shuffle keeps what it shuffles, and every order of three comes up", () => {
    const prng = new Prng(5);
    const orders = new Set<string>();
    for (let i = 0; i < 200; i++) orders.add(prng.shuffle(["a", "b", "c"]).join(""));
    expect([...orders].sort((a, b) => (a < b ? -1 : 1))).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });
});
