// The result of ADD in the reference's layout (host link, container interface, and a third that exists in the JSON alone), so that
// a node can be given back to it; and what an earlier result tells DEL and CHECK.

import { formatIpv4, type Ipv4, parseIpv4 } from "../base/ipv4.ts";
import type { AddAnswer } from "./answers.ts";
import { CODES } from "./codes.ts";
import { isObject, type JsonObject } from "./config.ts";
import type { AttachmentEnvironment } from "./environment.ts";
import { isLinkName } from "./names.ts";
import { CniProblem } from "./problem.ts";
import { type CniVersion, isAtLeast } from "./versions.ts";

/** IEEE 802.1Q: 4095 is reserved. */
const VLAN_ID_MAX = 4_094;
/** What an ADD may ask for. */
const MTU_MIN = 576;
const MTU_MAX = 9001;
const DUMMY_NAME = /^dummy([0-9a-f]{11})$/;

/** What earlier plugins of the list have done. */
export interface PreviousResult {
  readonly interfaces: readonly JsonObject[];
  readonly ips: readonly JsonObject[];
  readonly routes: unknown;
  readonly dns: unknown;
}

/** Throws `CniProblem` 7 when it is not understood. */
export function readPreviousResult(previous: unknown): PreviousResult {
  const given = previous ?? {};
  const parts = isObject(given) ? given : { interfaces: given };
  const [interfaces, ips] = [parts["interfaces"] ?? [], parts["ips"] ?? []];
  if (isObjects(interfaces) && isObjects(ips)) return { interfaces, ips, routes: parts["routes"], dns: parts["dns"] };
  throw new CniProblem(
    CODES.invalidConfig,
    "add cmd: error loading config from args: prevResult is not understood",
    "Its interfaces and ips have to be lists of objects; look at the plugin before this one in the conflist.",
  );
}

/** The result in the form of `version`, after what stands in the previous one. */
export function buildResult(
  answer: AddAnswer,
  attachment: AttachmentEnvironment,
  previous: PreviousResult,
  version: CniVersion,
): JsonObject {
  const mtu = isAtLeast(version, "1.1.0") ? { mtu: answer.mtu } : {};
  const dummy = `dummy${answer.podSuffix}`;
  const interfaces = [
    ...previous.interfaces,
    { name: answer.hostInterface, ...mtu },
    // Not a MAC: the route table, as the reference writes it.
    { name: attachment.ifName, mac: String(answer.routeTableId), ...mtu, sandbox: attachment.netns },
    answer.vlanId > 0
      ? { name: dummy, mac: String(answer.vlanId) }
      : { name: dummy, mac: "0", sandbox: String(answer.deviceNumber) },
  ];
  const own = {
    interface: previous.interfaces.length + 1,
    address: `${formatIpv4(answer.address)}/32`,
    ...(answer.gateway === undefined ? {} : { gateway: formatIpv4(answer.gateway) }),
  };
  return {
    cniVersion: version,
    interfaces,
    ips: [...previous.ips, own].map((ip) => ipIn(version, ip)),
    ...(previous.routes === undefined || previous.routes === null ? {} : { routes: previous.routes }),
    ...dnsIn(version, previous.dns),
  };
}

/** Up to 0.4.0 an address says its family, later it must not. */
function ipIn(version: CniVersion, ip: JsonObject): JsonObject {
  const { version: _, ...rest } = ip;
  if (isAtLeast(version, "1.0.0")) return rest;
  return { version: String(ip["address"]).includes(":") ? "6" : "4", ...rest };
}

function dnsIn(version: CniVersion, dns: unknown): JsonObject {
  const isEmpty = !isObject(dns) || Object.keys(dns).length === 0;
  if (isEmpty) return isAtLeast(version, "1.0.0") ? {} : { dns: {} };
  return { dns };
}

function isObjects(value: unknown): value is readonly JsonObject[] {
  return Array.isArray(value) && value.every(isObject);
}

/** What a result says about the pod; each part only when it is plain. */
export interface Remembered {
  readonly address: Ipv4 | undefined;
  readonly hostInterface: string | undefined;
  /** Of the host's interface; before 1.1.0 a result does not say it. */
  readonly mtu: number | undefined;
  /** Above 0 for a branch pod. */
  readonly vlanId: number;
}

/** Never throws: what is not understood is not used. */
export function remember(previous: unknown, ifName: string): Remembered {
  const nothing: Remembered = { address: undefined, hostInterface: undefined, mtu: undefined, vlanId: 0 };
  if (!isObject(previous)) return nothing;
  const { interfaces, ips } = previous;
  if (!isObjects(interfaces) || !isObjects(ips)) return nothing;
  const container = interfaces.findIndex((one) => one["name"] === ifName && textOf(one["sandbox"]) !== "");
  const dummy = interfaces.findLast((one) => DUMMY_NAME.test(textOf(one["name"])));
  const suffix = DUMMY_NAME.exec(textOf(dummy?.["name"]))?.[1];
  const onHost = interfaces.filter((one) => one !== dummy && textOf(one["sandbox"]) === "");
  const host = onHost.find((one) => suffix !== undefined && textOf(one["name"]).endsWith(suffix)) ?? onHost[0];
  const hostInterface = textOf(host?.["name"]);
  const mtu = host?.["mtu"];
  const vlan = textOf(dummy?.["mac"]);
  // Later plugins may have given the interface an IPv6 address, or one with a network.
  const addresses = ips
    .filter((ip) => container >= 0 && ip["interface"] === container)
    .flatMap((ip) => parseIpv4(textOf(ip["address"]).replace(/\/32$/, "")) ?? []);
  return {
    address: addresses.length === 1 ? addresses[0] : undefined,
    hostInterface: isLinkName(hostInterface) ? hostInterface : undefined,
    mtu: isMtu(mtu) ? mtu : undefined,
    vlanId: /^\d{1,4}$/.test(vlan) && Number(vlan) <= VLAN_ID_MAX ? Number(vlan) : 0,
  };
}

function isMtu(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= MTU_MIN && value <= MTU_MAX;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
