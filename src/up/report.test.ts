import { describe, expect, test } from "bun:test";
import { table, wrap } from "../text/layout.ts";
import { ec2SubnetId } from "../world/world.ts";
import { podsCarried, podsCarriedAsPlaced, prefixesShort, prefixesWanted } from "./demand.ts";
import { quantile } from "./report.ts";
import { carriedText } from "./report-text.ts";

const ARTICLE = { warmIpTarget: 20, minimumIpTarget: 20, warmPrefixTarget: 1 };
const ONE_PREFIX = { warmIpTarget: 0, minimumIpTarget: 0, warmPrefixTarget: 1 };

describe("sums beside the run", () => {
  test("the article's settings: 2 /28s on an idle node, 3 from the 13th pod on", () => {
    const wanted = (podCount: number): number => prefixesWanted({ ...ARTICLE, podCount, maxPods: 70 });
    expect([0, 12, 13, 28, 29].map(wanted)).toEqual([2, 2, 3, 3, 4]);
    expect(wanted(68)).toBe(5);
    expect(prefixesWanted({ ...ONE_PREFIX, podCount: 17, maxPods: 110 })).toBe(3);
  });

  test("seven idle nodes fill a /24 of 14 usable /28s", () => {
    const node = { podCount: 0, maxPods: 70, slotCount: 18 };
    const subnet = (nodeCount: number) => [{ prefixCount: 14, nodes: Array(nodeCount).fill(node) }];
    expect(prefixesShort(subnet(7), ARTICLE)).toBe(0);
    expect(prefixesShort(subnet(8), ARTICLE)).toBe(2);
    expect(prefixesShort(subnet(8), ONE_PREFIX)).toBe(0);
  });

  test("pods that a subnet carries: 16 a /28, bounded by max-pods and slots", () => {
    const nodes = [
      { podCount: 0, maxPods: 70, slotCount: 18 },
      { podCount: 0, maxPods: 70, slotCount: 18 },
    ];
    expect(podsCarried([{ prefixCount: 5, nodes }])).toBe(80);
    expect(podsCarried([{ prefixCount: 9, nodes }])).toBe(132);
    expect(podsCarried([{ prefixCount: 100, nodes }])).toBe(136);
    expect(podsCarried([{ prefixCount: 100, nodes: [{ podCount: 0, maxPods: 70, slotCount: 1 }] }])).toBe(16);
    expect(podsCarried([{ prefixCount: 0, nodes }])).toBe(0);
    const busy = [
      { podCount: 20, maxPods: 70, slotCount: 18 },
      { podCount: 20, maxPods: 70, slotCount: 18 },
    ];
    expect(podsCarriedAsPlaced([{ prefixCount: 4, nodes: busy }])).toBe(40);
    expect(podsCarriedAsPlaced([{ prefixCount: 3, nodes: busy }])).toBe(36);
  });

  test.each([
    [0, 0, "would carry no pod either"],
    [80, 0, "would carry up to 80 pods, none of these where they are"],
    [80, 24, "would carry up to 80 pods, all 24 of these where they are"],
    [80, 20, "would carry up to 80 pods, 20 of these 24 where they are"],
  ])(
    "what subnets for %d pods, %d of them where they are, would carry",
    (carriedPodCount, carriedAsPlacedCount, text) => {
      expect(carriedText({ carriedPodCount, carriedAsPlacedCount }, 24)).toBe(
        `At WARM_PREFIX_TARGET=1 the subnets as they are ${text}`,
      );
    },
  );

  test("quantiles by nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile([7], 0.5), quantile([], 0.5)]).toEqual([
      50,
      99,
      7,
      null,
    ]);
  });

  test("tables and paragraphs", () => {
    expect(
      table(
        ["a", "n"],
        [
          ["long", "1"],
          ["b", "22"],
        ],
        [false, true],
      ),
    ).toEqual(["  a      n", "  long   1", "  b     22"]);
    expect(wrap("one two three four", 9)).toEqual(["one two", "three", "four"]);
  });

  test("subnet ids: EC2's own stay, names become ids that depend on the name alone", () => {
    expect(ec2SubnetId("subnet-0123456789abcdef0")).toBe("subnet-0123456789abcdef0");
    expect(ec2SubnetId("subnet-a")).toMatch(/^subnet-0[0-9a-f]{16}$/);
    expect(ec2SubnetId("subnet-a")).toBe(ec2SubnetId("subnet-a"));
    expect(ec2SubnetId("subnet-a")).not.toBe(ec2SubnetId("subnet-b"));
  });
});
