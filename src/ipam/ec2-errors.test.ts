import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { classifyEc2Error, isReferenceExhausted } from "./ec2-errors.ts";

const SUFFICIENCY = "There aren't sufficient free Ipv4 addresses or prefixes";

describe("classifyEc2Error", () => {
  const cases: [string, string, number | undefined, string][] = [
    ["InsufficientCidrBlocks", "", 400, "exhausted"],
    ["InsufficientFreeAddressesInSubnet", "", 400, "exhausted"],
    ["InvalidParameterValue", SUFFICIENCY, 400, "exhausted"],
    ["InvalidParameterValue", "Network interface 'eni-1' is currently in use.", 400, "retryable"],
    ["InvalidParameterValue", "exceeded limit 5 on the number of interface security group memberships", 400, "limit"],
    ["InvalidParameterValue", "invalid value for parameter address: x", 400, "invalid"],
    ["PrivateIpAddressLimitExceeded", "", 400, "limit"],
    ["AttachmentLimitExceeded", "", 400, "limit"],
    ["InvalidNetworkInterfaceID.NotFound", "", 400, "notFound"],
    ["InvalidSubnetID.NotFound", "", 400, "notFound"],
    ["UnauthorizedOperation", "", 403, "denied"],
    ["RequestLimitExceeded", "", 503, "throttled"],
    ["Throttling", "", 400, "throttled"],
    ["InternalError", "", 500, "retryable"],
    ["SomethingNew", "", 503, "retryable"],
    ["SomethingNew", "", 403, "denied"],
    ["SomethingNew", "", undefined, "invalid"],
    ["", "", undefined, "lost"],
    ["ECONNRESET", "", undefined, "lost"],
  ];
  for (const [awsCode, message, httpStatus, want] of cases) {
    test(`[ipamd 5.1] ${awsCode || "no answer"} ${httpStatus ?? ""} ${message.slice(0, 30)} is ${want}`, () => {
      expect(classifyEc2Error({ awsCode, message, ...(httpStatus === undefined ? {} : { httpStatus }) })).toBe(
        want as ReturnType<typeof classifyEc2Error>,
      );
    });
  }

  test("every code has a class, whatever the text", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 100, max: 599 }), (awsCode, message, httpStatus) => {
        expect(classifyEc2Error({ awsCode, message, httpStatus })).toBeString();
      }),
    );
  });
});

test("[ipamd 5.1] the reference knows two of EC2's three answers for a full subnet", () => {
  expect(isReferenceExhausted("InsufficientCidrBlocks")).toBe(true);
  expect(isReferenceExhausted("InsufficientFreeAddressesInSubnet")).toBe(true);
  expect(isReferenceExhausted("InvalidParameterValue")).toBe(false);
});
