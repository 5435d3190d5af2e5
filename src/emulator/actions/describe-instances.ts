// @ec2: partial DescribeInstances "block devices, key pairs, public addresses and platform details are not shown"

import { formatIpv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { ActionDefinition } from "../model/action.ts";
import { primaryEniOf } from "../model/build.ts";
import type { InstanceRecord } from "../model/records.ts";
import { attachedAt, instanceView, stateView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { privateDnsName } from "../model/zones.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { instancesOf } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

interface Shown {
  readonly instance: InstanceRecord;
  readonly world: World;
  readonly atMs: Ms;
}

const FILTERS: FilterTable<Shown> = new Map<string, (item: Shown) => FilterValue>([
  ["instance-id", ({ instance }) => instance.id],
  ["instance-state-name", ({ instance }) => instance.state],
  ["instance-state-code", ({ instance }) => String(stateView(instance.state)["code"])],
  ["instance-type", ({ instance }) => instance.type],
  ["image-id", ({ instance }) => instance.imageId],
  ["reservation-id", ({ instance }) => instance.launchReservationId],
  ["owner-id", ({ world }) => world.accountId],
  ["vpc-id", ({ instance }) => instance.vpc.id],
  ["subnet-id", ({ instance }) => instance.subnet.id],
  ["availability-zone", ({ instance }) => instance.availabilityZone],
  ["private-ip-address", ({ instance }) => primaryAddress(instance)],
  ["private-dns-name", ({ instance, world }) => dnsNameOf(world, instance)],
  ["instance.group-id", ({ instance }) => primaryEniOf(instance)?.now.groups.map((group) => group.id)],
  ["network-interface.network-interface-id", (shown) => enis(shown).map(({ eni }) => eni.id)],
  ["network-interface.subnet-id", (shown) => enis(shown).map(({ eni }) => eni.subnet.id)],
  ["network-interface.attachment.attachment-id", (shown) => enis(shown).map(({ attachment }) => attachment.id)],
  [
    "network-interface.attachment.device-index",
    (shown) => enis(shown).map((each) => String(each.attachment.deviceIndex)),
  ],
  [
    "network-interface.attachment.network-card-index",
    (shown) => enis(shown).map((each) => String(each.attachment.networkCardIndex)),
  ],
  ["network-interface.attachment.status", (shown) => enis(shown).map(({ attachment }) => attachment.status)],
  [
    "network-interface.ipv4-prefixes.ipv4-prefix",
    (shown) => enis(shown).flatMap(({ version }) => version.prefixes.map((prefix) => `${formatIpv4(prefix)}/28`)),
  ],
]);

function enis(shown: Shown): ReturnType<typeof attachedAt> {
  return attachedAt(shown.world, shown.instance, shown.atMs);
}

function primaryAddress(instance: InstanceRecord): string | undefined {
  const eni = primaryEniOf(instance);
  return eni === undefined ? undefined : formatIpv4(eni.primaryAddress);
}

function dnsNameOf(world: World, instance: InstanceRecord): string | undefined {
  const eni = primaryEniOf(instance);
  return eni === undefined ? undefined : privateDnsName(eni.primaryAddress, world.region);
}

/** Instances launched by one call. */
interface Launch {
  readonly id: string;
  readonly serial: number;
  readonly instances: InstanceRecord[];
}

export const describeInstances: ActionDefinition = {
  name: "DescribeInstances",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = params.list("InstanceId").map((id) => checkId("i", id));
    const page = readPage(params, all, { min: 5, max: 1000, idsName: "instancesSet", idCount: ids.length });
    const matches = readFilters(params, FILTERS, ({ instance }) => instance.tags);
    params.boolean("IncludeManagedResources");
    return prepared(params, (world) => {
      const atMs = world.drawReadMoment();
      const candidates = ids.length > 0 ? new Set(instancesOf(world, ids)) : world.instances.values();
      const launches = new Map<string, Launch>();
      for (const instance of candidates) {
        if (!matches({ instance, world, atMs })) continue;
        const launch = launches.get(instance.launchReservationId);
        if (launch !== undefined) launch.instances.push(instance);
        else {
          const { launchReservationId: id, serial } = instance;
          launches.set(id, { id, serial, instances: [instance] });
        }
      }
      // Pages count launches, not instances.
      const ordered = [...launches.values()].sort((a, b) => a.serial - b.serial);
      const found = pageOf(world, ordered, (launch) => launch.serial, page);
      return {
        reservationSet: found.items.map((launch) => ({
          reservationId: launch.id,
          ownerId: world.accountId,
          groupSet: [],
          instancesSet: launch.instances.map((instance) => instanceView(world, instance, atMs)),
        })),
        nextToken: found.nextToken,
      };
    });
  },
};
