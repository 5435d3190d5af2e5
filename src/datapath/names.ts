// Names of a pod's host links, by the reference's rule (datapath.md 5): other tools find them by it, so it is an interface.

import { sha1 } from "@noble/hashes/legacy.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** 44 bits of SHA-1: what the host's end of a pod's link is told apart by. Depends on the pod's name, not on its sandbox. */
export function podSuffix(namespace: string, podName: string): string {
  return bytesToHex(sha1(utf8ToBytes(`${namespace}.${podName}`))).slice(0, 11);
}

/** The third interface of a result, which exists in its JSON alone: one character longer than a Linux link's name may be. */
export function dummyName(suffix: string): string {
  return `dummy${suffix}`;
}

export function vlanLinkName(vlanId: number): string {
  return `vlan.eth.${vlanId}`;
}
