// The checkpoint's text (ipamd.md 6.2): the reference's own format, so that a node can move to us and back without restarting
// pods. Pure text in, text out; where the file lives and how it is replaced is the body's part.
// Timestamps have 19 digits, more than a JavaScript number holds: they never pass through one.

import { formatIpv4, type Ipv4, parseIpv4 } from "../base/ipv4.ts";
import type { Ms } from "../base/units.ts";

export const CHECKPOINT_VERSION = "vpc-cni-ipam/1";

/** Larger texts are refused unread: 400,000 pods' worth. */
export const CHECKPOINT_LENGTH_MAX = 100_000_000;

export interface CheckpointEntry {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly ipv4: Ipv4;
  /** Unix nanoseconds as decimal text. */
  readonly timestampNs: string;
  readonly namespace?: string;
  readonly podName?: string;
  /** Left out by the reference when 0. */
  readonly interfacesCount?: number;
}

export type DecodedCheckpoint = { readonly entries: readonly CheckpointEntry[] } | { readonly error: string };

/** One allocation's JSON. It never changes while the allocation lives, so a body may keep it and join with `joinCheckpoint`. */
export function encodeCheckpointEntry(entry: CheckpointEntry): string {
  const metadata: string[] = [];
  if (entry.namespace !== undefined && entry.namespace !== "")
    metadata.push(`"k8sPodNamespace":${quote(entry.namespace)}`);
  if (entry.podName !== undefined && entry.podName !== "") metadata.push(`"k8sPodName":${quote(entry.podName)}`);
  if (entry.interfacesCount !== undefined && entry.interfacesCount !== 0)
    metadata.push(`"interfacesCount":${entry.interfacesCount}`);
  return `{"networkName":${quote(entry.networkName)},"containerID":${quote(entry.containerId)},"ifName":${quote(entry.ifName)},"ipv4":"${formatIpv4(entry.ipv4)}","allocationTimestamp":${entry.timestampNs},"metadata":{${metadata.join(",")}}}`;
}

export function joinCheckpoint(entries: readonly string[]): string {
  return `{"version":"${CHECKPOINT_VERSION}","allocations":[${entries.join(",")}]}\n`;
}

export function encodeCheckpoint(entries: readonly CheckpointEntry[]): string {
  return joinCheckpoint(entries.map(encodeCheckpointEntry));
}

function quote(text: string): string {
  return /^[\w./:-]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Never throws. Unknown fields are passed over, as the reference does; `error` says which entry is wrong and how. */
export function decodeCheckpoint(text: string): DecodedCheckpoint {
  if (text.length > CHECKPOINT_LENGTH_MAX) {
    return { error: `the checkpoint has ${text.length} characters, more than ${CHECKPOINT_LENGTH_MAX}` };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(quoteLongIntegers(text));
  } catch {
    const tail = text.slice(-20);
    return {
      error: `the checkpoint is not JSON: ${text.length} characters, ${text === "" ? "empty" : `ending in ${JSON.stringify(tail)}`}`,
    };
  }
  if (!isRecord(parsed)) return { error: "the checkpoint is not a JSON object" };
  const version = parsed["version"] ?? "";
  if (version !== CHECKPOINT_VERSION) {
    const got = typeof version === "string" ? version : JSON.stringify(version);
    return {
      error: `failed ipam state recovery due to unexpected checkpointVersion: ${got}/${CHECKPOINT_VERSION}`,
    };
  }
  const allocations = parsed["allocations"] ?? [];
  if (!Array.isArray(allocations)) return { error: `"allocations" of the checkpoint is not a list` };
  const entries: CheckpointEntry[] = [];
  for (let i = 0; i < allocations.length; i++) {
    const entry = decodeEntry(allocations[i]);
    if (typeof entry === "string") return { error: `allocation ${i + 1} of ${allocations.length}: ${entry}` };
    entries.push(entry);
  }
  return { entries };
}

/** The entry, or what is wrong with it. */
function decodeEntry(value: unknown): CheckpointEntry | string {
  if (!isRecord(value)) return "it is not an object";
  const metadata = value["metadata"] ?? {};
  if (!isRecord(metadata)) return `"metadata" is not an object`;
  const networkName = textOf(value["networkName"]);
  const containerId = textOf(value["containerID"]);
  const ifName = textOf(value["ifName"]);
  const namespace = textOf(metadata["k8sPodNamespace"]);
  const podName = textOf(metadata["k8sPodName"]);
  if (networkName === undefined || containerId === undefined || ifName === undefined)
    return `"networkName", "containerID" and "ifName" have to be texts`;
  if (namespace === undefined || podName === undefined) return `"k8sPodNamespace" and "k8sPodName" have to be texts`;
  const ipv4 = typeof value["ipv4"] === "string" ? parseIpv4(value["ipv4"]) : undefined;
  if (ipv4 === undefined) {
    return `"ipv4" is ${JSON.stringify(value["ipv4"]) ?? "missing"}, not an IPv4 address`;
  }
  const timestampNs = integerText(value["allocationTimestamp"] ?? 0);
  if (timestampNs === undefined) return `"allocationTimestamp" is not a whole number`;
  const interfacesCount = metadata["interfacesCount"] ?? 0;
  if (typeof interfacesCount !== "number" || !Number.isInteger(interfacesCount))
    return `"interfacesCount" is not a whole number`;
  return {
    networkName,
    containerId,
    ifName,
    ipv4,
    timestampNs,
    ...(namespace === "" ? {} : { namespace }),
    ...(podName === "" ? {} : { podName }),
    ...(interfacesCount === 0 ? {} : { interfacesCount }),
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Missing reads as empty, as in Go; undefined for another type or a smuggled long number. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return "";
  return typeof value === "string" && !value.startsWith(LONG_INTEGER) ? value : undefined;
}

/** Marks the text of a long integer; no name of ours starts with NUL. */
const LONG_INTEGER = "\u0000";

function integerText(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value + 0) : undefined;
  return typeof value === "string" && value.startsWith(LONG_INTEGER) ? value.slice(1) : undefined;
}

/** The same JSON with each bare integer of 16 characters or more as marked text, so that JSON.parse keeps all its digits. */
function quoteLongIntegers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*/gs, (token) =>
    token.length >= 16 && /^-?(?:0|[1-9]\d*)$/.test(token) ? `"\\u0000${token}"` : token,
  );
}

/** Unix nanoseconds as text, from whole milliseconds and the nanoseconds beyond them (0 to 999,999). */
export function timestampNsOf(time: { readonly wallMs: Ms; readonly nsRest: number }): string {
  return time.wallMs > 0
    ? `${time.wallMs}${String(time.nsRest).padStart(6, "0")}`
    : String(BigInt(time.wallMs) * 1_000_000n + BigInt(time.nsRest));
}

/** The reverse of `timestampNsOf`. `timestampNs` is the text of an integer, as `decodeCheckpoint` gives it. */
export function splitTimestampNs(timestampNs: string): { readonly wallMs: Ms; readonly nsRest: number } {
  const ns = BigInt(timestampNs);
  const nsRest = ((ns % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return { wallMs: Number((ns - nsRest) / 1_000_000n), nsRest: Number(nsRest) };
}
