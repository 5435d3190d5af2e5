// @ec2: partial AttachNetworkInterface "EnaSrdSpecification is accepted and ignored; ENIs of another VPC are refused"

import { supportsPrefixes } from "../../catalog/instance-types.ts";
import type { ActionDefinition } from "../model/action.ts";
import { attachEni, deviceIndexesOf } from "../model/attachments.ts";
import { refuse } from "../model/refusal.ts";
import { instanceOf, ownEniOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

export const attachNetworkInterface: ActionDefinition = {
  name: "AttachNetworkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const eniId = checkId("eni", params.required("NetworkInterfaceId"));
    const instanceId = checkId("i", params.required("InstanceId"));
    params.required("DeviceIndex");
    const deviceIndex = params.integer("DeviceIndex") ?? 0;
    const networkCardIndex = params.integer("NetworkCardIndex") ?? 0;
    params.ignore("EnaSrdSpecification");
    return prepared(params, (world) => {
      const eni = ownEniOf(world, eniId);
      const instance = instanceOf(world, instanceId);
      if (instance.state !== "running" && instance.state !== "stopped") {
        refuse("IncorrectState", `Instance '${instanceId}' is not 'running' or 'stopped'`);
      }
      if (eni.subnet.availabilityZone !== instance.availabilityZone) {
        refuse(
          "InvalidParameterValue",
          `You may not attach a network interface to an instance if they are not in the same availability zone (${eni.subnet.availabilityZone}, ${instance.availabilityZone})`,
        );
      }
      if (eni.subnet.vpc !== instance.vpc) {
        refuse("InvalidParameterValue", "You have specified two resources that belong to different networks.");
      }
      if (eni.now.attachment !== undefined || !["pending", "available"].includes(eni.now.status)) {
        refuse("InvalidNetworkInterface.InUse", `Interface: [${eniId}] in use.`);
      }
      const { eniCountMax, networkCardCount, ipv4PerEni } = instance.limits;
      if (networkCardIndex < 0 || networkCardIndex >= networkCardCount) {
        refuse(
          "InvalidParameterValue",
          `The network card index '${networkCardIndex}' is not valid for ${instance.type}.`,
        );
      }
      if (deviceIndex < 0) refuse("InvalidParameterValue", `Invalid device index '${deviceIndex}'.`);
      const taken = deviceIndexesOf(instance, networkCardIndex);
      if (taken.has(deviceIndex)) {
        refuse(
          "InvalidParameterValue",
          `Instance '${instanceId}' already has an interface attached at device index '${deviceIndex}'.`,
        );
      }
      if (taken.size >= eniCountMax || instance.enis.size >= eniCountMax * networkCardCount) {
        const count = instance.enis.size + 1;
        refuse("AttachmentLimitExceeded", `Interface count ${count} exceeds the limit for ${instance.type}`);
      }
      const slotCount = 1 + eni.now.addresses.length + eni.now.prefixes.length;
      if (slotCount > ipv4PerEni) {
        refuse("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
      }
      if (eni.now.prefixes.length > 0 && !supportsPrefixes(instance.limits)) refuseNoNitro(instance.type);
      const attachmentId = attachEni(world, { eni, instance, deviceIndex, networkCardIndex });
      return { attachmentId, networkCardIndex };
    });
  },
};

/** EC2's wording is unknown (ec2-vpc.md 9.5, question 7). */
export function refuseNoNitro(instanceType: string): never {
  refuse("InvalidParameterCombination", `The instance type ${instanceType} does not support IPv4 prefixes.`);
}
