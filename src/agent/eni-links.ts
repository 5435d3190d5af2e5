// What the engine's body needs of the node's network: ENIs whose links it sets up and takes down.

import type { Ipv4 } from "../base/ipv4.ts";
import type { EniId, ImdsEni } from "../ipam/types.ts";

export interface EniLinks {
  /** What metadata showed last: all attached ENIs. */
  seen(enis: readonly ImdsEni[]): void;
  /** Rejects with an `Error` that says what failed. */
  setUp(eni: ImdsEni, options: { readonly routeTableId: number; readonly isTrunk: boolean }): Promise<void>;
  /** Rejects with an `Error` that says what failed. */
  tearDown(eni: { readonly eniId: EniId; readonly primaryAddress: Ipv4 }): Promise<void>;
}
