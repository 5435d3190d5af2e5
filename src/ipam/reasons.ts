// The reasons of a refused ADD: the same words in engine, log, gRPC detail, CNI error, metric label, event and doctor.
// The words are permanent. Each has its page in `reasonPages`, which `slash28 explain` prints.

export const REASONS = [
  "starting",
  "stopping",
  "pool-growing",
  "cooling",
  "subnet-fragmented",
  "subnet-exhausted",
  "eni-limit",
  "slot-limit",
  "max-pods",
  "frozen-settings",
  "node-cordoned",
  "provisioning-off",
  "throttled",
  "unauthorized",
  "metadata-unavailable",
  "ec2-unreachable",
  "eniconfig-missing",
  "no-eligible-subnet",
  "eni-quota",
  "branch-eni-not-ready",
  "network-setup-failed",
  "checkpoint-unreadable",
  "checkpoint-unwritable",
  "ec2-refused",
  "invalid-request",
] as const;

export type Reason = (typeof REASONS)[number];
