// Whose a link on the host is: the alias that it carries, its name, and its MAC. All follow from the pod and the attachment, so
// no list of links has to be read to choose them, and a restart finds them again.

import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { Mac } from "../netlink/types.ts";
import { podSuffix } from "./names.ts";
import type { Attachment, PodWiring } from "./types.ts";

const MARK = "slash28 ";
/** IFALIASZ is 256 with the closing zero (include/uapi/linux/if.h). */
const ALIAS_BYTES_MAX = 255;

/** Host link of a pod: strict mode has a prefix of its own, by which SNAT spares it. */
export function hostInterfaceOf(pod: PodWiring): string {
  const prefix = pod.branch?.mode === "strict" ? "vlan" : pod.vethPrefix;
  return prefix + podSuffix(pod.namespace, pod.podName);
}

/** Locally administered, unicast; the same for the same attachment. Two equal ones would do no harm: a veth has one neighbour. */
export function hostMacOf(attachment: Attachment): Mac {
  // FNV-1a, twice: SHA-1 here takes a tenth of a whole wiring.
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (const byte of utf8ToBytes(keyText(attachment))) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x85ebca6b) ^ (low >>> 13);
  }
  const hex =
    (((high & 0xfcff) | 0x0200) & 0xffff).toString(16).padStart(4, "0") + (low >>> 0).toString(16).padStart(8, "0");
  return (hex.match(/../g) ?? []).join(":");
}

/** At most 255 bytes of printable ASCII. */
export function aliasOf(pod: PodWiring): string {
  return ascii(`${MARK}${keyText(pod)} ${pod.namespace}/${pod.podName}`).slice(0, ALIAS_BYTES_MAX);
}

/** What an alias says about its link, compared with a pod. */
export type Ownership =
  | "same-attachment"
  /** Of the same name, in an earlier or later sandbox. */
  | "same-pod"
  /** Another interface of the same sandbox. */
  | "same-sandbox"
  | "other-pod"
  | "no-alias"
  | "foreign";

export function ownershipOf(alias: string, pod: PodWiring): Ownership {
  if (alias === "") return "no-alias";
  if (!alias.startsWith(MARK)) return "foreign";
  if (alias === aliasOf(pod)) return "same-attachment";
  if (!isOfPod(alias, ascii(`${pod.namespace}/${pod.podName}`))) return "other-pod";
  const containerId = alias.slice(MARK.length).split("/")[1];
  return containerId === ascii(pod.containerId) ? "same-sandbox" : "same-pod";
}

/** The alias was given by us. */
export function isOurAlias(alias: string): boolean {
  return alias.startsWith(MARK);
}

/** Whom an alias of ours names, the pod's names empty when they are cut; undefined: it is not ours, or does not tell. */
export function namedBy(
  alias: string,
): { readonly attachment: Attachment; readonly namespace: string; readonly podName: string } | undefined {
  const parts = /^(.+)\/([^/ ]+)\/([^/ ]+) ([^/ ]*)\/?([^/ ]*)$/.exec(
    alias.startsWith(MARK) ? alias.slice(MARK.length) : "",
  );
  if (parts === null || alias.includes("?")) return undefined;
  const [, networkName = "", containerId = "", ifName = "", namespace = "", podName = ""] = parts;
  const isCut = alias.length >= ALIAS_BYTES_MAX;
  return {
    attachment: { networkName, containerId, ifName },
    ...(isCut ? { namespace: "", podName: "" } : { namespace, podName }),
  };
}

/** The alias was given by us, for this attachment. */
export function isAliasOf(alias: string, attachment: Attachment): boolean {
  return alias.startsWith(ascii(`${MARK}${keyText(attachment)} `));
}

/** The alias was given by us, for another attachment; false when it does not tell. */
export function isAliasOfOther(alias: string, attachment: Attachment): boolean {
  return alias.startsWith(MARK) && alias.length < ALIAS_BYTES_MAX && !isAliasOf(alias, attachment);
}

/** The pod that an alias names has this suffix; undefined when the alias does not tell. */
export function hasSuffix(alias: string, suffix: string): boolean | undefined {
  const pod = podText(alias);
  if (pod === undefined || alias.length >= ALIAS_BYTES_MAX) return undefined;
  const slash = pod.indexOf("/");
  return podSuffix(pod.slice(0, slash), pod.slice(slash + 1)) === suffix;
}

function isOfPod(alias: string, wanted: string): boolean {
  const found = podText(alias);
  if (found === undefined) return false;
  return alias.length < ALIAS_BYTES_MAX ? found === wanted : wanted.startsWith(found);
}

/** `namespace/podName` of an alias, cut when the alias was. */
function podText(alias: string): string | undefined {
  if (!alias.startsWith(MARK)) return undefined;
  const space = alias.indexOf(" ", MARK.length);
  return space < 0 ? undefined : alias.slice(space + 1);
}

function keyText(attachment: Attachment): string {
  return `${attachment.networkName}/${attachment.containerId}/${attachment.ifName}`;
}

/** Kubernetes' names are ASCII; anything else must not make the alias longer in bytes than in characters. */
function ascii(text: string): string {
  return text.replace(/[^ -~]/g, "?");
}
