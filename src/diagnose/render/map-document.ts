// The map as a document: what `-o json` prints (docs/schemas/map.v1.json), and what table, picture and metrics draw from.

import { formatCidr, formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import { BLOCK_STATES, type BlockState } from "../../subnet/index.ts";
import type { Facts } from "../facts/model.ts";
import { addressAdvice, unitAdvice, unitName } from "../map/advice.ts";
import type { MapResult } from "../map/build-map.ts";
import type { EniOwner } from "../map/owners.ts";
import type { BlockView, SubnetView, Trust } from "../map/subnet-view.ts";

export const MAP_SCHEMA = "slash28/map/v1";

/** One character a block, in the order of addresses. `P`: free, and in a reservation of type prefix. */
export const MARKS: Readonly<Record<BlockState, string>> = {
  free: ".",
  delegated: "D",
  broken: "b",
  full: "F",
  edge: "e",
  reserved: "r",
};
export const RESERVED_FREE_MARK = "P";
/** Nothing is seen in it, but addresses are missing from what was read: it may be free. */
export const UNSEEN_MARK = "?";

/** Releases of each sort in a document: the best ones. */
const RELEASES_MAX = 50;

export interface ReleaseDocument {
  readonly name: string;
  readonly kind: string;
  readonly cluster: string | null;
  readonly instance: string | null;
  readonly enis: number;
  readonly addresses: number;
  readonly prefixes: number;
  /** CIDRs that become free if this alone goes. */
  readonly freed: readonly string[];
  /** Broken blocks that it shares with others. */
  readonly shared: number;
  readonly how: string;
}

export interface SubnetDocument {
  readonly id: string;
  readonly cidr: string;
  readonly zone: string | null;
  readonly vpc: string | null;
  readonly name: string | null;
  readonly foundBy: readonly string[];
  readonly trust: Trust;
  readonly available: { readonly counted: number; readonly reported: number | null };
  readonly freePrefixes: {
    readonly count: number;
    readonly min: number;
    readonly max: number;
    readonly inReservations: number;
  };
  readonly blocks: Readonly<Record<BlockState, number>>;
  readonly addresses: { readonly used: number; readonly unused: number };
  readonly fragmentation: number | null;
  readonly blockFailure: number | null;
  readonly picture: string;
  readonly owners: readonly {
    readonly kind: string;
    readonly enis: number;
    readonly addresses: number;
    readonly prefixes: number;
    readonly brokenBlocks: number;
  }[];
  readonly broken: readonly {
    readonly cidr: string;
    readonly state: BlockState;
    readonly reservation: string | null;
    readonly holders: readonly {
      readonly address: string;
      readonly primary: boolean;
      readonly eni: string;
      readonly kind: string;
      readonly name: string;
      readonly cluster: string | null;
    }[];
  }[];
  readonly delegated: readonly { readonly cidr: string; readonly eni: string; readonly name: string }[];
  readonly releases: {
    readonly units: readonly ReleaseDocument[];
    readonly enis: readonly {
      readonly eni: string;
      readonly kind: string;
      readonly name: string;
      readonly freed: readonly string[];
    }[];
    readonly addresses: readonly {
      readonly address: string;
      readonly eni: string;
      readonly kind: string;
      readonly freed: string;
      readonly how: string;
    }[];
  };
  readonly plan: readonly {
    readonly release: readonly string[];
    readonly freed: number;
    readonly totalFreed: number;
  }[];
  readonly enis: readonly {
    readonly id: string;
    readonly status: string;
    readonly kind: string;
    readonly name: string;
    readonly cluster: string | null;
    readonly instance: string | null;
    readonly addresses: readonly string[];
    readonly prefixes: readonly string[];
  }[];
  /** At the slope of the readings of a watch; null without one, and where nothing falls. */
  readonly hoursToZero: { readonly addresses: number | null; readonly prefixes: number | null };
}

export interface MapDocument {
  readonly schema: typeof MAP_SCHEMA;
  readonly subnets: readonly SubnetDocument[];
  readonly missing: readonly { readonly id: string; readonly reason: string; readonly next: string }[];
  readonly unread: readonly { readonly file: string; readonly reason: string; readonly next: string | null }[];
}

export type ForecastOf = (subnetId: string) => {
  readonly addresses: number | undefined;
  readonly prefixes: number | undefined;
};

export const NO_FORECAST: ForecastOf = () => ({ addresses: undefined, prefixes: undefined });

export function mapDocument(
  result: MapResult,
  facts: Pick<Facts, "unread">,
  forecast: ForecastOf = NO_FORECAST,
): MapDocument {
  return {
    schema: MAP_SCHEMA,
    subnets: result.subnets.map((view) => subnetDocument(view, forecast)),
    missing: result.missing,
    unread: facts.unread.map(({ file, reason, next }) => ({ file, reason, next: next ?? null })),
  };
}

function subnetDocument(view: SubnetView, forecast: ForecastOf): SubnetDocument {
  const { subnet } = view;
  const hours = forecast(subnet.id);
  return {
    id: subnet.id,
    cidr: formatCidr(subnet.cidr),
    zone: subnet.zone ?? null,
    vpc: subnet.vpcId ?? null,
    name: subnet.tags.get("Name") ?? null,
    foundBy: view.foundBy,
    trust: view.trust,
    available: { counted: view.availableCounted, reported: view.availableReported ?? null },
    freePrefixes: {
      count: view.freePrefixCount,
      min: view.freePrefixCountMin,
      max: view.freePrefixCountMax,
      inReservations: view.reservedFreePrefixCount,
    },
    blocks: Object.fromEntries(
      BLOCK_STATES.map((state) => [state, view.states.get(state) ?? 0]),
    ) as SubnetDocument["blocks"],
    addresses: { used: view.usedCount, unused: view.unusedCount },
    fragmentation: rounded(view.fragmentation),
    blockFailure: rounded(view.blockFailure),
    picture: view.blocks.map((one) => markOf(one, view.trust)).join(""),
    owners: view.kinds.map(({ kind, eniCount, addressCount, prefixCount, blockCount }) => ({
      kind,
      enis: eniCount,
      addresses: addressCount,
      prefixes: prefixCount,
      brokenBlocks: blockCount,
    })),
    broken: brokenDocument(view),
    delegated: view.blocks.flatMap(({ base, delegatedTo }) =>
      delegatedTo === undefined
        ? []
        : [{ cidr: block(base), eni: delegatedTo.eni.id, name: unitName(delegatedTo.owner) }],
    ),
    releases: releasesDocument(view),
    plan: view.recovery.plan.map((step) => ({
      release: step.units.map((one) => unitName(one.owner)),
      freed: step.freed.length,
      totalFreed: step.totalFreedCount,
    })),
    enis: view.enis.map(({ eni, owner }) => ({
      id: eni.id,
      status: eni.status,
      ...ownerDocument(owner),
      instance: owner.instanceId ?? null,
      addresses: eni.addresses.map(formatIpv4),
      prefixes: eni.prefixes.map(block),
    })),
    hoursToZero: { addresses: rounded(hours.addresses), prefixes: rounded(hours.prefixes) },
  };
}

function brokenDocument(view: SubnetView): SubnetDocument["broken"] {
  return view.blocks.flatMap(({ base, state, reservation, holders }) => {
    if (state !== "broken" && state !== "full") return [];
    return [
      {
        cidr: block(base),
        state,
        reservation: reservation ?? null,
        holders: holders.map(({ address, eni, owner, isPrimary }) => ({
          address: formatIpv4(address),
          primary: isPrimary,
          eni: eni.id,
          ...ownerDocument(owner),
        })),
      },
    ];
  });
}

function releasesDocument({ recovery, enis }: SubnetView): SubnetDocument["releases"] {
  const firstEni = new Map(enis.map(({ eni, owner }) => [owner.unit, eni]));
  return {
    units: recovery.units
      .filter((one) => one.freed.length > 0 || one.sharedCount > 0)
      .slice(0, RELEASES_MAX)
      .map((one) => ({
        name: unitName(one.owner),
        kind: one.owner.kind,
        cluster: one.owner.cluster ?? null,
        instance: one.owner.instanceId ?? null,
        enis: one.eniCount,
        addresses: one.addressCount,
        prefixes: one.prefixCount,
        freed: one.freed.map(block),
        shared: one.sharedCount,
        how: unitAdvice(one.owner, firstEni.get(one.unit)),
      })),
    enis: recovery.enis.slice(0, RELEASES_MAX).map(({ eni, owner, freed }) => ({
      eni: eni.id,
      kind: owner.kind,
      name: unitName(owner),
      freed: freed.map(block),
    })),
    addresses: recovery.addresses.slice(0, RELEASES_MAX).map(({ holder, block: base }) => ({
      address: formatIpv4(holder.address),
      eni: holder.eni.id,
      kind: holder.owner.kind,
      freed: block(base),
      how: addressAdvice(holder),
    })),
  };
}

function ownerDocument(owner: EniOwner): { kind: string; name: string; cluster: string | null } {
  return { kind: owner.kind, name: unitName(owner), cluster: owner.cluster ?? null };
}

export function markOf(view: Pick<BlockView, "state" | "reservation">, trust: Trust): string {
  if (view.state === "free" && (trust === "incomplete" || trust === "unchecked")) return UNSEEN_MARK;
  return view.state === "free" && view.reservation === "prefix" ? RESERVED_FREE_MARK : MARKS[view.state];
}

function block(base: Ipv4): string {
  return `${formatIpv4(base)}/28`;
}

/** Four digits: enough for ratios and hours, and the same text on every machine. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10_000) / 10_000;
}
