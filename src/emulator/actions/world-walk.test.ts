// Random walks of calls against a second model that is plainly correct: sets of texts, no books, no counters. After every call
// the invariants of ec2-vpc.md 1.9 are recounted; a refused call leaves everything as it was.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatIpv4 } from "../../base/ipv4.ts";
import { type Fields, Reply, TestVpc } from "./testing/small-vpc.ts";

interface NaiveEni {
  readonly subnet: "subnet-a" | "subnet-b";
  addresses: string[];
  prefixes: string[];
  attachment: { readonly id: string; readonly index: number } | undefined;
}

/** Address sets per subnet, from the replies alone. */
class Naive {
  readonly enis = new Map<string, NaiveEni>();
  readonly ranges: { readonly id: string; readonly subnet: string; readonly block: number; readonly type: string }[] =
    [];

  used(subnet: string): Set<number> {
    const third = subnet === "subnet-a" ? 0 : 1;
    const used = new Set([0, 1, 2, 3, 255]);
    const take = (offset: number): void => {
      if (used.has(offset)) throw new Error(`10.0.${third}.${offset} has two holders`);
      used.add(offset);
    };
    const last = (text: string): number => {
      const [, , net, offset] = text.split("/")[0]?.split(".").map(Number) ?? [];
      if (net !== third) throw new Error(`${text} lies outside ${subnet}`);
      return offset ?? -1;
    };
    for (const eni of this.enis.values()) {
      if (eni.subnet !== subnet) continue;
      for (const address of eni.addresses) take(last(address));
      for (const prefix of eni.prefixes) {
        if (last(prefix) % 16 !== 0) throw new Error(`${prefix} is misaligned`);
        for (let i = 0; i < 16; i++) take(last(prefix) + i);
      }
    }
    return used;
  }

  rangeOf(subnet: string, offset: number): string | undefined {
    return this.ranges.find((range) => range.subnet === subnet && range.block === offset >> 4)?.type;
  }

  available(subnet: string): number {
    const used = this.used(subnet);
    let count = 0;
    for (let i = 0; i < 256; i++) if (!used.has(i) && this.rangeOf(subnet, i) !== "prefix") count++;
    return count;
  }

  freePrefixes(subnet: string): number {
    const used = this.used(subnet);
    let count = 0;
    for (let block = 1; block < 15; block++) {
      let isFree = this.rangeOf(subnet, block * 16) !== "explicit";
      for (let i = block * 16; i < block * 16 + 16; i++) if (used.has(i)) isFree = false;
      if (isFree) count++;
    }
    return count;
  }
}

type Step = readonly [kind: number, which: number, amount: number];

const SLOTS = 10;

function play(t: TestVpc, naive: Naive, [kind, which, amount]: Step): void {
  const ids = [...naive.enis.keys()];
  const id = ids[which % Math.max(1, ids.length)] ?? "";
  const eni = naive.enis.get(id);
  const subnet = which % 2 === 0 ? "subnet-a" : "subnet-b";
  switch (kind) {
    case 0: {
      const field = amount % 2 === 0 ? "Ipv4PrefixCount" : "SecondaryPrivateIpAddressCount";
      const reply = attempt(t, "CreateNetworkInterface", { SubnetId: subnet, [field]: amount % 5 });
      if (reply === undefined) {
        const isFull = naive.available(subnet) < 1 + (amount % 5) * (amount % 2 === 0 ? 16 : 1);
        if (!isFull && naive.freePrefixes(subnet) >= amount % 5 && naive.ranges.length === 0) {
          throw new Error("a creation was refused with room for it");
        }
        return;
      }
      const view = reply.at("networkInterface");
      naive.enis.set(view.text("networkInterfaceId"), {
        subnet,
        addresses: view.all("privateIpAddressesSet", "privateIpAddress").map(String),
        prefixes: view.all("ipv4PrefixSet", "ipv4Prefix").map(String),
        attachment: undefined,
      });
      return;
    }
    case 1: {
      if (eni === undefined) return;
      const count = 1 + (amount % 6);
      const isPrefix = amount % 3 !== 0;
      const free = isPrefix ? naive.freePrefixes(eni.subnet) : naive.available(eni.subnet);
      const slots = eni.addresses.length + eni.prefixes.length + count;
      const reply = attempt(t, "AssignPrivateIpAddresses", {
        NetworkInterfaceId: id,
        [isPrefix ? "Ipv4PrefixCount" : "SecondaryPrivateIpAddressCount"]: count,
      });
      const isOverSlots = eni.attachment !== undefined && slots > SLOTS;
      if (reply === undefined) {
        if (!isOverSlots && free >= count && (isPrefix || naive.ranges.length === 0)) {
          throw new Error("an assignment was refused with room for it");
        }
        return;
      }
      if (isOverSlots) throw new Error("an ENI got more slots than its type has");
      const prefixes = reply.all("assignedIpv4PrefixSet", "ipv4Prefix").map(String);
      const addresses = reply.all("assignedPrivateIpAddressesSet", "privateIpAddress").map(String);
      expect(prefixes.length + addresses.length).toBe(count);
      for (const text of addresses) {
        if (naive.rangeOf(eni.subnet, Number(text.split(".")[3])) !== undefined) throw new Error(`${text} is reserved`);
      }
      eni.prefixes.push(...prefixes);
      eni.addresses.push(...addresses);
      return;
    }
    case 2: {
      const text = eni === undefined ? undefined : [...eni.prefixes, ...eni.addresses.slice(1)][amount % 20];
      if (eni === undefined || text === undefined) return;
      const name = text.includes("/") ? "Ipv4Prefix.1" : "PrivateIpAddress.1";
      t.ok("UnassignPrivateIpAddresses", { NetworkInterfaceId: id, [name]: text });
      eni.prefixes = eni.prefixes.filter((each) => each !== text);
      eni.addresses = eni.addresses.filter((each) => each !== text);
      return;
    }
    case 3: {
      if (eni === undefined) return;
      const index = 1 + (amount % 3);
      const reply = attempt(t, "AttachNetworkInterface", {
        NetworkInterfaceId: id,
        InstanceId: "i-1",
        DeviceIndex: index,
      });
      const attached = [...naive.enis.values()].filter((each) => each.attachment !== undefined);
      const isPossible =
        eni.subnet === "subnet-b" &&
        eni.attachment === undefined &&
        attached.length < 3 &&
        !attached.some((each) => each.attachment?.index === index) &&
        eni.addresses.length + eni.prefixes.length <= SLOTS;
      expect(reply !== undefined).toBe(isPossible);
      if (reply !== undefined) eni.attachment = { id: reply.text("attachmentId"), index };
      return;
    }
    case 4: {
      if (eni?.attachment === undefined) return;
      const reply = attempt(t, "DetachNetworkInterface", { AttachmentId: eni.attachment.id });
      expect(reply !== undefined).toBe(eni.attachment.index !== 0);
      if (reply !== undefined) eni.attachment = undefined;
      return;
    }
    case 5: {
      if (eni === undefined) return;
      const reply = attempt(t, "DeleteNetworkInterface", { NetworkInterfaceId: id });
      expect(reply !== undefined).toBe(eni.attachment === undefined);
      if (reply !== undefined) naive.enis.delete(id);
      return;
    }
    case 6: {
      const block = amount % 16;
      const type = amount % 3 === 0 ? "explicit" : "prefix";
      const reply = attempt(t, "CreateSubnetCidrReservation", {
        SubnetId: subnet,
        Cidr: `10.0.${subnet === "subnet-a" ? 0 : 1}.${block * 16}/28`,
        ReservationType: type,
      });
      expect(reply !== undefined).toBe(naive.rangeOf(subnet, block * 16) === undefined);
      const rangeId = reply?.text("subnetCidrReservation.subnetCidrReservationId");
      if (rangeId !== undefined) naive.ranges.push({ id: rangeId, subnet, block, type });
      return;
    }
    default: {
      const range = naive.ranges[which % Math.max(1, naive.ranges.length)];
      if (range === undefined) return;
      t.ok("DeleteSubnetCidrReservation", { SubnetCidrReservationId: range.id });
      naive.ranges.splice(naive.ranges.indexOf(range), 1);
    }
  }
}

function attempt(t: TestVpc, action: string, fields: Fields): Reply | undefined {
  const before = JSON.stringify(t.vpc.stats(t.nowMs).subnets);
  const { reply } = t.act(action, fields);
  if (reply.kind === "ok") return new Reply(reply.tree);
  expect(JSON.stringify(t.vpc.stats(t.nowMs).subnets)).toBe(before);
  return undefined;
}

test("random calls agree with the naive model, and every invariant holds after each", () => {
  const step = fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 40 }), fc.nat({ max: 40 }));
  const knobs = fc.record({
    prefixPlacement: fc.constantFrom("random", "lowest", "best-fit"),
    addressPlacement: fc.constantFrom("uniform", "pack"),
  });
  fc.assert(
    fc.property(fc.nat(), knobs, fc.array(step, { minLength: 20, maxLength: 60 }), (seed, chosen, steps) => {
      const t = new TestVpc({ seed, knobs: chosen });
      const naive = new Naive();
      const primary = t.eni(t.primaryEni());
      naive.enis.set(primary.text("networkInterfaceId"), {
        subnet: "subnet-b",
        addresses: primary.all("privateIpAddressesSet", "privateIpAddress").map(String),
        prefixes: [],
        attachment: { id: primary.text("attachment.attachmentId"), index: 0 },
      });
      for (const each of steps) {
        play(t, naive, each);
        expect(t.vpc.check()).toEqual([]);
        for (const stats of t.vpc.stats(t.nowMs).subnets) {
          expect([stats.id, stats.availableIpAddressCount, stats.freePrefixCount]).toEqual([
            stats.id,
            naive.available(stats.id),
            naive.freePrefixes(stats.id),
          ]);
        }
      }
      const described = t.ok("DescribeNetworkInterfaces").value("networkInterfaceSet") as unknown[];
      expect(described.length).toBe(naive.enis.size);
      expect(t.metadata("network/interfaces/macs/")?.split("\n").length).toBe(
        [...naive.enis.values()].filter((eni) => eni.attachment !== undefined).length,
      );
    }),
    { numRuns: 150 },
  );
});

test("the recount notices a book that lost an address, and an address with two holders", () => {
  const t = new TestVpc();
  const id = t.createEni({ PrivateIpAddress: "10.0.0.10" });
  const { world } = t.vpc;
  const eni = world.enis.get(id);
  const other = world.enis.get(t.createEni({ PrivateIpAddress: "10.0.0.11" }));
  if (eni === undefined || other === undefined) throw new Error("the ENIs are there");
  eni.subnet.book.releaseAddress(eni.primaryAddress, { toQuarantine: false });
  expect(t.vpc.check().join("\n")).toContain(`${formatIpv4(eni.primaryAddress)} is held but counted free`);
  eni.subnet.book.takeAddress(eni.primaryAddress, eni.index);
  expect(t.vpc.check()).toEqual([]);
  other.now = { ...other.now, addresses: [eni.primaryAddress] };
  expect(t.vpc.check().join("\n")).toContain("belongs to");
});

test("the same seed and calls give the same ids, addresses and moments", () => {
  const run = (seed: number): string => {
    const t = new TestVpc({ seed, knobs: { latency: "typical" } });
    const texts: unknown[] = [];
    for (let i = 0; i < 5; i++)
      texts.push(t.act("CreateNetworkInterface", { SubnetId: "subnet-a", Ipv4PrefixCount: 1 }));
    return JSON.stringify(texts);
  };
  expect(run(7)).toBe(run(7));
  expect(run(7)).not.toBe(run(8));
});
