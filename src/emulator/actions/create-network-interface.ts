// @ec2: partial CreateNetworkInterface "IPv6, connection tracking and operators are accepted and ignored"

import type { ActionDefinition } from "../model/action.ts";
import { allocate, NO_WISH } from "../model/allocation.ts";
import { defaultGroupsOf } from "../model/build.ts";
import { refuse } from "../model/refusal.ts";
import { eniView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { readWish } from "./interface-spec.ts";
import { groupsFor, subnetOf } from "./lookup.ts";
import { checkId, clientToken, Params, prepared, tagSpecifications } from "./params.ts";

export const createNetworkInterface: ActionDefinition = {
  name: "CreateNetworkInterface",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const subnetId = checkId("subnet", params.required("SubnetId"));
    const description = params.text("Description") ?? "";
    const groupIds = params.list("SecurityGroupId").map((id) => checkId("sg", id));
    const interfaceType =
      params.oneOf("InterfaceType", ["interface", "efa", "efa-only", "trunk", "branch"]) ?? "interface";
    const wish = readWish(params);
    const tags = tagSpecifications(params, "network-interface");
    const token = clientToken(params);
    for (const name of ["EnablePrimaryIpv6", "ConnectionTrackingSpecification", "Operator"]) params.ignore(name);
    return prepared(
      params,
      (world) => {
        const subnet = subnetOf(world, subnetId);
        const groups =
          groupIds.length > 0 ? groupsFor(world, subnet.vpc, groupIds) : defaultGroupsOf(world, subnet.vpc);
        checkEniQuota(world, 1);
        const index = world.nextIndex();
        try {
          const taken = allocate(world, {
            subnet,
            eniIndex: index,
            by: "create",
            wish: interfaceType === "efa-only" ? NO_WISH : wish,
          });
          const eni = world.addEni({
            id: world.ids.next("eni"),
            index,
            subnet,
            interfaceType,
            primaryAddress: taken.primary,
            requesterId: world.accountId,
            version: {
              status: "pending",
              description,
              isSourceDestCheck: true,
              groups,
              addresses: taken.addresses,
              prefixes: taken.prefixes,
              tags,
              attachment: undefined,
            },
          });
          // Pending in the answer, available for every later call of this caller.
          world.due.add(world.visibleMs, { kind: "eniAvailable", eni });
          return { networkInterface: eniView(world, eni, eni.now), clientToken: token };
        } catch (error) {
          world.dropIndex(index);
          throw error;
        }
      },
      { clientToken: token },
    );
  },
};

/** Refuses when the account would get more ENIs than its quota. A world that starts above it has had it raised. */
export function checkEniQuota(world: World, newCount: number): void {
  if (world.knobs.quotas === "off") return;
  const quota = Math.max(world.knobs.quotaNetworkInterfaces, 2 * world.startingEniCount);
  if (world.ownEniCount + newCount > quota) {
    refuse("NetworkInterfaceLimitExceeded", `The maximum number of network interfaces (${quota}) has been reached.`);
  }
}
