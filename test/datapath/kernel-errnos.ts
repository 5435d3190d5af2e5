// What a kernel answers to single changes, the odd ones above all: the datapath's logic leans on each of these.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Cidr, parseCidr, parseIpv4 } from "../../src/base/ipv4.ts";
import { ruleText } from "../../src/datapath/rules.ts";
import { errnoName } from "../../src/netlink/errno.ts";
import type { Namespace } from "../../src/netlink/kernel.ts";
import type { Change } from "../../src/netlink/types.ts";
import type { KernelLab } from "./kernel-lab.ts";

const address = (text: string): number => parseIpv4(text)!;
const cidr = (text: string): Cidr => parseCidr(text)!;
const anywhere = cidr("0.0.0.0/0");

export function kernelErrnos(open: () => KernelLab): void {
  let lab: KernelLab;
  let pod: Namespace;
  let up = 0;
  let down = 0;

  beforeAll(() => {
    lab = open();
    pod = lab.kernel.openNamespace(lab.addNamespace("pod"));
    for (const name of ["up0", "down0"]) {
      const peer = { name, namespaceFd: pod.fd };
      expect(answers({ change: "addVeth", name, mac: `02:00:00:00:00:0${name.length}`, mtu: 1500, peer })).toEqual([
        "",
      ]);
    }
    up = lab.kernel.host.link("up0")!.index;
    down = lab.kernel.host.link("down0")!.index;
    lab.kernel.host.apply([{ change: "setLink", link: up, isUp: true }]);
    pod.netlink.apply([{ change: "setLink", link: "up0", isUp: true }]);
  });

  afterAll(() => {
    pod.close();
    lab.close();
  });

  /** Error names, one for each change; empty: carried out. */
  const answers = (...changes: Change[]): string[] =>
    lab.kernel.host.apply(changes).map(({ errno }) => (errno === 0 ? "" : errnoName(errno)));

  describe("links", () => {
    test("names in use on either side, impossible names, sizes and namespaces", () => {
      const veth = (name: string, peerName: string, change: { mtu?: number; fd?: number } = {}): Change => ({
        ...{ change: "addVeth", name, mac: "02:00:00:00:00:09", mtu: change.mtu ?? 1500 },
        peer: { name: peerName, namespaceFd: change.fd ?? pod.fd },
      });
      expect(
        answers(
          veth("up0", "new0"),
          veth("new0", "up0"),
          veth("new/0", "new0"),
          veth("new0", "new0", { mtu: 20 }),
          veth("new0", "new0", { fd: 9999 }),
        ),
      ).toEqual(["EEXIST", "EEXIST", "EINVAL", "EINVAL", "EBADF"]);
      expect(lab.kernel.host.link("new0")).toBeUndefined();
      expect(pod.netlink.link("new0")).toBeUndefined();
    });

    test("what is not there", () => {
      expect(
        answers(
          { change: "setLink", link: "none0", isUp: true },
          { change: "setLink", link: 4444, isUp: true },
          { change: "deleteLink", link: "none0" },
          { change: "addAddress", linkIndex: 4444, address: 1, prefixLength: 32, hasBroadcast: false },
          { change: "setNeighbour", linkIndex: 4444, address: address("10.9.0.1"), mac: "02:00:00:00:00:01" },
        ),
      ).toEqual(["ENODEV", "ENODEV", "ENODEV", "ENODEV", "ENODEV"]);
    });

    test("with one end of a veth goes the other", () => {
      const peer = { name: "gone0", namespaceFd: pod.fd };
      expect(answers({ change: "addVeth", name: "gone0", mac: "02:00:00:00:00:0a", mtu: 1500, peer })).toEqual([""]);
      expect(answers({ change: "deleteLink", link: "gone0" })).toEqual([""]);
      expect(pod.netlink.link("gone0")).toBeUndefined();
    });
  });

  test("addresses: twice, not there, and a subnet's first takes the later ones along", () => {
    const own = (text: string, prefixLength: number) =>
      ({ linkIndex: up, address: address(text), prefixLength, hasBroadcast: true }) as const;
    expect(
      answers(
        { change: "addAddress", ...own("10.8.0.1", 24) },
        { change: "addAddress", ...own("10.8.0.1", 24) },
        { change: "addAddress", ...own("10.8.0.2", 24) },
        { change: "deleteAddress", ...own("10.8.0.3", 24) },
        { change: "deleteAddress", ...own("10.8.0.1", 24) },
        { change: "deleteAddress", ...own("10.8.0.2", 24) },
      ),
    ).toEqual(["", "EEXIST", "", "EADDRNOTAVAIL", "", "EADDRNOTAVAIL"]);
    expect(lab.kernel.host.routes(254)).toEqual([]);
  });

  test("routes: through a link that is down, by a gateway out of reach, twice, not there", () => {
    const route = { table: 254, destination: cidr("10.7.0.1/32"), linkIndex: up, scope: "link" } as const;
    const gateway = {
      table: 77,
      destination: anywhere,
      linkIndex: up,
      gateway: address("10.7.0.1"),
      scope: "universe",
    } as const;
    expect(
      answers(
        { change: "addRoute", route: { ...route, linkIndex: down } },
        { change: "addRoute", route: { ...route, linkIndex: 4444 } },
        { change: "addRoute", route: gateway },
        { change: "addRoute", route },
        { change: "addRoute", route },
        { change: "replaceRoute", route },
        // By main's route to the gateway, though the table has none.
        { change: "addRoute", route: gateway },
        { change: "deleteRoute", route: { ...route, linkIndex: down } },
        { change: "deleteRoute", route: { ...route, linkIndex: 0 } },
        { change: "deleteRoute", route: { ...route, linkIndex: 0 } },
        { change: "deleteRoute", route: { ...gateway, linkIndex: 0, scope: "any" } },
      ),
    ).toEqual(["ENETDOWN", "ENODEV", "ENETUNREACH", "", "EEXIST", "", "", "ESRCH", "", "ESRCH", ""]);
  });

  test("rules: an equal one is refused, and one that names less than a standing one; a deletion takes the first that fits", () => {
    const from = cidr("10.6.0.1/32");
    const narrow = { priority: 1536, table: 6, from, to: cidr("172.16.0.0/12") };
    const wide = { priority: 1536, table: 6, from };
    const other = { priority: 1536, table: 7, from };
    const texts = () =>
      lab.kernel.host
        .rules()
        .filter((rule) => rule.priority === 1536)
        .map(ruleText);
    expect(
      answers(
        { change: "addRule", rule: narrow },
        { change: "addRule", rule: wide },
        { change: "addRule", rule: wide, isAddedTwice: true },
        { change: "addRule", rule: other },
        { change: "addRule", rule: narrow },
      ),
    ).toEqual(["", "EEXIST", "", "", "EEXIST"]);
    expect(texts()).toEqual([narrow, wide, other].map(ruleText));
    expect(answers({ change: "deleteRule", rule: wide })).toEqual([""]);
    expect(texts()).toEqual([wide, other].map(ruleText));
    expect(
      answers(
        { change: "deleteRule", rule: narrow },
        { change: "deleteRule", rule: { ...wide, table: 0 } },
        { change: "deleteRule", rule: { ...wide, table: 0 } },
        { change: "deleteRule", rule: { ...wide, table: 0 } },
      ),
    ).toEqual(["ENOENT", "", "", "ENOENT"]);
  });

  test("the local rule at priority 0 can be added and deleted by its number", () => {
    expect(
      answers(
        { change: "addRule", rule: { priority: 20, table: 255 } },
        { change: "deleteRule", rule: { priority: 0, table: 255 } },
        { change: "addRule", rule: { priority: 0, table: 255 } },
        { change: "addRule", rule: { priority: 0, table: 255 } },
        { change: "deleteRule", rule: { priority: 20, table: 255 } },
      ),
    ).toEqual(["", "", "", "EEXIST", ""]);
    expect(lab.kernel.host.rules().map(ruleText)).toEqual([
      "0: from all lookup local",
      "32766: from all lookup main",
      "32767: from all lookup 253",
    ]);
  });

  test("a link that goes down loses its routes, and has the connected one when it comes back", () => {
    const linkIndex = down;
    const connected = () => lab.kernel.host.routes(254).filter((route) => route.linkIndex === linkIndex).length;
    answers(
      { change: "addAddress", linkIndex, address: address("10.5.0.1"), prefixLength: 24, hasBroadcast: true },
      { change: "setLink", link: linkIndex, isUp: true },
    );
    expect(connected()).toBe(1);
    answers({ change: "setLink", link: linkIndex, isUp: false });
    expect(connected()).toBe(0);
  });

  test("a link that loses its last address loses its routes and neighbours, and so does one that goes down", () => {
    const linkIndex = down;
    const own = { linkIndex, address: address("10.4.0.1"), prefixLength: 32, hasBroadcast: false } as const;
    const route = { table: 254, destination: cidr("10.4.0.2/32"), linkIndex, scope: "link" } as const;
    const neighbour = { linkIndex, address: address("10.4.0.2"), mac: "02:00:00:00:00:01" };
    const have = () =>
      lab.kernel.host.routes(254).filter((standing) => standing.destination.base === route.destination.base).length +
      lab.kernel.host.neighbours(linkIndex).filter((entry) => entry.isPermanent).length;
    const make: Change[] = [
      { change: "setLink", link: linkIndex, isUp: true },
      { change: "addRoute", route },
      { change: "setNeighbour", ...neighbour },
    ];
    answers({ change: "deleteAddress", linkIndex, address: address("10.5.0.1"), prefixLength: 24 });
    expect(answers({ change: "addAddress", ...own }, ...make)).toEqual(["", "", "", ""]);
    expect(have()).toBe(2);
    answers({ change: "deleteAddress", ...own });
    expect(have()).toBe(0);
    expect(answers(...make)).toEqual(["", "", ""]);
    answers({ change: "setLink", link: linkIndex, isUp: false });
    expect(have()).toBe(0);
  });

  test("a namespace that is none", () => {
    expect(() => lab.kernel.openNamespace(lab.pathOf("nothing"))).toThrow();
    const again = lab.kernel.openNamespace(lab.hostPath);
    expect({ again: again.isHost, pod: pod.isHost }).toEqual({ again: true, pod: false });
    again.close();
  });
}
