// I3: what carries an allocated or cooling address is not given back to EC2. I4: what was released rests before the next pod
// gets it.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { NodeLedger } from "./ledger.ts";
import type { Verdicts } from "./verdicts.ts";
import { carries, type WitnessedEni } from "./witness.ts";

export interface Resting {
  readonly name: string;
  readonly ledger: NodeLedger;
  readonly cooldownMs: Ms;
}

/** I4, as an address is handed out: on the node that released it, whatever lay between. */
export function checkRest(verdicts: Verdicts, node: Resting, address: Ipv4, nowMs: Ms): void {
  const releasedMs = node.ledger.releasedAtMs.get(address);
  if (releasedMs === undefined) return;
  verdicts.demand(
    nowMs - releasedMs >= node.cooldownMs,
    "I4",
    () => `${node.name} hands out ${formatIpv4(address)}, released ${nowMs - releasedMs} ms ago`,
  );
  node.ledger.releasedAtMs.delete(address);
}

/** I3, as a call takes an ENI's CIDRs (or, without a list, the whole ENI) away in EC2. */
export function checkGiveBack(
  verdicts: Verdicts,
  nodes: readonly Resting[],
  given: {
    readonly eni: WitnessedEni;
    readonly bases?: { readonly prefixes: readonly Ipv4[]; readonly addresses: readonly Ipv4[] };
    readonly nowMs: Ms;
  },
): void {
  const { eni, bases, nowMs } = given;
  const isTaken = (address: Ipv4) =>
    carries(eni, address) &&
    (bases === undefined || bases.prefixes.includes(address - (address % 16)) || bases.addresses.includes(address));
  for (const { name, ledger, cooldownMs } of nodes) {
    for (const [attachment, address] of ledger.claims) {
      if (!isTaken(address)) continue;
      const what = `${formatIpv4(address)} of ${name}'s ${attachment} is given back to EC2 with ${eni.eniId}`;
      verdicts.demand(false, "I3", () => what);
    }
    for (const [address, releasedMs] of ledger.releasedAtMs) {
      if (nowMs - releasedMs >= cooldownMs || !isTaken(address)) continue;
      const what = `${formatIpv4(address)}, released by ${name} ${nowMs - releasedMs} ms ago, is given back with ${eni.eniId}`;
      verdicts.demand(false, "I3", () => what);
    }
  }
}
