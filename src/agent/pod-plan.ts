// What an ADD or DEL comes to for the datapath: names, wiring, removal, worked out from the request and the place of its address.

import { formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import type { BranchWiring, PodRemoval, PodWiring } from "../datapath/types.ts";
import type { ReplyResult } from "../ipam/types.ts";
import type { AttachmentKey } from "./attachments.ts";
import { linkOwner, suffixOfPod } from "./pod-names.ts";
import type { AddRequest, PodSpec, Refused } from "./pod-requests.ts";

/** Where a pod's address lives. */
export interface Place {
  readonly address: Ipv4;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly branch: BranchWiring | undefined;
  /** The attachment had the address before this ADD, and keeps it when the ADD fails. */
  readonly isRepeat: boolean;
  /** Settles when the address is on disk, or with why it could not be saved: then it is this attachment's no more. */
  readonly saved: Promise<Refused | undefined>;
}

/** Prefix and hash. */
const LINK_NAME = /^[^\s/:]{1,4}[0-9a-f]{11}$/;

export function wiringOf(spec: PodSpec, place: Pick<Place, "address" | "routeTableId" | "branch">): PodWiring {
  const { key, netns, mtu, vethPrefix } = spec;
  const { address, routeTableId, branch } = place;
  const owner = linkOwner({ ...spec, containerId: key.containerId });
  return {
    networkName: key.networkName,
    containerId: key.containerId,
    ifName: key.ifName,
    ...owner,
    netnsPath: netns,
    address,
    routeTableId,
    mtu,
    vethPrefix,
    branch,
  };
}

export function removalOf(request: AddRequest, { address, branch }: Place): PodRemoval {
  const prefix = branch?.mode === "strict" ? "vlan" : request.vethPrefix;
  return {
    attachment: request.key,
    address,
    mayBeTaken: true,
    hostInterface: prefix + suffixOf(request),
    vlanId: branch?.vlanId ?? 0,
  };
}

export function suffixOf(pod: {
  readonly key: AttachmentKey;
  readonly namespace: string;
  readonly podName: string;
}): string {
  return suffixOfPod(linkOwner({ ...pod, containerId: pod.key.containerId }));
}

/** Nothing is ever removed by a name that a caller gives and that is not its pod's. */
export function isLinkOf(suffix: string, hostInterface: string): boolean {
  return LINK_NAME.test(hostInterface) && hostInterface.endsWith(suffix);
}

export function withRest(message: string, left: readonly string[]): string {
  return left.length === 0 ? message : `${message}; not undone: ${left.join("; ")}`;
}

/** The attachment had its address before this ADD. */
export function kept(refusal: Refused, { address }: Place): Refused {
  return { ...refusal, message: `${refusal.message}; ${formatIpv4(address)} stays with this sandbox until its DEL` };
}

export function unexpected(result: ReplyResult): Refused {
  return { kind: "refused", reason: "invalid-request", message: `unexpected answer ${result.kind}` };
}
