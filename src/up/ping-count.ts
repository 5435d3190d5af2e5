// What came of the pings between pods, by the way that their packets take.

export const PING_PATHS = ["same-node", "other-node", "secondary-eni", "outside"] as const;
export type PingPath = (typeof PING_PATHS)[number];

export const PATH_NAMES: Readonly<Record<PingPath, string>> = {
  "same-node": "on one node",
  "other-node": "between nodes",
  "secondary-eni": "between nodes, by a secondary ENI",
  outside: "to a host outside the VPC",
};

export interface PingCount {
  /** `secondary-eni`: to another node, and one end at least has its address from a secondary ENI. */
  readonly path: PingPath;
  readonly sent: number;
  readonly answered: number;
  /** Answered, but the other side saw an address that is not the right one. */
  readonly wrongSource: number;
  /** Real milliseconds there and back, the median of the last ones; null when none was answered. */
  readonly msP50: number | null;
}

/** A pod at one end of pings that failed. */
export interface PingTrouble {
  readonly podName: string;
  readonly namespace: string;
  readonly nodeName: string;
  readonly address: string;
  /** Without an answer, from it or to it. */
  readonly lost: number;
  readonly wrongSource: number;
}
