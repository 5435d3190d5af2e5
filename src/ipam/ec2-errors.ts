// The one list of EC2 error codes, grouped by what we would do. AWS's own code and message stay beside the class everywhere.
// Sources: the error catalogue of the EC2 API reference (errors-overview, read 2026-08), the throttling guide (ec2-api-throttling),
// the SDK retry rules (AWS SDKs and Tools Reference Guide), and, where the reference is silent, the public logs named beside a row.

import type { Ec2ErrorClass } from "./types.ts";

export interface Ec2ErrorFacts {
  /** The wire code without a Client. or Server. prefix; empty when no answer was read. */
  readonly awsCode: string;
  readonly message: string;
  readonly httpStatus?: number;
}

const CODES_BY_CLASS: { readonly [Class in Ec2ErrorClass]: readonly string[] } = {
  // Wait with jitter and ask less often. Status 503 for EC2's own code, 400 for the others (ec2-api-throttling; SDK retry rules).
  throttled: [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
  ],
  // The same call may well succeed a little later.
  retryable: [
    "InternalError",
    "InternalFailure",
    "Unavailable",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    // Clock skew: SDKs correct their clock and ask again.
    "RequestExpired",
    "RequestTimeTooSkewed",
    // The ENI or instance is between two states (attach while pending, detach while attaching).
    "IncorrectState",
    "InvalidNetworkInterface.InUse",
    "DependencyViolation",
    "ConcurrentTagAccess",
    "InsufficientInstanceCapacity",
  ],
  // Treat as gone already. Any other code that ends in `.NotFound` belongs here too.
  notFound: ["InvalidNetworkInterfaceID.NotFound", "InvalidAttachmentID.NotFound", "InvalidInstanceID.NotFound"],
  // A person has to change permissions or credentials.
  denied: [
    "UnauthorizedOperation",
    "AuthFailure",
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedException",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "OptInRequired",
    // The JavaScript SDK's name when it finds no credentials to sign with.
    "CredentialsProviderError",
  ],
  // The subnet has no room for this request. InsufficientCidrBlocks is absent from the published list; seen in
  // aws/amazon-vpc-cni-k8s #1836, #2749 and cilium/cilium #30536. The third answer has a text only: see below.
  exhausted: ["InsufficientCidrBlocks", "InsufficientFreeAddressesInSubnet"],
  // A count of the ENI, the instance or the account is reached; asking again changes nothing until something is given back.
  limit: [
    "PrivateIpAddressLimitExceeded",
    "InvalidInterface.IpAddressLimitExceeded",
    "AttachmentLimitExceeded",
    "NetworkInterfaceLimitExceeded",
    "SecurityGroupsPerInterfaceLimitExceeded",
    "TagLimitExceeded",
    "FilterLimitExceeded",
    "CidrLimitExceeded",
    "SubnetLimitExceeded",
    "VpcLimitExceeded",
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
  ],
  // The request itself is wrong and stays wrong.
  invalid: [
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "MissingParameter",
    "IdempotentParameterMismatch",
    "OperationNotPermitted",
    "InvalidIPAddress.InUse",
    "InvalidID",
    "DryRunOperation",
  ],
  // No answer was read: the call may have taken effect. Names of the JavaScript SDK and of the sockets below it.
  lost: [
    "",
    "TimeoutError",
    "AbortError",
    "NetworkingError",
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "EPIPE",
    "ETIMEDOUT",
    "ENOTFOUND",
    "EAI_AGAIN",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ConnectionRefused",
    "ConnectionClosed",
  ],
};

const CLASS_BY_CODE: ReadonlyMap<string, Ec2ErrorClass> = new Map(
  (Object.keys(CODES_BY_CLASS) as Ec2ErrorClass[]).flatMap((errorClass) =>
    CODES_BY_CLASS[errorClass].map((code): [string, Ec2ErrorClass] => [code, errorClass]),
  ),
);

/**
 * EC2's third answer for a full subnet, an InvalidParameterValue known by its text alone: "There aren't sufficient free Ipv4
 * addresses or prefixes" (cilium/cilium #31016, aws/amazon-vpc-cni-k8s #3105; the typographic apostrophe is tolerated).
 */
export function isSufficiencyText(message: string): boolean {
  return /sufficient free ipv4 addresses or prefixes/i.test(message);
}

/** The class of an EC2 error. An unknown code is judged by its HTTP status; without one it is `invalid`. */
export function classifyEc2Error(facts: Ec2ErrorFacts): Ec2ErrorClass {
  if (facts.awsCode === "InvalidParameterValue") {
    if (isSufficiencyText(facts.message)) return "exhausted";
    // CreateNetworkInterface with too many groups (aws/amazon-vpc-resource-controller-k8s #583).
    if (facts.message.includes("security group memberships")) return "limit";
    // DeleteNetworkInterface while the ENI still detaches (aws/amazon-vpc-cni-k8s #1399).
    if (facts.message.includes("is currently in use")) return "retryable";
    return "invalid";
  }
  const known = CLASS_BY_CODE.get(facts.awsCode);
  if (known !== undefined) return known;
  if (facts.awsCode.endsWith(".NotFound")) return "notFound";
  const status = facts.httpStatus ?? 400;
  if (status === 429) return "throttled";
  if (status === 401 || status === 403) return "denied";
  if (status >= 500) return "retryable";
  return "invalid";
}

/** The two codes that amazon-vpc-cni-k8s v1.23.1 takes for a full subnet (ipamd.md 5.1); it does not know the third answer. */
export function isReferenceExhausted(awsCode: string): boolean {
  return awsCode === "InsufficientCidrBlocks" || awsCode === "InsufficientFreeAddressesInSubnet";
}
