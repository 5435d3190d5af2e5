// @ec2: partial DetachNetworkInterface "Force is accepted and does not leave the ENI in the guest"

import type { ActionDefinition } from "../model/action.ts";
import { detachEni } from "../model/attachments.ts";
import { refuse } from "../model/refusal.ts";
import { noAttachment } from "./modify-network-interface-attribute.ts";
import { checkId, Params, prepared } from "./params.ts";

export const detachNetworkInterface: ActionDefinition = {
  name: "DetachNetworkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const id = params.required("AttachmentId");
    // Attachments of AWS services have a form of their own.
    const attachmentId = id.startsWith("ela-attach-") ? id : checkId("eni-attach", id);
    params.boolean("Force");
    return prepared(params, (world) => {
      const eni = world.eniByAttachment.get(attachmentId);
      const attachment = eni?.now.attachment;
      if (eni === undefined || attachment === undefined) return noAttachment(attachmentId);
      if (attachment.instanceId === undefined || eni.isRequesterManaged) {
        return refuse("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.");
      }
      const { deviceIndex, networkCardIndex } = attachment;
      if (deviceIndex === 0 && networkCardIndex === 0) {
        refuse(
          "OperationNotPermitted",
          "The network interface at device index 0 and networkCard index 0 cannot be detached.",
        );
      }
      if (attachment.status === "detaching") {
        refuse("IncorrectState", `The network interface attachment '${attachmentId}' is already detaching.`);
      }
      detachEni(world, eni, attachment);
      return { return: true };
    });
  },
};
