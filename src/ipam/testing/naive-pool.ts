// A second implementation of a node's books, with plain sets and maps and no counter: slow and obviously right. It learns from
// inputs and replies who holds what, and from the engine's view only which ENIs and CIDRs there are.

import { ADDRESSES_PER_PREFIX, type Ipv4 } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { Attachment, EngineView, EniView } from "../types.ts";

export interface NaivePoolOptions {
  readonly usesPrefixes: boolean;
  readonly cooldownMs: Ms;
}

export class NaivePool {
  readonly #options: NaivePoolOptions;
  readonly holds = new Map<Attachment, Ipv4>();
  readonly releasedAtMs = new Map<Ipv4, Ms>();
  /** The CIDRs of the last view, each with its addresses. */
  #units: { readonly eni: EniView; readonly isPrefix: boolean; readonly addresses: ReadonlySet<Ipv4> }[] = [];

  constructor(options: NaivePoolOptions) {
    this.#options = options;
  }

  /** Takes over which CIDRs there are. Returns who lost an address with its CIDR. */
  see(view: EngineView): Attachment[] {
    this.#units = view.enis.flatMap((eni) =>
      eni.cidrs.map(({ base, isPrefix }) => {
        const size = isPrefix ? ADDRESSES_PER_PREFIX : 1;
        return { eni, isPrefix, addresses: new Set(Array.from({ length: size }, (_, i) => base + i)) };
      }),
    );
    for (const address of [...this.releasedAtMs.keys()]) if (!this.knows(address)) this.releasedAtMs.delete(address);
    const orphans = [...this.holds].filter(([, address]) => !this.knows(address)).map(([attachment]) => attachment);
    for (const attachment of orphans) this.holds.delete(attachment);
    return orphans;
  }

  knows(address: Ipv4): boolean {
    return this.#units.some((unit) => unit.addresses.has(address));
  }

  holderOf(address: Ipv4): Attachment | undefined {
    return [...this.holds].find(([, held]) => held === address)?.[0];
  }

  isCooling(address: Ipv4, nowMs: Ms): boolean {
    const releasedMs = this.releasedAtMs.get(address);
    return releasedMs !== undefined && nowMs - releasedMs <= this.#options.cooldownMs;
  }

  /** Every address that the next pod may get. */
  servable(nowMs: Ms): Set<Ipv4> {
    const held = new Set(this.holds.values());
    const found = new Set<Ipv4>();
    for (const unit of this.#units) {
      if (unit.eni.isExcluded || unit.isPrefix !== this.#options.usesPrefixes) continue;
      for (const address of unit.addresses)
        if (!held.has(address) && !this.isCooling(address, nowMs)) found.add(address);
    }
    return found;
  }

  /** Addresses of the current mode on ENIs that are not excluded. */
  total(): number {
    return this.#units
      .filter((unit) => !unit.eni.isExcluded && unit.isPrefix === this.#options.usesPrefixes)
      .reduce((sum, unit) => sum + unit.addresses.size, 0);
  }

  cidrCountOf(eniId: string): number {
    return this.#units.filter((unit) => unit.eni.eniId === eniId).length;
  }

  allocate(attachment: Attachment, address: Ipv4): void {
    this.holds.set(attachment, address);
    this.releasedAtMs.delete(address);
  }

  release(attachment: Attachment, nowMs: Ms): void {
    const address = this.holds.get(attachment);
    if (address === undefined) return;
    this.holds.delete(attachment);
    this.releasedAtMs.set(address, nowMs);
  }

  /** A new process: cooldowns are forgotten, the disk says who holds what. */
  restart(saved: readonly { readonly attachment: Attachment; readonly address: Ipv4 }[]): void {
    this.holds.clear();
    this.releasedAtMs.clear();
    for (const { attachment, address } of saved) this.holds.set(attachment, address);
  }
}
