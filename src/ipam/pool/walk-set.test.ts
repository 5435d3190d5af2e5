// The walk order as a set: a walk gives every key once, whatever was inserted and removed before. (Its bias: walk-order.test.ts.)

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Prng } from "../../base/prng.ts";
import { WalkOrder } from "./walk-order.ts";

const key = fc.nat(40);

test("a walk gives each key once, as a plain set holds them; `begin` and `skip` draw as a walk does", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key, removes: fc.boolean() }), { maxLength: 120 }), fc.nat(), (changes, seed) => {
      const order = new WalkOrder();
      const random = new Prng(seed);
      const plain = new Set<number>();
      for (const change of changes) {
        if (change.removes) {
          order.remove(change.key);
          plain.delete(change.key);
        } else if (!plain.has(change.key)) {
          order.insert(change.key, random);
          plain.add(change.key);
        }
      }
      const sorted = [...plain].sort((a, b) => a - b);
      const walked = order.walk(new Prng(1));
      expect(order.count).toBe(plain.size);
      expect([...walked].sort((a, b) => a - b)).toEqual(sorted);
      expect(order.walkCopy(random).sort((a, b) => a - b)).toEqual(sorted);
      order.begin(new Prng(1));
      expect(order.next()).toBe(walked[0] ?? -1);
      const [afterWalk, afterSkip] = [new Prng(2), new Prng(2)];
      order.walk(afterWalk);
      order.skip(afterSkip);
      expect(afterSkip.uint32()).toBe(afterWalk.uint32());
    }),
    { numRuns: 300 },
  );
});
