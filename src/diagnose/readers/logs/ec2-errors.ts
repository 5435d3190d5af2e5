// EC2 and STS calls that failed, as SDK v1, SDK v2, the AWS CLI and the agents write them.

import type { Ec2ErrorFact, NodeKey } from "../../facts/model.ts";
import type { CurrentLine } from "./current-line.ts";
import { OccurrenceCount } from "./occurrences.ts";

/** Codes that failures.md 6 names; they count even where the rest of the text is cut. */
export const KNOWN_CODES = [
  "InsufficientCidrBlocks",
  "InsufficientFreeAddressesInSubnet",
  "InvalidParameterValue",
  "RequestLimitExceeded",
  "ThrottlingException",
  "UnauthorizedOperation",
  "PrivateIpAddressLimitExceeded",
  "AttachmentLimitExceeded",
  "NetworkInterfaceLimitExceeded",
  "SecurityGroupsPerInterfaceLimitExceeded",
  "InvalidNetworkInterfaceID.NotFound",
  "InvalidNetworkInterface.InUse",
  "InvalidSubnetID.NotFound",
  "InvalidGroup.NotFound",
  "InvalidParameterCombination",
  "InvalidIdentityToken",
  "AccessDenied",
  "AuthFailure",
  "ExpiredToken",
] as const;

/** One of these is in every line that tells of such an error. */
export const EC2_ERROR_MARKS: readonly string[] = [
  ...KNOWN_CODES,
  "status code: ",
  "api error ",
  "operation error ",
  "An error occurred (",
  "EC2 refused ",
  "RequestError: ",
  "RequestCanceled",
  "Throttling: ",
  "amazonaws.com",
];

export interface Ec2Error {
  readonly api: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly subnetId: string | undefined;
  readonly eniId: string | undefined;
  readonly requestId: string | undefined;
}

const V2 =
  /operation error ([\w ]+): (\w+),(.*?)(?:https? response error )?StatusCode: (\d+), RequestID: ?([\w-]*),? ?(?:api error ([\w.]+): (.*))?/s;
const V2_CUT = /api error ([\w.]+): (.*)/s;
const V1 = /(?:^|[\s:[("'])([A-Z]\w+(?:\.\w+)?): ([^\n]*?)\s*status code: (\d+)(?:, request id: ([\w-]+))?/s;
const CLI = /An error occurred \(([\w.]+)\) when calling the (\w+) operation[^:]*: (.*)/s;
const OURS = /EC2 refused (\w+): ([\w.]+) \((.*)\)/s;
const KNOWN = new RegExp(`(?:^|[^\\w.])(${KNOWN_CODES.join("|").replaceAll(".", "\\.")}):\\s*(.*)`, "s");
/** An event of CloudTrail, the two fields mostly on two lines. */
const TRAIL = /"errorCode":\s*"(?:Client|Server)\.([\w.]+)"(?:,?\s*"errorMessage":\s*"([^"]*)")?/;
const TIMEOUT = /i\/o timeout|context deadline exceeded|Client\.Timeout exceeded|TLS handshake timeout/;
const NO_CONNECTION = /connection refused|no such host|connection reset|no route to host|network is unreachable/;

/** The first failed call that the text tells of; undefined when there is none. */
export function parseEc2Error(text: string): Ec2Error | undefined {
  const found = v2Error(text) ?? otherError(text) ?? unansweredError(text);
  if (found === undefined) return undefined;
  return {
    api: found.api ?? apiOf(text),
    code: found.code,
    message: tidyMessage(found.message),
    subnetId: /subnet-[0-9a-z]+/.exec(text)?.[0],
    eniId: /eni-[0-9a-z]+/.exec(text)?.[0],
    requestId: found.requestId,
  };
}

interface Parsed {
  readonly api: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly requestId: string | undefined;
}

function v2Error(text: string): Parsed | undefined {
  const match = V2.exec(text);
  if (match === null) {
    const cut = V2_CUT.exec(text);
    if (cut === null) return undefined;
    const api = /operation error [\w ]+: (\w+)/.exec(text)?.[1];
    return { api, code: cut[1] ?? "", message: cut[2] ?? "", requestId: undefined };
  }
  if ((match[1] ?? "").startsWith("ec2imds")) return undefined;
  const requestId = match[5] === "" ? undefined : match[5];
  if (match[6] !== undefined) return { api: match[2], code: match[6], message: match[7] ?? "", requestId };
  const rest = text.slice(match.index);
  const code = withoutAnswer(rest);
  return code === undefined ? undefined : { api: match[2], code, message: rest, requestId };
}

function otherError(text: string): Parsed | undefined {
  const cli = CLI.exec(text);
  if (cli !== null) return { api: cli[2], code: cli[1] ?? "", message: cli[3] ?? "", requestId: undefined };
  const ours = OURS.exec(text);
  if (ours !== null) return { api: ours[1], code: ours[2] ?? "", message: ours[3] ?? "", requestId: undefined };
  const trail = TRAIL.exec(text);
  if (trail !== null) return { api: undefined, code: trail[1] ?? "", message: trail[2] ?? "", requestId: undefined };
  const known = KNOWN.exec(text);
  const requestId = /request id: ([\w-]+)/.exec(text)?.[1];
  if (known !== null) return { api: undefined, code: known[1] ?? "", message: known[2] ?? "", requestId };
  if (text.includes("EC2Metadata")) return undefined;
  const v1 = V1.exec(text);
  if (v1 !== null && v1[1] !== undefined)
    return { api: undefined, code: v1[1], message: v1[2] ?? "", requestId: v1[4] };
  const throttled = /\bThrottling: (.*)/s.exec(text);
  if (throttled !== null) return { api: undefined, code: "Throttling", message: throttled[1] ?? "", requestId };
  return undefined;
}

/** No answer came: a call to an endpoint of AWS timed out or did not connect. Instance metadata is another matter. */
function unansweredError(text: string): Parsed | undefined {
  if (text.includes("169.254.169.254") && !text.includes("amazonaws.com")) return undefined;
  const isCall =
    /(?:ec2|sts|eks-auth)[\w.-]*\.amazonaws\.com|RequestError: send request failed|RequestCanceled|operation error (?:EC2|STS)/;
  if (!isCall.test(text)) return undefined;
  const code = withoutAnswer(text);
  if (code === undefined) return undefined;
  const api = /operation error [\w ]+: (\w+)/.exec(text)?.[1];
  return { api, code, message: text, requestId: undefined };
}

function withoutAnswer(text: string): string | undefined {
  if (TIMEOUT.test(text) || text.includes("RequestCanceled")) return "Timeout";
  if (NO_CONNECTION.test(text) || text.includes("send request failed")) return "Connection";
  return undefined;
}

function tidyMessage(message: string): string {
  const line = message
    .replace(/\s*status code: \d+.*$/s, "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length <= 400 ? line : `${line.slice(0, 399)}…`;
}

/** The words around an error that name its call, most telling first. */
const API_WORDS: readonly (readonly [RegExp, string])[] = [
  [/AssumeRoleWithWebIdentity|WebIdentityErr|InvalidIdentityToken/, "AssumeRoleWithWebIdentity"],
  [
    /Failed to CreateNetworkInterface|failed to create network interface|failed to create ENI|CreateNetworkInterface/i,
    "CreateNetworkInterface",
  ],
  [/describe subnets|get VPC subnets|DescribeSubnets/, "DescribeSubnets"],
  [/describe security groups|DescribeSecurityGroups/i, "DescribeSecurityGroups"],
  [/IPv6 prefix/i, "AssignIpv6Addresses"],
  [/Failed to free (?:Prefixes|IPs)|unassign/i, "UnassignPrivateIpAddresses"],
  [
    /failed to allocate (?:all available|one)|Failed to allocate a private IP|AssignPrivateIpAddresses/,
    "AssignPrivateIpAddresses",
  ],
  [/[Ff]ailed to attach (?:ENI|the ENI)|attachENI|AttachNetworkInterface/, "AttachNetworkInterface"],
  [/[Ff]ailed to detach|DetachNetworkInterface/, "DetachNetworkInterface"],
  [/[Ff]ailed to delete ENI|delete leaked ENI|DeleteNetworkInterface/, "DeleteNetworkInterface"],
  [/Failed to tag|CreateTags/, "CreateTags"],
  [
    /[Ff]ailed to describe ENI|[Ff]ailed to call ec2:DescribeNetworkInterfaces|DescribeNetworkInterfaces/,
    "DescribeNetworkInterfaces",
  ],
  [/Failed to set delete-on-termination|ModifyNetworkInterfaceAttribute/, "ModifyNetworkInterfaceAttribute"],
];

function apiOf(text: string): string | undefined {
  const named = /(?:perform(?:ing)?:? |call(?: to)? |failed to call )(?:ec2|sts):(\w+)/.exec(text)?.[1];
  return named ?? API_WORDS.find(([words]) => words.test(text))?.[1];
}

const KINDS_MAX = 500;
const REQUESTS_REMEMBERED = 32;
const TELLINGS_REMEMBERED = 8;
/** The callers of a failed call log it within a few ms; the agent's next attempt is no sooner than its next round. */
const TOLD_AGAIN_MS = 1_000;

/** How a failed call was first told, where the line has no request id. */
interface Telling {
  readonly api: string | undefined;
  readonly code: string;
  readonly wording: string;
  ms: number;
}

/**
 * One entry per api, code, subnet and kind of message. A call that several lines tell of counts once: they have its request id,
 * or, where lines have none, follow within a second in other words.
 */
export class Ec2ErrorCount {
  readonly #byKind = new Map<string, { readonly first: Ec2Error; readonly occurrences: OccurrenceCount }>();
  readonly #recent: string[] = [];
  readonly #tellings: Telling[] = [];

  /** Whether it is another failed call than those just told. */
  add(error: Ec2Error, line: CurrentLine): boolean {
    const { requestId } = error;
    if (requestId !== undefined) {
      if (this.#recent.includes(requestId)) return false;
      this.#recent.push(requestId);
      if (this.#recent.length > REQUESTS_REMEMBERED) this.#recent.shift();
    } else if (this.#isToldAgain(error, line)) return false;
    const shape = error.message.replace(/[a-z]+-[0-9a-f]{6,}|\d+/g, "#").slice(0, 60);
    const key = [error.api, error.code, error.subnetId, shape].join("\n");
    let kind = this.#byKind.get(key);
    if (kind === undefined) {
      if (this.#byKind.size >= KINDS_MAX) return true;
      kind = { first: error, occurrences: new OccurrenceCount() };
      this.#byKind.set(key, kind);
    }
    kind.occurrences.add(line);
    return true;
  }

  #isToldAgain({ api, code }: Ec2Error, line: CurrentLine): boolean {
    const { ms } = line;
    if (ms === undefined) return false;
    const wording = line.text.replace(/[a-z]+-[0-9a-f]{6,}|\d+/g, "#");
    const isSame = (one: Telling): boolean =>
      one.code === code && (one.api === api || one.api === undefined || api === undefined);
    const told = this.#tellings.findLast((one) => isSame(one) && Math.abs(ms - one.ms) < TOLD_AGAIN_MS);
    if (told !== undefined && told.wording !== wording) return true;
    if (told !== undefined) told.ms = ms;
    else {
      this.#tellings.push({ api, code, wording, ms });
      if (this.#tellings.length > TELLINGS_REMEMBERED) this.#tellings.shift();
    }
    return false;
  }

  result(node: NodeKey | undefined): Ec2ErrorFact[] {
    return [...this.#byKind.values()].map(({ first, occurrences }) => ({
      api: first.api,
      code: first.code,
      message: first.message,
      node,
      subnetId: first.subnetId,
      eniId: first.eniId,
      occurrences: occurrences.result(),
    }));
  }
}
