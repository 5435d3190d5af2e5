// @ec2: full UnassignPrivateIpAddresses

import { formatIpv4 } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { ownEniOf } from "./lookup.ts";
import { checkId, Params, parseAddress, parsePrefix, prepared } from "./params.ts";

export const unassignPrivateIpAddresses: ActionDefinition = {
  name: "UnassignPrivateIpAddresses",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const eniId = checkId("eni", params.required("NetworkInterfaceId"));
    const addresses = new Set(params.list("PrivateIpAddress").map(parseAddress));
    const prefixes = new Set(params.list("Ipv4Prefix").map(parsePrefix));
    if (addresses.size + prefixes.size === 0) {
      refuse("MissingParameter", "The request must contain the parameter privateIpAddress or ipv4Prefix");
    }
    return prepared(params, (world) => {
      const eni = ownEniOf(world, eniId);
      if (addresses.has(eni.primaryAddress)) {
        refuse("InvalidParameterValue", `The primary address ${formatIpv4(eni.primaryAddress)} cannot be unassigned.`);
      }
      if ([...addresses].some((address) => !eni.now.addresses.includes(address))) {
        refuse("InvalidParameterValue", `Some of the specified addresses are not assigned to interface ${eniId}`);
      }
      if ([...prefixes].some((prefix) => !eni.now.prefixes.includes(prefix))) {
        refuse("InvalidParameterValue", `Some of the specified prefixes are not assigned to interface ${eniId}`);
      }
      world.noteCount(eni.subnet);
      for (const address of addresses) world.releaseAddress(eni.subnet, address);
      for (const prefix of prefixes) world.releasePrefix(eni.subnet, prefix);
      const { now } = eni;
      world.changeEni(eni, {
        addresses: addresses.size === 0 ? now.addresses : now.addresses.filter((each) => !addresses.has(each)),
        prefixes: prefixes.size === 0 ? now.prefixes : now.prefixes.filter((each) => !prefixes.has(each)),
      });
      return { return: true };
    });
  },
};
