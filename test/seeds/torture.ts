// Runs of npm run torture that once broke something, each with its story. A seed repeats its run only as long as the draws of
// generator and engine stay: then it is one more seed, and the story says what to look for. Add to it, never take away.

import type { PolicyId } from "../../src/ipam/types.ts";

export interface PinnedSeed {
  readonly seed: number;
  readonly policy: PolicyId;
  /** The invariant that it broke. */
  readonly broke: string;
  readonly story: string;
}

export const PINNED_SEEDS: readonly PinnedSeed[] = [
  {
    seed: 27,
    policy: "vpc-cni",
    broke: "I2",
    story:
      "An address goes back to EC2, the process dies 2 s later, metadata lags by 18 s: the next process found the address in metadata and handed it out. Boot now leaves out what EC2 no longer lists.",
  },
  {
    seed: 5156,
    policy: "vpc-cni",
    broke: "I2",
    story:
      "The process dies between DetachNetworkInterface and the rest; metadata still shows the ENI, and the next process took it in again. An ENI that EC2 shows leaving, or attached to nothing, is not taken in.",
  },
  {
    seed: 346,
    policy: "vpc-cni",
    broke: "I5",
    story:
      "A DEL waits for its save; meanwhile the /28 goes back to EC2; the save fails and the release cannot be undone. The next DEL heard `unknown` while the disk still held the pod. Nothing goes back now whose release is not on disk.",
  },
  {
    seed: 20122,
    policy: "slash28",
    broke: "I5",
    story:
      "The same end without EC2: cooldown 0, somebody else has the address when the save fails. `unknown` now waits for a write without the pod.",
  },
  {
    seed: 17,
    policy: "slash28",
    broke: "I10",
    story:
      "Point `packing` off, a fragmented subnet: single addresses were counted as supply and never handed out, so ADDs waited for ever.",
  },
  {
    seed: 42,
    policy: "slash28",
    broke: "I4",
    story:
      "Released, crash, restart while EC2's answer is outdated; a reconcile takes the address in a moment later, without a cooldown, and it is handed out.",
  },
  {
    seed: 148,
    policy: "slash28",
    broke: "I8",
    story:
      "Single addresses stand in for /28s, a look shows a free /28: it was asked for though the pool covered max pods.",
  },
  {
    seed: 161,
    policy: "slash28",
    broke: "I9",
    story:
      "CreateNetworkInterface is throttled and waits for its next try; meanwhile another call is told that the subnet is full; the try went out all the same. Calls become void now.",
  },
  {
    seed: 211,
    policy: "slash28",
    broke: "I9",
    story: "A look at the subnet was asked before a refusal and answered after it: it opened the subnet again.",
  },
  {
    seed: 343,
    policy: "slash28",
    broke: "I9",
    story: "The pause is over, two ENIs have slots: both sent a probe. Now one probe a subnet and kind decides.",
  },
  {
    seed: 378,
    policy: "slash28",
    broke: "I10",
    story: "One address is free and six pods wait: six were asked for, EC2 gives all or nothing, and so for ever.",
  },
  {
    seed: 567,
    policy: "slash28",
    broke: "I3",
    story:
      "The host takes 4 s to set up a new ENI; meanwhile it got an address, and a pod the address; then the set-up failed, and the engine stopped at its own assertion as it took the ENI out.",
  },
  {
    seed: 20068,
    policy: "slash28",
    broke: "I10",
    story:
      "Four addresses are free and a new ENI was to carry four: with its primary one it needs five, was refused, and again after each look.",
  },
  {
    seed: 50134,
    policy: "slash28",
    broke: "I2",
    story:
      "A describe is under way; an address goes back to EC2; the answer, from before, still shows it, and the address came back into service while EC2 took it.",
  },
  {
    seed: 50291,
    policy: "slash28",
    broke: "I2",
    story: "Point `packing` off: an address was handed out of a /28 whose return had been lost on the way.",
  },
  {
    seed: 363,
    policy: "slash28",
    broke: "I8",
    story: "Point `budget` off: an assignment whose answer was lost had taken the last slot, and was repeated.",
  },
  {
    seed: 70050,
    policy: "slash28",
    broke: "I10",
    story:
      "EC2 said once that an ENI is full. It got nothing any more, though it had two slots, and its pods waited for ever.",
  },
  {
    seed: 1001008,
    policy: "slash28",
    broke: "I8",
    story:
      "CreateNetworkInterface waits for the API budget; max pods is lowered meanwhile; it was called all the same.",
  },
  {
    seed: 1003186,
    policy: "slash28",
    broke: "I8",
    story:
      "CreateNetworkInterface waits for the API budget; a reconcile finds an ENI that was thought lost, the third of three; a fourth was asked for.",
  },
  {
    seed: 234,
    policy: "slash28",
    broke: "I10",
    story:
      "a look showed one free address, too few for a new ENI; others gave theirs back, the count of free addresses told it, but the " +
      "look was believed for five minutes: eight pods waited. A count read later corrects the look now",
  },
];
