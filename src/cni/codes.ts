// CNI's error codes, and the one table from a refusal's word to its code. Below 100 they are the specification's (CNI 1.1.0,
// "Error"), from 100 on they are ours (docs/cni.md). A code once given keeps its meaning.

import type { WireProblem } from "../datapath/types.ts";
import type { Reason } from "../ipam/reasons.ts";

export const CODES = {
  incompatibleVersion: 1,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  /** The runtime tries again; the kubelet does so in any case. */
  tryAgainLater: 11,
  notAvailable: 50,
  notAvailableAndDegraded: 51,
  noAddress: 100,
  namespaceGone: 110,
  interfaceExists: 111,
  nameTaken: 112,
  kernelRefused: 113,
  trunkMissing: 114,
  networkPolicy: 115,
  checkFailed: 120,
  leftovers: 121,
  senselessAnswer: 122,
  unexpected: 999,
} as const;

export type CniCode = (typeof CODES)[keyof typeof CODES];

/** When the refusal names no time after which to try again; with one, the code is `tryAgainLater`. */
const OF_REASON: { readonly [R in Reason]: CniCode } = {
  starting: CODES.tryAgainLater,
  stopping: CODES.tryAgainLater,
  "pool-growing": CODES.tryAgainLater,
  cooling: CODES.tryAgainLater,
  throttled: CODES.tryAgainLater,
  "metadata-unavailable": CODES.tryAgainLater,
  "ec2-unreachable": CODES.tryAgainLater,
  "branch-eni-not-ready": CODES.tryAgainLater,
  "checkpoint-unwritable": CODES.tryAgainLater,
  "subnet-fragmented": CODES.noAddress,
  "subnet-exhausted": CODES.noAddress,
  "eni-limit": CODES.noAddress,
  "slot-limit": CODES.noAddress,
  "max-pods": CODES.noAddress,
  "frozen-settings": CODES.noAddress,
  "node-cordoned": CODES.noAddress,
  "provisioning-off": CODES.noAddress,
  unauthorized: CODES.noAddress,
  "eniconfig-missing": CODES.noAddress,
  "no-eligible-subnet": CODES.noAddress,
  "eni-quota": CODES.noAddress,
  "checkpoint-unreadable": CODES.noAddress,
  "ec2-refused": CODES.noAddress,
  "network-setup-failed": CODES.kernelRefused,
  "invalid-request": CODES.invalidConfig,
};

/** What failed behind `network-setup-failed`, when the agent says it. */
const OF_PROBLEM: { readonly [P in WireProblem | "network-policy"]: CniCode } = {
  "invalid-wiring": CODES.invalidConfig,
  "namespace-gone": CODES.namespaceGone,
  "interface-exists": CODES.interfaceExists,
  "name-taken": CODES.nameTaken,
  "kernel-refused": CODES.kernelRefused,
  "trunk-missing": CODES.trunkMissing,
  "network-policy": CODES.networkPolicy,
};

/** What the agent says no with. The words may be those of a later agent. */
export interface RefusalWords {
  readonly reason: string;
  readonly problem?: string | undefined;
  /** Given when waiting helps. */
  readonly retryAfterMs?: number | undefined;
}

export function codeOf({ reason, problem, retryAfterMs }: RefusalWords): CniCode {
  const byProblem = problem === undefined ? undefined : look(OF_PROBLEM, problem);
  if (byProblem !== undefined) return byProblem;
  if (retryAfterMs !== undefined) return CODES.tryAgainLater;
  return look(OF_REASON, reason) ?? CODES.noAddress;
}

function look(table: Readonly<Record<string, CniCode>>, word: string): CniCode | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}
