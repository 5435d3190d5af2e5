import { expect, test } from "bun:test";
import fc from "fast-check";
import { matches } from "./iam.ts";

test("wildcards match as IAM's do", () => {
  expect(matches("ec2:Describe*", "ec2:DescribeSubnets")).toBe(true);
  expect(matches("EC2:describesubnets", "ec2:DescribeSubnets")).toBe(true);
  expect(matches("ec2:Describe", "ec2:DescribeSubnets")).toBe(false);
  expect(matches("ec2:*Tags", "ec2:CreateTags")).toBe(true);
  expect(matches("ec2:Create?ags", "ec2:CreateTags")).toBe(true);
  expect(matches("s3:*", "ec2:CreateTags")).toBe(false);
});

test("they agree with the plain expression, and no pattern takes long", () => {
  const piece = fc.constantFrom("a", "b", ".", "*", "?");
  fc.assert(
    fc.property(
      fc.string({ unit: piece, maxLength: 8 }),
      fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 }),
      (pattern, text) => {
        const plain = pattern.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
        expect(matches(pattern, text)).toBe(new RegExp(`^${plain}$`).test(text));
      },
    ),
    { numRuns: 2_000 },
  );
  expect(matches(`${"*a".repeat(2_000)}b`, "a".repeat(5_000))).toBe(false);
});
