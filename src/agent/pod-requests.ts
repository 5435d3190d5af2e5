// What is asked for a pod's network, and what is answered; whichever way the words come.

import type { Ipv4 } from "../base/ipv4.ts";
import type { BranchWiring, WireProblem } from "../datapath/types.ts";
import type { Reason } from "../ipam/reasons.ts";
import type { AttachmentKey } from "./attachments.ts";

export type EnforcingMode = BranchWiring["mode"];

export interface PodSpec {
  readonly key: AttachmentKey;
  /** Empty with `podName`: the runtime names no pod. */
  readonly namespace: string;
  readonly podName: string;
  readonly netns: string;
  readonly vethPrefix: string;
  readonly mtu: number;
  readonly enforcingMode: EnforcingMode;
}

export interface AddRequest extends PodSpec {
  /** Real milliseconds for which the caller still waits; undefined: it gives no limit. */
  readonly patienceMs: number | undefined;
  /** Aborted when the caller hangs up. */
  readonly signal: AbortSignal;
}

export interface DelRequest {
  readonly key: AttachmentKey;
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
  /** What the ADD's result said, for what the agent does not know itself. */
  readonly address: Ipv4 | undefined;
  readonly hostInterface: string;
  readonly vlanId: number;
}

export interface Refused {
  readonly kind: "refused";
  readonly reason: Reason;
  readonly message: string;
  /** undefined: the reason's own. */
  readonly next?: string;
  readonly retryAfterMs?: number | undefined;
  readonly problem?: WireProblem | "network-policy";
}

export const HUNG_UP: Refused = { kind: "refused", reason: "invalid-request", message: "the caller hung up" };
/** Before the checkpoint is restored nobody knows what an attachment has. */
export const STARTING: Refused = { kind: "refused", reason: "starting", message: "the agent is starting" };

export interface Wired {
  readonly kind: "wired";
  readonly address: Ipv4;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  readonly isRepeat: boolean;
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly podSuffix: string;
  readonly mtu: number;
  /** 0 unless the pod has a branch ENI. */
  readonly vlanId: number;
  /** Branch pods: of their subnet. */
  readonly gateway: Ipv4 | undefined;
}

export interface Deleted {
  readonly kind: "deleted";
  readonly address: Ipv4 | undefined;
  readonly deviceNumber: number;
  readonly routeTableId: number;
  /** What could not be removed, one line each. */
  readonly left: readonly string[];
}
