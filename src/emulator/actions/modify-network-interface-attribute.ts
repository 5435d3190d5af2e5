// @ec2: partial ModifyNetworkInterfaceAttribute "public addresses, IPv6, connection tracking and ENA settings change nothing"

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { groupsFor, ownEniOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

const WITHOUT_EFFECT = [
  "AssociatePublicIpAddress",
  "ConnectionTrackingSpecification",
  "EnaSrdSpecification",
  "EnablePrimaryIpv6",
  "AssociatedSubnetId",
];

export const modifyNetworkInterfaceAttribute: ActionDefinition = {
  name: "ModifyNetworkInterfaceAttribute",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const eniId = checkId("eni", params.required("NetworkInterfaceId"));
    const description = params.structure("Description").text("Value");
    const isSourceDestCheck = params.structure("SourceDestCheck").boolean("Value");
    const groupIds = params.list("SecurityGroupId").map((id) => checkId("sg", id));
    const attachment = params.structure("Attachment");
    const hasAttachment = attachment.isPresent;
    const attachmentId = hasAttachment ? checkId("eni-attach", attachment.required("AttachmentId")) : "";
    const isDeleteOnTermination = attachment.boolean("DeleteOnTermination");
    if (hasAttachment && isDeleteOnTermination === undefined) {
      refuse("MissingParameter", "The request must contain the parameter attachment.deleteOnTermination");
    }
    const ignored = WITHOUT_EFFECT.filter((name) => [...all.keys()].some((key) => key.split(".")[0] === name));
    for (const name of ignored) params.ignore(name);
    const given = [description !== undefined, isSourceDestCheck !== undefined, groupIds.length > 0, hasAttachment];
    if (given.filter((isGiven) => isGiven).length + ignored.length !== 1) {
      refuse("InvalidParameterCombination", "Exactly one attribute of the network interface must be specified.");
    }
    return prepared(params, (world) => {
      const eni = ownEniOf(world, eniId);
      if (description !== undefined) world.changeEni(eni, { description });
      if (isSourceDestCheck !== undefined) world.changeEni(eni, { isSourceDestCheck });
      if (groupIds.length > 0) world.changeEni(eni, { groups: groupsFor(world, eni.subnet.vpc, groupIds) });
      if (hasAttachment && isDeleteOnTermination !== undefined) {
        const current = eni.now.attachment;
        if (current === undefined || current.id !== attachmentId) return noAttachment(attachmentId);
        world.changeEni(eni, { attachment: { ...current, isDeleteOnTermination } });
      }
      return { return: true };
    });
  },
};

export function noAttachment(attachmentId: string): never {
  refuse("InvalidAttachmentID.NotFound", `The attachment ID '${attachmentId}' does not exist`);
}
