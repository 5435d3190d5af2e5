// The agent's answers as they have to be. A field that is missing or of another kind makes the answer senseless: code 122.

import { type Ipv4, parseIpv4 } from "../base/ipv4.ts";
import { isObject, type JsonObject } from "./config.ts";
import { isHex, isLinkName } from "./names.ts";

/** A wired pod. */
export interface AddAnswer {
  readonly address: Ipv4;
  /** -1 for a branch pod. */
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly isRepeat: boolean;
  readonly hostInterface: string;
  /** 11 hex digits. */
  readonly podSuffix: string;
  readonly mtu: number;
  /** Above 0 for a branch pod. */
  readonly vlanId: number;
  readonly gateway: Ipv4 | undefined;
}

export interface Refusal {
  readonly kind: "refused";
  readonly reason: string;
  readonly message: string;
  readonly next: string;
  readonly retryAfterMs: number | undefined;
  readonly problem: string | undefined;
  readonly isDegraded: boolean;
  readonly problems: readonly string[];
}

export type Answer = { readonly kind: "done"; readonly fields: JsonObject } | Refusal;

/** The answer that one line is, or what is wrong with it. */
export function readAnswer(line: string): Answer | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "it is not JSON";
  }
  if (!isObject(value)) return "it is no JSON object";
  if (value["v"] !== 1) return `its version is ${JSON.stringify(value["v"])}, not 1`;
  if (value["ok"] === true) return { kind: "done", fields: value };
  if (value["ok"] !== false) return '"ok" is neither true nor false';
  const { reason, message, next, retryAfterMs, problem, degraded, problems } = value;
  if (typeof reason !== "string" || !/^[a-z0-9-]{1,64}$/.test(reason)) return "it refuses without a reason";
  return {
    kind: "refused",
    reason,
    message: typeof message === "string" ? message : "",
    next: typeof next === "string" ? next : "",
    retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
    problem: typeof problem === "string" ? problem : undefined,
    isDegraded: degraded === true,
    problems: linesOf(problems),
  };
}

/** The fields of a done ADD, or what is wrong with them. */
export function readAdd(fields: JsonObject): AddAnswer | string {
  const { deviceNumber, routeTableId, isRepeat, hostInterface, podSuffix, mtu, vlanId } = fields;
  const address = typeof fields["address"] === "string" ? parseIpv4(fields["address"]) : undefined;
  if (address === undefined) return "address is no IPv4 address";
  if (!isWhole(deviceNumber, -1, 1_000)) return "deviceNumber is no device number";
  if (!isWhole(routeTableId, 0, 0xffff_ffff)) return "routeTableId is no route table";
  if (typeof isRepeat !== "boolean") return "isRepeat is neither true nor false";
  if (typeof hostInterface !== "string" || !isLinkName(hostInterface)) return "hostInterface is no name of a link";
  if (typeof podSuffix !== "string" || !isHex(podSuffix, 11)) return "podSuffix is not 11 hex digits";
  if (!isWhole(mtu, 68, 65_535)) return "mtu is no MTU";
  if (!isWhole(vlanId, 0, 4_094)) return "vlanId is no VLAN id";
  const gateway = typeof fields["gateway"] === "string" ? parseIpv4(fields["gateway"]) : undefined;
  if (gateway === undefined && fields["gateway"] !== null) return "gateway is neither null nor an IPv4 address";
  return { address, deviceNumber, routeTableId, isRepeat, hostInterface, podSuffix, mtu, vlanId, gateway };
}

/** Texts of a list; nothing when it is none. */
export function linesOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((line) => typeof line === "string") : [];
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}
