// DEL without an agent: the pod's rules and routes go by what an earlier result says. While nobody was asked, its address or its
// VLAN may have become another pod's, and that one keeps its network. Loaded only when it is needed.

import { whyNotOurs } from "../datapath/owner.ts";
import type { PodRemoval } from "../datapath/types.ts";
import { unwirePod } from "../datapath/unwire.ts";
import { type Kernel, KernelError } from "../netlink/kernel.ts";

/** Returns what is left, one line each. Never throws for what the kernel can be. */
export function cleanUp(kernel: Kernel, removal: PodRemoval): readonly string[] {
  try {
    const reason = whyNotOurs(kernel.host, removal);
    return reason === undefined ? unwirePod(kernel, removal) : [reason];
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return [error.message];
  }
}
