// The strings behind the engine's integers. An attachment (network name, container id, interface name) keeps its number while
// it holds an address or a request is under way; then the number is dropped and never given again.

import type { AttachmentText } from "../ipam/messages.ts";
import type { Attachment } from "../ipam/types.ts";

export interface AttachmentKey {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** What the caller says about the pod; kept for the checkpoint, introspection and the log. */
export interface PodIdentity {
  readonly namespace?: string;
  readonly podName?: string;
  readonly interfacesCount?: number;
}

const UNKNOWN: AttachmentText = { networkName: "", containerId: "", ifName: "" };

export class Attachments {
  readonly #byKey = new Map<string, Attachment>();
  readonly #byNumber = new Map<Attachment, AttachmentText>();
  #next = 1;

  get size(): number {
    return this.#byNumber.size;
  }

  /** The number of this key, a new one when it has none. The pod of the first caller stays, as the reference keeps it. */
  intern(key: AttachmentKey, pod: PodIdentity = {}): Attachment {
    const text = keyText(key);
    const known = this.#byKey.get(text);
    if (known !== undefined) return known;
    const attachment = this.#next++;
    this.#byKey.set(text, attachment);
    this.#byNumber.set(attachment, { ...key, ...pod });
    return attachment;
  }

  find(key: AttachmentKey): Attachment | undefined {
    return this.#byKey.get(keyText(key));
  }

  /** What the number stands for; empty texts when it stands for nothing any more. */
  textOf(attachment: Attachment): AttachmentText {
    return this.#byNumber.get(attachment) ?? UNKNOWN;
  }

  forget(attachment: Attachment): void {
    const text = this.#byNumber.get(attachment);
    if (text === undefined) return;
    this.#byNumber.delete(attachment);
    this.#byKey.delete(keyText(text));
  }

  *entries(): Iterable<readonly [Attachment, AttachmentText]> {
    yield* this.#byNumber;
  }
}

/** NUL separates: it occurs in no file name, so no two keys share a text. */
export function keyText(key: AttachmentKey): string {
  return `${key.networkName}\u0000${key.containerId}\u0000${key.ifName}`;
}
