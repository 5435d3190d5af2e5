// Nothing that identifies an account or opens a door stays in a report that people paste.

import { describe, expect, test } from "bun:test";
import { redact } from "./redact.ts";

describe("masking", () => {
  test.each([
    ["User: arn:aws:sts::123456789012:assumed-role/node-role/i-0abc is not authorized", "123456789012"],
    ["arn:aws-us-gov:iam::123456789012:role/x", "role/x"],
    ["owner 123456789012.", "123456789012"],
    ["123456789012.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.20.0", "123456789012"],
    ["key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"],
    ["token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJhbGci"],
    ["Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"],
    ["aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "wJalr"],
    ["Encoded authorization failure message: AbCdEfGhIjKlMnOpQrStUvWxYz0123", "AbCdEfGhIj"],
    [
      "https://oidc.eks.us-west-2.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
      "0123456789ABCDEF0123456789ABCDEF",
    ],
  ])("%s", (text, secret) => {
    expect(redact(text)).not.toContain(secret);
  });

  test("what a reader needs stays: ids, addresses, times, counts, codes", () => {
    const text =
      "2026-01-02T03:04:05.678Z subnet-0123456789abcdef0 eni-0fedcba9876543210 10.0.12.34/28 i-0123456789abcdef0 " +
      "InsufficientCidrBlocks 1700000000123 total: 48, 1.2.3.4:61679";
    expect(redact(text)).toBe(text);
  });
});
