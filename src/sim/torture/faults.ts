// What can go wrong in a run, one row each. A run switches some off and weights the rest wildly, so that each is met alone,
// together with any other, rare and dense.

import type { Prng } from "../../base/prng.ts";

interface FaultDefinition {
  /** What happens. */
  readonly doc: string;
  /** What the rate counts: per step, per call, per write ..., or a minute of virtual time for each node. */
  readonly per: "step" | "call" | "write" | "read" | "pod" | "minute";
  readonly rateMax: number;
}

export const FAULTS = {
  crash: {
    doc: "the process dies between two effects of a step, or after the last; a write under way has landed or not",
    per: "step",
    rateMax: 0.02,
  },
  stop: { doc: "SIGTERM, then the end within 30 s, and a new start", per: "minute", rateMax: 1 },
  saveSlow: { doc: "a checkpoint write takes up to 10 s", per: "write", rateMax: 0.3 },
  saveFails: { doc: "a checkpoint write fails", per: "write", rateMax: 0.3 },
  diskFull: { doc: "for up to 60 s every checkpoint write fails", per: "minute", rateMax: 1 },
  requestLost: { doc: "an EC2 call never arrives; the engine hears `lost`", per: "call", rateMax: 0.2 },
  replyLost: { doc: "an EC2 call takes effect, its answer is lost", per: "call", rateMax: 0.3 },
  replyLate: {
    doc: "an EC2 answer comes up to 30 s late; after the client's 10 s it is `lost`, and then comes all the same",
    per: "call",
    rateMax: 0.3,
  },
  replyTwice: { doc: "an outcome is told twice, the second time up to 20 s later", per: "call", rateMax: 0.3 },
  ec2Fails: {
    doc: "EC2 refuses a call with one of a dozen codes, from InternalError to denied",
    per: "call",
    rateMax: 0.3,
  },
  throttleStorm: { doc: "for up to 60 s EC2 throttles an action, or all", per: "minute", rateMax: 2 },
  tenants: {
    doc: "other tenants exhaust the subnet, fragment it, or give addresses back",
    per: "minute",
    rateMax: 4,
  },
  metadataFails: { doc: "a metadata read fails", per: "read", rateMax: 0.5 },
  metadataLies: {
    doc: "for up to 90 s metadata hides an ENI, its prefixes, or everything; shows what was returned; shuffles",
    per: "minute",
    rateMax: 1.5,
  },
  hostFails: { doc: "an ENI cannot be set up, or only after seconds", per: "call", rateMax: 0.4 },
  clockStep: { doc: "wall time jumps by up to a day, either way", per: "minute", rateMax: 2 },
  nodeChange: { doc: "max pods changes, the node is cordoned or uncordoned", per: "minute", rateMax: 1 },
  foreignEni: { doc: "somebody attaches an ENI with the tag no_manage", per: "minute", rateMax: 0.3 },
  duplicateCall: { doc: "ADD or DEL is called twice at once", per: "pod", rateMax: 0.3 },
  hangUp: { doc: "the runtime hangs up on an ADD before its answer", per: "pod", rateMax: 0.2 },
  strangeDel: { doc: "DEL for what was never added", per: "pod", rateMax: 0.1 },
  collect: { doc: "CNI GC, with all pods or without some of them", per: "minute", rateMax: 2 },
} as const satisfies Readonly<Record<string, FaultDefinition>>;

export type FaultName = keyof typeof FAULTS;
export type FaultRates = Readonly<Record<FaultName, number>>;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

const OFF_SHARE = 0.4;
/** Rates lie between the most and a thousandth of it, evenly by order of magnitude. */
const MAGNITUDES = 3;

export function drawRates(prng: Prng): FaultRates {
  const rates = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as Record<FaultName, number>;
  for (const name of FAULT_NAMES) {
    const isOn = prng.fraction() >= OFF_SHARE;
    const share = 10 ** (-MAGNITUDES * prng.fraction());
    if (isOn) rates[name] = FAULTS[name].rateMax * share;
  }
  return rates;
}

export const NO_FAULTS: FaultRates = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as FaultRates;
