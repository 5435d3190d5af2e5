// @ec2: partial DescribeNetworkInterfaces "filters on public addresses match nothing"

import { formatIpv4 } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { EniRecord, EniVersion } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { wireTime } from "../model/time-text.ts";
import { addressSet, eniView } from "../model/views.ts";
import type { World } from "../model/world.ts";
import { zoneIdOf } from "../model/zones.ts";
import { type FilterTable, readFilters } from "./filters.ts";
import { noEni } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

interface Shown {
  readonly eni: EniRecord;
  readonly version: EniVersion;
  readonly world: World;
}

const IDS_MAX = 1000;
const none = () => undefined;

const FILTERS: FilterTable<Shown> = new Map<string, (item: Shown) => string | readonly string[] | undefined>([
  [
    "addresses.primary",
    ({ eni, version }) => (eni.primaryAddress === 0 ? [] : version.addresses.length > 0 ? ["true", "false"] : ["true"]),
  ],
  ["addresses.private-ip-address", addressesOf],
  ["addresses.association.owner-id", none],
  ["addresses.association.public-ip", none],
  ["association.allocation-id", none],
  ["association.association-id", none],
  ["association.ip-owner-id", none],
  ["association.public-ip", none],
  ["association.public-dns-name", none],
  [
    "attachment.attach-time",
    ({ version: { attachment: a } }) => (a === undefined ? undefined : wireTime(a.attachWallMs)),
  ],
  ["attachment.attachment-id", ({ version }) => version.attachment?.id],
  [
    "attachment.delete-on-termination",
    ({ version: { attachment: a } }) => (a === undefined ? undefined : String(a.isDeleteOnTermination)),
  ],
  [
    "attachment.device-index",
    ({ version: { attachment: a } }) => (a === undefined ? undefined : String(a.deviceIndex)),
  ],
  [
    "attachment.network-card-index",
    ({ version: { attachment: a } }) => (a === undefined ? undefined : String(a.networkCardIndex)),
  ],
  ["attachment.instance-id", ({ version }) => version.attachment?.instanceId],
  ["attachment.instance-owner-id", ({ version }) => version.attachment?.instanceOwnerId],
  ["attachment.status", ({ version }) => version.attachment?.status],
  ["availability-zone", ({ eni }) => eni.subnet.availabilityZone],
  ["availability-zone-id", ({ eni, world }) => zoneIdOf(world, eni.subnet.availabilityZone)],
  ["description", ({ version }) => version.description],
  ["group-id", ({ version }) => version.groups.map((group) => group.id)],
  ["group-name", ({ version }) => version.groups.map((group) => group.name)],
  // The filter's value for NAT gateways is spelt unlike the output (service model).
  ["interface-type", ({ eni }) => (eni.interfaceType === "natGateway" ? "nat_gateway" : eni.interfaceType)],
  ["ipv6-addresses.ipv6-address", none],
  ["mac-address", ({ eni }) => eni.mac],
  ["network-interface-id", ({ eni }) => eni.id],
  ["operator.managed", () => "false"],
  ["operator.principal", none],
  ["owner-id", ({ eni }) => eni.ownerId],
  ["private-dns-name", (shown) => addressSet(shown.world, shown.eni, shown.version).map((each) => each.privateDnsName)],
  ["private-ip-address", addressesOf],
  ["requester-id", ({ eni }) => eni.requesterId],
  ["requester-managed", ({ eni }) => String(eni.isRequesterManaged)],
  ["source-dest-check", ({ version }) => String(version.isSourceDestCheck)],
  ["status", ({ version }) => version.status],
  ["subnet-id", ({ eni }) => eni.subnet.id],
  ["vpc-id", ({ eni }) => eni.subnet.vpc.id],
]);

function addressesOf({ eni, version }: Shown): string[] {
  return eni.primaryAddress === 0 ? [] : [eni.primaryAddress, ...version.addresses].map(formatIpv4);
}

export const describeNetworkInterfaces: ActionDefinition = {
  name: "DescribeNetworkInterfaces",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = params.list("NetworkInterfaceId").map((id) => checkId("eni", id));
    if (ids.length > IDS_MAX) refuse("InvalidParameterValue", `More than ${IDS_MAX} network interface IDs were given.`);
    const page = readPage(params, all, { min: 5, max: 1000, idsName: "networkInterfaceIdSet", idCount: ids.length });
    const matches = readFilters(params, FILTERS, (shown) => shown.version.tags);
    const isWhole = ids.length === 0 && page.maxResults === undefined && page.after === undefined;
    const wantsAvailable = params.structures("Filter").some(isForAvailable);
    const hasFilters = [...all.keys()].some((key) => key.startsWith("Filter."));
    params.boolean("IncludeManagedResources");
    return prepared(params, (world) => {
      const limit = world.knobs.unpaginatedEniLimit;
      if (limit > 0 && world.enis.size > limit && isWhole && !hasFilters) {
        refuse(
          "OperationNotPermitted",
          "The number of network interfaces is too large for a call without pagination. Specify MaxResults or a filter.",
        );
      }
      const atMs = world.drawReadMoment();
      const isNow = atMs >= world.nowMs;
      const candidates =
        ids.length > 0 ? named(world, ids, atMs) : isNow && wantsAvailable ? available(world) : everyEni(world, atMs);
      const found = pageOf(world, filtered(candidates, matches), ({ eni }) => eni.serial, page);
      return {
        networkInterfaceSet: found.items.map(({ eni, version }) => eniView(world, eni, version)),
        nextToken: found.nextToken,
      };
    });
  },
};

function* filtered(items: Iterable<Shown>, matches: (item: Shown) => boolean): Generator<Shown> {
  for (const item of items) if (matches(item)) yield item;
}

/** Every agent asks each hour for what nobody uses: few of a large account's ENIs. */
function isForAvailable(filter: Params): boolean {
  const values = filter.list("Value");
  return filter.required("Name") === "status" && values.length === 1 && values[0] === "available";
}

/** In order of creation, as `everyEni`. */
function available(world: World): Shown[] {
  const enis = [...world.availableEnis].sort((a, b) => a.serial - b.serial);
  return enis.map((eni) => ({ eni, version: eni.now, world }));
}

function* everyEni(world: World, atMs: number): Generator<Shown> {
  const ghosts = world.ghosts.filter((ghost) => ghost.deletedMs > atMs).map((ghost) => ghost.eni);
  const live: Iterable<EniRecord> = world.enis.values();
  for (const eni of ghosts.length === 0 ? live : [...ghosts, ...live].sort((a, b) => a.serial - b.serial)) {
    const version = world.versionAt(eni, atMs);
    if (version !== undefined) yield { eni, version, world };
  }
}

/** In order of creation, as pages need them; one unknown id fails the call. */
function named(world: World, ids: readonly string[], atMs: number): Shown[] {
  const found = [...new Set(ids)].map((id): Shown => {
    const ghost = world.ghosts.find((each) => each.eni.id === id && each.deletedMs > atMs)?.eni;
    const eni = world.enis.get(id) ?? ghost;
    const version = eni === undefined ? undefined : world.versionAt(eni, atMs);
    return eni === undefined || version === undefined ? noEni(id) : { eni, version, world };
  });
  return found.sort((a, b) => a.eni.serial - b.eni.serial);
}
