// Attaching and detaching ENIs: the changes alone, after the checks.

import type { Attachment, EniRecord, InstanceRecord } from "./records.ts";
import type { World } from "./world.ts";

/** Device indexes in use on a network card, detaching ones included. */
export function deviceIndexesOf(instance: InstanceRecord, networkCardIndex: number): Set<number> {
  const indexes = new Set<number>();
  for (const eni of instance.enis) {
    const { attachment } = eni.now;
    if (attachment?.networkCardIndex === networkCardIndex) indexes.add(attachment.deviceIndex);
  }
  return indexes;
}

/** Starts an attachment and returns its id. It completes after the attach delay. */
export function attachEni(
  world: World,
  options: {
    readonly eni: EniRecord;
    readonly instance: InstanceRecord;
    readonly deviceIndex: number;
    readonly networkCardIndex: number;
  },
): string {
  const { eni, instance, deviceIndex, networkCardIndex } = options;
  const attachment: Attachment = {
    id: world.ids.next("eni-attach"),
    instanceId: instance.id,
    instanceOwnerId: world.accountId,
    deviceIndex,
    networkCardIndex,
    status: "attaching",
    attachWallMs: world.nowWallMs,
    isDeleteOnTermination: false,
  };
  world.eniByAttachment.set(attachment.id, eni);
  instance.enis.add(eni);
  world.changeEni(eni, { status: "in-use", attachment });
  world.schedule(world.knobs.attachDelay, { kind: "attached", eni, attachmentId: attachment.id });
  return attachment.id;
}

/** Starts the end of an attachment. The ENI is available after the detach delay. */
export function detachEni(world: World, eni: EniRecord, attachment: Attachment): void {
  world.changeEni(eni, { status: "detaching", attachment: { ...attachment, status: "detaching" } });
  world.schedule(world.knobs.detachDelay, { kind: "detached", eni, attachmentId: attachment.id });
}
