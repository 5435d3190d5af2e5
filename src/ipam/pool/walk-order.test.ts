// Walks with the bias of the reference's maps (ipamd.md 3.1, "What random means"): shares over many draws of one fixed seed.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseIpv4 } from "../../base/ipv4.ts";
import { Prng } from "../../base/prng.ts";
import { chooseAddress } from "../policies/vpc-cni/choose-address.ts";
import { Pool } from "./pool.ts";
import { WalkOrder } from "./walk-order.ts";

const RUNS = 20_000;

function firstOf(order: WalkOrder, random: Prng): number {
  order.begin(random);
  return order.next();
}

function shares(count: number, runs = RUNS): number[] {
  const seed = new Prng(28);
  const seen = new Array<number>(count).fill(0);
  for (let run = 0; run < runs; run++) {
    const random = seed.split(`run-${run}`);
    const order = new WalkOrder();
    for (let key = 0; key < count; key++) order.insert(key, random);
    const first = firstOf(order, random);
    seen[first] = (seen[first] ?? 0) + 1;
  }
  return seen.map((times) => times / runs);
}

describe("which key comes first", () => {
  test("[ipamd 3.1.2, 10.1#38] of n up to 8 the first place has (9 - n)/8, each other one 1/8", () => {
    for (let count = 1; count <= 8; count++) {
      const got = shares(count);
      expect(Math.abs(got[0]! - (9 - count) / 8)).toBeLessThan(0.015);
      for (const share of got.slice(1)) expect(Math.abs(share - 1 / 8)).toBeLessThan(0.015);
    }
  });

  test("[ipamd 3.1.3, 10.1#38] over ten, 0.22 for the first added and 0.06 for the last", () => {
    const got = shares(10);
    expect(Math.abs(got[0]! - 0.22)).toBeLessThan(0.03);
    expect(Math.abs(got[9]! - 0.06)).toBeLessThan(0.03);
  });

  test("a key that left frees the lowest place for the next one", () => {
    const random = new Prng(1);
    const order = new WalkOrder();
    for (const key of [0, 1, 2]) order.insert(key, random);
    order.remove(0);
    order.insert(7, random);
    const firsts = Array.from({ length: 4_000 }, () => firstOf(order, random));
    const share = firsts.filter((key) => key === 7).length / firsts.length;
    expect(Math.abs(share - 6 / 8)).toBeLessThan(0.03);
  });

  test("a set of one draws nothing, so idle nodes stay in step", () => {
    const order = new WalkOrder();
    order.insert(3, new Prng(1));
    const random = new Prng(5);
    firstOf(order, random);
    expect(random.uint32()).toBe(new Prng(5).uint32());
  });

  test("a walk visits every key once, whatever came and went", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(60)), { maxLength: 200 }), fc.nat(), (steps, seed) => {
        const random = new Prng(seed);
        const order = new WalkOrder();
        const model = new Set<number>();
        for (const [isInsert, key] of steps) {
          if (isInsert && !model.has(key)) {
            order.insert(key, random);
            model.add(key);
          } else if (!isInsert) {
            order.remove(key);
            model.delete(key);
          }
        }
        const byValue = (a: number, b: number) => a - b;
        expect(order.count).toBe(model.size);
        expect(order.walk(random).sort(byValue)).toEqual([...model].sort(byValue));
        expect(order.walkCopy(random).sort(byValue)).toEqual([...model].sort(byValue));
      }),
    );
  });
});

describe("how pods spread", () => {
  test("[ipamd 3.1.2, 3.1.3, 10.1#3] 20 pods on 4 empty prefixes leave none whole in 81 % of runs, one in 19 %, two in 0.6 %", () => {
    const runs = 6_000;
    const seed = new Prng(20);
    const whole = [0, 0, 0, 0];
    for (let run = 0; run < runs; run++) {
      const random = seed.split(`run-${run}`);
      const pool = new Pool(random.split("pool"));
      const eni = pool.addEni(
        {
          eniId: "eni-1",
          subnetId: "subnet-1",
          deviceNumber: 0,
          routeTableId: 254,
          primaryAddress: 1,
          isPrimary: true,
          isTrunk: false,
          isEfa: false,
        },
        0,
      );
      for (let i = 0; i < 4; i++) pool.addCidr(eni, parseIpv4("10.0.1.0")! + 16 * i, true);
      for (let pod = 1; pod <= 20; pod++) {
        const at = chooseAddress(pool, { usesPrefixes: true, cooldownMs: 30_000, nowMs: 0, random });
        pool.allocate(at!, pod, 0, 0);
      }
      whole[eni.freePrefixCount] = (whole[eni.freePrefixCount] ?? 0) + 1;
    }
    const share = (count: number) => whole[count]! / runs;
    expect(Math.abs(share(0) - 0.81)).toBeLessThan(0.02);
    expect(Math.abs(share(1) - 0.19)).toBeLessThan(0.02);
    expect(Math.abs(share(2) - 0.006)).toBeLessThan(0.004);
    expect(share(3)).toBe(0);
  });
});
