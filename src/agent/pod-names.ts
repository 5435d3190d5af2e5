// Which host link belongs to which attachment: names end in a hash of the pod's name (datapath.md 5), so two pods can collide.

import type { AttachmentText } from "../ipam/messages.ts";
import type { Attachment } from "../ipam/types.ts";
import type { Attachments } from "./attachments.ts";

export interface PodName {
  readonly namespace: string;
  readonly podName: string;
}

/** Hexadecimal digits at the end of a host link's name. */
export const SUFFIX_LENGTH = 11;

/** The pod that links are named after. A runtime that names no pod has its sandboxes told apart by their ids. */
export function linkOwner(text: {
  readonly containerId: string;
  readonly namespace?: string;
  readonly podName?: string;
}): PodName {
  const namespace = text.namespace ?? "";
  const podName = text.podName ?? "";
  return { namespace, podName: namespace === "" && podName === "" ? text.containerId : podName };
}

/** As `podSuffix` of datapath/names.ts, by the runtime's own SHA-1: a tenth of the time, on every pod's way. */
export function suffixOfPod({ namespace, podName }: PodName): string {
  return Bun.SHA1.hash(`${namespace}.${podName}`, "hex").slice(0, SUFFIX_LENGTH);
}

export class PodNames {
  readonly #attachments: Attachments;
  /** Hashing costs more than looking up; an attachment's text does not change while it lives. */
  readonly #suffixes = new WeakMap<AttachmentText, string>();

  constructor(attachments: Attachments) {
    this.#attachments = attachments;
  }

  suffixOf(attachment: Attachment): string {
    const text = this.#attachments.textOf(attachment);
    let suffix = this.#suffixes.get(text);
    if (suffix === undefined) {
      suffix = suffixOfPod(linkOwner(text));
      this.#suffixes.set(text, suffix);
    }
    return suffix;
  }

  /** Attachments whose links have this suffix and for which `counts`: of one pod, or of pods whose hashes collide. */
  *withSuffix(suffix: string, counts: (attachment: Attachment) => boolean): Iterable<readonly [Attachment, PodName]> {
    for (const [attachment, text] of this.#attachments.entries()) {
      if (this.suffixOf(attachment) === suffix && counts(attachment)) yield [attachment, linkOwner(text)];
    }
  }
}
