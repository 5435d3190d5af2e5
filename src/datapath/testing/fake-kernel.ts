// A kernel of plain lists and maps: links, addresses, routes, rules and neighbours of several network namespaces, with the error
// numbers of Linux. Naive on purpose. The contract suite runs on it and on a real kernel, so that it cannot lie.

import { type Cidr, cidrContains, cidrOf, type Ipv4 } from "../../base/ipv4.ts";
import {
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  ENETUNREACH,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
  ERANGE,
  ESRCH,
} from "../../netlink/errno.ts";
import { type ChangeResult, type Kernel, KernelError, type Namespace, type Netlink } from "../../netlink/kernel.ts";
import {
  type Change,
  DEFAULT_TABLE,
  type Errno,
  type Link,
  type LinkAddress,
  LOCAL_TABLE,
  MAIN_TABLE,
  type Neighbour,
  type Route,
  type RouteSpec,
  type Rule,
  type RuleSpec,
} from "../../netlink/types.ts";

const ENETDOWN = 100;
const EBADF = 9;
const ANY: Cidr = { base: 0, prefixLength: 0 };

type Of<Name extends Change["change"]> = Extract<Change, { change: Name }>;
type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

interface FakeLink extends Writable<Link> {
  /** The other end of a veth. */
  peer?: { readonly network: FakeNetwork; readonly link: FakeLink };
}

/** One network namespace. */
export class FakeNetwork implements Netlink {
  readonly #kernel: FakeKernel;
  linkList: FakeLink[] = [];
  addressList: (LinkAddress & { readonly isSecondary: boolean })[] = [];
  routeList: Route[] = [];
  ruleList: Rule[] = [
    { priority: 0, table: LOCAL_TABLE, isPlain: true },
    { priority: 32766, table: MAIN_TABLE, isPlain: true },
    { priority: 32767, table: DEFAULT_TABLE, isPlain: true },
  ];
  neighbourList: Neighbour[] = [];
  isDestroyed = false;
  #nextIndex = 1;

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
    this.addDevice({ name: "lo", mac: "00:00:00:00:00:00", mtu: 65536 });
  }

  /** A device that no change makes: an ENI, `lo`. */
  addDevice(device: {
    readonly name: string;
    readonly mac: string;
    readonly mtu?: number;
    readonly kind?: string;
  }): Link {
    const link: FakeLink = {
      index: this.#nextIndex++,
      name: device.name,
      mac: device.mac,
      mtu: device.mtu ?? 1500,
      isUp: false,
      kind: device.kind ?? "",
      parentIndex: 0,
      vlanId: 0,
      alias: "",
      txQueueLength: 1000,
    };
    this.linkList.push(link);
    this.#kernel.createSysctls(this, link.name);
    return link;
  }

  apply(changes: readonly Change[]): readonly ChangeResult[] {
    return changes.map((change) => {
      const errno = this.isDestroyed ? ENODEV : this.#carryOut(change);
      this.#kernel.afterChange();
      return { errno, message: "" };
    });
  }

  link(name: string): Link | undefined {
    const link = this.linkList.find((candidate) => candidate.name === name);
    return link === undefined ? undefined : copyLink(link);
  }

  links(): readonly Link[] {
    return this.linkList.map(copyLink);
  }

  addresses(linkIndex?: number): readonly LinkAddress[] {
    const own = this.addressList.filter((entry) => linkIndex === undefined || entry.linkIndex === linkIndex);
    return own.map(({ isSecondary: _, ...address }) => address);
  }

  routes(table: number): readonly Route[] {
    return this.routeList.filter((route) => route.table === table);
  }

  rules(address?: Ipv4): readonly Rule[] {
    const isOf = (cidr: Cidr | undefined) => cidr?.prefixLength === 32 && cidr.base === address;
    return this.ruleList.filter((rule) => address === undefined || isOf(rule.from) || isOf(rule.to));
  }

  neighbours(linkIndex: number): readonly Neighbour[] {
    return this.neighbourList.filter((entry) => entry.linkIndex === linkIndex);
  }

  #carryOut(change: Change): Errno {
    switch (change.change) {
      case "addVeth":
        return this.#addVeth(change);
      case "addVlan":
        return this.#addVlan(change);
      case "setLink":
        return this.#setLink(change);
      case "deleteLink": {
        const link = this.#find(change.link);
        if (link === undefined) return ENODEV;
        if (link.kind === "") return EOPNOTSUPP;
        this.#remove(link);
        return 0;
      }
      case "addAddress":
        return this.#addAddress(change);
      case "deleteAddress":
        return this.#deleteAddress(change);
      case "addRoute":
        return this.#putRoute(change.route, { isExclusive: true });
      case "replaceRoute":
        return this.#putRoute(change.route, { isExclusive: false });
      case "deleteRoute":
        return this.#deleteRoute(change.route);
      case "addRule":
        return this.#addRule(change);
      case "deleteRule":
        return this.#deleteRule(change.rule);
      case "setNeighbour": {
        const { linkIndex, address, mac } = change;
        if (this.#find(linkIndex) === undefined) return ENODEV;
        this.neighbourList = this.neighbourList.filter((n) => n.linkIndex !== linkIndex || n.address !== address);
        this.neighbourList.push({ linkIndex, address, mac, isPermanent: true });
        return 0;
      }
    }
  }

  #find(link: number | string): FakeLink | undefined {
    return this.linkList.find((candidate) => candidate.index === link || candidate.name === link);
  }

  #addVeth(change: Of<"addVeth">): Errno {
    const inside = this.#kernel.networkOf(change.peer.namespaceFd);
    if (!isName(change.name) || !isName(change.peer.name) || change.mtu < 68 || change.mtu > 65535) return EINVAL;
    if (inside === undefined) return EBADF;
    const isSame = inside === this && change.peer.name === change.name;
    if (this.link(change.name) !== undefined || inside.link(change.peer.name) !== undefined || isSame) return EEXIST;
    const { mtu } = change;
    const peer = inside.addDevice({
      name: change.peer.name,
      mac: this.#kernel.someMac(),
      mtu,
      kind: "veth",
    }) as FakeLink;
    const link = this.addDevice({ name: change.name, mac: change.mac, mtu, kind: "veth" }) as FakeLink;
    peer.peer = { network: this, link };
    link.peer = { network: inside, link: peer };
    peer.parentIndex = link.index;
    link.parentIndex = peer.index;
    peer.txQueueLength = link.txQueueLength = 0;
    return 0;
  }

  #addVlan(change: Of<"addVlan">): Errno {
    if (!this.#kernel.hasVlan) return EOPNOTSUPP;
    const parent = this.#find(change.parentIndex);
    if (change.vlanId < 0 || change.vlanId > 4094) return ERANGE;
    if (parent === undefined) return ENODEV;
    const isTaken = this.linkList.some((link) => link.parentIndex === parent.index && link.vlanId === change.vlanId);
    if (this.link(change.name) !== undefined || isTaken) return EEXIST;
    const link = this.addDevice({ name: change.name, mac: change.mac, mtu: parent.mtu, kind: "vlan" }) as FakeLink;
    link.parentIndex = parent.index;
    link.vlanId = change.vlanId;
    return 0;
  }

  #setLink(change: Of<"setLink">): Errno {
    const link = this.#find(change.link);
    if (link === undefined) return ENODEV;
    if (change.mtu !== undefined && (change.mtu < 68 || change.mtu > 65535)) return EINVAL;
    if (change.alias !== undefined && change.alias.length > 255) return EINVAL;
    if (change.mtu !== undefined) link.mtu = change.mtu;
    if (change.alias !== undefined) link.alias = change.alias;
    if (change.isUp === undefined || change.isUp === link.isUp) return 0;
    link.isUp = change.isUp;
    if (!link.isUp) this.#flush(link.index);
    else for (const address of this.addressList) if (address.linkIndex === link.index) this.#addConnected(address);
    return 0;
  }

  /** What goes with a link that is set down, or that loses its last address. */
  #flush(linkIndex: number): void {
    this.routeList = this.routeList.filter((route) => route.linkIndex !== linkIndex);
    this.neighbourList = this.neighbourList.filter((entry) => entry.linkIndex !== linkIndex);
  }

  #remove(link: FakeLink): void {
    for (const upper of this.linkList.filter((other) => other.kind === "vlan" && other.parentIndex === link.index))
      this.#remove(upper);
    this.linkList = this.linkList.filter((other) => other !== link);
    this.addressList = this.addressList.filter((address) => address.linkIndex !== link.index);
    this.#flush(link.index);
    this.#kernel.deleteSysctls(this, link.name);
    const { peer } = link;
    delete link.peer;
    if (peer?.link.peer !== undefined) peer.network.#remove(peer.link);
  }

  /** Everything in it goes, and the other ends too. */
  destroy(): void {
    for (const link of [...this.linkList]) this.#remove(link);
    this.isDestroyed = true;
    this.#kernel.afterChange();
  }

  #addAddress(change: Of<"addAddress">): Errno {
    const { linkIndex, address, prefixLength } = change;
    const link = this.#find(linkIndex);
    if (link === undefined) return ENODEV;
    const own = this.addressList.filter((entry) => entry.linkIndex === linkIndex);
    if (own.some((entry) => entry.address === address && entry.prefixLength === prefixLength)) return EEXIST;
    const isSecondary = own.some((entry) => isSameSubnet(entry, change));
    const entry = { linkIndex, address, prefixLength, scope: 0, isSecondary };
    this.addressList.push(entry);
    if (link.isUp) this.#addConnected(entry);
    return 0;
  }

  #addConnected(entry: LinkAddress & { readonly isSecondary: boolean }): void {
    if (entry.isSecondary || entry.prefixLength === 32) return;
    const destination = cidrOf(entry.address, entry.prefixLength);
    const { linkIndex, address } = entry;
    this.routeList.push({
      table: MAIN_TABLE,
      destination,
      linkIndex,
      scope: 253,
      preferredSource: address,
      protocol: 2,
      type: 1,
      metric: 0,
    });
  }

  /** With the first address of a subnet go its others (`promote_secondaries` is 0 by default). */
  #deleteAddress(change: Of<"deleteAddress">): Errno {
    const { linkIndex, address, prefixLength } = change;
    const found = this.addressList.find(
      (entry) => entry.linkIndex === linkIndex && entry.address === address && entry.prefixLength === prefixLength,
    );
    if (this.#find(linkIndex) === undefined) return ENODEV;
    if (found === undefined) return EADDRNOTAVAIL;
    const isGone = (entry: LinkAddress & { readonly isSecondary: boolean }): boolean =>
      entry === found ||
      (!found.isSecondary && entry.isSecondary && entry.linkIndex === linkIndex && isSameSubnet(entry, found));
    const gone = this.addressList.filter(isGone).map((entry) => entry.address);
    this.addressList = this.addressList.filter((entry) => !isGone(entry));
    this.routeList = this.routeList.filter(
      (route) => route.preferredSource === undefined || !gone.includes(route.preferredSource),
    );
    if (!this.addressList.some((entry) => entry.linkIndex === linkIndex)) this.#flush(linkIndex);
    return 0;
  }

  #putRoute(spec: RouteSpec, how: { readonly isExclusive: boolean }): Errno {
    const link = this.#find(spec.linkIndex);
    if (link === undefined) return ENODEV;
    if (!link.isUp) return ENETDOWN;
    if (spec.gateway !== undefined && !this.#isReachable(spec.gateway, spec)) return ENETUNREACH;
    const source = spec.preferredSource;
    if (source !== undefined && !this.addressList.some((entry) => entry.address === source)) return EINVAL;
    const route: Route = { ...spec, scope: spec.scope === "link" ? 253 : 0, protocol: 3, type: 1, metric: 0 };
    const standing = this.routeList.findIndex(
      (other) => other.table === spec.table && isSame(other.destination, spec.destination) && other.metric === 0,
    );
    if (standing >= 0 && how.isExclusive) return EEXIST;
    if (standing >= 0) this.routeList[standing] = route;
    else this.routeList.push(route);
    return 0;
  }

  #isReachable(gateway: number, spec: RouteSpec): boolean {
    return this.routeList.some(
      (route) =>
        (route.table === spec.table || route.table === MAIN_TABLE) &&
        route.linkIndex === spec.linkIndex &&
        route.scope === 253 &&
        cidrContains(route.destination, gateway),
    );
  }

  #deleteRoute(wanted: Of<"deleteRoute">["route"]): Errno {
    const scope = wanted.scope === "any" ? undefined : wanted.scope === "link" ? 253 : 0;
    const index = this.routeList.findIndex(
      (route) =>
        route.table === wanted.table &&
        isSame(route.destination, wanted.destination) &&
        (wanted.linkIndex === 0 || route.linkIndex === wanted.linkIndex) &&
        (scope === undefined || route.scope === scope) &&
        (wanted.gateway === undefined || route.gateway === wanted.gateway) &&
        (wanted.preferredSource === undefined || route.preferredSource === wanted.preferredSource),
    );
    if (index < 0) return ESRCH;
    this.routeList.splice(index, 1);
    return 0;
  }

  #addRule({ rule: spec, isAddedTwice }: Of<"addRule">): Errno {
    // The addresses are compared as for a deletion: one that the request does not name may be any (fib4_rule_compare).
    const isStanding = (rule: Rule): boolean =>
      rule.isPlain && rule.priority === spec.priority && rule.table === spec.table && isSameMatch(rule, spec);
    if (isAddedTwice !== true && this.ruleList.some(isStanding)) return EEXIST;
    this.insertRule({ ...spec, isPlain: true });
    return 0;
  }

  /** Behind those of the same priority. */
  insertRule(rule: Rule): void {
    const behind = this.ruleList.findIndex((other) => other.priority > rule.priority);
    this.ruleList.splice(behind < 0 ? this.ruleList.length : behind, 0, rule);
  }

  /** The first that has everything the request names, whatever else it has. */
  #deleteRule(spec: RuleSpec): Errno {
    const index = this.ruleList.findIndex(
      (rule) =>
        rule.priority === spec.priority &&
        (spec.table === 0 || rule.table === spec.table) &&
        (isAny(spec.from) || isSame(rule.from ?? ANY, spec.from ?? ANY)) &&
        (isAny(spec.to) || isSame(rule.to ?? ANY, spec.to ?? ANY)) &&
        (spec.inInterface === undefined || rule.inInterface === spec.inInterface) &&
        (spec.mark === undefined || (rule.mark?.value === spec.mark.value && rule.mark.mask === spec.mark.mask)),
    );
    if (index < 0) return ENOENT;
    this.ruleList.splice(index, 1);
    return 0;
  }
}

export class FakeKernel implements Kernel {
  readonly host: FakeNetwork;
  readonly sysctls = new Map<string, string>();
  /** Whether the kernel was built with 802.1Q, and with IPv6. */
  hasVlan = true;
  hasIpv6 = true;
  /** Called after each single change: between any two of them the world may look. */
  afterChange: () => void = () => {};
  readonly #paths = new Map<string, FakeNetwork>();
  readonly #open = new Map<number, FakeNetwork>();
  #nextFd = 3;
  #macCount = 0;

  constructor() {
    this.host = new FakeNetwork(this);
  }

  /** A pod's namespace, as a runtime makes it. */
  addNamespace(path: string): FakeNetwork {
    const network = new FakeNetwork(this);
    this.#paths.set(path, network);
    return network;
  }

  /** The path of the node's own namespace. */
  addHostPath(path: string): void {
    this.#paths.set(path, this.host);
  }

  /** As a runtime removes it: it lives on while somebody has it open. */
  removeNamespace(path: string): void {
    const network = this.#paths.get(path);
    this.#paths.delete(path);
    if (network !== undefined) this.#destroyUnused(network);
  }

  networkAt(path: string): FakeNetwork | undefined {
    return this.#paths.get(path);
  }

  /** How many descriptors of namespaces are open. */
  get openCount(): number {
    return this.#open.size;
  }

  openNamespace(path: string): Namespace {
    const network = this.#paths.get(path);
    if (network === undefined)
      throw new KernelError(`Network namespace ${path} cannot be opened: there is no such file`, ENOENT);
    const fd = this.#nextFd++;
    this.#open.set(fd, network);
    return {
      fd,
      isHost: network === this.host,
      netlink: network,
      close: () => {
        if (this.#open.delete(fd)) this.#destroyUnused(network);
      },
    };
  }

  networkOf(fd: number): FakeNetwork | undefined {
    return this.#open.get(fd);
  }

  #destroyUnused(network: FakeNetwork): void {
    const isUsed = network === this.host || [...this.#paths.values(), ...this.#open.values()].includes(network);
    if (!isUsed) network.destroy();
  }

  sysctl(key: string): string | undefined {
    return this.sysctls.get(key);
  }

  setSysctl(key: string, value: string): boolean {
    if (!this.sysctls.has(key)) return false;
    this.sysctls.set(key, value);
    return true;
  }

  createSysctls(network: FakeNetwork, name: string): void {
    if (network !== this.host || !this.hasIpv6) return;
    for (const key of ["accept_ra", "accept_redirects", "forwarding"])
      this.sysctls.set(`net/ipv6/conf/${name}/${key}`, "1");
  }

  deleteSysctls(network: FakeNetwork, name: string): void {
    if (network !== this.host) return;
    for (const key of [...this.sysctls.keys()]) if (key.startsWith(`net/ipv6/conf/${name}/`)) this.sysctls.delete(key);
  }

  someMac(): string {
    const hex = (++this.#macCount).toString(16).padStart(4, "0");
    return `06:00:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`;
  }
}

function copyLink(link: FakeLink): Link {
  const { peer: _, ...copy } = link;
  return copy;
}

function isName(name: string): boolean {
  return name.length > 0 && name.length < 16 && !/[/:\s]/.test(name) && name !== "." && name !== "..";
}

function isAny(cidr: Cidr | undefined): boolean {
  return cidr === undefined || cidr.prefixLength === 0;
}

function isSame(a: Cidr, b: Cidr): boolean {
  return a.base === b.base && a.prefixLength === b.prefixLength;
}

function isSameMatch(standing: RuleSpec, asked: RuleSpec): boolean {
  return (
    (isAny(asked.from) || isSame(standing.from ?? ANY, asked.from ?? ANY)) &&
    (isAny(asked.to) || isSame(standing.to ?? ANY, asked.to ?? ANY)) &&
    standing.inInterface === asked.inInterface &&
    standing.mark?.value === asked.mark?.value &&
    standing.mark?.mask === asked.mark?.mask
  );
}

interface Placed {
  readonly address: number;
  readonly prefixLength: number;
}

function isSameSubnet(a: Placed, b: Placed): boolean {
  return (
    a.prefixLength === b.prefixLength && isSame(cidrOf(a.address, a.prefixLength), cidrOf(b.address, b.prefixLength))
  );
}
