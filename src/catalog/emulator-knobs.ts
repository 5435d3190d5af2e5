// Every knob of the emulated EC2: one table with name, kind, default and the reason for the default. The cluster file's `ec2:`
// map, the control endpoint and the documentation read this table.
//
// Marks as in the specification: D documented by AWS, L seen in public logs, I inferred, U unverified. Read 2026-08.

import type { Ms } from "../base/units.ts";

/** From `min` to `max`; one draw per event. */
export interface MsRange {
  readonly min: Ms;
  readonly max: Ms;
}

export interface TokenRate {
  readonly burst: number;
  /** Tokens per second; may be fractional. */
  readonly refillPerSecond: number;
}

/** All knobs, resolved. Build one with `parseKnobs`. */
export interface Knobs {
  readonly throttling: "aws-default" | "off";
  readonly throttlingActions: ReadonlyMap<string, TokenRate>;
  readonly throttlingMessage: "short" | "long";
  readonly latency: "none" | "typical";
  readonly latencyScale: number;
  readonly asyncStates: boolean;
  readonly attachDelay: MsRange;
  readonly detachDelay: MsRange;
  readonly runDelay: MsRange;
  readonly terminateDelay: MsRange;
  readonly imdsLag: MsRange;
  readonly imdsFieldLag: MsRange;
  readonly imdsStaleMac: MsRange;
  readonly imdsErrorShare: number;
  readonly describeStaleness: MsRange;
  readonly describeStalenessProbability: number;
  readonly mutationsSeeStaleIds: boolean;
  readonly prefixPlacement: "lowest" | "random" | "best-fit";
  readonly addressPlacement: "uniform" | "pack";
  readonly quarantine: Ms;
  readonly reservationFallback: boolean;
  readonly lastBlockAssignable: boolean;
  readonly explicitReservationsLowerCount: boolean;
  readonly createExhaustion: "by-action" | "by-cause";
  readonly clientTokenLifetime: Ms;
  readonly defaultPageSize: number;
  readonly unpaginatedEniLimit: number;
  readonly unattachedSlotLimit: number;
  readonly quotas: "aws-default" | "off";
  readonly quotaVpcs: number;
  readonly quotaSubnetsPerVpc: number;
  readonly quotaCidrsPerVpc: number;
  readonly quotaNetworkInterfaces: number;
  readonly quotaSecurityGroupsPerInterface: number;
  readonly cidrBlocksMessage: "specified-subnet" | "eks-guide";
  readonly deleteInUseCode: "InvalidParameterValue" | "InvalidNetworkInterface.InUse";
  readonly securityGroupLimitCode: "SecurityGroupsPerInterfaceLimitExceeded" | "InvalidParameterValue";
  readonly trunkBranchStatus: "in-use" | "associated";
}

export type KnobName = keyof Knobs;

export type KnobKind =
  | { readonly kind: "duration" }
  /** `200ms`, or `200ms-2s` for a draw between the two. */
  | { readonly kind: "durationRange" }
  | { readonly kind: "number"; readonly min: number; readonly max: number; readonly isInteger: boolean }
  | { readonly kind: "boolean" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  /** Action name to `burst/refill per second`, for example `{ AttachNetworkInterface: 50/5 }`. */
  | { readonly kind: "rates" };

export interface KnobDefinition {
  readonly name: KnobName;
  readonly type: KnobKind;
  /** As one would write it. */
  readonly default: string | number | boolean;
  /** The default while `latency` is none. */
  readonly defaultWithoutLatency?: string;
  readonly doc: string;
  readonly source: string;
}

const durationRange: KnobKind = { kind: "durationRange" };
const duration: KnobKind = { kind: "duration" };
const boolean: KnobKind = { kind: "boolean" };

function oneOf(...values: string[]): KnobKind {
  return { kind: "enum", values };
}

function number(min: number, max: number): KnobKind {
  return { kind: "number", min, max, isInteger: false };
}

function integer(min: number, max: number): KnobKind {
  return { kind: "number", min, max, isInteger: true };
}

export const KNOBS: readonly KnobDefinition[] = [
  {
    name: "throttling",
    type: oneOf("aws-default", "off"),
    default: "aws-default",
    doc: "Token buckets per action, with AWS's published sizes and rates.",
    source: "D: docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html",
  },
  {
    name: "throttlingActions",
    type: { kind: "rates" },
    default: "",
    doc: "Buckets of your own, `burst/refill per second` by action; they hold with throttling off, too.",
    source: "D: per-action limits can be raised in Service Quotas",
  },
  {
    name: "throttlingMessage",
    type: oneOf("short", "long"),
    default: "short",
    doc: "The text of RequestLimitExceeded: `Request limit exceeded.`, or the newer one with account and action.",
    source: "D/L: both are seen; the newer in CloudSnorkel/cdk-github-runners #946",
  },
  {
    name: "latency",
    type: oneOf("none", "typical"),
    default: "typical",
    doc: "How long a call takes. `none` also makes attachDelay, detachDelay, runDelay, terminateDelay and imdsLag 0 unless they are set.",
    source: "I: from timings in public logs (amazon-vpc-cni-k8s #648, #732, #1399, #1872, #3105)",
  },
  {
    name: "latencyScale",
    type: number(0, 1000),
    default: 1,
    doc: "Multiplies every latency, state delay and metadata lag.",
    source: "I: a knob of the emulator",
  },
  {
    name: "asyncStates",
    type: boolean,
    default: true,
    doc: "Attachments, detachments and instances pass through their intermediate states; off: they are there at once.",
    source: "D: the state names; I: switching them off",
  },
  {
    name: "attachDelay",
    type: durationRange,
    default: "1s-4s",
    defaultWithoutLatency: "0ms",
    doc: "From the call to the attachment's state `attached`.",
    source: "I: VPC CNI sees up to 10 s from creation to use (EKS best practices)",
  },
  {
    name: "detachDelay",
    type: durationRange,
    default: "1s-5s",
    defaultWithoutLatency: "0ms",
    doc: "From the call to the ENI's state `available`.",
    source: "L: often over 2 s (amazon-vpc-cni-k8s #1399)",
  },
  {
    name: "runDelay",
    type: durationRange,
    default: "2s-8s",
    defaultWithoutLatency: "0ms",
    doc: "From RunInstances to the state `running`.",
    source: "I",
  },
  {
    name: "terminateDelay",
    type: durationRange,
    default: "5s-20s",
    defaultWithoutLatency: "0ms",
    doc: "From TerminateInstances to the state `terminated`, when its ENIs are deleted or set free.",
    source: "I",
  },
  {
    name: "imdsLag",
    type: durationRange,
    default: "200ms-2s",
    defaultWithoutLatency: "0ms",
    doc: "How long instance metadata stays behind the control plane.",
    source: "L: 0.1 s to over 0.75 s (amazon-vpc-cni-k8s #1872), up to 18 s (amazon-ecs-cni-plugins #66)",
  },
  {
    name: "imdsFieldLag",
    type: durationRange,
    default: "0ms",
    doc: "After a new MAC appears: how much later its device number, addresses and prefixes do.",
    source: "L: amazon-vpc-cni-k8s #1872",
  },
  {
    name: "imdsStaleMac",
    type: durationRange,
    default: "0ms",
    doc: "After a MAC's fields vanish: how much longer the list of MACs still names it.",
    source: "L: for minutes (amazon-vpc-cni-k8s #194, #1339, #1340, #1967)",
  },
  {
    name: "imdsErrorShare",
    type: number(0, 1),
    default: 0,
    doc: "Share of metadata reads that answer 503.",
    source: "U: the status; D: the advice to retry",
  },
  {
    name: "describeStaleness",
    type: durationRange,
    default: "0ms",
    doc: "How old an outdated read is. Needs describeStalenessProbability above 0.",
    source: "D: that reads are eventually consistent; I: how much",
  },
  {
    name: "describeStalenessProbability",
    type: number(0, 1),
    default: 0,
    doc: "Share of describe calls that answer from an outdated state; below 1, reads can go back in time.",
    source: "I",
  },
  {
    name: "mutationsSeeStaleIds",
    type: boolean,
    default: false,
    doc: "Outdated reads also hit changes: a call that names a fresh ENI may answer NotFound.",
    source: "D: docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html",
  },
  {
    name: "prefixPlacement",
    type: oneOf("lowest", "random", "best-fit"),
    default: "random",
    doc: "Which free /28 a counted request gets; best-fit prefers those beside used ones.",
    source: "U: unknown for EC2; D: among prefix reservations the choice is random",
  },
  {
    name: "addressPlacement",
    type: oneOf("uniform", "pack"),
    default: "uniform",
    doc: "Where single addresses go: anywhere free, or first into /28s that are already broken.",
    source: "L: cilium #38499 and the EKS guidance assume uniform",
  },
  {
    name: "quarantine",
    type: duration,
    default: "0ms",
    doc: "How long a released address or /28 stays unusable; it counts as in use meanwhile.",
    source: "U",
  },
  {
    name: "reservationFallback",
    type: boolean,
    default: true,
    doc: "With prefix reservations that hold no free /28, counted prefixes come from the rest of the subnet.",
    source: "L/U: a maintainer's remark (amazon-vpc-cni-k8s #2749)",
  },
  {
    name: "lastBlockAssignable",
    type: boolean,
    default: false,
    doc: "A subnet's last /28, which holds the reserved broadcast address, may be assigned as a prefix.",
    source: "L/I: the AWS Support fragmentation tool counts it as reserved",
  },
  {
    name: "explicitReservationsLowerCount",
    type: boolean,
    default: false,
    doc: "An explicit reservation lowers availableIpAddressCount by its unallocated addresses, as a prefix reservation does.",
    source: "U",
  },
  {
    name: "createExhaustion",
    type: oneOf("by-action", "by-cause"),
    default: "by-action",
    doc: "CreateNetworkInterface with addresses left but no free /28: InvalidParameterValue, or InsufficientCidrBlocks as on assign.",
    source: "L/U: cilium #31016, amazon-vpc-cni-k8s #3105",
  },
  {
    name: "clientTokenLifetime",
    type: duration,
    default: "1d",
    doc: "How long a client token is remembered.",
    source: "U: undocumented",
  },
  {
    name: "defaultPageSize",
    type: integer(5, 1_000_000),
    default: 1_000_000,
    doc: "The page of a describe call without MaxResults.",
    source: "U: unpaginated calls usually return everything; GetSubnetCidrReservations has a page of its own, 255",
  },
  {
    name: "unpaginatedEniLimit",
    type: integer(0, 1_000_000),
    default: 0,
    doc: "With more ENIs than this, DescribeNetworkInterfaces without page, id and filter answers OperationNotPermitted; 0: never.",
    source: "L: amazon-vpc-resource-controller-k8s #188",
  },
  {
    name: "unattachedSlotLimit",
    type: integer(0, 1000),
    default: 0,
    doc: "Slots of an ENI that is attached to nothing; 0: no limit until it is attached.",
    source: "U",
  },
  {
    name: "quotas",
    type: oneOf("aws-default", "off"),
    default: "aws-default",
    doc: "The account's quotas. A world that starts above one is taken to have had it raised to twice what it holds.",
    source: "D: docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
  },
  { name: "quotaVpcs", type: integer(1, 1_000_000), default: 5, doc: "VPCs.", source: "D" },
  { name: "quotaSubnetsPerVpc", type: integer(1, 1_000_000), default: 200, doc: "Subnets per VPC.", source: "D" },
  {
    name: "quotaCidrsPerVpc",
    type: integer(1, 50),
    default: 5,
    doc: "IPv4 blocks per VPC.",
    source: "D: adjustable to 50",
  },
  {
    name: "quotaNetworkInterfaces",
    type: integer(1, 10_000_000),
    default: 5000,
    doc: "ENIs of the account that no AWS service keeps.",
    source: "D; older accounts 350 (L)",
  },
  {
    name: "quotaSecurityGroupsPerInterface",
    type: integer(1, 16),
    default: 5,
    doc: "Security groups per ENI.",
    source: "D: adjustable to 16",
  },
  {
    name: "cidrBlocksMessage",
    type: oneOf("specified-subnet", "eks-guide"),
    default: "specified-subnet",
    doc: "The wording of InsufficientCidrBlocks: from logs, or as the EKS guide prints it.",
    source: "L: amazon-vpc-cni-k8s #1836, #2749; EKS best practices",
  },
  {
    name: "deleteInUseCode",
    type: oneOf("InvalidParameterValue", "InvalidNetworkInterface.InUse"),
    default: "InvalidParameterValue",
    doc: "The code when an attached ENI is deleted: from logs, or from the published error list.",
    source: "L: amazon-vpc-cni-k8s #1399; D: the error list",
  },
  {
    name: "securityGroupLimitCode",
    type: oneOf("SecurityGroupsPerInterfaceLimitExceeded", "InvalidParameterValue"),
    default: "SecurityGroupsPerInterfaceLimitExceeded",
    doc: "The code when an ENI would get too many security groups.",
    source: "D: the error list; L: amazon-vpc-resource-controller-k8s #583",
  },
  {
    name: "trunkBranchStatus",
    type: oneOf("in-use", "associated"),
    default: "in-use",
    doc: "The status of a branch ENI that is associated with a trunk.",
    source: "U",
  },
];

/** One wrong knob. `path` is the keys below the map, for the place in a file. */
export interface KnobError {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * The knobs with one of them changed; or what is wrong. Unlike in a file, `latency: none` leaves the delays as they are.
 */
export function changeKnob(
  knobs: Knobs,
  name: string,
  value: unknown,
): { readonly knobs: Knobs } | { readonly error: string } {
  const { knobs: parsed, errors } = parseKnobs({ [name]: value });
  const error = errors[0];
  if (error !== undefined) return { error: error.message };
  return { knobs: { ...knobs, [name]: parsed[name as KnobName] } };
}

export interface ParsedKnobs {
  readonly knobs: Knobs;
  /** When not empty, `knobs` holds the default for each wrong one. */
  readonly errors: readonly KnobError[];
}

/** Plain values (as YAML or JSON give them) to knobs; what is left out gets its default. */
export function parseKnobs(given: Readonly<Record<string, unknown>>): ParsedKnobs {
  const errors: KnobError[] = [];
  for (const name of Object.keys(given)) {
    if (!KNOBS.some((knob) => knob.name === name)) {
      const near = nearest(name);
      const hint = near === undefined ? `knobs: ${KNOBS.map((knob) => knob.name).join(", ")}` : `did you mean ${near}?`;
      errors.push({ path: [name], message: `unknown knob ${name}; ${hint}` });
    }
  }
  const isWithoutLatency = given["latency"] === "none";
  const values: Record<string, unknown> = {};
  for (const knob of KNOBS) {
    const fallback = (isWithoutLatency ? knob.defaultWithoutLatency : undefined) ?? knob.default;
    const raw = given[knob.name];
    const parsed = raw === undefined || raw === null ? undefined : parseValue(knob, raw);
    if (parsed?.error !== undefined) errors.push({ path: [knob.name, ...parsed.path], message: parsed.error });
    const isGood = parsed !== undefined && parsed.error === undefined;
    values[knob.name] = isGood ? parsed.value : parseValue(knob, fallback).value;
  }
  return { knobs: values as unknown as Knobs, errors };
}

interface ParsedValue {
  readonly value?: unknown;
  readonly error?: string;
  readonly path: readonly string[];
}

function parseValue(knob: KnobDefinition, raw: unknown): ParsedValue {
  const { type, name } = knob;
  const wrong = (wanted: string): ParsedValue => ({ path: [], error: `${name} must be ${wanted}, not ${show(raw)}` });
  switch (type.kind) {
    case "duration": {
      const value = raw === 0 ? 0 : typeof raw === "string" ? parseDurationMs(raw) : undefined;
      return value === undefined ? wrong("a duration such as 200ms, 30s or 5m") : { value, path: [] };
    }
    case "durationRange": {
      const value = parseRange(raw);
      return value === undefined ? wrong("a duration such as 200ms, or a range such as 200ms-2s") : { value, path: [] };
    }
    case "number": {
      const isGood =
        typeof raw === "number" && raw >= type.min && raw <= type.max && (!type.isInteger || Number.isInteger(raw));
      const what = type.isInteger ? "a whole number" : "a number";
      return isGood ? { value: raw, path: [] } : wrong(`${what} from ${type.min} to ${type.max}`);
    }
    case "boolean":
      return typeof raw === "boolean" ? { value: raw, path: [] } : wrong("true or false");
    case "enum":
      return typeof raw === "string" && type.values.includes(raw)
        ? { value: raw, path: [] }
        : wrong(`one of ${type.values.join(", ")}`);
    case "rates":
      return parseRates(name, raw);
  }
}

function parseRates(name: string, raw: unknown): ParsedValue {
  const rates = new Map<string, TokenRate>();
  if (raw === "") return { value: rates, path: [] };
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return { path: [], error: `${name} must map actions to burst/refill, as in { AttachNetworkInterface: 50/5 }` };
  }
  for (const [action, text] of Object.entries(raw)) {
    const match = /^(\d+)\/(\d+(?:\.\d+)?)$/.exec(String(text));
    if (match === null || !/^[A-Z][A-Za-z0-9]+$/.test(action)) {
      return {
        path: [action],
        error: `${name}: ${action} must be burst/refill per second such as 50/5, not ${show(text)}`,
      };
    }
    rates.set(action, { burst: Number(match[1]), refillPerSecond: Number(match[2]) });
  }
  return { value: rates, path: [] };
}

function parseRange(raw: unknown): MsRange | undefined {
  if (raw === 0) return { min: 0, max: 0 };
  if (typeof raw !== "string") return undefined;
  const [low = "", high = low, ...rest] = raw.split("-");
  const min = parseDurationMs(low.trim());
  const max = parseDurationMs(high.trim());
  return min === undefined || max === undefined || max < min || rest.length > 0 ? undefined : { min, max };
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** `200ms 30s 5m 1h 7d`, also `1.5s` and `0`; undefined for anything else. */
function parseDurationMs(text: string): Ms | undefined {
  if (text === "0") return 0;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNIT_MS.get(match?.[2] ?? "");
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function show(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : (JSON.stringify(value) ?? String(value));
}

/** The knob that is one or two typing mistakes away. */
function nearest(name: string): string | undefined {
  let best: string | undefined;
  let bestDistance = 4;
  for (const knob of KNOBS) {
    const d = distance(name.toLowerCase(), knob.name.toLowerCase());
    if (d < bestDistance) {
      bestDistance = d;
      best = knob.name;
    }
  }
  return best;
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
